"""What holds for all tests: none of them fails because the machine is busy."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_no_test_says_how_long_something_may_take():
    """Whoever waits for a process or a thread gives it up after `hang` seconds, many minutes; see conftest.py."""
    limit = re.compile(r"\btimeout=[\d.]+|\bcheck_call\(.*timeout")
    assert [path.name for path in TESTS.rglob("*.py") if limit.search(path.read_text(encoding="utf-8"))] == []


def test_what_runs_again_without_the_jit_is_all_that_could_differ():
    """Ops are NumPy: of their tests those alone run twice in `.ci/run` that reach a kernel, a model or a step."""
    reaches = re.compile(r"\b(kernels|numba|npvae\.(?!ops\b|spec\b|pages\b|gradcheck\b)\w+)\b")
    found = {
        path.name for path in (TESTS / "ops").glob("test_*.py") if reaches.search(path.read_text(encoding="utf-8"))
    }
    script = (TESTS.parent / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"tests/ops/(\w+\.py)", script)) == found
