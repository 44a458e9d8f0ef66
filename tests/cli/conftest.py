"""What tests of the command line share: an empty folder to stand in."""

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
