"""Truths about the ops of sequences: one-hot products, limits of the gates, padding, PyTorch, sums to 1."""

from itertools import product

import numpy as np
import pytest

from npvae import ops

N, T, E, H, V = 5, 7, 3, 4, 6
LENGTHS = np.array([7, 3, 1, 5, 3])


def gru_inputs(rng, lengths=LENGTHS, T=T, E=E, H=H, scale=1.0):
    N = len(lengths)
    shapes = ((N, T, E), (N, H)), ((E, 3 * H), (H, 3 * H), (3 * H,), (3 * H,))
    x, h0 = (rng.standard_normal(s) for s in shapes[0])
    return x, h0, np.asarray(lengths), *(scale * rng.standard_normal(s) for s in shapes[1])


def gru_gradients(inputs, dh):
    h, cache = ops.gru_forward(*inputs)
    return h, ops.gru_backward(dh, cache)


def open_gate(bias, H, *, reset=None, update=None):
    """The biases of a GRU whose gates are held at 0 or 1: 1e3 saturates every sigmoid exactly."""
    bias = bias.copy()
    for part, value in ((slice(0, H), reset), (slice(H, 2 * H), update)):
        if value is not None:
            bias[part] = 1e3 if value else -1e3
    return bias


# embedding, word dropout, last state


def test_embedding_is_the_product_with_one_hot_rows():
    rng = np.random.default_rng(0)
    ids, table, dy = rng.integers(0, V, (N, T)), rng.standard_normal((V, E)), rng.standard_normal((N, T, E))
    y, cache = ops.embedding_forward(ids, table)
    one_hot = np.eye(V)[ids].reshape(N * T, V)
    np.testing.assert_array_equal(y.reshape(N * T, E), one_hot @ table)
    np.testing.assert_allclose(ops.embedding_backward(dy, cache), one_hot.T @ dy.reshape(N * T, E), atol=1e-14)


def test_a_letter_that_stands_everywhere_gets_the_sum_of_all_gradients():
    _, cache = ops.embedding_forward(np.full((N, T), 2), np.zeros((V, E)))
    dtable = ops.embedding_backward(np.ones((N, T, E)), cache)
    np.testing.assert_array_equal(dtable, N * T * (np.arange(V) == 2)[:, None] * np.ones(E))


def test_word_dropout_of_all_letters_lets_no_letter_through():
    rng = np.random.default_rng(1)
    x, unknown, dy = rng.standard_normal((N, T, E)), rng.standard_normal(E), rng.standard_normal((N, T, E))
    for keep, letters, hidden in ((np.ones((N, T), bool), 1, 0), (np.zeros((N, T), bool), 0, 1)):
        y, cache = ops.word_dropout_forward(x, keep, unknown)
        np.testing.assert_array_equal(y, letters * x + hidden * unknown)
        dx, dunknown = ops.word_dropout_backward(dy, cache)
        np.testing.assert_array_equal(dx, letters * dy)
        np.testing.assert_allclose(dunknown, hidden * dy.sum(axis=(0, 1)))


def test_the_last_state_is_that_of_the_last_letter_and_is_carried_to_the_end():
    x, h0, lengths, *weights = gru_inputs(np.random.default_rng(2))
    h, _ = ops.gru_forward(x, h0, lengths, *weights)
    last, _ = ops.last_state_forward(h, lengths)
    np.testing.assert_array_equal(last, h[:, -1])
    for n, length in enumerate(lengths):
        alone, _ = ops.gru_forward(x[[n], :length], h0[[n]], lengths[[n]], *weights)
        np.testing.assert_allclose(last[n], alone[0, -1], rtol=1e-14, atol=1e-15)


# the recurrence


def test_one_step_from_zero_is_the_closed_form():
    """T = 1, h0 = 0, bh = 0: nothing of Wh is left, h = (1 - z) c."""
    x, h0, lengths, Wx, Wh, bx, bh = gru_inputs(np.random.default_rng(3), lengths=[1] * N, T=1)
    h, _ = ops.gru_forward(x, 0 * h0, lengths, Wx, Wh, bx, 0 * bh)
    z = 1 / (1 + np.exp(-(x[:, 0] @ Wx[:, H : 2 * H] + bx[H : 2 * H])))
    c = np.tanh(x[:, 0] @ Wx[:, 2 * H :] + bx[2 * H :])
    np.testing.assert_allclose(h[:, 0], (1 - z) * c, rtol=1e-13)


def test_an_update_gate_of_one_is_the_identity_at_any_length():
    rng = np.random.default_rng(4)
    x, h0, lengths, Wx, Wh, bx, bh = gru_inputs(rng, lengths=[40] * N, T=40)
    dh = rng.standard_normal((N, 40, H))
    h, (dx, dh0, *dweights) = gru_gradients((x, h0, lengths, Wx, Wh, open_gate(bx, H, update=1), bh), dh)
    np.testing.assert_array_equal(h, np.broadcast_to(h0[:, None], h.shape))
    np.testing.assert_array_equal(dh0, np.add.accumulate(dh[:, ::-1], axis=1)[:, -1])  # the sum, from the last step
    assert not any(gradient.any() for gradient in (dx, *dweights))


def test_without_gates_the_gradient_is_the_product_of_the_jacobians():
    """r = 1, z = 0: the plain recurrence h = tanh(x Wx + h Wh + b), of Jacobian diag(1 - h**2) Whᵀ."""
    rng = np.random.default_rng(5)
    x, h0, lengths, Wx, Wh, bx, bh = gru_inputs(rng, lengths=[T] * N, scale=0.5)
    dh = np.zeros((N, T, H))
    dh[:, -1] = rng.standard_normal((N, H))
    h, (_, dh0, *_) = gru_gradients((x, h0, lengths, Wx, Wh, open_gate(bx, H, reset=1, update=0), bh), dh)
    plain = h0
    for n in range(N):
        jacobian = np.eye(H)
        for t in range(T):
            jacobian = np.diag(1 - h[n, t] ** 2) @ Wh[:, 2 * H :].T @ jacobian
        np.testing.assert_allclose(dh0[n], dh[n, -1] @ jacobian, rtol=1e-12)
    for t in range(T):
        plain = np.tanh(x[:, t] @ Wx[:, 2 * H :] + bx[2 * H :] + plain @ Wh[:, 2 * H :] + bh[2 * H :])
        np.testing.assert_allclose(h[:, t], plain, rtol=1e-13)


def test_gru_is_its_cell_step_by_step():
    x, h0, lengths, *weights = gru_inputs(np.random.default_rng(6), lengths=[T] * N)
    h, _ = ops.gru_forward(x, h0, lengths, *weights)
    state = h0
    for t in range(T):
        state, _ = ops.gru_cell_forward(x[:, t], state, *weights)
        np.testing.assert_array_equal(h[:, t], state)


@pytest.mark.parametrize("backend", ["ops", "kernels"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_padding_is_invisible_to_the_last_bit(backend, dtype):
    """More padding, whatever stands in it, changes nothing; its own gradient is exactly 0."""
    room = ops if backend == "ops" else pytest.importorskip("npvae.kernels")
    rng = np.random.default_rng(7)
    x, h0, lengths, *weights = (a.astype(dtype) if a.dtype.kind == "f" else a for a in gru_inputs(rng))
    W = rng.standard_normal((H, V)).astype(dtype)
    labels = rng.integers(0, V, (N, T))

    def run(x, labels):
        h, gru_cache = room.gru_forward(x, h0, lengths, *weights)
        nll, nll_cache = room.masked_categorical_nll_forward(h @ W, labels, lengths)
        dlogits = room.masked_categorical_nll_backward(np.ones_like(nll), nll_cache)
        return h, nll, dlogits, *room.gru_backward(dlogits @ W.T, gru_cache)

    h, nll, dlogits, dx, *rest = run(x, labels)
    wide = np.pad(x, ((0, 0), (0, 9), (0, 0)))
    is_padding = np.arange(T + 9) >= lengths[:, None]
    wide[is_padding] = np.nan
    h_, nll_, dlogits_, dx_, *rest_ = run(wide, np.pad(labels, ((0, 0), (0, 9)), constant_values=-7))
    for found, wanted in zip(
        (h_[:, :T], nll_, dlogits_[:, :T], dx_[:, :T], *rest_), (h, nll, dlogits, dx, *rest), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    assert not dx_[is_padding].any()
    assert not dlogits_[is_padding].any()


def test_a_batch_is_the_sum_of_its_sequences_alone():
    rng = np.random.default_rng(8)
    x, h0, lengths, *weights = gru_inputs(rng)
    dh = rng.standard_normal((N, T, H))
    _, (dx, dh0, *dweights) = gru_gradients((x, h0, lengths, *weights), dh)
    total = [np.zeros_like(w) for w in weights]
    for n, length in enumerate(lengths):
        own = dh[[n], :length].copy()
        own[:, -1] += dh[n, length:].sum(axis=0)  # where the state is carried on, the gradient comes back
        _, (dx_n, dh0_n, *of_one) = gru_gradients((x[[n], :length], h0[[n]], lengths[[n]], *weights), own)
        np.testing.assert_allclose(dx[n, :length], dx_n[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(dh0[n], dh0_n[0], rtol=1e-11, atol=1e-13)
        total = [t + more for t, more in zip(total, of_one, strict=True)]
    for found, wanted in zip(dweights, total, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_gru_is_torchs(layers):
    """torch.nn.GRU on a packed batch, in float64: states, and gradients of everything, of layers upon each other."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    lengths = LENGTHS
    stack, width = [], E
    for _ in range(layers):
        stack.append(gru_inputs(rng, E=width)[1:])
        width = H
    x, dh = rng.standard_normal((N, T, E)), rng.standard_normal((N, T, H))
    dh[np.arange(T) >= lengths[:, None]] = 0  # PyTorch has no states there

    gru = torch.nn.GRU(E, H, num_layers=layers, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for layer, (_, _, Wx, Wh, bx, bh) in enumerate(stack):
            for name, value in (("weight_ih", Wx.T), ("weight_hh", Wh.T), ("bias_ih", bx), ("bias_hh", bh)):
                getattr(gru, f"{name}_l{layer}").copy_(torch.from_numpy(np.ascontiguousarray(value)))
    tx = torch.tensor(x, requires_grad=True)
    th0 = torch.tensor(np.stack([h0 for h0, *_ in stack]), requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(tx, lengths, batch_first=True, enforce_sorted=False)
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(gru(packed, th0)[0], batch_first=True)
    out.backward(torch.from_numpy(dh))

    h, caches = x, []
    for h0, _, *weights in stack:
        h, cache = ops.gru_forward(h, h0, lengths, *weights)
        caches.append(cache)
    running = np.arange(T) < lengths[:, None]
    np.testing.assert_allclose(h[running], out.detach().numpy()[running], atol=1e-12)
    dx = dh
    for layer in reversed(range(layers)):
        dx, dh0, dWx, dWh, dbx, dbh = ops.gru_backward(dx, caches[layer])
        for found, wanted in (
            (dh0, th0.grad[layer]),
            (dWx.T, getattr(gru, f"weight_ih_l{layer}").grad),
            (dWh.T, getattr(gru, f"weight_hh_l{layer}").grad),
            (dbx, getattr(gru, f"bias_ih_l{layer}").grad),
            (dbh, getattr(gru, f"bias_hh_l{layer}").grad),
        ):
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-12, atol=1e-12)


# probabilities


def test_a_sequence_costs_what_its_letters_cost_together():
    rng = np.random.default_rng(10)
    logits, labels = rng.standard_normal((N, T, V)), rng.integers(0, V, (N, T))
    nll, _ = ops.masked_categorical_nll_forward(logits, labels, LENGTHS)
    for n, length in enumerate(LENGTHS):
        alone, _ = ops.categorical_nll_forward(logits[[n], :length], labels[[n], :length])
        np.testing.assert_allclose(nll[n], alone[0], rtol=1e-13)
    nothing, _ = ops.masked_categorical_nll_forward(logits, labels, np.zeros(N, int))
    np.testing.assert_array_equal(nothing, 0)


def test_the_probabilities_of_all_strings_add_to_one():
    """Over 3 letters and an end: all strings of at most 3 letters, and those that go on, under one GRU."""
    rng = np.random.default_rng(11)
    end, letters, most = 0, (1, 2, 3), 3
    table, W = rng.standard_normal((4, E)), rng.standard_normal((H, 4))
    _, h0, _, *weights = gru_inputs(rng, lengths=[1])
    strings = [s for n in range(most + 1) for s in product(letters, repeat=n)]
    rows = [(*s, end) for s in strings] + list(product(letters, repeat=most + 1))  # the last ones are prefixes
    labels = np.zeros((len(rows), most + 1), int)
    for row, label in zip(rows, labels, strict=True):
        label[: len(row)] = row
    lengths = np.array([len(row) for row in rows])
    read = np.pad(labels[:, :-1], ((0, 0), (1, 0)))  # the letter before; the end stands for the start
    x, _ = ops.embedding_forward(read, table)
    h, _ = ops.gru_forward(x, np.repeat(h0, len(rows), axis=0), lengths, *weights)
    nll, _ = ops.masked_categorical_nll_forward(h @ W, labels, lengths)
    assert np.exp(-nll).sum() == pytest.approx(1, abs=1e-13)
