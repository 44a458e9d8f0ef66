"""The guide to checking gradients is typed in as it stands, and what it shows is what is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npvae.gradcheck import Arg, check_layer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "gradients.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def section():
    """The guide, as (language, text) of each of its blocks, and its words."""
    text = GUIDE.read_text(encoding="utf-8")
    return BLOCK.findall(text), text


@pytest.fixture(scope="module")
def folder(section, tmp_path_factory):
    """A folder with the files that the guide writes."""
    folder = tmp_path_factory.mktemp("guide")
    for language, text in section[0]:
        if language == "python":
            (folder / text.splitlines()[0].removeprefix("# ")).write_text(text)
    assert sorted(path.name for path in folder.iterdir()) == ["layers.py", "test_layers.py"]
    return folder


def typed(folder, *command):
    """The exit code and the output of a command typed in the folder."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout + done.stderr


def without_times(text):
    """The text with what depends on the machine taken out: seconds, and the rounding of a difference."""
    return re.sub(r"\+- \de-\d\d", "+- .", re.sub(r"in \d+\.\d s", "in . s", text))


def test_the_failing_run_is_what_is_printed(section, folder):
    ((_, shown),) = [block for block in section[0] if block[1].startswith("$ npvae gradcheck")]
    command, _, expected = shown.partition("\n")
    code, output = typed(folder, *command.removeprefix("$ ").split())
    assert code == 1
    assert without_times(output) == without_times(expected)


def test_mended_as_its_comment_says_everything_passes(folder):
    source = (folder / "layers.py").read_text()
    code, output = typed(folder, "pytest", "-q", "-p", "npvae.gradcheck.pytest_plugin", "test_layers.py")
    assert code == 1
    assert "FAIL  swish  d/dx" in output
    mended = source.replace("(1 + x * s)  # it should be 1 - s", "(1 + x * (1 - s))")
    assert mended != source
    (folder / "layers.py").write_text(mended)
    try:
        code, output = typed(folder, "pytest", "-q", "-p", "npvae.gradcheck.pytest_plugin", "test_layers.py")
        assert code == 0, output
        assert "skipped" in output
        assert typed(folder, "npvae", "gradcheck", "layers:swish", "--teeth")[0] == 0
    finally:
        (folder / "layers.py").write_text(source)


def test_an_op_is_registered_in_five_lines(section):
    (_, layers), *_ = section[0]
    registering = [line for line in layers.splitlines() if "Op(" in line or "import Arg, Op" in line]
    assert len(registering) <= 5


def test_every_call_that_is_named_exists(section):
    import npvae.gradcheck as room

    for name in {"check_loss_and_grads", *re.findall(r"\b(check_\w+|op_test|gradcheck|LayerOp)\(", section[1])}:
        assert name in section[1]
        assert callable(getattr(room, name))


class Dense:
    """A layer as the table describes it, or with a mistake in one parameter."""

    def __init__(self, wrong=1):
        rng = np.random.default_rng(0)
        self.W, self.b, self.wrong = rng.standard_normal((3, 2)), rng.standard_normal(2), wrong

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, self.wrong * dy.sum(axis=0)
        return dy @ self.W.T


def named_in(block, request):
    """What a block of the section takes for granted."""
    names = {"np": np, "x": np.random.default_rng(0).standard_normal((4, 3)), "w": np.ones((4, 3))}
    if "check_torch" in block:
        names |= {"torch": pytest.importorskip("torch"), "Swish": request.getfixturevalue("swish")}
    if "check_model" in block:
        from npvae import VAE

        names["model"] = VAE(3, hidden=(4,), latent_dim=2, dtype="float64", seed=0)
        names |= {"x": np.random.default_rng(0).random((4, 3)), "eps": np.random.default_rng(1).standard_normal((4, 2))}
    return names | {"layer": Dense()}


@pytest.mark.parametrize("call", ["gradcheck", "check_layer", "check_function", "check_torch", "check_model"])
def test_a_first_verdict_takes_four_lines(section, call, request):
    (block,) = [text for language, text in section[0] if language == "py" and f"import {call}\n" in text]
    lines = [line for line in block.splitlines() if line]
    assert len(lines) <= 4
    exec(block, named_in(block, request))  # it asserts its report


def test_the_call_for_a_layer_sees_its_parameters(section):
    (call,) = re.findall(r"report = (check_layer\(.*?\))\n", section[1])
    names = {"check_layer": check_layer, "x": np.ones((4, 3))}
    assert {finding.arg for finding in eval(call, {**names, "layer": Dense(wrong=2)}).findings} == {"b"}


def test_every_arg_of_the_table_is_one(section):
    found = re.findall(r"Arg\([^`]*\)", "\n".join(re.findall(r"^\|.*`Arg.*$", section[1], re.MULTILINE)))
    assert len(found) >= 5
    for text in found:
        assert isinstance(eval(text, {"Arg": Arg}), Arg)
