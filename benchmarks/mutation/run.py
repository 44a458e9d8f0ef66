"""How many small mistakes the tests notice: every mutant is one edit of one file, and the tests of that file are run.

    python benchmarks/mutation/run.py                      # everything in TESTS, in random order; an hour or two
    python benchmarks/mutation/run.py --quick              # 40 mutants
    python benchmarks/mutation/run.py npvae/ops/dense.py   # these files, and all in these folders
    python benchmarks/mutation/run.py --minutes 10         # as many as fit, an unbiased sample: the order is random
    python benchmarks/mutation/run.py --again run.log      # the survivors of an earlier run that nothing explains

`edits.py` makes the edits; `tables.py` has the tests of each file, and the survivors that are no mistakes.
Each mutant is tested in a fork of this process, which has imported what does not change. The file on disk is never
touched: the fork, and every Python that it starts, imports its own version of it (`edited_module`). A mutant on which
the tests hang counts as noticed.

Loops that are plain Python without numba are tested as such. What exists compiled only is compiled anew for every
mutant, since the cache of compiled kernels goes by the files on disk and would hand out the original.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import os
import random
import re
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from edits import mutants
from tables import AFRESH, NO_MISTAKES, PLAIN, PLANTED, TESTS, Stage

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core a mutant
os.environ["HYPOTHESIS_PROFILE"] = "mutation"  # see warm_up

ROOT = Path(__file__).parents[2]
SCRATCH = Path(tempfile.gettempdir()) / f"npvae-mutation-{os.getpid()}"
SLOWER, MORE = 3, 10  # the time limit of a stage: so many times as long as the original takes, and so many seconds


def main() -> int:
    """Run mutants and print who survived; the exit code is 0 if at least 97 % were noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="files and folders to edit (default: all with tests here)")
    parser.add_argument("--quick", action="store_true", help="40 mutants")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--check", action="store_true", help="see that mistakes planted in each way are noticed")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument(
        "--again", type=Path, help="a log of this script: run the survivors in it that nothing explains"
    )
    args = parser.parse_args()

    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # by way of `finally`: what was started ends too
    warm_up()
    jobs = [(path, number) for path in chosen(args.files) for number in range(len(edits_of(path)))]
    if args.again:
        lines = args.again.read_text(encoding="utf-8").splitlines()
        survived = {without_number(line.removeprefix("survived: ")) for line in unexplained(lines)}
        jobs = [job for job in jobs if without_number(f"{job[0]}:{edits_of(job[0])[job[1]][0]}") in survived]
    random.Random(args.seed).shuffle(jobs)
    jobs = jobs[:40] if args.quick else jobs
    try:
        return check() if args.check else run(jobs, 60 * args.minutes)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


def without_number(survivor: str) -> str:
    """A survivor without the number of its line, which may be another since."""
    return re.sub(r"\.py:\d+: ", ".py: ", survivor)


def run(jobs: list[tuple[Path, int]], seconds: float) -> int:
    """Run mutants for so long, print what becomes of them -> exit code."""
    limits: dict[Stage, float] = {}
    for path in sorted({path for path, _ in jobs}):
        measure(path, limits)
    began, done, survivors = time.monotonic(), Counter(), []
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: what was found so far
        for path, number in jobs:
            if time.monotonic() - began > seconds:
                break
            what, source = edits_of(path)[number]
            verdict = judge(path, source, limits)
            done[room(path)] += 1
            if verdict == "survived":
                survivors.append(f"{path}:{what}")
            if verdict != "noticed":
                print(f"{verdict}: {path}:{what}", flush=True)
            if done.total() % 50 == 0:
                minutes = (time.monotonic() - began) / 60
                print(
                    f"{done.total()} of {len(jobs)} run in {minutes:.0f} minutes, {len(survivors)} survived", flush=True
                )
    report(done, Counter(room(path) for path, _ in jobs), survivors)
    print(f"in {(time.monotonic() - began) / 60:.0f} minutes")
    return 0 if done and len(unexplained(survivors)) <= 0.03 * done.total() else 1


def check() -> int:
    """Plant obvious mistakes -> exit code: 1 if one is not noticed, or an original not passed."""
    wrong = 0
    for path, (before, after, wanted) in ((Path(name), planted) for name, planted in PLANTED.items()):
        limits: dict[Stage, float] = {}
        measure(path, limits)
        source = path.read_text(encoding="utf-8")
        assert source.count(before) == 1, path
        verdict = judge(path, source.replace(before, after), limits)
        print(f"{path}: the original passes; {after}: {verdict}", flush=True)
        wrong += verdict != wanted
    return min(wrong, 1)


def chosen(files: list[Path]) -> list[Path]:
    """The given files and all in the given folders; everything in TESTS if none are given."""
    found: set[Path] = set()
    for path in files or map(Path, TESTS):
        found |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(found)


@functools.cache
def edits_of(path: Path) -> list[tuple[str, str]]:
    """The mutants of a file as (what was done, source)."""
    return list(mutants(path))


def measure(path: Path, limits: dict[Stage, float]) -> None:
    """Run all tests of a file without any edit, and set their time limits. Exits if one fails."""
    shutil.rmtree(SCRATCH / "afresh", ignore_errors=True)
    for stage in stages(path):
        if stage not in limits:
            start = time.monotonic()
            if (code := run_in_fork(path, path.read_text(encoding="utf-8"), stage, seconds=900)) not in (0, NO_TESTS):
                sys.exit(f"{path}: its tests fail without any edit ({' '.join(stage)}: {code}): mend them first")
            limits[stage] = MORE + SLOWER * (time.monotonic() - start)


NO_TESTS = 5  # pytest's exit code where no test has a name that was asked for


def judge(path: Path, source: str, limits: dict[Stage, float]) -> str:
    """What becomes of a file with this source: "noticed", "hung" or "survived"."""
    shutil.rmtree(SCRATCH / "afresh", ignore_errors=True)
    for stage in stages(path):
        code = run_in_fork(path, source, stage, limits[stage])
        if code not in (0, NO_TESTS):
            return "hung" if code is None else "noticed"
    return "survived"


def stages(path: Path) -> list[Stage]:
    """The tests of a file."""
    found = next(tests for start, tests in TESTS.items() if path.is_relative_to(start))
    return [tuple(part.format(name=path.stem) for part in stage) for stage in found]


def run_in_fork(path: Path, source: str, stage: Stage, seconds: float) -> int | None:
    """Run pytest in a child where a module has this source -> its exit code; None if it took too long."""
    kernels, *arguments = stage
    child = os.fork()
    if child == 0:
        code = 99
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()  # a group of processes, so that what the tests start can be ended with them
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            edit_module(path, source)
            arrange_kernels(kernels)
            import pytest

            code = int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *arguments]))
        finally:
            os._exit(code)
    try:
        return exit_code(child, seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def exit_code(child: int, seconds: float) -> int | None:
    """Wait for a child; None if it has not ended after so long, and then it has been killed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def edit_module(path: Path, source: str) -> None:
    """From now on, here and in every Python started from here, import this source in place of a file."""
    SCRATCH.mkdir(exist_ok=True)
    (SCRATCH / "source.py").write_text(source, encoding="utf-8")
    folder = Path(__file__).with_name("edited_module").resolve()
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])
    os.environ |= {"EDITED_PATH": str(path), "EDITED_SOURCE": str(SCRATCH / "source.py")}
    sys.path.insert(0, str(ROOT))
    runpy.run_path(str(folder / "sitecustomize.py"))


def arrange_kernels(kernels: str) -> None:
    """PLAIN, CACHED or AFRESH, here and in every Python started from here."""
    from numba.core import config

    folder = SCRATCH / ("afresh" if kernels == AFRESH else "originals")
    config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if kernels == PLAIN:
        config.DISABLE_JIT = 1
        os.environ["NUMBA_DISABLE_JIT"] = "1"


def warm_up() -> None:
    """Import what every child needs and no edit changes."""
    for name in ("pytest", "hypothesis.extra.numpy", "mpmath", "tqdm.auto", "scipy.stats", "scipy.integrate"):
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    import numba

    numba.njit(lambda x: x)(1.0)  # loads what numba loads with the first call
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",  # the same examples each time; what fails need not be made small
        max_examples=50,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def room(path: Path) -> str:
    """What is counted together: npvae/ops, npvae/kernels, ..."""
    return "/".join(path.parts[:2])


def report(done: Counter, of: Counter, survivors: list[str]) -> None:
    """Print the figures, and who survived and why."""
    for name in [*sorted(of), "npvae"]:
        run_here = sum(n for where, n in done.items() if where.startswith(name))
        all_here = sum(n for where, n in of.items() if where.startswith(name))
        here = [survivor for survivor in survivors if survivor.startswith(name)]
        rest = len(unexplained(here))
        print(f"\n{name}: {run_here} of {all_here} mutants run, {run_here - len(here)} noticed, {len(here)} survived")
        print(f"    {len(here) - rest} survivors do what the original does, {rest} are not noticed")
        print(f"    noticed, of those that are mistakes: {1 - rest / max(1, run_here - len(here) + rest):.1%}")
    for survivor in sorted(survivors):
        print(f"  {survivor}\n      {reason(survivor) or 'NOT NOTICED'}")


def reason(survivor: str) -> str:
    """Why a mutant is no mistake; "" if nothing is known."""
    return next((why for part, why in NO_MISTAKES.items() if part in survivor), "")


def unexplained(survivors: list[str]) -> list[str]:
    """Survivors that may be mistakes that no test sees."""
    return [survivor for survivor in survivors if not reason(survivor)]


if __name__ == "__main__":
    sys.exit(main())
