"""The rows of a training, one per epoch: a list that can draw itself."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = ("epoch", "train_loss", "test_loss", "valid_loss", "seconds")
_ROWS = 5


class History(list[dict[str, Any]]):
    """One row per epoch, as in metrics.jsonl.

    interrupted  says so if a signal ended the training early, else ""
    objective    what the loss is, one of npvae.models.OBJECTIVES; "" for a model that has none

    In a notebook it shows its curves and its last rows.
    """

    interrupted: str = ""
    objective: str = ""

    def plot(self) -> Figure:
        """The learning curves (`npvae.figures.learning_curves`). ValueError if there are no rows yet."""
        from npvae.figures import learning_curves

        return learning_curves(self, self.objective)

    def _repr_html_(self) -> str:
        if not self:
            return "<p>No epoch has been finished yet.</p>"
        png = io.BytesIO()
        self.plot().savefig(png, format="png")
        picture = base64.b64encode(png.getvalue()).decode()
        names = [name for name in _SHOWN if self[-1].get(name) is not None]
        rows = ["".join(f"<td>{html.escape(_cell(row.get(name)))}</td>" for name in names) for row in self[-_ROWS:]]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f'<img src="data:image/png;base64,{picture}"><table><tr>{head}</tr>{body}</table>'


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
