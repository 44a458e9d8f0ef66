"""Explains a page: a small case put into every equation, number by number, and the code compared with it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npvae.pages.check import Arrays, Case, more_given, run_code, sizes_of
from npvae.pages.computation import Computation
from npvae.pages.differences import by_differences, by_differences_of_loss
from npvae.pages.draw import draw
from npvae.pages.evaluate import computation_of, evaluate, functions_of, shared_axes
from npvae.pages.read import Page, module_of, page_of
from npvae.pages.render import array, entry_lines, number, wrapped
from npvae.pages.trees import walk
from npvae.spec import Arg, Law, Op


def explain(subject: Op | Law, seed: int = 0, *, most: int = 4, derivation: bool = False) -> tuple[str, bool]:
    """The page of an op or a law with the numbers of a small case, and whether code, page and differences agree.

    What is given has two decimals and is printed in full, so that every line can be followed with a calculator.

    most        entries of each equation that are shown
    derivation  True for the page's derivation, too

    Raises ValueError for a page without numbered equations.

    Example:
        >>> from npvae.ops.relu import OP
        >>> text, agrees = npvae.pages.explain(OP)
        >>> agrees
        True
    """
    page = page_of(subject)
    if not page.equations:
        raise ValueError(f"{subject.name} has no numbered equations: see npvae/ops/relu.py for how a page is written")
    case = small_case(subject, seed)
    _, drawn = run_code(subject, case, page)
    dys = {name: np.asarray(np.round(dy, 2)) for name, dy in drawn.items()}
    code, _ = run_code(subject, case, page, dys)
    more = more_given(subject, case, page)
    computation = computation_of(subject, page, {**case.inputs, **more}, dys or None, case.params, math)
    lines = [f"{subject.name}    {file_of(subject)}", page.title, "", "Given"]
    lines += _given(subject, case)
    lines += [f"    {name} = {array(x, 15)}    from the code" for name, x in more.items()]
    for section in dict.fromkeys(equation.section for equation in page.equations):
        lines += ["", section]
        if section == "Backward" and dys:
            names = ", ".join(name[1:] for name in dys)
            lines.append(f"    given: the slope of the loss in {names}, which comes back from what follows")
            lines += [*(f"        {name} = {array(dy, 15)}" for name, dy in dys.items()), ""]
        lines += _section(computation, section, most, shared_axes(subject, page, case.inputs))
        if section == "Backward" and derivation and page.derivation:
            lines += ["", "Derivation", *(f"    {line}" for line in page.derivation.splitlines())]
    rows, agrees = compared(subject, case, page, code, dys)
    return "\n".join([*lines, "", *rows]), agrees


def small_case(subject: Op | Law, seed: int) -> Case:
    """Two of everything, drawn from each argument's domain and rounded to two decimals where they may be.

    Of ten draws the one that shows most: values that are not all 0, and both branches where there are two.
    """
    params = {name: values[0] for name, values in subject.params.items()} if isinstance(subject, Op) else {}
    sizes, page = sizes_of(subject, 2), page_of(subject)
    best, most_shown = Case({}, "explain"), -1
    for attempt in range(10):
        drawn = draw(subject.args, sizes, np.random.default_rng([seed, attempt]))
        inputs = {name: in_two_decimals(x, subject.args[name]) for name, x in drawn.items()}
        more = more_given(subject, Case(inputs, "explain"), page)
        found = evaluate(subject, inputs | more, params=params, page=page)
        shown = sum(int(np.any(x)) for x in found.values())
        shown += sum(int(x.dtype.kind == "i" and len(np.unique(x)) > 1) for x in inputs.values())
        for equation in page.equations:
            if equation.name in found and any(tree.value in ("if", "f") for tree in walk(equation.tree)):
                shown += int(0 < np.count_nonzero(found[equation.name]) < found[equation.name].size)
        if shown > most_shown:
            best, most_shown = Case(inputs, "explain", params, seed), shown
    return best


def in_two_decimals(x: np.ndarray, arg: Arg) -> np.ndarray:
    """The numbers to two decimals, or more where they would leave the domain, fall on a kink or 0, or become equal."""
    if x.dtype.kind != "f":
        return x
    result = x
    for decimals in (4, 2):
        rounded = np.round(x, decimals)
        values, counts = np.unique(rounded, return_counts=True)
        kept = np.isin(rounded, values[counts > 1])
        for point in (*arg.interval, *arg.kinks, 0.0):
            if not isinstance(point, str):
                kept |= np.asarray(np.sign(rounded - point) != np.sign(x - point))
        result = np.where(kept, result, rounded)
    return np.asarray(result)


def file_of(subject: Op | Law) -> str:
    """Where the page stands: npvae/ops/gaussian_kl.py, or the path from here of a file that is not npvae's."""
    name = module_of(subject)
    path = Path(getattr(sys.modules[name], "__file__", None) or name)
    for root in (Path(__file__).parents[2], Path.cwd()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return str(path)


def _given(subject: Op | Law, case: Case) -> list[str]:
    lines = [f"    {name} = {array(x, 15)}" for name, x in case.inputs.items()]
    lines += [f"    {name} = {value!r}" for name, value in case.params.items()]
    for name, inner in functions_of(subject, case.params).items():
        lines.append(f"    {name} is {inner.name}, d{name} its slope: npvae explain {inner.name}")
    return lines


def _section(computation: Computation, section: str, most: int, shared: Mapping[str, int]) -> list[str]:
    lines: list[str] = []
    for k, equation in enumerate(computation.equations):
        if equation.section == section:
            lines += [""] if lines else []
            origin = f"        from {equation.origin}" if equation.origin else ""
            lines += [
                f"    {line}" for line in wrapped(f"({equation.number})  {equation.left} = {equation.text}{origin}")
            ]
            lines += [f"        {line}" for line in entry_lines(computation, k, most)]
            found, axes = computation.array(k), shared.get(equation.name.removeprefix("d"), 0)
            if axes and section == "Backward":
                over = ", ".join(equation.indices[:axes])
                lines.append(
                    f"        {equation.name[1:]} is shared along {over}, so its gradient is the sum over {over}:"
                )
                found = found.sum(axis=tuple(range(axes)))
            if equation.indices:
                lines.append(f"        {equation.name} = {array(found)}")
    return lines


def compared(subject: Op | Law, case: Case, page: Page, code: Arrays, dys: Arrays) -> tuple[list[str], bool]:
    """One row for each value of the code: how far the page is from it, and differences, where there are some."""
    found = evaluate(
        subject, {**case.inputs, **more_given(subject, case, page)}, dys or None, params=case.params, page=page
    )
    beside: dict[str, np.ndarray] = {}
    if isinstance(subject, Op):
        beside = by_differences(subject, case.inputs, dys, case.params, code)
    elif subject.page is not None and page.of("Forward"):  # a whole model: each gradient is that of its loss
        claims = {f"d{name}": code[f"d{name}"] for name in case.inputs if f"d{name}" in code}
        beside = by_differences_of_loss(subject, case.inputs, page.output, claims)
    lines = [f"The code against its page{' and against differences' if beside else ''}"]
    agrees, width = True, max(12, *map(len, code))
    for name, value in code.items():
        if name not in found:
            continue  # what the code gives to the page
        others = {"page": found[name]}
        if name in beside:
            others["differences"] = beside[name]
        off = {source: _difference(value, other) for source, other in others.items()}
        good = all(far <= 1e-8 * max(1.0, float(np.max(np.abs(value), initial=0.0))) for far in off.values())
        agrees = agrees and good
        words = ", ".join(f"{source} off by {far:.0e}" for source, far in off.items())
        lines.append(f"    {name:<{width}} {'agrees' if good else 'DISAGREES'}: {words}")
    for equation in page.of("Identities"):
        value, other = found[equation.name], found[f"({equation.number})"]
        good = _difference(value, other) <= 1e-8 * max(1.0, float(np.max(np.abs(value), initial=0.0)))
        agrees = agrees and good
        sides = f"{number(np.max(value))} and {number(np.max(other))}"
        lines.append(f"    {f'({equation.number})':<{width}} {'holds' if good else 'DOES NOT HOLD'}: {sides}")
    return lines, agrees


def _difference(a: Any, b: Any) -> float:
    return float(np.max(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)), initial=0.0))
