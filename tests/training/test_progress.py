"""What is seen while a model trains: few lines in a log, a bar on a terminal, nothing if nothing is wanted."""

import io
import sys

import numpy as np

import npvae
from npvae.training import progress
from npvae.training.settings import Settings
from npvae.training.state import TrainingState


def terminal(monkeypatch):
    """Make stderr a terminal, on which tqdm draws; pytest would put its own in place of one made in a fixture."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_lines_stay_few(small, x, capsys):
    npvae.train(small(), x, epochs=45)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[0].startswith("epoch  1/45   train")
    assert lines[-1].startswith("epoch 45/45   train")
    assert 15 <= len(lines) <= 22
    assert out == ""


def test_every_epoch_of_a_short_training_has_its_line_with_its_losses(small, x, capsys):
    vae = npvae.train(small(), x[:20], x[20:30], x_valid=x[30:], epochs=3)
    for line, row in zip(capsys.readouterr().err.splitlines(), vae.history, strict=True):
        assert (
            line.split()
            == (
                f"epoch {row['epoch']}/3 train {row['train_loss']:.3f} (nll {row['train_nll']:.3f}, "
                f"kl {row['train_kl']:.3f}) test {row['test_loss']:.3f} valid {row['valid_loss']:.3f} "
                f"{row['seconds']:.2f} s"
            ).split()
        )


def test_silence(small, x, capsys):
    npvae.train(small(), x, epochs=3, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_long_epoch_shows_in_a_log_that_it_is_alive(small, x, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    npvae.train(small(), x, epochs=2, batch_size=10)
    lines = [line for line in capsys.readouterr().err.splitlines() if "%" in line]
    assert [line.split("loss")[0].split() for line in lines] == [
        ["epoch", f"{epoch}/2", f"{part}%"] for epoch in (1, 2) for part in (25, 50, 75, 100)
    ]


def test_a_terminal_has_a_bar_that_is_taken_away(small, x, monkeypatch):
    stream = terminal(monkeypatch)
    npvae.train(small(), x, epochs=2, batch_size=1)
    drawn = stream.getvalue()
    assert "/80.0 " in drawn
    assert drawn.rsplit("\r", 1)[1].strip() == ""
    assert "epoch 2/2   train" in drawn


def test_a_resumed_bar_begins_where_the_training_does(small, x, tmp_path, crash_at, monkeypatch):
    with crash_at(6):
        npvae.train(small(), x, epochs=2, batch_size=10, out=tmp_path, checkpoint_steps=1, progress=False)
    stream = terminal(monkeypatch)
    npvae.resume(tmp_path, x)
    assert "60.0/80.0" in stream.getvalue()


def test_a_notebook_gets_its_lines_on_stdout(small, x, capsys, monkeypatch):
    out_stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", out_stream)
    npvae.train(small(), x, epochs=1)
    assert "epoch 1/1   train" in out_stream.getvalue()
    assert capsys.readouterr().err == ""


def test_having_imported_the_notebooks_kernel_does_not_make_a_notebook(small, x, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    npvae.train(small(), x, epochs=1)
    assert "epoch 1/1   train" in capsys.readouterr().err


def test_a_test_loss_of_zero_is_shown(small, capsys):
    show = progress.Progress(True, TrainingState.start(small(), Settings()), 1, 1)
    row = {"epoch": 1, "train_loss": 0.0, "train_nll": 0.0, "train_kl": 0.0, "test_loss": 0.0, "seconds": np.float64(1)}
    show.end_epoch(row)
    show.close()
    assert "test    0.000" in capsys.readouterr().err
