"""What all tests share: Hypothesis profiles, the folder of real data, one BLAS thread for matrices this small."""

import os
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: beside other work, two threads wait for each other

os.environ.setdefault("NPVAE_CACHE", "off")  # no copies of test pictures in anybody's home

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # which nohup ignores
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("deep", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

HANG = 1800  # seconds: what takes longer hangs. No test says how long something may take on a machine that is busy
SHARED = Path(os.environ.get("NPVAE_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no folder of real data: set NPVAE_DATA to one (docs/guides/data.md)")
    return SHARED


@pytest.fixture(scope="session")
def hang() -> int:
    """Seconds after which a process or a thread is given up."""
    return HANG


@pytest.fixture(scope="session")
def python():
    """Runs a Python of its own with these arguments and environment, which must end without an error; what it did."""

    def run(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def fails():
    """Looks whether an op's battery fails, sample by sample: it does as soon as one of them does."""
    from npvae.gradcheck import check_op
    from npvae.gradcheck.check import battery

    def look(op, seed=0, **settings):
        labels = [sample.label for sample in battery(op)]
        return any(check_op(op, seed, sample=label, **settings).verdict == "FAIL" for label in labels)

    return look
