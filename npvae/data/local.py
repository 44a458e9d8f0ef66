"""Data sets that are read from a folder of the user's and never downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from npvae.data.files import DataError, find_file
from npvae.data.images import Images
from npvae.data.npy import read_npz
from npvae.data.own_data import load_npz
from npvae.data.split import hold_out


def find_local(name: str, data_dir: Path | None, folder: str, file: str) -> Path:
    """The path of a data set's file, in data_dir or in its folder there. DataError says where it was looked for."""
    mend = f"point data_dir (--data-dir) or NPVAE_DATA at the folder that holds {file}"
    if data_dir is None:
        raise DataError(f"{name}: is not downloaded: {mend}")
    path = find_file(data_dir, (folder,), (file,))
    if path is None:
        raise DataError(f"{data_dir}: holds neither {file} nor {folder}/{file}: {mend}")
    return path


def load_binarized_mnist(data_dir: Path | None) -> tuple[Images, Images]:
    """Binarized MNIST -> (train, test): 50,000 and 10,000 Images of zeros and ones, without labels.

    The fixed binarization on which static-MNIST likelihoods are published: Larochelle & Murray (2011), "The neural
    autoregressive distribution estimator". Its 10,000 validation images are left out; `read_npz` reads them.
    """
    path = find_local("binarized-mnist", data_dir, "binarized-mnist", "binarized_mnist_packed.npz")
    arrays = read_npz(path, ["train", "test"])
    train, test = (
        Images(np.unpackbits(arrays[part], axis=1), image_shape=(28, 28), max_value=1, source=f"{path}[{part}]")
        for part in ("train", "test")
    )
    return train, test


def load_frey(data_dir: Path | None) -> tuple[Images, Images]:
    """Frey Faces -> (train, test): 1,769 and 196 Images of 28 x 20, drawn by `hold_out`; no labels.

    The faces are frames of one film, so each test face has near twins in the train set.
    """
    return load_npz(find_local("frey", data_dir, "frey", "frey.npz"))


def load_omniglot(data_dir: Path | None) -> tuple[Images, Images]:
    """Omniglot's two small background sets -> (train, test): 4,356 and 484 Images, ink 1; labels are alphabets.

    Two alphabets are in both sets: their second copy is left out, or the held-out part would repeat what was trained
    on. The remaining 4,840 characters are divided by `hold_out`. This is not the split of published likelihoods. Lake,
    Salakhutdinov & Tenenbaum (2015), "Human-level concept learning through probabilistic program induction".
    """
    path = find_local("omniglot", data_dir, "omniglot-small", "omniglot_small_28.npz")
    arrays = read_npz(path, ["small1", "small1_alphabet", "small2", "small2_alphabet"])
    pixels = np.concatenate([arrays["small1"], arrays["small2"]])
    second = arrays["small2_alphabet"].astype(np.int64) + 1 + arrays["small1_alphabet"].max()
    labels = np.concatenate([arrays["small1_alphabet"], second])
    seen = {image.tobytes() for image in arrays["small1"]}
    new = np.array([image.tobytes() not in seen for image in arrays["small2"]])
    kept = np.concatenate([np.ones(len(arrays["small1"]), dtype=bool), new])
    return hold_out(Images(pixels[kept], labels[kept], source=str(path)))


def load_mnist1d(data_dir: Path | None) -> tuple[Images, Images]:
    """MNIST-1D -> (train, test): 4,000 and 1,000 Images of 1 x 40 real numbers, about -5 to 5, with labels 0 to 9.

    Greydanus & Kobak (2024), "Scaling down deep learning with MNIST-1D".
    """
    return load_npz(find_local("mnist1d", data_dir, "mnist1d", "mnist1d.npz"))
