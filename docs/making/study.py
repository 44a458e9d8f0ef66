"""The study page, made by `npvae study` and put beside the site, where its document shows it in a frame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGES = {  # document: (file of the study page, its language, what the link beside it says, the frame's name)
    "study.md": ("study/en.html", "en", "Open it in a window of its own.", "The study page, running"),
    "ko/study.md": ("study/ko.html", "ko", "따로 창을 열어 봅니다.", "움직이는 학습장"),
}


def embed(source: Path) -> None:
    """Show the study page at the end of its documents, in the language of each."""
    for document, (file, _, words, name) in PAGES.items():
        up = "../" * document.count("/")
        html = (
            f'<p><a href="{up}{file}">{words}</a></p>\n<iframe class="study" src="{up}{file}" title="{name}"></iframe>'
        )
        path = source / document
        path.write_text(f"{path.read_text(encoding='utf-8')}\n```{{raw}} html\n{html}\n```\n", encoding="utf-8")


def put_beside(site: Path) -> None:
    """Write the study page into the site, once per language."""
    for file, language, *_ in PAGES.values():
        command = [sys.executable, "-m", "npvae", "study", "--out", site / file, "--lang", language]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
