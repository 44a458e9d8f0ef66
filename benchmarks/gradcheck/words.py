"""Are the checker's diagnoses true? Each is planted in many right ops: how often is it named, how often said wrongly?

    python benchmarks/gradcheck/words.py [--every 1] [--first 0] [--seed 0] [--json FILE]

The mistake of each diagnosis (`plants.py`) is planted in the first gradient of every right op of the benchmark, npvae's
and those of the sets, in which it changes anything. "named" is the share of these reports that have the code among
their diagnoses; "said wrongly" the share of the reports on all other mistakes that have it too. Codes that may be true
of a mistake besides its own (`BESIDE`) are not counted as wrong.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from plants import BESIDE, PLANTS, changes, planted
from score import RIGHT

from npvae.gradcheck import check_op


def main() -> None:
    """Plant, check, count, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every n-th op")
    parser.add_argument("--first", type=int, default=0, help="the op to begin with: another part of them with --every")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--codes", nargs="*", choices=sorted(PLANTS), help="only these mistakes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, as JSON")
    parser.add_argument("--verbose", action="store_true", help="print what is said of each mistake that is not named")
    args = parser.parse_args()
    said: dict[str, list[tuple[str, set[str]]]] = {code: [] for code in args.codes or PLANTS}
    for op in list(RIGHT.values())[args.first :: args.every]:
        for code in said:
            if op.estimator or not changes(op, PLANTS[code], args.seed):
                continue
            wrong, _ = planted(op, PLANTS[code])
            report = check_op(wrong, args.seed)
            if report.verdict == "FAIL":
                found = {one for finding in report.findings for one in finding.diagnosis_codes}
                said[code].append((op.name, found))
                if args.verbose and (code not in found or found - {code} - BESIDE.get(code, set())):
                    print(f"{op.name}, {code}: said {', '.join(sorted(found)) or 'nothing'}\n{report}\n", flush=True)
    rows = [row(code, said) for code in said]
    print("| code | named | said wrongly | said instead |\n|---|---|---|---|")
    for one in rows:
        instead = ", ".join(f"{name} {count}" for name, count in one["instead"])
        cells = f"{one['named']} of {one['planted']} | {one['said wrongly']} of {one['others']}"
        print(f"| {one['code']} | {cells} | {instead} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def row(code: str, said: dict[str, list[tuple[str, set[str]]]]) -> dict:
    """How often a code is named, and how often said of another mistake."""
    own = said[code]
    elsewhere = [other for other in said if other != code and code not in BESIDE.get(other, ())]
    others = [(other, name, found) for other in elsewhere for name, found in said[other]]
    wrongly = [(other, name) for other, name, found in others if code in found]
    instead = Counter(one for _, found in own if code not in found for one in found or {"nothing"})
    return {
        "code": code, "planted": len(own), "named": sum(code in found for _, found in own),
        "others": len(others), "said wrongly": len(wrongly), "instead": instead.most_common(3), "wrongly of": wrongly,
    }  # fmt: skip


if __name__ == "__main__":
    main()
