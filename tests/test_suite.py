"""What holds for all tests: none of them fails because the machine is busy."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_no_test_says_how_long_something_may_take():
    """Whoever waits for a process or a thread gives it up after `hang` seconds, many minutes; see conftest.py."""
    limit = re.compile(r"\btimeout=[\d.]+|\bcheck_call\(.*timeout")
    assert [path.name for path in TESTS.rglob("*.py") if limit.search(path.read_text(encoding="utf-8"))] == []
