"""The page's model is npvae's VAE: loss, every intermediate, every gradient, and fifty steps of Adam."""

import numpy as np
import pytest

import npvae
from npvae.models.wiring import PLACES, named
from npvae.study import weights
from npvae.study.contents import contents

NAMES = [f"{letter}{k}" for k in range(1, 5) for letter in "Wb"]
SIZES = [(1, 8, 1), (2, 16, 1), (2, 16, 4), (3, 8, 4), (8, 32, 4), (2, 16, 100)]
DIGITS = npvae.load_dataset("digits")[0]


def model_of(L, H, beta, rng):
    """A VAE in float64 with no parameter at zero: zeros hide wrong gradients."""
    model = npvae.VAE(64, (H,), L, beta=beta, dtype="float64", backend="numpy", seed=3)
    model.params.flat[...] += 0.3 * rng.standard_normal(model.params.flat.size)
    return model


def parameters(model):
    """By the names of the page, as flat lists."""
    return {name: model.params[f"{PLACES[int(name[1]) - 1]}.{name[0]}"].reshape(-1).tolist() for name in NAMES}


@pytest.mark.parametrize(("L", "H", "N"), SIZES)
def test_loss_and_gradients_are_those_of_the_library(engine, L, H, N):
    rng = np.random.default_rng(N + L)
    model = model_of(L, H, 0.8, rng)
    x, eps = DIGITS[:N].astype(float), rng.standard_normal((N, L))
    loss, trace = model.forward(x, eps)
    truth = named(loss, trace, model.backward(trace))
    found = engine(
        """const run = study.createRun({ L: given.L, H: given.H, beta: 0.8 });
        for (const name of study.parameterNames) run.params[name].set(given.parameters[name]);
        const pass = study.createPass(run, { x: Float64Array.from(given.x), eps: Float64Array.from(given.eps) }).run();
        return Object.fromEntries(given.names.map((name) => [name, flat(pass.array(name))]));""",
        L=L,
        H=H,
        parameters=parameters(model),
        x=x.reshape(-1).tolist(),
        eps=eps.reshape(-1).tolist(),
        names=list(truth),
    )
    assert set(truth) >= {"loss", "logits", "kl", *(f"d{name}" for name in NAMES)}
    for name, value in truth.items():
        value = np.asarray(value, dtype=float).reshape(-1)
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12 * np.abs(value).max(), err_msg=name)


def test_fifty_steps_of_adam_are_those_of_the_library(engine):
    rng = np.random.default_rng(0)
    model = model_of(2, 16, 1.0, rng)
    start, adam = parameters(model), npvae.Adam(model.params, lr=0.01, backend="numpy")
    batches = [
        (DIGITS[rng.permutation(len(DIGITS))[:100]].astype(float), rng.standard_normal((100, 2))) for _ in range(50)
    ]
    losses = []
    for x, eps in batches:
        loss, trace = model.forward(x, eps)
        adam.step(model.backward(trace))
        losses.append(loss)
    found = engine(
        """const run = study.createRun();
        for (const name of study.parameterNames) run.params[name].set(given.start[name]);
        const losses = given.batches.map(([x, eps]) => run.trainStep(x, eps).loss);
        const params = study.parameterNames.map((name) => [name, flat(run.params[name])]);
        return { losses, ...Object.fromEntries(params) };""",
        start=start,
        batches=[(x.reshape(-1).tolist(), eps.reshape(-1).tolist()) for x, eps in batches],
    )
    np.testing.assert_allclose(found.pop("losses"), losses, rtol=1e-9)
    for name, value in parameters(model).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_rewinding_gives_the_same_losses_bit_for_bit_and_another_seed_gives_others(engine):
    first, again, other, noisy = engine(
        """const losses = (run) => Array.from({ length: 30 }, () => run.trainStep().loss);
        const run = study.createRun({ breakId: "noise-again" });
        const first = losses(run);
        run.useTrained();
        run.trainStep();
        run.rewind();
        const twin = run.twin();
        return [first, losses(run), losses(study.createRun({ seed: 2, breakId: "noise-again" })), losses(twin)];"""
    )
    assert first == again
    assert first[0] == noisy[0]
    assert len({*first, *other, *noisy[1:]}) == 60 + 29


def test_training_gets_below_26_and_a_half_nats_in_500_steps(engine):
    before, after, step = engine(
        """const run = study.createRun();
        const before = run.trueLoss().loss;
        for (let step = 0; step < 500; step++) run.trainStep();
        return [before, run.trueLoss().loss, run.step];"""
    )
    assert step == 500
    assert before > 40
    assert after < 26.5


def test_the_trained_parameters_are_trained(engine):
    found = engine(
        """const run = study.createRun();
        run.useTrained();
        return [run.trueLoss(), run.trained, run.diverged];"""
    )
    assert found[0]["loss"] < 25.5
    assert found[0]["loss"] == pytest.approx(found[0]["nll"] + found[0]["kl"], rel=1e-12)
    assert found[1:] == [True, False]
    assert set(weights.example()) == {"L", "H", "beta", *NAMES}


def test_encoding_and_decoding_are_those_of_the_library(engine):
    rng = np.random.default_rng(5)
    model = model_of(3, 8, 1.0, rng)
    x, z = DIGITS[:7].astype(float), rng.standard_normal((5, 3))
    found = engine(
        """const run = study.createRun({ L: 3, H: 8 });
        for (const name of study.parameterNames) run.params[name].set(given.parameters[name]);
        const { mu, logvar, std } = study.encode(run, Float64Array.from(given.x));
        return [mu, logvar, std, study.decode(run, Float64Array.from(given.z))].map(flat);""",
        parameters=parameters(model), x=x.reshape(-1).tolist(), z=z.reshape(-1).tolist(),
    )  # fmt: skip
    mu, logvar = model.encode(x)
    for answer, truth in zip(found, (mu, logvar, np.exp(logvar / 2), model.decode(z)), strict=True):
        np.testing.assert_allclose(answer, truth.reshape(-1), rtol=1e-12, atol=1e-12)


def test_the_digits_are_all_of_them_training_images_first(engine):
    train, test = npvae.load_dataset("digits")
    pixels, labels = engine(
        """const all = Array.from({ length: study.digitCount }, (_, k) => k);
        return [all.map((k) => flat(study.digitPixels(k))), all.map(study.digitLabel)];"""
    )
    np.testing.assert_array_equal(pixels, np.concatenate([train.numpy(), test.numpy()]))
    np.testing.assert_array_equal(labels, np.concatenate([train.labels, test.labels]))


def test_a_run_that_diverges_says_so_and_goes_on_without_an_error(engine):
    found = engine(
        """const run = study.createRun({ breakId: "kl-sign-both", lr: 1 });
        for (let step = 0; step < 200; step++) run.trainStep();
        const { differences, kl } = study.checks(run);
        run.rewind();
        return [differences.verdict, kl.verdict, run.diverged, run.step];"""
    )
    assert found == ["cannot_tell", "cannot_tell", False, 0]


def test_words_of_a_break_that_there_is_not(engine):
    assert "no break is called toString" in engine(
        "try { study.createRun({ breakId: 'toString' }); } catch (error) { return error.message; }"
    )


def test_names_and_shapes_stand_in_the_data_once():
    data = contents()
    names = [line["id"] for line in data["lines"]]
    assert len(set(names) | set(data["given"])) == len(names) + len(data["given"])
    assert sum(line["kind"] != "size" for line in data["lines"]) == 37
    assert {line["section"] for line in data["lines"]} == {"Forward", "Backward"}
