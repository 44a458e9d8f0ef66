"""`npvae reconstruct --impute`: a table with its gaps filled, what was seen as it was."""

from __future__ import annotations

import argparse
from typing import Any

from npvae.cli.from_run import images_of, in_data_units, output_path, save_arrays, write_output


def impute(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> int:
    """All rows, or the first n, in the units of the data: as .csv with the names of the columns, or (N, D) as .npy.

    Raises ValueError for a model that takes no gaps.
    """
    import numpy as np

    from npvae.evaluation import impute

    if getattr(model.settings, "missing", "error") == "error":
        raise ValueError(f"--impute: the model of {args.folder} takes no gaps: train one with --missing ignore or mask")
    args.output, args.part = "imputed.csv", args.part or "all"
    path = output_path(args, ".csv", ".npy")
    source = images_of(args, config)
    x = source.images[: args.n].astype(model.dtype)
    gaps = np.isnan(x).sum()
    values = in_data_units(config, impute(model, x, np.random.default_rng(args.seed)).mean)
    if path.suffix == ".npy":
        save_arrays(path, values)
    else:
        names = source.images.columns
        header = [",".join(f'"{name}"' if "," in name else name for name in names)] if names else []
        lines = [",".join(f"{value:.7g}" for value in row) for row in values]
        write_output(path, "\n".join([*header, *lines]) + "\n")
    print(f"{path}: {len(values):,} rows of {source}, {gaps:,} gaps filled")
    return 0
