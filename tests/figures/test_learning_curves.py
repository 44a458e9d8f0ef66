import itertools

import numpy as np
import pytest

import npvae
from npvae.figures import learning_curves
from npvae.models import OBJECTIVES


def rows(epochs, kl=5.0, test=True):
    made = []
    for epoch in range(1, epochs + 1):
        nll = 20 + 30 / epoch
        row = {"epoch": epoch, "train_loss": nll + kl, "train_nll": nll, "train_kl": kl, "seconds": 0.1}
        part = {"test_loss": nll + kl + 1.5, "test_nll": nll + 1, "test_kl": kl + 0.5}
        made.append(row | (part if test else dict.fromkeys(part)))
    return made


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_three_panels_hold_the_history():
    history = rows(5)
    panels = learning_curves(history).axes
    assert [axes.get_title(loc="left").split()[0].rstrip(":") for axes in panels] == ["loss", "nll", "kl"]
    for axes, term in zip(panels, ("loss", "nll", "kl"), strict=True):
        for part in ("train", "test"):
            wanted = [(row["epoch"], row[f"{part}_{term}"]) for row in history]
            np.testing.assert_array_equal(lines(axes)[part], wanted)
    assert panels[0].get_ylabel() == "nats per sample"
    assert all(axes.get_xlabel() == "epoch" for axes in panels)


def test_without_a_test_set_only_the_training_curve_is_there():
    assert all(list(lines(axes)) == ["train"] for axes in learning_curves(rows(3, test=False)).axes)


def test_an_epoch_without_test_loss_is_left_out():
    history = rows(4)
    history[1] |= {"test_loss": None, "test_nll": None, "test_kl": None}
    assert lines(learning_curves(history).axes[0])["test"][:, 0].tolist() == [1, 3, 4]


@pytest.mark.parametrize("kl", [0.0, None])
def test_an_autoencoder_has_its_loss_alone(kl):
    history = [{"epoch": e, "train_loss": 9.0 / e, "train_nll": 9.0 / e, "train_kl": kl} for e in (1, 2)]
    figure = learning_curves(history)
    assert len(figure.axes) == 1
    assert "kl" not in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_loss_is_said_to_be_a_sum_where_it_is_one(objective):
    vae = npvae.VAE(12, (5,), 2, objective=objective, samples=3, beta=0.7, free_bits=0.9, backend="numpy")
    x = np.random.default_rng(0).random((20, 12), dtype=np.float32)
    loss, trace = vae.forward(x, vae.draw_eps(20, np.random.default_rng(1)))
    is_sum = np.isclose(loss, trace.nll.mean() + 0.7 * trace.kl.mean(), rtol=1e-5)
    title = learning_curves(rows(2), objective).axes[0].get_title(loc="left")
    assert title == OBJECTIVES[objective].loss
    assert (title == "loss = nll + beta · kl") == is_sum


def test_without_an_objective_nothing_is_said_of_the_loss():
    assert learning_curves(rows(2)).axes[0].get_title(loc="left") == "loss"


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.735, "0.735"), (0.698, "0.698"), (23.914, "23.9"), (26.0, "26.0"), (105.83, "105.8"), (-1326.41, "-1326.4")],
)
def test_the_last_values_have_digits_to_tell_them_apart(value, label):
    (axes,) = learning_curves([{"epoch": 1, "train_loss": value}]).axes
    assert [text.get_text() for text in axes.texts] == [f"train\n{label}"]


def test_many_epochs_are_drawn_on_a_log_scale():
    assert [learning_curves(rows(n)).axes[0].get_xscale() for n in (29, 30)] == ["linear", "log"]


def test_one_epoch_is_a_visible_point():
    (train, test) = learning_curves(rows(1)).axes[0].lines
    assert train.get_marker() == test.get_marker() == "o"


def test_no_epoch_is_refused():
    with pytest.raises(ValueError, match="history is empty"):
        learning_curves([])


@pytest.mark.parametrize("epochs", [1, 8, 200])
@pytest.mark.parametrize(("kl", "gap"), [(0.001, 0.0), (5.0, 1e-3), (2e4, 3.0)])
@pytest.mark.parametrize("objective", ["elbo", max(OBJECTIVES, key=lambda name: len(OBJECTIVES[name].loss))])
def test_names_of_curves_write_over_nothing(texts, epochs, kl, gap, objective):
    history = rows(epochs, kl)
    for row in history:
        row["test_loss"], row["test_nll"] = row["train_loss"] + gap, row["train_nll"] - gap
    figure = learning_curves(history, objective)
    found = texts(figure)
    names = [(text, box) for text, box in found if text.get_text().startswith(("train\n", "test\n"))]
    assert len(names) == 6
    titles = [(axes.title, box) for axes in figure.axes for text, box in found if text is axes._left_title]
    assert len(titles) == 3
    for (text, box), (other, other_box) in itertools.combinations(names + titles, 2):
        shrunk = box.padded(-1)  # a line of text touches its neighbour
        assert not shrunk.overlaps(other_box), (text.get_text(), other.get_text())
    for axes in figure.axes:
        inside = axes.get_window_extent()
        assert epochs == 1 or all(box.x0 >= inside.x1 for text, box in names if text.axes is axes)
    page = figure.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for _, box in found)
