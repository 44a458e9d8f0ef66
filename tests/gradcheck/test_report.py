"""What a report says: one screen, both sides named, the same as plain data."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_function, check_layer, check_loss_and_grads, check_op
from npvae.gradcheck.ground.findings import FAIL, Finding
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.report.source import line_of
from npvae.gradcheck.report.text import listing


def kl(mu, logvar):
    return 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum(axis=1), (mu, logvar)


def kl_backward(dkl, cache):
    mu, logvar = cache
    return dkl[:, None] * mu, -0.5 * dkl[:, None] * (np.exp(logvar) - 1)


KL = Op(kl, kl_backward, {"mu": Arg("N L"), "logvar": Arg("N L", domain=(-80, 80))}, name="gaussian_kl")


@pytest.fixture(scope="module")
def report():
    return check_op(KL, seed=100)


def test_a_failure_is_one_screen_that_names_sides_place_and_mistake(report):
    text = str(report)
    assert len(text.splitlines()) <= 12
    assert all(len(line) <= 160 for line in text.splitlines()[:3])
    first, second, third, *rest = text.splitlines()
    assert first == "FAIL  gaussian_kl  d/dlogvar   float64, sample 4x3, seed 100"
    assert second.startswith("  worst [")
    assert "analytic " in second
    assert "numeric " in second
    assert "relative error 2.0" in second
    assert third == "  12 of 12 entries disagree; analytic / numeric is -1 everywhere: looks like a SIGN error"
    assert "  passes: contract, determinism, isolation, linearity, d/dmu" in rest
    assert rest[-1].startswith("  reproduce: npvae gradcheck ")
    assert rest[-1].endswith(":KL --seed 100 --sample 4x3")


def test_the_line_to_reproduce_shows_the_same_numbers(report):
    again = check_op(KL, seed=100, sample="4x3")
    ours = next(f for f in report.findings if f.sample == "4x3")
    theirs = again.findings[0]
    assert (ours.index, ours.analytic, ours.numeric) == (theirs.index, theirs.analytic, theirs.numeric)


def test_truth_and_verdict_go_together(report):
    assert not report
    assert report.verdict == "FAIL"
    doubtful = Report("op", 0, (Finding("numeric", "unresolved", "INCONCLUSIVE", "?", "4x3"),))
    assert not doubtful
    assert doubtful.verdict == "INCONCLUSIVE"
    warned = Report("op", 0, (Finding("contract", "alias-dy", "WARNING", "?", "4x3"),))
    assert warned


def test_plain_data_has_stable_keys_and_survives_json(report):
    found = json.loads(report.to_json())
    assert found == report.to_dict()
    assert set(found) == {
        "name", "verdict", "seed", "findings", "gradients", "checks", "samples", "skipped", "notes", "seconds",
        "reproduce", "backward", "teeth",
    }  # fmt: skip
    assert set(found["findings"][0]) >= {
        "check", "code", "verdict", "message", "sample", "dtype", "arg", "index", "analytic", "numeric", "error",
        "relative_error", "wrong", "compared", "diagnosis", "diagnosis_codes",
    }  # fmt: skip
    assert found["findings"][0]["code"] == "wrong-gradient"
    assert found["findings"][0]["diagnosis_codes"] == ["sign"]


def test_numbers_that_json_has_no_word_for_become_strings():
    finding = Finding("numeric", "wrong-gradient", FAIL, "", "4x3", analytic=float("nan"), numeric=float("inf"))
    text = Report("op", 0, (finding,)).to_json()
    assert '"nan"' in text
    assert '"inf"' in text


def test_the_listing_has_a_row_a_gradient(report):
    lines = listing([(report.name, row) for row in report.rows]).splitlines()
    assert lines[0].split() == [
        "op",
        "gradient",
        "shape",
        "|analytic|",
        "|numeric|",
        "max",
        "diff",
        "rel",
        "err",
        "verdict",
    ]
    assert [line.split()[1] for line in lines[1:]] == ["d/dmu", "d/dlogvar"]
    assert [line.split()[-1] for line in lines[1:]] == ["PASS", "FAIL"]


def test_a_pass_is_one_line():
    right = Op(kl, lambda dkl, c: (dkl[:, None] * c[0], 0.5 * dkl[:, None] * (np.exp(c[1]) - 1)), KL.args)
    assert len(str(check_op(right)).splitlines()) == 1


def test_the_line_of_the_backward_is_given_as_editors_open_it(report, monkeypatch):
    line = kl_backward.__code__.co_firstlineno
    monkeypatch.chdir(Path(__file__).parent)
    assert line_of(kl_backward) == f"test_report.py:{line} kl_backward"
    assert f"test_report.py:{line} kl_backward" in str(report)
    assert line_of(functools.partial(kl_backward)) == ""
    assert line_of(np.add) == ""
    typed_in = {}
    exec("def backward(dy, cache): pass", typed_in)
    assert line_of(typed_in["backward"]) == ""


def test_behind_an_adapter_it_is_the_line_of_what_was_wrapped():
    class Layer:
        W = np.ones((3, 2))

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dy):
            self.dW = self.x.T @ dy
            return -dy @ self.W.T

    def loss_and_grads(x):
        return float((x * x).sum()), x

    def slope(x):
        return x

    x = np.ones((4, 3))
    assert check_layer(Layer(), x, params="W").backward.endswith(" backward")
    assert check_loss_and_grads(loss_and_grads, x).backward.endswith(" loss_and_grads")
    assert check_function(lambda x: float((x * x).sum()), slope, x).backward.endswith(" slope")
    assert "adapters.py" not in check_layer(Layer(), x, params="W").backward


X = {"x": Arg("N D")}


def tanh_forward(x):
    return np.tanh(x), x


def in_place(x):
    np.tanh(x, out=x)
    return x.copy(), x


UNTRUE = {
    "numbers of a pair that spoils its own inputs": (
        Op(in_place, lambda dy, y: dy * (1 - y * y), X), "changed its input x in place", "disagree"),
    "clipping, where only the sign of dy counts": (
        Op(tanh_forward, lambda dy, x: np.maximum(dy, dy.mean()) * (1 - np.tanh(x) ** 2), X),
        "dx depends on the size or the SIGN of dy", "CLIPPED"),
    "the formula, where dy is ignored": (
        Op(lambda x: ((x * x).sum(axis=1), x), lambda dy, x: 2 * x, X), "dy is IGNORED", "FORMULA"),
    "sizes, where the forward raised for another reason": (
        Op(lambda x: 1 / 0, lambda dy, x: dy, X), "raised ZeroDivisionError: division by zero", "sizes"),
    "only in float32, of a dtype": (
        Op(tanh_forward, lambda dy, x: (dy * (1 - np.tanh(x) ** 2)).astype(float), X, pure=True),
        "x is float32, y is float32: does the backward use", "only in float32"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNTRUE)
def test_a_message_says_nothing_that_follows_from_another_mistake(what):
    op, true, untrue = UNTRUE[what]
    report = str(check_op(op))
    assert true in report, report
    assert untrue not in report, report
