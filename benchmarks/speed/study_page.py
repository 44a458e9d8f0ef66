"""How fast does the study page train in a browser while it is drawn, and how soon can it be used?

    python benchmarks/speed/study_page.py [--browser chromium] [--rounds 5] [--seconds 3] [--json FILE]

The page as `npvae study` writes it, 64-16-2-16-64 from its first parameters, 1,280 x 800 pixels, without a graphics
card. A round opens it anew, takes the time from the start of loading to the first frame with all numbers, presses
Train, and counts steps and frames; then it trains to step 500 for the true loss. Medians over the rounds; the loss is
the same in all, and below 26.5 nats, or the script ends with an error.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from rounds import machine, write_json

from npvae.study import write

AT_STEP, BELOW = 500, 26.5  # nats
RATES = "(({steps, frames, since}) => [steps, frames, performance.now() - since])(study.ui.speed)"


def one_round(browser: Browser, file: Path, seconds: float) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(file.as_uri())
    usable = page.evaluate("new Promise((then) => requestAnimationFrame(() => then(performance.now())))")
    page.locator("#train").click()
    page.wait_for_timeout(1000 * seconds)
    steps, frames, elapsed = page.evaluate(RATES)
    page.locator("#train").click()
    page.evaluate(f"study.ui.rewind(); while (study.ui.run.step < {AT_STEP}) study.ui.oneStep()")
    loss = page.evaluate("study.ui.run.trueLoss().loss")
    page.close()
    return {
        "usable after, ms": usable,
        "steps per second": 1000 * steps / elapsed,
        "frames per second": 1000 * frames / elapsed,
        f"true loss at step {AT_STEP}, nats": loss,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = write(Path(folder) / "study.html")
        browser = playwright.chromium.launch(executable_path=args.browser)
        version = browser.version
        rounds = [one_round(browser, file, args.seconds) for _ in range(args.rounds)]
        browser.close()
    found: dict[str, Any] = {name: round(median(each[name] for each in rounds), 2) for name in rounds[0]}
    for name, value in found.items():
        print(f"{name:<32}{value:>10.2f}   {min(e[name] for e in rounds):.2f} - {max(e[name] for e in rounds):.2f}")
    print(", ".join(f"{name} {value}" for name, value in (machine() | {"browser": version}).items()))
    losses = {each[f"true loss at step {AT_STEP}, nats"] for each in rounds}
    if len(losses) != 1 or max(losses) >= BELOW:
        raise SystemExit(f"the true loss at step {AT_STEP} is {sorted(losses)}, expected one below {BELOW}")
    if args.json:
        write_json(args.json, found | {"browser": version})


if __name__ == "__main__":
    main()
