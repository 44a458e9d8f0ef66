"""The estimator holds out a part if it is to stop early, and prints its progress if asked to."""

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6", reason="scikit-learn is not installed: it is in the extra sklearn")


def test_patience_stops_and_keeps_the_best_epoch(data, small):
    x = data(n=60)
    vae = small(epochs=400, lr=0.02, patience=5, validation_fraction=0.2).fit(x)
    losses = [row["valid_loss"] for row in vae.history_]
    assert len(losses) < 400
    assert int(np.argmin(losses)) == len(losses) - 1 - 5
    again = small(epochs=int(np.argmin(losses)) + 1, lr=0.02, patience=400, validation_fraction=0.2).fit(x)
    np.testing.assert_array_equal(vae.model_.params.flat, again.model_.params.flat)  # the best epoch's parameters
    assert again.history_ == vae.history_[: len(again.history_)]


def test_without_patience_nothing_is_held_out(data, small):
    x = data()
    plain, same = small().fit(x), small(validation_fraction=0.5, verbose=0).fit(x)
    np.testing.assert_array_equal(plain.model_.params.flat, same.model_.params.flat)
    assert "valid_loss" not in plain.history_[0]


@pytest.mark.parametrize(
    "settings",
    [{"patience": 1, "validation_fraction": 1.5}, {"patience": 1, "validation_fraction": 0}],
)
def test_held_out_data_must_be_some_and_not_all(data, small, settings):
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        small(**settings).fit(data())
    with pytest.raises(ValueError, match="of 1 samples, which leaves none to train on"):
        small(patience=1).fit(data(n=1))
    with pytest.raises(ValueError, match="VAE: patience is 0, expected at least 1"):
        small(patience=0).fit(data())


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 20), (2, 60)])
def test_progress_is_printed_if_wanted(data, small, capsys, verbose, lines):
    small(epochs=60, verbose=verbose).fit(data())
    out = capsys.readouterr().out.splitlines()
    assert lines <= len(out) <= lines + (verbose == 1)
    if out:
        assert out[-1].startswith("[VAE] epoch 60/60: loss ")
    small(epochs=2, verbose=2, patience=1).fit(data())
    assert ", valid_loss " in capsys.readouterr().out
