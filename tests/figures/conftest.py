"""Stand-in models whose every number is known, and a way to look at what was drawn."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


class Linear:
    """Codes x @ V, posteriors whose widths depend on x, images sigmoid(z @ W)."""

    def __init__(self, data_dim, latent_dim, posterior=True, seed=0):
        rng = np.random.default_rng(seed)
        self.latent_dim, self.posterior = latent_dim, posterior
        self.has_posterior, self.reads_labels, self.decodes_z_alone = posterior, False, True
        self.V = rng.standard_normal((data_dim, latent_dim)) / np.sqrt(data_dim)
        self.U = rng.standard_normal((data_dim, latent_dim)) / np.sqrt(data_dim)
        self.W = rng.standard_normal((latent_dim, data_dim))

    def encode(self, x):
        mu = (4 * x @ self.V).astype(np.float32)
        return (mu, (x @ self.U - 2).astype(np.float32)) if self.posterior else mu

    def decode(self, z):
        return ((1 + np.tanh(z @ self.W / 2)) / 2).astype(np.float32)

    def reconstruct(self, x):
        code = self.encode(x)
        return self.decode(code[0] if self.posterior else code)

    def sample(self, n, rng):
        return self.decode(rng.standard_normal((n, self.latent_dim)))


@pytest.fixture
def linear():
    """The class Linear(data_dim, latent_dim, posterior=True)."""
    return Linear


@pytest.fixture
def texts():
    """Call it with a figure for every text that is drawn, with its extent in pixels."""

    def collect(figure):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        # Ticks outside the axis limits keep their labels and are not drawn.
        drawn = [label for axes in figure.axes for label in _tick_labels(axes)]
        every_tick = {
            id(label)
            for axes in figure.axes
            for axis in (axes.xaxis, axes.yaxis)
            for tick in [*axis.majorTicks, *axis.minorTicks]
            for label in (tick.label1, tick.label2)
        }
        found = [text for text in found if id(text) not in every_tick] + drawn
        return [(text, text.get_window_extent(renderer)) for text in found if text.get_text()]

    return collect


def _tick_labels(axes):
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if low <= tick.get_loc() <= high and tick.label1.get_visible():
                yield tick.label1


@pytest.fixture
def brightness_at():
    """Call it with figure, axes, x, y for the grey value, 0..1, that is drawn at that place in data coordinates."""

    def look(figure, axes, x, y):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())
        across, up = axes.transData.transform((x, y))
        return pixels[round(pixels.shape[0] - 1 - up), round(across), :3].mean() / 255

    return look


@pytest.fixture
def cells():
    """Call it with axes and image_shape for the images of the sheet there by (row, column), black ones left out."""

    def cut(axes, image_shape):
        (image,) = axes.images
        page, (height, width) = np.asarray(image.get_array()), image_shape
        assert image.get_extent() == [0, page.shape[1], page.shape[0], 0]
        assert image.get_clim() == (0, 1)  # where the data lie, here
        assert image.get_cmap().name == "gray"
        gap = max(1, round(width / 8))
        rows, columns = (page.shape[0] - gap) // (height + gap), (page.shape[1] - gap) // (width + gap)
        assert page.shape == (rows * (height + gap) + gap, columns * (width + gap) + gap)
        between = np.ones_like(page)
        found = {}
        for row in range(rows):
            for column in range(columns):
                top, left = gap + row * (height + gap), gap + column * (width + gap)
                part = slice(top, top + height), slice(left, left + width)
                between[part] = 0
                if page[part].any():
                    found[row, column] = page[part]
        assert not page[between == 1].any()
        return found

    return cut
