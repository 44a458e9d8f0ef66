"""Odd folders of pictures and odd arrays, by the thousand: each is trained on, or refused in one sentence.

What is left out is counted in the note: images and files left out make up all files. Each case is made of a seed, which
a failure names.
"""

import gzip
import io
import re
import warnings

import numpy as np
import pytest
from PIL import Image

import npvae
from npvae.data import DataError
from npvae.data.reading import Reading
from npvae.data.registry import load_parts
from npvae.training import NonFiniteError

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB", "HSV", "La", "PA")
SUFFIXES = (".png", ".jpg", ".JPEG", ".bmp", ".gif", ".tif", ".webp", ".ppm", ".tga", ".jp2", ".ico", ".pcx", ".sgi")
OTHERS = ("notes.txt", "Thumbs.db", "labels.csv", "README", "x.npy", ".DS_Store", "._1.png", "movie.mp4", "a.eps")
NAMES = ("{}", "IMG {}", "é{}", "한글 {}", "-{}", "{}.backup", "a'{}\"", "{}" + "x" * 60, "{}.png", "0{}")
FOLDERS = ("cat", "Dog 2", "train", "test", "val", "__MACOSX", ".hidden", "deep/er", "ü")


def odd_picture(rng, height, width):
    """Bytes of a picture in some mode and format, with a suffix that mostly fits."""
    mode, suffix = str(rng.choice(MODES)), str(rng.choice(SUFFIXES))
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if rng.random() < 0.1:
        pixels[...] = rng.integers(256)
    picture = Image.fromarray(pixels)
    try:
        if mode == "I;16":
            picture = Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
        elif mode == "I":
            picture = Image.fromarray(rng.integers(-(2**31), 2**31, (height, width), dtype=np.int32))
        elif mode == "F":
            picture = Image.fromarray(rng.standard_normal((height, width), dtype=np.float32))
        elif mode in ("RGBA", "LA", "La", "PA"):
            alpha = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
            picture.putalpha(alpha)
            picture = picture.convert(mode)
        else:
            picture = picture.convert(mode)
    except (ValueError, OSError):  # Pillow has no such conversion
        picture = Image.fromarray(pixels)
    options = {}
    if rng.random() < 0.15:
        exif = Image.Exif()
        exif[274] = int(rng.integers(0, 12))
        options["exif"] = exif
    if rng.random() < 0.1 and suffix in (".png", ".gif", ".tif", ".webp"):
        options |= {"save_all": True, "append_images": [picture] * int(rng.integers(1, 3))}
    stream = io.BytesIO()
    try:
        picture.save(stream, Image.registered_extensions()[suffix.lower()], **options)
    except (ValueError, OSError, KeyError, TypeError):  # not a mode of that format
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
    content = stream.getvalue()
    if rng.random() < 0.04:  # damage
        kind = rng.integers(4)
        at = int(rng.integers(len(content)))
        content = (b"", content[:at], content[:at] + bytes([rng.integers(256)]) + content[at + 1 :], b"text\n")[kind]
    if rng.random() < 0.1:
        suffix = str(rng.choice(SUFFIXES))
    return content, suffix


def odd_folder(root, seed):
    """Write a folder -> how many files in it are visible, and how to read it."""
    rng = np.random.default_rng(seed)
    root.mkdir()
    height, width = (int(n) for n in rng.integers(1, 12, 2))
    places = [""] if rng.random() < 0.5 else list(rng.choice(FOLDERS, int(rng.integers(1, 4)), replace=False))
    if rng.random() < 0.05:
        places.append("")
    uniform = rng.random() < 0.7
    only = str(rng.choice(SUFFIXES)) if rng.random() < 0.5 else None
    for place in places:
        folder = root / place
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(int(rng.integers(0, 6))):
            size = (height, width) if uniform else tuple(int(n) for n in rng.integers(1, 12, 2))
            content, suffix = odd_picture(rng, *size)
            if only and rng.random() < 0.9:  # folders that can be used: plain pictures of one kind
                stream = io.BytesIO()
                pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(stream, "PNG")
                content, suffix = stream.getvalue(), only
            (folder / (str(rng.choice(NAMES)).format(i) + suffix)).write_bytes(content)
        for name in OTHERS:
            if rng.random() < 0.1:
                (folder / name).write_bytes(b"1,2\n")
    reading = Reading(
        colour=str(rng.choice(["keep", "grey", "rgb"])),
        resize=tuple(int(n) for n in rng.integers(1, 14, 2)) if rng.random() < 0.4 else None,
    )
    visible = [
        path
        for path in root.rglob("*")
        if path.is_file() and not any(p.startswith(".") or p == "__MACOSX" for p in path.relative_to(root).parts)
    ]
    return len(visible), reading


def one_sentence(error, root):
    """A message of one line that names the place."""
    text = str(error)
    assert str(root) in text, text
    assert "\n" not in text, text
    assert len(text) < 900, text
    assert "Traceback" not in text


def used_or_refused(path, reading):
    """Read and train on it -> (train, test), or None if it was refused in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", npvae.data.DataWarning)
        try:
            images, test = load_parts(path, None, reading)
        except DataError as error:
            one_sentence(error, path)
            return None
    model = npvae.VAE(images.shape[1], (3,), 2, likelihood="gaussian_scalar", backend="numpy")
    try:
        npvae.train(model, images, test, epochs=1, batch_size=64, progress=False)
    except NonFiniteError:  # numbers so large that their squares are none
        assert images.max() > 10 or images.min() < -10
        return None
    assert np.isfinite(model.params.flat).all()
    return images, test


def counted(note):
    """Files that a note says were left out."""
    found = re.search(r"; left out: (.*?)(?:; \d[\d,]* in .* to test)?$", note)
    if found is None:
        return 0
    parts = [part for part in found[1].split(", ") if "folder" not in part]
    return sum(int(part.split(" ")[0].replace(",", "")) for part in parts)


def folders(tmp_path, seeds):
    """How many folders were trained on."""
    used = 0
    for seed in seeds:
        root = tmp_path / f"f{seed}"
        visible, reading = odd_folder(root, seed)
        result = used_or_refused(root, reading)
        if result is not None:
            used += 1
            images, test = result
            assert images.note.startswith(str(root)), seed
            left_out = "folder val" in images.note or "folder test" in images.note
            read = len(images) + (0 if test is None else len(test)) + counted(images.note)
            assert read == visible or (left_out and read < visible), (seed, images.note, visible)
    return used


KINDS = ("npy", "npy", "npz", "npz", "npy.gz", "idx", "idx.gz", "csv", "csv.gz")
DTYPES = ("?", "u1", "i1", "i2", "u2", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", ">i4", "c8", "U3", "O", "i4,f4")


def odd_array(rng):
    """An array of some dtype, shape, order and values."""
    shape = tuple(
        int(n) for n in rng.choice([0, 1, 2, 3, 3, 4, 5, 8], int(rng.integers(0, 6)), p=[0.03] + [0.97 / 7] * 7)
    )
    if rng.random() < 0.6:
        shape = (int(rng.integers(1, 20)), *((4, 5), (6,), (4, 5, 3), (3, 4, 5), (4, 4, 1), (3, 4, 3))[rng.integers(6)])
    dtype = str(rng.choice(("u1", "f4", "f8") if rng.random() < 0.4 else DTYPES))
    top = int(rng.choice([1, 2, 16, 127, 255, 255, 255, 256, 4095, 65535, 2**31 - 1]))
    values = np.asarray(rng.integers(0, top + 1, shape))
    if values.size and rng.random() < 0.5:
        values.flat[0] = top
    if rng.random() < 0.15:
        values = values - int(rng.integers(1, 200))
    if dtype in ("f2", "f4", "f8", ">f4"):
        values = values / (top if rng.random() < 0.7 else 1)
        if values.size and rng.random() < 0.15:
            values.flat[rng.integers(values.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e30, 1e300, 1e-320])
    with np.errstate(all="ignore"):
        if dtype == "i4,f4":
            return np.zeros(shape, dtype)
        array = np.asarray(values).astype(dtype)
    return np.asfortranarray(array) if rng.random() < 0.2 else array


def odd_file(folder, seed, idx_bytes):
    """Write an array in some container -> its path, the rows of it if it is whole, and how to read it."""
    rng = np.random.default_rng(seed)
    array, kind = (
        odd_array(rng),
        str(rng.choice(["npy", "npy", "npz", "npz", "npy.gz", "idx", "idx.gz", "csv", "csv.gz"])),
    )
    rows = len(array) if array.ndim else None
    stream = io.BytesIO()
    if kind.startswith("npy"):
        np.save(stream, array)
    elif kind == "npz":
        names = rng.choice(["x", "imgs", "images", "data", "a", "b"], int(rng.integers(1, 3)), replace=False)
        arrays = {str(name): array for name in names}
        if rng.random() < 0.5:
            labels = rng.integers(0, 5, rows or 1) if rng.random() < 0.8 else odd_array(rng)
            arrays[str(rng.choice(["y", "labels", "target"]))] = labels
        np.savez(stream, **arrays)
    elif kind.startswith("idx"):
        try:
            stream.write(idx_bytes(np.atleast_1d(array)))
        except (KeyError, TypeError, ValueError):
            stream.write(idx_bytes(np.zeros((3, 4, 4), "u1")))
            rows = 3
    else:
        flat = array.reshape(len(array), -1) if array.ndim and array.size else np.zeros((2, 2))
        rows = len(flat)
        separator = str(rng.choice([",", ";", "\t", " "]))
        lines = [separator.join(map(str, row)) for row in flat.tolist()]
        if rng.random() < 0.5:
            lines.insert(0, separator.join(["label", *(f"p{i}" for i in range(flat.shape[1] - 1))]))
        stream.write(("\r\n" if rng.random() < 0.3 else "\n").join(lines).encode())
    content = stream.getvalue()
    if kind.endswith(".gz"):
        content = gzip.compress(content)
    whole = True
    if rng.random() < 0.2 and content:
        whole, at = False, int(rng.integers(len(content)))
        flipped = content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]
        content = (content[:at], flipped, content + b"more", b"")[rng.integers(4)]
    if rng.random() < 0.1:
        kind = str(rng.choice(["npy", "npz", "csv", "idx", "dat", "png", "h5", "npy.gz"]))
    path = folder / f"x{seed}.{kind}"
    path.write_bytes(content)
    reading = Reading(
        array=str(rng.choice(["x", "a", "none"])) if rng.random() < 0.05 else None,
        colour=str(rng.choice(["keep", "keep", "keep", "grey", "rgb"])) if "csv" not in kind else "keep",
        layout=str(rng.choice(["NHWC", "NCHW"])) if rng.random() < 0.07 else None,
        max_value=float(rng.choice([1, 255, 65535])) if rng.random() < 0.07 else None,
    )
    return path, rows if whole else None, reading


def arrays(tmp_path, seeds, idx_bytes):
    """How many arrays were trained on."""
    used = 0
    for seed in seeds:
        path, rows, reading = odd_file(tmp_path, seed, idx_bytes)
        result = used_or_refused(path, reading)
        if result is not None:
            used += 1
            images, _ = result
            assert images.note.startswith(str(path)), (seed, images.note)
            assert rows is None or len(images) == rows, (seed, images.note, rows)
    return used


pytestmark = pytest.mark.filterwarnings("ignore::npvae.data.DataWarning")


def test_odd_folders_are_trained_on_or_refused(tmp_path):
    assert folders(tmp_path, range(60)) > 15


def test_odd_arrays_are_trained_on_or_refused(tmp_path, idx_bytes):
    assert arrays(tmp_path, range(150), idx_bytes) > 30


@pytest.mark.deep
def test_odd_folders_are_trained_on_or_refused_1_000(tmp_path):
    assert folders(tmp_path, range(1000, 2000)) > 250


@pytest.mark.deep
def test_odd_arrays_are_trained_on_or_refused_1_000(tmp_path, idx_bytes):
    assert arrays(tmp_path, range(1000, 2000), idx_bytes) > 250
