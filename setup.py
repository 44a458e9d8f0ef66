"""What pyproject.toml cannot say: README.md as a package index shows it, where a relative link leads nowhere.

If NPVAE_HOME is the address of the repository, `https://host/owner/npvae`, links and pictures become absolute.
Otherwise a link becomes its words and a picture what it shows, so that none is dead.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#)([^()\s]+)\)")


def for_an_index(readme: str, home: str, version: str) -> str:
    """README.md with links that work on any page."""

    def absolute(match: re.Match[str]) -> str:
        picture, words, path = match.groups()
        if not home:
            return f"*{words}*" if picture else words
        kind = "raw" if picture else "blob"
        return f"{picture}[{words}]({home.rstrip('/')}/{kind}/v{version}/{path})"

    return LINK.sub(absolute, readme)


if __name__ == "__main__":
    from setuptools import setup

    root = Path(__file__).parent
    version = re.search(r'^version = "(.*)"', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    setup(
        long_description=for_an_index(
            (root / "README.md").read_text(encoding="utf-8"), os.environ.get("NPVAE_HOME", ""), version[1]
        ),
        long_description_content_type="text/markdown",
    )
