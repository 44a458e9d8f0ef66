"""The lens: what it says of a number is how the number came about."""

import pytest

START = """const run = study.createRun({ L: given.L ?? 2, H: given.H ?? 8, breakId: given.breakId ?? "" });
    for (let step = 0; step < 5; step++) run.trainStep();
    const x = new Float64Array(64 * given.N);
    for (let n = 0; n < given.N; n++) x.set(study.digitPixels(7 * n), 64 * n);
    const pass = study.createPass(run, { x, eps: study.noise(1, given.N * run.L) });
    const positions = (shape) => shape.reduce((all, n) => all.flatMap((at) => [...Array(n).keys()].map((i) => [...at, i])), [[]]);
    const entries = study.data.lines.filter((line) => line.kind !== "size").flatMap(({ name }) => positions(pass.shape(name)).map((at) => ({ name, at })));
"""


@pytest.mark.parametrize("N", [1, 4])
def test_the_tree_gives_the_number_of_the_loops_for_every_entry(engine, N):
    """And every entry in its equation is a link to a number that stands on the page."""
    count, worst, broken = engine(
        START
        + """pass.run();
        let worst = 0;
        const broken = [];
        for (const entry of entries) {
            const found = study.explain(pass, entry);
            worst = Math.max(worst, Math.abs(found.check - found.value) / Math.max(Math.abs(found.value), 1e-3));
            if (found.operands.some(({ value }) => !Number.isFinite(value))) broken.push(found.text);
        }
        return [entries.length, worst, broken];""",
        N=N,
    )
    assert count > 1000
    assert worst < 1e-12
    assert broken == []


def test_what_a_number_feeds_is_what_is_made_of_it(engine):
    """Consumers are operands the other way round: all pairs, both ways."""
    missing = engine(
        START
        + """pass.run();
        const text = study.entryText;
        const made = new Map(entries.map((entry) => [text(entry), new Set(study.explain(pass, entry).operands.map((each) => text(each.entry)))]));
        const wrong = [];
        const others = ["W1", "b2", "eps", "x", "beta"].flatMap((name) => positions(pass.shape(name)).slice(0, 5).map((at) => ({ name, at })));
        for (const entry of [...entries.filter((_, i) => i % 7 === 0), ...others]) {
            const truth = [...made].filter(([, operands]) => operands.has(text(entry))).map(([each]) => each);
            const found = study.consumers(pass, entry);
            const count = found.reduce((sum, each) => sum + each.count, 0);
            if (count !== truth.length) wrong.push([text(entry), count, truth.length]);
            if (found.some(({ entries }) => entries.some((each) => !truth.includes(text(each))))) wrong.push(text(entry));
        }
        return wrong;""",
        N=2,
    )
    assert missing == []


def test_the_equation_is_the_lines_text_with_its_indices_put_in(engine):
    found = engine(
        START
        + """pass.run();
        const words = (name, at) => study.explain(pass, { name, at }).equation.map((piece) => piece.text).join("");
        return [words("dlogvar_z", [0, 1]), words("dz", [3, 1]), words("dhead", [2, 3]), words("dkl", [1]), words("loss", []),
            study.explain(pass, { name: "dlogvar_z", at: [0, 1] }).equation.filter((piece) => piece.entry).map((piece) => piece.text),
            study.explain(pass, { name: "h1", at: [0, 1] }).branch, study.explain(pass, { name: "a1", at: [0, 1] }).value > 0];""",
        N=4,
    )
    assert found[:5] == [
        "dstd[0, 1] * std[0, 1] / 2",
        "sum(da2[3, h] * W3[1, h] for h in range(H))",
        "dmu[2, 3] if 3 < L else dlogvar[2, 3 - L]".replace("dlogvar[2, 3 - L]", "dlogvar[2, 1]"),
        "beta / N",
        "sum(nll[n] + beta * kl[n] for n in range(N)) / N",
    ]
    assert found[5] == ["dstd[0, 1]", "std[0, 1]"]
    assert found[6] == found[7]


def test_a_sum_is_shown_by_its_largest_terms(engine):
    sums = engine(
        START
        + """pass.run();
        return [study.explain(pass, { name: "db2", at: [0] }), study.explain(pass, { name: "a1", at: [0, 3] })].map(({ sum, value }) => ({ ...sum, value }));""",
        N=4,
    )
    bias, dense = sums
    assert bias["count"] == 4 == len(bias["terms"])
    assert sum(term["value"] for term in bias["terms"]) == pytest.approx(bias["value"], rel=1e-12)
    assert [piece["text"] for piece in bias["terms"][0]["pieces"]][0].startswith("dhead[")
    assert dense["count"] == 64
    assert len(dense["terms"]) == 8
    assert dense["rest"]["count"] == 56
    sizes = [abs(term["value"]) for term in dense["terms"]]
    assert sizes == sorted(sizes, reverse=True)


def test_eight_steps_lead_from_a_weight_gradient_to_the_loss(engine):
    """Each step is a link of the lens: an operand, or what the gradient is the slope of."""
    path = engine(
        START
        + """pass.run();
        const h = pass.array("a1").findIndex((a) => a > 0); // a unit whose gate is open
        const way = [`dW1[20, ${h}]`];
        for (const name of ["da1", "dh1", "dhead", "dmu", "dmu_kl", "dkl"]) {
            const found = study.explain(pass, study.readEntry(way.at(-1)));
            const next = found.operands.find(({ entry }) => entry.name === name);
            way.push(next ? study.entryText(next.entry) : `no ${name}`);
        }
        const { of } = study.explain(pass, study.readEntry(way.at(-1)));
        return [...way, study.entryText(of), study.consumers(pass, of).map(({ line }) => line)];""",
        N=1,
    )
    assert path[-1] == ["loss"]
    assert path[-2] == "kl[0]"
    assert len(path) == 9


@pytest.mark.parametrize("settings", [{"L": 2}, {"L": 3, "H": 16}])
def test_every_gradient_entry_agrees_with_differences(engine, settings):
    """All entries of the small gradients, some of the large ones; a kink within reach may leave it open."""
    verdicts = engine(
        START
        + """pass.run();
        const counts = {};
        const some = entries.filter(({ name }, i) => study.lineOf[name].of && (i % 11 === 0 || name.startsWith("dl") || name.startsWith("dm")));
        for (const entry of [...some, { name: "W2", at: [1, 2] }, { name: "z", at: [0, 1] }]) {
            const { verdict } = study.slope(pass, entry);
            counts[verdict] = (counts[verdict] ?? 0) + 1;
        }
        return { ...counts, none: study.slope(pass, { name: "eps", at: [0, 0] }), loss: study.slope(pass, { name: "x", at: [0, 0] }) };""",
        N=2,
        **settings,
    )
    assert verdicts.pop("none") is None
    assert verdicts.pop("loss") is None
    assert "differs" not in verdicts
    assert verdicts["agrees"] > 80
    assert verdicts.get("cannot_tell", 0) <= 3


def test_nothing_stands_there_before_it_is_computed(engine):
    early, order, done = engine(
        START
        + """const early = [pass.value("loss", []), pass.array("dz") ?? null, pass.value("x", [0, 3]), study.explain(pass, { name: "z", at: [0, 0] }).value ?? null];
        const order = [];
        for (let id = pass.step(); id; id = pass.step()) order.push(id);
        return [early, order, pass.isDone("db1")];""",
        N=1,
    )
    assert early[0] is None
    assert early[1] is None
    assert early[2] is not None
    assert early[3] is None
    assert order[0] == "a1"
    assert order.index("loss") < order.index("dnll")
    assert done


@pytest.mark.parametrize(
    "text", ["dz[0]", "dz[0, 9]", "dz[9, 0]", "nothing[0, 0]", "dz", "toString", "__proto__", "dz[0, 0, 0]"]
)
def test_an_entry_that_there_is_not(engine, text):
    found = engine(
        START
        + """pass.run();
        const entry = study.readEntry(given.text);
        return entry && study.explain(pass, entry);""",
        N=1,
        text=text,
    )
    assert found is None
