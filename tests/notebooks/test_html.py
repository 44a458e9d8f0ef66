import re
from html.parser import HTMLParser

import numpy as np
import pytest

import npvae
from npvae.gradcheck import Arg, Op, check_op
from npvae.models import MODELS
from npvae.models.small import small
from npvae.training import History


class Page(HTMLParser):
    """Collects the text of table cells, and finds tags that do not close."""

    def __init__(self, page):
        super().__init__()
        self.open, self.cells, self.text = [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "img":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open:
            self.cells[-1] += data


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_shows_its_layers(kind):
    model, _, _ = small(kind, np.random.default_rng(0))
    page = Page(model._repr_html_())
    assert repr(model) in page.text
    numbers = [int(cell.replace(",", "")) for cell in page.cells[2::4]]
    assert sum(numbers) == model.params.flat.size
    for name, value in model.params.items():
        assert name.rpartition(".")[0] in page.cells[0::4]
        assert f"{name.rpartition('.')[2]} {value.shape}" in page.text


def square_forward(x):
    return x * x, x


def square_backward(dy, x):
    return 2 * dy * x


def wrong_backward(dy, x):
    return 3 * dy * x


def test_a_report_shows_verdict_and_gradients():
    report = check_op(Op(square_forward, square_backward, args={"x": Arg("N D")}, name="a<b"))
    page = Page(report._repr_html_())
    assert report
    assert page.text.startswith("PASS a<b")
    assert page.cells[0] == "d/dx"
    assert page.cells[-1] == "PASS"
    assert len(page.cells) == 7


def test_a_report_shows_what_is_wrong():
    report = check_op(Op(square_forward, wrong_backward, args={"x": Arg("N D")}, name="a<b"))
    page = Page(report._repr_html_())
    assert page.text.startswith("FAIL a<b")
    assert page.cells[-1] == "FAIL"
    assert str(report) in page.text


def test_a_run_shows_its_curves():
    x = np.random.default_rng(0).random((20, 5), dtype=np.float32)
    model = npvae.train(npvae.VAE(5, (4,), 2, backend="numpy"), x, x, epochs=2, progress=False)
    assert isinstance(model.history, History)
    html = model.history._repr_html_()
    assert re.search(r'<img src="data:image/png;base64,[\w+/=]{1000,}"', html)
    assert f"{model.history[-1]['train_loss']:.3f}" in Page(html).cells
