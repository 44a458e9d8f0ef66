"""The two lessons on the checker run and find what they say they find."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_check_my_layer(capsys):
    runpy.run_path(str(EXAMPLES / "check_my_layer.py"))
    output = capsys.readouterr().out
    assert output.count("FAIL  swish") == 3
    assert "only where x > 20" in output
    assert "its memory is used again" in output
    assert "teeth: 17 of 17" in output


def test_check_torch_function(capsys):
    pytest.importorskip("torch")
    runpy.run_path(str(EXAMPLES / "check_torch_function.py"))
    output = capsys.readouterr().out
    assert "torch.autograd.gradcheck: True" in output
    assert "only where x > 2:" in output
    assert output.count("PASS  Softplus") == 1
