"""What is no path, no model, no lines: refused by its name, at every door of the library that takes one."""

import numpy as np
import pytest

import npvae
from npvae import evaluation, export, gradcheck
from npvae.cli import main

X = np.random.default_rng(0).random((6, 4)).astype(np.float32)


def vae():
    return npvae.VAE(4, (3,), 2, backend="numpy")


PATHS = {
    "train": ("out", lambda bad: npvae.train(vae(), X, epochs=1, progress=False, out=bad)),
    "resume": ("run", lambda bad: npvae.resume(bad, X)),
    "load": ("folder", lambda bad: npvae.load(bad)),
    "read_config": ("folder", lambda bad: npvae.training.read_config(bad)),
    "load_dataset": ("name_or_path", npvae.load_dataset),
    "load_sequences": ("name_or_path", npvae.load_sequences),
    "load_graph": ("name_or_path", npvae.load_graph),
    "export.save": ("path", lambda bad: export.save(vae(), bad)),
    "export.load": ("path", lambda bad: export.load(bad)),
}
NO_PATHS = {"empty": "", "a number": 5, "bytes": b"x", "a list": ["x"], "an object": object()}


@pytest.mark.parametrize("bad", NO_PATHS.values(), ids=NO_PATHS)
@pytest.mark.parametrize(("name", "door"), PATHS.values(), ids=PATHS)
def test_what_is_no_path_is_named(name, door, bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=rf"^({name} is .*, expected a path, as text or pathlib\.Path|unknown data set '')"
    ):
        door(bad)
    assert not list(tmp_path.iterdir())


MODELS = {
    "train": lambda bad: npvae.train(bad, X, progress=False),
    "evaluate": lambda bad: npvae.training.evaluate(bad, X, np.random.default_rng(0)),
    "measures": lambda bad: list(evaluation.measures(bad, X)),
    "impute": lambda bad: evaluation.impute(bad, X, np.random.default_rng(0)),
    "check_model": lambda bad: gradcheck.check_model(bad),
}


@pytest.mark.parametrize("bad", [None, 5, "runs/digits-1", X, npvae.VAE], ids=["None", "5", "text", "array", "class"])
@pytest.mark.parametrize("door", MODELS.values(), ids=MODELS)
def test_what_is_no_model_is_named(door, bad):
    with pytest.raises(ValueError, match=r"model is a \w+, expected (a model such as|one with params)"):
        door(bad)


@pytest.mark.parametrize("bad", [None, 5, "anna", b"anna", object()])
def test_what_are_no_lines_is_named(bad):
    model = npvae.SequenceVAE("abn", hidden_dim=4, latent_dim=2, embedding_dim=3, backend="numpy")
    with pytest.raises(ValueError, match=r"lines are .*, expected several strings: a list such as"):
        model.batch_of(bad)
    with pytest.raises(ValueError, match="lines: line 2 is 5, expected a string"):
        model.batch_of(["ann", 5])


@pytest.mark.parametrize("bad", [5, "", "aa", ["a", "b"]])
def test_what_is_no_alphabet_is_named(bad):
    with pytest.raises(ValueError, match=r"alphabet is .*, expected a string of different letters"):
        npvae.load_sequences("names-small", alphabet=bad)


def test_what_cannot_be_called_is_refused_before_anything_is_trained():
    model = vae()
    before = model.params.flat.copy()
    with pytest.raises(ValueError, match="on_epoch is 5, expected a function of a model and a row, or None"):
        npvae.train(model, X, epochs=1, progress=False, on_epoch=5)
    np.testing.assert_array_equal(model.params.flat, before)


@pytest.mark.parametrize("bad", [None, 5, []])
def test_a_target_of_the_checker_is_text(bad):
    with pytest.raises(ValueError, match=r"target is .*, expected text such as 'npvae.ops:relu'"):
        gradcheck.find_ops(bad)


def test_rows_to_be_imputed_are_checked_as_those_to_train_on():
    model, rng = npvae.VAE(4, (3,), 2, missing="ignore", backend="numpy"), np.random.default_rng(0)
    for bad, message in (
        (X[:, :2], r"x has shape \(6, 2\)"),
        (255 * X, r"divide by \d+\.\d+, its largest value"),
        (None, "x is a NoneType, expected an array"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluation.impute(model, bad, rng)
        with pytest.raises(ValueError, match=message):
            evaluation.imputation.held_out_error(model, bad, rng)
    with pytest.raises(ValueError, match="rng is 3, expected a generator"):
        evaluation.impute(model, X, 3)


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--out", ""],
        ["train", "--data-dir", ""],
        ["train", "--resume", ""],
        ["encode", "run", "--out", ""],
        ["evaluate", "run", "--json", ""],
        ["evaluate", ""],
        ["study", "--out", ""],
        ["gradcheck", "npvae.ops:relu", "--emit-test", ""],
    ],
    ids=" ".join,
)
def test_a_path_of_a_command_is_not_empty(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(command)
    assert "is '', expected a path: give one, or leave the option out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
