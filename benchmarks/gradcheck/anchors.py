"""Does the checker give the right verdict on PyTorch's own differentiable functions?

    python benchmarks/gradcheck/anchors.py [--seeds 6] [--json FILE]

Every function goes through the default battery, float32, kinks and saturation included. FAULTS lists what is refused
rightly, with the reason; exit code 1 if anything else is refused, or if a fault is not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from npvae.gradcheck import Arg, Op, check_op

FAULTS = {
    "hardsigmoid": "multiplies by 1/6 in float32: a relative error of 3e-8 in float64",
    "sinc": "cos(x)/x - sin(x)/x**2 cancels near 0, and is wrong in the first digit at 1e-8",
    "cosine_similarity": "for a vector shorter than its eps of 1e-8, the gradient is not that of the clamped norm",
}


def op_of(name: str, function: Callable, domain: tuple[float, float]) -> Op:
    """The adapter: an op of a function of one tensor."""

    def forward(x: np.ndarray) -> tuple:
        tensor = torch.from_numpy(np.array(x)).requires_grad_()
        y = function(tensor)
        return y.detach().numpy().copy(), (tensor, y)

    def backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
        tensor, y = cache
        (dx,) = torch.autograd.grad(y, tensor, torch.from_numpy(np.array(dy)), retain_graph=True)
        return dx.numpy().copy()

    return Op(forward, backward, {"x": Arg("N D", domain=domain)}, name=name)


def gram(x: torch.Tensor) -> torch.Tensor:
    """A matrix that is positive definite."""
    return x.T @ x + torch.eye(x.shape[1], dtype=x.dtype)


def counting(x: torch.Tensor) -> torch.Tensor:
    return torch.arange(1, x.shape[1] + 1, dtype=x.dtype).expand_as(x)


EVERYWHERE = {
    "asinh": torch.asinh, "atan": torch.atan, "celu": F.celu, "elu": F.elu, "floor": lambda x: torch.floor(x) * 1.0,
    "frac": torch.frac, "hardshrink": F.hardshrink, "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "hypot": lambda x: torch.hypot(x, torch.full_like(x, 2.0)), "i0e": torch.special.i0e, "logsigmoid": F.logsigmoid,
    "mish": F.mish, "relu6": F.relu6, "remainder": lambda x: torch.remainder(x, 1.7), "selu": F.selu,
    "sinc": torch.sinc, "softplus": F.softplus, "softshrink": F.softshrink, "softsign": F.softsign,
    "tanhshrink": F.tanhshrink, "expm1 of tanh": lambda x: torch.expm1(torch.tanh(x)),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none", beta=0.5),
    "amax": lambda x: torch.amax(x, 1), "max": lambda x: x.max(), "l1": lambda x: x.abs().sum(1),
    "cummax": lambda x: torch.cummax(x, 1)[0], "kthvalue": lambda x: torch.kthvalue(x, 1, dim=1)[0],
    "median": lambda x: torch.median(x, dim=1)[0], "sort": lambda x: torch.sort(x, dim=1)[0],
    "topk": lambda x: torch.topk(x, 1, dim=1)[0], "logcumsumexp": lambda x: torch.logcumsumexp(x, 1),
    "var": lambda x: torch.var(x, dim=1, correction=0), "std": lambda x: torch.std(x, dim=0, correction=0),
    "cosine_similarity": lambda x: F.cosine_similarity(x, counting(x), dim=1),
    "normalize": lambda x: F.normalize(x + 5, dim=1),
    "group_norm": lambda x: F.group_norm(torch.stack([x, 2 * x], dim=2), 1),
    "local_response_norm": lambda x: F.local_response_norm(x[:, :, None], 2)[:, :, 0],
    "avg_pool": lambda x: F.avg_pool1d(x[None], 2, ceil_mode=True)[0],
    "adaptive_max_pool": lambda x: F.adaptive_max_pool1d(x[None], 2)[0],
    "bilinear": lambda x: F.interpolate(x[None, None], scale_factor=2, mode="bilinear")[0, 0],
    "bicubic": lambda x: F.interpolate(x[None, None], scale_factor=2, mode="bicubic")[0, 0],
    "glu": lambda x: F.glu(torch.cat([x, x * 0.5 + 1], 1), dim=1),
    "cdist": lambda x: torch.cdist(x, torch.full_like(x, 3.0)),
    "logdet": lambda x: torch.logdet(gram(x)), "cholesky": lambda x: torch.linalg.cholesky(gram(x)),
    "solve": lambda x: torch.linalg.solve(gram(x), x.T),
    "power spectrum": lambda x: torch.fft.rfft(x, dim=1).abs() ** 2,
}  # fmt: skip
WITHIN = {
    "acosh": (torch.acosh, (1.01, 50.0)), "asin": (torch.asin, (-1.0, 1.0)), "digamma": (torch.digamma, (0.05, 80.0)),
    "entr": (torch.special.entr, (0.0, 1.0)), "erfinv": (torch.erfinv, (-0.999, 0.999)),
    "logit": (torch.logit, (0.001, 0.999)), "rsqrt": (torch.rsqrt, (0.01, np.inf)),
    "sqrt": (torch.sqrt, (0.0, np.inf)), "xlogy": (lambda x: torch.xlogy(x, x), (0.0, np.inf)),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    functions = {name: (function, (-np.inf, np.inf)) for name, function in EVERYWHERE.items()} | WITHIN
    cases, refused = 0, {}
    for name, (function, domain) in functions.items():
        reports = [check_op(op_of(name, function, domain), seed) for seed in range(args.seeds)]
        cases += sum(len(report.samples) for report in reports)
        failed = [report for report in reports if not report]
        if failed:
            refused[name] = str(failed[0])
            print(f"{name}: refused on {len(failed)} of {args.seeds} seeds; {FAULTS.get(name, 'NOT EXPECTED')}")
            print(failed[0], end="\n\n")
    print(f"PyTorch {torch.__version__}: {len(functions)} functions, {cases} cases, {len(refused)} refused")
    if args.json:
        args.json.write_text(
            json.dumps({"functions": len(functions), "cases": cases, "refused": refused}, indent=1), encoding="utf-8"
        )
    return int(set(refused) != set(FAULTS))


if __name__ == "__main__":
    sys.exit(main())
