"""Trouble with output does not decide whether a training lives, and no listing ends in a traceback."""

import errno
import io
import os
import subprocess
import sys

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.console import Surviving, reader_left, surviving, surviving_streams

TRAINING = ["train", "--epochs", "3", "--hidden", "8", "--no-figures", "--batch-size", "500"]
TRAIN = f"""
import sys
from npvae.cli import main
sys.exit(main([*{TRAINING}, "--out", sys.argv[1]]))
"""


def run(script, *arguments, redirect="", **environment):
    """A script of Python's, by a shell that closes or redirects its streams."""
    command = f'"$0" -c "$1" "$2" {redirect}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, script, *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth") / "run"
    assert main([*TRAINING, "--out", str(folder)]) == 0
    return npvae.load(folder).params.flat


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of a shell")
@pytest.mark.parametrize(
    "redirect", [">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>/dev/full", "2>&1 | head -c 20 >&2"]
)
def test_a_training_whose_output_is_lost_ends_with_the_same_bits(tmp_path, truth, redirect):
    if "full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("no full disk at hand")
    done = run(TRAIN, tmp_path / "run", redirect=redirect)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    np.testing.assert_array_equal(npvae.load(tmp_path / "run").params.flat, truth)


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of a shell")
def test_a_listing_ends_quietly_when_its_reader_leaves_and_says_so_when_the_disk_is_full(tmp_path):
    script = "import sys; from npvae.cli import main; sys.exit(main(['explain']))"
    done = run(script, "", redirect="| head -1")
    assert done.stderr == b""
    if os.path.exists("/dev/full"):
        done = run(script, "", redirect="> /dev/full")
        assert done.returncode == 2
        assert done.stderr.startswith(b"npvae: error: what was to be printed could not be written ([Errno 28]")
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "utf-8"])
def test_letters_that_an_encoding_lacks_are_replaced(encoding):
    script = "import sys; from npvae.cli import main; sys.exit(main(['train', '--help']))"
    done = run(script, "", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stderr == b""
    assert "order of the R" in done.stdout.decode(encoding)


class Broken(io.StringIO):
    """A stream that fails after some characters."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def isatty(self):
        return True

    def write(self, text):
        if self.tell() + len(text) > self.most:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


@pytest.mark.parametrize("stream", [None, Broken(0), Broken(200)], ids=["None", "gone", "goes"])
def test_progress_in_python_survives_as_well(monkeypatch, stream):
    x = np.random.default_rng(0).random((40, 12), np.float32)
    quiet, shown = (npvae.VAE(12, (8,), 2) for _ in range(2))
    npvae.train(quiet, x, epochs=4, batch_size=10, progress=False)
    monkeypatch.setattr(sys, "stderr", stream)
    npvae.train(shown, x, epochs=4, batch_size=10)
    np.testing.assert_array_equal(shown.params.flat, quiet.params.flat)


def test_a_closed_stream_is_no_error():
    stream = Surviving(io.StringIO())
    stream.write("seen")
    assert stream.getvalue() == "seen"
    stream.stream.close()
    assert stream.write("unseen") == 6
    assert isinstance(stream.lost, ValueError)
    assert not stream.isatty()
    stream.flush()
    assert surviving(stream) is stream


def test_a_stream_that_closes_before_it_is_flushed_is_no_error():
    stream = Surviving(io.TextIOWrapper(io.BytesIO()))
    stream.stream.close()
    stream.flush()
    assert isinstance(stream.lost, ValueError)


def test_nothing_more_is_written_to_a_stream_that_is_lost():
    tried = []

    class Full(io.StringIO):
        def write(self, text):
            tried.append(text)
            raise OSError(errno.ENOSPC, "No space left on device")

    stream = Surviving(Full())
    for text in "abc":
        assert stream.write(text) == 1
    assert tried == ["a"]


def test_what_is_held_back_until_the_end_is_found_lost_and_its_handle_then_leads_nowhere(monkeypatch):
    read, written = os.pipe()
    os.close(read)
    with open(written, "w", encoding="utf-8") as pipe:  # its buffer holds the line back
        monkeypatch.setattr(sys, "stdout", pipe)
        with surviving_streams() as (out, _):
            print("nobody reads this")
            assert out.lost is None
        assert out.lost.errno == errno.EPIPE
        assert os.write(written, b"nor this") == 8  # no BrokenPipeError
    # and closing the pipe flushed it once more, as the interpreter does at its end


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    code = """if True:
        import os, sys
        os.close(1), os.close(2)
        from npvae.console import surviving_streams
        with surviving_streams(), open(sys.argv[1], "w") as file:
            sys.exit(file.fileno() < 3)
    """
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "results"]).returncode == 0


@pytest.mark.parametrize(("platform", "left"), [("win32", True), ("linux", False)])
def test_windows_says_of_a_reader_who_left_that_an_argument_is_invalid(monkeypatch, platform, left):
    monkeypatch.setattr(sys, "platform", platform)
    stream = Surviving(io.StringIO())
    stream.lost = OSError(errno.EINVAL, "Invalid argument")
    assert reader_left(stream) == left
    stream.lost = OSError(errno.ENOSPC, "No space left on device")
    assert not reader_left(stream)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.EBADF])
def test_a_reader_who_left_and_a_terminal_that_is_gone_are_no_error(number):
    stream = Surviving(io.StringIO())
    stream.lost = OSError(number, os.strerror(number))
    assert reader_left(stream)


def test_a_terminal_that_is_lost_is_none_any_more():
    stream = Surviving(Broken(0))
    assert stream.isatty()
    stream.write("a")
    assert not stream.isatty()


def test_the_streams_are_put_back(capsys):
    before = sys.stdout, sys.stderr
    with surviving_streams():
        print("seen")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "seen\n"


def test_a_narrow_terminal_shows_the_loss(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    stream.fileno = lambda: 2
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((46, 24)))
    npvae.train(npvae.VAE(12, (8,), 2), np.zeros((40, 12), np.float32), epochs=2, batch_size=1)
    drawn = [line for line in stream.getvalue().replace("\n", "\r").split("\r") if "%" in line]
    assert all(len(line) <= 46 for line in drawn)
    assert any("loss " in line.split("|")[0] for line in drawn)
