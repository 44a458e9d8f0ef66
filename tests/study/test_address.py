"""The state in the address: what is written is read again, and nothing else gets in."""

import random
import string
from urllib.parse import quote

import pytest

from npvae.study.breaks import BREAKS

KEYS = [
    "lang", "digit", "n", "step", "trained", "break", "L", "H", "seed", "beta", "lr", "eps", "lens", "station",
    "constructor", "__proto__", "toString", "hasOwnProperty", "x", "",
]  # fmt: skip
VALUES = [
    "ko", "en", "7", "1", "4", "0", "-1", "400", "1e3", "99999999999", "NaN", "Infinity", "no-noise", "0.7,-0.4",
    "dz[0, 1]", "dz[0,1]", "dz[99, 99]", "<script>executed=1</script>", "javascript:executed=1", "');executed=1;('",
    "%",
    "%zz", "%00",
    "constructor", "__proto__", "[object Object]", "null", "undefined", "true", "", "0x10", "١", "１", "1 ", "é",
    "a" * 600,
]  # fmt: skip
STATES = [
    {},
    {"digit": 8, "step": 400, "break": "no-noise", "lang": "ko"},
    {"L": 8, "H": 32, "seed": 4294967295, "beta": 0.5, "lr": 0.003, "n": 4},
    {"eps": "0.7,-0.4", "lens": "dz[0, 1]", "station": 9, "trained": 1},
]


@pytest.mark.parametrize("state", [*STATES, *({"break": each.id} for each in BREAKS)])
def test_a_state_comes_back_from_its_address(engine, state):
    address, found, usual = engine(
        """const usual = study.defaultState();
        const address = study.writeAddress({ ...usual, ...given.state });
        return [address, study.readAddress(address), usual];""",
        state=state,
    )
    assert found == {"state": {**usual, **state}, "errors": []}
    assert address.count("=") == len(state)
    assert address == "" or address.startswith("#")


def test_ten_thousand_hostile_addresses_leave_a_good_state_and_say_what_is_wrong(engine):
    rng = random.Random(1)
    hashes = ["#" + value for value in VALUES]
    while len(hashes) < 10_000:
        parts = []
        for _ in range(rng.randrange(1, 5)):
            key, value = rng.choice(KEYS), rng.choice(VALUES)
            if rng.random() < 0.3:
                value = "".join(rng.choice(string.printable) for _ in range(rng.randrange(1, 20)))
            parts.append(f"{key}{rng.choice(['=', '==', ''])}{quote(value) if rng.random() < 0.5 else value}")
        hashes.append("#" + rng.choice(["&", "&&", ";"]).join(parts))
    wrong, executed, reported, usual = engine(
        """globalThis.executed = 0;
        const wrong = [];
        let reported = 0;
        const usual = JSON.stringify(study.defaultState());
        for (const hash of given.hashes) {
            const { state, errors } = study.readAddress(hash);
            const again = study.readAddress(study.writeAddress(state));
            if (JSON.stringify(again) !== JSON.stringify({ state, errors: [] })) wrong.push(hash);
            const silent = JSON.stringify(state) === usual && !errors.length && hash.replace(/[#&]/g, "");
            if (silent) wrong.push(["silent", hash]);
            if (errors.some(({ code, message }) => !message || !study.errorCodes[code])) wrong.push(hash);
            reported += errors.length;
        }
        return [wrong, globalThis.executed, reported, study.defaultState()];""",
        hashes=hashes,
    )
    silent = [each[1] for each in wrong if isinstance(each, list) and each[0] == "silent"]
    assert [each for each in wrong if not (isinstance(each, list) and each[0] == "silent")] == []
    assert all(says_the_usual(each, usual) for each in silent), silent[:5]
    assert executed == 0
    assert reported > 8000


def says_the_usual(address, usual):
    """Whether an address names nothing but what holds anyway, such as n=1 or trained=0."""
    pairs = [part.partition("=") for part in address.lstrip("#").split("&") if part]
    return all(str(usual.get(key)) == value for key, _, value in pairs)


def test_browsers_write_brackets_in_their_own_way(engine):
    found = engine("return study.readAddress('#lens=dz%5B0%2C%201%5D&eps=0.7%2C-0.4')")
    assert found["errors"] == []
    assert (found["state"]["lens"], found["state"]["eps"]) == ("dz[0, 1]", "0.7,-0.4")
