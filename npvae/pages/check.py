"""Checks code against its page: the equations are executed and compared with what the code computes.

    from npvae.pages import page_test
    test_swish_is_its_page = page_test(swish)      # in a test file: pytest runs it

`cases` says where a page is looked at, `disagreements` compares there, in float64 or with 60 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from npvae.pages.draw import draw, symbols_of
from npvae.pages.evaluate import evaluate
from npvae.pages.read import Page, PageError, page_of
from npvae.pages.trees import walk
from npvae.spec import Arg, Law, Op

SIZES = ((2, 2, 2, 2), (2, 3, 4, 2), (1, 1, 1, 1), (3, 3, 3, 3))
FEW_SYMBOLS = 4  # with more of them two sizes must do: the loops of a convolution are seven deep
DIGITS = 60
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Arguments by name, keyword arguments, the gradient of the output of an op, and a label."""

    inputs: Mapping[str, np.ndarray]
    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {np.asarray(value).tolist()}" for name, value in self.inputs.items())
        return f"{self.label}: {given}"


def cases(subject: Op | Law, seed: int = 0, *, extremes: bool = True) -> Iterator[Case]:
    """Where a page is looked at: four shapes of ordinary values, then kinks, specials, ends of domains and ties."""
    params = dict(subject.params) if isinstance(subject, Op) else {}
    for values in product(*params.values()):
        chosen = dict(zip(params, values, strict=True))
        named = "".join(f" {name}={value}" for name, value in chosen.items())
        sizes_at = SIZES if len(symbols_of(subject.args)) <= FEW_SYMBOLS else SIZES[1:3]
        for k, numbers in enumerate(sizes_at):
            rng = np.random.default_rng([seed, k])
            sizes = sizes_of(subject, *numbers)
            yield Case(draw(subject.args, sizes, rng), f"sizes {tuple(sizes.values())}{named}", chosen, seed + k)
        for name, arg in subject.args.items():
            for value in _places(arg) if extremes else dict.fromkeys(arg.kinks):
                rng = np.random.default_rng([seed, 100])
                inputs = draw(subject.args, sizes_of(subject, 2), rng)
                inputs[name].reshape(-1)[::3] = value  # of four entries the first and the last, not a whole row
                yield Case(inputs, f"{name} at {value}{named}", chosen, seed)
            if isinstance(subject, Op) and arg.dtype is None:
                inputs = draw(subject.args, sizes_of(subject, 2), np.random.default_rng([seed, 200]))
                inputs[name][...] = inputs[name].reshape(-1)[0]  # which of equal ones is the largest?
                yield Case(inputs, f"{name} all equal{named}", chosen, seed)


def sizes_of(subject: Op | Law, *sizes: int) -> dict[str, int]:
    """A size for each symbol of the subject, the last one given for the rest, within what the subject allows."""
    least = subject.least if isinstance(subject, Law) else {}
    symbols = symbols_of(subject.args)
    chosen = (*sizes, *[sizes[-1]] * len(symbols))
    found = {symbol: max(size, least.get(symbol, 1)) for symbol, size in zip(symbols, chosen, strict=False)}
    return subject.within_ranges(found) if isinstance(subject, Op) else found


def more_given(subject: Op | Law, case: Case, page: Page) -> dict[str, np.ndarray]:
    """What the code of a law gives that its page does not define, and so may use."""
    if isinstance(subject, Op):
        return {}
    defined = {equation.name for equation in page.equations}
    return {name: value for name, value in run_code(subject, case, page)[0].items() if name not in defined}


def _places(arg: Arg) -> list[float]:
    """Kinks, specials, the ends of the domain and zero: where a formula may have another branch."""
    low, high = arg.interval
    ends = [] if isinstance(high, str) or arg.dtype is not None else [low, high, *[0.0] * (low <= 0.0 <= high)]
    return list(dict.fromkeys(v for v in (*arg.kinks, *arg.specials, *ends) if math.isfinite(v)))


def run_code(subject: Op | Law, case: Case, page: Page, dys: Arrays | None = None) -> tuple[Arrays, Arrays]:
    """What the code computes, under the names of its page; and the gradients of an op's outputs that it was given.

    Raises ValueError for an op that draws noise of its own: on a page, noise is an argument.
    """
    inputs = {name: np.array(value) for name, value in case.inputs.items()}  # copies: other people's code may write
    if isinstance(subject, Law):
        return {name: np.asarray(value) for name, value in subject.run(**inputs).items()}, {}
    if subject.seeded:
        raise ValueError(f"{subject.name} draws noise of its own; to have a page it must take it as an argument")
    y, cache = subject.forward(*inputs.values(), **case.params)
    several = isinstance(y, (tuple, list))
    arrays = tuple(y) if several else (y,)
    outputs = {name: np.array(array) for name, array in zip(page.outputs(len(arrays)), arrays, strict=True)}
    if dys is None:
        rng = np.random.default_rng(case.seed)
        dys = {f"d{name}": np.asarray(3 * rng.standard_normal(array.shape)) for name, array in outputs.items()}
    given = [array.copy() for array in dys.values()]
    grads = subject.backward(type(y)(given) if several else given[0], cache)
    grads = grads if isinstance(grads, tuple) else (grads,)
    named = zip(subject.differentiable, grads, strict=True)
    return {**outputs, **{f"d{name}": np.array(grad) for name, grad in named if grad is not None}}, dys


def disagreements(
    subject: Op | Law,
    case: Case,
    *,
    numbers: Any = math,
    page: Page | None = None,
    rtol: float = 1e-10,
    ran: tuple[Arrays, Arrays] | None = None,
) -> list[str]:
    """One sentence for each value of the code that is not what its page says; none if they agree.

    rtol is relative to the value, or to the largest of its array times 1e-2; ran is what `run_code` gave for the case.
    """
    page = page or page_of(subject)
    code, dys = ran or run_code(subject, case, page)
    defined = {equation.name for equation in page.equations}
    more = {name: value for name, value in code.items() if name not in defined and isinstance(subject, Law)}
    code = {name: value for name, value in code.items() if name not in more}
    try:
        found = evaluate(subject, {**case.inputs, **more}, dys or None, params=case.params, numbers=numbers, page=page)
    except PageError as error:
        return [f"{subject.name}: {error}; {case}"]
    pairs: list[tuple[str, np.ndarray | None, np.ndarray | None]]
    pairs = [(name, value, found.get(name)) for name, value in code.items()]
    for equation in page.of("Identities"):
        pairs.append((equation.name, found.get(equation.name), found[f"({equation.number})"]))
    least = 1e-14 if numbers is math else 1e-40  # what is left where the equations cancel to 0
    said = []
    for name, value, truth in pairs:
        if value is None or truth is None:
            said.append(f"{subject.name}: its page defines no {name}")
            continue
        if value.shape != truth.shape:
            said.append(f"{subject.name}: {name} has shape {value.shape} in the code, {truth.shape} on its page")
            continue
        value, truth = np.asarray(value, dtype=float), np.asarray(truth, dtype=float)
        scale = np.maximum(np.abs(truth), 1e-2 * np.max(np.abs(truth), initial=0.0))
        wrong = ~(np.abs(value - truth) <= rtol * scale + least)
        for place in np.argwhere(wrong)[:1]:
            at = tuple(place)
            entry = f"{name}[{', '.join(map(str, at))}]" if at else name
            said.append(f"{subject.name}: {entry} is {value[at]!r} in the code, {truth[at]!r} on its page; {case}")
    return said


def faults_of_page(subject: Op | Law) -> list[str]:
    """What a page lacks: equations, their numbers in order, a gradient for each differentiable argument."""
    page = page_of(subject)
    if not page.equations:
        return [f"{subject.name}: no numbered equation in the docstring of {page.name}"]
    said = []
    numbers = [equation.number for equation in page.equations]
    if numbers != list(range(1, len(numbers) + 1)):
        said.append(f"{subject.name}: the equations are numbered {numbers}, expected 1, 2, 3 ... as they stand")
    if isinstance(subject, Op):
        defined = {equation.name for equation in page.equations}
        missing = [f"d{name}" for name in subject.differentiable if f"d{name}" not in defined]
        said += [f"{subject.name}: no equation for {name}" for name in missing]
    else:
        used = {tree.value for equation in page.equations for tree in walk(equation.tree)}
        more = more_given(subject, next(cases(subject)), page)
        said += [
            f"{subject.name}: the code gives {n}, which the page neither defines nor uses" for n in set(more) - used
        ]
    return said


def page_test(subject: Op | Law, *, rtol: float = 1e-10, seed: int = 0) -> Callable[..., None]:
    """Make a pytest function that compares the code of an op or a law with its page.

        test_swish_is_its_page = page_test(swish)     # [form], [float64], [60 digits]

    form       the page can be read, its equations are numbered in order, no gradient is missing
    float64    at ordinary values and kinks, the equations in Python's floats
    60 digits  at the specials and the ends of each argument's domain, too; skipped where mpmath is not installed

    rtol is relative to the value, or to the largest of its array times 1e-2.

    Example:
        >>> from npvae.ops.relu import OP
        >>> test_relu_is_its_page = npvae.pages.page_test(OP)  # in a test file: pytest runs it
    """
    import pytest

    @pytest.mark.parametrize("way", ["form", "float64", f"{DIGITS} digits"])
    def test(way: str) -> None:
        __tracebackhide__ = True
        if way == "form":
            said = faults_of_page(subject)
        elif way == "float64":
            said = [s for case in cases(subject, seed, extremes=False) for s in disagreements(subject, case, rtol=rtol)]
        else:
            mpmath = pytest.importorskip("mpmath")
            with mpmath.workdps(DIGITS):
                said = [
                    s
                    for case in cases(subject, seed)
                    for s in disagreements(subject, case, numbers=mpmath.mp, rtol=rtol)
                ]
        if said:
            pytest.fail("\n".join(said), pytrace=False)

    test.__doc__ = f"The code of {subject.name} is what its page says."
    return test
