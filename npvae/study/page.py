"""Writes the page: one HTML file that holds its styles, its scripts and its data, and that may load nothing.

A content security policy in the page names its two scripts by their hash and forbids every request. `unsafe-eval` is
there for `new Function`: the scripts make loops of the equations' trees, never of text that somebody typed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from npvae.study.contents import HERE, contents
from npvae.training.whole_file import write_whole

PAGE = HERE / "page"
TITLES = {"ko": "npvae: 역전파가 살아 있는 VAE", "en": "npvae: a VAE whose backward pass is alive"}
_POLICY = (
    "default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_SKELETON = """<!doctype html>
<html lang="{{lang}}"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{csp}}">
<title>{{title}}</title><style>{{style}}</style>
{{data}}
{{script}}
</html>
"""


def write(out: str | Path = "study.html", *, run: str | Path | None = None, lang: str = "", seed: int = 1) -> Path:
    """Write the page; arguments as for `html`. Returns where it is. OSError if it cannot be written."""
    path = Path(out)
    write_whole(path, html(run=run, lang=lang, seed=seed).encode(), "choose another place for the page")
    return path


def html(*, run: str | Path | None = None, lang: str = "", seed: int = 1) -> str:
    """The page as text: the same text for the same arguments and version.

    run   folder of a run whose parameters the page shows as trained, instead of its own example
    lang  the language in which it opens: "en", "ko", or "" for that of the browser
    seed  of the first parameters, the batches and the noise

    Raises ValueError for a run that does not fit, a language that there is not, and a seed that is none.
    """
    return page_of(contents(run=run, lang=lang, seed=seed))


def page_of(data: dict[str, Any]) -> str:
    """The page around these contents."""
    scripts = [script_of("engine"), script_of("ui")]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    lang = data["lang"] or "en"
    parts = {
        "lang": lang,
        "title": TITLES[lang],
        "csp": _POLICY.format(hashes=hashes),
        "style": "\n".join(each.read_text(encoding="utf-8") for each in sorted(PAGE.glob("style/*.css"))),
        "data": f'<script type="application/json" id="data">{as_json(data)}</script>',
        "script": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    template = PAGE / "page.html"
    text = template.read_text(encoding="utf-8") if template.exists() else _SKELETON
    for name, part in parts.items():
        front, mark, back = text.partition("{{" + name + "}}")
        text = front + (part if mark else "") + back
    return text


def script_of(part: str) -> str:
    """All scripts of a part of the page, "engine" or "ui", in the order of their names."""
    files = sorted(PAGE.glob(f"{part}/*.js"))
    return "\n".join(['"use strict";', *(each.read_text(encoding="utf-8") for each in files)])


def as_json(data: dict[str, Any]) -> str:
    """The data as JSON in which no tag can begin or end."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
