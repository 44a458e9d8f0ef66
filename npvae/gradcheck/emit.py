"""Write a failure out as a small pytest file that reproduces it."""

from __future__ import annotations

import re
from pprint import pformat

from npvae.gradcheck.drawing import Case, build
from npvae.gradcheck.find import address_of
from npvae.gradcheck.report import Report
from npvae.gradcheck.samples import named
from npvae.spec import Op

__all__ = ["test_file"]

LARGEST = 400
"""Arrays with more entries in all are drawn again from the seed instead of being written down."""


def test_file(op: Op, report: Report) -> str:
    """Source of a pytest file with one test that fails as the report says, and passes once the pair is mended.

    The arrays stand in the file, so that it goes on testing the same point whatever becomes of the battery.
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
    case = build(op, sample, report.seed) if sample is not None else None
    if case is None or sum(x.size for x in case.inputs) > LARGEST:
        at = f", sample={first.sample!r}" if case is not None else ""
        body = [
            "from npvae.gradcheck import check_op, find_ops",
            "",
            "",
            f"def test_{name}():",
            f"    (op,) = find_ops({address!r})",
            f"    report = check_op(op, seed={report.seed}{at})",
            "    assert report, str(report)",
        ]
    else:
        body = [
            "import numpy as np",
            "",
            "from npvae.gradcheck import find_ops, gradcheck",
            "",
            "",
            f"def test_{name}():",
            f"    (op,) = find_ops({address!r})",
            *_arrays(op, case),
            "    report = gradcheck(",
            f"        op.forward, op.backward, ({', '.join(op.args)},),",
            f"        params={dict(case.params)!r}, args=op.args, seed={report.seed}, seeded=op.seeded, pure=op.pure,",
            "        name=op.name,",
            "    )",
            "    assert report, str(report)",
        ]
    return "\n".join([*head, *body, ""])


def _summary(report: Report) -> list[str]:
    return [line.rstrip().replace('"""', "'''") for line in str(report).splitlines()]


def _arrays(op: Op, case: Case) -> list[str]:
    """One statement an input: its values to the last bit, its dtype and its memory layout."""
    lines = []
    for name, x in zip(op.args, case.inputs, strict=True):
        values = pformat(x.tolist(), width=100).replace("\n", "\n    ")
        lines.append(f"    {name} = np.array({_finite(values)}, dtype=np.{x.dtype.name}).reshape({x.shape})")
        if case.layout != "C":
            lines.append(f"    {name} = {_LAYOUT[case.layout].format(name=name)}")
    return lines


def _finite(text: str) -> str:
    return re.sub(r"\b(nan|inf)\b", r"np.\1", text)


_LAYOUT = {
    "fortran": "np.asfortranarray({name})",
    "strided": "np.repeat({name}, 2, axis=-1)[..., ::2] if {name}.ndim else {name}",
    "negative": "np.ascontiguousarray(np.flip({name}))[(slice(None, None, -1),) * {name}.ndim]",
}
