"""The page's words: both languages say everything, with the same placeholders, and every word is used."""

import json
import re
from pathlib import Path

import pytest

from npvae.study.contents import HERE, contents

WORDS = json.loads((HERE / "words.json").read_text(encoding="utf-8"))
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((HERE / "page").rglob("*.js"))}
PAGE = (HERE / "page" / "page.html").read_text(encoding="utf-8")
SYMBOLS = {"curve.nll", "curve.kl", "check.kl.short"}  # names, which are never translated
HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_it(key):
    assert WORDS[key].keys() == {"en", "ko"}
    english, korean = WORDS[key]["en"], WORDS[key]["ko"]
    assert english.strip() == english != ""
    assert korean.strip() == korean != ""
    marks = re.compile(r"\{\w+\}")
    assert sorted(set(marks.findall(english))) == sorted(set(marks.findall(korean)))
    assert not HANGUL.search(english)
    assert HANGUL.search(korean) or key in SYMBOLS


def _patterns():
    """What the scripts and the page ask for: exact keys, and keys with a part put in, as patterns."""
    for text in SCRIPTS.values():
        yield from (re.escape(key) for key in re.findall(r'"((?:\w+\.)+[\w]+|title)"', text))
        for key in re.findall(r"`((?:\w+\.)+\$\{[^`]*?)`", text):
            yield re.sub(r"\$\{.*?\}(?=\.|$)", "@", key).replace(".", r"\.").replace("@", r"[\w .-]+")
    yield from (re.escape(key) for key in re.findall(r'data-(?:t|label)="([^"]+)"', PAGE))


def test_every_word_is_used():
    asked = re.compile("|".join(set(_patterns())))
    assert [key for key in WORDS if not asked.fullmatch(key)] == []


def test_every_word_of_the_skeleton_is_there():
    assert [key for key in re.findall(r'data-(?:t|label)="([^"]+)"', PAGE) if key not in WORDS] == []


def test_every_break_error_block_and_page_has_its_words():
    data = contents()
    wanted = [f"break.{each['id']}.{part}" for each in data["breaks"] for part in ("title", "story")]
    wanted += [f"block.{line['block']}" for line in data["lines"]]
    wanted += [f"{what}.{line['op'] or 'wiring'}" for line in data["lines"] for what in ("page", "derive")]
    codes = re.search(r"errorCodes = \{(.*?)\n  \};", SCRIPTS["10_errors.js"], re.S)[1]
    wanted += [f"error.{code}" for code in re.findall(r'^    "?([a-z-]+)"?:', codes, re.M)]
    wanted += [f"station.{k}.{part}" for k in range(1, 10) for part in ("title", "do", "notice")]
    assert [key for key in wanted if key not in WORDS] == []


def test_titles_and_derivations_are_those_of_the_pages_word_for_word():
    """A page that changes turns this red, so that its Korean is looked at again."""
    pages = contents()["pages"]
    for key, word in WORDS.items():
        what, _, page = key.partition(".")
        if what in ("page", "derive"):
            told = pages[page]["title" if what == "page" else "derivation"]
            assert word["en"] == " ".join(told.split()), key


def test_no_script_puts_text_in_as_html_and_none_is_long():
    for name, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
        assert text.count("\n") <= 300, name


def test_styles_are_short_and_ask_for_nothing():
    for path in Path(HERE / "page" / "style").glob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert "url(" not in text
        assert text.count("\n") <= 300
