"""Whoever sees one letter can do no better than count pairs: there every gradient of the ops of sequences is 0."""

import numpy as np
import pytest

from npvae import ops


def bigrams(names):
    """Every name between two ends (symbol 0): letters read (N, T), letters to predict (N, T), lengths (N,)."""
    lengths = np.array([len(name) + 1 for name in names])
    labels = np.zeros((len(names), lengths.max()), int)
    for row, name in zip(labels, names, strict=True):
        row[: len(name)] = [ord(letter) - ord("a") + 1 for letter in name]
    return np.pad(labels[:, :-1], ((0, 0), (1, 0))), labels, lengths


def best_logits(read, labels, lengths):
    """The log of the counts of all pairs; -1e4 for those that never occur."""
    counts, is_letter = np.zeros((27, 27)), np.arange(labels.shape[1]) < lengths[:, None]
    np.add.at(counts, (read[is_letter], labels[is_letter]), 1)
    return np.where(counts > 0, np.log(np.maximum(counts, 1)), -1e4), int((counts == 0).sum())


def table_model(read, labels, lengths, table, W, b):
    """Embedding, then a dense map: nats per letter and all gradients, 2,000 names at once."""
    loss, gradients, letters = 0.0, [0.0, 0.0, 0.0], lengths.sum()
    for start in range(0, len(read), 2000):
        rows = slice(start, start + 2000)
        x, x_cache = ops.embedding_forward(read[rows], table)
        logits, cache = ops.dense_forward(x.reshape(-1, table.shape[1]), W, b)
        nll, nll_cache = ops.masked_categorical_nll_forward(
            logits.reshape(*read[rows].shape, -1), labels[rows], lengths[rows]
        )
        loss += nll.sum() / letters
        dlogits = ops.masked_categorical_nll_backward(np.full(len(nll), 1 / letters), nll_cache)
        dx, dW, db = ops.dense_backward(dlogits.reshape(logits.shape), cache)
        dtable = ops.embedding_backward(dx.reshape(x.shape), x_cache)
        gradients = [total + more for total, more in zip(gradients, (dtable, dW, db), strict=True)]
    return loss, gradients


def test_counting_is_the_optimum_of_the_model_that_sees_one_letter(shared_data):
    """On all 32,033 names: 2.4540145 nats per letter, and not one gradient is other than 0."""
    names = (shared_data / "names" / "names.txt").read_text().split()
    pairs = bigrams(names)
    table, never = best_logits(*pairs)
    loss, gradients = table_model(*pairs, table, np.eye(27), np.zeros(27))
    assert never == 102
    assert loss == pytest.approx(2.4540145, abs=5e-8)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-12)


SOME_NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "anna", "lea", "noah", "liam", "a"] * 3


def test_counting_is_the_optimum_on_any_names():
    pairs = bigrams(SOME_NAMES)
    table, _ = best_logits(*pairs)
    loss, gradients = table_model(*pairs, table, np.eye(27), np.zeros(27))
    worse, _ = table_model(
        *pairs, table + 0.1 * np.random.default_rng(12).standard_normal(table.shape), np.eye(27), np.zeros(27)
    )
    assert loss < worse
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_at_the_optimum_of_one_letter_only_memory_has_a_gradient():
    """A GRU that forgets (z = 0, Wh = 0) and counts pairs: all is 0 but dWh, which would look at the letter before."""
    read, labels, lengths = bigrams(SOME_NAMES)
    table, _ = best_logits(read, labels, lengths)
    size = np.tanh(1.0)
    Wx, Wh = np.zeros((27, 81)), np.zeros((27, 81))
    Wx[:, 54:] = np.eye(27)  # c = tanh(one hot)
    bias = np.repeat([0.0, -1e3, 0.0], 27)  # the update gate is 0, exactly
    x, x_cache = ops.embedding_forward(read, np.eye(27))
    h, h_cache = ops.gru_forward(x, np.zeros((len(x), 27)), lengths, Wx, Wh, bias, np.zeros(81))
    logits = h @ (table / size)
    nll, nll_cache = ops.masked_categorical_nll_forward(logits, labels, lengths)
    wanted, _ = table_model(read, labels, lengths, table, np.eye(27), np.zeros(27))
    assert nll.sum() / lengths.sum() == pytest.approx(wanted, rel=1e-12)
    dlogits = ops.masked_categorical_nll_backward(np.full(len(nll), 1 / lengths.sum()), nll_cache)
    dx, _, dWx, dWh, dbx, dbh = ops.gru_backward(dlogits @ (table / size).T, h_cache)
    for gradient in (ops.embedding_backward(dx, x_cache), dWx, dbx, dbh):
        np.testing.assert_allclose(gradient, 0, atol=1e-11)
    assert np.abs(dWh).max() > 1e-3
