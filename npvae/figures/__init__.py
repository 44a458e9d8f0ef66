"""Every picture, one style: functions that return a matplotlib Figure and leave pyplot alone."""

from npvae.figures.generation import by_label, manifold, prior_samples, traversals
from npvae.figures.latent_space import draw_regions, latent_regions
from npvae.figures.learning_curves import learning_curves
from npvae.figures.reconstructions import many_reconstructions, reconstructions
from npvae.figures.run_folder import write_figures
from npvae.figures.style import new_figure, save_png, style
from npvae.figures.tables import code_correlations, columns

__all__ = [
    "by_label",
    "code_correlations",
    "columns",
    "draw_regions",
    "latent_regions",
    "learning_curves",
    "manifold",
    "many_reconstructions",
    "new_figure",
    "prior_samples",
    "reconstructions",
    "save_png",
    "style",
    "traversals",
    "write_figures",
]
