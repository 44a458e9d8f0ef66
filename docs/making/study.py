"""The study page, made by `npvae study` and put beside the site, where its document shows it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path


def put_beside(site: Path) -> None:
    """Write study.html into the site, if this npvae can."""
    if importlib.util.find_spec("npvae.study") is None:
        return
    for language, name in (("en", "study.html"), ("ko", "study_ko.html")):
        command = [sys.executable, "-m", "npvae", "study", "--out", site / name, "--lang", language]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
