"""The PNG folder reader: order, conversion to grey, and pictures that are not what they say."""

import struct
import zlib

import numpy as np
import pytest

from npvae.data import DataError, read_png_folder

Image = pytest.importorskip("PIL.Image")

GREY = np.random.default_rng(0).integers(0, 256, (5, 4, 6), dtype=np.uint8)


def test_grey_pictures_are_read_exactly_in_natural_order(tmp_path):
    for name, x in zip(["1.png", "2.PNG", "10.png", "a2b.png", "a10b.png"], GREY, strict=True):
        Image.fromarray(x).save(tmp_path / name, format="PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    np.testing.assert_array_equal(read_png_folder(tmp_path), GREY)


def test_a_png_written_from_the_specification(tmp_path, png_bytes):
    (tmp_path / "a.png").write_bytes(png_bytes(GREY[0]))
    np.testing.assert_array_equal(read_png_folder(str(tmp_path)), GREY[:1])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_becomes_grey(tmp_path, mode):
    halves = np.repeat([[0, 255]], 3, axis=0).astype(np.uint8)
    Image.fromarray(halves).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_png_folder(tmp_path)[0], halves)


def test_colour_becomes_luma(tmp_path):
    Image.new("RGB", (1, 1), (200, 100, 50)).save(tmp_path / "a.png")
    assert read_png_folder(tmp_path).item() == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


def test_what_is_transparent_shows_white_paper(tmp_path):
    """Black ink drawn on nothing: without the paper the whole picture would be black."""
    ink = np.zeros((2, 2, 4), np.uint8)
    ink[0, 0, 3] = 255
    Image.fromarray(ink).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_png_folder(tmp_path)[0], [[0, 255], [255, 255]])
    Image.fromarray(np.eye(2, dtype=np.uint8)).save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_png_folder(tmp_path)[0], [[1, 255], [255, 1]])


def test_sizes_must_agree(tmp_path, png_bytes):
    (tmp_path / "1.png").write_bytes(png_bytes(GREY[0]))
    (tmp_path / "2.png").write_bytes(png_bytes(GREY[0].T))
    with pytest.raises(DataError, match=r"2.png: 4 x 6 pixels, 1.png has 6 x 4: make all pictures the same size"):
        read_png_folder(tmp_path)


def _wrong(png_bytes, png_chunk):
    good = png_bytes(GREY[0])
    flipped = bytearray(good)
    flipped[-20] ^= 1
    text = png_chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(80 * 2**20)))
    return {
        "not a PNG": (b"GIF89a" + bytes(40), "does not start as a PNG"),
        "empty": (b"", "does not start as a PNG"),
        "huge": (png_bytes(GREY[0], size=(60_000, 60_000)), "60000 x 60000 pixels, the limit is 16,777,216"),
        "no width": (png_bytes(GREY[0], size=(0, 4)), "0 x 4 pixels"),
        "a header that lies": (png_bytes(GREY[0], size=(4000, 4000)), "declares 16,000,000 bytes from"),
        "more pixels than data": (png_bytes(GREY[0], size=(60, 40)), "damaged"),
        "16 bits": (png_bytes(GREY[0], depth=16), "16 bits per channel"),
        "3 bits": (png_bytes(GREY[0], depth=3), "damaged"),
        "palette without palette": (png_bytes(GREY[0], colour=3), None),
        "a flipped bit": (bytes(flipped), "chunk b'IDAT' is damaged"),
        "cut off": (good[:-4], "is damaged|cut off"),
        "more behind it": (good + b"more", "goes on for 4 bytes"),
        "a chunk of 4 GiB": (good[:33] + struct.pack(">I", 2**32 - 1) + good[37:], "chunk b'IDAT' is damaged"),
        "a bomb in a text chunk": (good[:33] + text + good[33:], None),
    }


def test_wrong_pictures(tmp_path, png_bytes, png_chunk):
    path = tmp_path / "a.png"
    for name, (content, message) in _wrong(png_bytes, png_chunk).items():
        path.write_bytes(content)
        if message is None:  # Pillow may read it or not: no other error, and no harm
            try:
                assert read_png_folder(tmp_path).shape == (1, 4, 6)
            except DataError:
                continue
        else:
            with pytest.raises(DataError, match=message) as caught:
                read_png_folder(tmp_path)
            assert str(path) in str(caught.value), name


def test_the_sum_is_bounded_before_anything_is_decoded(tmp_path, png_bytes):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(png_bytes(GREY[0]))
    assert read_png_folder(tmp_path, max_bytes=72).shape == (3, 4, 6)
    with pytest.raises(DataError, match="declares 72 bytes, the limit is 71"):
        read_png_folder(tmp_path, max_bytes=71)


def test_no_pictures(tmp_path):
    with pytest.raises(DataError, match=r"holds no .png file"):
        read_png_folder(tmp_path)
    with pytest.raises(DataError, match="cannot be listed"):
        read_png_folder(tmp_path / "absent")


def test_without_pillow_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(DataError, match="pip install pillow"):
        read_png_folder(tmp_path)
