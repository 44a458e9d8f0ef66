"""Pictures of tables: the columns that are drawn, gaps left out, correlations that are SciPy's."""

import numpy as np
import pytest
from scipy import stats

from npvae.figures import code_correlations, columns, write_figures
from npvae.figures.tables import _correlation
from npvae.models import VAE


class Echo:
    """A model that gives back twice what it gets, 0 for gaps; its code is the first two columns."""

    latent_dim, reads_labels, has_posterior, decodes_z_alone = 2, False, False, False

    def encode(self, x):
        return np.nan_to_num(x[:, :2])

    def reconstruct(self, x):
        return 2 * np.nan_to_num(x)


def table(D=14, n=80):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, D)) * np.arange(D)  # column 0 does not vary
    x[3, 2] = np.nan
    return x


def test_the_columns_that_vary_most_are_drawn_and_gaps_are_not():
    figure = columns(Echo(), table())
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left").split()[1] for axes in panels] == [str(d) for d in range(2, 14)]
    line, dots = panels[0].lines
    assert len(dots.get_xdata()) == 79
    np.testing.assert_array_equal(dots.get_ydata(), 2 * dots.get_xdata())
    assert list(line.get_xdata()) == list(line.get_ydata())


def test_a_constant_column_is_said_to_be_constant_and_names_are_used():
    figure = columns(Echo(), table(3), names=["a", "b", "c"])
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles[0].split() == ["a", "constant"]
    assert titles[1].startswith("b   R² = ")
    with pytest.raises(ValueError, match="2 names were given, expected one for each of D = 3 columns"):
        columns(Echo(), table(3), names=["a", "b"])


def test_correlations_are_scipys_over_what_is_seen():
    x = table(30)
    seen = ~np.isnan(x[:, 2])
    assert _correlation(x[:, 2], x[:, 1]) == pytest.approx(stats.pearsonr(x[seen, 2], x[seen, 1]).statistic)
    assert np.isnan(_correlation(np.ones(80), x[:, 1]))
    figure = code_correlations(Echo(), x)
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (24, 2)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    np.testing.assert_allclose(image[names.index("column 1")].filled(np.nan)[1], 1)


def test_a_run_of_a_table_draws_them(tmp_path):
    class Table:
        image_shape, labels = (1, 6), None

        def __getitem__(self, rows):
            return np.random.default_rng(0).random((40, 6)).astype("f4")[rows]

    paths = write_figures(VAE(6, (8,), 2), [], Table(), None, tmp_path)
    assert {path.stem for path in paths} == {"latent_regions", "columns", "code_correlations"}
