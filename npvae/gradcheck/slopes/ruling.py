"""What an entry turned out to be."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AROUND", "BESIDE", "UNSEEN", "Ruling"]

BESIDE = "it is the slope beside a kink"
AROUND = "it is the slope beside kinks inside the pair"
UNSEEN = "UNSEEN"
"""Below the rounding of the forward: nothing can be said of this entry at this point."""


@dataclass(frozen=True)
class Ruling:
    """What an entry turned out to be: PASS, FAIL, INCONCLUSIVE or UNSEEN.

    kink  True if its one-sided slopes differ; `reason` says what they allow
    """

    verdict: str
    numeric: float
    error: float
    kink: bool = False
    reason: str = ""
