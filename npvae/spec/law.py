"""A law: code that has a page of equations but no backward of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from npvae.spec.arg import Arg


@dataclass(frozen=True)
class Law:
    """Code that has a page of equations but no backward of its own: a recurrence, a schedule, a closed form, a wiring.

    run     the code: takes the args by name, gives {name on the page: value}. What it gives beyond the names that the
            page defines, the page may use: eigenvectors, say, of which the page says what they must fulfil.
    args    what goes in, by name. A float argument with `specials` is tried at those values, too.
    name    how reports call it
    module  the module whose docstring is the page; by default the one in which `run` stands
    page    an npvae.pages.Page, where the equations are not those of one docstring
    least   the smallest sizes for which it is defined: {"D": 2}

    Raises ValueError for a run that is no function, and for args that are not described by an Arg each.
    """

    run: Callable[..., Mapping[str, Any]]
    args: Mapping[str, Arg]
    name: str
    module: str = ""
    page: Any = None
    least: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.run):
            raise ValueError(f"Law: run is a {type(self.run).__name__}, expected a function")
        for key, arg in self.args.items():
            if not isinstance(arg, Arg):
                raise ValueError(f'law {self.name}: args["{key}"] is {arg!r}, expected an Arg')


def in_place(update: Callable[..., None], *changed: str) -> Callable[..., dict[str, Any]]:
    """The `run` of a law whose code writes into these arguments: it is called with copies, which are what it gives."""

    @wraps(update)
    def run(**given: Any) -> dict[str, Any]:
        given |= {name: given[name].copy() for name in changed}
        update(**given)
        return {name: given[name] for name in changed}

    return run
