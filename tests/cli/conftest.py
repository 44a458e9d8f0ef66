"""What tests of the command line share: an empty folder to stand in, and a run."""

import pytest

from npvae.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a run with its pictures: digits, two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--epochs", "2", "--hidden", "16", "--out", str(folder), "--quiet"]) == 0
    return folder
