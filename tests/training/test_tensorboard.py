"""Event files hold the rows of the history, each epoch once, also after a resume."""

import sys

import pytest

import npvae


def read_events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


@pytest.mark.filterwarnings("ignore")  # what tensorboard's own imports warn of is not ours
def test_each_epoch_is_there_once(small, x, tmp_path, crash_at):
    pytest.importorskip("tensorboard")
    with crash_at(6):  # the checkpoint is of step 5, epoch 2 is written but not in it
        settings = {"epochs": 4, "batch_size": 10, "checkpoint_steps": 5, "tensorboard": True, "progress": False}
        npvae.train(small(), x[:30], x[30:], out=tmp_path, **settings)
    vae = npvae.resume(tmp_path, x[:30], x[30:], progress=False)
    events = read_events(tmp_path / "tensorboard")
    assert events.keys() == vae.history[0].keys() - {"epoch"}
    for name, values in events.items():
        assert [step for step, _ in values] == [1, 2, 3, 4]
        assert [value for _, value in values] == pytest.approx([row[name] for row in vae.history], rel=1e-6)


def test_a_missing_package_is_named(small, x, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(ValueError, match=r"tensorboard cannot be imported .*pip install tensorboard"):
        npvae.train(small(), x, out=tmp_path / "run", tensorboard=True, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_folder_is_needed(small, x):
    pytest.importorskip("tensorboard")
    with pytest.raises(ValueError, match="tensorboard is on, but there is no folder to write to: give out as well"):
        npvae.train(small(), x, tensorboard=True, progress=False)
