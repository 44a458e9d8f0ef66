"""Every example opens as a notebook and runs as one, in its quick form."""

import ast
import importlib.util
import os
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed: it is in the extra notebook")
pytest.importorskip("nbclient", reason="nbclient is not installed: it is in the extra notebook")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: it is in the extra notebook")

import jupytext
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.util import run_sync

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def missing_modules(path):
    """What an example imports at its top level and is not installed."""
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    names = {alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in statements if isinstance(node, ast.ImportFrom) and node.module}
    roots = sorted({name.split(".")[0] for name in names})
    return [root for root in roots if importlib.util.find_spec(root) is None]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_opens_as_a_notebook(path):
    cells = jupytext.read(path, fmt="py:percent").cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert sum(cell.cell_type == "code" for cell in cells) >= 2
    assert all(cell.source.strip() for cell in cells)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One kernel for all notebooks: starting it, and loading what they import, takes longer than most of them."""
    folder = tmp_path_factory.mktemp("jupyter")
    # The kernels have tests of their own without the JIT; a whole training as plain Python would take minutes.
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    env |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_CONFIG_DIR": str(folder / "jupyter")}
    manager = AsyncKernelManager(kernel_name="python3")
    run_sync(manager.start_kernel)(env=env)
    yield manager
    run_sync(manager.shutdown_kernel)(now=True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of Jupyter's own packages
def test_runs_as_a_notebook(path, tmp_path, kernel, hang):
    missing = missing_modules(path)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, not installed")
    first = f"# %%\n%reset -f\n%cd -q {tmp_path}\nimport sys\nsys.argv = [{path.name!r}, '--quick']\n\n"
    notebook = jupytext.reads(first + path.read_text(encoding="utf-8"), fmt="py:percent")
    client = NotebookClient(notebook, km=kernel, timeout=hang)
    try:
        client.execute()  # CellExecutionError with the cell and its traceback
    finally:
        client.kc.stop_channels()
    printed = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert printed, "the example shows nothing"
