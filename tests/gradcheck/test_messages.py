"""Messages read aloud: what is said is true of the pair that brings it up, and says where to look."""

import numpy as np
import pytest

from npvae.gradcheck import (
    Arg,
    Op,
    check_function,
    check_layer,
    check_loss_and_grads,
    check_model,
    check_op,
    check_torch,
)


def ridge(w):
    return float(np.sum((w - 1) ** 2) / 2 + 0.1 * np.sum(w * w))


def ridge_without_the_two(w):
    return (w - 1) + 0.1 * w


W = np.array([0.5, -1.2, 2.0])


@pytest.mark.parametrize(
    "report",
    [
        lambda: check_function(ridge, ridge_without_the_two, W),
        lambda: check_loss_and_grads(lambda w: (ridge(w), ridge_without_the_two(w)), W),
    ],
)
def test_a_loss_is_shown_with_the_gradient_as_it_was_returned(report):
    (finding,) = report().findings
    assert finding.analytic == ridge_without_the_two(W)[finding.index]
    assert "analytic - numeric is -0.1 times w everywhere" in finding.diagnosis


class OneBias:
    """The mean of (b - x)^2 / 2 over a batch, and a gradient that is summed over it."""

    class Params:
        def __init__(self, values):
            self.flat = np.array(values)

    def __init__(self):
        self.params = self.Params([0.3, -0.2])

    def forward(self, x):
        return float(np.sum((self.params.flat - x) ** 2) / 2 / len(x)), x

    def backward(self, x):
        return self.Params((self.params.flat - x).sum(axis=0))


def test_and_so_is_a_model():
    x = np.arange(6.0).reshape(3, 2)
    (finding,) = check_model(OneBias(), x).findings
    assert finding.analytic == (OneBias().params.flat - x).sum(axis=0)[finding.index]


def gathered_backwards(dy, ids):
    return dy[np.sort(ids)]


def scattered(x, ids):
    y = np.zeros((4, x.shape[1]), x.dtype)
    np.add.at(y, ids, x)
    return y, ids


def scatter(last):
    ids = Arg("N", dtype=int, domain=(0, last), differentiable=False)
    return Op(scattered, gathered_backwards, {"x": Arg("N D"), "ids": ids}, name="scatter")


def test_an_index_past_the_end_is_put_down_to_the_domain():
    report = str(check_op(scatter(4)))
    assert "index 4 is out of bounds" in report
    assert "integers reach the upper end of their domain, (0, 3) for a table of 4 rows" in report
    assert "sizes that depend on each other" not in report


def test_a_sample_in_which_the_pair_breaks_confirms_no_diagnosis():
    said = {code for finding in check_op(scatter(4)).findings for code in finding.diagnosis_codes}
    assert "one-step" not in said, "the indices were in order by chance in one sample, and broke the pair in others"


def fourth_moment(x):
    m = [np.mean(x**k, axis=1) for k in range(5)]
    return m[4] - 4 * m[1] * m[3] + 6 * m[1] ** 2 * m[2] - 3 * m[1] ** 4, (x, m)


def fourth_moment_backward(dy, cache):
    x, (_, m1, m2, m3, _) = cache[0], (one[:, None] for one in cache[1])
    inner = 4 * x**3 - 4 * m3 - 12 * m1 * x**2 + 12 * m1 * m2 + 12 * m1**2 * x - 12 * m1**3
    return dy[:, None] * inner / x.dtype.type(x.shape[1])


def test_what_is_left_where_sums_cancel_is_not_taken_for_float32():
    """Of one entry the moment is zero, to rounding: a few bits, which are float32 numbers too."""
    op = Op(fourth_moment, fourth_moment_backward, {"x": Arg("N D")})
    assert check_op(op, seed=4, sample="4x1"), "what is uncertain by 1e-15 hides nothing"
    twice = Op(fourth_moment, lambda dy, c: fourth_moment_backward(dy, c) + 1e-7 * dy[:, None], {"x": Arg("N D")})
    assert check_op(twice, seed=4, sample="4x1").verdict == "FAIL"


@pytest.mark.parametrize(("factor", "seed"), [(3, 5), (30, 0), (300, 0)])
def test_what_is_left_where_powers_of_large_inputs_cancel_is_not_taken_for_float32(factor, seed):
    """The rounding left is that of the fourth power inside, far above that of the inputs."""
    op = Op(
        lambda x: fourth_moment(factor * x), lambda dy, c: factor * fourth_moment_backward(dy, c), {"x": Arg("N D")}
    )
    report = check_op(op, seed, sample="4x1")
    assert report.verdict == "INCONCLUSIVE"
    assert "the forward is too noisy there" in str(report)
    assert "FLOAT32" not in str(report)


class Normalised:
    """A norm over the batch whose backward goes through the batch's mean in eval mode too."""

    def __init__(self):
        self.gamma, self.mean, self.training = np.ones(3), np.zeros(3), True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def forward(self, x):
        self.h = x - (x.mean(axis=0) if self.training else self.mean)
        return self.gamma * self.h

    def backward(self, dy):
        self.dgamma = (dy * self.h).sum(axis=0)
        d = dy * self.gamma
        return d - d.mean(axis=0)


def test_what_is_wrong_in_eval_mode_alone_is_said_to_be():
    report = check_layer(Normalised(), np.arange(15.0).reshape(5, 3) % 4)
    assert "the inputs given, in eval mode" in str(report)


def test_of_a_torch_module_no_line_is_named_and_the_call_is_the_users():
    torch = pytest.importorskip("torch")

    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W):
            ctx.save_for_backward(x, W)
            return x @ W

        @staticmethod
        def backward(ctx, dy):
            x, W = ctx.saved_tensors
            return dy @ W.T, x.T @ dy / len(x)

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.W = torch.nn.Parameter(torch.ones(3, 2))

        def forward(self, x):
            return Linear.apply(x, self.W)

    report = check_torch(Layer(), np.zeros((5, 3)), level="smoke")
    assert report.backward == "", "autograd runs it"
    assert report.reproduce == "check_torch(Layer, ..., seed=0, sample='fixed')"
    assert "analytic / numeric is 1/5 everywhere, and x has 5 entries along axis 0" in str(report)
    assert check_torch(Layer(), np.zeros((5, 3)), seed=0, sample="fixed").findings == report.findings[:1]
