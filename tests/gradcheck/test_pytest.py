"""The pytest side, seen from outside: items, options, skips, what is loaded, what a failure looks like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAYERS = Path(__file__).with_name("my_layers.py").read_text(encoding="utf-8")
SUITE = """
from npvae.gradcheck import op_test

swish = Op(swish_forward, swish_backward, args={"x": Arg("N D", kinks=[0.0])})
test_swish = op_test(swish, skip={"numeric-f32": "the table is in float64"})
"""


@pytest.fixture
def suite(tmp_path):
    """A function: run pytest on a small suite with some arguments; its output."""

    def run(*options, sign="+"):
        (tmp_path / "test_mine.py").write_text(LAYERS.replace("(s + x", f"(s {sign} x") + SUITE, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "npvae.gradcheck.pytest_plugin"]
        # The plugin by name and not by entry point: it then also works from a source tree that is not installed.
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(
            [*command, *options, "test_mine.py"], cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        return done.stdout + done.stderr

    return run


def test_one_item_a_cell_and_a_reason_for_what_is_skipped(suite):
    output = suite("-v", "-rs")
    for cell in ("contract", "determinism", "isolation", "linearity", "numeric-f64", "shapes", "layouts", "kink"):
        assert f"test_swish[{cell}] PASSED" in output
    assert "test_swish[numeric-f32] SKIPPED" in output
    assert "the table is in float64" in output


def test_a_failure_is_the_report_and_no_traceback_through_the_checker(suite):
    output = suite("-q", sign="-")
    assert "FAIL  swish  d/dx   float64, sample 4x3, seed 0" in output
    assert "analytic" in output
    assert "def test(" not in output
    assert "Traceback" not in output
    assert "test_swish[numeric-f64]" in output
    assert "test_swish[contract]" not in output.split("short test summary")[1]


def test_the_options_choose_seed_and_level(suite):
    assert "seed 7" in suite("--gradcheck-seed", "7", sign="-")
    assert "level smoke does not look at" in suite("-v", "-rs", "--gradcheck-level", "smoke")
    assert "invalid choice" in suite("--gradcheck-level", "thorough")


def test_the_plugin_loads_nothing():
    code = "import npvae.gradcheck.pytest_plugin, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "numba", "hypothesis", "matplotlib", "pytest"} & set(loaded)


def test_the_checker_loads_numpy_and_no_more():
    names = "check_op, op_test, gradcheck, check_model, check_layer"
    code = f"from npvae.gradcheck import {names}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    own = {name for name in loaded if name.startswith("npvae.")}
    assert {name.split(".")[1] for name in own} == {"gradcheck", "spec"}
    assert not {"numba", "hypothesis", "matplotlib", "pytest", "scipy", "torch"} & set(loaded)
