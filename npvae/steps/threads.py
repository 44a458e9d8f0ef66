"""How many threads compute a step: a rule of the processor and of shapes, never of how busy the machine is."""

from __future__ import annotations

from typing import Any


def threads_that_pay(model: Any, batch_size: int) -> tuple[int, str]:
    """The most threads that compute a step on so many samples at once, and why."""
    from npvae.kernels.team import blas, pools

    allowed = max(pools.team.threads, 1)
    if model.config["backend"] == "numpy":
        return blas.threads() or 1, "as many as NumPy's BLAS uses"
    shapes = [value.shape for value in model.params.values() if value.ndim == 2]
    if allowed == 1 or model.takes != "rows" or not shapes:
        return allowed, "products and loops are shared where they are long enough" if allowed > 1 else "as many as may"
    from npvae.kernels.team.jobs import WORTH_A_TEAM

    rows, columns = max(shapes, key=lambda shape: shape[0] * shape[1])
    operations, product = 2 * batch_size * rows * columns, f"the largest product, {batch_size} x {rows} x {columns}"
    if pools.PRODUCTS == "tiles" and model.dtype == "float32":
        shared = operations >= WORTH_A_TEAM
        return (allowed, f"{product}, is shared") if shared else (1, f"{product}, is too short to be worth sharing")
    if blas.asked:
        return allowed, "as asked: BLAS's threads wait busily for each other, which costs more beside other programs"
    if operations >= blas.WORTH_WAITING:
        return allowed, f"BLAS shares {product}"
    return 1, f"BLAS's threads wait busily for each other, and {product}, is too short for that; --threads wakes them"
