"""A layer object as a forward/backward pair that keeps its cache to itself: one layer, or one for each size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from npvae.gradcheck.pair.calls import keeps_its_cache
from npvae.gradcheck.pair.layers import LayerParts
from npvae.spec import Arg

__all__ = ["built_pair", "in_symbols", "layer_pair", "sizes_of"]


def in_symbols(name: str, shapes: Sequence[tuple[int, ...]], bindings: Sequence[Mapping[str, int]]) -> str:
    """A shape by symbol, from the shapes at two choices of sizes: "I 3*H"."""
    axes = []
    for found in zip(*shapes, strict=True):
        forms = [str(found[0])] if len(set(found)) == 1 else []
        for symbol in bindings[0]:
            factors = {n / bound[symbol] for n, bound in zip(found, bindings, strict=True)}
            if len(factors) == 1 and (factor := factors.pop()).is_integer():
                forms.append(symbol if factor == 1 else f"{int(factor)}*{symbol}")
        if not forms:
            raise ValueError(f'the shape of {name} is not a matter of symbols: declare it, args={{"{name}": Arg(...)}}')
        axes.append(forms[0])
    return " ".join(axes)


def sizes_of(args: Iterable[Arg], arrays: Iterable[np.ndarray]) -> dict[str, int]:
    """The size of each symbol, from the shapes of arrays; an axis "2*C" of 6 makes C = 3."""
    sizes: dict[str, int] = {}
    for arg, x in zip(args, arrays, strict=True):
        for axis, n in zip(arg.axes, x.shape, strict=True):
            factor, _, symbol = axis.rpartition("*")
            if not axis.isdecimal():
                sizes[symbol] = n // int(factor or 1)
    return sizes


def layer_pair(
    parts: LayerParts, count: int, accumulates: bool, update: float | None, seeded: bool
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The layer as a pair that keeps its cache to itself: forward(*inputs, *params) -> y, backward(dy) -> gradients."""
    layer, own = parts.layer, dict[str, Any]()
    generators = [value for value in vars(layer).values() if isinstance(value, np.random.Generator)]
    states = [generator.bit_generator.state for generator in generators]
    with_cache = update is None and not keeps_its_cache(layer.backward)

    def forward(*given: np.ndarray) -> Any:
        parts.put(given[count:])
        for generator, state in zip(generators if seeded else (), states, strict=False):
            generator.bit_generator.state = state
        own["floats"] = [x.dtype.kind == "f" for x in given[:count]]
        y = parts.call(*given[:count])
        if with_cache:
            y, own["cache"] = y
        return y

    def backward(dy: Any) -> tuple[Any, ...]:
        if accumulates:
            parts.clear()
        before = [np.array(parts.get(name)) for name in parts.names]
        more = (own["cache"],) if with_cache else () if update is None or keeps_its_cache(layer.backward) else (update,)
        dx = layer.backward(dy, *more)
        dxs = list(dx) if isinstance(dx, (tuple, list)) else [dx]
        if update is not None:
            grads = [(b - parts.get(name)) / b.dtype.type(update) for b, name in zip(before, parts.names, strict=True)]
            parts.put(before)
        elif parts.names and len(dxs) == count + len(parts.names):
            grads, dxs = dxs[count:], dxs[:count]  # backward returns them all
        else:
            grads = [parts.gradient_copied(name) for name in parts.names]
        if len(dxs) == count:
            dxs = [d for d, is_float in zip(dxs, own["floats"], strict=True) if is_float]
        return (*dxs, *grads)

    backward.__wrapped__ = layer.backward  # type: ignore[attr-defined]
    return forward, backward


def built_pair(
    build: Callable[..., Any],
    args: Mapping[str, Arg],
    count: int,
    named: tuple[Any, Any],
    accumulates: bool,
    update: float | None,
    seeded: bool,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The same with a layer for each choice of sizes, read from the shapes of what is given."""
    known: dict[tuple[int, ...], tuple[Callable[..., Any], Callable[..., Any]]] = {}
    last: list[Callable[..., Any]] = []

    def forward(*given: np.ndarray) -> Any:
        sizes = sizes_of(args.values(), given)
        key = tuple(sizes.values())
        if key not in known:
            known[key] = layer_pair(
                LayerParts(build(**sizes), *named, updates=update is not None), count, accumulates, update, seeded
            )
        call, back = known[key]
        last[:] = [back]
        return call(*given)

    def backward(dy: Any) -> Any:
        return last[0](dy)

    backward.__wrapped__ = build  # type: ignore[attr-defined]
    return forward, backward
