"""Ctrl-C and SIGTERM: the first saves and stops, a second stops at once, and the handlers are as they were."""

import importlib.util
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.training import read_checkpoint
from npvae.training.interruption import SIGNALS, Interruption

BOTH = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


def signal_at(model, step, numbers):
    """Send the signals while the model is in the forward of this step, from 1."""
    steps, forward = iter(range(1, 10**6)), model.forward

    def patched(*args):
        if next(steps) == step:
            for number in numbers:
                signal.raise_signal(number)
        return forward(*args)

    model.forward = patched
    return model


@pytest.fixture(autouse=True)
def _handlers_are_put_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@BOTH
def test_the_first_finishes_the_batch_and_returns_the_model(small, x, capsys, number):
    vae = npvae.train(signal_at(small(), 6, [number]), x, epochs=9, batch_size=10, progress=False)
    upto = npvae.train(small(), x, epochs=1, batch_size=10, progress=False)
    np.testing.assert_array_equal(vae.history[0]["train_loss"], upto.history[0]["train_loss"])
    assert len(vae.history) == 1
    expected = f"stopped by {number.name} in epoch 2, after step 6; nothing is saved, the model is as trained so far"
    assert vae.history.interrupted == expected
    assert capsys.readouterr().err == expected + "\n"


@BOTH
def test_what_was_stopped_goes_on_exactly(small, x, tmp_path, capsys, number):
    truth = npvae.train(small(), x, epochs=3, batch_size=10, progress=False)
    for step in (1, 4, 5, 12):  # the first, the last of an epoch, the first of the next, the last of all
        folder = tmp_path / str(step)
        vae = npvae.train(signal_at(small(), step, [number]), x, epochs=3, batch_size=10, out=folder, progress=False)
        assert vae.history.interrupted.endswith(f"Go on with: npvae.resume({str(folder)!r}, ...) and the same data")
        assert read_checkpoint(folder).about["step"] == step
        np.testing.assert_array_equal(npvae.load(folder).params.flat, vae.params.flat)
        resumed = npvae.resume(folder, x, progress=False)
        np.testing.assert_array_equal(resumed.params.flat, truth.params.flat)
        assert resumed.history.interrupted == ""


def test_during_the_test_the_epoch_is_finished(small, x):
    vae = npvae.train(signal_at(small(), 2, [signal.SIGINT]), x[:20], x[20:], epochs=5, batch_size=20, progress=False)
    assert len(vae.history) == 1
    assert vae.history.interrupted.startswith("stopped by SIGINT in epoch 2, after step 1")


def test_a_second_ctrl_c_stops_at_once(small, x, tmp_path):
    model = signal_at(small(), 6, [signal.SIGINT, signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        npvae.train(model, x, batch_size=10, out=tmp_path, checkpoint_steps=1, progress=False)
    assert read_checkpoint(tmp_path).about["step"] == 5


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX")
def test_a_terminal_that_says_twice_that_it_is_closed_stops_it_once(small, x, tmp_path):
    model = signal_at(small(), 6, [signal.SIGHUP, signal.SIGHUP])
    vae = npvae.train(model, x, epochs=9, batch_size=10, out=tmp_path, progress=False)
    assert vae.history.interrupted.startswith("stopped by SIGHUP in epoch 2, after step 6, and saved")


def test_a_ctrl_c_after_sigterm_stops_at_once(small, x):
    with pytest.raises(KeyboardInterrupt):
        npvae.train(signal_at(small(), 2, [signal.SIGTERM, signal.SIGINT]), x, batch_size=10, progress=False)


def test_handlers_are_put_back_after_an_error(small):
    with pytest.raises(ValueError, match="needs data in"), Interruption() as interruption:
        npvae.train(small(), np.full((5, 12), 7.0, np.float32))
    assert interruption.asked is None


def test_ignored_signals_stay_ignored():
    """As under nohup, or in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
        assert interruption.asked is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_training_listens_to_no_signal(small, x):
    models = []
    thread = threading.Thread(target=lambda: models.append(npvae.train(small(), x, epochs=2, progress=False)))
    thread.start()
    thread.join()
    assert len(models[0].history) == 2


class TestCommandLine:
    """The whole program, from outside."""

    def start(self, folder, *more):
        options = ["--hidden", "8", "--epochs", "100000", "--quiet", "--no-figures", "--out", str(folder), *more]
        code = "import sys; from npvae.cli import main; sys.exit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "train", *options], stderr=subprocess.PIPE, text=True, cwd=folder.parent
        )
        while not (folder / "metrics.jsonl").exists() or not (folder / "metrics.jsonl").read_bytes():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        return process

    @BOTH
    def test_says_how_to_resume_and_exits_with_130(self, tmp_path, hang, number):
        process = self.start(tmp_path / "run")
        process.send_signal(number)
        error = process.communicate(timeout=hang)[1]
        assert process.returncode == 130
        match = re.fullmatch(
            rf"stopped by {number.name} in epoch (\d+), after step ([\d,]+), and saved. "
            rf"Go on with: npvae train --resume {tmp_path / 'run'}\n",
            error,
        )
        assert match, error
        about = read_checkpoint(tmp_path / "run").about
        assert (about["epoch"], about["step"]) == (int(match[1]), int(match[2].replace(",", "")))
        resume = ["train", "--resume", str(tmp_path / "run"), "--epochs", str(about["epoch"]), "--quiet"]
        assert main([*resume, "--no-figures"]) == 0
        assert len(npvae.load(tmp_path / "run").history) == about["epoch"]

    def test_two_signals_end_it(self, tmp_path, hang):
        process = self.start(tmp_path / "run")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=hang)
        assert process.returncode in (130, -signal.SIGTERM)  # signals that come together may be delivered as one
        assert np.isfinite(npvae.load(tmp_path / "run").params.flat).all()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no signal to stand for SIGBREAK")
def test_ctrl_break_of_windows_is_noted_where_there_is_one(monkeypatch):
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    spec = importlib.util.find_spec("npvae.training.interruption")
    windows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(windows)  # a second copy: that of the tests above keeps this system's signals
    before = signal.getsignal(signal.SIGUSR1)
    with windows.Interruption() as interruption:
        signal.raise_signal(signal.SIGUSR1)
        assert interruption.asked == signal.SIGUSR1
        assert signal.getsignal(signal.SIGUSR1) == before, "a second one ends the program"
