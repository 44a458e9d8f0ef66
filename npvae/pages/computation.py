"""Equations as functions of their indices: each tree becomes a closure, each entry is computed when first asked for.

What a name on the right means, seen from the equation in which it stands:
    1. with the very indices of the left side, the name on the left is the value before: `v[i] = 0.9 * v[i] + g[i]`;
       with other indices it is another entry of this equation: `h[n, t] = ... h[n, t - 1] ...`;
    2. else what the nearest equation above defines, else what was given, else what an equation below defines.
So recurrences run forward in time or backward, in any order of lines; a circle is an error.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from npvae.pages.numbers import Numbers
from npvae.pages.read import Equation, PageError
from npvae.pages.trees import Tree

Where = dict[str, int]  # the values of the indices
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOGETHER: dict[str, Callable[[Any], Any]] = {"sum": sum, "max": max, "min": min}
_CIRCLE = object()


class Computation:
    """Equations with values given to the names that they do not define.

    given    name -> array, or one number
    sizes    "N" -> the number of rows that the index n runs through
    numbers  `math` or `mpmath.mp`
    called   what f and df of the page are
    """

    def __init__(
        self,
        equations: Sequence[Equation],
        given: Mapping[str, Any],
        sizes: Mapping[str, int],
        numbers: Any = math,
        called: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        self.equations, self.numbers = tuple(equations), Numbers(numbers)
        self.given = {name: self.numbers.given(value) for name, value in given.items()}
        self.sizes: dict[str, Any] = {"pi": self.numbers.pi, **sizes}
        self.functions = self.numbers.functions | dict(called or {})
        self.entries = [_Entries(self, k) for k in range(len(self.equations))]
        self._defining: dict[str, list[int]] = {}
        for k, equation in enumerate(self.equations):
            if equation.section != "Identities":
                self._defining.setdefault(equation.name, []).append(k)

    def array(self, k: int) -> np.ndarray:
        """All entries of equation k."""
        entries, shape = self.entries[k], self.entries[k].shape
        array = np.empty(shape, dtype=object if self.numbers.exact else float)
        for position in product(*map(range, shape)):
            array[position] = self.numbers.of(entries.at(position))
        return array

    def size(self, k: int, index: str) -> int:
        """How far an index on the left of equation k runs: what its capital letter says; d2 runs to D as d does."""
        equation, symbol = self.equations[k], index.upper()
        for symbol in dict.fromkeys((index.upper(), index.upper().rstrip("0123456789"))):
            if symbol in self.sizes:
                return int(self.sizes[symbol])
            source = self.source(k, symbol, None)
            if isinstance(source, np.ndarray) and source.ndim == 0:
                return int(source[()])
            if isinstance(source, _Entries) and not source.equation.indices:
                return int(source.at(()))
        raise equation.error(f"the index {index} has no size: no argument has an axis {symbol}")

    def source(self, k: int, name: str, indices: tuple[Tree, ...] | None) -> _Entries | np.ndarray | None:
        """What a name means in equation k: entries to be computed, an array that was given, or nothing."""
        defines = self._defining.get(name, ())
        if k in defines and indices is not None:
            own = tuple(Tree("name", index) for index in self.equations[k].indices)
            if indices != own:
                return self.entries[k]
        above = [j for j in defines if j < k]
        if above:
            return self.entries[above[-1]]
        if name in self.given:
            return self.given[name]
        below = [j for j in defines if j > k]
        return self.entries[below[0]] if below else None

    def value(self, k: int, tree: Tree, where: Where) -> Any:
        """What a tree in equation k comes to where its indices have these values."""
        return self.compiled(k, tree)(where)

    def compiled(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        """A tree as a function of the indices, made of the functions of its parts."""
        return getattr(self, f"_{tree.kind}")(k, tree)  # the kinds are those of trees.py

    def _number(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        value = self.numbers.literal(tree.value)
        return lambda where: value

    def _name(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        name = tree.value
        if name in self.equations[k].indices:
            return lambda where: where[name]
        source = self.source(k, name, ())
        if isinstance(source, np.ndarray):
            if source.ndim:
                raise self.equations[k].error(f"{name} is an array: it needs indices", tree)
            value = source[()]
            return lambda where: where.get(name, value)
        if source is not None:
            return lambda where: where[name] if name in where else source.at(())
        if name in self.sizes:
            size = self.sizes[name]
            return lambda where: where.get(name, size)

        def index(where: Where) -> int:
            if name not in where:
                raise self.equations[k].error(f"nothing is called {name}; {self._known()}", tree)
            return where[name]

        return index

    def _entry(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        equation, name = self.equations[k], tree.value
        source = self.source(k, name, tree.parts)
        if source is None:
            raise equation.error(f"nothing is called {name}; {self._known()}", tree)
        indices = [self.compiled(k, part) for part in tree.parts]
        if isinstance(source, _Entries):
            if len(source.equation.indices) != len(indices):
                raise equation.error(f"{name} has {len(source.equation.indices)} indices: {source.equation.left}", tree)
            return lambda where: source.at(tuple([index(where) for index in indices]))
        if source.ndim != len(indices):
            raise equation.error(f"{name} has {source.ndim} axes, here {len(indices)} indices", tree)
        shape = source.shape

        def value(where: Where) -> Any:
            position = tuple([index(where) for index in indices])
            for place, size in zip(position, shape, strict=True):
                if not (isinstance(place, int) and 0 <= place < size):
                    raise equation.error(f"{name}[{_listed(position)}] is outside of {name}, shape {shape}", tree)
            return source[position]

        return value

    def _call(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        if tree.value not in self.functions:
            raise self.equations[k].error(f"this page does not say what {tree.value} is", tree)
        function, arguments = self.functions[tree.value], [self.compiled(k, part) for part in tree.parts]
        if len(arguments) == 1:
            only = arguments[0]
            return lambda where: function(only(where))
        return lambda where: function(*[argument(where) for argument in arguments])

    def _negative(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        part = self.compiled(k, tree.parts[0])
        return lambda where: -part(where)

    def _binary(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        left, right = (self.compiled(k, part) for part in tree.parts)
        sign = {"/": self.numbers.divide, "**": self.numbers.power}.get(tree.value) or _SIGNS[tree.value]
        return lambda where: sign(left(where), right(where))

    def _compare(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        signs, parts = [_SIGNS[sign] for sign in tree.value.split()], [self.compiled(k, part) for part in tree.parts]

        def compare(where: Where) -> bool:
            values = [part(where) for part in parts]
            return all(sign(a, b) for sign, a, b in zip(signs, values, values[1:], strict=False))

        return compare

    def _logic(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        parts = [self.compiled(k, part) for part in tree.parts]
        if tree.value == "not":
            return lambda where: not parts[0](where)
        if tree.value == "and":
            return lambda where: all(part(where) for part in parts)
        return lambda where: any(part(where) for part in parts)

    def _if(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        condition, then, otherwise = (self.compiled(k, part) for part in tree.parts)
        return lambda where: then(where) if condition(where) else otherwise(where)

    def _over(self, k: int, tree: Tree) -> Callable[[Where], Any]:
        term = self.compiled(k, tree.parts[0])
        ranges = [(r.value, [self.compiled(k, part) for part in r.parts]) for r in tree.parts[1:]]
        together: Callable[[Any], Any] = _TOGETHER[tree.value]

        def terms(where: Where, left: int) -> Iterator[Any]:
            if left == len(ranges):
                yield term(where)
                return
            index, (first, end, *conditions) = ranges[left]
            inner = dict(where)
            start, stop = first(where), end(where)
            if not (isinstance(start, int) and isinstance(stop, int)):
                raise self.equations[k].error(f"the index {index} runs over whole numbers", tree)
            for inner[index] in range(start, stop):
                if all(condition(inner) for condition in conditions):
                    yield from terms(inner, left + 1)

        return lambda where: together(terms(where, 0))

    def _known(self) -> str:
        names = [*self.given, *(equation.name for equation in self.equations), *self.sizes]
        return f"known are {', '.join(dict.fromkeys(names))}"


class _Entries:
    """The entries that equation k defines, each computed when it is first asked for."""

    def __init__(self, computation: Computation, k: int) -> None:
        self.computation, self.k, self.equation = computation, k, computation.equations[k]
        self.values: dict[tuple[int, ...], Any] = {}
        self.right: Callable[[Where], Any] | None = None

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """How many entries there are along each index."""
        sizes = {index: self.computation.size(self.k, index) for index in self.equation.indices}
        for index, size in sizes.items():
            if size < 0:
                raise self.equation.error(f"the index {index} runs to {size}")
        return tuple(sizes.values())

    def at(self, position: tuple[int, ...]) -> Any:
        """One entry. Raises PageError for one outside, or one that depends on itself."""
        if position in self.values:
            if self.values[position] is _CIRCLE:
                raise self.equation.error(f"{self.equation.name}[{_listed(position)}] depends on itself")
            return self.values[position]
        for place, size in zip(position, self.shape, strict=True):
            if not (isinstance(place, int) and 0 <= place < size):
                raise self.equation.error(f"{self.equation.name}[{_listed(position)}] is outside of shape {self.shape}")
        self.right = self.right or self.computation.compiled(self.k, self.equation.tree)
        self.values[position] = _CIRCLE
        try:
            value = self.right(dict(zip(self.equation.indices, position, strict=True)))
        except PageError:
            raise
        except (ArithmeticError, ValueError) as error:
            what = type(error).__name__ if isinstance(error, ArithmeticError) else error
            raise self.equation.error(f"{what} at {self.equation.name}[{_listed(position)}]") from error
        self.values[position] = value
        return value


def _listed(position: Sequence[Any]) -> str:
    return ", ".join(map(str, position))
