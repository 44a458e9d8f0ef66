"""`npvae gradcheck`: every gradient of npvae, or of a forward/backward pair of yours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from npvae.cli.data_options import named_path
from npvae.cli.from_run import check_free, write_output
from npvae.cli.seed_option import add_seed_option

if TYPE_CHECKING:
    from npvae.gradcheck import Op, Report

LEVELS = ("smoke", "default", "exhaustive")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae gradcheck`."""
    parser.epilog = (
        "Exit code: 0 if everything agrees, 1 if a gradient is wrong or could not be settled, 2 for a bad call."
    )
    parser.add_argument(
        "targets", nargs="*", metavar="module:op",
        help="what to check: an Op, a module with OP or OPS, a path to a .py file; by default all of npvae",
    )  # fmt: skip
    add_seed_option(parser, "everything that is drawn")
    parser.add_argument("--level", choices=LEVELS, default="default", help="how many samples an op is looked at in")
    parser.add_argument("--sample", help="only this sample, by the name that reports print: 4x3-f32")
    parser.add_argument(
        "--dtype", choices=("lenient", "strict"), default="lenient",
        help="whether a gradient of another dtype than its argument is a line of the report, or fails",
    )  # fmt: skip
    parser.add_argument("--teeth", action="store_true", help="plant generic mistakes too, and say how many are caught")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--emit-test", type=named_path, metavar="FILE", help="write the first failure as a pytest file")


def run(args: argparse.Namespace) -> int:
    """One row for each gradient, then what failed at length; 1 if anything did not pass."""
    from npvae.gradcheck.report.text import listing

    if args.emit_test:  # a place that cannot be written is reported now, not after everything is checked
        check_free(args.emit_test, "--emit-test")
    checked: list[tuple[Op | None, Report]] = []
    for op, report in _reports(args):
        checked.append((op, report))
        if not args.json and sys.stderr.isatty():
            print(f"\r{len(checked)} checked, now {report.name:<40}", end="", file=sys.stderr)
    if not args.json and sys.stderr.isatty():
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr)
    reports = [report for _, report in checked]
    if args.json:
        _print_json(args, reports)
    else:
        alone = len(reports) == 1
        if not alone:
            print(listing([(report.name, row) for report in reports for row in report.rows]))
        for report in reports:
            if alone or not report or args.teeth:
                print(report)
        print(_verdict(reports))
    failure = next(((op, report) for op, report in checked if op is not None and not report), None)
    if args.emit_test and failure:
        from npvae.gradcheck.emit import test_file

        args.emit_test.parent.mkdir(parents=True, exist_ok=True)
        write_output(args.emit_test, test_file(*failure))
        print(f"wrote {args.emit_test}: run it with pytest {args.emit_test}", file=sys.stderr)
    elif args.emit_test:
        print(f"no op failed: {args.emit_test} is not written", file=sys.stderr)
    return 0 if all(reports) else 1


def _reports(args: argparse.Namespace) -> Iterator[tuple[Op | None, Report]]:
    from npvae.gradcheck import check_op, find_ops

    targets = args.targets or ["npvae.ops"]
    for op in [op for target in targets for op in find_ops(target)]:
        yield op, check_op(op, args.seed, level=args.level, sample=args.sample, dtype=args.dtype, teeth=args.teeth)
    if not args.targets and not args.sample:
        yield from ((None, report) for report in _model_reports(args.seed))


def _model_reports(seed: int) -> Iterator[Report]:
    """npvae's models in small: every kind, and the VAE with every likelihood, activation and exact objective."""
    import numpy as np

    from npvae.gradcheck import check_model
    from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES
    from npvae.models.small import small
    from npvae.ops import ACTIVATIONS

    cases: list[tuple[str, dict[str, Any]]] = [(kind, {}) for kind in MODELS]
    cases += [(kind, {"likelihood": name}) for kind in ("vae", "autoencoder") for name in LIKELIHOODS]
    cases += [("vae", {"activation": name}) for name in ACTIVATIONS]
    cases += [("vae", {"objective": name, "samples": 3}) for name, row in OBJECTIVES.items() if not row.is_estimator]
    rng = np.random.default_rng(seed)
    for kind, case in cases:
        model, x, eps = small(kind, rng, seed=seed, **case)
        name = " ".join([kind, *(str(value) for setting, value in case.items() if setting != "samples")])
        yield check_model(model, x, eps, seed=seed, name=name)


def _verdict(reports: Sequence[Report]) -> str:
    rows = [row for report in reports for row in report.rows]
    failed = sum(report.verdict == "FAIL" for report in reports)
    doubtful = sum(report.verdict == "INCONCLUSIVE" for report in reports)
    seconds = sum(report.seconds for report in reports)
    comparisons = sum(row.compared for row in rows)
    outcome = f"{failed} failed" if failed else "all agree" if not doubtful else "none failed"
    outcome += f", {doubtful} inconclusive" if doubtful else ""
    gradients = f"{len(rows)} gradient{'s' * (len(rows) != 1)}"
    return f"{len(reports)} checked, {gradients}, {comparisons} comparisons in {seconds:.1f} s: {outcome}"


def _print_json(args: argparse.Namespace, reports: Sequence[Report]) -> None:
    import json

    found = {
        "verdict": "PASS" if all(reports) else "FAIL" if any(r.verdict == "FAIL" for r in reports) else "INCONCLUSIVE",
        "seed": args.seed,
        "level": args.level,
        "reports": [report.to_dict() for report in reports],
    }
    print(json.dumps(found, indent=2, allow_nan=False))
