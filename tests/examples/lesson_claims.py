"""What each lesson claims, of the numbers that its `main` returns: functions of the lessons' names."""

import numpy as np
import pytest


def autoencoder_and_vae(n, quick):
    for latents in (2, 16):
        ae, vae = n["autoencoder", latents], n["vae", latents]
        assert ae["nll"] < vae["nll"] - 0.5
        assert ae["kl"] == 0 < vae["kl"]
        assert vae["continuity"] < 0.6 * ae["continuity"]
        assert vae["worst"] < 0.7 * ae["worst"]
    assert n["autoencoder", 16]["completeness"] < 0.2
    assert n["vae", 16]["completeness"] > (0.25 if quick else 0.6)
    assert n["real digits"] > 0.85


def between_codes(n, quick):
    assert n["test shapes"] < 0.1
    assert max(n["half-way, vae"], n["half-way, autoencoder"]) < 0.7 * n["half-way, pixels"]
    assert min(n["half-way, vae"], n["half-way, autoencoder"]) > 5 * n["test shapes"]
    assert n["prior, vae"] < 0.8 * n["prior, autoencoder"]
    assert n["spread, autoencoder"] > 3 * n["spread, vae"]
    assert n["kinds, autoencoder"].min() < 0.02
    if not quick:
        assert n["kinds, vae"].min() > 0.15
    assert n["encoder kept"]
    assert n["decoder difference"] > 0.5
    assert abs(n["new decoder"] - n["old decoder"]) < (3 if quick else 0.5)
    assert n["before"] > 4 * n["new decoder"]


def likelihood_by_sampling(n, quick):
    assert n["grid error"] < 1e-3
    for latents in (2, 10):
        prior, q = n[latents, "prior"], n[latents, "q"]
        assert (np.diff(prior["mean"]) > 0).all()
        assert prior["mean"][0] < q["mean"][0] - 10
        ten, thousand = n["counts"].index(10), n["counts"].index(1000)
        assert q["std"][ten] < 1.2 * prior["std"][thousand]
        assert q["share that counts"] > 10 * prior["share that counts"]
    assert abs(n[2, "q"]["mean"][-1] - n["grid"]) < 0.05
    assert abs(n[2, "prior"]["mean"][-1] - n["grid"]) < 0.3
    assert n[2, "q"]["mean"][0] < n["grid"]  # one draw from q: the ELBO, a lower bound
    assert n["right"] > 0.85
    assert 0.3 < n["down"] < 0.5


def edges_as_nearness(n, quick):
    for kind in ("GraphAutoencoder", "GraphVAE"):
        assert n[kind]["auc"] > 0.75
    assert n["inside"] > 0.95
    (plain, plain_kl), (free, free_kl), (then, then_kl) = n["prices"].values()
    assert max(plain_kl, 0.01) == 0.01
    if not quick:
        assert abs(plain[-1] - 4.3) < 0.1
        assert free[-1] < 2.4
        assert then[-1] < free[-1] + 0.1
        assert then_kl < free_kl - 2


def why_the_decoder_stops_listening(n, quick):
    plain, free, inputless = n["plain"], n["free bits"], n["inputless"]
    assert plain["kl"] < 0.1 < 1 < free["kl"]
    assert abs(plain["foreign"]) < 0.3
    assert min(free["foreign"], inputless["foreign"]) > 0.5
    assert free["nll"] < plain["nll"] - 0.7
    assert inputless["bound"] > plain["bound"] + 1
    assert abs(plain["bound"] - n["its best"]) < 0.6
    for row in (plain, free, inputless):
        assert row["-log p"] < row["bound"]
    if not quick:
        assert all(n[remedy]["kl"] > 0.3 for remedy in ("annealed", "cyclical", "word dropout"))


def two_kl_divergences(n, quick):
    assert n["reverse gradient"]
    assert n["forward gradient"]
    for name, mean, std, weight in (
        ("reverse, from the left", -2.5, 0.7, 0.6),
        ("reverse, from the right", 2.5, 0.9, 0.4),
    ):
        fit = n[name]
        assert (fit["mean"], fit["std"]) == pytest.approx((mean, std), abs=0.03)
        assert fit["reverse"] == pytest.approx(-np.log(weight), abs=0.02)
        assert fit["reverse"] < n["forward"]["reverse"] - 0.2
        assert fit["forward"] > 10 * n["forward"]["forward"]
    assert n["forward"]["mean"] == pytest.approx(n["mean of p"], abs=0.1 if quick else 1e-6)
    assert n["forward"]["std"] == pytest.approx(n["std of p"], rel=0.01 if quick else 1e-6)


def reparameterisation(n, quick):
    variance = n["variance"]
    for latents, value in variance["reparameterised"].items():
        assert value == pytest.approx(0.25, rel=0.1)  # std**2, whatever L
        assert variance["score function"][latents] > variance["with a baseline"][latents] > value
    assert variance["score function"][100] > 10_000 * variance["reparameterised"][100]
    assert max(n["worst z-score"]) < 5  # all three are unbiased
    same, anew = n["the same eps"], n["drawn anew"]
    assert (same["mean"] > 20 * same["error"]).all()
    assert (np.abs(anew["mean"]) < 5 * anew["error"]).all()
    assert same["sigma"] < 0.6
    assert anew["sigma"] > 0.9
    assert anew["loss"] > same["loss"] + 0.3


def one_digit(n, quick):
    assert n["worst"] < 1e-7
    assert n["same as the model"] < 1e-14
    (dmu_rec, dmu_kl), (_, dlogvar_kl) = n["parts"]["mu"], n["parts"]["logvar"]
    np.testing.assert_array_equal(dmu_kl, n["mu"])  # the spring
    np.testing.assert_array_equal(dmu_rec, n["parts"]["z"][0])  # dz/dmu = 1
    assert (dlogvar_kl > -0.5).all()
    for name in ("logits", "z", "std"):
        assert not n["parts"][name][1].any()  # the decoder gets nothing from the KL
    for name in ("h1", "a1", "W1", "x"):
        assert all(np.linalg.norm(part) > 0.1 for part in n["parts"][name])


def why_log_variance(n, quick):
    for reading in ("std", "var", "logvar"):
        np.testing.assert_allclose(n[reading]["draws"], n["logvar"]["draws"], rtol=1e-14)
        assert n[reading]["gradient"]
    assert np.abs(n["logvar"]["pull"][:4]).max() < 0.5 < 1 - n["std"]["pull"][0]
    assert n["var"]["pull"][0] < -4e5
    assert n["std"]["broken"] < 200
    assert n["var"]["broken"] < 100
    assert n["logvar"]["broken"] is None
    assert n["logvar"]["steps"] == (240 if quick else 2400)
    assert n["logvar"]["loss"] < min(n["std"]["loss"], n["var"]["loss"])


def without_one_term(n, quick):
    reconstruction, prior, both = n["reconstruction only"], n["KL only"], n["both"]
    assert reconstruction["sigma"] < (0.1 if quick else 0.01)
    assert reconstruction["ratio"] < 0.1 * both["ratio"]
    assert prior["sigma"] == pytest.approx(1, abs=1e-2)
    assert prior["kl"] < 1e-3
    assert prior["nll"] == pytest.approx(64 * np.log(2), abs=0.5)  # the decoder was never asked anything
    assert reconstruction["kl"] > 10 * both["kl"] > 10
    assert reconstruction["nll"] < both["nll"]
    assert both["loss"] < min(reconstruction["loss"], prior["loss"]) - 10
    assert n["slope"] == pytest.approx(-1, abs=0.25)
    assert n["correlation"] < -0.6


def counts_and_gaps(n, quick):
    words, digits = n["words"], n["digits"]
    assert words["negative binomial"] < words["Poisson"] - 5
    assert words["negative binomial"] < words["Gaussian on counts"] - 4
    assert abs(words["negative binomial"] - words["Gaussian on log(1 + k)"]) < 1.5
    assert n["truth"] < min(words.values())
    assert min(digits, key=digits.get) == "logistic in steps"
    assert digits["binomial"] > digits["logistic in steps"] + 15
    if not quick:
        assert digits["binomial"] < digits["Gaussian, one σ"] + 2
        assert 1.1 < n["r"].min() < 2 < n["r"].max() < 2.6
    assert n["this VAE"] < (0.85 if quick else 0.75) * n["column means"]
    assert n["spread"] < n["this VAE"]


def which_likelihood(n, quick):
    half, no_half, learned, pixel, bernoulli, continuous = n["rows"].values()
    assert half["kl"] < 0.05  # collapsed
    assert half["kl"] < no_half["kl"] < 0.2 * learned["kl"]
    assert learned["distance"] < (0.5 if quick else 0.3) * half["distance"]
    assert learned["sigma"] < (0.25 if quick else 0.15)
    assert pixel["nll"] < learned["nll"] < 0 < bernoulli["nll"]
    assert continuous["nll"] < -64 * np.log(2)
    assert n["factor two"] < 1e-14
    assert n["unit"] == pytest.approx(64 * np.log(16), rel=1e-12)
    assert max(n["masses"]["Bernoulli"]) <= 0.5
    assert n["masses"]["continuous Bernoulli"] == pytest.approx([1] * 4, rel=1e-10)
    assert 10 < n["entropy"] < bernoulli["nll"]


def bug_museum(n, quick):
    seen = {name: {check for check, v in row.items() if v is False} for name, row in n["verdicts"].items()}
    assert seen.pop("no mistake") == set()
    assert seen == {
        "log-std in the sampler, logvar in the KL": {"sampler and KL agree", "ELBO identity"},
        "noise drawn anew in the backward": {"gradient"},
        "one noise vector for the whole batch": {"own noise"},
        "KL without its ½": {"sampler and KL agree", "ELBO identity"},
        "KL with its sign turned": {"sampler and KL agree", "ELBO identity"},
        "mean over pixels, sum over latents": {"p(x given z) sums to 1", "ELBO identity"},
        "sigmoid applied twice": {"extremes", "ELBO identity"},
        "IWAE weights not normalised": {"gradient"},
        "IWAE weights upside down": {"more samples tighten"},
    }
    printed, real = n["printed"], n["real"]
    assert printed["no mistake"] == pytest.approx(real["no mistake"], abs=0.2)
    name = "log-std in the sampler, logvar in the KL"
    assert printed[name] < printed["no mistake"] < real["no mistake"] + 0.1 < real[name]
    assert printed["mean over pixels, sum over latents"] < 0.5
    assert real["mean over pixels, sum over latents"] > (27 if quick else real["no mistake"] + 1.5)
    assert printed["KL with its sign turned"] < -1000 < 1000 < real["KL with its sign turned"]
    assert printed["sigmoid applied twice"] > 40


def elbo_identity(n, quick):
    assert np.ptp(n["lines"]) < 1e-12
    assert n["lines"][0] > 0.01
    parts = n["parts"]
    assert parts["mass of q"] == pytest.approx(1, abs=1e-9)
    assert parts["log p"] == pytest.approx(parts["log lik"] - parts["kl prior"] + n["lines"][0], abs=1e-10)
    assert n["spread"] < 1e-3
    assert n["moved"] < 1e-4
    assert n["smallest gap"] > 0
    assert n["log p"][-1] > n["log p"][0] + 15


def linear_vae(n, quick):
    assert abs(n["gap at closed form"]) < 1e-9
    assert n["gradient at closed form"] < 1e-10
    assert n["gradient of one draw"] > 0.05
    assert n["bound holds"]
    assert n["first gap"] > 1
    assert -1e-9 < n["below best"] < (0.01 if quick else 1e-6)
    assert n["gap"] < (0.02 if quick else 1e-6)
    assert n["cosine"] > 0.999
    assert n["s2"] == pytest.approx(n["best s2"], rel=1e-2 if quick else 1e-4)


def posterior_collapse(n, quick):
    assert n["linear"] == n["expected"]
    assert len(n["linear"]) >= 2
    assert n["error"] < 0.02
    deep = {key: value for key, value in n.items() if isinstance(key, tuple)}
    plain, warm_up, free_bits = list(deep.values())[:3]
    assert plain["kl"][9:40].max() < 0.1
    for remedy in (warm_up, free_bits):
        assert remedy["kl"][39] > 1
        assert remedy["in use"] >= 2
        assert remedy["loss"] < plain["loss"] - 0.3
    assert free_bits["in use"] == 8
    if not quick:
        plain, warm_up, free_bits = list(deep.values())[3:]
        assert plain["in use"] == warm_up["in use"] == 0
        assert free_bits["in use"] == 8
        assert free_bits["loss"] < plain["loss"] - 0.3


def beta(n, quick):
    betas = sorted(n["rate"])
    rate, distortion = ([n[name][b] for b in betas] for name in ("rate", "distortion"))
    assert (np.diff(rate) < 0.05).all()
    assert (np.diff(distortion) > -0.05).all()
    assert rate[0] > 10 > 4 > n["rate"][1] > 2 > 0.1 > rate[-1]
    assert min(n["loss"], key=n["loss"].get) == 1  # the ELBO is best at the price that it is made of
    means = [np.mean([run["kl"].sum() for run in seeds]) for seeds in n["runs"].values()]
    assert means == sorted(means, reverse=True)
    for seeds in n["runs"].values():
        for run in seeds:
            assert 0 <= min(run["mig"], run["sap"]) <= max(run["mig"], run["sap"], run["beta-vae"]) <= 1
    assert n["runs"][0.3][0]["in use"] >= 4 > n["runs"][4][0]["in use"]
    assert n["runs"][0.3][0]["mig"] > n["runs"][4][0]["mig"] + 0.1
    if not quick:
        scores = [run["mig"] for run in n["runs"][1]]
        assert max(scores) - min(scores) > 0.1  # a seed weighs as much as beta does


def convolution(n, quick):
    assert n["dx is the window"] == n["dW is the patch"] == 0
    assert n["adjoint"] < 1e-11
    assert set(n["counts"][3].ravel()) == {1, 2, 4}
    assert set(n["counts"][4].ravel()) == {4}
    for model in n["loss"].values():
        assert model["moved"] > model["as trained"] + (0.5 if quick else 3)
    lost = {name: model["moved"] - model["as trained"] for name, model in n["loss"].items()}
    assert abs(lost["MLP"] - lost["convolution"]) < 3


def jamo_arithmetic(n, quick):
    for part in ("initial", "vowel", "final"):
        every, one_layout = n["codes"][part]
        assert every > (0.02 if quick else 0.2)  # chance is 0.002
        if not quick:
            assert one_layout > max(0.5, every)
            assert every > n["pixels"][part][0] + 0.05
            assert one_layout > n["pixels"][part][1] + 0.05
    if not quick:
        assert n["back"]["seen"] > 0.98
        assert n["back"]["never seen"] > 0.85


def hue_and_orientation(n, quick):
    low, high, growing = (n[way][0] for way in ("β = 1", "β = 30", "capacity"))
    assert low["used"].all()
    assert low["pure"] == 0
    assert high["kl"].sum() < 0.5 * low["kl"].sum()
    assert abs(growing["kl"].sum() - 6) < 1  # the capacity at the end
    assert growing["pure"] == growing["used"].sum() >= 2
    if not quick:
        assert not any(run["apart"] for run in n["β = 1"])
        assert all(run["apart"] for run in n["capacity"])
        assert growing["error"] < 20
