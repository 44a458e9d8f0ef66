"""The claims of the lessons are no tests: their folder is put on the path, and what their asserts compare is shown."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("lesson_claims")
