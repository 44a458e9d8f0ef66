"""Damaged files: the reader gives DataError or the right data, in bounded time and memory, and nothing else."""

import gzip
import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from npvae.data import DataError, read_idx, read_npy, read_npz, read_png_folder

PEAK_BYTES = 4 * 2**20  # the whole of any file here is below 2 KiB
SECONDS = 60.0  # of the processor; a header that is believed takes hours


class Format:
    """A valid small file, how to read it, and whether a checksum covers its data."""

    def __init__(self, name, content, read, truth, checksum):
        self.name, self.content, self.read, self.truth, self.checksum = name, content, read, truth, checksum


def _npy_bytes(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz_bytes(save, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


@pytest.fixture(scope="module")
def formats(idx_bytes, png_bytes):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    floats = rng.standard_normal((3, 7)).astype(np.float32)

    def png(path):
        return read_png_folder(path.parent)

    def npz(path):
        return read_npz(path, ["x"])["x"]

    plain, packed = _npz_bytes(np.savez, x=pixels), _npz_bytes(np.savez_compressed, x=floats, y=np.arange(3))
    return [
        Format("a.idx", idx_bytes(pixels), read_idx, pixels, False),
        Format("a.idx.gz", gzip.compress(idx_bytes(pixels), mtime=0), read_idx, pixels, True),
        Format("a.npy", _npy_bytes(floats), read_npy, floats, False),
        Format("mapped.npy", _npy_bytes(floats), lambda path: np.array(read_npy(path, mmap=True)), floats, False),
        Format("a.npz", plain, npz, pixels, True),
        Format("b.npz", packed, npz, floats, True),
        Format("a.png", png_bytes(pixels[0]), png, pixels[:1], True),
    ]


def refusal(form, content, folder):
    """Read `content` as this format: the DataError, or None if the data came out right."""
    array, error = _attempt(form, content, folder)
    if error is not None:
        assert str(folder) in str(error), "the message names the file"
        assert ": " in str(error)
    elif form.checksum:
        assert array.dtype == form.truth.dtype
        np.testing.assert_array_equal(array, form.truth)
    else:
        assert array.nbytes <= len(content)
    return error


def _attempt(form, content, folder):
    """Write and read a file, in bounded time and memory -> (array, None) or (None, DataError)."""
    folder.mkdir(exist_ok=True)
    path = folder / form.name
    path.write_bytes(content)
    array = error = None
    tracemalloc.reset_peak()
    held, began = tracemalloc.get_traced_memory()[0], time.process_time()
    try:
        array = form.read(path)
    except DataError as refused:
        error = refused
    assert time.process_time() - began < SECONDS
    assert tracemalloc.get_traced_memory()[1] - held < PEAK_BYTES
    return array, error


@pytest.fixture(autouse=True)
def _traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_undamaged_files_are_read(formats, tmp_path):
    for form in formats:
        assert refusal(form, form.content, tmp_path / form.name[:-4]) is None, form.name
        np.testing.assert_array_equal(form.read(tmp_path / form.name[:-4] / form.name), form.truth)


def test_truncation_at_every_offset_is_refused(formats, tmp_path):
    for form in formats:
        for length in range(len(form.content)):
            assert refusal(form, form.content[:length], tmp_path / form.name[:-4]), (form.name, length)


@pytest.mark.parametrize("tail", [b"\n", b"more", b"\x1f\x8b", b"PK\x05\x06", b"\1" * 300], ids=repr)
def test_bytes_after_the_end_are_refused(formats, tmp_path, tail):
    for form in formats:
        if form.name.endswith(".npz") and tail == b"\n":
            continue  # zip looks for its end from behind: a short tail is legal there, and harmless
        error = refusal(form, form.content + tail, tmp_path / form.name[:-4])
        assert error or form.name.endswith(".npz"), (form.name, tail)


def _mutate(content, rng):
    """One to four damages: a byte changed, a bit flipped, a size field made huge, a stretch dropped or doubled."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 5) if rng.random() < 0.5 else 1):
        at = int(rng.integers(len(damaged)))
        kind = rng.integers(6)
        if kind == 0:
            damaged[at] = rng.integers(256)
        elif kind == 1:
            damaged[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            damaged[at : at + 4] = struct.pack(">I", [2**31 - 1, 2**32 - 1, 2**31, 2**16][rng.integers(4)])
        elif kind == 3:
            damaged[at : at + 4] = struct.pack("<I", [2**31 - 1, 2**32 - 1, 2**31, 2**16][rng.integers(4)])
        elif kind == 4:
            del damaged[at : at + int(rng.integers(1, 9))]
        else:
            damaged[at:at] = damaged[at : at + int(rng.integers(1, 9))]
        if not damaged:
            return b""
    return bytes(damaged)


def _reseal(form, content, rng):
    """Damage the inside of a checksummed file and write its checksums anew, as one who means harm would."""
    if form.name.endswith(".gz"):
        return gzip.compress(_mutate(gzip.decompress(content), rng))
    if form.name.endswith(".npz"):
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, _mutate(old.read(name), rng))
        return stream.getvalue()
    if form.name.endswith(".png"):
        damaged, position = bytearray(_mutate(content, rng)), 8
        while position + 12 <= len(damaged):
            end = position + 12 + int.from_bytes(damaged[position : position + 4], "big")
            if end > len(damaged):
                break
            damaged[end - 4 : end] = struct.pack(">I", zlib.crc32(damaged[position + 4 : end - 4]))
            position = end
        return bytes(damaged)
    return _mutate(content, rng)


def _campaign(formats, folder, files, seed):
    """Read `files` damaged files -> how many of them were refused."""
    rng = np.random.default_rng(seed)
    refused = 0
    for i in range(files):
        form = formats[i % len(formats)]
        place = folder / form.name[:-4]
        if rng.random() < 0.3:  # no checksum tells here what the data were: any array or DataError
            _, error = _attempt(form, _reseal(form, form.content, rng), place)
        else:
            error = refusal(form, _mutate(form.content, rng), place)
        refused += error is not None
    return refused


def test_mutated_files_are_refused_or_right(formats, tmp_path):
    assert _campaign(formats, tmp_path, files=1500, seed=1) > 700


@pytest.mark.deep
def test_mutated_files_are_refused_or_right_20_000(formats, tmp_path):
    assert _campaign(formats, tmp_path, files=20_000, seed=2) > 10_000
