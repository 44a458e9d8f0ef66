"""The checker alone: a fresh environment with NumPy and npvae installed without its dependencies."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

OUTSIDE = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
ROOT = Path(__file__).parents[2]

CALLS = """
import importlib.util
import sys
import numpy as np
import npvae
from layers import Double, swish, wrong
from npvae.gradcheck import check_function, check_layer, check_op, gradcheck

assert npvae.__file__.startswith(sys.prefix), npvae.__file__
for name in ("numba", "matplotlib", "tqdm", "scipy"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed here"
x = np.random.default_rng(0).standard_normal((4, 3))
assert check_op(swish) and not check_op(wrong)
assert gradcheck(swish.forward, swish.backward, x)
assert check_layer(Double(), x, params=())
assert check_function(lambda x: float((x * x).sum()), lambda x: 2 * x, x)
print("all is well")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment with npvae, NumPy and nothing else."""
    pytest.importorskip("setuptools", reason="npvae is built from its source here")
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("there is no source to install from")
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(ROOT / "npvae", folder / "source" / "npvae", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder / "env")}))
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "env")}))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--target", site, folder / "source"], capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("there is no pip")
    assert done.returncode == 0, done.stderr
    for file in {Path(path).parts[0] for path in metadata.files("numpy") if not str(path).startswith("..")}:
        source = Path(metadata.distribution("numpy").locate_file(file))
        (site / file).symlink_to(source, target_is_directory=source.is_dir())
    shutil.copy(Path(__file__).with_name("my_layers.py"), folder / "layers.py")
    return scripts / "python", folder


def test_every_call_works_with_numpy_alone(python):
    interpreter, folder = python
    done = subprocess.run([interpreter, "-c", CALLS], cwd=folder, env=OUTSIDE, capture_output=True, text=True)
    assert done.stdout.strip() == "all is well", done.stderr


def test_so_does_the_command_line(python):
    interpreter, folder = python
    command = [interpreter, "-c", "import sys; from npvae.cli import main; sys.exit(main())", "gradcheck"]
    right = subprocess.run([*command, "layers:swish"], cwd=folder, env=OUTSIDE, capture_output=True, text=True)
    assert (right.returncode, right.stdout[:4]) == (0, "PASS"), right.stderr
    wrong = subprocess.run([*command, "layers:wrong"], cwd=folder, env=OUTSIDE, capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout[:4]) == (1, "FAIL"), wrong.stderr
