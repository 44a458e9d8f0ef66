"""Every name of npvae that a document, docstring, comment or message gives leads somewhere: files move, documents stay.

Dotted names, such as npvae.steps.Step, and files, such as `npvae/steps/step.py` or, beside a README, `step.py`.
"""

import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOTTED = re.compile(r"(?<![\w./-])npvae(?:\.[a-zA-Z_]\w*)+")
FILE = re.compile(r"(?<![\w./-])(?:npvae|tests|benchmarks|examples)/[\w./-]*\w\.(?:py|md|txt|npz)\b")
BESIDE = re.compile(r"`([\w/]+(?:\.py|/))`")
PAST = {"CHANGELOG.md"}  # names what is no more
OTHERS = {"npvae.model", "npvae.settings"}  # keys of a safetensors file
WRITTEN = {"figures/", "tensorboard/"}  # folders of a run
DOCUMENTS = sorted(
    path
    for kind in (
        "*.md",
        "docs/*.md",
        "docs/guides/*.md",
        "npvae/**/*.md",
        "npvae/**/*.py",
        "benchmarks/**/*.md",
        "benchmarks/**/*.py",
        "examples/*",
    )
    for path in ROOT.glob(kind)
    if path.suffix in (".md", ".py") and path.name not in PAST
)


def leads_somewhere(name: str) -> bool:
    """Whether a dotted name is a module, what import and getattr find in one, or a field of a class."""
    if is_module(name):
        return True
    try:
        pkgutil.resolve_name(name)
    except ImportError as error:
        return not str(error.name).startswith("npvae")  # an extra that is not installed
    except AttributeError:
        owner, _, field = name.rpartition(".")
        return leads_somewhere(owner) and field in getattr(pkgutil.resolve_name(owner), "__annotations__", {})
    return True


def is_module(name: str) -> bool:
    """Whether the tree has a file of this name."""
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def astray(path: Path, text: str) -> list[str]:
    """The names in a text at this path that lead nowhere."""
    names = {name for name in DOTTED.findall(text) if name not in OTHERS and not leads_somewhere(name)}
    files = {file for file in FILE.findall(text) if not (ROOT / file).exists()}
    if path.name == "README.md" and path.parent != ROOT:
        beside = set(BESIDE.findall(text)) - WRITTEN
        files |= {
            file
            for file in beside
            if not any((at / file).exists() for at in (path.parent, path.parents[1], ROOT, ROOT / "npvae"))
        }
    return sorted(names | files)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_lead_somewhere(path):
    assert astray(path, path.read_text("utf-8")) == []


def test_a_name_that_leads_nowhere_is_found():
    text = "npvae.VAE, npvae.models.trace.VAETrace.mu, npvae.kernels.relu_forward, `vae.py`, npvae/spec/op.py"
    gone = ["npvae.VAN", "npvae.models.trace.VAETrace.nu", "van.py", "npvae/spec/up.py", "npvae.workspace.Workspace"]
    text += ", `van.py`, npvae.VAN, npvae.models.trace.VAETrace.nu, (npvae/spec/up.py), npvae.workspace.Workspace."
    assert astray(ROOT / "npvae/models/README.md", text) == sorted(gone)
