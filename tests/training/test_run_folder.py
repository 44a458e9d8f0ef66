"""What reads a run: one error type for what is damaged, and a torn last line is no damage."""

import json
import re

import numpy as np
import pytest

import npvae
from npvae.training import RunError, read_config, read_metrics


@pytest.fixture
def run(small, x, tmp_path):
    npvae.train(small(), x[:30], x[30:], epochs=3, out=tmp_path, progress=False)
    return tmp_path


def test_metrics_are_one_object_a_line(run):
    content = (run / "metrics.jsonl").read_bytes()
    assert content.endswith(b"}\n")
    assert [json.loads(line)["epoch"] for line in content.splitlines()] == [1, 2, 3]
    assert read_metrics(run) == npvae.load(run).history


def test_a_torn_last_line_is_left_out(run):
    content, rows = (run / "metrics.jsonl").read_bytes(), read_metrics(run)
    last = content[:-1].rindex(b"\n") + 1
    for length in range(last, len(content)):
        (run / "metrics.jsonl").write_bytes(content[:length])
        assert read_metrics(run) == rows[:2]
    (run / "metrics.jsonl").write_bytes(b"")
    assert read_metrics(run) == []
    (run / "metrics.jsonl").unlink()
    assert read_metrics(run) == []


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe", b"[" * 10**5, b""])
def test_a_damaged_line_is_named(run, line):
    with open(run / "metrics.jsonl", "ab") as file:
        file.write(line + b"\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 4 cannot be read as JSON \(.*\): take the line out"):
        read_metrics(run)


@pytest.mark.parametrize("name", ["model.npz", "best.npz"])
def test_mutated_weights_are_refused_or_right(run, name):
    content, rng, refused = (run / name).read_bytes(), np.random.default_rng(0), 0
    truth = npvae.load(run, best=name == "best.npz").params.flat
    for _ in range(150):
        changed = bytearray(content)
        changed[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        (run / name).write_bytes(changed[: len(content) if rng.random() < 0.5 else rng.integers(len(content))])
        try:
            model = npvae.load(run, best=name == "best.npz")
        except RunError:
            refused += 1
        else:
            np.testing.assert_array_equal(model.params.flat, truth)
    assert refused > 100


def test_damaged_weights_can_be_had_from_the_checkpoint_and_the_message_says_so(run, x):
    content = (run / "model.npz").read_bytes()
    (run / "model.npz").write_bytes(content[:-30])
    mend = "the run is damaged, go on from its checkpoint (npvae train --resume "
    with pytest.raises(RunError, match=re.escape(mend)) as caught:
        npvae.load(run)
    assert "numpy.save" not in str(caught.value)  # advice for a file of one's own


def test_weights_that_are_not_finite_are_refused(run, small):
    np.savez(run / "model.npz", **{name: value * np.nan for name, value in small().params.items()})
    with pytest.raises(RunError, match=r"model\.npz: .* holds numbers that are not finite: the run is damaged"):
        npvae.load(run)


def test_a_run_without_held_out_data_has_no_best(small, x, tmp_path):
    npvae.train(small(), x, epochs=1, out=tmp_path, progress=False)
    assert not (tmp_path / "best.npz").exists()
    with pytest.raises(RunError, match=r"holds no best\.npz: there was no held-out data, or no epoch is finished"):
        npvae.load(tmp_path, best=True)


@pytest.mark.parametrize("content", ["{", "[]", '"vae"', '{"model": "vae"}', "[" * 10**5])
def test_a_damaged_config_is_refused(run, content):
    (run / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json"):
        read_config(run)


def test_a_model_of_ones_own_trains_but_is_not_saved(x, tmp_path):
    class Own(npvae.VAE):
        pass

    own = Own(12, (7,), 2, backend="numpy")
    assert len(npvae.train(own, x, epochs=1, progress=False).history) == 1
    with pytest.raises(ValueError, match="a Own cannot be saved as a run, only vae, autoencoder"):
        npvae.train(own, x, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_a_file(small, x, tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match="is a file: choose another folder"):
        npvae.train(small(), x, out=tmp_path / "run", progress=False)


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "model.npz", "checkpoint.npz"])
def test_any_file_of_a_run_keeps_another_out(small, x, tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(RunError, match=f"already holds a run .{name}.: .* go on with it: npvae train --resume"):
        npvae.train(small(), x, out=tmp_path, progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 0}, "patience is 0, expected at least 1"),
        ({"checkpoint_steps": 0}, "checkpoint_steps is 0, expected at least 1"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds is -1.0, expected at least 0, or None for never"),
        ({"checkpoint_seconds": float("nan")}, "checkpoint_seconds is nan"),
    ],
)
def test_settings_of_saving_out_of_range(small, x, settings, message):
    with pytest.raises(ValueError, match=message):
        npvae.train(small(), x[:30], x[30:], **settings)


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"checkpoint_seconds": None}, [0, 12]),
        ({"checkpoint_seconds": None, "checkpoint_steps": 5}, [0, 5, 10, 12]),
        ({"checkpoint_seconds": 0}, [*range(13), 12]),
        ({"checkpoint_seconds": 1e9, "checkpoint_steps": 100}, [0, 12]),
    ],
)
def test_checkpoints_fall_due(small, x, tmp_path, monkeypatch, settings, steps):
    from npvae.training import run_writer

    saved, write = [], run_writer.write_checkpoint
    monkeypatch.setattr(run_writer, "write_checkpoint", lambda p, s, **k: [saved.append(s.step), write(p, s, **k)])
    npvae.train(small(), x, epochs=3, batch_size=10, out=tmp_path, progress=False, **settings)
    assert saved == steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hidden": [9]},
            r"model\.npz: encoder\.0\.W is float\d\d of shape \(\d+, 7\), expected float\d\d of shape .*, 9\)",
        ),
        ({"hidden": [16, 16]}, r"model\.npz: .* expected"),
        ({"hidden": "wide"}, r"config\.json describes a model that cannot be built"),
        ({"no_such_setting": 1}, r"config\.json describes a model that cannot be built .*no_such_setting"),
    ],
)
def test_settings_that_were_changed_are_named_and_not_called_damage_alone(run, change, message):
    path = run / "config.json"
    config = json.loads(path.read_text())
    config["model_settings"] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(RunError, match=message):
        npvae.load(run)
