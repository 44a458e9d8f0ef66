"""Imports one module of npvae from another source than its file: in this process and in every Python that it starts.

For `run.py` above, which puts this folder on PYTHONPATH. EDITED_PATH is the path of the module's file below the
repository, EDITED_SOURCE a file with what is run in its place.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[3]


class Finder:
    """Finds one module, and leaves every other to those that come after it."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self.name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Called by the import system."""
        if name != self.name:
            return None
        package = [str(ROOT / self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, ROOT / self.path, loader=self, submodule_search_locations=package
        )

    def create_module(self, spec: Any) -> None:
        """As by default."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the edited source as if it stood in the file."""
        exec(compile(self.source, str(ROOT / self.path), "exec"), module.__dict__)


if "EDITED_PATH" in os.environ:
    sys.meta_path.insert(
        0, Finder(Path(os.environ["EDITED_PATH"]), Path(os.environ["EDITED_SOURCE"]).read_text(encoding="utf-8"))
    )
