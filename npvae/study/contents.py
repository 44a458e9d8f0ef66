"""What Python puts into the page for its scripts: equations as trees, mistakes, digits, trained weights, words."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import npvae
from npvae.data.digits import load_digits
from npvae.data.split import joined
from npvae.study import weights
from npvae.study.breaks import BREAKS
from npvae.study.lines import adam_as_data, given_as_data, lines_of_page, pages_as_data

HERE = Path(__file__).parent
LATENTS, HIDDEN = (1, 2, 3, 8), (8, 16, 32)
LANGUAGES = ("en", "ko")


def contents(*, run: str | Path | None = None, lang: str = "", seed: int = 1) -> dict[str, Any]:
    """Everything, as plain data for JSON. ValueError for a run that does not fit, a language or a seed that is none."""
    if lang not in ("", *LANGUAGES):
        raise ValueError(f"lang is {lang!r}, expected one of {', '.join(LANGUAGES)}, or nothing for the browser's own")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, expected a whole number from 0 to {2**32 - 1}")
    trained = weights.of_run(run) if run is not None else weights.example()
    lines = lines_of_page()
    equations = {line.equation.name: line.equation for line in lines}
    return {
        "version": npvae.__version__,
        "seed": seed,
        "lang": lang,
        "lines": [line.as_data() for line in lines],
        "given": given_as_data(),
        "adam": adam_as_data(),
        "pages": pages_as_data(),
        "breaks": [each.as_data(equations) for each in BREAKS if each.fits(equations)],
        "choices": {
            "L": sorted({*LATENTS, trained["L"]}),
            "H": sorted({*HIDDEN, trained["H"]}),
        },
        "trained": trained,
        "digits": digits(),
        "words": words(),
    }


@lru_cache(maxsize=1)
def digits() -> dict[str, str]:
    """All digits, training images first: a letter per pixel, a = 0 to q = 16, and a figure per label."""
    images = joined(*load_digits())
    grey = (images.numpy() * 16).round().astype(int)
    labels = images.labels if images.labels is not None else ()
    return {
        "pixels": "".join(chr(ord("a") + value) for value in grey.reshape(-1)),
        "labels": "".join(str(label) for label in labels),
    }


def words() -> dict[str, dict[str, str]]:
    """The table of words: key -> language -> text."""
    path = HERE / "words.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
