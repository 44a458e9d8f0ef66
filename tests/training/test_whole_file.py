"""A write that fails anywhere leaves what was there, and no litter; the error says which file, why, and what to do."""

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.training import read_checkpoint, whole_file
from npvae.training.whole_file import write_whole

OLD, NEW = b"what was there", b"what is to be there instead"


def fail(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    return tmp_path / "file"


def test_a_file_is_written_and_written_over(path):
    for data in (NEW, b"", OLD):
        write_whole(path, data)
        assert path.read_bytes() == data
        assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    write_whole(path.with_name("other"), NEW)
    assert path.with_name("other").read_bytes() == NEW


def test_it_is_synced_before_it_takes_the_name_and_the_folder_after(path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: [calls.append(name), real(*args)])
    write_whole(path, NEW)
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("stage", ["open", "fsync", "replace"])
def test_a_full_disk_at_any_stage(path, monkeypatch, stage):
    if stage == "open":
        monkeypatch.setattr(whole_file, "open", fail, raising=False)
    else:
        monkeypatch.setattr(os, stage, fail)
    with pytest.raises(OSError, match=r"file cannot be written \(No space left on device\): make room") as caught:
        write_whole(path, NEW)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == OLD
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_does_not_read_back_is_not_given_the_name(path, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda self: NEW[:-1] + b"?")
    with pytest.raises(OSError, match="does not read back as it was written"):
        write_whole(path, NEW)
    monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_ctrl_c_in_the_middle(path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, NEW)
    assert path.read_bytes() == OLD
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.file cannot be written \(No such file or directory\)"):
        write_whole(tmp_path / "missing" / "file", NEW)


def big(**settings):
    return npvae.VAE(12, (200, 200), 2, backend="numpy", **settings)  # a checkpoint of about 1 MB


def test_a_file_that_may_not_grow_so_far(x, tmp_path):
    """As with a quota: RLIMIT_FSIZE is lowered after the first checkpoint."""
    resource = pytest.importorskip("resource")
    npvae.train(big(), x, epochs=1, batch_size=10, out=tmp_path, progress=False)
    before, limits = read_checkpoint(tmp_path).about, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"checkpoint\.npz cannot be written \(File too large\): make room"):
            npvae.resume(tmp_path, x, epochs=5, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_checkpoint(tmp_path).about == before
    assert len(npvae.resume(tmp_path, x, epochs=5, progress=False).history) == 5


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.name != "posix"
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full(x, small_disk):
    """Room for the first checkpoint, but not for a second beside it."""
    npvae.train(big(), x, epochs=1, batch_size=10, out=small_disk / "run", progress=False)
    before = read_checkpoint(small_disk / "run").about
    room = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize - 200_000))
    with pytest.raises(OSError, match=r"checkpoint\.npz cannot be written \(No space left on device\)"):
        npvae.resume(small_disk / "run", x, epochs=5, progress=False)
    assert read_checkpoint(small_disk / "run").about == before
    (small_disk / "ballast").unlink()
    assert len(npvae.resume(small_disk / "run", x, epochs=5, progress=False).history) == 5


def test_a_disk_that_became_read_only(x, small_disk):
    npvae.train(big(), x, epochs=1, batch_size=10, out=small_disk / "run", progress=False)
    before = read_checkpoint(small_disk / "run").about
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        with pytest.raises(OSError, match=r"checkpoint\.npz cannot be written \(Read-only file system\)"):
            npvae.resume(small_disk / "run", x, epochs=5, progress=False)
        with pytest.raises(OSError, match="Read-only file system"):
            npvae.train(big(), x, epochs=1, out=small_disk / "other", progress=False)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert read_checkpoint(small_disk / "run").about == before


def test_a_folder_that_vanishes_meanwhile(x, tmp_path):
    folder, steps = tmp_path / "run", iter(range(10**6))
    model = big()
    forward = model.forward

    def patched(*args):
        if next(steps) == 3:
            folder.rename(tmp_path / "moved")
        return forward(*args)

    model.forward = patched
    with pytest.raises(FileNotFoundError, match=r"checkpoint\.npz cannot be written \(No such file or directory\)"):
        npvae.train(model, x, batch_size=10, out=folder, checkpoint_steps=1, progress=False)
    assert read_checkpoint(tmp_path / "moved").about["step"] == 3


def test_metrics_that_cannot_be_written(x, tmp_path, monkeypatch):
    """The row is not lost: it is in the checkpoint from which training goes on."""
    truth = npvae.train(big(), x, epochs=3, progress=False)
    monkeypatch.setattr("npvae.training.run_writer.open", fail, raising=False)
    with pytest.raises(OSError, match=r"metrics\.jsonl cannot be written \(No space left on device\)"):
        npvae.train(big(), x, epochs=3, out=tmp_path, progress=False)
    monkeypatch.undo()
    resumed = npvae.resume(tmp_path, x, progress=False)
    np.testing.assert_array_equal(resumed.params.flat, truth.params.flat)
    assert [row["epoch"] for row in npvae.training.read_metrics(tmp_path)] == [1, 2, 3]
