"""A layer object read from outside: where its forward is, its parameters, and their gradients after a backward."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from npvae.gradcheck.pair.calls import keeps_its_cache

__all__ = ["GRADIENT_NAMES", "LayerParts", "modes_of"]

GRADIENT_NAMES = ("d{}", "grad_{}", "{}_grad", "d_{}", "g{}", "grad{}")
"""What the gradient of an attribute W may be called: dW, grad_W, W_grad ..."""

_PARAMS, _GRADS = ("params", "parameters", "weights"), ("grads", "gradients", "dparams")


class LayerParts:
    """Where a layer keeps what.

    params  names of its parameter attributes; None to look for them
    grads   names of the attributes of their gradients, in the same order; None to look for them
    inputs  a forward and a backward are run on these where attributes of gradients are to be found
    updates backward moves the parameters itself: there need be no gradients

    kept    copies of the parameters as they were found

    Raises ValueError if it is not to be seen what the parameters are, or where their gradients.
    """

    def __init__(
        self,
        layer: Any,
        params: Any = None,
        grads: Any = None,
        inputs: Sequence[np.ndarray] = (),
        updates: bool = False,
    ) -> None:
        self.layer, self.kind = layer, type(layer).__name__
        call = getattr(layer, "forward", None) or (layer if callable(layer) else None)
        if call is None or not callable(getattr(layer, "backward", None)):
            raise ValueError(f"{self.kind} has no forward(x) or __call__(x), or no backward(dy)")
        self.call: Callable[..., Any] = call
        self._given = None if grads is None else ((grads,) if isinstance(grads, str) else tuple(grads))
        self._holder = next((name for name in _PARAMS if _of(layer, name) is not None), "")
        self._kept = {key: (value, _copy(value)) for key, value in vars(layer).items()} if _has_vars(layer) else {}
        if inputs and (params is None or grads is None):
            self._probe(inputs)
        if params is not None:
            self.names = (params,) if isinstance(params, str) else tuple(params)
            self._holder = "" if all(hasattr(layer, name) for name in self.names) else self._holder
        elif self._holder:
            found = _of(layer, self._holder)
            self.names = tuple(map(str, found)) if isinstance(found, Mapping) else self._names_of(found)
        else:
            self.names = self._by_gradient()
        self.first = {name: self._array(name) for name in self.names}
        self.kept = {name: np.array(array) for name, array in self.first.items()}
        if self._holder and self.names and params is None and not updates and not self._has_grads():
            raise ValueError(f"{self.kind} has params but no grads; name the attributes: params=('W',), grads=('dW',)")

    def _names_of(self, listed: Sequence[Any]) -> tuple[str, ...]:
        """A name for each parameter of a list: that of the attribute it is, else "params[0]"."""
        own = {id(value): key for key, value in vars(self.layer).items() if _is_float_array(value)}
        return tuple(own.get(id(part), f"params[{i}]") for i, part in enumerate(listed))

    def _probe(self, inputs: Sequence[np.ndarray]) -> None:
        """Run it once, so that attributes of gradients are there to be found."""
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # what is wrong, the check itself will say
            y = self.call(*[np.array(x) for x in inputs])
            y, cache = (y, ()) if keeps_its_cache(self.layer.backward) else (y[0], (y[1],))
            self.layer.backward(np.ones_like(y), *cache)

    def _by_gradient(self) -> tuple[str, ...]:
        """Attributes that have a gradient beside them; none is right only for a layer that has no arrays at all."""
        arrays = [key for key, value in vars(self.layer).items() if _is_float_array(value)]
        known = {form.format(key) for form in GRADIENT_NAMES for key in arrays}
        named = [key for key in arrays if key not in known and self._gradient_attribute(key)]
        if arrays and not named:
            raise ValueError(
                f'{self.kind} has no .params: name its parameters, params=("W", "b"), or say params=() if it has none'
            )
        return tuple(named)

    def _gradient_attribute(self, name: str) -> str:
        names = (form.format(name) for form in GRADIENT_NAMES)
        return next((one for one in names if hasattr(self.layer, one)), "")

    def _has_grads(self) -> bool:
        if any(hasattr(self.layer, name) for name in _GRADS):
            return True
        found = _of(self.layer, self._holder)
        parts = found.values() if isinstance(found, Mapping) else found
        return all(hasattr(part, "grad") for part in parts) or all(map(self._gradient_attribute, self.names))

    def get(self, name: str) -> np.ndarray:
        """The array of a parameter as it stands."""
        part = self._part(name)
        return part.data if hasattr(part, "grad") and hasattr(part, "data") else part

    def _array(self, name: str) -> np.ndarray:
        found = self.get(name)
        if not hasattr(found, "shape"):
            place = f"{self._holder}[{name!r}]" if self._holder else name
            raise ValueError(
                f"{self.kind}: {place} is a {type(found).__name__}, expected an array: check the parts of this layer "
                "one by one, or the whole with check_model"
            )
        return found

    def _part(self, name: str) -> Any:
        if not self._holder:
            return getattr(self.layer, name)
        found = _of(self.layer, self._holder)
        return found[name] if isinstance(found, Mapping) else found[self.names.index(name)]

    def put(self, values: Sequence[np.ndarray]) -> None:
        """Set the parameters: in place, or in an array of their own if they have another dtype or shape."""
        for name, value in zip(self.names, values, strict=True):
            holder = self.get(name)
            if holder.shape != value.shape or holder.dtype != value.dtype:
                self._replace(name, value)
                holder = self.get(name)
            holder[...] = value

    def _replace(self, name: str, value: np.ndarray) -> None:
        found = _of(self.layer, self._holder) if self._holder else None
        if found is None:
            setattr(self.layer, name, np.array(value))
        elif isinstance(found, dict):
            found[name] = np.array(value)
        elif isinstance(found, list) and not hasattr(found[0], "grad"):
            found[self.names.index(name)] = np.array(value)

    def gradient(self, name: str) -> Any:
        """The gradient of a parameter as it stands, None if there is none."""
        place = self.names.index(name)
        if self._given is not None:
            return getattr(self.layer, self._given[place], None)
        for attribute in _GRADS:
            found = _of(self.layer, attribute)
            if isinstance(found, Mapping):
                keys = [name, *(form.format(name) for form in GRADIENT_NAMES)]
                return next((found[key] for key in keys if key in found), None)
            if found is not None and place < len(found):
                return found[place]
        attribute = self._gradient_attribute(name)
        if attribute:
            return getattr(self.layer, attribute)
        return getattr(self._part(name), "grad", None)

    def gradient_copied(self, name: str) -> np.ndarray | None:
        """A copy of it, in the parameter's dtype if that was changed by `put`: its buffer was not."""
        found = self.gradient(name)
        now = self.get(name).dtype
        return None if found is None else np.array(found, dtype=now if now != self.kept[name].dtype else None)

    def clear(self) -> None:
        """Set every gradient to zero, where it is an array."""
        for name in self.names:
            found = self.gradient(name)
            if isinstance(found, np.ndarray):
                found[...] = 0

    def restore(self) -> None:
        """Put everything back as it was found: parameters bit for bit, running statistics, counters, caches."""
        for name, array in self.first.items():
            array[...] = self.kept[name]
            if self.get(name) is not array:
                found = _of(self.layer, self._holder) if self._holder else None
                if found is None:
                    setattr(self.layer, name, array)
                elif isinstance(found, dict):
                    found[name] = array
                elif isinstance(found, list):
                    found[self.names.index(name)] = array
        for key in [key for key in vars(self.layer) if key not in self._kept] if self._kept else []:
            delattr(self.layer, key)
        for key, (value, copy) in self._kept.items():
            _write_back(value, copy)
            if getattr(self.layer, key) is not value:
                setattr(self.layer, key, value)


def modes_of(layer: Any) -> list[tuple[str, Callable[[], Any]]]:
    """(name, switch) of the modes of a layer: one without a name, or "train" and "eval"."""
    train, evaluate = getattr(layer, "train", None), getattr(layer, "eval", None)
    if callable(train) and callable(evaluate):
        return list(zip(("train", "eval"), (train, evaluate), strict=True))
    for attribute in ("training", "train_mode", "is_training"):
        if isinstance(getattr(layer, attribute, None), bool):
            return [(mode, partial(setattr, layer, attribute, mode == "train")) for mode in ("train", "eval")]
    return [("", lambda: None)]


def _of(layer: Any, attribute: str) -> Any:
    """A dict or list that is an attribute, or what a method without arguments gives; None if there is none."""
    found = getattr(layer, attribute, None)
    if callable(found):
        try:
            found = found()
        except TypeError:
            return None
    if isinstance(found, Mapping):
        return found
    if found is None or isinstance(found, (str, np.ndarray)):
        return None
    try:
        found = found if isinstance(found, (list, tuple)) else list(found)
    except TypeError:
        return None
    if found and all(isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str) for part in found):
        return dict(found)  # pairs of a name and an array
    return found


def _has_vars(layer: Any) -> bool:
    return hasattr(layer, "__dict__")


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _copy(value: Any) -> Any:
    """The arrays in a value, copied; containers of them are copied one level deep each."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: (part, _copy(part)) for key, part in value.items()}
    if isinstance(value, list):
        return [(part, _copy(part)) for part in value]
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return None


def _write_back(value: Any, copy: Any) -> None:
    if isinstance(value, np.ndarray):
        if value.flags.writeable:
            value[...] = copy
    elif isinstance(value, dict):
        for part, kept in copy.values():
            _write_back(part, kept)
        value.clear()
        value.update({key: part for key, (part, _) in copy.items()})
    elif isinstance(value, list):
        for part, kept in copy:
            _write_back(part, kept)
        value[:] = [part for part, _ in copy]
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = copy
