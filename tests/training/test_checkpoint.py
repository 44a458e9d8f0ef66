"""The file of a checkpoint: what it holds, that any damage is one error, that older versions still go on."""

import dataclasses
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.training import RunError, read_checkpoint
from npvae.training.checkpoint import FIELDS, NAME, restore
from npvae.training.state import TrainingState

HERE = Path(__file__).parent
SIZE = 90  # parameters of the model below
MEND = r"take a copy of it if there is one, or train again"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, crash_at):
    """A run that broke off in its third epoch."""
    folder, x = tmp_path_factory.mktemp("run"), np.random.default_rng(1).random((25, 6))
    with crash_at(9):
        model = npvae.VAE(6, (4,), 2, dtype="float64", backend="numpy")
        npvae.train(
            model, x[:20], x[20:], epochs=4, batch_size=5, seed=8, out=folder, checkpoint_steps=1, progress=False
        )
    return folder


@pytest.fixture
def damaged(folder, tmp_path):
    """Writes a checkpoint of these bytes into a folder of its own, which is returned."""

    def write(content):
        (tmp_path / NAME).write_bytes(content)
        return tmp_path

    return write


def rewritten(folder, change):
    """The bytes of the checkpoint with `change(about, arrays)` made to it: a .npz in perfect order."""
    checkpoint, stream = read_checkpoint(folder), io.BytesIO()
    change(checkpoint.about, checkpoint.arrays)
    checkpoint.about["arrays"] = list(checkpoint.arrays)
    about = np.frombuffer(json.dumps(checkpoint.about).encode(), np.uint8)
    np.savez(stream, about=about, **checkpoint.arrays)
    return stream.getvalue()


def test_it_holds_everything_and_is_plain_numbers(folder):
    with np.load(folder / NAME, allow_pickle=False) as arrays:
        names = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    assert npvae.load(folder).params.flat.size == SIZE
    assert names.pop("about")[0] == "uint8"
    assert names == {
        "params": ("float64", (SIZE,)),
        "best": ("float64", (SIZE,)),
        "optimizer/m": ("float64", (SIZE,)),
        "optimizer/v": ("float64", (SIZE,)),
        "optimizer/t": ("int64", ()),
        "order": ("uint8", (20,)),
    }
    checkpoint = read_checkpoint(folder)
    about = checkpoint.about
    assert about.keys() == {
        "format", "version", "arrays", "config", "environment", "data", "shapes", "epoch", "seen", "step", "seconds",
        "totals", "rng", "test_rng", "best", "history",
    }  # fmt: skip
    assert (about["version"], about["epoch"], about["seen"], about["step"]) == (1, 3, 5, 9)
    assert checkpoint.arrays["optimizer/t"] == 9
    assert sorted(checkpoint.arrays["order"]) == list(range(20))
    assert len(about["history"]) == 2
    assert about["best"]["loss"] == min(row["test_loss"] for row in about["history"])
    assert about["config"] == npvae.training.read_config(folder)
    assert {"npvae", "numpy", "python", "blas", "cpus", "backend", "OMP_NUM_THREADS"} <= about["environment"].keys()


def test_every_field_of_a_state_is_saved():
    as_arrays, anew = {"model", "optimizer", "order"}, {"_since"}
    assert {field.name for field in dataclasses.fields(TrainingState)} == FIELDS.keys() | as_arrays | anew


def test_a_state_comes_back_in_every_part(folder):
    """Written and read, nothing has changed; what follows from it is the same too."""
    (a, settings), (b, _) = (restore(read_checkpoint(folder), folder) for _ in range(2))
    assert (a.epoch, a.seen, a.step, a.best.epoch) == (3, 5, 9, 2)
    assert settings.epochs == 4
    assert a.seconds > 0
    np.testing.assert_array_equal(a.rng.random(5), b.rng.random(5))
    assert not np.array_equal(a.rng.random(5), a.test_rng.random(5))
    assert a.model.history is a.history
    assert a.optimizer.t == 9
    assert a.optimizer.params is a.model.params


@pytest.mark.filterwarnings("ignore::npvae.training.EnvironmentWarning")
def test_a_checkpoint_of_version_1_still_goes_on(tmp_path):
    """In the middle of its third epoch, with Adam, early stopping and two kinds of held-out data."""
    shutil.copy(HERE / "checkpoint-v1" / NAME, tmp_path)
    assert read_checkpoint(tmp_path).about["version"] == 1
    x = np.arange(20 * 6, dtype=np.float64).reshape(20, 6) % 7 / 7
    vae = npvae.resume(tmp_path, x[:14], x[14:17], x_valid=x[17:], progress=False)
    expected = np.load(HERE / "checkpoint-v1" / "expected.npy")  # of the same training, never interrupted
    np.testing.assert_allclose(vae.params.flat, expected, rtol=1e-9, atol=1e-12)
    assert [row["epoch"] for row in vae.history] == [1, 2, 3, 4]


def test_a_newer_version_is_refused(folder, damaged):
    newer = damaged(rewritten(folder, lambda about, arrays: about.update(version=2)))
    with pytest.raises(RunError, match=r"checkpoint\.npz is of version 2, this npvae reads up to 1: upgrade npvae"):
        read_checkpoint(newer)


def drop(name):
    return lambda about, arrays: arrays.pop(name)


def put(name, value):
    return lambda about, arrays: arrays.update({name: value})


def say(**values):
    return lambda about, arrays: about.update(values)


@pytest.mark.parametrize(
    "change",
    {
        "not a checkpoint": say(format="something else"),
        "no version": say(version="one"),
        "no params": drop("params"),
        "no order": drop("order"),
        "no state of the optimiser": drop("optimizer/m"),
        "too much state": put("optimizer/w", np.zeros(3)),
        "no best": drop("best"),
        "other shape": put("params", np.zeros(3)),
        "other dtype": put("params", np.zeros(SIZE, np.float32)),
        "NaN": put("params", np.full(SIZE, np.nan)),
        "NaN in the best": put("best", np.full(SIZE, np.nan)),
        "other state": put("optimizer/m", np.zeros(3)),
        "other names": say(shapes={"W": [SIZE]}),
        "other settings": say(config={"model": "vae", "model_settings": {"data_dim": -1}, "training": {}}),
        "no such model": say(config={"model": "gan", "model_settings": {}, "training": {}}),
        "no config": say(config=None),
        "no generator": say(rng={"bit_generator": "MT19937"}),
        "no totals": say(totals=[1.0, 2.0]),
        "a row that is not there": put("order", np.full(20, 77, np.uint8)),
        "a row twice": put("order", np.zeros(20, np.uint8)),
        "an order of other length": put("order", np.arange(19, dtype=np.uint8)),
        "seen too much": say(seen=21),
        "seen less than nothing": say(seen=-1),
        "epoch as text": say(epoch="three"),
        "no history": say(history=None),
    }.items(),
    ids=lambda change: change[0],
)
def test_parts_that_do_not_fit_are_one_error_that_names_the_file(folder, damaged, change):
    path = damaged(rewritten(folder, change[1]))
    x = np.random.default_rng(1).random((25, 6))
    with pytest.raises(RunError, match=r"checkpoint\.npz"):
        npvae.resume(path, x[:20], x[20:], progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (say(seen=-1), r"seen cannot be read \(ValueError: found -1, expected a whole number\)"),
        (say(best={}), r"best cannot be read \(KeyError: 'epoch'\)"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(folder, damaged, change, message):
    path = damaged(rewritten(folder, change))
    with pytest.raises(RunError, match=message):
        restore(read_checkpoint(path), path)


def test_every_truncation_is_refused(folder, damaged):
    content = (folder / NAME).read_bytes()
    for length in range(0, len(content), 13):
        with pytest.raises(RunError, match=MEND):
            read_checkpoint(damaged(content[:length]))


def campaign(folder, damaged, files, seed):
    """Files with some bytes changed -> how many were refused; the others gave what the undamaged one gives."""
    content, rng, refused = (folder / NAME).read_bytes(), np.random.default_rng(seed), 0
    truth = read_checkpoint(folder)
    for _ in range(files):
        changed = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            changed[at] ^= int(rng.integers(1, 256))
        try:
            found = read_checkpoint(damaged(bytes(changed)))
        except RunError:
            refused += 1
        else:
            assert found.about == truth.about
            assert found.arrays.keys() == truth.arrays.keys()
            for name, array in truth.arrays.items():
                np.testing.assert_array_equal(found.arrays[name], array)
    return refused


def test_mutated_files_are_refused_or_right(folder, damaged):
    assert campaign(folder, damaged, 400, seed=1) > 300


@pytest.mark.deep
def test_mutated_files_are_refused_or_right_20_000(folder, damaged):
    assert campaign(folder, damaged, 20_000, seed=2) > 16_000


def test_pickles_and_foreign_archives_are_refused(folder, damaged):
    stream = io.BytesIO()
    np.savez(stream, about=np.array({"a": 1}, dtype=object))
    with pytest.raises(RunError, match=MEND):
        read_checkpoint(damaged(stream.getvalue()))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "no arrays here")
    with pytest.raises(RunError, match=MEND):
        read_checkpoint(damaged(stream.getvalue()))
    for about in (b"[1, 2]", b"{", b"\xff\xfe", b"[" * 10**5):
        stream = io.BytesIO()
        np.savez(stream, about=np.frombuffer(about, np.uint8))
        with pytest.raises(RunError, match=MEND):
            read_checkpoint(damaged(stream.getvalue()))
