"""The arrows between the rooms of npvae: every import of every file against the table in CONTRIBUTING.

An arrow is one file that needs another, however it says so: at the top, inside a function, for types alone, or by a
string such as `importlib.import_module` takes. A package that brings names when they are asked for (`_HOME` in its
`__init__`) is a door: who takes a name from it has an arrow to where the name lives.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOOR = "npvae"  # brings everything, and is the end of no arrow: what is behind it is
BELOW = "every room of the rows below"
# Files that import by a string. Strings in them are read as in any other; what a user names for `find` cannot be.
BY_STRING = {"npvae", "npvae.cli", "npvae.gradcheck", "npvae.gradcheck.find"}
MODULE = re.compile(r"npvae(\.\w+)*")
BEGUN = re.compile(r"npvae(\.\w+)*\.\w*")  # the front of a string that is put together

Arrows = set[tuple[str, str]]


def arrows_of(sources: dict[str, str]) -> Arrows:
    """(from, to) by names of modules, of all sources by name; a package has the name of its folder."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    packages = {name.rpartition(".")[0] for name in sources}
    homes = {name: home for name, tree in trees.items() if name in packages and (home := home_of(tree))}
    found = set()
    for name, tree in trees.items():
        package = name if name in packages else name.rpartition(".")[0]
        for path in paths_of(tree, package):
            found |= {(name, target) for target in targets(path, sources, homes) if target not in (name, DOOR)}
    return found


def home_of(tree: ast.Module) -> dict[str, str]:
    """Where the names live that a package brings when they are asked for: its `_HOME`, empty if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_HOME":
            return ast.literal_eval(node.value)
    return {}


def paths_of(tree: ast.Module, package: str) -> set[str]:
    """Every dotted name that a file imports, or may, from npvae; one that ends in .* stands for all beneath it."""
    found, skipped, renamed = set(), docstrings(tree), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            renamed |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            module = ".".join(filter(None, [*above, node.module]))
            every = f"{DOOR}.*" if module == DOOR else module
            found |= {every if alias.name == "*" else f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and node not in skipped:
            first, _, rest = dotted(node).partition(".")
            found.add(f"{renamed.get(first, first)}.{rest}")
            skipped.add(node.value)  # a.b.c is an arrow to c; a.b is on its way
        elif isinstance(node, ast.Constant):
            found.add(str(node.value) if node not in skipped else "")
        elif isinstance(node, ast.JoinedStr | ast.BinOp):
            first = node.values[0] if isinstance(node, ast.JoinedStr) else node.left
            begun = str(first.value) if isinstance(first, ast.Constant) else ""
            found.add(begun.rpartition(".")[0] + ".*" if BEGUN.fullmatch(begun) else "")
    return {path for path in found if MODULE.fullmatch(path.removesuffix(".*"))}


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Strings that stand by themselves."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def dotted(node: ast.AST) -> str:
    """`npvae.kernels.jit` for such an expression, "" for any other."""
    if isinstance(node, ast.Attribute):
        front = dotted(node.value)
        return f"{front}.{node.attr}" if front else ""
    return node.id if isinstance(node, ast.Name) else ""


def targets(path: str, sources: dict[str, str], homes: dict[str, dict[str, str]]) -> set[str]:
    """The modules that a dotted name leads to."""
    if path.endswith(".*"):
        return {name for name in sources if name.startswith(path[:-1])}
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        module = ".".join(parts[:n])
        if module in sources:
            name = parts[n] if n < len(parts) else ""
            home = homes.get(module, {}).get(name)
            return {home} if home else {module}
    return set()


def circle_in(arrows: Arrows) -> list[str]:
    """Modules each of which needs the next, and the last the first; empty if there are none."""
    left = {(source, target) for source, target in arrows if source != target}
    while left:
        ends = {target for _, target in left} & {source for source, _ in left}
        inner = {(source, target) for source, target in left if source in ends and target in ends}
        if inner == left:
            break
        left = inner
    way = [min(left)[0]] if left else []
    while way and way[-1] not in way[:-1]:
        way.append(min(target for source, target in left if source == way[-1]))
    return way[way.index(way[-1]) : -1] if way else []


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else DOOR


def folder_of(module: str) -> str:
    """The folder of a room that a file is in, `npvae.kernels.team`; the file itself where it is in none."""
    return ".".join(module.split(".")[:3])


def table_in(text: str) -> list[tuple[set[str], set[str]]]:
    """The rows of the table in CONTRIBUTING, from its top: rooms, and what they may import."""
    lines = [line.split("|")[1:3] for line in text.splitlines() if re.match(r"\| `", line)]
    rows = [(set(re.findall(r"`(\w+)`", rooms)), may) for rooms, may in lines]
    below = [set().union(*(rooms for rooms, _ in rows[i + 1 :])) for i in range(len(rows))]
    return [
        (rooms, below[i] if may.strip() == BELOW else set(re.findall(r"`(\w+)`", may)))
        for i, (rooms, may) in enumerate(rows)
    ]


def violations(arrows: Arrows, table: list[tuple[set[str], set[str]]]) -> list[str]:
    """Arrows that the table does not allow, and circles between the files or the folders of a room."""
    may = {room: allowed for rooms, allowed in table for room in rooms}
    found = [
        f"{source} -> {target}"
        for source, target in sorted(arrows)
        if room_of(source) not in (DOOR, room_of(target)) and room_of(target) not in may.get(room_of(source), set())
    ]
    inside = {arrow for arrow in arrows if room_of(arrow[0]) == room_of(arrow[1])}
    between_folders = {(folder_of(source), folder_of(target)) for source, target in inside}
    circles = dict.fromkeys(" -> ".join(circle_in(them)) for them in (inside, between_folders))
    return found + [f"a circle: {circle}" for circle in circles if circle]


def read_sources(root: Path) -> dict[str, str]:
    """Every file of npvae, by the name of its module."""
    paths = {path: path.relative_to(root).with_suffix("").parts for path in (root / "npvae").rglob("*.py")}
    return {
        ".".join(parts).removesuffix(".__init__"): path.read_text(encoding="utf-8") for path, parts in paths.items()
    }


SOURCES = read_sources(ROOT)
TABLE = table_in((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def test_no_arrow_points_up_and_no_two_files_need_each_other():
    assert violations(arrows_of(SOURCES), TABLE) == []


def test_every_room_has_a_row_and_each_row_imports_from_those_below():
    rooms = [room for row, _ in TABLE for room in row]
    assert {room_of(module) for module in SOURCES} - {DOOR} <= set(rooms)
    assert len(rooms) == len(set(rooms))
    for i, (_, allowed) in enumerate(TABLE):
        assert allowed <= set().union(*(row for row, _ in TABLE[i + 1 :]), set())


def test_only_doors_and_find_import_by_string():
    """A string that is made up as the program runs is an arrow that nobody sees."""
    calls = re.compile(r"\b(import_module|__import__|find_spec|find_loader|spec_from_file_location|run_module|exec)\(")
    assert {name for name, source in SOURCES.items() if calls.search(source)} == BY_STRING


SMALL = {
    "npvae": '_HOME = {"VAE": "npvae.models", "train": "npvae.training"}',
    "npvae.ops": "from npvae.ops.dense import dense",
    "npvae.ops.dense": '"""Used by npvae.models."""\nimport numpy as np\nfrom npvae import spec',
    "npvae.spec": "",
    "npvae.kernels": "from npvae.kernels import jit",
    "npvae.kernels.jit": 'x = name.startswith("npvae.")',
    "npvae.models": "from npvae.models.vae import VAE\nfrom .mlp import MLP",
    "npvae.models.mlp": "from npvae import ops",
    "npvae.models.vae": "from . import mlp\nfrom npvae.ops.dense import dense",
    "npvae.training": "import npvae\nmodel = npvae.VAE",
}


def test_the_arrows_of_a_small_package():
    assert arrows_of(SMALL) == {
        ("npvae", "npvae.models"),
        ("npvae", "npvae.training"),
        ("npvae.ops", "npvae.ops.dense"),
        ("npvae.ops.dense", "npvae.spec"),
        ("npvae.kernels", "npvae.kernels.jit"),
        ("npvae.models", "npvae.models.vae"),
        ("npvae.models", "npvae.models.mlp"),
        ("npvae.models.mlp", "npvae.ops"),
        ("npvae.models.vae", "npvae.models.mlp"),
        ("npvae.models.vae", "npvae.ops.dense"),
        ("npvae.training", "npvae.models"),
    }


PLANTED = {
    "at the top": "import npvae.training",
    "by name": "from npvae.training import train",
    "with its files": "from npvae.training import *",
    "lazy": "def f():\n    from npvae import training",
    "lazy, in a class": "class A:\n    def f(self):\n        import npvae.training as t",
    "for types alone": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from npvae.training import State",
    "relative": "from .. import training",
    "relative, of a package": "from ..training import train",
    "through the door": "from npvae import train",
    "through the door, as an attribute": "import npvae\nnpvae.train()",
    "through the door, under another name": "import npvae as n\nn.train()",
    "through the door, with all that it has": "from npvae import *",
    "as an attribute": "import npvae\nnpvae.training.train()",
    "by a string": 'import importlib\nimportlib.import_module("npvae.training")',
    "by a table of strings": 'ROOMS = {"loop": "npvae.training"}\ndef f(name):\n    return bring(ROOMS[name])',
    "by an f-string": 'def f(name):\n    return import_module(f"npvae.{name}")',
    "by an f-string with the front of a name": 'def f(name):\n    return import_module(f"npvae.tr{name}")',
    "by strings that are added": 'def f(name):\n    return import_module("npvae." + name)',
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_an_arrow_up_is_seen(planted):
    sources = SMALL | {"npvae.ops.planted": planted}
    assert "npvae.ops.planted -> npvae.training" in violations(arrows_of(sources), TABLE)
    assert violations(arrows_of(SMALL), TABLE) == []


@pytest.mark.parametrize("planted", ["from npvae.ops import layer", "def f():\n    from .layer import layer_forward"])
def test_two_files_that_need_each_other_are_seen(planted):
    sources = SMALL | {"npvae.ops.dense": planted, "npvae.ops.layer": "from npvae.ops.dense import dense_forward"}
    assert violations(arrows_of(sources), TABLE) == ["a circle: npvae.ops.dense -> npvae.ops.layer"]


def test_two_folders_that_need_each_other_are_seen():
    sources = SMALL | {
        "npvae.kernels.team.jobs": "from npvae.kernels.matmul import tiles",
        "npvae.kernels.matmul.tiles": "",
        "npvae.kernels.matmul.multiply": "from npvae.kernels.team import pools",
        "npvae.kernels.team.pools": "",
    }
    assert violations(arrows_of(sources), TABLE) == ["a circle: npvae.kernels.matmul -> npvae.kernels.team"]


def test_a_file_that_needs_its_own_package_is_a_circle():
    sources = SMALL | {"npvae.models.mlp": "from npvae.models import VAE"}
    assert violations(arrows_of(sources), TABLE) == ["a circle: npvae.models -> npvae.models.mlp"]


def test_a_circle_is_found_among_many_arrows_that_are_none():
    assert circle_in({("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")}) == []
    assert circle_in({("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "e")}) == ["b", "c", "d"]


def test_a_circle_between_rooms_has_an_arrow_that_the_table_forbids():
    """A room may import what stands below its row, so one of the arrows of a circle points up."""
    sources = SMALL | {"npvae.kernels.jit": "import npvae.models", "npvae.models.mlp": "import npvae.kernels"}
    assert violations(arrows_of(sources), TABLE) == [
        "npvae.kernels.jit -> npvae.models",
        "npvae.models.mlp -> npvae.kernels",
    ]


def test_a_room_without_a_row_may_import_nothing():
    sources = SMALL | {"npvae.helpers": "import npvae.spec"}
    assert violations(arrows_of(sources), TABLE) == ["npvae.helpers -> npvae.spec"]
