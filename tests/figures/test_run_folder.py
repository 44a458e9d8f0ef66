import numpy as np
import pytest

import npvae
import npvae.figures.run_folder as run_folder
from npvae.figures import write_figures
from npvae.figures.run_folder import one_of_each

EVERY_MODEL = {"learning_curves.png", "latent_regions.png", "reconstructions.png"}
POSTERIOR = {"many_reconstructions.png", "prior_samples.png", "traversals.png"}
HISTORY = [
    {"epoch": e, "train_loss": 40 / e, "train_nll": 30 / e, "train_kl": 10 / e, "test_loss": None} for e in (1, 2, 3)
]


class Images:
    """As much of npvae.data.Images as the pictures use."""

    def __init__(self, count, image_shape=(4, 3), classes=10, seed=0):
        rng = np.random.default_rng(seed)
        self.x = rng.random((count, image_shape[0] * image_shape[1]), dtype=np.float32)
        self.labels = rng.integers(classes, size=count) if classes else None
        self.image_shape = image_shape

    def __getitem__(self, rows):
        return self.x[rows]


@pytest.mark.parametrize(
    ("latents", "posterior", "names"),
    [
        (2, True, EVERY_MODEL | POSTERIOR | {"manifold.png"}),
        (1, True, EVERY_MODEL | POSTERIOR),
        (3, True, EVERY_MODEL | POSTERIOR),
        (2, False, EVERY_MODEL),
    ],
)
def test_every_picture_that_applies(linear, tmp_path, latents, posterior, names):
    folder = tmp_path / "run" / "figures"
    paths = write_figures(linear(12, latents, posterior), HISTORY, Images(60), Images(30), folder)
    assert {path.name for path in paths} == names
    assert set(folder.iterdir()) == set(paths)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_vae_and_its_data(tmp_path, dtype):
    data = npvae.data.Images(np.random.default_rng(0).integers(256, size=(20, 4, 3), dtype=np.uint8))
    model = npvae.VAE(12, (5,), 2, dtype=dtype, backend="numpy")
    paths = write_figures(model, HISTORY, data, None, tmp_path)
    assert {path.name for path in paths} == EVERY_MODEL | POSTERIOR | {"manifold.png"}


def test_a_plain_array_in_place_of_a_data_set_is_refused_with_the_mend(linear, tmp_path):
    x = np.zeros((20, 12), np.float32)
    for train, test, name in ((x, None, "train"), (Images(20), x, "test")):
        message = rf"write_figures: {name} is a ndarray, expected .*: pass npvae.data.Images\({name}\)"
        with pytest.raises(ValueError, match=message):
            write_figures(linear(12, 2, True), HISTORY, train, test, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_autoencoder_and_its_data(tmp_path):
    data = npvae.data.Images(np.random.default_rng(0).random((20, 4, 3)), np.arange(20) % 3)
    paths = write_figures(npvae.Autoencoder(12, (5,), 2, backend="numpy"), HISTORY, data, None, tmp_path)
    assert {path.name for path in paths} == EVERY_MODEL


def test_same_inputs_same_bytes_and_the_seed_counts(linear, tmp_path):
    def bytes_of(name, seed):
        paths = write_figures(linear(12, 2), HISTORY, Images(60), None, tmp_path / name, seed)
        return {path.name: path.read_bytes() for path in paths}

    first, again, other = bytes_of("a", 5), bytes_of("b", 5), bytes_of("c", 6)
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"many_reconstructions.png", "prior_samples.png"}


def test_data_without_images_or_labels_or_history(linear, tmp_path):
    data = Images(20, image_shape=(1, 12), classes=0)
    paths = write_figures(linear(12, 2), [], data, None, tmp_path)
    assert [path.name for path in paths] == ["latent_regions.png", "columns.png", "code_correlations.png"]


def test_the_test_set_is_what_is_shown(linear, tmp_path, monkeypatch):
    seen = {}
    for name in ("latent_regions", "reconstructions"):
        drawing = getattr(run_folder, name)

        def spy(model, x, *rest, _name=name, _drawing=drawing, **named):
            seen[_name] = x, *rest
            return _drawing(model, x, *rest, **named)

        monkeypatch.setattr(run_folder, name, spy)
    test = Images(2100, seed=9)
    write_figures(linear(12, 2, posterior=False), HISTORY, Images(60), test, tmp_path)
    x, labels = seen["latent_regions"]
    np.testing.assert_array_equal(x, test.x[:2000])
    np.testing.assert_array_equal(labels, test.labels[:2000])
    first_of_each = [np.flatnonzero(test.labels == label)[0] for label in range(10)]
    np.testing.assert_array_equal(seen["reconstructions"][0], test.x[first_of_each])


@pytest.fixture
def drawn(monkeypatch):
    """The figures that write_figures draws, by the names of their files; nothing is written."""
    figures = {}

    def keep(figure, path):
        figures[path.stem] = figure
        return path

    monkeypatch.setattr(run_folder, "save_png", keep)
    return figures


@pytest.mark.parametrize("kind", ["vae", "conditional_vae"])
@pytest.mark.parametrize(("low", "high"), [(-3.125, 4.25), (0, 255), (0, 1), (0.25, 0.5)])
def test_one_scale_for_all_sheets_is_that_of_the_data(drawn, texts, tmp_path, kind, low, high):
    x = np.random.default_rng(0).uniform(low, high, (60, 4, 3)).astype(np.float32)
    x[0, 0, :2] = low, high
    data = npvae.data.Images(x, np.arange(60) % 10)
    model = npvae.models.MODELS[kind](12, (5,), 2, likelihood="gaussian_scalar", backend="numpy")
    data = npvae.data.LabelledImages(data, 10) if kind == "conditional_vae" else data
    write_figures(model, [], data, None, tmp_path)
    wanted = (0, 1) if high <= 1 else (low, high)
    sheets = set(drawn) - {"latent_regions"}
    assert len(sheets) == (2 if kind == "conditional_vae" else 5)
    for name in sheets:
        images = [image for axes in drawn[name].axes for image in axes.images if image.get_cmap().name == "gray"]
        assert {image.get_clim() for image in images} == {wanted}
        assert all(image.get_array()[0, 0] == wanted[0] for image in images)  # black between the images
        said = [text.get_text() for text, _ in texts(drawn[name]) if text.get_text().startswith("black is ")]
        if high <= 1:
            assert said == []
        else:
            assert said == ["black is \N{MINUS SIGN}3.12, white is 4.25" if low else "black is 0, white is 255"]


@pytest.mark.parametrize("kind", ["vae", "conditional_vae"])
def test_colour_is_drawn_in_colour_and_classes_by_their_names(drawn, texts, tmp_path, kind):
    names = ("red", "green", "blue")
    pixels = np.zeros((30, 4, 5, 3), np.uint8)
    pixels[np.arange(30), :, :, np.arange(30) % 3] = 255
    data = npvae.data.Images(pixels, np.arange(30) % 3)
    data.class_names = names
    model = npvae.models.MODELS[kind](60, (5,), 2, backend="numpy", **({"classes": 3} if kind != "vae" else {}))
    write_figures(model, [], npvae.data.LabelledImages(data, 3) if kind != "vae" else data, None, tmp_path)
    sheets = set(drawn) - {"latent_regions"}
    assert len(sheets) == (2 if kind == "conditional_vae" else 5)
    for name in sheets:
        pages = [image.get_array() for axes in drawn[name].axes for image in axes.images if image.get_array().ndim == 3]
        assert pages, name
        assert all(page.shape[2] == 3 and page.min() >= 0 and page.max() <= 1 for page in pages)
    (page,) = (image.get_array() for image in drawn["reconstructions"].axes[0].images)
    originals = page[2, 2::6]  # one pixel of each: images are 5 wide and 1 apart
    assert {tuple(pixel) for pixel in originals.tolist()} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    for name in {"latent_regions"} | ({"by_label"} if kind == "conditional_vae" else set()):
        assert set(names) <= {text.get_text() for text, _ in texts(drawn[name])}


def test_the_curves_say_what_the_loss_of_the_model_is(drawn, linear, tmp_path):
    model = linear(12, 2)
    model.objective = "iwae"
    write_figures(model, HISTORY, Images(20), None, tmp_path)
    assert drawn["learning_curves"].axes[0].get_title(loc="left") == "loss: minus the IWAE bound"


def test_one_of_each_goes_round_again_when_labels_are_few():
    labels = np.array([5, 5, 5, 1, 5, 1])
    assert one_of_each(labels, 1).tolist() == [3]
    assert one_of_each(labels, 5).tolist() == [3, 5, 0, 1, 2]
    assert one_of_each(labels, 99).tolist() == [3, 5, 0, 1, 2, 4]


def test_a_file_where_the_folder_should_be(linear, tmp_path):
    (tmp_path / "figures").write_text("")
    with pytest.raises(OSError, match="figures"):
        write_figures(linear(12, 2), HISTORY, Images(20), None, tmp_path / "figures")


@pytest.mark.parametrize(
    ("latents", "image_shape", "classes", "stretch"),  # stretched data have the longer labels
    [(2, (8, 8), 10, 1), (2, (8, 8), 10, -9.876), (1, (28, 20), 3, -9.876), (12, (5, 9), 25, -9.876)],
)
def test_no_text_is_cut_off_at_the_edge_of_the_page(
    linear, texts, tmp_path, drawn, latents, image_shape, classes, stretch
):
    model = linear(image_shape[0] * image_shape[1], latents)
    data = Images(100, image_shape, classes)
    data.x *= stretch
    write_figures(model, HISTORY, data, None, tmp_path)
    assert len(drawn) >= 6
    for figure in drawn.values():
        page = figure.bbox
        for text, box in texts(figure):
            inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
            assert inside, (figure.get_suptitle(), text.get_text(), box)
