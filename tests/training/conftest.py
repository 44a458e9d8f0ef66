"""What the tests of training share: small models and data, a training that breaks off, quick disks."""

import contextlib
import os
from unittest import mock

import numpy as np
import pytest

import npvae
from npvae.training import descent


class Crash(Exception):
    """Stands for the end of the process."""


@contextlib.contextmanager
def _crash_at(step):
    """Within it, training dies at the given step, counted from 0, before that step changes the parameters."""
    steps = iter(range(step))
    look = descent.check_finite

    def check_finite(*args, **keywords):
        if next(steps, None) is None:
            raise Crash
        look(*args, **keywords)

    with mock.patch.object(descent, "check_finite", check_finite), contextlib.suppress(Crash):
        yield


@pytest.fixture(scope="session")
def crash_at():
    return _crash_at


@pytest.fixture
def no_sync(monkeypatch):
    """Files are not synced to the disk: that takes milliseconds, and these processes do not lose power."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="session")
def x():
    """(40, 12) in [0, 1]."""
    return np.random.default_rng(5).random((40, 12), np.float32)


@pytest.fixture
def small():
    return lambda **settings: npvae.VAE(12, (7,), 2, **({"backend": "numpy"} | settings))


@pytest.fixture(scope="session")
def same_rows():
    """Asserts that two histories are the same but for the seconds."""

    def check(a, b):
        a, b = ([{key: value for key, value in row.items() if key != "seconds"} for row in rows] for rows in (a, b))
        assert a == b

    return check
