"""Says which argument of an op has the wrong shape, in the op's own symbols."""

from typing import Any

from npvae.spec import Op, parts_of_axis


def shape_error(op: Op, *arrays: Any) -> ValueError:
    """The error to raise when the shapes of an op's arguments do not fit together.

    Symbols are bound from left to right, so the message blames the first argument that contradicts an earlier one:
    `dense: W has shape (3, 4), expected (I, O) with I = 5 taken from x`. It is called only when a page has found
    that something is wrong, so the ordinary call pays one comparison of tuples and nothing more.
    """
    shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(op.args, arrays, strict=True))
    return _first_clash(op, arrays) or ValueError(f"{op.name}: shapes do not fit together: {shapes}")


def check_shapes(op: Op, *arrays: Any) -> None:
    """Raise the error above if an argument contradicts an earlier one: for pages of many arguments."""
    error = _first_clash(op, arrays)
    if error:
        raise error


def _first_clash(op: Op, arrays: tuple) -> ValueError | None:
    source: dict[str, tuple[int, str]] = {}
    for (name, arg), array in zip(op.args.items(), arrays, strict=True):
        axes = [parts_of_axis(axis) for axis in arg.axes]
        wrong = len(array.shape) != len(axes) or any(
            size != factor * (source[symbol][0] if symbol in source else 0) + more
            for (factor, symbol, more), size in zip(axes, array.shape, strict=True)
            if symbol in source or not symbol
        )
        if wrong:
            taken = [f"{s} = {source[s][0]} taken from {source[s][1]}" for _, s, _ in axes if s in source]
            wanted = "(" + ", ".join(arg.axes) + ("," if len(axes) == 1 else "") + ")"
            bound = " with " + ", ".join(taken) if taken else ""
            return ValueError(f"{op.name}: {name} has shape {array.shape}, expected {wanted}{bound}")
        for (factor, symbol, more), size in zip(axes, array.shape, strict=True):
            if factor == 1:
                source.setdefault(symbol, (size - more, name))
    return None
