"""audit_loss against gradients: the loss as it is described, and the one that it is said to equal."""

import itertools
import json
import math

import numpy as np
import pytest

import npvae
from npvae.audit import LossAudit, proper_lines

N, D, H, L = 3, 5, 4, 2
REDUCTIONS = list(itertools.product(("sum", "mean"), repeat=4))
LOSSES = [
    {"likelihood": "bernoulli"},
    {"likelihood": "squared_error"},
    {"likelihood": "squared_error", "half": False},
    {"likelihood": "gaussian_fixed", "variance": 0.3},
]


def described(output, mu, logvar, x, likelihood, pixels, latents, batch, kl_batch, kl_weight, weight, half, variance):
    """The loss exactly as its description reads, with no algebra done; complex arguments are welcome."""
    reduce = {"sum": np.sum, "mean": np.mean}
    if likelihood == "bernoulli":
        p = 1 / (1 + np.exp(-output))
        r = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    elif likelihood == "squared_error":
        r = (output - x) ** 2 / (2 if half else 1)
    else:
        r = -np.log(np.exp(-((output - x) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))
    k = (np.exp(logvar) + mu**2 - 1 - logvar) / 2
    reconstruction = reduce[batch](reduce[pixels](r, axis=1))
    return weight * reconstruction + kl_weight * reduce[kl_batch](reduce[latents](k, axis=1))


def cases():
    rng = np.random.default_rng(0)
    for settings in LOSSES:
        for pixels, latents, batch, kl_batch in REDUCTIONS:
            kl_weight, weight = np.exp(rng.standard_normal(2))
            case = {"half": True, "variance": 1.0} | settings | {
                "pixels": pixels, "latents": latents, "batch": batch, "kl_batch": kl_batch,
                "kl_weight": float(kl_weight), "weight": float(weight),
            }  # fmt: skip
            yield pytest.param(case, id="-".join(map(str, [*settings.values(), pixels, latents, batch, kl_batch])))


def audit_of(case):
    case = dict(case)
    weight = case.pop("weight")
    return npvae.audit_loss(**case, reconstruction_weight=weight, data_dim=D, latent_dim=L, batch_size=N)


def complex_step(function, values):
    """The gradient of a real analytic function, exact to rounding: no difference is taken."""
    gradient = np.empty_like(values)
    for i in range(values.size):
        nudged = values.astype(complex)
        nudged.flat[i] += 1e-30j
        gradient.flat[i] = function(nudged).imag / 1e-30
    return gradient


@pytest.mark.parametrize("case", list(cases()))
def test_the_described_loss_and_the_stated_one_have_the_same_gradient(case):
    """Through a whole VAE, by every parameter: the description by the complex step, the statement by the model."""
    audit = audit_of(case)
    vae = npvae.VAE(D, (H,), L, "tanh", dtype="float64", backend="numpy", **audit.model)
    rng = np.random.default_rng(1)
    vae.params.flat[...] = 0.7 * rng.standard_normal(vae.params.flat.size)
    x, eps = rng.random((N, D)), rng.standard_normal((N, L))

    def description(flat):
        p = vae.params.like(flat)
        head = np.tanh(x @ p["encoder.0.W"] + p["encoder.0.b"]) @ p["encoder.1.W"] + p["encoder.1.b"]
        mu, logvar = head[:, :L], head[:, L:]
        z = mu + np.exp(logvar / 2) * eps
        output = np.tanh(z @ p["decoder.0.W"] + p["decoder.0.b"]) @ p["decoder.1.W"] + p["decoder.1.b"]
        return described(output, mu, logvar, x, **case)

    truth = complex_step(description, vae.params.flat)
    loss, trace = vae.forward(x, eps)
    stated = audit.scale * vae.backward(trace).flat
    assert np.abs(stated - truth).max() <= 1e-10 * np.abs(truth).max()

    printed = float(description(vae.params.flat))
    assert audit.scale * loss + audit.constant == pytest.approx(printed, rel=1e-12)
    assert audit.nats(printed) == pytest.approx(loss, rel=1e-10)


def test_a_wrong_statement_has_another_gradient():
    """The comparison above can fail: a beta that is off by a part in a million is seen."""
    case = next(cases()).values[0]
    audit = audit_of(case)
    mu, dkl = np.ones((N, L)), np.full(N, 1.0)
    _, cache = npvae.ops.gaussian_kl_forward(mu, mu)
    right, wrong = (
        npvae.ops.gaussian_kl_backward(dkl * beta, cache)[0] for beta in (audit.beta, audit.beta * (1 + 1e-6))
    )
    assert np.abs(wrong - right).max() > 1e-10 * np.abs(right).max()


def audit(**settings):
    return npvae.audit_loss(**({"data_dim": 784, "latent_dim": 20, "batch_size": 128} | settings))


def test_the_combinations_that_people_ask_about():
    # mean-squared error averaged over pixels, small KL weight
    a = audit(likelihood="squared_error", half=False, pixels="mean", kl_weight=0.00025)
    assert a.beta == pytest.approx(784 * 0.00025 / 2)
    assert a.variance == pytest.approx(0.098)
    # cross-entropy averaged over everything
    assert audit(pixels="mean").beta == pytest.approx(784)
    # KL averaged over latents
    assert audit(latents="mean").beta == pytest.approx(1 / 20)
    assert audit(pixels="mean", latents="mean").beta == pytest.approx(784 / 20)
    # the squared error with and without its half
    assert audit(likelihood="squared_error").variance == 1
    assert audit(likelihood="squared_error", half=False).variance == 0.5
    # reduction="mean" for the reconstruction and a KL summed over everything
    assert audit(pixels="mean", kl_batch="sum").beta == pytest.approx(784 * 128)


def test_the_elbo_is_recognised():
    a = audit()
    assert (a.beta, a.scale, a.constant, a.variance) == (1, 1, 0, None)
    assert a.nats(105.2) == 105.2
    text = str(a)
    assert "the ELBO (beta = 1)" in text
    assert "for the ELBO" not in text


def test_a_gaussian_with_its_constants_keeps_its_own_variance():
    a = audit(likelihood="gaussian_fixed", variance=0.04)
    assert a.variance == pytest.approx(0.04)
    assert a.constant == pytest.approx(0, abs=1e-9)
    assert a.nats(-500.0) == pytest.approx(-500)


def test_no_kl_is_an_autoencoder():
    for likelihood in ("bernoulli", "squared_error", "gaussian_fixed"):
        a = audit(likelihood=likelihood, kl_weight=0.0)
        assert a.beta == 0
        assert a.variance is None
        assert "an autoencoder" in str(a)


@pytest.mark.parametrize("likelihood", ["squared_error", "gaussian_fixed", "bernoulli", "categorical"])
@pytest.mark.parametrize(
    "reductions", [{}, {"pixels": "mean"}, {"latents": "mean", "batch": "sum"}, {"kl_batch": "sum"}]
)
def test_the_report_is_one_screen_and_its_advice_is_right(likelihood, reductions):
    a = audit(likelihood=likelihood, kl_weight=0.3, **reductions)
    lines = str(a).splitlines()
    assert len(lines) < 25
    assert max(map(len, lines)) <= 120
    (advice,) = [line.split() for line in lines if line.startswith(("for the ELBO", "for another"))]
    if a.variance is None:  # the weight that makes it the ELBO
        assert audit(likelihood=likelihood, kl_weight=float(advice[-1]), **reductions).beta == pytest.approx(
            1, rel=1e-5
        )
    else:  # the weight for a variance of 0.01
        weight = float(advice[-3]) * 0.01
        assert audit(likelihood=likelihood, kl_weight=weight, **reductions).variance == pytest.approx(0.01, rel=1e-5)


def test_lines_to_write_are_the_model_itself():
    """The NumPy lines of the report, executed, give the loss of the model named beneath them."""
    rng = np.random.default_rng(2)
    x, eps = rng.random((N, D)), rng.standard_normal((N, L))
    for settings in LOSSES:
        a = audit_of({"half": True, "variance": 1.0, "weight": 1.0, "kl_weight": 0.25, "pixels": "mean"} | settings)
        *lines, constructor = proper_lines(a)
        vae = eval(constructor.replace(")", ", dtype='float64', backend='numpy')"), {"npvae": npvae})
        loss, t = vae.forward(x, eps)
        names = {"np": np, "exp": np.exp, "log": np.log, "pi": math.pi, "x": x, "mu": t.mu, "logvar": t.logvar}
        names |= {"logits": t.output, "x_hat": t.output}
        exec("\n".join(lines), names)
        assert names["loss"] == pytest.approx(loss, rel=1e-5)  # six digits are printed


def test_it_is_plain_data():
    a = audit(pixels="mean")
    assert isinstance(a, LossAudit)
    assert json.loads(json.dumps(a.to_dict()))["beta"] == a.beta


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"likelihood": "mse"}, "likelihood 'mse' is unknown, choose one of squared_error"),
        ({"pixels": "average"}, "pixels is 'average', expected sum or mean"),
        ({"kl_batch": "none"}, "kl_batch is 'none'"),
        ({"latent_dim": 0}, "latent_dim is 0, expected at least 1"),
        ({"kl_weight": -1.0}, "kl_weight is -1.0"),
        ({"kl_weight": math.nan}, "kl_weight is nan"),
        ({"reconstruction_weight": 0.0}, "reconstruction_weight is 0.0, expected a finite number above 0"),
        ({"variance": -0.1}, "variance is -0.1"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        audit(**wrong)
