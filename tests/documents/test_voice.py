"""One voice, as far as a program can hear it: phrases that read as a second language, and the project's own words.

CONTRIBUTING gives the rules. A phrase here was in the project once, and is no more.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EACH = (
    "sample|row|op|line|step|epoch|class|seed|image|entry|question|"
    "script|latent|kernel|gradient|term|reason|lesson|vertex|pair|digit|sequence"
)
NUMBER = r"(?:one|two|\d[\d.,]*)"
UNIT = "value|row|line|file|label|panel|colour|script|lesson|nats|ms|seconds?|s|permutation|number"
INSTEAD = {
    rf"\b{NUMBER} (?:{UNIT}) an? (?:{EACH})\b": "one value per sample",
    rf"\b(?:nats|ms|seconds) an? (?:{EACH})\b": "nats per sample",
    r"\b(?:samples|draws|bits|cycles|points|rows) an? (?:step|input|image|channel|number|epoch)\b": "bits per channel",
    r"\b(?:one|object|once) an (?:epoch|operation)\b": "once per epoch",
    r"\bheld (?:to (?:its|their|a prior|rtol|it)|against)\b": "checked against, compared with",
    r"\b(?:is|are) told\b": "says, reports, sees",
    r"\blearnt\b": "learned",
    r"\bspoilt\b|\bspoils?\b": "corrupted, overwritten",
    r"\bput down and taken up\b": "saved and resumed",
    r"\bhands? over is what\b|\bwhat stands here\b": "name the subject",
    r"\bhow many it (?:were|took)\b": "the number of ...",
    r"\bwhat computes here\b": "the processor and libraries in use",
    r"\bno step size and no absolute tolerance is yours\b": "You choose neither a step size nor a tolerance",
    r"\bafter return is pressed\b": "after you press Enter",
    r"\bsays nothing if not needed\b": "left uninitialised if not needed",
    r"\bhow far it reaches\b": "affects n entries",
    r"\bdata of one's own\b": "your own data, the user's own data",
    r"\bwhose are better\b": "which are better",
    r"# dz ?/ ?d\w+ =": "# dz_dstd =: a local derivative has a name, not a division",
    r"DefaultsThatSaySomething": "ShowUsefulDefaults",
    r"\bwhat mends it:": "try ...",
    r"\bthe pulls on μ cancel\b": "balance on average",
    r"\bbeside what chance gives\b": "compared with chance",
    r"\bpip install [\"']?npvae\b": "npvae is not published: name the extra, or pip install -e .",
    r"\bnoise-?less eps\b": "without noise",
    r"\bbe of another size\b": "change the number of threads",
    r"\bif it is one that is\b": "or None if there is none",
    r"\bis described by\b.*\bdescribed by\b": "If your pair ..., declare ...",
}
FILES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/guides/*.md", "npvae/**/*.md", "npvae/**/*.py", "benchmarks/**/*.md",
                    "benchmarks/**/*.py", "examples/*.md", "examples/*.py")
    for path in ROOT.glob(pattern)
    if not path.name.endswith(".ko.md")
)  # fmt: skip


def phrases(text):
    """(phrase, what to write instead) of each that is found, whatever its line breaks."""
    joined = re.sub(r"\s*\n\s*#? *", " ", text)
    return [(found[0], better) for phrase, better in INSTEAD.items() for found in re.finditer(phrase, joined, re.I)]


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in FILES}), ids=lambda at: at.relative_to(ROOT).as_posix()
)
def test_no_phrase_of_a_second_language(folder):
    found = {path.name: phrases(path.read_text(encoding="utf-8")) for path in FILES if path.parent == folder}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "text",
    [
        "KL divergence, one value a sample, in nats",
        "65 ms an op",
        "16 bits a channel",
        "every kernel is held to its\n# reference",
        "the user is told",
    ],
)
def test_such_a_phrase_is_found(text):
    assert phrases(text)


def test_ordinary_sentences_are_not():
    assert (
        phrases(
            "One value per sample; 3 rows, a sample each. It held a lock. Told apart by name; two lines a reader sees."
        )
        == []
    )
