"""What all tests share: Hypothesis profiles, the folder of real data, one BLAS thread for matrices this small."""

import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: beside other work, two threads wait for each other

os.environ.setdefault("NPVAE_CACHE", "off")  # no copies of test pictures in anybody's home

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("deep", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

SHARED = Path(os.environ.get("NPVAE_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no folder of real data: set NPVAE_DATA to one (see README, Data)")
    return SHARED
