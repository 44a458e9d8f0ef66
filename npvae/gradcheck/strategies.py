"""Hypothesis strategies for ops, kernels and models. They draw structure and a seed; NumPy draws the numbers.

    from hypothesis import given, settings
    from npvae.gradcheck.strategies import cases

    @given(case=cases(swish))
    @settings(deadline=None)                # a first call may compile
    def test_swish_is_bounded_below(case):
        y, _ = swish.forward(*case.inputs, **case.params)
        assert y.min() > -0.28

What is drawn shrinks towards the plainest case (small, float64, C layout, ordinary values, seed 0), and its repr names
it in the words of `--sample`: Case(swish, 1x2-f32-kink, seed 3). Hypothesis is imported with this module and nowhere
else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from npvae.gradcheck.battery.drawing import Case, build, in_layout
from npvae.gradcheck.battery.samples import LAYOUTS, REGIMES, Sample, applies
from npvae.gradcheck.check import check_op
from npvae.spec import Op

__all__ = ["arrays", "cases", "model_cases", "op_property", "samples", "seeds"]

seeds = st.integers(0, 2**16 - 1)
"""Seeds of default_rng: few enough to type one in."""


@st.composite
def samples(
    draw: st.DrawFn,
    op: Op,
    *,
    sizes: Mapping[str, st.SearchStrategy[int]] | None = None,
    dtypes: Sequence[str] = ("float64", "float32"),
    layouts: Sequence[str] = LAYOUTS,
    regimes: Sequence[str] = REGIMES,
) -> Sample:
    """A sample of an op: sizes, dtype, layout, regime and parameters.

    sizes  symbol -> strategy for its size; by default 1 to 9
    dtypes, layouts, regimes  what may be drawn, the plainest first
    """
    chosen = {symbol: draw((sizes or {}).get(symbol, st.integers(1, 9)), label=symbol) for symbol in op.symbols}
    params = {name: draw(st.sampled_from(list(values)), label=name) for name, values in op.params.items()}
    return Sample(
        "drawn",
        op.within_ranges(chosen),
        draw(st.sampled_from(list(dtypes)), label="dtype"),
        draw(st.sampled_from(list(layouts)), label="layout"),
        draw(st.sampled_from([regime for regime in regimes if applies(regime, op)]), label="regime"),
        params,
    )


@st.composite
def cases(draw: st.DrawFn, op: Op, **options: Any) -> Case:
    """Inputs and parameters of an op: `case.inputs`, `case.params`, `case.dtype`; options as for `samples`.

    For a kernel, with sizes about its blocks and tails:
        cases(op, sizes={"N": st.integers(1, 70)}, dtypes=("float32",), layouts=("C",))
    """
    return build(op, draw(samples(op, **options)), draw(seeds, label="seed"))


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]],
    *,
    dtypes: Sequence[str] = ("float64", "float32"),
    layouts: Sequence[str] = LAYOUTS,
    scales: Sequence[float] = (1.0, 1e-3, 30.0),
    low: float = -math.inf,
    high: float = math.inf,
) -> np.ndarray:
    """One array of N(0, scale**2) cut to [low, high], in a layout, from a seed."""
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    x = draw(st.sampled_from(list(scales))) * np.random.default_rng(draw(seeds)).standard_normal(size)
    dtype = np.dtype(draw(st.sampled_from(list(dtypes))))
    return in_layout(np.clip(x, low, high).astype(dtype), draw(st.sampled_from(list(layouts))))


@st.composite
def model_cases(
    draw: st.DrawFn,
    *,
    activations: Sequence[str] = ("tanh", "relu"),
    likelihoods: Sequence[str] = ("bernoulli",),
    **more: st.SearchStrategy[Any],
) -> dict[str, Any]:
    """Keyword arguments of a small npvae model, and a batch for it, in one dict.

    config  data_dim (1 to 7), hidden (none to two layers of 1 to 6), latent_dim (1 to 4), activation, likelihood,
            dtype float64, a seed, and whatever `more` draws by name (beta=st.floats(0, 4))
    x       (N, data_dim) in [0, 1], N from 1 to 6
    eps     (N, latent_dim), N(0, 1)

        case = draw(model_cases(likelihoods=list(LIKELIHOODS)))
        check_model(VAE(**case["config"]), case["x"], case["eps"])
    """
    config: dict[str, Any] = {
        "data_dim": draw(st.integers(1, 7)),
        "hidden": tuple(draw(st.lists(st.integers(1, 6), max_size=2))),
        "latent_dim": draw(st.integers(1, 4)),
        "activation": draw(st.sampled_from(list(activations))),
        "likelihood": draw(st.sampled_from(list(likelihoods))),
        "dtype": "float64",
        "seed": draw(seeds),
    }
    config |= {name: draw(strategy) for name, strategy in more.items()}
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(config["seed"])
    return {
        "config": config,
        "x": rng.random((n, config["data_dim"])),
        "eps": rng.standard_normal((n, config["latent_dim"])),
    }


def op_property(op: Op, *, max_examples: int = 50, **options: Any) -> Callable[[], None]:
    """Make a property test of an op's gradients, over drawn samples and not the battery's.

        test_swish_anywhere = op_property(swish, max_examples=200)

    No deadline, and one call outside Hypothesis first, so that code which compiles when first called is no flake.
    """
    warm: list[bool] = []

    @given(sample=samples(op, **options), seed=seeds)
    @settings(deadline=None, max_examples=max_examples)
    def test(sample: Sample, seed: int) -> None:
        if not warm:
            warm.append(bool(check_op(op, level="smoke")))
        report = check_op(op, seed, sample=sample.label)
        assert report or not report.samples, str(report)  # where the forward is not finite there is nothing to check

    test.__doc__ = f"The gradients of {op.name} at drawn shapes, layouts, dtypes and points."
    return test
