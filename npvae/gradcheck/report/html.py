"""How a report looks in a notebook: its verdict, a row for every gradient, and what str() says of what is wrong."""

from __future__ import annotations

import html
import math

from npvae.gradcheck.ground.findings import Found

__all__ = ["report_html"]

_COLOURS = {"PASS": "#117733", "FAIL": "#cc3311", "INCONCLUSIVE": "#997700"}
_HEAD = ("gradient", "shape", "|analytic|", "|numeric|", "max difference", "relative error", "verdict")


def report_html(report: Found, text: str) -> str:
    """The verdict, a table of the gradients, and the messages if there are any."""
    first, _, more = text.partition("\n")
    messages = more if report.verdict == "PASS" else f"{first}\n{more}"
    rows = []
    for row in report.rows:
        cells = [f"d/d{row.name}", "×".join(map(str, row.shape)) or "scalar", f"{row.analytic_norm:.3e}"]
        cells += [f"{row.numeric_norm:.3e}" if math.isfinite(row.numeric_norm) else "directions"]
        cells += [f"{row.max_difference:.1e}", f"{row.relative_error:.1e}"]
        body = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(f"<tr>{body}<td>{_verdict(row.verdict)}</td></tr>")
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    table = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""
    summary = html.escape(first.removeprefix("PASS").strip() if report.verdict == "PASS" else report.name)
    return f"<p>{_verdict(report.verdict)} {summary}</p>{table}" + (
        f"<pre>{html.escape(messages)}</pre>" if messages.strip() else ""
    )


def _verdict(verdict: str) -> str:
    return f'<b style="color:{_COLOURS.get(verdict, "#555555")}">{html.escape(verdict)}</b>'
