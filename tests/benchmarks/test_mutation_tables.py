"""The tables of benchmarks/mutation name files and tests that are there, and planted mistakes that can be planted."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = runpy.run_path(str(ROOT / "benchmarks" / "mutation" / "tables.py"))


@pytest.mark.parametrize("path", TABLES["TESTS"])
def test_a_file_and_its_tests_are_there(path):
    named = [argument for _, *arguments in TABLES["TESTS"][path] for argument in arguments if "tests/" in argument]
    assert [name for name in (path, *named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", TABLES["PLANTED"])
def test_a_planted_mistake_finds_its_place(path):
    old, _, _ = TABLES["PLANTED"][path]
    assert (ROOT / path).read_text(encoding="utf-8").count(old) == 1
