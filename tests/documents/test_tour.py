"""What the tour shows of programs that its reader runs: the numbers of its first stop, and its debugger session."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from making.markdown import code_of
from making.sources import ROOT

TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")


def session():
    """(lines typed, lines shown) of the debugger session."""
    (text,) = [block.text for block in code_of(TOUR) if "(Pdb)" in block.text]
    lines = text.splitlines()
    typed = [line.removeprefix("(Pdb) ") for line in lines if line.startswith("(Pdb)")]
    return typed, [line for line in lines if not line.startswith("(Pdb)")]


def test_the_debugger_shows_what_the_tour_shows(tmp_path):
    (script,) = [block.text for block in code_of(TOUR) if block.text.startswith("# step_through.py")]
    (tmp_path / "step_through.py").write_text(script, encoding="utf-8")
    typed, shown = session()
    command = [sys.executable, "step_through.py"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment.pop("PYTHONBREAKPOINT", None)
    keys = "\n".join([*typed, "q", ""])
    done = subprocess.run(command, cwd=tmp_path, env=environment, input=keys, capture_output=True, text=True)
    printed = [line.removeprefix("(Pdb) ") for line in done.stdout.splitlines()]
    assert [line for line in shown if line not in printed] == [], done.stdout + done.stderr


def test_the_numbers_of_the_first_stop_are_those_that_the_unrolled_page_prints():
    command = [sys.executable, str(ROOT / "examples" / "vae_unrolled.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    mu, std, eps, dz = re.search(r"^mu, std, eps, dz = ([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)$", TOUR, re.M).groups()
    assert f"z = mu + std * eps = {mu} + {std} * {eps} = " in printed
    assert f"dstd = dz * eps = {dz} * {eps} = {float(dz) * float(eps):.6f}\n" in printed


@pytest.mark.parametrize(("word", "verdict"), [("sum", True), ("mean", False)])
def test_the_layer_of_the_tour_with_sum_and_with_mean(word, verdict):
    (code,) = [block.text for block in code_of(TOUR) if "class Scale" in block.text]
    code = code.partition("assert report")[0].replace("(dy * self.x).sum", f"(dy * self.x).{word}")
    names = {"__name__": "tour", "np": np}
    exec(code, names)
    assert bool(names["report"]) is verdict
    if not verdict:
        assert re.search(r"d/dW .*analytic / numeric is 1/4 everywhere", str(names["report"]), re.DOTALL)
