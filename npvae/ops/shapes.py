"""Says which argument of an op has the wrong shape, in the op's own symbols."""

from typing import Any

from npvae.spec import Op


def shape_error(op: Op, *arrays: Any) -> ValueError:
    """The error to raise when the shapes of an op's arguments do not fit together.

    Symbols are bound from left to right, so the message blames the first argument that contradicts an earlier one:
    `dense: W has shape (3, 4), expected (I, O) with I = 5 taken from x`. It is called only when a page has found
    that something is wrong, so the ordinary call pays one comparison of tuples and nothing more.
    """
    source: dict[str, tuple[int, str]] = {}
    for (name, arg), array in zip(op.args.items(), arrays, strict=True):
        symbols, shape = arg.axes, array.shape
        clash = len(shape) != len(symbols) or any(
            symbol in source and source[symbol][0] != size for symbol, size in zip(symbols, shape, strict=True)
        )
        if clash:
            taken = [f"{s} = {source[s][0]} taken from {source[s][1]}" for s in symbols if s in source]
            wanted = "(" + ", ".join(symbols) + ("," if len(symbols) == 1 else "") + ")"
            bound = " with " + ", ".join(taken) if taken else ""
            return ValueError(f"{op.name}: {name} has shape {shape}, expected {wanted}{bound}")
        for symbol, size in zip(symbols, shape, strict=True):
            source.setdefault(symbol, (size, name))
    shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(op.args, arrays, strict=True))
    return ValueError(f"{op.name}: shapes do not fit together: {shapes}")
