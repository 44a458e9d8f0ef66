"""pytest options of the gradient checker. pytest reads this at every start, so it imports nothing."""

from __future__ import annotations

from typing import Any


def pytest_addoption(parser: Any) -> None:
    """Add --gradcheck-level and --gradcheck-seed, which `op_test` reads."""
    group = parser.getgroup("gradcheck", "gradient checks (npvae.gradcheck)")
    group.addoption(
        "--gradcheck-level",
        choices=("smoke", "default", "exhaustive"),
        default="default",
        help="how many samples every op is looked at in (default: %(default)s)",
    )
    group.addoption("--gradcheck-seed", type=int, default=0, help="of all samples (default: %(default)s)")
