"""Hand-written backwards of PyTorch and JAX as ops. A framework is imported when its adapter is called, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.check import check_op
from npvae.gradcheck.point import arg_of, arrays_of, parameter_names
from npvae.gradcheck.report.report import Report
from npvae.spec import Arg, Op

__all__ = ["check_jax", "check_torch", "jax_op", "torch_op"]

COPIED = "torch has no negative strides: such arrays are copied before it sees them"


def torch_op(function: Any, args: Mapping[str, Arg], *, seeded: bool = False, name: str = "") -> Op:
    """An Op of a torch.autograd.Function, an nn.Module or any function of tensors; its backward is what autograd runs.

        op = torch_op(Swish, {"x": Arg("N D")})         # class Swish(torch.autograd.Function)
        op = torch_op(Layer(3, 5), {"x": Arg("N 3")})   # its parameters become arguments, by their own names

    args    of the inputs, in order; of a module's parameters only where a domain is worth declaring
    seeded  it draws noise: torch's seed is set before each forward
    """
    import torch

    call, names = getattr(function, "apply", function), list[str]()
    if isinstance(function, torch.nn.Module):
        held = {key: p.detach().numpy() for key, p in function.named_parameters()}
        args = {**args, **{key: arg_of(p) for key, p in held.items() if key not in args}}
        names = list(held)

        def call(*tensors: Any) -> Any:
            given = len(tensors) - len(names)
            parameters = dict(zip(names, tensors[given:], strict=True))
            return torch.func.functional_call(function, parameters, tensors[:given])

    differentiable = [arg.differentiable for arg in args.values()]

    def forward(*arrays: np.ndarray) -> Any:
        if seeded:
            torch.manual_seed(0)
        copies = [np.ascontiguousarray(x) if any(step < 0 for step in x.strides) else x for x in arrays]
        tensors = [torch.from_numpy(np.array(x)) if x.ndim == 0 else torch.from_numpy(x) for x in copies]
        for tensor, has_gradient in zip(tensors, differentiable, strict=True):
            tensor.requires_grad_(has_gradient)
        y = call(*tensors)
        ys = y if isinstance(y, (tuple, list)) else (y,)
        outputs = tuple(one.detach().numpy().copy() for one in ys)
        return outputs if isinstance(y, (tuple, list)) else outputs[0], (tensors, ys)

    def backward(dy: Any, cache: Any) -> tuple[Any, ...]:
        tensors, ys = cache
        dys = [None if d is None else torch.from_numpy(np.array(d)) for d in (dy if isinstance(dy, tuple) else (dy,))]
        pairs = [(y, d) for y, d in zip(ys, dys, strict=True) if y.requires_grad and d is not None]
        wanted = [tensor for tensor in tensors if tensor.requires_grad]
        grads = torch.autograd.grad(
            [y for y, _ in pairs], wanted, [d for _, d in pairs], retain_graph=True, allow_unused=True
        )
        return tuple(None if g is None else g.numpy().copy() for g in grads)

    own = getattr(function, "backward", None)
    if callable(own) and not isinstance(function, torch.nn.Module):
        backward.__wrapped__ = own  # type: ignore[attr-defined]
    return Op(forward, backward, args, name=name or _name(function), seeded=seeded)


def check_torch(function: Any, *inputs: Any, args: Mapping[str, Arg] | None = None, **options: Any) -> Report:
    """Check a torch.autograd.Function or an nn.Module over the battery, at shapes like those of the inputs.

        check_torch(Swish, torch.randn(4, 3))
        check_torch(Swish, args={"x": Arg("N D")})

    inputs   tensors or arrays that show the shapes; left out if args gives the shapes by symbol
    options  as of `check_op`
    """
    op = torch_op(function, args or _args_of(function, inputs))
    report = _called("check_torch", check_op(op, **options))
    return replace(report, notes=(*report.notes, COPIED)) if any("negative" in s for s in report.samples) else report


def jax_op(f: Callable[..., Any], args: Mapping[str, Arg], *, name: str = "") -> Op:
    """An Op of a function with a jax.custom_vjp (or of any JAX function): forward and backward are those of jax.vjp.

    Without `jax.config.update("jax_enable_x64", True)` JAX computes in float32, and the checker says so.
    """
    import jax

    def forward(*arrays: np.ndarray) -> Any:
        y, pull = jax.vjp(f, *(jax.numpy.asarray(np.array(x)) for x in arrays))
        several = isinstance(y, (tuple, list))
        return tuple(np.array(one) for one in y) if several else np.array(y), pull

    def backward(dy: Any, pull: Any) -> tuple[Any, ...]:
        grads = pull(tuple(map(jax.numpy.asarray, dy)) if isinstance(dy, tuple) else jax.numpy.asarray(dy))
        pairs = zip(grads, args.values(), strict=True)
        return tuple(np.array(grad) for grad, arg in pairs if arg.differentiable)

    backward.__wrapped__ = f  # type: ignore[attr-defined]
    return Op(forward, backward, args, name=name or _name(f))


def check_jax(f: Callable[..., Any], *inputs: Any, args: Mapping[str, Arg] | None = None, **options: Any) -> Report:
    """Check a function with a jax.custom_vjp over the battery, at shapes like those of the inputs.

    inputs, args, options  as of `check_torch`
    """
    return _called("check_jax", check_op(jax_op(f, args or _args_of(f, inputs)), **options))


def _called(name: str, report: Report) -> Report:
    """The report, with the call that the user made in the line that reproduces it."""
    before, after = f"check_op({report.name}, ", f"{name}({report.name}, ..., "
    return replace(report, reproduce=report.reproduce.replace(before, after))


def _args_of(function: Any, inputs: Sequence[Any]) -> dict[str, Arg]:
    arrays = arrays_of([x.detach().numpy() if hasattr(x, "detach") else np.asarray(x) for x in inputs])
    if not arrays:
        raise ValueError('give inputs that show the shapes, or args={"x": Arg("N D")}')
    with_context = hasattr(function, "apply") and hasattr(function, "setup_context")  # forward(ctx, x)
    names = parameter_names(getattr(function, "forward", function), len(arrays) + with_context)[with_context:]
    return {name: arg_of(x) for name, x in zip(names, arrays, strict=True)}


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
