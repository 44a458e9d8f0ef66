"""npvae explain: what it prints can be followed with a calculator, and it says so where the code is wrong."""

import ast
import re
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from npvae.cli import main
from npvae.cli.explain import tables
from npvae.ops import OPS
from npvae.pages import explain, page_of
from npvae.pages.computation import Computation
from npvae.pages.evaluate import functions_of
from npvae.pages.explain import in_two_decimals
from npvae.pages.read import read_equation
from npvae.spec import Arg, Op

SUBJECTS = [subject for subjects in tables().values() for subject in subjects]


def test_explain_prints_the_page_with_numbers_and_the_check_beside(capsys):
    assert main(["explain", "gaussian_kl"]) == 0
    output = capsys.readouterr().out
    assert "(1)" in output
    assert "dlogvar[n, l] = " in output
    assert output.count("agrees: page off by") == 3


@pytest.mark.parametrize("name", [op.name for op in OPS])
def test_explain_agrees_with_itself(name, capsys):
    assert main(["explain", name]) == 0
    assert "DISAGREES" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "seed"),
    [("layer", 114), ("layer", 461), ("vr_max", 8), *(("discretized_logistic_nll", seed) for seed in (15, 128))],
)
def test_explain_agrees_beside_a_kink_and_in_a_tail(name, seed, capsys):
    """Kinks nearer than the first steps of differences; a page whose equations must not lose their digits."""
    assert main(["explain", name, "--seed", str(seed)]) == 0
    assert "DISAGREES" not in capsys.readouterr().out


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_explain_says_so_where_the_code_is_wrong(op):
    def slightly_wrong(dy, cache):
        grads = op.backward(dy, cache)
        return tuple(1.00001 * grad for grad in grads) if isinstance(grads, tuple) else 1.00001 * grads

    pages = [explain(replace(op, backward=slightly_wrong), seed) for seed in range(5)]
    said = [text for text, agrees in pages if not agrees]
    assert said, "a gradient that is zero may be one of them, but not all"
    assert all(re.search(r"d\w+ +DISAGREES: (page off by .*, )?differences off by ", text) for text in said)


def printed_arrays(text):
    """{"mu": [[...]], ...}: each line that is a name and its numbers."""
    found = {}
    for name, numbers in re.findall(r"^ +(\w+) = (.*)$", text, re.MULTILINE):
        with suppress(SyntaxError, ValueError):
            found[name] = ast.literal_eval(numbers)
    return found


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_what_explain_gives_is_what_it_computes_with(op):
    """Whoever follows it with a calculator starts from the numbers printed."""
    printed = printed_arrays(explain(op)[0])
    inputs = [np.array(printed[name], dtype=arg.dtype or float) for name, arg in op.args.items()]
    params = {name: values[0] for name, values in op.params.items()}
    y, cache = op.forward(*inputs, **params)
    output = page_of(op).output
    if output in printed:
        np.testing.assert_allclose(printed[output], y, rtol=6e-5, atol=1e-15)
    grads = op.backward(np.array(printed[f"d{output}"], dtype=float), cache)
    for name, grad in zip(op.differentiable, grads if isinstance(grads, tuple) else (grads,), strict=True):
        if f"d{name}" in printed:
            np.testing.assert_allclose(printed[f"d{name}"], grad, rtol=6e-5, atol=1e-15)


def slopes(op):
    """f and df of a page, on one number."""
    for inner in functions_of(op, {name: values[0] for name, values in op.params.items()}).values():

        def f(a, inner=inner):
            return float(inner.forward(np.array([float(a)]))[0][0])

        def df(a, inner=inner):
            return float(inner.backward(np.ones(1), inner.forward(np.array([float(a)]))[1])[0])

        return {"f": f, "df": df}
    return {}


def follow(text, called):
    """Each line `left = numbers put in = result` of a screen, computed anew from what it prints: how many there are."""
    flat = re.sub(r"\n {12,}", " ", text)
    lines = re.findall(r"^ {8,}\w+(?:\[[\d, ]+\])? = ([^=\n]+) = (\S+)(?: +since .*)?$", flat, re.MULTILINE)
    for put_in, result in lines:
        equation = read_equation(f"x = {put_in}", 1, "Forward")
        value = Computation([equation], {}, {}, called=called).array(0)[()]
        assert float(result) == pytest.approx(value, rel=6e-5, abs=1e-13), put_in
    return len(lines)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_number_can_be_followed_with_a_calculator(subject):
    text, agrees = explain(subject, most=20)
    assert agrees, text
    lines = follow(text, slopes(subject) if isinstance(subject, Op) else {})
    assert lines or " since " in text  # a page that only chooses and copies has nothing to compute


def test_the_follower_itself_sees_a_wrong_number():
    assert follow("        x[0] = 2 * 3 = 6    since 1 > 0\n        y = exp(-(-1)) = 2.7183\n", {}) == 2
    with pytest.raises(AssertionError, match=re.escape("2 * 3")):
        follow("        x[0] = 2 * 3 = 6.001", {})


def test_the_numbers_are_put_in_entry_by_entry():
    text, _ = explain(next(op for op in OPS if op.name == "gaussian_kl"))
    mu, dkl = (printed_arrays(text)[name] for name in ("mu", "dkl"))
    assert f"dmu[0, 0] = {dkl[0]} * {mu[0][0]} = {dkl[0] * mu[0][0]:.5g}\n" in text
    assert "npvae/ops/gaussian_kl.py" in text


def test_a_standard_deviation_is_positive():
    for seed in range(20):
        text, _ = explain(next(op for op in OPS if op.name == "reparameterize"), seed)
        assert (np.array(printed_arrays(text)["std"]) > 0).all()


def test_small_numbers_keep_their_digits():
    from npvae.pages.render import array

    assert array([3.01221e-06, 0.000878371, -0.0]) == "[3.0122e-06, 0.00087837, 0]"


def test_nothing_is_rounded_out_of_its_domain_or_onto_a_kink():
    arg = Arg("N", domain=(0.001, 1), kinks=[0.5])
    x = np.array([0.0015, 0.004, 0.4996, 0.999, 0.254, 0.251, 0.327, 0.001])
    np.testing.assert_array_equal(in_two_decimals(x, arg), [0.0015, 0.004, 0.4996, 0.999, 0.254, 0.251, 0.33, 0.001])
    np.testing.assert_array_equal(in_two_decimals(np.array([3]), Arg("N", dtype=int)), [3])


def test_without_a_name_all_pages_are_listed_with_one_line_each(capsys):
    assert main(["explain"]) == 0
    output = capsys.readouterr().out
    for subject in SUBJECTS:
        assert len(re.findall(rf"^    {re.escape(subject.name)}  +\S.*$", output, re.MULTILINE)) == 1, subject.name


def test_vae_explains_the_whole_wiring(capsys):
    assert main(["explain", "vae", "--derivation"]) == 0
    output = capsys.readouterr().out
    assert "dmu[n, l] = dmu_z[n, l] + dmu_kl[n, l]" in output
    assert "from reparameterize (2)" in output
    assert "mu reaches the loss on two paths" in output
    (number,) = re.findall(r"^    \((\d+)\)  dmu\[n, l\] = ", output, re.MULTILINE)
    assert f"so their gradients are added: ({number})." in output
    assert "DISAGREES" not in output
    for name in ("dW1", "db1", "dW2", "db2", "dW3", "db3", "dW4", "db4"):
        assert re.search(rf"^    {name} +agrees: page off by \S+, differences off by \S+$", output, re.MULTILINE)


def test_the_derivation_comes_on_request(capsys):
    main(["explain", "tanh"])
    assert "Derivation" not in capsys.readouterr().out
    main(["explain", "tanh", "--derivation", "--entries", "1"])
    output = capsys.readouterr().out
    assert "Derivation\n    tanh = sinh / cosh" in output
    assert "... and 3 more entries, in the same way" in output


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_number_of_entries_is_at_least_1(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["explain", "tanh", f"--entries={text}"])
    assert f"{text!r} is no number of entries, give a whole number of at least 1" in capsys.readouterr().err
