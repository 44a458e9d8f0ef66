"""All parameters of a model in one flat array, with a named view for each."""

from collections.abc import Iterator, Mapping

import numpy as np


class Params(Mapping[str, np.ndarray]):
    """Named views into one flat array: `params["encoder.0.W"]` is a part of `params.flat`, not a copy of it.

    Optimisers, norms, checkpoints and gradient checks use `flat`; the mathematics uses the names. Gradients are the
    same kind of thing, with the same names and shapes.

    Raises ValueError for a flat array of another size than the shapes need.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> vae.params["encoder.0.b"][:] = 1.0  # a view into vae.params.flat
        >>> float(vae.params.flat.sum() - sum(each.sum() for each in vae.params.values())) < 1e-3
        True
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], flat: np.ndarray) -> None:
        """Lay out the shapes, in their order, over a 1-d array of exactly the right size.

        An array that kernels cannot write to is copied first: one that is read-only, as joblib maps them from a file,
        or not aligned, not contiguous, or of the other byte order.
        """
        flat = writable(flat)
        sizes = {name: int(np.prod(shape, dtype=int)) for name, shape in shapes.items()}
        if flat.shape != (sum(sizes.values()),):
            raise ValueError(f"params: flat has shape {flat.shape}, the names need ({sum(sizes.values())},)")
        self.flat = flat
        self._views: dict[str, np.ndarray] = {}
        start = 0
        for name, shape in shapes.items():
            self._views[name] = flat[start : start + sizes[name]].reshape(shape)
            start += sizes[name]

    @classmethod
    def zeros(cls, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype) -> "Params":
        """Parameters of the given shapes, all zero."""
        size = sum(int(np.prod(shape, dtype=int)) for shape in shapes.values())
        return cls(shapes, _zeros(size, dtype))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, by name, in order."""
        return {name: view.shape for name, view in self._views.items()}

    def like(self, flat: np.ndarray | None = None) -> "Params":
        """The same names and shapes over another flat array; by default over a new one, not initialised."""
        return Params(self.shapes, np.empty_like(self.flat) if flat is None else flat)

    def __reduce__(self) -> tuple:
        """Copied and pickled as one array with names, so that the names stay views into it."""
        return Params, (self.shapes, self.flat)

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._views[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self._views)}") from None

    def __setitem__(self, name: str, value: np.ndarray) -> None:
        """Copy a value into its place, unless it was computed there to begin with."""
        view = self[name]
        if value is not view:
            view[...] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        rows = "\n".join(f"  {name:<20} {view.shape}" for name, view in self._views.items())
        return f"Params: {self.flat.size:,} numbers, {self.flat.dtype}\n{rows}"


def writable(array: np.ndarray) -> np.ndarray:
    """The array, or a copy if compiled code could not write to it."""
    if array.flags.carray and array.dtype.isnative:
        return array
    own = _zeros(array.size, array.dtype.newbyteorder("=")).reshape(array.shape)
    own[...] = array
    return own


def _zeros(size: int, dtype: np.dtype) -> np.ndarray:
    room = np.zeros(size + 16, dtype)
    start = -room.ctypes.data % 64 // room.itemsize  # on a cache line, where products read it faster
    return room[start : start + size]
