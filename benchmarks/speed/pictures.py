"""How fast is a folder of JPEGs read, the first time and the second, beside Pillow alone, and with how much memory?

    python benchmarks/speed/pictures.py [--count N] [--side PIXELS] [--rounds R]

Writes N small JPEGs in colour into ten class folders and reads them in fresh processes, in turn: Pillow alone (open,
decode, into one array, one thread), npvae without a kept copy, npvae for the first time (it keeps one), npvae for the
second. All must give the same pixels. The files are in the system's cache throughout, so this is the cost
of decoding and not that of a disk. Times are medians over the rounds, from the start of reading to its end; peak memory
is that of the whole process, with Python and NumPy.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

WAYS = ("Pillow alone", "npvae, keeping nothing", "npvae, first start", "npvae, second start")
READ = """
import json, sys, time
import numpy as np
from pathlib import Path
from npvae.data.registry import load_parts
from PIL import Image

folder, way = Path(sys.argv[1]), sys.argv[2]
start = time.perf_counter()
if way == "Pillow alone":
    paths = sorted(folder.rglob("*.jpg"))
    side = Image.open(paths[0]).size[0]
    pixels = np.empty((len(paths), side, side, 3), np.uint8)
    for row, path in zip(pixels, paths):
        with Image.open(path) as picture:
            row[:] = np.asarray(picture)
else:
    pixels = load_parts(folder)[0].pixels
seconds = time.perf_counter() - start
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
except ImportError:
    peak = float("nan")
print(json.dumps([len(pixels), seconds, peak, int(pixels.sum(dtype=np.int64))]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50_000, help="pictures (default: 50,000)")
    parser.add_argument("--side", type=int, default=64, help="pixels of their height and width (default: 64)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is read (default: 3)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, kept = Path(place) / "pictures", Path(place) / "kept"
        write(folder, args.count, args.side)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        sums = set()
        for _ in range(args.rounds):
            shutil.rmtree(kept, ignore_errors=True)
            for way in WAYS:
                count, seconds, peak, total = read(folder, way, kept)
                assert count == args.count, (way, count)
                sums.add(total)
                found[way].append((seconds, peak))
        assert len(sums) == 1, "the same pixels by every way"
        size = sum(path.stat().st_size for path in folder.rglob("*.jpg"))
        print(
            f"{args.count:,} JPEGs of {args.side} x {args.side}, {size / 1e6:.0f} MB; medians of {args.rounds} rounds"
        )
        print(f"{'':<24}{'seconds':>9}{'pictures a second':>19}{'peak MB':>9}")
        for way in WAYS:
            seconds, peak = (statistics.median(values) for values in zip(*found[way], strict=True))
            print(f"{way:<24}{seconds:>9.2f}{args.count / seconds:>19,.0f}{peak:>9.0f}")


def write(folder: Path, count: int, side: int) -> None:
    """Smooth coloured noise, as photographs are more than white noise."""
    rng = np.random.default_rng(0)
    for i in range(count):
        place = folder / f"class {i % 10}"
        if i < 10:
            place.mkdir(parents=True)
        coarse = Image.fromarray(rng.integers(0, 256, (side // 8 + 1, side // 8 + 1, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(place / f"{i}.jpg", quality=85)


def read(folder: Path, way: str, kept: Path) -> list[float]:
    """One way in a process of its own -> number of pictures, seconds, peak MB, sum of all pixels."""
    environment = os.environ | {"NPVAE_CACHE": "off" if "nothing" in way else str(kept)}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder), way], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
