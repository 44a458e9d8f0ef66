"""Each mistake: its text is there, the four checks say what the table says, and so does npvae's gradient checker."""

import numpy as np
import pytest

from npvae.gradcheck import gradcheck
from npvae.study.breaks import AGREES, BREAKS, DIFFERS, STEPS, Edit
from npvae.study.lines import lines_of_page

EQUATIONS = {line.equation.name: line.equation for line in lines_of_page()}
CHECKS = """const { differences, twice, kl, sums } = study.checks(run);
    const [first, verdict] = [differences.first, (check) => check.verdict];
    return { differences: verdict(differences), first, twice: verdict(twice), kl: verdict(kl), sums: verdict(sums) };"""


def test_there_are_thirteen_and_none_escapes_all_checks():
    assert len({each.id for each in BREAKS}) == 13
    for each in BREAKS:
        assert DIFFERS in (each.verdicts["differences"], each.twice, each.kl, each.sums), each.id
    assert sum(each.verdicts["differences"] == AGREES for each in BREAKS) == 5


@pytest.mark.parametrize("mistake", BREAKS, ids=lambda each: each.id)
def test_the_text_that_it_replaces_stands_there_once(mistake):
    assert mistake.fits(EQUATIONS)
    for edit in mistake.edits:
        assert EQUATIONS[edit.line].text.count(edit.old) == 1
        changed = edit.as_data(EQUATIONS[edit.line])
        first, end = changed["at"]
        text = EQUATIONS[edit.line].text
        assert changed["text"] == text[:first] + edit.new + text[end:]


def test_a_text_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"dz: ' / 2' stands 0 times in .*, expected once"):
        Edit("dz", " / 2", "").apply(EQUATIONS["dz"])


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mistake", ["", *BREAKS], ids=lambda each: each and each.id)
def test_the_checks_say_what_the_table_says(engine, mistake, seed):
    found = engine(
        "const run = study.createRun({ breakId: given.id, seed: given.seed });"
        "for (let step = 0; step < given.steps; step++) run.trainStep();" + CHECKS,
        id=mistake and mistake.id,
        steps=STEPS,
        seed=seed,
    )
    right = {"differences": AGREES, "first": [], "twice": AGREES, "kl": AGREES, "sums": AGREES}
    assert found == (mistake.verdicts if mistake else right)


@pytest.mark.parametrize("mistake", ["", *BREAKS], ids=lambda each: each and each.id)
def test_the_gradient_checker_says_the_same_of_the_same_edit(engine, mistake):
    """As a pair in NumPy's eyes: biases go in, the loss comes out; the lines between are those of the page."""
    rng = np.random.default_rng(0)
    one_unit_off = np.array([-8.0, 1.0])  # of the decoder's two, at both images: ReLU's gate has something to do
    inputs = (rng.standard_normal(2), rng.standard_normal(4), one_unit_off)
    engine(
        """globalThis.run = study.createRun({ L: 2, H: 2, breakId: given.id });
        const x = new Float64Array(128);
        x.set(study.digitPixels(3));
        x.set(study.digitPixels(8), 64);
        globalThis.pass = study.createPass(run, { x, eps: study.noise(4, 4) });""",
        id=mistake and mistake.id,
    )

    def run(b1, b2, b3):
        return engine(
            """["b1", "b2", "b3"].forEach((name, k) => run.params[name].set(given.biases[k]));
            pass.clear();
            pass.run();
            return [pass.value("loss", []), ...["db1", "db2", "db3"].map((name) => flat(pass.array(name)))];""",
            biases=[array.tolist() for array in (b1, b2, b3)],
        )

    def forward(b1, b2, b3):
        return run(b1, b2, b3)[0], (b1, b2, b3)

    def backward(dloss, cache):
        return tuple(dloss * np.array(grad) for grad in run(*cache)[1:])

    report = gradcheck(forward, backward, inputs, names=("b1", "b2", "b3"))
    verdicts = mistake.verdicts if mistake else {"differences": AGREES, "twice": AGREES}
    assert report.verdict == ("PASS" if verdicts["differences"] == AGREES else "FAIL"), report
    codes = {finding.code for finding in report.findings}
    assert ("changes-on-repeat" in codes) == (verdicts["twice"] == DIFFERS), report


# Twenty-four more: a line, what stands in it, and what is put there instead.
MORE = [
    ("a1", " + b1[h]", ""),
    ("h1", "> 0", "< 0"),
    ("head", "W2[h, j]", "W2[h, 0]"),
    ("logvar", "L + l", "l"),
    ("std", "/ 2", "/ 3"),
    ("z", "+ std", "- std"),
    ("logits", "h2[n, h]", "a2[n, h]"),
    ("nll", "- x", "+ x"),
    ("nll", "1 + exp", "2 + exp"),
    ("kl", "** 2", "** 3"),
    ("kl", "- 1 -", "- 2 -"),
    ("loss", "beta * kl[n]", "kl[n]"),
    ("dnll", "1 / N", "1"),
    ("dkl", "beta / N", "beta"),
    ("dlogits", "exp(-", "exp("),
    ("dh2", "W4[h, d]", "W4[0, d]"),
    ("dW4", "h2[n, h]", "a2[n, h]"),
    ("db4", "range(N)", "range(1, N)"),
    ("dz", "W3[l, h]", "W3[0, h]"),
    ("dmu_z", "* 1", "* 2"),
    ("dlogvar", "+", "-"),
    ("dhead", "j < L", "j <= L"),
    ("dW1", "x[n, d]", "x[0, d]"),
    ("dlogvar_kl", " - 1", ""),
]
# No check can see these, and why.
UNSEEN = [
    ([("h1", "> 0", ">= 0")], "only an entry that is exactly 0 tells the two apart, and both slopes are right there"),
    (
        [("a1", "b1[h]", "b1[h] * 2"), ("db1", "sum(", "2 * sum(")],
        "the right gradient of another model of the same kind",
    ),
    ([("dmu_z", " * 1", "")], "the same mathematics"),
]


def checked(engine, edits):
    typed = {line: Edit(line, old, new).as_data(EQUATIONS[line]) for line, old, new in edits}
    found = engine(
        "const run = study.createRun({ typed: given.typed, beta: 0.7 });run.useTrained();" + CHECKS,
        typed=typed,
    )
    return found, [name for name in ("differences", "twice", "kl", "sums") if found[name] != AGREES]


@pytest.mark.parametrize("edit", MORE, ids=lambda edit: f"{edit[0]}: {edit[1]}")
def test_another_mistake_turns_a_check_red(engine, edit):
    found, red = checked(engine, [edit])
    assert any(found[name] == DIFFERS for name in red), found


@pytest.mark.parametrize(("edits", "reason"), UNSEEN, ids=lambda each: each if isinstance(each, str) else "")
def test_a_change_that_no_check_sees_is_no_mistake(engine, edits, reason):
    assert checked(engine, edits)[1] == []
