"""What a check found: one screen of text, or plain data with stable codes.

What the codes mean: `npvae.gradcheck.codes`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npvae.gradcheck.codes import DIAGNOSES, FINDINGS

__all__ = ["CHECKS", "FAIL", "INCONCLUSIVE", "PASS", "WARNING", "Finding", "Report", "Row"]

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
        assert self.code in FINDINGS, f"{self.code} is not listed in npvae/gradcheck/codes.py"
        unlisted = set(self.diagnosis_codes) - set(DIAGNOSES)
        assert not unlisted, f"{unlisted} is not listed in npvae/gradcheck/codes.py"

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
        return {key: _plain(value) for key, value in found.items()}


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
        return {key: _plain(value) for key, value in {**self.__dict__, "shape": list(self.shape)}.items()}


@dataclass(frozen=True, repr=False)
class Report:
    """The outcome of a check. Truthy when everything agrees; str() is one screen, repr() one line.

    In a test: `assert report, str(report)` (pytest shows no more than 240 characters of what is not a string).

    name      the op
    seed      what the samples were drawn from
    findings  everything wrong, in doubt or worth knowing; empty for a clean pass
    rows      one a gradient
    checks    the checks that were run
    samples   labels of the samples looked at
    skipped   sample -> why it could not be looked at
    notes     how the comparison was made, where that is not the ordinary way
    seconds   wall-clock time
    reproduce what to type to see the first failure again, alone
    backward  file, line and name of the backward: "layers.py:12 swish_backward"
    teeth     planted mistake -> caught or not, when asked for; empty if none could be planted
    """

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

    def __bool__(self) -> bool:
        return self.verdict == PASS

    def __repr__(self) -> str:
        from npvae.gradcheck.text import one_line

        return f"<{one_line(self)}>"

    def __str__(self) -> str:
        from npvae.gradcheck.text import one_screen

        return one_screen(self)

    def _repr_html_(self) -> str:
        from npvae.gradcheck.html import report_html

        return report_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "seed": self.seed,
            "findings": [finding.to_dict() for finding in self.findings],
            "gradients": [row.to_dict() for row in self.rows],
            "checks": list(self.checks),
            "samples": list(self.samples),
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
            "seconds": self.seconds,
            "reproduce": self.reproduce,
            "backward": self.backward,
            "teeth": None if self.teeth is None else dict(self.teeth),
        }

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as a JSON string."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
