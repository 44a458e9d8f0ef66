"""The command line on data of one's own: folders of pictures, fine-tuning, another learning rate."""

import json

import numpy as np
import pytest
from PIL import Image

import npvae
from npvae.cli import main

QUICK = ["train", "--epochs", "1", "--hidden", "8", "--no-figures"]
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (24, 4, 5, 3), dtype=np.uint8)


@pytest.fixture
def here(here):
    """A folder "pets" of two classes in colour, and a folder "grey" of larger grey pictures."""
    for i, pixels in enumerate(COLOURS):
        for path, picture in (
            (here / "pets" / ("cat", "dog")[i % 2] / f"{i}.png", pixels),
            (here / "grey" / f"{i}.png", np.repeat(pixels[..., 0], 2, axis=0)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    (here / "pets" / "notes.txt").write_text("", encoding="utf-8")
    return here


def config_of(run):
    return json.loads((run / "config.json").read_text(encoding="utf-8"))["training"]


def test_a_folder_of_classes_in_colour_from_training_to_its_codes(here, capsys):
    assert main([*QUICK[:-1], "--dataset", "pets", "--out", "r"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("pets: 24 .png in 2 folders as classes, 4 x 5 in colour; left out: 1 .txt\n")
    assert "VAE 60-8-2-8-60" in out
    config = config_of(here / "r")
    assert (config["image_shape"], config["class_names"], config["reading"]) == ([4, 5, 3], ["cat", "dog"], {})
    for name in ("reconstructions", "prior_samples", "traversals", "manifold", "many_reconstructions"):
        pixels = np.asarray(Image.open(here / "r" / "figures" / f"{name}.png").convert("RGB")).astype(int)
        spread = pixels.max(axis=2) - pixels.min(axis=2)
        assert (spread > 12).mean() > 0.02, name  # not grey

    assert main(["encode", "r", "--dataset", "pets"]) == 0
    with np.load(here / "r" / "codes.npz") as codes:
        assert (codes["mu"].shape, codes["names"][12]) == ((24, 2), "dog/1.png")
        assert codes["labels"].tolist() == [0] * 12 + [1] * 12
    assert main(["sample", "r", "-n", "3"]) == 0
    assert main(["reconstruct", "r"]) == 0
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet", "--no-figures"]) == 0


def test_one_picture_is_encoded_as_the_run_reads_pictures(here, capsys):
    assert main([*QUICK, "--dataset", "pets", "--colour", "grey", "--resize", "6,7", "--out", "r", "--quiet"]) == 0
    assert config_of(here / "r")["reading"] == {"colour": "grey", "resize": [6, 7]}
    assert main(["encode", "r", "--dataset", "pets/cat/2.png"]) == 0  # in colour and of another size
    with np.load(here / "r" / "codes.npz") as codes:
        assert (codes["mu"].shape, codes["names"].tolist()) == ((1, 2), ["2.png"])
        one = codes["mu"]
    assert main(["encode", "r", "--dataset", "pets", "--force"]) == 0
    with np.load(here / "r" / "codes.npz") as codes:
        np.testing.assert_allclose(codes["mu"][codes["names"] == "cat/2.png"], one, rtol=1e-4, atol=1e-5)
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet", "--no-figures"]) == 0


def test_a_grey_picture_is_coloured_for_a_run_in_colour_and_another_size_is_refused(here, capsys):
    assert main([*QUICK, "--dataset", "pets", "--out", "r", "--quiet"]) == 0
    assert main(["encode", "r", "--dataset", "grey/1.png"]) == 2
    found = "images are 8 x 5 in colour, those of the run r 4 x 5 in colour: add --resize 4,5, or give others"
    assert found in capsys.readouterr().err
    assert main(["encode", "r", "--dataset", "grey/1.png", "--resize", "4,5"]) == 0
    assert main(["encode", "r", "--resize", "4,5", "--force"]) == 2
    assert "--resize goes with --dataset: the run's own data are read as it read them" in capsys.readouterr().err


def test_a_data_set_that_is_a_folder_too_is_named_first(here, capsys):
    (here / "pets").rename(here / "digits")
    assert main([*QUICK, "--out", "r"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "digits: the data set of that name, not the folder ./digits, which you get by writing ./digits"
    assert main([*QUICK, "--dataset", "./digits"]) == 0
    assert capsys.readouterr().out.startswith("digits: 24 .png in 2 folders")
    assert (here / "runs" / "digits-1").is_dir()


def test_a_run_of_010_goes_on_with_its_folder_as_it_was_read_then(here):
    """Such a run has no "reading" in its config: its pictures are the PNGs of the folder itself, made grey."""
    flat = here / "flat"
    flat.mkdir()
    for i, pixels in enumerate(COLOURS):
        Image.fromarray(pixels).save(flat / f"{i}.png")
    old = npvae.data.read_png_folder(flat)
    train, test = npvae.data.hold_out(npvae.data.Images(old, source="flat"))
    note = {"dataset": "flat", "data_dir": None, "image_shape": [4, 5]}
    npvae.train(npvae.VAE(20, (8,), 2), train, test, epochs=1, out="r", progress=False, note=note)
    Image.fromarray(COLOURS[0]).save(flat / "more.jpg")
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet", "--no-figures"]) == 0
    assert main(["encode", "r"]) == 0
    assert main(["encode", "r", "--dataset", "flat/3.png", "--force"]) == 0


def test_fine_tuning_starts_from_the_trained_model(here, capsys):
    assert main([*QUICK, "--dataset", "pets", "--out", "a", "--quiet", "--activation", "tanh"]) == 0
    assert main(["train", "--init", "a", "--dataset", "grey", "--resize", "4,5", "--epochs", "1", "--lr", "1e-12",
                 "--optimizer", "sgd", "--out", "b", "--quiet", "--no-figures"]) == 0  # fmt: skip
    a, b = npvae.load("a"), npvae.load("b")
    assert (b.config, config_of(here / "b")["init"]) == (a.config, "a")
    np.testing.assert_allclose(a.params.flat, b.params.flat, atol=1e-6)  # the step was tiny
    assert config_of(here / "b")["reading"] == {"colour": "rgb", "resize": [4, 5], "implied": ["colour"]}
    assert main(["train", "--resume", "b", "--epochs", "2", "--quiet", "--no-figures"]) == 0
    capsys.readouterr()
    for options, message in [
        (["--hidden", "8"], "--hidden cannot be given with --init, which takes the model of that run: leave it out"),
        (["--dataset", "grey"], "images are 8 x 5 in colour, those of the run a 4 x 5 in colour: add --resize 4,5"),
        (["--dataset", "digits"], "digits: images are 8 x 8, those of the run a 4 x 5 in colour"),
        (["--init", "nowhere"], "nowhere holds no run"),
    ]:
        assert main(["train", "--init", "a", *options]) == 2
        assert message in capsys.readouterr().err


def test_fine_tuning_on_data_that_have_no_such_choice_can_be_resumed(here):
    quiet = ["--quiet", "--no-figures"]
    assert main(["train", "--epochs", "1", "--hidden", "8", "--out", "a", *quiet]) == 0
    assert main(["train", "--init", "a", "--epochs", "1", "--out", "b", *quiet]) == 0
    assert main(["train", "--resume", "b", "--epochs", "2", *quiet]) == 0


def test_another_learning_rate_from_here_on(here, capsys):
    common = ["--dataset", "pets", "--hidden", "8", "--no-figures", "--quiet"]
    assert main(["train", *common, "--epochs", "2", "--out", "a"]) == 0
    assert main(["train", *common, "--epochs", "1", "--out", "b"]) == 0
    assert main(["train", "--resume", "b", "--epochs", "2", "--lr", "0.05", "--no-figures", "--quiet"]) == 0
    assert config_of(here / "b")["lr"] == 0.05
    assert (npvae.load("a").params.flat != npvae.load("b").params.flat).any()
    assert main(["train", "--resume", "b", "--epochs", "3", "--no-figures", "--quiet"]) == 0  # it stays
    assert config_of(here / "b")["lr"] == 0.05
    assert main(["train", "--resume", "b", "--epochs", "4", "--lr", "-1"]) == 2
    assert "lr is -1.0, expected a finite number above 0" in capsys.readouterr().err


def test_a_conditional_model_knows_classes_by_their_names(here, capsys):
    """The folder of another data set need not hold all classes, nor in the same place."""
    assert main([*QUICK, "--dataset", "pets", "--model", "conditional_vae", "--out", "r", "--quiet"]) == 0
    (here / "two").mkdir()
    (here / "pets" / "dog").rename(here / "two" / "dog")
    (here / "two" / "wolf").mkdir()
    Image.fromarray(COLOURS[0]).save(here / "two" / "wolf" / "1.png")
    assert main(["encode", "r", "--dataset", "two"]) == 2
    assert "two: class wolf is unknown, expected one of cat, dog" in capsys.readouterr().err
    (here / "two" / "wolf").rename(here / "two" / "cat")
    assert main(["encode", "r", "--dataset", "two"]) == 0
    with np.load(here / "r" / "codes.npz") as codes:
        assert codes["labels"].tolist() == [0] + [1] * 12


def test_a_picture_on_its_side_is_no_picture_of_the_run(here, capsys):
    assert main([*QUICK, "--dataset", "pets", "--out", "r", "--quiet"]) == 0
    Image.fromarray(COLOURS[0].transpose(1, 0, 2)).save(here / "side.png")
    assert main(["encode", "r", "--dataset", "side.png"]) == 2
    assert "images are 5 x 4 in colour, those of the run r 4 x 5 in colour: add --resize 4,5" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_pictures_that_vanish_are_warned_of(here, capsys):
    glyph = np.full((4, 5, 2), 255, np.uint8)
    glyph[:, :2, 1] = 0
    for i in range(3):
        Image.fromarray(glyph).save(here / "grey" / f"{i}.png")
    assert main([*QUICK, "--dataset", "grey", "--resize", "4,5", "--out", "r", "--quiet"]) == 0
    assert "npvae: warning: grey: 3 pictures of one even colour once they lie on white paper" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resize", "4"], "'4' is not a height and a width in pixels, write it like 28,20"),
        (["--resize", "0,4"], "'0,4' is not a height and a width"),
        (["--colour", "blue"], "invalid choice: 'blue'"),
    ],
)
def test_options_that_cannot_be_read(here, capsys, options, message):
    with pytest.raises(SystemExit):
        main(["train", "--dataset", "pets", *options])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--array", "x"], ["--layout", "NHWC"], ["--max-value", "3"], ["--colour", "grey"]]
)
def test_options_without_an_effect_are_refused(here, capsys, options):
    assert main(["train", "--dataset", "digits", *options]) == 2
    assert f"digits: {options[0]} " in capsys.readouterr().err


def test_the_same_pictures_train_to_the_same_bits_from_every_container(here):
    order = [*range(0, 24, 2), *range(1, 24, 2)]  # as they lie in the folders
    np.save("x.npy", COLOURS[order])
    np.savez("x.npz", x=COLOURS[order])
    for name in ("pets", "x.npy", "x.npz"):
        assert main([*QUICK, "--dataset", name, "--out", f"r-{name}", "--quiet"]) == 0
    pets, npy, npz = (npvae.load(f"r-{name}").params.flat for name in ("pets", "x.npy", "x.npz"))
    np.testing.assert_array_equal(pets, npy)
    np.testing.assert_array_equal(pets, npz)
