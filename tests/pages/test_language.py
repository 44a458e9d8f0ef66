"""The language of the pages, on one page: its README is executed, what is not in it is refused."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npvae.pages
from npvae.cli.explain import tables
from npvae.ops import OPS
from npvae.pages import PageError, evaluate, page_of, read_page
from npvae.pages.computation import Computation
from npvae.pages.parse import DEEPEST, LONGEST, Refused, parse
from npvae.pages.read import read_equation, read_equations
from npvae.pages.trees import FUNCTIONS, Tree, as_data, from_data, text_of, walk
from npvae.spec import Arg, Law, Op

README = (Path(npvae.pages.__file__).parent / "README.md").read_text(encoding="utf-8")
GIVEN = {"x": np.array([[1.0, -2.0], [3.0, 4.0]]), "labels": np.array([1, 0]), "a": 0.5}
SIZES = {"N": 2, "D": 2, "K": 3}


def block(name):
    """(equation, what the comment says) for each line of a block of the README."""
    (text,) = re.findall(rf"```{name}\n(.*?)```", README, re.DOTALL)
    lines = [re.fullmatch(r"(.*?)\s+# (.*)", line) for line in text.strip().splitlines()]
    return [pytest.param(line[1], line[2], id=line[1]) for line in lines]


def value(text, given=GIVEN, **kinds):
    computation = Computation([read_equation(text, 1, "Equations")], given, SIZES, **kinds)
    return computation.array(0)


@pytest.mark.parametrize(("equation", "result"), block("equations"))
def test_the_examples_of_the_readme_are_evaluated(equation, result):
    np.testing.assert_allclose(value(equation), ast.literal_eval(result), atol=1e-15)
    with mpmath.workdps(60):
        found = value(equation, numbers=mpmath.mp).astype(float)
    np.testing.assert_allclose(found, ast.literal_eval(result), atol=1e-15)


@pytest.mark.parametrize(("equation", "message"), block("refused"))
def test_what_the_readme_refuses_is_refused_before_anything_runs(equation, message):
    with pytest.raises(PageError, match=re.escape(message.split("  ")[0])):
        read_equation(equation, 1, "Equations")


@pytest.mark.parametrize(("equation", "message"), block("undefined"))
def test_what_cannot_be_evaluated_says_where(equation, message):
    with pytest.raises(PageError, match=re.escape(message)) as error:
        value(equation)
    assert re.match(r"page, equation \(1\), column \d+: ", str(error.value))


def test_the_readme_lists_every_function_and_heading():
    from npvae.pages.read import HEADINGS

    for name in (*FUNCTIONS, *HEADINGS):
        assert re.search(rf"`{name}\b", README), name


def test_an_error_names_the_page_the_equation_and_the_column():
    text = "Title.\n\nForward\n    y[n] = 2 * x[n]    (1)\n    z[n] = y[n] +\n        x.T    (2)\n"
    with pytest.raises(PageError) as error:
        read_page(text, "mine.page")
    assert str(error.value) == (
        "mine.page, equation (2), column 15: `x.T` is not in the language\n    z[n] = y[n] + x.T\n                  ^"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Forward\n    y = 1\n", "page: equation without a number at its end: 'y = 1'"),
        ("Forward\n    y = 1\nBackward\n", "page: equation without a number at its end: 'y = 1'"),
        ("Forward\n    y = 1  (1)\n    z = 2  (1)\n", r"page: two equations have the number \(1\)"),
    ],
)
def test_a_page_is_read_strictly(text, message):
    with pytest.raises(PageError, match=message):
        read_page(text + "\n")


def test_a_page_without_an_output_says_so():
    with pytest.raises(PageError, match="0 names are defined under Forward, the code has 1 outputs"):
        _ = read_page("Backward\n    dx = 1    (1)\n").output


def test_all_pages_of_npvae_survive_text_and_json():
    """Written out and read again, a tree is the same tree; so it is after a way through JSON."""
    count = 0
    for subject in [subject for subjects in tables().values() for subject in subjects]:
        for equation in page_of(subject).equations:
            assert parse(text_of(equation.tree), equation.indices) == equation.tree, str(equation)
            again = from_data(json.loads(json.dumps(as_data(equation.tree))))
            assert again == equation.tree
            assert [tree.at for tree in walk(again)] == [tree.at for tree in walk(equation.tree)]
            count += 1
    assert count > 150


def test_a_whole_page_goes_through_json():
    page = page_of(next(op for op in OPS if op.name == "gaussian_kl"))
    data = json.loads(json.dumps(page.as_data()))
    assert (data["name"], data["title"]) == ("npvae.ops.gaussian_kl", page.title)
    for equation, found in zip(page.equations, data["equations"], strict=True):
        assert from_data(found["tree"]) == equation.tree
        assert (found["section"], found["number"], found["text"]) == (equation.section, equation.number, equation.text)
        assert (found["name"], tuple(found["indices"])) == (equation.name, equation.indices)


def test_the_place_of_a_part_is_its_text():
    tree = parse("dy[n] * (1 if x[n, d] > 0 else exp(-x[n, d]))")
    for part in walk(tree):
        if part.kind in ("name", "number", "entry", "call"):
            first, end = part.at
            assert "dy[n] * (1 if x[n, d] > 0 else exp(-x[n, d]))"[first:end] == text_of(part)


KINDS = {"number", "name", "entry", "call", "over", "range", "negative", "binary", "compare", "logic", "if"}
NUMBERS = st.one_of(
    st.sampled_from(["1", "2", "0.5", "1e-3"]).map(lambda text: Tree("number", text)),
    st.sampled_from(["a", "b"]).map(lambda name: Tree("name", name)),
    st.just(Tree("entry", "x", (Tree("name", "n"), Tree("number", "0")))),
)


def _larger(parts):
    condition = st.tuples(st.sampled_from(["<", "==", "< <="]), st.tuples(parts, parts, parts)).map(
        lambda made: Tree("compare", made[0], made[1][: len(made[0].split()) + 1])
    )
    logic = st.tuples(st.sampled_from(["and", "or"]), st.tuples(condition, condition)).map(
        lambda made: Tree("logic", made[0], made[1])
    )
    negated = condition.map(lambda part: Tree("logic", "not", (part,)))
    conditions = st.one_of(condition, logic, negated)
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), st.tuples(parts, parts)).map(
            lambda made: Tree("binary", made[0], made[1])
        ),
        parts.map(lambda part: Tree("negative", "-", (part,))),
        parts.map(lambda part: Tree("call", "exp", (part,))),
        st.tuples(parts, parts).map(lambda made: Tree("call", "max", made)),
        st.tuples(conditions, parts, parts).map(lambda made: Tree("if", "if", made)),
        st.tuples(parts, conditions).map(
            lambda made: Tree(
                "over", "sum", (made[0], Tree("range", "i", (Tree("number", "0"), Tree("name", "N"), made[1])))
            )
        ),
    )


@given(st.recursive(NUMBERS, _larger, max_leaves=12))
def test_text_of_any_tree_reads_back_as_that_tree(tree):
    bound = [part.value for part in walk(tree) if part.kind == "range"]
    if len(bound) < 2:  # sums within sums would bind the same index twice
        assert parse(text_of(tree), ("n",)) == tree


@given(st.text(alphabet="abnx[](),.+-*/%<>=! 0123456789forinsumexp_'\"\\:lambd@{}~&|^", max_size=60))
def test_typed_text_is_read_or_refused_and_nothing_else(text):
    try:
        tree = parse(text)
    except Refused as refused:
        assert 1 <= refused.column <= len(text) + 2  # noqa: PT017
    else:
        kinds = {part.kind for part in walk(tree)}
        assert kinds <= {
            "number",
            "name",
            "entry",
            "call",
            "over",
            "range",
            "negative",
            "binary",
            "compare",
            "logic",
            "if",
        }


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * (LONGEST - 1) + "1",
        "1" + "+1" * (LONGEST // 2),
        "exp(" * 90 + "1" + ")" * 90,
    ],
    ids=["brackets", "signs", "long", "deep"],
)
def test_text_that_would_exhaust_the_reader_is_refused(text):
    with pytest.raises(Refused, match=r"nested too deeply|are the most|too many nested"):
        parse(text)
    assert parse("exp(" * (DEEPEST - 1) + "1" + ")" * (DEEPEST - 1)).kind == "call"


def test_nothing_is_evaluated_by_python():
    source = "".join(path.read_text(encoding="utf-8") for path in Path(npvae.pages.__file__).parent.glob("*.py"))
    assert not re.search(r"(?<![.\w])(eval|exec|compile)\(", source)


def test_mpmath_is_not_needed_to_import_the_room():
    code = "import sys; sys.modules['mpmath'] = None; import npvae.pages, npvae.cli.explain"
    subprocess.run([sys.executable, "-c", code], check=True)


TIME = """A state over time and its gradients.

Forward
    a[n, t] = w * h[n, t - 1] + x[n, t] if t > 0 else w * h0[n] + x[n, t]    (1)
    h[n, t] = tanh(a[n, t])    (2)
Backward
    dh_all[n, t] = dh[n, t] + (w * da[n, t + 1] if t < T - 1 else 0)    (3)
    da[n, t] = dh_all[n, t] * (1 - h[n, t] ** 2)    (4)
    dx[n, t] = da[n, t]    (5)
    dh0[n] = w * da[n, 0]    (6)
"""


def test_steps_in_time_run_forward_and_backward():
    """Against a loop; the gradients against differences of the page itself."""

    def forward(x, h0):
        h, out = h0, []
        for t in range(x.shape[1]):
            h = np.tanh(0.7 * h + x[:, t])
            out.append(h)
        return np.stack(out, axis=1), None

    forward.__doc__ = TIME
    op = Op(forward, forward, args={"x": Arg("N T"), "h0": Arg("N")}, name="rnn")
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((2, 5)), "h0": rng.standard_normal(2)}
    page = read_page(TIME)
    equations, dh = page.equations, rng.standard_normal((2, 5))

    def loss(x, h0):
        found = Computation(equations[:2], {"x": x, "h0": h0, "w": 0.7}, {"N": 2, "T": 5})
        return float((found.array(1) * dh).sum())

    computation = Computation(equations, {**inputs, "w": 0.7, "dh": dh}, {"N": 2, "T": 5})
    np.testing.assert_allclose(computation.array(1), forward(**inputs)[0], rtol=1e-14)
    for k, name in ((4, "x"), (5, "h0")):
        grad = computation.array(k)
        for place in np.ndindex(grad.shape):
            moved = [{key: np.array(array) for key, array in inputs.items()} for _ in range(2)]
            moved[0][name][place] += 1e-5
            moved[1][name][place] -= 1e-5
            assert grad[place] == pytest.approx((loss(**moved[0]) - loss(**moved[1])) / 2e-5, abs=1e-8)
    assert op.name == "rnn"


def test_a_long_recurrence_does_not_run_out_of_stack():
    equations = read_equations("Step\n    h[t] = h[t - 1] + 1 if t > 0 else 0    (1)\n")
    assert Computation(equations, {}, {"T": 3000}).array(0)[-1] == 2999


def test_a_third_has_sixty_digits():
    with mpmath.workdps(60):
        third = value("y = 1 / 3", numbers=mpmath.mp)[()]
        tenth = value("y = 0.1", numbers=mpmath.mp)[()]
        assert abs(3 * third - 1) < mpmath.mpf(10) ** -58
        assert abs(10 * tenth - 1) < mpmath.mpf(10) ** -58


@pytest.mark.parametrize("x", [0.1, 0.5, 1.0, 3.7, 50.0, 1e8])
def test_digamma_of_float64(x):
    assert value("y = digamma(b)", {"b": x})[()] == pytest.approx(float(mpmath.digamma(x)), rel=1e-14, abs=1e-14)
    assert value("y = lgamma(b)", {"b": x})[()] == pytest.approx(float(mpmath.loggamma(x)), rel=1e-14)


def test_identities_are_compared_and_define_nothing():
    def both(a, b):
        return {"c": a + b}

    both.__doc__ = "Sum.\n\nEquations\n    c = a + b    (1)\nIdentities\n    c = b + a    (2)\n    c = a - b    (3)\n"
    law = Law(both, {"a": Arg(), "b": Arg()}, "both")
    found = evaluate(law, {"a": 1.0, "b": 2.0}, page=read_page(both.__doc__))
    assert (found["c"], found["(2)"], found["(3)"]) == (3.0, 3.0, -1.0)
