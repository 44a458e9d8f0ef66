"""What a check found: one screen of text, or plain data with stable codes.

What the codes mean: `npvae.gradcheck.ground.codes`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from npvae.gradcheck.ground.findings import PASS, Found
from npvae.gradcheck.report.html import report_html
from npvae.gradcheck.report.text import one_line, one_screen

__all__ = ["Report"]


@dataclass(frozen=True, repr=False)
class Report(Found):
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

    Example:
        >>> from npvae.gradcheck import gradcheck
        >>> report = gradcheck(lambda x: (np.sin(x), x), lambda dy, x: dy * np.sin(x), (np.array([0.3, 1.2]),))
        >>> report.verdict, report.findings[0].arg
        ('FAIL', 'x')
    """

    def __bool__(self) -> bool:
        return self.verdict == PASS

    def __repr__(self) -> str:
        return f"<{one_line(self)}>"

    def __str__(self) -> str:
        return one_screen(self)

    def _repr_html_(self) -> str:
        return report_html(self, str(self))

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
