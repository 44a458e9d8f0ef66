"""One contract for all kinds of data: what a batch is, and that the same loop trains on each of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import npvae
from npvae.data import KINDS, Data, DataError, Graph, Images, LabelledImages, Sequences, as_data, minibatches
from npvae.data.contract import arrays_of
from npvae.models import Params
from npvae.training.evaluate import chunks
from npvae.training.training_data import check_same_data, describe

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
LINES = [[3, 1, 2], [7], [5, 5], [2, 2, 2, 2], [9, 1], [4]]
DATA = {
    "rows": RNG.random((6, 3), np.float32),
    "images": Images(PIXELS),
    "sequences": Sequences(LINES),
    "graph": Graph([[0, 1], [1, 2], [2, 3]], features=np.eye(4, dtype=np.float32)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_attributes_of_the_contract(kind):
    data = as_data(DATA[kind], kind)
    assert isinstance(data, Data)
    assert data.kind == kind
    assert as_data(data, kind) is data
    assert len(data) == (1 if kind == "graph" else 6)
    assert isinstance(data.source, str)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_images_are_rows_or_images_with_the_same_bits(dtype):
    images = Images(PIXELS)
    rows, shaped = (as_data(images, kind, dtype) for kind in ("rows", "images"))
    assert (rows.sample_shape, shaped.sample_shape) == ((20,), (4, 5, 1))
    for chosen in (np.array([4, 0, 4]), slice(1, 3), slice(None)):
        batch = shaped.batch(chosen)
        assert (batch.shape[1:], batch.dtype) == ((4, 5, 1), np.dtype(dtype))
        assert batch.flags.c_contiguous
        # Converted from what Images give, and not divided anew: a float64 model trains on the same bits as ever.
        np.testing.assert_array_equal(rows.batch(chosen), images[chosen].astype(dtype))
        np.testing.assert_array_equal(batch.reshape(len(batch), -1), rows.batch(chosen))


def test_arrays_are_rows_by_two_axes_and_images_by_four():
    assert as_data(np.zeros((3, 4))).kind == "rows"
    assert as_data(np.zeros((3, 4, 5, 2))).sample_shape == (4, 5, 2)
    assert as_data(np.zeros((3, 4, 5, 2), "f4"), "images", "f8").batch(slice(1)).dtype == np.float64


def test_data_made_for_one_model_serve_another_of_another_dtype_or_kind():
    single = as_data(Images(PIXELS), "rows", "float32")
    assert as_data(single, "rows", "float64").batch(slice(1)).dtype == np.float64
    assert as_data(single, "images", "float32").batch(slice(1)).shape == (1, 4, 5, 1)


def test_a_batch_may_be_written_into_a_buffer():
    for x in (Images(PIXELS), Images(PIXELS)[:]):
        out = np.full((2, 4, 5, 1), 7, np.float32)
        data = as_data(x, "images") if isinstance(x, Images) else as_data(x.reshape(6, 4, 5, 1))
        assert np.shares_memory(data.batch(np.array([3, 1]), out), out)
        np.testing.assert_array_equal(out, PIXELS[[3, 1], ..., np.newaxis] / np.float32(255))


def test_sequences_are_padded_to_the_longest_of_the_batch():
    batch = Sequences(LINES).batch(np.array([0, 1, 2]))
    np.testing.assert_array_equal(batch.ids, [[3, 1, 2], [7, 0, 0], [5, 5, 0]])
    np.testing.assert_array_equal(batch.lengths, [3, 1, 2])
    assert len(batch) == 3
    np.testing.assert_array_equal(Sequences(LINES).batch(slice(1, 2)).ids, [[7]])
    np.testing.assert_array_equal(Sequences(LINES).lengths, list(map(len, LINES)))


@pytest.mark.parametrize("ids", [[], [[1], []], [[1.5]], [[-1]], [[[1]]], [["a"]]], ids=repr)
def test_sequences_that_cannot_be_used_are_refused(ids):
    with pytest.raises(DataError, match=r"lines\.txt: (no sequences|sequence \d is)"):
        Sequences(ids, source="lines.txt")


def test_graphs_that_cannot_be_used_are_refused():
    for edges, vertices, features in [
        (np.zeros((0, 2), int), None, None),
        ([[0, 1, 2]], None, None),
        ([[0.0, 1.0]], None, None),
        ([[0, 5]], 4, None),
        ([[-1, 0]], None, None),
        ([[0, 1]], None, np.eye(3)),
        ([[0, 1]], None, np.zeros(2)),
    ]:
        with pytest.raises(DataError, match=r"^a\.csv: (edges|features)"):
            Graph(edges, vertices, features, source="a.csv")


REFUSED = {
    "an unknown kind": (lambda: as_data(np.zeros((2, 2)), "tables"), "of kind 'tables' are unknown, expected one of"),
    "lines for images": (lambda: as_data(DATA["sequences"], "images"), "of kind sequences, the model takes images"),
    "an array for a graph": (lambda: as_data(np.zeros((2, 2)), "graph"), r"shape \(2, 2\), the model takes .* graph"),
    "images for rows": (lambda: as_data(np.zeros((2, 2, 2, 1)), "rows"), r"expected \(N, D\): reshape it"),
    "rows for images": (
        lambda: as_data(np.zeros((2, 4)), "images"),
        r"expected \(N, H, W, C\): .* image_shape=\(H, W\)",
    ),
    "labelled rows": (
        lambda: as_data(LabelledImages(Images(PIXELS, np.zeros(6, int)), 2), "images"),
        r"rows of 22 numbers are not images of \(4, 5, 1\)",
    ),
    "integers": (lambda: as_data(np.zeros((2, 2), int)), "int64, expected floats"),
    "no rows": (lambda: as_data(np.zeros((0, 2))), "no rows"),
    "a list": (lambda: as_data([[0.0]]), "x is list"),
    "a buffer for lines": (lambda: minibatches(DATA["sequences"], 2, out=np.zeros((2, 2))), "are no arrays: leave it"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_data_of_another_kind_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Toy:
    """A model with one parameter that takes data of any kind: the loss is (w - mean of the batch's numbers)²."""

    history = ()

    def __init__(self, takes):
        self.takes, self.dtype, self.input_dim = takes, np.dtype("float32"), 3
        self.params = Params.zeros({"w": (1,)}, self.dtype)
        self.config = {"backend": "numpy"}
        self.likelihood = SimpleNamespace(check=lambda x: None)
        self.seen = []

    def draw_eps(self, n, rng):
        return None

    def forward(self, x, eps, ops=None):
        self.seen.append(x)
        n = 1 if isinstance(x, Graph) else len(x)
        error = float(self.params["w"][0]) - float(np.mean(np.concatenate([a.ravel() for a in arrays_of(x)])))
        trace = SimpleNamespace(nll=np.full(n, error**2), kl=np.zeros(n), error=error)
        return error**2, trace

    def backward(self, trace):
        grads = self.params.like()
        grads["w"][0] = 2 * trace.error
        return grads


@pytest.mark.parametrize("kind", KINDS)
def test_the_one_loop_trains_on_every_kind(kind):
    model = npvae.train(Toy(kind), DATA[kind], DATA[kind], epochs=3, batch_size=4, progress=False)
    assert model.params["w"][0] != 0
    assert [row["epoch"] for row in model.history] == [1, 2, 3]
    assert model.history[-1]["test_loss"] is not None
    first = model.seen[0]
    assert {"rows": 2, "images": 4}.get(kind, 0) == getattr(first, "ndim", 0)
    assert list(chunks(DATA[kind], 4, model.dtype, kind))


def test_a_model_built_for_another_shape_refuses_the_data():
    model = Toy("images")
    model.sample_shape = (5, 4, 1)
    with pytest.raises(ValueError, match=r"x_train: samples have shape \(4, 5, 1\), .* built for \(5, 4, 1\)"):
        npvae.train(model, DATA["images"], progress=False)


def test_a_resumed_run_notices_other_data_of_every_kind():
    others = {
        "rows": DATA["rows"] + 1,
        "images": Images(255 - PIXELS),
        "sequences": Sequences([[3, 1, 2, 0], *LINES[1:]]),  # an id of 0 is not padding
        "graph": Graph([[0, 1], [1, 2], [1, 3]], features=np.eye(4, dtype=np.float32)),
    }
    for kind, data in DATA.items():
        before = describe(data, None, None)
        check_same_data(before, describe(data, None, None))
        with pytest.raises(ValueError, match=r"resume: x_train is .* checksum .*, the run was started with .*"):
            check_same_data(before, describe(others[kind], None, None))
    assert describe(as_data(DATA["images"], "images"), None, None) == describe(DATA["images"], None, None)
