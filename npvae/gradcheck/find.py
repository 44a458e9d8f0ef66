"""From `module:name` to an Op, and back: what the command line and the reproduce line of a report speak."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from npvae.spec import Op

__all__ = ["address_of", "find_ops"]


def find_ops(target: str) -> tuple[Op, ...]:
    """The ops that a target means.

    module:name   an attribute that is an Op; a page module with an attribute OP (npvae.ops:gaussian_kl); an entry of
                  the module's OPS with that name
    module        everything in the module's OPS, or its OP, or else every Op among its attributes
    A path to a .py file may stand for the module. The working directory is searched first.

    Raises ValueError saying what was found instead.

    Example:
        >>> [op.name for op in npvae.gradcheck.find_ops("npvae.ops.relu:OP")]
        ['relu']
    """
    if not isinstance(target, str):
        raise ValueError(f"target is {target!r:.60}, expected text such as 'npvae.ops:relu' or 'my_ops.py'")
    place, _, name = target.partition(":")
    module = _import(place)
    if not name:
        found = _all_of(module)
        if not found:
            raise ValueError(f"{place} has no Op; define one: swish = Op(swish_forward, swish_backward, args=...)")
        return found
    named = {op.name: op for op in getattr(module, "OPS", ())}
    thing: Any = module
    for part in name.split("."):
        thing = getattr(thing, part, None)
    if isinstance(thing, Op):
        return (thing,)
    if isinstance(thing, ModuleType) and isinstance(getattr(thing, "OP", None), Op):
        return (thing.OP,)
    if name in named:
        return (named[name],)
    known = sorted({*named, *(key for key, value in vars(module).items() if isinstance(value, Op))})
    listed = f"its ops are {', '.join(known)}" if known else "it has no Op at all"
    if thing is None:
        raise ValueError(f"{place} has no attribute {name!r}; {listed}")
    raise ValueError(
        f"{target} is a {type(thing).__name__}, expected an npvae.gradcheck.Op; {listed}. "
        f"Describe the pair: {name.removesuffix('_forward')} = Op(forward, backward, args={{...}})"
    )


def _import(place: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        if place.endswith(".py"):
            return _from_file(Path(place))
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and place.startswith(error.name):
            raise ValueError(f"no module named {place!r}; searched {here} and the installed packages") from error
        raise ValueError(f"importing {place} failed: {error}") from error
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"importing {place} failed: {type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _all_of(module: ModuleType) -> tuple[Op, ...]:
    if getattr(module, "OPS", ()):
        return tuple(module.OPS)
    if isinstance(getattr(module, "OP", None), Op):
        return (module.OP,)
    return tuple({id(value): value for value in vars(module).values() if isinstance(value, Op)}.values())


def address_of(op: Op) -> str:
    """A target that `find_ops` turns into this very op, or "" if it cannot be reached by import."""
    home = getattr(op.forward, "__module__", None) or ""
    module = sys.modules.get(home)
    if module is None or home == "__main__":
        return ""
    parent = sys.modules.get(home.rpartition(".")[0])
    if any(known is op for known in getattr(parent, "OPS", ())):
        return f"{home.rpartition('.')[0]}:{op.name}"
    for key, value in vars(module).items():
        if value is op:
            return f"{home}:{key}"
    return f"{home}:{op.name}" if any(known is op for known in getattr(module, "OPS", ())) else ""
