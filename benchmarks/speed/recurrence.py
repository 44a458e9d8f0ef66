"""How fast is a GRU, forward and backward, against torch.nn.GRU (packed and padded), JAX's scan and the products alone?

And how fast a whole training step of a language model of names, against PyTorch eager with fused Adam?

    python benchmarks/speed/recurrence.py [--names FILE] [--threads N] [--rounds N] [--json FILE]

Batches of 64 names (their letters and an end), inputs of 32 numbers, float32, H = 128 and 256. Without a file of names,
lengths are drawn like those of names. Each contender is compared with the NumPy page before it is timed; all of them
take turns in one process, over the same batches, and what is given is milliseconds per batch. Packed, PyTorch computes
no padding; padded, it computes every sequence to the end of the longest, as code without pack_padded_sequence does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rounds import interleaved, machine, ratio, summary, table, use_threads, write_json

from npvae import kernels, ops
from npvae.kernels.team import pools

N, E, BATCHES = 64, 32, 8
SIZES = (128, 256)
LIKE_NAMES = {3: 0.02, 4: 0.05, 5: 0.13, 6: 0.22, 7: 0.24, 8: 0.17, 9: 0.09, 10: 0.05, 11: 0.02, 12: 0.01}
Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # x, h0, lengths, dh


class Buffers:
    """Arrays used again call after call, as a training step uses them."""

    def __init__(self) -> None:
        self.made: list[np.ndarray] = []
        self.next = 0

    def new(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The next array; another one only if it has another shape."""
        at, self.next = self.next, self.next + 1
        if at == len(self.made):
            self.made.append(np.empty(shape, dtype))
        if self.made[at].shape != shape:
            self.made[at] = np.empty(shape, dtype)
        return self.made[at]


def lengths_of(names: Path | None, rng: np.random.Generator) -> np.ndarray:
    """Letters and an end, of BATCHES * N names."""
    if names is None:
        sizes, shares = list(LIKE_NAMES), np.array(list(LIKE_NAMES.values()))
        return rng.choice(sizes, size=(BATCHES, N), p=shares / shares.sum())
    known = [len(name) + 1 for name in names.read_text(encoding="utf-8").split()]
    return rng.choice(known, size=(BATCHES, N))


def batches(lengths: np.ndarray, H: int, rng: np.random.Generator) -> list[Batch]:
    """Random inputs and gradients of the size of each batch; no gradient comes back to padding."""
    made = []
    for row in lengths:
        T = int(row.max())
        dh = rng.standard_normal((N, T, H), dtype=np.float32) * (np.arange(T) < row[:, None])[:, :, None]
        made.append((rng.standard_normal((N, T, E), dtype=np.float32), np.zeros((N, H), np.float32), row, dh))
    return made


def weights_of(H: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Wx, Wh, bx, bh as PyTorch draws them: uniform in +-1 / sqrt(H)."""
    return tuple(
        rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(H))
        for shape in ((E, 3 * H), (H, 3 * H), (3 * H,), (3 * H,))
    )


def npvae_pair(room: Any, weights: tuple, buffered: bool) -> Callable[[Batch], tuple]:
    """Forward and backward by npvae."""
    buffers = Buffers()
    keywords = {"new": buffers.new} if buffered else {}

    def run(batch: Batch) -> tuple:
        x, h0, lengths, dh = batch
        buffers.next = 0
        h, cache = room.gru_forward(x, h0, lengths, *weights, **keywords)
        return h, *room.gru_backward(dh, cache, **keywords)

    return run


def torch_pair(weights: tuple, packed: bool) -> Callable[[Batch], tuple]:
    """Forward and backward by torch.nn.GRU."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    H = len(weights[1])
    gru = torch.nn.GRU(E, H, batch_first=True)
    own = gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0
    with torch.no_grad():
        for parameter, value in zip(own, weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value.T)))

    def run(batch: Batch) -> tuple:
        x, h0, lengths, dh = batch
        gru.zero_grad(set_to_none=True)
        tx, th0 = torch.from_numpy(x).requires_grad_(), torch.from_numpy(h0[None]).requires_grad_()
        if packed:
            given = pack_padded_sequence(tx, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False)
            h, _ = pad_packed_sequence(gru(given, th0)[0], batch_first=True)
        else:
            h, _ = gru(tx, th0)
        h.backward(torch.from_numpy(dh))
        dWx, dWh, dbx, dbh = (p.grad.numpy().T for p in own if p.grad is not None)
        assert tx.grad is not None
        assert th0.grad is not None
        return h.detach().numpy(), tx.grad.numpy(), th0.grad.numpy()[0], dWx, dWh, dbx, dbh

    return run


def jax_pair(weights: tuple, T: int) -> Callable[[Batch], tuple]:
    """Forward and backward by jax.lax.scan, compiled once for batches padded to T."""
    import jax
    import jax.numpy as jnp

    def forward(x, h0, lengths, Wx, Wh, bx, bh):  # type: ignore[no-untyped-def]
        def step(s, at):  # type: ignore[no-untyped-def]
            ax, t = at
            a, b = jnp.split(ax, 3, axis=1), jnp.split(s @ Wh + bh, 3, axis=1)
            r, z = jax.nn.sigmoid(a[0] + b[0]), jax.nn.sigmoid(a[1] + b[1])
            h = (1 - z) * jnp.tanh(a[2] + r * b[2]) + z * s
            h = jnp.where((t < lengths)[:, None], h, s)
            return h, h

        ax = jnp.swapaxes(x @ Wx + bx, 0, 1)
        return jnp.swapaxes(jax.lax.scan(step, h0, (ax, jnp.arange(x.shape[1])))[1], 0, 1)

    @jax.jit
    def both(x, h0, lengths, dh, *weights):  # type: ignore[no-untyped-def]
        h, back = jax.vjp(lambda x, h0, *w: forward(x, h0, lengths, *w), x, h0, *weights)
        return h, *back(dh)

    def run(batch: Batch) -> tuple:
        x, h0, lengths, dh = batch
        more = ((0, 0), (0, T - x.shape[1]), (0, 0))
        return tuple(np.asarray(a) for a in both(np.pad(x, more), h0, lengths, np.pad(dh, more), *weights))

    return run


def products_alone(weights: tuple) -> Callable[[Batch], tuple]:
    """The products of the recurrence on existing arrays, without anything between them: a bound for any GRU."""
    Wx, Wh = weights[0], weights[1]
    H = len(Wh)
    turned = np.ascontiguousarray(Wh.T)
    room = np.ones((N * 16, 3 * H), np.float32), np.ones((N * 16, H), np.float32), np.ones((N * 16, E), np.float32)

    def run(batch: Batch) -> tuple:
        lengths = batch[2]
        counts = (np.arange(lengths.max()) < lengths[:, None]).sum(axis=0)
        S = counts.sum()
        a, s, x = (array[:S] for array in room)
        out = np.empty((N, 3 * H), np.float32), np.empty((N, H), np.float32)
        np.matmul(x, Wx, out=a)
        for count in counts:
            np.matmul(s[:count], Wh, out=out[0][:count])
        for count in counts:
            np.matmul(a[:count], turned, out=out[1][:count])
        return a @ Wx.T, x.T @ a, s.T @ a

    return run


def whole_steps(H: int, names: Path | None, rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    """A training step of the same language model: embedding, GRU, dense, cost of letters, Adam. Over all batches."""
    import npvae
    from npvae.models import LanguageModel
    from npvae.steps import Step

    lengths = lengths_of(names, rng) - 1  # without the end, which the model adds
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    lines = ["".join(rng.choice(list(alphabet), n)) for n in lengths.ravel()]
    text = npvae.data.Text(lines, alphabet)
    made = [text.batch(slice(i * N, (i + 1) * N)) for i in range(BATCHES)]
    model = LanguageModel(alphabet, text.max_length, hidden_dim=H, embedding_dim=E)
    step, adam = Step(model, N), npvae.Adam(model.params, lr=2e-3)

    def ours() -> None:
        for x in made:
            _, trace = step.forward(x, None)
            adam.step(step.backward(trace))

    found: dict[str, Callable[[], object]] = {"npvae": ours}
    try:
        import torch
    except ImportError:
        return found
    from torch import nn
    from torch.nn import functional as F
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    for packed in (True, False):
        parts = nn.ModuleList([nn.Embedding(27, E), nn.GRU(E, H, batch_first=True), nn.Linear(H, 27)])
        fused = torch.optim.Adam(parts.parameters(), lr=2e-3, fused=True)

        def theirs(packed: bool = packed, parts: Any = parts, fused: Any = fused) -> None:
            for x in made:
                ids, count = torch.from_numpy(x.ids), torch.from_numpy(x.lengths) + 1
                e = parts[0](F.pad(ids, (1, 0)))
                if packed:
                    h, _ = parts[1](pack_padded_sequence(e, count, batch_first=True, enforce_sorted=False))
                    h, _ = pad_packed_sequence(h, batch_first=True)
                else:
                    h, _ = parts[1](e)
                nll = F.cross_entropy(parts[2](h).transpose(1, 2), F.pad(ids, (0, 1)), reduction="none")
                loss = (nll * (torch.arange(nll.shape[1]) < count[:, None])).sum() / N
                fused.zero_grad()
                loss.backward()
                fused.step()

        found[f"torch {'packed' if packed else 'padded'}"] = theirs
    return found


def contenders(torch: object, made: list[Batch], weights: tuple) -> dict[str, Callable[[Batch], tuple]]:
    """By name; those that are not installed are left out, torch if it is None."""
    found = {
        "npvae": npvae_pair(kernels, weights, buffered=True),
        "npvae, new arrays": npvae_pair(kernels, weights, buffered=False),
        "npvae, NumPy page": npvae_pair(ops, weights, buffered=False),
        "products alone": products_alone(weights),
    }
    if torch is not None:
        found |= {f"torch {way}": torch_pair(weights, packed=way == "packed") for way in ("packed", "padded")}
    else:
        print("torch is not installed: left out")
    try:
        import jax  # noqa: F401

        found["jax scan"] = jax_pair(weights, max(batch[0].shape[1] for batch in made))
    except ImportError:
        print("jax is not installed: left out")
    return found


def validate(found: dict[str, Callable[[Batch], tuple]], batch: Batch) -> None:
    """Every contender against the NumPy page, states where there are letters and gradients of everything."""
    lengths, T = batch[2], batch[0].shape[1]
    is_letter = np.arange(T) < lengths[:, None]
    wanted = found["npvae, NumPy page"](batch)
    for name, call in found.items():
        if name == "products alone":
            continue
        h, dx, *rest = call(batch)
        np.testing.assert_allclose(h[:, :T][is_letter], wanted[0][is_letter], atol=1e-5, err_msg=name)
        for a, b in zip((dx[:, :T], *rest), wanted[1:], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4 * np.abs(b).max(), err_msg=name)


def main() -> None:
    """Validate, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--names", type=Path, help="a file with one name per line")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch = use_threads(args.threads)
    rng = np.random.default_rng(0)
    lengths = lengths_of(args.names, rng)
    results: dict[str, Any] = {}
    print(machine(), f"products by {pools.PRODUCTS}, {args.threads} thread(s)")
    for H in SIZES:
        weights = weights_of(H, rng)
        made = batches(lengths, H, rng)
        found = contenders(torch, made, weights)
        validate(found, made[0])

        def all_batches(call: Callable[[Batch], tuple], made: list[Batch] = made) -> Callable[[], object]:
            return lambda: [call(batch) for batch in made]

        times = interleaved({name: all_batches(call) for name, call in found.items()}, args.rounds, calls=3)
        rows = summary({name: [t / BATCHES for t in each] for name, each in times.items()})
        print(f"\nH = {H}, {lengths.mean():.2f} letters of at most {lengths.max()}, ms per batch of {N}")
        print(table(rows, "ms", ["torch packed", "torch padded", "products alone"]))
        results[f"H={H}"] = rows
        if "torch packed" in rows:
            best = min(("torch packed", "torch padded"), key=lambda name: rows[name]["median"])
            print(f"npvae / the faster of PyTorch's ({best}): {ratio(rows, 'npvae', best):.3f}")
        steps = whole_steps(H, args.names, rng)
        times = interleaved(steps, args.rounds, calls=3)
        rows = summary({name: [t / BATCHES for t in each] for name, each in times.items()})
        print(f"\na whole step of a language model, H = {H}, ms per batch of {N}")
        print(table(rows, "ms", ["torch packed", "torch padded"]))
        results[f"step, H={H}"] = rows
    write_json(args.json, results)


if __name__ == "__main__":
    main()
