"""The parts of the checker that can be switched off, to see what each buys: `score.py --without PART`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npvae.gradcheck.battery.samples import Sample
from npvae.gradcheck.ground.findings import CHECKS
from npvae.gradcheck.verdict.case import Settings

CELLS = ("params", "shapes", "layouts", "kink", "saturation", "scale", "domain", "specials", "numeric-f32")
PARTS = (*CHECKS, *CELLS, "long sizes", "even sizes", "entries", "directions", "strict dtype")
"""What can be switched off: a check, a group of samples, a choice of sizes, a way of comparing."""


def without(part: str, samples: Sequence[Sample]) -> tuple[list[Sample], Settings]:
    """The samples that are left with a part off, and the settings."""
    settings = Settings(strict=part != "strict dtype", checks=tuple(check for check in CHECKS if check != part))
    settings = replace(settings, entries=0 if part == "entries" else settings.entries)
    settings = replace(settings, directions=0 if part == "directions" else settings.directions)
    kept = [sample for sample in samples if sample.cell != part]
    if part == "long sizes":
        kept = [sample for sample in kept if max(sample.sizes.values(), default=0) <= 32]
    if part == "even sizes":
        plain = samples[0].sizes
        kept = [s for s in kept if all(n in (1, 3, plain[key]) or n > 32 for key, n in s.sizes.items())]
    return kept, settings
