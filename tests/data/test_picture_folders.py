"""Folders of pictures: which files are read, what becomes a label, what is said of the rest; and the kept copy."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from npvae.data import DataError, DataWarning, Images, hold_out, kept_pictures, load_dataset
from npvae.data.picture_folders import read_picture_folder
from npvae.data.reading import Reading
from npvae.data.registry import load_parts

KEEP = Reading()
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 6, 8, 3), dtype=np.uint8)


def write(folder, name, array):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def classes(tmp_path):
    """Twelve pictures of three classes, in natural order, among things that are no pictures."""
    for i, pixels in enumerate(COLOURS):
        write(tmp_path / "pets", f"{('cat', 'dog', 'owl')[i // 4]}/{i}.png", pixels)
    (tmp_path / "pets" / "notes.txt").write_text("")
    (tmp_path / "pets" / "owl" / "more.txt").write_text("")
    (tmp_path / "pets" / "owl" / ".hidden.png").write_text("")
    (tmp_path / "pets" / ".git").mkdir()
    (tmp_path / "pets" / "empty").mkdir()
    return tmp_path / "pets"


def test_folders_are_classes_and_one_line_says_what_was_read(classes):
    images, test = read_picture_folder(classes, KEEP)
    assert test is None
    np.testing.assert_array_equal(images.pixels.reshape(COLOURS.shape), COLOURS)
    assert images.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert images.class_names == ("cat", "dog", "owl")
    assert images.names[8:11].tolist() == ["owl/8.png", "owl/9.png", "owl/10.png"]
    assert images.note == (
        f"{classes}: 12 .png in 3 folders as classes, 6 x 8 in colour; left out: 2 .txt, 1 empty folder"
    )
    part = images.subset(np.array([9, 1]))
    assert part.names.tolist() == ["owl/9.png", "cat/1.png"]
    assert part.class_names == images.class_names


def test_pictures_of_one_folder_have_no_labels(tmp_path):
    for i in (10, 2, 1):
        write(tmp_path, f"{i}.bmp", COLOURS[i])
    write(tmp_path, "3.JPG", COLOURS[3])
    images, _ = read_picture_folder(tmp_path, KEEP)
    assert images.names.tolist() == ["1.bmp", "2.bmp", "3.JPG", "10.bmp"]
    assert (images.labels, images.class_names) == (None, None)
    assert ": 3 .bmp, 1 .jpg, 6 x 8 in colour" in images.note


@pytest.mark.parametrize("shape", [(3, 7), (3, 3), (1, 5), (5, 1), (1, 1), (7, 3)])
@pytest.mark.parametrize("in_colour", [True, False])
def test_heights_and_widths_that_look_like_colours_are_none(tmp_path, shape, in_colour):
    pixels = RNG.integers(0, 256, (4, *shape, 3)[: 4 if in_colour else 3], dtype=np.uint8)
    pixels[0, 0, 0] = (255, 0, 0) if in_colour else 7  # in colour, even if all others happen to be grey
    for i, picture in enumerate(pixels):
        write(tmp_path, f"{i}.png", picture)
    images, _ = read_picture_folder(tmp_path, KEEP)
    assert images.image_shape == ((*shape, 3) if in_colour else shape)
    np.testing.assert_array_equal(images.pixels.reshape(pixels.shape), pixels)


def test_a_single_folder_is_a_wrapping_and_no_class(classes):
    outer, _ = read_picture_folder(classes.parent, KEEP)
    assert outer.class_names == ("cat", "dog", "owl")
    alone, _ = read_picture_folder(classes / "owl", KEEP)
    assert alone.labels is None


def test_what_lies_deeper_belongs_to_the_class(tmp_path):
    write(tmp_path, "a/x/1.png", COLOURS[0])
    write(tmp_path, "a/2.png", COLOURS[1])
    write(tmp_path, "b/y/z/3.png", COLOURS[2])
    images, _ = read_picture_folder(tmp_path, KEEP)
    assert images.names.tolist() == ["a/2.png", "a/x/1.png", "b/y/z/3.png"]
    assert images.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "Testing"), ("train", "val")])
def test_folders_that_are_a_split(tmp_path, train, test):
    for i, pixels in enumerate(COLOURS):
        write(tmp_path, f"{train if i < 8 else test}/{'ab'[i % 2]}/{i}.png", pixels)
    images, held_out = load_parts(tmp_path)
    assert (len(images), len(held_out)) == (8, 4)
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    assert images.note.endswith(f"8 .png in 2 folders as classes, 6 x 8 in colour; 4 in {test} to test")
    write(tmp_path, "other/a/1.png", COLOURS[0])  # now the three are classes
    assert load_parts(tmp_path)[0].class_names == tuple(sorted((train, test, "other"), key=str.lower))


def test_a_third_part_is_left_out_and_said(tmp_path):
    for part in ("train", "test", "val"):
        write(tmp_path, f"{part}/1.png", COLOURS[0])
    assert "; left out: 1 folder val; 1 in test to test" in load_parts(tmp_path)[0].note
    write(tmp_path, "test/sub/2.png", COLOURS[0])
    with pytest.raises(DataError, match="the classes of train are none, those of test sub: give both the same"):
        load_parts(tmp_path)


def test_mixed_sizes_are_refused_with_the_counts_of_each(tmp_path):
    for i, pixels in enumerate(COLOURS):
        write(tmp_path, f"{i}.png", pixels[: 6 - i // 5, : 8 - i // 7])
    message = (
        r"pictures of several sizes, 5 of 6 x 8, 3 of 5 x 7, 2 of 5 x 8 and 2 pictures of 1 other sizes: "
        "add --resize H,W, such as 6,8$"
    )
    with pytest.raises(DataError, match=message):
        read_picture_folder(tmp_path, KEEP)
    images, _ = read_picture_folder(tmp_path, Reading(resize=(6, 8)))
    assert images.image_shape == (6, 8, 3)
    assert "(7 with other proportions than --resize, so they are stretched)" in images.note


def test_of_photographs_a_size_is_suggested_that_a_model_can_have(tmp_path):
    for name, shape in (("1", (600, 20, 3)), ("2", (480, 640, 3)), ("3", (400, 500, 3))):
        write(tmp_path, f"{name}.png", np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=r"such as 61,64$"):  # no size comes twice: the medians, 480 x 500
        read_picture_folder(tmp_path, KEEP)
    write(tmp_path, "4.png", np.zeros((480, 640, 3), np.uint8))
    with pytest.raises(DataError, match=r"such as 48,64$"):
        read_picture_folder(tmp_path, KEEP)


def test_grey_stays_grey_until_a_picture_is_in_colour(tmp_path):
    grey = COLOURS[:40, ..., 0]
    for i in range(5):
        write(tmp_path, f"{i}.png", grey[i])
    assert read_picture_folder(tmp_path, KEEP)[0].image_shape == (6, 8)
    write(tmp_path, "7.png", COLOURS[7])
    write(tmp_path, "8.png", grey[8])
    images, _ = read_picture_folder(tmp_path, KEEP)
    pixels = images.pixels.reshape(7, *images.image_shape)
    for row, i in enumerate((0, 1, 2, 3, 4, 7, 8)):
        np.testing.assert_array_equal(pixels[row], COLOURS[i] if i == 7 else np.repeat(grey[i][..., None], 3, 2))
    assert read_picture_folder(tmp_path, Reading(colour="grey"))[0].image_shape == (6, 8)


def test_many_pictures_are_read_by_threads_in_order(tmp_path):
    many = RNG.integers(0, 256, (150, 3, 4), dtype=np.uint8)
    for i, pixels in enumerate(many):
        write(tmp_path, f"{i}.png", pixels)
    np.testing.assert_array_equal(read_picture_folder(tmp_path, KEEP)[0].pixels, many.reshape(150, -1))


def test_damaged_pictures_are_counted_and_the_first_is_named(classes):
    for name in ("cat/1.png", "owl/9.png"):
        (classes / name).write_bytes((classes / name).read_bytes()[:-7])
    with pytest.raises(
        DataError, match=r"cat/1\.png: .*take it out of the folder \(1 more of 12 cannot be read either\)"
    ):
        read_picture_folder(classes, KEEP)


def test_folders_that_cannot_be_used(classes, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no picture: give a folder of \.png, \.jpg"):
        read_picture_folder(tmp_path / "empty", KEEP)
    (tmp_path / "empty" / "x.npy").write_text("")
    with pytest.raises(DataError, match=r"holds no picture \(left out: 1 \.npy\)"):
        read_picture_folder(tmp_path / "empty", KEEP)
    write(classes, "cover.png", COLOURS[0])
    with pytest.raises(DataError, match=r"holds 1 picture beside folders of pictures \(cat, dog, owl\): put those"):
        read_picture_folder(classes, KEEP)


def test_links_lead_in_no_circle_and_depth_has_an_end(tmp_path):
    write(tmp_path, "a/1.png", COLOURS[0])
    write(tmp_path, "b/1.png", COLOURS[1])
    try:
        (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "c").symlink_to(tmp_path / "b", target_is_directory=True)
    except OSError:
        pytest.skip("links need a permission here")
    images, _ = read_picture_folder(tmp_path, KEEP)
    assert images.names.tolist() == ["a/1.png", "b/1.png", "c/1.png"]
    assert images.note.endswith("; left out: 1 linked folder")
    (tmp_path / "d" / "/".join("x" * 60)).mkdir(parents=True)
    with pytest.raises(DataError, match="folders lie in one another 41 deep: give one of those inside"):
        read_picture_folder(tmp_path, KEEP)


def test_pictures_that_vanish_on_white_paper_are_warned_of(tmp_path):
    glyph = np.full((6, 8, 2), 255, np.uint8)
    glyph[:, :4, 1] = 0
    write(tmp_path, "1.png", glyph)
    write(tmp_path, "2.png", COLOURS[0, ..., 0])
    with pytest.warns(DataWarning, match="1 picture of one even colour once they lie on white paper"):
        read_picture_folder(tmp_path, KEEP)


def test_a_set_too_large_for_memory_names_the_mend(classes, monkeypatch):
    import npvae.data.picture_arrays as picture_arrays

    def limited(paths, reading, max_bytes):
        return read(paths, reading, 1000)

    read = picture_arrays._read
    monkeypatch.setattr(picture_arrays, "_read", limited)
    with pytest.raises(DataError, match=r"12 pictures of 6 x 8 in colour take 1,728 bytes, .*: make them smaller"):
        read_picture_folder(classes, KEEP)


def test_a_run_of_010_reads_its_folder_as_010_did(classes, tmp_path):
    for i in range(3):
        write(tmp_path / "flat", f"{i}.png", COLOURS[i])
    write(tmp_path / "flat", "3.jpg", COLOURS[3])
    old, _ = load_parts(tmp_path / "flat", None, Reading(as_010=True))
    expected = [np.asarray(Image.fromarray(pixels).convert("L")).ravel() for pixels in COLOURS[:3]]
    np.testing.assert_array_equal(old.pixels, expected)
    assert Reading.of_run({}) == Reading(as_010=True)
    assert Reading.of_run({"reading": {}}) == Reading()
    chosen = Reading(array="x", resize=(3, 4), colour="grey")
    assert Reading.of_run({"reading": json.loads(json.dumps(chosen.as_config()))}) == chosen
    with pytest.raises(DataError, match=r"holds no \.png file"):
        load_parts(classes, None, Reading(as_010=True))


@pytest.mark.parametrize(
    "keywords", [{"colour": "blue"}, {"layout": "2"}, {"resize": (0, 3)}, {"max_value": 0}], ids=str
)
def test_choices_that_are_unknown(keywords):
    with pytest.raises(ValueError, match=next(iter(keywords))):
        Reading(**keywords)


def test_the_same_pictures_in_every_container_are_the_same_data(classes, tmp_path):
    np.save(tmp_path / "x.npy", COLOURS)
    np.savez(tmp_path / "x.npz", x=COLOURS, y=np.repeat(np.arange(3), 4))
    expected = hold_out(Images(COLOURS))
    for name in ("pets", "x.npy", "x.npz"):
        for colour in ("keep", "grey"):
            for part, other in zip(load_dataset(tmp_path / name, colour=colour), expected, strict=True):
                if colour == "keep":
                    np.testing.assert_array_equal(part[:], other[:])
                else:
                    assert part.shape == (len(other), 48)
        greys = [load_dataset(tmp_path / name, colour="grey")[0][:] for name in ("pets", "x.npy")]
        np.testing.assert_array_equal(*greys)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Copies are kept here, of any number of pictures."""
    monkeypatch.setenv("NPVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_pictures, "_WORTH_FILES", 1)
    return tmp_path / "cache" / "pictures"


def test_a_kept_copy_gives_the_same_and_says_so(classes, cache, monkeypatch):
    first, _ = read_picture_folder(classes, KEEP)
    assert "from the copy" not in first.note
    (copy,) = cache.glob("*.npy")
    monkeypatch.setattr("npvae.data.picture_arrays.read_picture", None)  # nothing is decoded again
    again, _ = read_picture_folder(classes, KEEP)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert again.note == f"{first.note}; from the copy in {cache}"
    assert again.names.tolist() == first.names.tolist()
    assert copy.is_file()


def test_a_copy_is_of_these_files_and_these_choices_alone(classes, cache):
    first, _ = read_picture_folder(classes, KEEP)
    read_picture_folder(classes, Reading(colour="grey"))
    assert len(list(cache.glob("*.npy"))) == 2
    path = classes / "cat" / "1.png"
    write(classes, "cat/1.png", 255 - COLOURS[1])
    os.utime(path, ns=(1, 1))
    changed, _ = read_picture_folder(classes, KEEP)
    np.testing.assert_array_equal(changed.pixels[1], 255 - first.pixels[1])
    assert len(list(cache.glob("*.npy"))) == 3


def test_a_damaged_copy_is_read_anew(classes, cache):
    first, _ = read_picture_folder(classes, KEEP)
    (copy,) = cache.glob("*.npy")
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    again, _ = read_picture_folder(classes, KEEP)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert "from the copy" not in again.note


def test_copies_do_not_grow_without_end(classes, cache, monkeypatch):
    monkeypatch.setattr(kept_pictures, "MAX_KEPT", 5000)
    for size in range(1, 9):
        read_picture_folder(classes, Reading(resize=(6, size)))
    copies = list(cache.glob("*.npy"))
    assert 1 <= len(copies) < 8
    assert sum(path.stat().st_size for path in copies) <= 5000
    assert {path.stem for path in cache.iterdir()} == {path.stem for path in copies}


def test_nothing_is_kept_if_it_is_not_wanted_or_cannot_be(classes, cache, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("NPVAE_CACHE", place)
        read_picture_folder(classes, KEEP)
    assert not cache.exists()
