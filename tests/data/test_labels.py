"""Labels of every form that means one label each are read; others trouble only those who ask for labels."""

import numpy as np
import pytest

from npvae.cli import main
from npvae.data import DataError, Images, LabelledImages, load_dataset
from npvae.data.labels import read_labels

Y = np.array([2, 0, 1, 2, 0])
X = np.random.default_rng(0).integers(0, 255, (5, 4, 4)).astype(np.uint8)


@pytest.mark.parametrize(
    "form",
    [
        Y,
        Y.astype(np.uint8),
        Y.astype(float),
        Y[:, None],
        Y[:, None].astype("f4"),
        np.eye(3)[Y],
        np.eye(3, dtype=bool)[Y],
    ],
)
def test_one_label_each(form):
    np.testing.assert_array_equal(read_labels(form, 5).numbers, Y)
    images = Images(X, form)
    assert images.labels.dtype == np.int64
    assert LabelledImages(images, 3).shape == (5, 16 + 3)


@pytest.mark.parametrize("dtype", [str, object])
def test_names_are_kept(dtype):
    images = Images(X, np.array(["cat", "ant", "bee"])[Y].astype(dtype))
    assert images.class_names == ("ant", "bee", "cat")
    assert images.labels.tolist() == [1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    "labels",
    [
        Y / 2,
        np.full(5, np.nan),
        Y[:4],
        np.tri(5),
        np.zeros((5, 3)),
        np.array([1, "a", None, 2, 3], object),
        np.full(5, 1e300),  # as int64 it would be another number
        np.tile([2, -1, 0], (5, 1)),  # adds up to 1, and is no one-hot row
    ],
)
def test_what_is_no_label_each(labels, tmp_path):
    with pytest.raises(
        DataError, match=r"labels are .*, expected one per sample, \(5,\): whole numbers, names, or one-hot"
    ):
        Images(X, labels)
    np.savez(tmp_path / "x.npz", x=X, y=labels)
    train, _ = load_dataset(tmp_path / "x.npz")
    assert train.labels is None
    assert "without labels (" in train.note
    with pytest.raises(DataError, match="there are no labels, which a conditional model needs: "):
        LabelledImages(train, 3)


def test_a_model_that_does_not_look_at_labels_trains_without(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for labels in (np.array(list("abcde"), object), Y / 2):
        np.savez("x.npz", x=X, y=labels)
        quick = ["train", "--epochs", "1", "--hidden", "4", "--no-figures", "--dataset", "x.npz"]
        assert main(quick) == 0
        assert "without labels (" in capsys.readouterr().out
        assert main([*quick, "--model", "conditional_vae"]) == 2
        assert "there are no labels, which a conditional model needs: " in capsys.readouterr().err
