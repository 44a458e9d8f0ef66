"""The lens: what it says of a number is how the number came about."""

from pathlib import Path

import pytest

HELPERS = Path(__file__).with_name("lens.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lens(engine):
    engine.context.eval(HELPERS)
    return engine


@pytest.mark.parametrize("N", [1, 4])
def test_the_tree_gives_the_number_of_the_loops_for_every_entry(lens, N):
    """And every entry in its equation is a link to a number that stands on the page."""
    count, worst, broken = lens(
        """const pass = passOf(given).run();
        let worst = 0;
        const broken = [];
        for (const entry of entriesOf(pass)) {
            const found = study.explain(pass, entry);
            worst = Math.max(worst, Math.abs(found.check - found.value) / Math.max(Math.abs(found.value), 1e-3));
            if (found.operands.some(({ value }) => !Number.isFinite(value))) broken.push(found.text);
        }
        return [entriesOf(pass).length, worst, broken];""",
        N=N,
    )
    assert count > 1000
    assert worst < 1e-12
    assert broken == []


def test_what_a_number_feeds_is_what_is_made_of_it(lens):
    """Consumers are operands the other way round."""
    wrong = lens(
        """const pass = passOf(given).run();
        const text = study.entryText;
        const made = operandsOfAll(pass);
        const wrong = [];
        const given_ = ["W1", "b2", "eps", "x", "beta"].flatMap((name) =>
            positions(pass.shape(name)).slice(0, 5).map((at) => ({ name, at })));
        for (const entry of [...entriesOf(pass).filter((_, i) => i % 7 === 0), ...given_]) {
            const truth = [...made].filter(([, operands]) => operands.has(text(entry))).map(([each]) => each);
            const found = study.consumers(pass, entry);
            const count = found.reduce((sum, each) => sum + each.count, 0);
            const shown = found.flatMap((each) => each.entries.map(text));
            if (count !== truth.length || shown.some((each) => !truth.includes(each))) wrong.push(text(entry));
        }
        return wrong;""",
        N=2,
    )
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "at", "words"),
    [
        ("dlogvar_z", [0, 1], "dstd[0, 1] * std[0, 1] / 2"),
        ("dz", [3, 1], "sum(da2[3, h] * W3[1, h] for h in range(H))"),
        ("dhead", [2, 3], "dmu[2, 3] if 3 < L else dlogvar[2, 1]"),
        ("logvar", [1, 0], "head[1, 2]"),
        ("dkl", [1], "beta / N"),
        ("loss", [], "sum(nll[n] + beta * kl[n] for n in range(N)) / N"),
    ],
)
def test_the_equation_is_the_lines_text_with_its_indices_put_in(lens, name, at, words):
    pieces = lens("return study.explain(passOf({ N: 4 }).run(), given).equation", name=name, at=at)
    assert "".join(piece["text"] for piece in pieces) == words
    for piece in pieces:
        if "entry" in piece and piece["entry"]["at"]:
            assert piece["text"] == f"{piece['entry']['name']}[{', '.join(map(str, piece['entry']['at']))}]"


def test_the_branch_that_was_taken_is_said(lens):
    branches, open_ = lens(
        """const pass = passOf({ N: 1 }).run();
        const at = positions(pass.shape("a1"));
        const branches = at.map((at) => study.explain(pass, { name: "da1", at }).branch);
        return [branches, at.map((at) => pass.value("a1", at) > 0)];"""
    )
    assert branches == [int(each) for each in open_]
    assert len(set(branches)) == 2


def test_a_sum_is_shown_by_its_largest_terms(lens):
    bias, dense = lens(
        """const pass = passOf({ N: 4 }).run();
        const entries = [{ name: "db2", at: [0] }, { name: "a1", at: [0, 3] }];
        return entries.map((entry) => study.explain(pass, entry)).map(({ sum, value }) => ({ ...sum, value }));"""
    )
    assert bias["count"] == len(bias["terms"]) == 4
    assert sum(term["value"] for term in bias["terms"]) == pytest.approx(bias["value"], rel=1e-12)
    assert bias["terms"][0]["pieces"][0]["text"].startswith("dhead[")
    assert dense["count"] == 64
    assert len(dense["terms"]) == 8
    assert dense["rest"]["count"] == 56
    sizes = [abs(term["value"]) for term in dense["terms"]]
    assert sizes == sorted(sizes, reverse=True)


def test_eight_steps_lead_from_a_weight_gradient_to_the_loss(lens):
    """Each step is a link of the lens: an operand, what the gradient is the slope of, or what a value feeds."""
    *way, fed = lens(
        """const pass = passOf({ N: 1 }).run();
        const h = pass.array("a1").findIndex((a) => a > 0); // a unit whose gate is open
        const way = [`dW1[20, ${h}]`];
        for (const name of ["da1", "dh1", "dhead", "dmu", "dmu_kl", "dkl"]) {
            const found = study.explain(pass, study.readEntry(way.at(-1)));
            way.push(study.entryText(found.operands.find(({ entry }) => entry.name === name).entry));
        }
        const { of } = study.explain(pass, study.readEntry(way.at(-1)));
        return [...way, study.entryText(of), study.consumers(pass, of).map(({ line }) => line)];"""
    )
    assert way[-1] == "kl[0]"
    assert fed == ["loss"]
    assert len(way) == 8


@pytest.mark.parametrize("settings", [{"L": 2}, {"L": 3, "H": 16}])
def test_every_gradient_entry_agrees_with_differences(lens, settings):
    """All entries of the small gradients, some of the large ones; a kink within reach may leave one open."""
    counts, nothing = lens(
        """const pass = passOf(given).run();
        const small = (name) => name.startsWith("dl") || name.startsWith("dm");
        const some = entriesOf(pass).filter(({ name }, i) => study.lineOf[name].of && (i % 11 === 0 || small(name)));
        const counts = {};
        for (const entry of [...some, { name: "W2", at: [1, 2] }, { name: "z", at: [0, 1] }]) {
            const { verdict } = study.slope(pass, entry);
            counts[verdict] = (counts[verdict] ?? 0) + 1;
        }
        return [counts, ["eps", "x"].map((name) => study.slope(pass, { name, at: [0, 0] }))];""",
        N=2,
        **settings,
    )
    assert nothing == [None, None]
    assert "differs" not in counts
    assert counts["agrees"] > 80
    assert counts.get("cannot_tell", 0) <= 3


@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
def test_a_kink_is_no_false_alarm_however_near_it_is(engine, distance):
    """A hidden unit of the decoder at this distance from 0: at a kink, or in the collapse that nll-mean ends in."""
    found = engine(
        """const run = study.createRun();
        run.params.W3.fill(0);
        run.params.b3.fill(given.distance);
        const { differences } = study.checks(run);
        return Object.values(differences.lines).map((line) => line.verdict);""",
        distance=distance,
    )
    assert "differs" not in found
    assert ("cannot_tell" in found) == (distance < 1e-4)


def test_a_collapsed_model_is_no_false_alarm(engine):
    verdict = engine(
        """const run = study.createRun({ breakId: "nll-mean" });
        while (run.step < 400) run.trainStep();
        return study.checks(run).differences.verdict;"""
    )
    assert verdict == "cannot_tell"


def test_a_wrong_entry_differs(lens):
    verdicts = lens(
        """const pass = passOf({ N: 2, breakId: "kl-half-backward" }).run();
        return ["dlogvar_kl", "dlogvar", "dz"].map((name) => study.slope(pass, { name, at: [1, 1] }).verdict);"""
    )
    assert verdicts == ["differs", "differs", "agrees"]


def test_nothing_stands_there_before_it_is_computed(lens):
    loss, dz, x, z, order = lens(
        """const pass = passOf({ N: 1 });
        const z = study.explain(pass, { name: "z", at: [0, 0] });
        const early = [pass.value("loss", []), pass.array("dz"), pass.value("x", [0, 3]), z.value];
        const order = [];
        for (let id = pass.step(); id; id = pass.step()) order.push(id);
        return [...early.map((each) => each ?? null), order];"""
    )
    assert loss is dz is z is None
    assert x is not None
    assert order[0] == "a1"
    assert order.index("loss") < order.index("dnll")
    assert order[-1] == "db1"


@pytest.mark.parametrize(
    "text", ["dz[0]", "dz[0, 9]", "dz[9, 0]", "nothing[0, 0]", "dz", "toString", "__proto__", "dz[0, 0, 0]"]
)
def test_an_entry_that_there_is_not(lens, text):
    found = lens(
        """const pass = passOf({ N: 1 }).run();
        const entry = study.readEntry(given.text);
        return entry && study.explain(pass, entry);""",
        text=text,
    )
    assert found is None
