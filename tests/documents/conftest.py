"""The documents, and what reads them: docs/making is no package of npvae, so its folder is put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
