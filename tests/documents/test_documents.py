"""What holds for all documents: length, links, the plan of the rooms, what lessons print, and the Korean."""

import re

import pytest
from making import korean, lessons, rooms
from making.markdown import code_of, read, written
from making.sources import LINK, ROOT, outside_fences, targets

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/guides/*.md", "docs/ko/*.md", "benchmarks/**/*.md", "examples/*.md",
                    "npvae/**/*.md")
    for path in ROOT.glob(pattern)
)  # fmt: skip
LONGEST = {"README.md": 150, "README.ko.md": 150}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_document_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST.get(name_of(path), 300)


def anchors_of(text):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each.text) for each in read(text) if each.kind == "heading"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path, text):
    """The relative links of a document that lead nowhere."""
    dead = []
    for link, target in targets(prose_of(text), name_of(path)):
        file, anchor = ROOT / target if target else path, link.partition("#")[2]
        if link.startswith(("http", "mailto")):
            continue
        there = file.read_text(encoding="utf-8") if anchor and target and file.is_file() else text
        if not file.exists() or (anchor and anchor not in anchors_of(there)):
            dead.append(link)
    return dead


def prose_of(text):
    """A document without its code."""
    return "".join(re.split(r"^```.*?^```$", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(path):
    assert dead_links(path, path.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_found():
    text = (
        "# A title\n\n[a](CONTRIBUTING.md#rooms) [b](gone.md) [c](#a-title) [d](CONTRIBUTING.md#cellars) ![e](e.png)\n"
    )
    assert dead_links(ROOT / "README.md", text) == ["gone.md", "CONTRIBUTING.md#cellars", "e.png"]


def test_the_commands_of_a_newcomer_are_what_ci_types():
    readme, script = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".ci/run"))
    pattern = re.search(r"grep -m 1 '(\^python3[^']*)'", script)[1]
    assert [line for line in readme.splitlines() if re.search(pattern, line)][:1] == [
        'python3 -m venv .venv && .venv/bin/pip install -q -e ".[test]" && .venv/bin/pytest -q -n auto'
    ]


def test_the_plan_of_the_rooms_is_drawn_from_the_table():
    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.drawn(), "run python docs/making/rooms.py"


def test_what_lessons_print_on_the_site_is_what_their_code_prints():
    assert lessons.stale() == [], "run python docs/making/lessons.py"


def test_a_changed_line_of_a_lesson_is_noticed_and_a_changed_comment_is_not():
    source = '# %%\nx = 1  # a comment\n\n\ndef f():\n    """Say."""\n    return x\n'
    same = source.replace("a comment", "another").replace("Say", "Tell")
    assert lessons.fingerprint(source) == lessons.fingerprint(same) != lessons.fingerprint(source.replace("1", "2"))


@pytest.mark.parametrize("text", [path.read_text(encoding="utf-8") for path in DOCUMENTS], ids=map(name_of, DOCUMENTS))
def test_reading_and_writing_a_document_keeps_its_words(text):
    assert written(read(text)).split() == text.split()


# Korean


@pytest.fixture(scope="module")
def sources():
    return korean.sources()


def test_every_english_sentence_has_its_korean_one(sources):
    left = {name: korean.missing(name, text) for name, text in sources.items()}
    assert {name: each for name, each in left.items() if each} == {}, "stale: see docs/making/korean.py"


def test_the_korean_documents_are_made_from_the_english_ones(sources):
    for name, target in korean.DOCUMENTS.items():
        made = korean.document(name, sources[name])
        assert (ROOT / target).read_text(encoding="utf-8") == made, "run python docs/making/korean.py"


def test_code_is_the_same_in_both_languages(sources):
    for name, target in korean.DOCUMENTS.items():
        assert code_of((ROOT / target).read_text(encoding="utf-8")) == code_of(sources[name])


def test_a_translation_keeps_code_and_links(sources):
    for name in sources:
        for english, translation in korean.known(name).items():
            for pattern in (r"`[^`]+`", r"\]\([^)]*\)"):
                theirs, ours = (set(re.findall(pattern, text)) for text in (english, translation))
                assert theirs <= ours or name == "README.md", (name, english)


def test_a_changed_sentence_is_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(korean, "LOCALE", tmp_path)
    monkeypatch.setattr(korean, "COMMON", tmp_path / "common.po")
    path = korean.catalogue_of("README.md")
    korean.update(path, ["A sentence about gradients."])
    done = path.read_text(encoding="utf-8").replace('msgstr ""\n', 'msgstr "한 문장."\n')
    path.write_text(done.replace('msgid ""\nmsgstr "한 문장."', 'msgid ""\nmsgstr ""', 1), encoding="utf-8")
    assert korean.known("README.md") == {"A sentence about gradients.": "한 문장."}
    changed = "A sentence about the gradients.\n"
    assert korean.missing("README.md", changed) == ["A sentence about the gradients."]
    korean.update(path, korean.messages(changed))
    assert "fuzzy" in path.read_text(encoding="utf-8")
    assert korean.missing("README.md", changed) == ["A sentence about the gradients."]


@pytest.mark.parametrize("name", sorted(korean.DOCUMENTS.values()))
def test_a_korean_document_is_polite_and_plain(name):
    """Each paragraph ends as 합니다체 does, but for headings, tables, names and half sentences that lead to a list."""
    for block in read((ROOT / name).read_text(encoding="utf-8")):
        if block.kind == "prose" and re.search("[가-힣]{3}", block.text) and not LINK.fullmatch(block.text):
            assert re.search(r"(니다|니까|십시오|시오)[.?]|[.:)]$", block.text), block.text


def test_fences_lose_their_second_words_on_the_site():
    assert outside_fences("```sh setup\nx\n```\n", str) == "```sh\nx\n```\n"
