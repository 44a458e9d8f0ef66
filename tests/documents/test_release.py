"""What a release says of itself: one version everywhere, and links that work on the page of a package index."""

import importlib.util
import re

import pytest
from making.sources import ROOT

import npvae


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def for_an_index():
    spec = importlib.util.spec_from_file_location("setup_of_npvae", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.for_an_index


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.*)"'),
        ("CITATION.cff", r"^version: (.*)"),
        ("CHANGELOG.md", r"^## (\S+) \(\d{4}-\d\d-\d\d\)"),
    ],
)
def test_one_version(file, pattern):
    assert re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)[1] == npvae.__version__


def test_links_lead_to_the_repository(readme, for_an_index):
    text = for_an_index(readme, "https://example.org/npvae/", "0.2.0")
    assert "](https://example.org/npvae/blob/v0.2.0/docs/tour.md)" in text
    assert "](https://example.org/npvae/raw/v0.2.0/examples/pictures/readme_manifold.png)" in text
    assert re.findall(r"\]\((?!https:|#)", text) == []


def test_without_an_address_there_is_no_link_rather_than_a_dead_one(readme, for_an_index):
    text = for_an_index(readme, "", "0.2.0")
    assert "](" not in text
    assert "The tour takes 45 minutes" in text
    assert text.count("```") == readme.count("```")
