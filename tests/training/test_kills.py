"""Killed at any moment, training leaves a checkpoint that loads, and ends with the bits of an undisturbed run."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import npvae
from npvae.training import read_checkpoint, read_metrics

TRAIN = """
import sys
import numpy as np
import npvae

folder, kind, resume = sys.argv[1], sys.argv[2], sys.argv[3] == "resume"
rng = np.random.default_rng(0)
if kind == "sequence_vae":
    lines = ["".join(rng.choice([*"abc"], rng.integers(1, 5))) for _ in range(50)]
    train, test = npvae.data.Text(lines[10:], "abc"), npvae.data.Text(lines[:10], "abc")
    settings = {"max_length": 4, "hidden_dim": 5, "embedding_dim": 3, "word_dropout": 0.5}
    vae = npvae.SequenceVAE("abc", latent_dim=2, backend="numpy", **settings)
elif kind == "conv_vae":
    x = rng.random((50, 6, 6, 1), np.float32)
    train, test, vae = x[10:], x[:10], npvae.ConvVAE((6, 6, 1), (2,), (4,), 2, backend="numpy")
else:
    x = rng.random((50, 30), np.float32)
    train, test, vae = x[10:], x[:10], npvae.VAE(30, (20,), 3, backend="numpy")
print("ready", flush=True)
if resume:
    npvae.resume(folder, train, test, progress=False)
else:
    npvae.train(vae, train, test, epochs=12, batch_size=7, out=folder, checkpoint_steps=1, progress=False)
"""
SHARE = 0.6  # of the time that an undisturbed training takes: no later than that after its start is it killed


def start(folder, kind):
    how = "resume" if (folder / "checkpoint.npz").exists() else "train"
    process = subprocess.Popen([sys.executable, "-c", TRAIN, str(folder), kind, how], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, seconds=None):
    """Wait for it to end by itself, or kill it after some seconds -> its exit code."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return process.returncode


def without_time(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def campaign(tmp_path, kind, kills, seed):
    """Train again and again, killing each time, until so many were killed -> number of trainings brought to an end."""
    truth = tmp_path / "undisturbed"
    process, began = start(truth, kind), time.perf_counter()
    assert end(process) == 0
    seconds = SHARE * (time.perf_counter() - began)
    rng, killed, ended = np.random.default_rng(seed), 0, 0
    while killed < kills:
        folder, done = tmp_path / f"run-{ended}", False
        while not done:
            process = start(folder, kind)
            code = end(process, rng.uniform(0, seconds) if killed < kills else None)
            assert code in (0, -signal.SIGKILL)
            done = code == 0
            killed += not done
            if (folder / "checkpoint.npz").exists():
                step = read_checkpoint(folder).about["step"]
            if (folder / "config.json").exists():
                assert np.isfinite(npvae.load(folder).params.flat).all()
                assert len(read_metrics(folder)) >= step // 6 - 1
        compare(folder, truth)
        ended += 1
    return ended


def compare(folder, truth):
    ours, theirs = read_checkpoint(folder), read_checkpoint(truth)
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, array in theirs.arrays.items():
        np.testing.assert_array_equal(ours.arrays[name], array)
    for name in theirs.about.keys() - {"seconds", "history"}:
        assert ours.about[name] == theirs.about[name], name
    for name in ("model.npz", "best.npz"):
        assert (folder / name).read_bytes() == (truth / name).read_bytes()
    assert without_time(read_metrics(folder)) == without_time(read_metrics(truth))
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in truth.iterdir())


@pytest.mark.parametrize(("kind", "kills"), [("vae", 12), ("sequence_vae", 4), ("conv_vae", 4)])
def test_killed_at_a_few_moments(tmp_path, kind, kills):
    assert campaign(tmp_path, kind, kills, seed=1) >= 1


@pytest.mark.deep
@pytest.mark.parametrize(("kind", "kills"), [("vae", 200), ("sequence_vae", 50), ("conv_vae", 50)])
def test_killed_at_many_moments(tmp_path, kind, kills):
    began = time.perf_counter()
    ended = campaign(tmp_path, kind, kills, seed=2)
    took = f"{time.perf_counter() - began:.0f} s"
    print(f"{kind}: {kills} kills in {took}, {ended} trainings brought to an end, all bit-identical")
