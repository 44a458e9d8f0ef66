"""Pictures of every format and mode, one at a time: what comes out is upright, 8 bits per channel, on white paper."""

import io
import warnings

import numpy as np
import PIL
import pytest
from PIL import Image

from npvae.data import DataError
from npvae.data.luma import luma
from npvae.data.pictures import Remark, formats, picture_size, read_picture
from npvae.data.reading import Reading

OLD = int(PIL.__version__.split(".")[0]) < 12
KEEP = Reading()
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = COLOURS[..., 0]


def saved(folder, array, name="a.png", mode=None, **options):
    """Write an array, or an Image, as a picture -> its path. Skips what an old Pillow can read and not write."""
    picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
    path = folder / name
    try:
        (picture if mode is None else picture.convert(mode)).save(path, **options)
    except (KeyError, ValueError, OSError) as error:
        if not OLD:
            raise
        pytest.skip(f"Pillow {PIL.__version__}: {error}")
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".tif", ".webp", ".ppm", ".tga", ".pcx", ".jp2", ".qoi"])
def test_lossless_formats_give_the_pixels(tmp_path, suffix):
    if suffix not in formats():
        pytest.skip(f"Pillow reads no {suffix} here")
    if suffix != ".qoi" and suffix not in (".webp", ".gif"):
        np.testing.assert_array_equal(read_picture(saved(tmp_path, GREY, f"g{suffix}"), KEEP).pixels, GREY)
    if suffix == ".gif":
        grey = read_picture(saved(tmp_path, GREY, "g.gif"), KEEP)
        np.testing.assert_array_equal(grey.pixels, GREY)  # a palette of greys is grey
        return
    options = {"lossless": True} if suffix == ".webp" else {}
    colour = read_picture(saved(tmp_path, COLOURS, f"c{suffix}", **options), KEEP)
    np.testing.assert_array_equal(colour.pixels, COLOURS)
    assert colour.remarks == ()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_in_every_colour(tmp_path, mode):
    path = saved(tmp_path, COLOURS, "a.tif", mode)
    if OLD and mode == "YCbCr":
        pytest.skip("an old Pillow cannot read the YCbCr that it writes")
    for colour, axes in (("keep", 2 if mode in ("1", "L", "LA", "I;16") else 3), ("grey", 2), ("rgb", 3)):
        pixels = read_picture(path, Reading(colour=colour)).pixels
        assert (pixels.ndim, pixels.dtype, pixels.shape[:2]) == (axes, np.uint8, (6, 8))
    expected = np.asarray(Image.open(path).convert("L" if mode != "I;16" else mode))
    if mode == "I;16":
        expected = np.rint(expected / 257)
    np.testing.assert_array_equal(read_picture(path, Reading(colour="grey")).pixels, expected)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bits_are_scaled_and_never_clipped(tmp_path, suffix):
    deep = np.array([[0, 127, 128, 129], [256, 257, 40000, 65535]], np.uint16)
    picture = read_picture(saved(tmp_path, deep, f"a{suffix}"), KEEP)
    np.testing.assert_array_equal(picture.pixels, np.rint(deep / 257))
    assert picture.remarks == (Remark.SIXTEEN,)


def test_integers_whose_white_is_not_known_are_refused(tmp_path):
    for array, message in [
        (np.full((4, 4), 70000, np.int32), "holds integers \\(TIFF\\) whose white is not known"),
        (np.full((4, 4), 0.5, np.float32), "holds real numbers, whose white is not known"),
    ]:
        path = saved(tmp_path, array, "a.tif")
        with pytest.raises(DataError, match=f"a.tif: {message}"):
            read_picture(path, KEEP)
    inverted = saved(tmp_path, np.full((4, 4), 7, np.uint16), "a.tif", tiffinfo={262: 0})
    content = bytearray(inverted.read_bytes())
    tag = content.find((262).to_bytes(2, "little") + b"\3\0\1\0\0\0\1\0")
    if tag >= 0:
        content[tag + 8] = 0
        inverted.write_bytes(content)
    with pytest.raises(DataError, match="whose white is not known"):
        read_picture(inverted, KEEP)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_every_orientation_of_exif_is_made_upright(tmp_path, orientation, suffix):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255, 0, 0  # red in the upper left corner
    upright[8:, 16:] = 0, 0, 255  # blue in the lower right one
    as_stored = {1: "", 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # the inverse turns
    picture = Image.fromarray(upright)
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path, picture if as_stored == "" else picture.transpose(as_stored), f"a{suffix}", exif=exif)
    pixels = read_picture(path, KEEP).pixels.astype(int)
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright)[2:6, 2:6].max() < 30
    assert np.abs(pixels - upright)[10:14, 18:22].max() < 30
    if suffix != ".tif" or not OLD:  # an old Pillow knows only once it has decoded it
        assert picture_size(path) == (16, 24)


def test_damaged_exif_is_no_reason_to_refuse(tmp_path):
    path = saved(tmp_path, COLOURS, "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(read_picture(path, KEEP).pixels, COLOURS)


def test_what_is_transparent_lies_on_white_paper(tmp_path):
    layer = np.dstack([COLOURS, np.full((6, 8), 255, np.uint8)])
    layer[0, 0, 3], layer[1, 1, 3] = 0, 128
    picture = read_picture(saved(tmp_path, layer), KEEP)
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_allclose(picture.pixels[1, 1], COLOURS[1, 1] * (128 / 255) + 127, atol=1)
    np.testing.assert_array_equal(picture.pixels[2:], COLOURS[2:])
    assert picture.remarks == ()
    deep = read_picture(saved(tmp_path, np.array([[7, 300]], np.uint16), "d.png", transparency=7), KEEP)
    assert deep.pixels.tolist() == [[255, 1]]


def test_a_picture_that_vanishes_on_white_paper_is_remarked_on(tmp_path):
    glyph = np.full((6, 8, 2), 255, np.uint8)  # white on transparent, as icons are
    glyph[:, :4, 1] = 0
    assert read_picture(saved(tmp_path, glyph), KEEP).remarks == (Remark.FLAT,)
    even = np.full((6, 8, 2), 200, np.uint8)
    assert read_picture(saved(tmp_path, even), KEEP).remarks == ()  # it was one colour before


def test_resized_pictures_and_their_proportions(tmp_path):
    rows, columns = np.mgrid[:48, :64]
    large = np.stack([4 * rows, 3 * columns, rows + columns], axis=2).astype(np.uint8)
    small = large.reshape(6, 8, 8, 8, 3).mean(axis=(1, 3))
    for suffix in (".png", ".jpg"):
        path = saved(tmp_path, large, f"a{suffix}", **({"quality": 95} if suffix == ".jpg" else {}))
        picture = read_picture(path, Reading(resize=(6, 8)))
        assert (picture.pixels.shape, picture.remarks) == ((6, 8, 3), ())
        assert np.abs(picture.pixels - small).max() < 8
    stretched = read_picture(path, Reading(resize=(8, 8)))
    assert stretched.remarks == (Remark.STRETCHED,)
    assert read_picture(path, Reading(resize=(48, 64))).pixels.shape == (48, 64, 3)


def test_the_first_of_several_frames_is_read_and_said(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    for name in ("a.gif", "a.tif", "a.webp", "a.png"):
        frames[0].save(
            tmp_path / name, save_all=True, append_images=frames[1:], **({"lossless": True} if "w" in name else {})
        )
        picture = read_picture(tmp_path / name, Reading(colour="grey"))
        assert picture.remarks == (Remark.FRAMES,)
        np.testing.assert_array_equal(picture.pixels, GREY)


def test_a_photograph_with_its_preview_is_no_film(tmp_path):
    picture = Image.fromarray(COLOURS)
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[picture])
    assert read_picture(tmp_path / "a.jpg", KEEP).remarks == ()


def test_grey_is_the_luma_of_pillow_to_the_last_bit():
    colours = RNG.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    np.testing.assert_array_equal(luma(colours), np.asarray(Image.fromarray(colours).convert("L")))
    np.testing.assert_allclose(luma(colours / 255), luma(colours) / 255, atol=0.6 / 255)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp"])
def test_a_picture_cut_off_is_refused(tmp_path, suffix):
    path = saved(tmp_path, np.repeat(np.repeat(COLOURS, 9, 0), 9, 1), f"a{suffix}")
    content = path.read_bytes()
    for part in (0.1, 0.5, 0.8):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(DataError, match=rf"a\{suffix}: "):
            read_picture(path, KEEP)


def test_what_is_no_picture_or_too_large(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_text("nothing")
    with pytest.raises(DataError, match=r"a\.jpg: holds no picture that Pillow reads: save the picture again"):
        read_picture(tmp_path / "a.jpg", KEEP)
    path = saved(tmp_path, COLOURS)
    monkeypatch.setattr("npvae.data.pictures.MAX_PIXELS", 40)
    with pytest.raises(DataError, match="6 x 8 pixels, the limit is 40: add --resize H,W"):
        read_picture(path, KEEP)
    assert read_picture(path, Reading(resize=(3, 4))).pixels.shape == (3, 4, 3)
    monkeypatch.setattr("npvae.data.pictures.MAX_PIXELS_RESIZED", 40)
    with pytest.raises(DataError, match="the limit is 40: make the picture smaller"):
        read_picture(path, Reading(resize=(3, 4)))


def test_a_bomb_is_refused_before_it_unfolds(tmp_path, png_bytes):
    (tmp_path / "a.png").write_bytes(png_bytes(GREY, size=(60000, 60000)))
    with pytest.raises(DataError, match=r"a.png: more than .* pixels: make the picture smaller"):
        read_picture(tmp_path / "a.png", Reading(resize=(4, 4)))


def test_the_name_does_not_decide_what_a_picture_is(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG")
    (tmp_path / "a.jpg").write_bytes(stream.getvalue())
    np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg", KEEP).pixels, GREY)
