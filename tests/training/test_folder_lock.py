"""The lock of a run's folder, by the system's own means and by those of Windows."""

import subprocess
import sys
from types import ModuleType

import pytest

import npvae.training.folder_lock as folder_lock
from npvae.training.folder_lock import FolderTaken, lock_folder, unlock


@pytest.fixture(params=["folders", "files"])
def means(request, monkeypatch):
    """Lock as this system does, or as Windows does: with a stand-in for its msvcrt, and no fcntl."""
    if request.param == "folders":
        pytest.importorskip("fcntl")
        return
    if sys.platform == "win32":
        return
    import fcntl

    stand_in = ModuleType("msvcrt")
    stand_in.LK_NBLCK = 2
    stand_in.locking = lambda handle, mode, size: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    monkeypatch.setitem(sys.modules, "msvcrt", stand_in)
    monkeypatch.setitem(sys.modules, "fcntl", None)


@pytest.mark.usefixtures("means")
def test_a_folder_is_one_holders_until_it_is_given_back(tmp_path):
    handle = lock_folder(tmp_path)
    assert handle >= 0
    with pytest.raises(FolderTaken):
        lock_folder(tmp_path)
    (tmp_path / "other").mkdir()
    unlock(lock_folder(tmp_path / "other"))
    unlock(handle)
    unlock(lock_folder(tmp_path))


@pytest.mark.usefixtures("means")
def test_what_cannot_be_locked_is_used_without(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "not supported")

    module = "fcntl" if sys.modules.get("fcntl") else "msvcrt"
    monkeypatch.setattr(sys.modules[module], "flock" if module == "fcntl" else "locking", refuse)
    assert lock_folder(tmp_path) == -1
    unlock(-1)


def test_the_lock_of_a_process_that_ends_is_free(tmp_path):
    code = (
        f"from pathlib import Path\nfrom {folder_lock.__name__} import lock_folder\nassert lock_folder(Path('.')) >= 0"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    unlock(lock_folder(tmp_path))
