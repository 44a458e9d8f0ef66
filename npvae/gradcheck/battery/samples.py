"""The battery: where an op is looked at. Fifteen to twenty samples that cover shapes, layouts, dtypes and points.

Half of all wrong gradients are invisible in one random array, whatever the differencing formula; so each sample
goes to a place where a kind of mistake has nowhere to hide. The samples are a covering array, not a full product.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from npvae.gradcheck.ground import thresholds as t
from npvae.spec import Op

__all__ = ["LAYOUTS", "LEVELS", "REGIMES", "Sample", "applies", "battery", "named", "numbers_in"]

LAYOUTS = ("C", "fortran", "strided", "negative")
LEVELS = ("smoke", "default", "exhaustive")
REGIMES = (
    "generic", "kink", "near", "ties", "edge", "special",
    "pos40", "neg40", "far800", "tiny", "x30",
)  # fmt: skip

_CELLS = {
    "kink": "kink", "near": "kink", "ties": "kink", "edge": "domain", "special": "specials", "tiny": "scale",
    "x30": "scale", "pos40": "saturation", "neg40": "saturation", "far800": "saturation",
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """The recipe of one case.

    cell    the group it belongs to, one pytest item: "numeric-f64", "shapes", "layouts", "numeric-f32", "kink" ...
    sizes   symbol -> size
    dtype   "float64" or "float32"
    layout  memory layout of every array: "C", "fortran", "strided" (every second entry) or "negative" (reversed)
    regime  what the values are like: "generic", "kink" (exactly on the kinks and on +-0), "near" (just off them),
            "ties" (few distinct values), "edge" (on the ends of the domain), "special" (on and beside
            declared specials and the values of parameters), "pos40", "neg40", "far800", "tiny", "x30"
    params  the keyword arguments
    """

    cell: str
    sizes: Mapping[str, int]
    dtype: str = "float64"
    layout: str = "C"
    regime: str = "generic"
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name in reports and for `--sample`: "4x3", "4x3-f32-fortran", "fixed-kink-alpha=0.3" without symbols."""
        parts = ["x".join(str(size) for size in self.sizes.values()) or "fixed"]
        parts += ["f32"] * (self.dtype == "float32")
        parts += [self.layout] * (self.layout != "C")
        parts += [self.regime] * (self.regime != "generic")
        parts += [f"{key}={in_short(value)}" for key, value in self.params.items()]
        return "-".join(parts)


def in_short(value: Any) -> str:
    """A parameter in the label of a sample: a number or a word as it is, anything larger by its type and shape."""
    text = str(value)
    if len(text) <= t.LABEL_LENGTH and text.isprintable():
        return text
    shape = "x".join(map(str, getattr(value, "shape", ())))
    return f"{type(value).__name__}({shape})#{zlib.crc32(text.encode()):08x}"  # two of a kind stay two


def battery(op: Op, level: str = "default") -> tuple[Sample, ...]:
    """The samples of an op, the plainest first; labels are unique.

    Raises ValueError for a level other than "smoke", "default" or "exhaustive", and for what is no Op.
    """
    if not isinstance(op, Op):
        raise ValueError(
            f'a {type(op).__name__} cannot be checked, expected an Op: Op(forward, backward, args={{"x": Arg("N D")}})'
        )
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}, expected one of {', '.join(LEVELS)}")
    recipes = list(_exhaustive(op) if level == "exhaustive" else _default(op))
    if level == "smoke":
        wanted = {"numeric-f64": 1, "shapes": 1, "kink": 1, "numeric-f32": 1}
        kept = []
        for sample in reversed(recipes):
            if wanted.get(sample.cell, 0) > 0:
                wanted[sample.cell] -= 1
                kept.append(sample)
        recipes = kept[::-1]
    unique: dict[str, Sample] = {}
    for recipe in recipes:
        sample = replace(recipe, sizes=op.within_ranges(recipe.sizes))
        unique.setdefault(sample.label, sample)
    return tuple(unique.values())


def named(op: Op, label: str, samples: Sequence[Sample] = ()) -> Sample:
    """The sample of a label: one of those given, or one put together from the same words ("7x2-f32-kink").

    samples  by default the op's battery

    Raises ValueError, with the labels of the battery, for what is no label of this op.
    """
    samples = samples or battery(op)
    for sample in samples:
        if sample.label == label:
            return sample
    rest = label
    params: dict[str, Any] = {}
    for name in reversed(list(op.params)):
        rest, found, value = rest.partition(f"-{name}=")
        choices = {in_short(choice): choice for choice in op.params[name]}
        params[name] = choices.get(value) if found else op.params[name][0]
        if found and value not in choices:
            rest = ""
    sizes, *words = rest.split("-")
    numbers = [] if sizes == "fixed" else sizes.split("x")
    given = {word: word in words for word in ("f32", *LAYOUTS[1:], *REGIMES[1:])}
    if not all(n.isdigit() for n in numbers) or len(numbers) != len(op.symbols) or set(words) - set(given):
        known = ", ".join(sample.label for sample in samples)
        raise ValueError(f"{op.name} has no sample {label!r}; its samples are {known}")
    layout = next((word for word in LAYOUTS[1:] if given[word]), "C")
    regime = next((word for word in REGIMES[1:] if given[word]), "generic")
    dtype = "float32" if given["f32"] else "float64"
    bound = dict(zip(op.symbols, map(int, numbers), strict=True))
    ordered = {name: params[name] for name in op.params}
    return Sample(_cell(regime, dtype, layout), bound, dtype, layout, regime, ordered)


def _default(op: Op) -> Iterator[Sample]:
    symbols = op.symbols
    base, other = _sizes(symbols, t.BASE_SIZES), _sizes(symbols, t.OTHER_SIZES)
    long = _long(op)
    combinations = [dict(zip(op.params, values, strict=True)) for values in itertools.product(*op.params.values())]
    turns, halves = itertools.count(), itertools.cycle((other, base))

    def params() -> dict[str, Any]:
        return combinations[next(turns) % len(combinations)]

    def sizes() -> dict[str, int]:  # every axis is even in one, odd in the other
        return next(halves)

    yield Sample("numeric-f64", base, params=combinations[0])
    for combination in combinations[1 : t.PARAMETERS_VISITED]:
        yield Sample("params", sizes(), params=combination)
    for symbol in symbols[: t.AXES_SET_TO_ONE]:
        yield Sample("shapes", {**sizes(), symbol: 1}, params=params())
    yield Sample("shapes", dict.fromkeys(symbols, 1), params=params())
    for stretched in long:
        yield Sample("shapes", stretched, params=params())
    if len(symbols) > 1:  # where a wrong axis raises no error
        yield Sample("shapes", dict.fromkeys(symbols, t.SQUARE_SIZE), params=params())
    for layout in LAYOUTS[1:]:
        yield Sample("layouts", sizes(), layout=layout, params=params())
    for combination in combinations[: t.PARAMETERS_AT_POINTS]:
        yield Sample("kink", base, regime="kink", params=combination)
    if applies("near", op):
        for combination in combinations[: t.PARAMETERS_AT_POINTS]:
            yield Sample("kink", other, regime="near", params=combination)
    yield Sample("kink", _sizes(symbols, t.TIE_SIZES), regime="ties", params=params())
    for regime in ("pos40", "neg40", "far800"):
        yield Sample("saturation", sizes(), regime=regime, params=params())
    yield Sample("scale", base, regime="tiny", params=params())
    yield Sample("scale", other, regime="x30", params=params())
    if applies("edge", op):
        yield Sample("domain", base, regime="edge", params=params())
    if applies("special", op):
        for combination in combinations[: t.PARAMETERS_AT_POINTS]:
            yield Sample("specials", other, regime="special", params=combination)
    yield Sample("numeric-f32", base, dtype="float32", params=params())
    first_long = {**dict.fromkeys(symbols, t.SQUARE_SIZE), **dict.fromkeys(symbols[:1], t.LONG_SIZE)}
    yield Sample("numeric-f32", first_long, dtype="float32", layout="strided", params=params())
    yield Sample("numeric-f32", other, dtype="float32", regime="pos40", layout="fortran", params=params())


def _long(op: Op) -> list[dict[str, int]]:
    """Sizes with one axis past 32 at a time, the others of size 2: every entry costs a few forwards."""
    small = dict.fromkeys(op.symbols, t.SMALLEST)
    return [{**small, symbol: t.LONG_SIZE} for symbol in op.symbols[: t.AXES_STRETCHED]]


def _exhaustive(op: Op) -> Iterator[Sample]:
    yield from _default(op)
    symbols = op.symbols
    shapes = [_sizes(symbols, t.BASE_SIZES), _sizes(symbols, t.OTHER_SIZES), dict.fromkeys(symbols, 1)]
    shapes += [{**shapes[0], symbol: 1} for symbol in symbols] + [dict.fromkeys(symbols, 2)]
    shapes += [_sizes(symbols, sizes) for sizes in t.EXHAUSTIVE_SIZES]
    combinations = [dict(zip(op.params, values, strict=True)) for values in itertools.product(*op.params.values())]
    turn = 0
    regimes = [regime for regime in REGIMES if applies(regime, op)]
    for regime, dtype, layout in itertools.product(regimes, ("float64", "float32"), LAYOUTS):
        for combination in combinations:
            turn += 1
            cell = _cell(regime, dtype, layout)
            yield Sample(cell, shapes[turn % len(shapes)], dtype, layout, regime, combination)
    for sizes, dtype in itertools.product(shapes, ("float64", "float32")):
        yield Sample("shapes" if dtype == "float64" else "numeric-f32", sizes, dtype, params=combinations[0])


def applies(regime: str, op: Op) -> bool:
    """Whether a regime means anything for an op: there is no edge where no domain ends."""
    args = op.args.values()
    if regime == "near":
        return any(arg.kinks for arg in args)
    if regime == "special":
        values = [value for choices in op.params.values() for value in choices]
        return any(arg.specials for arg in args) or bool(numbers_in(dict(enumerate(values))))
    if regime == "edge":
        return any(not isinstance(end, str) and math.isfinite(end) for arg in args for end in arg.interval)
    return True


def _cell(regime: str, dtype: str, layout: str) -> str:
    """The cell that a sample of the exhaustive battery belongs to: the same ones as in the default battery."""
    if regime != "generic":
        return _CELLS[regime]
    return "numeric-f32" if dtype == "float32" else "layouts" if layout != "C" else "numeric-f64"


def _sizes(symbols: tuple[str, ...], sizes: tuple[int, ...]) -> dict[str, int]:
    return {symbol: sizes[i % len(sizes)] for i, symbol in enumerate(symbols)}


def numbers_in(params: Mapping[Any, Any]) -> list[float]:
    """The parameters that are ordinary numbers, and their opposites."""
    numbers = [float(v) for v in params.values() if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return [number for number in numbers if math.isfinite(number)] + [-n for n in numbers if math.isfinite(n)]
