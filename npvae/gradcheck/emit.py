"""Write a failure out as a small pytest file that reproduces it."""

from __future__ import annotations

import re
from pprint import pformat

import numpy as np

from npvae.gradcheck.battery.drawing import Case, build
from npvae.gradcheck.battery.samples import battery, named
from npvae.gradcheck.find import address_of
from npvae.gradcheck.pair.calls import Broken, Pair, Refused, undisturbed
from npvae.gradcheck.report.report import Report
from npvae.spec import Op

__all__ = ["test_file"]

LARGEST = 400
"""Arrays with more entries in all are drawn from the seed in the test and not written down."""


def test_file(op: Op, report: Report) -> str:
    """Source of a pytest file with one test that fails as the report says, and passes once the pair is mended.

    The arrays stand in the file, so that it goes on testing the same point whatever becomes of the battery; the battery
    in which the failure was found is run after it.
    Raises ValueError for a report with no failure, or an op that cannot be imported by name.
    """
    first = next((f for f in report.findings if f.verdict != "WARNING"), None)
    if first is None:
        raise ValueError(f"{report.name} passes: there is no failure to write out")
    address = address_of(op)
    if not address:
        raise ValueError(f"{report.name} cannot be imported by name; put its Op into a module")
    sample = named(op, first.sample) if first.sample in report.samples else None
    name = re.sub(r"\W+", "_", f"{op.name} {first.check} {first.sample}".lower()).strip("_")
    head = [
        f'"""{op.name}: {first.check} fails ({first.code}) in sample {first.sample}, seed {report.seed}.',
        "",
        *(line for line in _summary(report)),
        '"""',
        "",
    ]
    body = ["from npvae.gradcheck import check_op, find_ops", "", "", f"def test_{name}():"]
    body += [f'    (op,) = find_ops("{address}")']
    case = build(op, sample, report.seed) if sample is not None else None
    if case is not None and sum(x.size for x in case.inputs) <= LARGEST:
        body[0] = "import numpy as np\n\nfrom npvae.gradcheck import check_op, find_ops, gradcheck"
        body += [*_arrays(op, case), *_cotangents(op, case), *_CALL.format(seed=report.seed, args=", ".join(op.args),
                 params=dict(case.params)).splitlines()]  # fmt: skip
    # A mistake of layout or state needs the samples around it to show.
    alone = sample is not None and (sample not in battery(op) or len(report.samples) + len(report.skipped) == 1)
    at = f', sample="{first.sample}"' if alone else ""
    body += [f"    report = check_op(op, seed={report.seed}{at})", "    assert report, str(report)"]
    return "\n".join([*head, *body, ""])


_CALL = """\
    report = gradcheck(
        op.forward, op.backward, ({args},), dy=dy, params={params!r},
        seed={seed}, seeded=op.seeded, pure=op.pure, detached=op.detached, args=op.args, name=op.name,
    )
    assert report, str(report)
"""


def _summary(report: Report) -> list[str]:
    return [line.rstrip().replace('"""', "'''") for line in str(report).splitlines()]


def _arrays(op: Op, case: Case) -> list[str]:
    """One statement an input: its values to the last bit, its dtype and its memory layout."""
    lines = []
    for name, x in zip(op.args, case.inputs, strict=True):
        lines.append(f"    {name} = {_array(x)}")
        if case.layout != "C":
            lines.append(f"    {name} = {_LAYOUT[case.layout].format(name=name)}")
    return lines


def _cotangents(op: Op, case: Case) -> list[str]:
    """The statement that sets dy: None, to be drawn, if the forward does not get that far."""
    try:
        with undisturbed():
            result = Pair(op, case.params, case.seed).forward([np.array(x) for x in case.inputs])
    except (Broken, Refused):
        return ["    dy = None"]
    dys = [_array(dy) for dy in case.cotangents(result.outputs)]
    return [f"    dy = ({', '.join(dys)})" if len(dys) > 1 else f"    dy = {dys[0]}"]


def _array(x: np.ndarray) -> str:
    values = pformat(x.tolist(), width=100).replace("\n", "\n    ")
    return f'np.array({_finite(values)}, dtype="{x.dtype.name}").reshape({x.shape})'


def _finite(text: str) -> str:
    return re.sub(r"\b(nan|inf)\b", r"np.\1", text)


_LAYOUT = {
    "fortran": "np.asfortranarray({name})",
    "strided": "np.repeat({name}, 2, axis=-1)[..., ::2] if {name}.ndim else {name}",
    "negative": "np.ascontiguousarray(np.flip({name}))[(slice(None, None, -1),) * {name}.ndim]",
}
