"""`npvae explain`: an op's page with one small case put into every equation, and the check beside each gradient."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from npvae.cli.seed_option import add_seed_option

if TYPE_CHECKING:
    import numpy as np

    from npvae.equations import Equation
    from npvae.gradcheck import Arg, Op


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The options of `npvae explain`."""
    parser = subparsers.add_parser("explain", help="an op's equations with numbers put in", description=__doc__)
    parser.add_argument("op", help="an op of npvae (gaussian_kl), or module:name for one of yours")
    add_seed_option(parser, "the small case")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the page; 1 if a gradient of the code disagrees with the page or with differences."""
    from npvae.gradcheck import find_ops

    target = args.op if ":" in args.op else f"npvae.ops:{args.op}"
    (op,) = find_ops(target)
    text, agrees = explain(op, args.seed)
    print(text)
    return 0 if agrees else 1


def explain(op: Op, seed: int = 0) -> tuple[str, bool]:
    """The page of an op with the values of a case of two rows, and whether code, page and differences agree.

    What is given has two decimals and is printed in full, so that every line can be followed with a calculator.

    Raises ValueError for an op whose page has no numbered equations.
    """
    import numpy as np

    from npvae.equations import evaluate, output_name, page_of, read_equations
    from npvae.gradcheck.calls import Pair
    from npvae.gradcheck.drawing import build
    from npvae.gradcheck.reference import numeric_gradient
    from npvae.gradcheck.samples import Sample

    page = page_of(op)
    equations = read_equations(page)
    if not equations:
        raise ValueError(f"{op.name} has no numbered equations: see npvae/ops/relu.py for how a page is written")
    params = {name: values[0] for name, values in op.params.items()}
    sizes = op.within_ranges(dict.fromkeys(op.symbols, 2))
    case = build(op, Sample("explain", sizes, params=params), seed)
    given = zip(case.inputs, op.args.values(), strict=True)
    case = replace(case, inputs=tuple(_in_two_decimals(x, arg) for x, arg in given))
    pair = Pair(op, params, seed)
    passed = pair.forward(case.inputs)
    dys = tuple(np.asarray(np.round(dy, 2)) for dy in case.cotangents(passed.outputs))
    grads = pair.backward(passed.in_form_of_y(dys), passed.cache)
    inputs = dict(zip(op.args, case.inputs, strict=True))
    found = evaluate(op, inputs, dys[0], params=params)
    output = output_name(op)

    lines = [f"{op.name}: {page.strip().splitlines()[0]}", "", "Given"]
    lines += [f"    {name} = {_array(x, digits=15)}" for name, x in inputs.items()]
    lines += [f"    {name} = {value!r}" for name, value in params.items()]
    agrees = True
    for section in ("Forward", "Backward"):
        lines += ["", section]
        if section == "Backward":
            lines.append(f"    d{output} = {_array(dys[0], digits=15)}")
        for equation in (e for e in equations if e.section == section):
            lines += _equation_lines(equation, found)
    lines += ["", "The code against its page and against differences"]
    rows: list[tuple[str, np.ndarray, dict[str, np.ndarray]]] = [(output, passed.outputs[0], {"page": found[output]})]
    for k, name in enumerate(op.args):
        if name in op.differentiable:
            grad = grads[op.differentiable.index(name)]
            assert grad is not None, "npvae's own ops return every gradient"
            beside = {"differences": numeric_gradient(pair, case, dys, k, claim=grad)}
            if f"d{name}" in found:
                beside = {"page": found[f"d{name}"], **beside}
            rows.append((f"d{name}", grad, beside))
    for name, code, beside in rows:
        off = {source: _difference(code, other) for source, other in beside.items()}
        good = all(value <= 1e-8 * max(1.0, float(np.max(np.abs(code), initial=0.0))) for value in off.values())
        agrees = agrees and good
        words = ", ".join(f"{source} off by {value:.0e}" for source, value in off.items())
        lines.append(f"    {name:<12} {'agrees' if good else 'DISAGREES'}: {words}")
    return "\n".join(lines), agrees


def _equation_lines(equation: Equation, found: dict[str, Any]) -> list[str]:
    return [f"    {equation}", f"        {equation.name} = {_array(found[equation.name])}"]


def _in_two_decimals(x: np.ndarray, arg: Arg) -> np.ndarray:
    """The numbers rounded, but for those that would leave their domain, fall on a kink or become equal by it."""
    import numpy as np

    if x.dtype.kind != "f":
        return x
    rounded = np.round(x, 2)
    values, counts = np.unique(rounded, return_counts=True)
    kept = np.isin(rounded, values[counts > 1])
    for point in (*arg.domain, *arg.kinks):
        if not isinstance(point, str):
            kept |= np.sign(rounded - point) != np.sign(x - point)
    return np.asarray(np.where(kept, x, rounded))


def _array(x: Any, digits: int = 5) -> str:
    """The numbers to so many significant digits: the small ones too are there to be followed."""
    import numpy as np

    text = np.array2string(
        np.asarray(x, dtype=float) + 0.0,  # makes -0 into 0
        formatter={"float_kind": lambda value: f"{value:.{digits}g}"},
        separator=", ",
    )
    return " ".join(text.split())


def _difference(a: Any, b: Any) -> float:
    import numpy as np

    return float(np.max(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)), initial=0.0))
