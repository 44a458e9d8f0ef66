"""npvae gradcheck, as typed."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npvae.cli import main

MINE = Path(__file__).parents[1] / "gradcheck/my_layers.py"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A working directory with a module of one's own, its name new each time."""
    name = f"layers_{tmp_path.name.replace('-', '_')}"
    shutil.copy(MINE, tmp_path / f"{name}.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield name
    sys.modules.pop(name, None)


def test_an_op_of_ones_own_is_found_in_the_working_directory(mine, capsys):
    assert main(["gradcheck", f"{mine}:swish"]) == 0
    assert "PASS  swish" in capsys.readouterr().out
    assert main(["gradcheck", f"{mine}.py:swish"]) == 0


def test_a_wrong_one_fails_with_exit_code_one_and_a_line_that_reproduces_it(mine, capsys):
    assert main(["gradcheck", f"{mine}:wrong", "--seed", "5"]) == 1
    output = capsys.readouterr().out
    assert "FAIL  wrong  d/dx   float64, sample 4x3, seed 5" in output
    line = next(line for line in output.splitlines() if "reproduce:" in line).split("reproduce: npvae ")[1]
    assert main(line.split()) == 1
    again = capsys.readouterr().out
    worst = next(line for line in output.splitlines() if "worst" in line)
    assert worst in again


def test_a_module_is_everything_in_it(mine, capsys):
    assert main(["gradcheck", mine]) == 1
    output = capsys.readouterr().out
    assert "2 checked, 2 gradients" in output
    assert "1 failed" in output


def test_a_page_module_and_a_name_in_ops(capsys):
    assert main(["gradcheck", "npvae.ops:gaussian_kl"]) == 0
    assert "gaussian_kl" in capsys.readouterr().out
    assert main(["gradcheck", "npvae.ops:gaussian_nll_pixel", "npvae.ops:relu", "--level", "smoke"]) == 0


def test_json_has_the_same_as_the_text(mine, capsys):
    assert main(["gradcheck", f"{mine}:wrong", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "FAIL"
    assert found["reports"][0]["findings"][0]["code"] == "wrong-gradient"


def test_what_could_not_be_settled_is_no_success(mine, tmp_path, capsys):
    source = (tmp_path / f"{mine}.py").read_text()
    log = 'log = Op(lambda x: (np.log(x), x), lambda dy, x: dy / x, args={"x": Arg("N")}, name="log")\n'
    (tmp_path / f"{mine}.py").write_text(source + log)
    assert main(["gradcheck", f"{mine}:log"]) == 1
    assert "none failed, 1 inconclusive" in capsys.readouterr().out
    assert main(["gradcheck", f"{mine}:log", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "INCONCLUSIVE"


def test_levels_look_at_more_and_more(mine, capsys):
    counts = []
    for level in ("smoke", "default", "exhaustive"):
        assert main(["gradcheck", f"{mine}:swish", "--level", level, "--json"]) == 0
        counts.append(len(json.loads(capsys.readouterr().out)["reports"][0]["samples"]))
    assert counts[0] < counts[1] < counts[2]


def test_teeth_are_shown(mine, capsys):
    assert main(["gradcheck", f"{mine}:swish", "--teeth"]) == 0
    assert "planted mistakes caught" in capsys.readouterr().out


@pytest.mark.parametrize("extra", [[], ["--sample", "9x17-f32-strided"]])
def test_a_failure_is_written_out_as_a_test_that_fails_until_it_is_mended(mine, tmp_path, capsys, extra):
    test = tmp_path / "test_found.py"
    assert main(["gradcheck", f"{mine}:wrong", "--emit-test", str(test), *extra]) == 1
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    failed = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 1, failed.stdout
    assert "FAIL  wrong" in failed.stdout
    shown = next(line for line in capsys.readouterr().out.splitlines() if "worst" in line)
    assert shown in failed.stdout, "the same entry, with the same numbers"
    source = (tmp_path / f"{mine}.py").read_text()
    wrong, right = "    _, s = cache\n    return dy * s\n", "    x, s = cache\n    return dy * (s + x * s * (1 - s))\n"
    (tmp_path / f"{mine}.py").write_text(source.replace(wrong, right))
    mended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert mended.returncode == 0, mended.stdout
    assert main(["gradcheck", f"{mine}:wrong", "--emit-test", str(test)]) == 2, "it does not overwrite"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["gradcheck", "nonsense:op"], "no module named 'nonsense'"),
        (["gradcheck", "npvae.ops:rely"], "npvae.ops has no attribute 'rely'; its ops are"),
        (["gradcheck", "npvae.ops:relu_forward"], "is a function, expected an npvae.gradcheck.Op"),
        (["gradcheck", "nowhere.py:op"], "no file nowhere.py"),
        (["gradcheck", "npvae.ops:relu", "--sample", "5y5"], "relu has no sample '5y5'; its samples are 4x3"),
        (["explain", "rely"], "no page is called 'rely'; there are dense, relu,"),
    ],
)
def test_bad_calls_say_what_was_found(argv, message, capsys):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_test_goes_into_a_folder_that_is_made_for_it(mine, tmp_path):
    test = tmp_path / "new" / "test_found.py"
    assert main(["gradcheck", f"{mine}:wrong", "--emit-test", str(test)]) == 1
    assert "def test_wrong" in test.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "is a folder: choose the name of a file"),
        ("there.py", "there.py exists already: choose another --emit-test"),
        ("there.py/test_it.py", "there.py is a file and not a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_checked(mine, tmp_path, capsys, place, message):
    (tmp_path / "there.py").write_text("kept", encoding="utf-8")
    assert main(["gradcheck", f"{mine}:wrong", "--emit-test", str(tmp_path / place)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert (tmp_path / "there.py").read_text(encoding="utf-8") == "kept"


def test_a_full_disk_leaves_no_half_of_a_test(mine, tmp_path, capsys, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    test = tmp_path / "new" / "test_found.py"
    assert main(["gradcheck", f"{mine}:wrong", "--emit-test", str(test)]) == 2
    error = capsys.readouterr().err
    assert "test_found.py cannot be written (No space left on device): make room" in error
    assert not list(test.parent.iterdir())


def test_no_file_is_written_where_nothing_failed(mine, tmp_path, capsys):
    assert main(["gradcheck", f"{mine}:swish", "--emit-test", str(tmp_path / "test_it.py")]) == 0
    assert "no op failed" in capsys.readouterr().err
    assert not (tmp_path / "test_it.py").exists()
