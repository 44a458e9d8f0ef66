"""npvae/models/vae.py is mathematics alone: its backward is its forward reversed, and nothing else stands there."""

import ast
import inspect
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae import models, ops
from npvae.models.small import small

PAGE = Path(models.vae.__file__)
NOT_MATHEMATICS = ("workspace", "kernel", "small", "step", "isinstance", "type(")


def calls(function):
    """Names of the forwards or backwards that a method calls, in order, without their ending."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found = sorted(
        (node.lineno, node.col_offset, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)
    )
    names = [name.removeprefix("self.").removeprefix("ops.") for _, _, name in found]
    return [
        name.removesuffix(ending).rstrip("._")
        for name in names
        for ending in ("forward", "backward")
        if name.endswith(ending) and not name.startswith(("objective.forward", "objective.backward"))
    ]


def test_it_holds_no_word_of_how_it_is_run():
    text = PAGE.read_text(encoding="utf-8")
    assert [word for word in NOT_MATHEMATICS if word in text] == []
    assert len(text.splitlines()) < 200


def test_the_backward_is_the_forward_from_bottom_to_top():
    forward, backward = calls(npvae.VAE.forward), calls(npvae.VAE.backward)
    forward.remove("gaussian_kl")  # its backward is called by the objective's, which may bend it
    assert forward == ["posterior", "std_from_logvar", "reparameterize", "decoder", "likelihood", "objective.counted"]
    assert backward[::-1] == [*forward[:4], "likelihood", "objective.counted"]


def test_the_sums_where_two_paths_meet_stand_there():
    lines = [line.split("#")[0].strip() for line in PAGE.read_text(encoding="utf-8").splitlines()]
    for line in (
        "loss = float(nll.sum()) / N + self.beta * counted",
        "dnll = np.full(N, 1 / N, self.dtype)",
        "dkl = np.full(N, self.beta / N, self.dtype)",
        "dmu = dmu_z + dmu_kl",
        "dlogvar = dlogvar_z + dlogvar_kl",
    ):
        assert lines.count(line) == 1, line


def test_a_debugger_in_the_backward_meets_mathematics_first_and_every_gradient_line():
    """With backend="numpy": what is stepped into first, and which pages are reached."""
    model, x, eps = small("vae", np.random.default_rng(0))
    _, trace = model.forward(x, eps)
    entered = []

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(PAGE.parents[1])):
            entered.append((Path(frame.f_code.co_filename).parent.name, frame.f_code.co_name))

    sys.settrace(watch)
    try:
        model.backward(trace)
    finally:
        sys.settrace(None)
    assert entered[:3] == [("models", "backward"), ("objectives", "mean_backward"), ("ops", "gaussian_kl_backward")]
    reached = {name for room, name in entered if room == "ops"}
    assert reached >= {
        "gaussian_kl_backward", "bernoulli_nll_backward", "dense_backward", "layer_backward",
        "reparameterize_backward", "std_from_logvar_backward", "silu_backward",
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted(Path(ops.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_backward_ends_in_locals_that_can_be_printed(path):
    """`return dx`, not `return dy * slope`: a debugger then shows dx before it is gone."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef) and function.name.endswith("_backward"):
            for node in ast.walk(function):
                if isinstance(node, ast.Return):
                    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                    assert all(isinstance(part, ast.Name | ast.Constant | ast.Starred) for part in parts), ast.unparse(
                        node
                    )


@pytest.mark.parametrize("kind", models.MODELS)
def test_a_trace_prints_as_a_short_table(kind):
    model, x, eps = small(kind, np.random.default_rng(0), n=3)
    lines = repr(model.forward(x, eps)[1]).splitlines()
    assert 5 <= len(lines) <= 10
    assert max(map(len, lines)) < 80
    assert any(line.split()[:3] == ["nll", "(3,)"] or line.split()[0] == "nll" for line in lines)
