"""Models of sequences: what they read and tell, exact probabilities, word dropout, writing, one loop for all."""

import copy
from itertools import product

import numpy as np
import pytest

import npvae
from npvae.data import DataError, SequenceBatch, Text
from npvae.evaluation.quadrature import Grid, elbo_by_quadrature
from npvae.evaluation.sequences import codes_of, log_p_of_sequences, nll_and_kl, per_letter, sequence_measures
from npvae.gradcheck import check_model
from npvae.models import LanguageModel, SequenceVAE
from npvae.models.letters import Letters
from npvae.models.small import LINES, small
from npvae.training import evaluate, read_checkpoint

SETTINGS = {"max_length": 4, "hidden_dim": 5, "embedding_dim": 3, "dtype": "float64", "backend": "numpy"}
NAMES = ["ann", "bo", "cy", "dee", "ed", "flo", "gus", "hal", "ida", "jo", "kay", "lou"] * 4


def spread(model, seed=0, scale=0.5):
    model.params.flat[:] += scale * np.random.default_rng(seed).standard_normal(model.params.flat.size)
    return model


@pytest.mark.parametrize(("share", "objective"), [(0.5, "free_bits"), (1.0, "elbo"), (0.5, "iwae")])
def test_every_gradient_with_hidden_letters(share, objective):
    model, x, eps = small(
        "sequence_vae", np.random.default_rng(1), word_dropout=share, objective=objective, samples=2, n=3
    )
    report = check_model(model, x, eps)
    assert report, report


def test_what_is_read_is_told_one_step_later():
    x = Letters(np.array([[1, 2, 3], [2, 0, 0]]), np.array([3, 1]))
    np.testing.assert_array_equal(x.read, [[0, 1, 2, 3], [0, 2, 0, 0]])
    np.testing.assert_array_equal(x.told, [[1, 2, 3, 0], [2, 0, 0, 0]])
    np.testing.assert_array_equal(x.predictions, [4, 2])


def all_strings(alphabet, most):
    return ["".join(s) for n in range(1, most + 1) for s in product(alphabet, repeat=n)]


def test_probabilities_of_all_strings_and_of_longer_ones_add_to_one():
    """Under a language model, and under a decoder at any z: at most 3 letters, and what goes on after three."""
    lines = all_strings("abc", 3)
    for model, z in ((LanguageModel("abc", **SETTINGS), None), (SequenceVAE("abc", latent_dim=2, **SETTINGS), True)):
        spread(model)
        x = model.batch_of(lines)
        if z is None:
            output = model.forward(x)[1].output
        else:
            output, _ = model.decoder_forward(model.ops, np.tile([[0.3, -1.2]], (len(x), 1)), x)
        log_p = output - np.log(np.exp(output).sum(axis=2, keepdims=True))  # (N, T, C)
        told, letters = Letters(x.ids, x.lengths).told, x.lengths
        chosen = np.take_along_axis(log_p, told[:, :, None], axis=2)[:, :, 0]
        total = np.exp(log_p[0, 0, 0])  # the empty string
        for n, count in enumerate(letters):
            total += np.exp(chosen[n, : count + 1].sum())
            if count == 3:  # and every string that begins with these three letters and goes on
                total += np.exp(chosen[n, :3].sum()) * (1 - np.exp(log_p[n, 3, 0]))
        assert total == pytest.approx(1, abs=1e-12)


def test_the_bound_is_below_log_p_which_a_grid_gives_exactly():
    """One latent: -ELBO >= -log p(x), and importance sampling comes to the same log p(x)."""
    model = spread(SequenceVAE("abc", latent_dim=1, **SETTINGS), seed=3)
    data = Text(LINES, "abc")
    x, grid = data.batch(slice(None)), Grid.make(1, 0.02)
    log_p = []
    for n in range(len(x)):
        one = SequenceBatch(np.repeat(x.ids[[n]], len(grid.z), axis=0), np.repeat(x.lengths[[n]], len(grid.z)))
        output, _ = model.decoder_forward(model.ops, grid.z, one)
        nll, _ = model.likelihood.forward(model.ops, output, Letters(one.ids, one.lengths), model.params)
        joint = -nll - 0.5 * (grid.z[:, 0] ** 2 + np.log(2 * np.pi))
        log_p.append(np.log(np.exp(joint - joint.max()).sum()) + joint.max() + grid.log_cell)
    assert (elbo_by_quadrature(model, x) < np.array(log_p)).all()
    found = log_p_of_sequences(model, data, np.random.default_rng(0), samples=2000)
    assert (np.abs(found.log_p - log_p) < 5 * found.standard_error + 1e-9).all()


def test_a_decoder_that_reads_nothing_gives_the_same_logits_for_all_letters():
    model = spread(SequenceVAE("abc", latent_dim=2, word_dropout=1.0, **SETTINGS))
    z = np.tile([[0.5, -1.0]], (2, 1))
    output, _ = model.decoder_forward(model.ops, z, model.batch_of(["abca", "bbcc"]))
    np.testing.assert_array_equal(output[0], output[1])
    reader = spread(SequenceVAE("abc", latent_dim=2, **SETTINGS))
    output, _ = reader.decoder_forward(reader.ops, z, reader.batch_of(["abca", "bbcc"]))
    assert not np.array_equal(output[0], output[1])


def test_letters_are_hidden_in_training_alone():
    model = SequenceVAE("abc", latent_dim=2, word_dropout=0.5, **SETTINGS)
    rng = np.random.default_rng(0)
    assert model.draw_eps(3, rng).shape == (3, 2 + model.max_length)
    assert model.draw_test_eps(3, rng).shape == (3, 2)
    data, plain = Text(LINES, "abc"), SequenceVAE("abc", latent_dim=2, **SETTINGS)
    plain.params.flat[:] = spread(model).params.flat
    for each in (model, plain):
        each.losses = evaluate(each, data, np.random.default_rng(1))
    assert model.losses == plain.losses
    x, eps = data.batch(slice(None)), model.draw_eps(len(data), rng)
    assert model.forward(x, eps)[0] != model.forward(x, eps[:, :2])[0]
    with pytest.raises(ValueError, match=r"eps has shape \(6, 3\), expected \(N, L\) = \(6, 2\)"):
        model.forward(x, eps[:, :3])


def test_the_share_of_hidden_letters_is_what_was_asked_for():
    x = Letters(np.ones((1000, 9), int), np.full(1000, 9))
    keep = x.hidden_from(np.random.default_rng(0).random((1000, 12)), 0.3).keep
    assert keep[:, 0].all()  # the start is no letter
    assert keep[:, 1:].mean() == pytest.approx(0.7, abs=0.02)


def test_letters_are_drawn_with_their_probabilities():
    """What is written, counted, against the probabilities that the model gives to whole lines."""
    model = spread(LanguageModel("ab", **{**SETTINGS, "hidden_dim": 3}), scale=0.8)
    lines = model.sample(4000, np.random.default_rng(0), max_length=12)
    for line in ("a", "b", "ab", "ba"):
        wanted = np.exp(-model.forward(model.batch_of([line]))[1].nll[0])
        share = lines.count(line) / len(lines)
        assert share == pytest.approx(wanted, abs=4.5 * np.sqrt(wanted / len(lines)))


def test_temperature_and_greedy():
    model = spread(SequenceVAE("abcd", latent_dim=2, **SETTINGS))
    z = np.random.default_rng(0).standard_normal((6, 2))
    greedy = model.decode(z)
    assert model.decode(z) == greedy
    assert model.decode(z, np.random.default_rng(0), temperature=1e-6) == greedy
    assert model.decode(z, np.random.default_rng(0), temperature=5.0) != greedy
    assert max(map(len, model.decode(z, np.random.default_rng(0), max_length=2))) <= 2
    for bad in (0, -1, np.inf, "1"):
        with pytest.raises(ValueError, match=r"temperature is .*, expected a number above 0"):
            model.decode(z, temperature=bad)
    with pytest.raises(ValueError, match="max_length is 0, expected a whole number of at least 1"):
        model.sample(2, np.random.default_rng(0), max_length=0)


def test_writing_is_the_forward_taken_step_by_step():
    """Greedy letters are the likeliest ones of a forward over what was written."""
    model = spread(SequenceVAE("abcd", latent_dim=2, **SETTINGS), seed=5)
    z = np.random.default_rng(1).standard_normal((20, 2))
    for code, line in zip(z, model.decode(z), strict=True):
        if line:
            output, _ = model.decoder_forward(model.ops, code[None], model.batch_of([line]))
            letters = output[0].argmax(axis=1)
            written = [model.alphabet.index(letter) + 1 for letter in line]
            assert letters[: len(line)].tolist() == written
            assert letters[len(line)] == 0 or len(line) == model.max_length


def test_interpolation_runs_from_one_line_to_the_other():
    model = spread(SequenceVAE("abc", latent_dim=2, **SETTINGS))
    way = model.interpolate("abc", "cab", 5)
    assert len(way) == 5
    assert way[::4] == model.reconstruct(["abc", "cab"])
    with pytest.raises(ValueError, match="steps is 1, expected at least 2"):
        model.interpolate("abc", "cab", 1)


@pytest.mark.parametrize("kind", ["sequence_vae", "language_model"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_training_goes_on_with_the_same_bits_where_it_was_stopped(kind, backend, tmp_path):
    more = {"latent_dim": 2, "word_dropout": 0.3} if kind == "sequence_vae" else {}
    data, test = Text(NAMES[:40]), Text(NAMES[40:], Text(NAMES[:40]).alphabet)

    def fresh():
        return npvae.models.MODELS[kind](
            data.alphabet, 5, hidden_dim=6, embedding_dim=4, dtype="float32", backend=backend, **more
        )

    settings = {"batch_size": 7, "seed": 3, "progress": False}
    whole = npvae.train(fresh(), data, test, epochs=4, **settings)
    npvae.train(fresh(), data, test, epochs=2, out=tmp_path / "r", checkpoint_steps=2, **settings)
    assert read_checkpoint(tmp_path / "r").config["model"] == kind
    again = npvae.resume(tmp_path / "r", data, test, epochs=4, progress=False)
    assert again.params.flat.tobytes() == whole.params.flat.tobytes()
    losses = [[row[name] for name in ("train_loss", "test_loss", "test_kl")] for row in whole.history]
    assert losses == [[row[name] for name in ("train_loss", "test_loss", "test_kl")] for row in again.history]
    assert npvae.load(tmp_path / "r").params.flat.tobytes() == whole.params.flat.tobytes()
    with pytest.raises(ValueError, match=r"resume: x_train is .* samples of kind sequences"):
        npvae.resume(tmp_path / "r", test, test, epochs=5, progress=False)


@pytest.mark.parametrize("kind", ["sequence_vae", "language_model"])
def test_kernels_and_pages_train_alike(kind):
    data = Text(NAMES)
    more = {"latent_dim": 2} if kind == "sequence_vae" else {}
    found = []
    for backend in ("numpy", "numba"):
        model = npvae.models.MODELS[kind](data.alphabet, 5, hidden_dim=6, dtype="float64", backend=backend, **more)
        npvae.train(model, data, epochs=2, batch_size=9, lr=1e-2, progress=False)
        found.append(model.params.flat)
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-11)


def test_a_language_model_learns_what_there_is_to_learn():
    """One name alone is certain in the end."""
    data = Text(["abba"] * 8)
    model = LanguageModel("ab", 4, hidden_dim=8, dtype="float64", backend="numpy")
    npvae.train(model, data, epochs=120, batch_size=8, lr=3e-2, progress=False)
    assert model.history[-1]["train_loss"] < 0.05
    assert model.sample(3, np.random.default_rng(0), greedy=True) == ["abba"] * 3


def test_inputless_z_alone_can_hold_a_line():
    """Four lines, one code each: without letters to read, the decoder gives back what z says."""
    lines = ["aab", "bba", "cc", "abc"]
    settings = {"word_dropout": 1.0, "beta": 0.1, "dtype": "float64", "backend": "numpy"}
    model = SequenceVAE("abc", 4, latent_dim=2, hidden_dim=16, **settings)
    npvae.train(model, Text(lines * 8), epochs=150, batch_size=32, lr=2e-2, progress=False)
    assert model.reconstruct(lines) == lines


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alphabet": ""}, "alphabet is '', expected a string of different letters"),
        ({"alphabet": "aba"}, "alphabet is 'aba', expected a string of different letters"),
        ({"alphabet": ["a"]}, r"alphabet is \['a'\], expected a string"),
        ({"max_length": 0}, "max_length is 0, expected at least 1"),
        ({"word_dropout": 1.5}, "word_dropout is 1.5, expected a number from 0 to 1"),
        ({"hidden_dim": 2.5}, "hidden_dim is 2.5, expected a whole number"),
        ({"objective": "fastest"}, "objective 'fastest' is unknown"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SequenceVAE(**{"alphabet": "ab", **settings})


def test_data_that_do_not_fit_are_refused():
    model = SequenceVAE("abc", latent_dim=2, **SETTINGS)
    for data, message in (
        (Text(["abd"]), "x_train: the alphabet of the data is 'abd', the model's 'abc'"),
        (Text(["aaaaa"], "abc"), "x_train: a sequence has 5 letters, the model was built for at most 4"),
        (npvae.data.Sequences([[1, 7]]), "x_train: ids run from 1 to 7, expected 1 to 3"),
        (npvae.data.Sequences([[0, 1]]), "x_train: ids run from 0 to 1, expected 1 to 3"),
        (np.zeros((3, 4), np.float32), "x_train: x is an array of shape .*, the model takes data of kind sequences"),
    ):
        with pytest.raises(ValueError, match=message):
            npvae.train(model, data, epochs=1, progress=False)
    with pytest.raises(ValueError, match="x is a ndarray, expected sequences"):
        model.forward(np.zeros((3, 4)), np.zeros((3, 2)))
    for batch in (
        SequenceBatch(np.ones((2, 3), int), np.array([1, 4])),
        SequenceBatch(np.full((2, 3), 9), np.array([1, 2])),
        SequenceBatch(np.ones((2, 3), int), np.array([0, 2])),
        SequenceBatch(np.ones((2, 3), int), np.array([1, 2, 3])),
    ):
        with pytest.raises(ValueError, match="SequenceVAE: "):
            model.encode(batch)
    with pytest.raises(DataError, match="line 1 holds 'é', which is not in the alphabet 'abc'"):
        model.encode(["aé"])
    with pytest.raises(ValueError, match="a LanguageModel has no code"):
        LanguageModel("abc", **SETTINGS).encode(["a"])
    with pytest.raises(ValueError, match="the data are of kind sequences, the model takes rows"):
        npvae.train(npvae.VAE(4), Text(["abc"]), epochs=1, progress=False)


def test_measures_of_a_language_model_are_exact_and_count_every_letter():
    model, data = spread(LanguageModel("abc", **SETTINGS)), Text(LINES, "abc")
    nats, each = sequence_measures(model, data)
    nll = model.forward(data.batch(slice(None)))[1].nll
    assert nats.value == pytest.approx(nll.mean())
    assert each.value == pytest.approx(nll.sum() / (data.lengths + 1).sum())
    assert per_letter(2.5 * np.array([2.0, 4.0, 5.0]), np.array([2, 4, 5])) == pytest.approx((2.5, 0.0))


def test_measures_of_a_vae():
    model, data = spread(SequenceVAE("abc", latent_dim=2, **SETTINGS)), Text(LINES * 3, "abc")
    found = {measure.name.strip(): measure.value for measure in sequence_measures(model, data, samples=300)}
    assert found["-ELBO"] == pytest.approx(found["distortion"] + found["rate"])
    assert found["-log p(x)"] < found["-ELBO"]
    nll, kl = nll_and_kl(model, data, np.random.default_rng(0))
    assert nll.shape == kl.shape == (len(data),)
    assert sum(found["KL of each latent"]) == pytest.approx(found["rate"])
    mu, _ = codes_of(model, data)
    np.testing.assert_allclose(mu[: len(LINES)], model.encode(LINES)[0])


def test_a_copy_writes_the_same():
    model = spread(SequenceVAE("abc", latent_dim=2, **SETTINGS))
    assert copy.deepcopy(model).reconstruct(LINES) == model.reconstruct(LINES)
