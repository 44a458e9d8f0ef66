"""How does a step's cost follow its operations and bytes? Batch 1 to 4096, hidden 32 to 2048, one thread and two.

    python benchmarks/speed/scaling.py [--json FILE] [--figure FILE.png]

784-H-20-H-784 in float32. Operations are those of the matrix products, two each multiply-add; bytes are what must move
at least: every weight read twice and its gradient written once, Adam's 7 passes over the parameters, every activation
written once and read twice. Each size is validated against the backend without kernels first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rounds import interleaved, machine, summary, write_json

import npvae
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALE, PALETTE
from npvae.kernels.team import pools
from npvae.steps import Step

BATCHES = (1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096)
WIDTHS = (32, 64, 128, 256, 400, 512, 1024, 2048)
D, L = 784, 20


def cost(N: int, H: int) -> tuple[float, float]:
    """Operations and bytes of a step."""
    weights = D * H + 2 * L * H + L * H + H * D
    activations = N * (2 * D + 2 * H + 3 * L)
    operations = 2 * N * (3 * weights - D * H)  # the first layer has no gradient with respect to its input
    return operations, 4.0 * (10 * weights + 3 * activations)


def measured(N: int, H: int, counts: tuple[int, ...], rounds: int) -> dict:
    """One size, validated, with every number of threads."""
    rng = np.random.default_rng(0)
    x = rng.random((N, D), dtype=np.float32)
    vae, reference = npvae.VAE(D, (H,), L), npvae.VAE(D, (H,), L, backend="numpy")
    eps, adam, way = vae.draw_eps(N, rng), npvae.Adam(vae.params), Step(vae, N)
    loss, trace = way.forward(x, eps)
    wanted_loss, wanted = reference.forward(x, eps)
    np.testing.assert_allclose(loss, wanted_loss, rtol=1e-5)
    np.testing.assert_allclose(way.backward(trace).flat, reference.backward(wanted).flat, rtol=1e-2, atol=1e-4)

    def step() -> None:
        _, trace = way.forward(x, eps)
        adam.step(way.backward(trace))

    operations, size = cost(N, H)
    row = {"N": N, "H": H, "Mflop": operations / 1e6, "MB": size / 1e6}
    calls = max(2, min(20, int(3e9 / operations)))
    for count in counts:
        pools.set_threads(count)
        seconds = summary(interleaved({"step": step}, rounds, calls, pause=0.02))["step"]["median"] / 1e3
        row[f"ms, {count}"] = round(seconds * 1e3, 3)
        row[f"GFLOP/s, {count}"] = round(operations / seconds / 1e9, 1)
    return row


@style()
def picture(rows: list[dict], counts: tuple[int, ...]) -> Figure:
    """Time of a step over batch size and over hidden units, beside the operations alone at the best rate seen."""
    figure = new_figure(3.8, "A step's time against its size, and its operations alone")
    best = max(row[f"GFLOP/s, {counts[0]}"] for row in rows)
    labels, ticks = ("batch size", "hidden units"), ((1, 4, 16, 64, 256, 1024, 4096), (32, 128, 512, 2048))
    for axes, key, label, shown in zip(figure.subplots(1, 2), "NH", labels, ticks, strict=True):
        chosen = [row for row in rows if row["sweep"] == key]
        sizes = [row[key] for row in chosen]
        axes.loglog(sizes, [row["Mflop"] / best for row in chosen], ":", color=PALE)
        where = sizes[2], chosen[2]["Mflop"] / best
        axes.annotate("operations alone", where, (12, -6), textcoords="offset points", color=PALE, size=9)
        for count, colour in zip(counts, PALETTE, strict=False):
            values = [row[f"ms, {count}"] for row in chosen]
            axes.loglog(sizes, values, "o-", color=colour, markersize=4, label=f"{count} thread{'s' * (count > 1)}")
        axes.set(xlabel=label, xticks=shown, xticklabels=shown)
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=9, reverse=True)
    figure.axes[0].set_ylabel("milliseconds per step")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, action="append", help="default: 2 and 1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    counts = tuple(args.threads or (2, 1))
    print(machine())
    rows: list[dict] = []
    sweeps = [("N", N, 400) for N in BATCHES] + [("H", 128, H) for H in WIDTHS]
    for sweep, N, H in sweeps:
        rows.append({"sweep": sweep} | measured(N, H, counts, args.rounds))
        if len(rows) == 1:
            print("".join(f"{name:>14}" for name in rows[0]))
        print("".join(f"{value if isinstance(value, str) else round(value, 3):>14}" for value in rows[-1].values()))
    if args.figure:
        save_png(picture(rows, counts), args.figure)
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
