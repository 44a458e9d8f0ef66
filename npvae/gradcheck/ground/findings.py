"""What a check can find: a verdict, a finding, a row. Everybody in this house may write one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npvae.gradcheck.ground.codes import DIAGNOSES, FINDINGS

__all__ = ["CHECKS", "FAIL", "INCONCLUSIVE", "PASS", "WARNING", "Finding", "Found", "Row", "plain"]

PASS, FAIL, INCONCLUSIVE, WARNING = "PASS", "FAIL", "INCONCLUSIVE", "WARNING"
CHECKS = ("contract", "determinism", "isolation", "linearity", "numeric")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in doubt (INCONCLUSIVE), or worth knowing (WARNING)."""

    check: str
    code: str
    verdict: str
    message: str
    sample: str
    dtype: str = "float64"
    arg: str | None = None
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    error: float | None = None
    wrong: int | None = None
    compared: int | None = None
    diagnosis: str = ""
    diagnosis_codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.code in FINDINGS, f"{self.code} is not listed in npvae/gradcheck/ground/codes.py"
        unlisted = set(self.diagnosis_codes) - set(DIAGNOSES)
        assert not unlisted, f"{unlisted} is not listed in npvae/gradcheck/ground/codes.py"

    @property
    def relative_error(self) -> float | None:
        """|analytic - numeric| over the larger of the two; None where nothing was compared."""
        if self.analytic is None or self.numeric is None:
            return None
        scale = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) / scale if scale > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data; numbers that JSON has no word for (nan, inf) become strings."""
        found = {**self.__dict__, "relative_error": self.relative_error}
        found["index"] = None if self.index is None else list(self.index)
        found["diagnosis_codes"] = list(self.diagnosis_codes)
        return {key: plain(value) for key, value in found.items()}


@dataclass(frozen=True)
class Row:
    """One gradient, over all samples: the line of a listing."""

    name: str
    shape: tuple[int, ...]
    analytic_norm: float
    numeric_norm: float
    max_difference: float
    relative_error: float
    verdict: str
    compared: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {key: plain(value) for key, value in {**self.__dict__, "shape": list(self.shape)}.items()}


@dataclass(frozen=True, repr=False)
class Found:
    """The fields of a report, from which its text is made: `npvae.gradcheck.report.report.Report` says what each is."""

    name: str
    seed: int
    findings: tuple[Finding, ...] = ()
    rows: tuple[Row, ...] = ()
    checks: tuple[str, ...] = CHECKS
    samples: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    reproduce: str = ""
    backward: str = ""
    teeth: Mapping[str, bool] | None = None

    @property
    def verdict(self) -> str:
        """PASS, FAIL or INCONCLUSIVE. Warnings do not fail."""
        verdicts = {finding.verdict for finding in self.findings}
        return FAIL if FAIL in verdicts else INCONCLUSIVE if INCONCLUSIVE in verdicts else PASS


def plain(value: Any) -> Any:
    """The value itself, or a string where JSON has no word for it (nan, inf)."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
