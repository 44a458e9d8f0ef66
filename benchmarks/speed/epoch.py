"""From the MNIST files to a trained VAE: wall time and peak memory, against PyTorch with the data in memory.

    python benchmarks/speed/epoch.py --data-dir DIR [--epochs 10] [--repeat 1] [--json FILE]

npvae runs as a program of its own, from the start of Python to the last test loss: interpreter, imports, reading and
unpacking the files, training, a test after each epoch. PyTorch's figure begins when the data are float32 in memory and
the model is built. Its loop is written with care: one permutation per epoch, indexed batches, fused Adam; no
DataLoader. Both must end at the same test loss, within the spread of seeds, or nothing is printed. How soon the first
step comes is timed by `first_step.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rounds import machine, write_json

NPVAE = """
import json, os, resource, sys, time
data_dir, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import npvae
train, test = npvae.load_dataset("mnist", data_dir)
vae = npvae.VAE(784, seed=seed)
npvae.train(vae, train, test, epochs=epochs, batch_size=128, seed=seed, progress=False)
print(json.dumps({
    "end": time.time(),
    "losses": [row["test_loss"] for row in vae.history],
    "epoch seconds": [row["seconds"] for row in vae.history],
    "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""

TORCH = """
import json, os, resource, sys, time
data_dir, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import numpy as np, torch, npvae
from torch import nn
import torch.nn.functional as F
train, test = (torch.tensor(part[:].astype(np.float32)) for part in npvae.load_dataset("mnist", data_dir))
torch.manual_seed(seed)

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.head = nn.Linear(784, 400), nn.Linear(400, 40)
        self.b, self.out = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        mu, logvar = self.head(F.relu(self.a(x))).chunk(2, 1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        nll = F.binary_cross_entropy_with_logits(self.out(F.relu(self.b(z))), x, reduction="sum")
        return (nll - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)

model = VAE()
adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
start, losses, seconds = time.time(), [], []
for epoch in range(epochs):
    begin = time.time()
    for rows in torch.randperm(len(train)).split(128):
        adam.zero_grad()
        model(train[rows]).backward()
        adam.step()
    with torch.no_grad():
        losses.append(float(np.mean([model(part).item() for part in test.split(1000)])))
    seconds.append(time.time() - begin)
print(json.dumps({
    "start": start, "end": time.time(), "losses": losses, "epoch seconds": seconds,
    "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def run(program: str, data_dir: Path, epochs: int, seed: int) -> dict:
    """Run a program of its own; what it printed, with the seconds from its start (or the start that it names)."""
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir), str(epochs), str(seed)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    found["seconds"] = found["end"] - found.get("start", start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the MNIST files")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(machine())
    runs: dict[str, list[dict]] = {"npvae, from files": [], "PyTorch, data in memory": []}
    for seed in range(args.repeat):
        runs["npvae, from files"].append(run(NPVAE, args.data_dir, args.epochs, seed))
        runs["PyTorch, data in memory"].append(run(TORCH, args.data_dir, args.epochs, seed))
    last = {name: median(r["losses"][-1] for r in found) for name, found in runs.items()}
    assert max(last.values()) - min(last.values()) < 1.5, f"not the same model: {last}"
    print(f"{args.epochs} epochs, medians of {args.repeat}")
    print(f"{'':<26}{'seconds':>10}{'an epoch':>10}{'peak MB':>10}{'test loss':>11}")
    result = {}
    for name, found in runs.items():
        rows = {key: median(r[key] for r in found) for key in ("seconds", "peak MB")}
        epoch = median(s for r in found for s in r["epoch seconds"])
        result[name] = rows | {"an epoch": epoch, "test loss": last[name], "losses": found[0]["losses"]}
        print(f"{name:<26}{rows['seconds']:>10.1f}{epoch:>10.2f}{rows['peak MB']:>10.0f}{last[name]:>11.2f}")
    seconds = [result[name]["seconds"] for name in runs]
    print(f"ratio {seconds[0] / seconds[1]:.2f}")
    write_json(args.json, result)


if __name__ == "__main__":
    main()
