"""The scripts of benchmarks/: whoever names one names a file that is there, and they import what stands beside them."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "benchmarks").rglob("*.py"))
SOURCES = [path for folder in ("npvae", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]
TABLE = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [path for pattern in ("*.md", "*/*.md", "docs/guides/*.md") for path in ROOT.glob(pattern)]


def test_every_script_that_is_named_is_there():
    named = re.compile(r"\bbenchmarks/[\w/*]+\.py\b")
    missing = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in (*SOURCES, *DOCUMENTS)
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not any(ROOT.glob(name))
    ]
    assert missing == []


def test_every_question_of_the_table_has_its_script():
    table = re.findall(
        r"^\| `([^`]+)` \|", (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(table) > 10
    assert [name for name in table if not any((ROOT / "benchmarks").glob(name))] == []


def test_a_script_imports_those_of_its_own_folder_or_of_one_that_it_puts_on_the_path():
    """Python puts the folder of the script that runs on its path, and nothing else of this repository."""
    names = {path.stem for path in SCRIPTS}
    for path in SCRIPTS:
        source = path.read_text(encoding="utf-8")
        added = re.findall(r"^sys\.path\.\w+\(.*\"(\w+)\"", source, re.MULTILINE)
        folders = [path.parent, *(ROOT / "benchmarks" / name for name in added)]
        for node in ast.walk(ast.parse(source)):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names.intersection(found):
                beside = any((folder / f"{name}.py").exists() for folder in folders)
                assert beside, f"{path.relative_to(ROOT)} imports {name}"


def test_what_a_script_takes_from_another_is_there():
    """Nothing of another script may have moved or gone; scripts themselves take minutes, so they are read, not run."""
    gone = []
    for path in SCRIPTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            beside = path.parent / f"{node.module}.py" if isinstance(node, ast.ImportFrom) and node.module else None
            if beside is not None and beside.exists():
                there = names_of(beside)
                gone += [f"{path.name}: {beside.stem}.{a.name}" for a in node.names if a.name not in there]
    assert gone == []


def test_what_a_script_takes_from_the_inside_of_npvae_is_there():
    """A private attribute may be renamed without a thought of the scripts that look at it."""
    inside = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "npvae").rglob("*.py"))
    gone = []
    for path in SCRIPTS:
        script = path.read_text(encoding="utf-8")
        for name in sorted(set(re.findall(r"(?<!os)(?<!torch)\.(_[a-z]\w*)", script))):
            set_somewhere = rf"(self\.{name}\b[^=\n]*=|def {name}\b|\b{name} =)"
            if not re.search(set_somewhere, inside + script):
                gone.append(f"{path.name}: {name}")
    assert gone == []


def names_of(path):
    """What a script defines or imports at its top."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found.add(part.id)
            elif isinstance(part, ast.Import | ast.ImportFrom):
                found.update(a.asname or a.name for a in part.names)
    return found
