import itertools
import os
import subprocess
import sys
import threading

import matplotlib
import numpy as np
import pytest
from PIL import Image

from npvae.figures import draw_regions
from npvae.figures.style import PALETTE, class_colours, new_figure, save_png, style

# Machado, Oliveira & Fernandes (2009): linear RGB as it is seen without one of the three cones.
MACHADO = {
    "full colour vision": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def oklab(colours, seen_as):
    """Hex colours -> Oklab (Ottosson 2020), where distance is difference to the eye."""
    srgb = np.array([matplotlib.colors.to_rgb(colour) for colour in colours])
    rgb = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    rgb = np.clip(rgb @ np.transpose(seen_as), 0, 1)
    cones = [[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]
    lab = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]
    return np.cbrt(rgb @ np.transpose(cones)) @ np.transpose(lab)


def nearest_pair(colours, seen_as):
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(oklab(colours, seen_as), 2))


@pytest.mark.parametrize("vision", MACHADO)
def test_any_two_of_the_ten_colours_stay_apart(vision):
    assert nearest_pair(PALETTE, MACHADO[vision]) > 0.06


def test_the_measure_of_colours_sees_a_palette_that_fails():
    tab10 = [matplotlib.colors.to_hex(colour) for colour in matplotlib.colormaps["tab10"].colors]
    assert min(nearest_pair(tab10, seen_as) for seen_as in MACHADO.values()) < 0.01


@pytest.mark.parametrize("count", [1, 2, 10, 11, 37])
def test_every_class_has_a_colour_of_its_own(count):
    colours = class_colours(count)
    assert len(set(colours)) == len(colours) == count


def test_more_than_ten_classes_run_from_dark_to_light():
    lightness = oklab(class_colours(20), np.eye(3))[:, 0]
    assert (np.diff(lightness) > 0).all()


def test_settings_are_the_callers_again_after_a_picture():
    before = dict(matplotlib.rcParams)

    @style()
    def fail():
        assert matplotlib.rcParams["figure.dpi"] == 160
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert dict(matplotlib.rcParams) == before


def draw(path, colour="black"):
    with style():
        figure = new_figure(2, "Title")
        figure.subplots().plot([0, 1], [1, 0], color=colour)
    save_png(figure, path)
    return path.read_bytes()


def test_the_readers_own_settings_have_no_say(tmp_path):
    plain = draw(tmp_path / "plain.png")
    with matplotlib.rc_context({"font.size": 30, "savefig.dpi": 40, "axes.grid": True, "text.color": "red"}):
        assert draw(tmp_path / "other.png") == plain


def test_threads_draw_at_the_same_time(tmp_path):
    before = dict(matplotlib.rcParams)
    alone = draw(tmp_path / "alone.png")
    drawn = {}

    def work(number):
        for turn in range(3):
            drawn[number, turn] = draw(tmp_path / f"{number}-{turn}.png")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 12
    assert set(drawn.values()) == {alone}
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_loaded_and_no_backend_chosen(tmp_path):
    code = """
import sys, matplotlib
import numpy as np
from npvae.figures import learning_curves, save_png
save_png(learning_curves([{"epoch": 1, "train_loss": 3.0, "train_nll": 2.0, "train_kl": 1.0}]), sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
assert dict.__getitem__(matplotlib.rcParams, "backend") is matplotlib.rcsetup._auto_backend_sentinel
"""
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "curves.png"], check=True, env=environment)


def test_a_png_says_neither_when_nor_by_what_it_was_made(tmp_path):
    png = draw(tmp_path / "a.png")
    assert png.startswith(b"\x89PNG")
    assert not any(chunk in png for chunk in (b"tEXt", b"iTXt", b"zTXt", b"tIME"))


def as_pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), int)


def test_a_palette_makes_the_file_smaller_and_changes_next_to_nothing(tmp_path):
    with style():
        figure = new_figure(3, "Title")
        figure.subplots().scatter(*np.random.default_rng(0).random((2, 400)), c=np.arange(400) % 10, cmap="tab10")
    full, small = save_png(figure, tmp_path / "full.png"), save_png(figure, tmp_path / "small.png", colours=256)
    assert small.stat().st_size < 0.6 * full.stat().st_size
    assert save_png(figure, tmp_path / "again.png", colours=256).read_bytes() == small.read_bytes()
    assert np.abs(as_pixels(full) - as_pixels(small)).max() < 40


@style()
def test_a_palette_leaves_each_of_ten_classes_its_colour(tmp_path):
    """Pale regions that overlap, as in the latent space: the fill of one alone says which class it is."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 8)
    circle = np.stack([np.cos(labels * np.pi / 5), np.sin(labels * np.pi / 5)], axis=1)
    covariance = rng.uniform(0.01, 0.06, (80, 1, 1)) * np.eye(2)
    figure = new_figure(7.6)
    draw_regions(figure.subplots(), 1.5 * circle + 0.3 * rng.standard_normal((80, 2)), covariance, labels, regions=80)
    full = as_pixels(save_png(figure, tmp_path / "full.png"))
    small = as_pixels(save_png(figure, tmp_path / "small.png", colours=256))
    difference = np.abs(full - small).max(axis=2)
    assert (difference > 8).mean() < 0.015
    for colour in PALETTE:
        fill = 255 * (1 - 0.13 * (1 - np.array(matplotlib.colors.to_rgb(colour))))
        alone = np.abs(full - fill).max(axis=2) < 1.5
        assert alone.sum() > 500
        assert difference[alone].max() <= 2


def test_a_failed_write_leaves_the_old_picture_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    old = draw(path)

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        draw(path, "red")
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_oserror(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        draw(tmp_path / "nowhere" / "a.png")
