"""Other people's gradient checkers, each driven over one case of an op, with its defaults.

Each function says whether the checker accepts the pair at that point. A checker that is not installed is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.pair.calls import Pair

Rival = Callable[[Case], bool]


def rivals() -> dict[str, Rival]:
    """Name -> checker, for those that are installed."""
    found: dict[str, Rival] = {}
    try:
        import torch  # noqa: F401

        found["torch.autograd.gradcheck"] = lambda case: torch_accepts(case, fast=False)
        found["torch.autograd.gradcheck, fast"] = lambda case: torch_accepts(case, fast=True)
    except ImportError:
        pass
    try:
        import autograd  # noqa: F401

        found["autograd check_grads"] = autograd_accepts
    except ImportError:
        pass
    try:
        import scipy  # noqa: F401

        found["scipy check_grad"] = scipy_accepts
    except ImportError:
        pass
    return found


def _full(case: Case, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All inputs of the forward, the differentiable ones replaced by `arrays`."""
    replaced = iter(arrays)
    return [
        next(replaced) if arg.differentiable else x for x, arg in zip(case.inputs, case.op.args.values(), strict=True)
    ]


def _differentiable(case: Case) -> list[np.ndarray]:
    return [x for x, arg in zip(case.inputs, case.op.args.values(), strict=True) if arg.differentiable]


def _forward(case: Case, arrays: Sequence[np.ndarray]) -> tuple[Any, Any]:
    """y, of several outputs one after the other in one vector; and what the backward needs."""
    pair = Pair(case.op, case.params, case.seed)
    result = pair.forward(_full(case, arrays))
    one = len(result.outputs) == 1
    return result.outputs[0] if one else np.concatenate([y.reshape(-1) for y in result.outputs]), (pair, result)


def _backward(case: Case, dy: Any, kept: Any) -> list[Any]:
    pair, result = kept
    ends = np.cumsum([y.size for y in result.outputs])[:-1]
    parts = np.split(dy, ends) if len(result.outputs) > 1 else [dy]
    dys = [np.asarray(part).reshape(y.shape) for part, y in zip(parts, result.outputs, strict=True)]
    return list(pair.backward(result.in_form_of_y(dys), result.cache))


def torch_accepts(case: Case, fast: bool) -> bool:
    """torch.autograd.gradcheck on a torch.autograd.Function that wraps the pair. Defaults: eps 1e-6, atol 1e-5."""
    import torch

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            arrays = [tensor.detach().numpy() for tensor in tensors]
            y, ctx.kept = _forward(case, arrays)
            return torch.from_numpy(np.asarray(y))

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            grads = _backward(case, dy.detach().numpy(), ctx.kept)
            return tuple(torch.from_numpy(np.asarray(grad)) for grad in grads)

    # torch has no negative strides: those arrays are copied.
    arrays = [np.array(x) if any(s < 0 for s in x.strides) else x for x in _differentiable(case)]
    tensors = [torch.from_numpy(x).requires_grad_() for x in arrays]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return bool(torch.autograd.gradcheck(Wrapped.apply, tensors, fast_mode=fast, raise_exception=False))
        except Exception:
            return False


def autograd_accepts(case: Case) -> bool:
    """autograd.test_util.check_grads in reverse mode on a primitive that wraps the pair. Tolerances 1e-6."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    @primitive
    def wrapped(*arrays: np.ndarray) -> np.ndarray:
        return _forward(case, arrays)[0]

    def vjp_of(k: int) -> Callable[..., Any]:
        def maker(answer: Any, *arrays: np.ndarray) -> Callable[[Any], np.ndarray]:
            _, cache = _forward(case, arrays)
            return lambda dy: _backward(case, dy, cache)[k]

        return maker

    arrays = [np.array(x) for x in _differentiable(case)]
    defvjp(wrapped, *(vjp_of(k) for k in range(len(arrays))))
    np.random.seed(case.seed % 2**32)  # noqa: NPY002 - what autograd draws from
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for k in range(len(arrays)):  # by itself it looks at the first argument only
                check_grads(wrapped, k, modes=["rev"], order=1)(*arrays)
        except Exception:
            return False
    return True


def scipy_accepts(case: Case) -> bool:
    """scipy.optimize.check_grad on sum(dy * y), inputs in one vector; accepted below 1e-5 of the gradient's norm."""
    from scipy.optimize import check_grad

    arrays = _differentiable(case)
    sizes = np.cumsum([x.size for x in arrays])[:-1]

    def split(flat: np.ndarray) -> list[np.ndarray]:
        parts = np.split(flat, sizes)
        return [p.reshape(x.shape).astype(x.dtype) for p, x in zip(parts, arrays, strict=True)]

    def forward(flat: np.ndarray) -> tuple[Any, Any]:
        return _forward(case, split(flat))

    start = np.concatenate([x.reshape(-1) for x in arrays]).astype(np.float64)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            (dy,) = case.cotangents((np.asarray(forward(start)[0]),))

            def value(flat: np.ndarray) -> float:
                return float(np.sum(dy * forward(flat)[0]))

            def gradient(flat: np.ndarray) -> np.ndarray:
                grads = _backward(case, dy.copy(), forward(flat)[1])
                return np.concatenate([np.asarray(grad, dtype=np.float64).reshape(-1) for grad in grads])

            error = check_grad(value, gradient, start)
            return bool(error <= 1e-5 * max(1.0, float(np.linalg.norm(gradient(start)))))
        except Exception:
            return False
