"""Graphs from files, and their edges held out: every damage is a DataError, no pair is in two parts."""

import numpy as np
import pytest

from npvae.data import DataError, Graph, load_graph, split_links
from npvae.data.links import distinct_edges, keys_of

RING = np.array([(n, (n + 1) % 40) for n in range(40)])


def test_a_split_has_every_edge_once_and_no_edge_among_the_others():
    graph = Graph(np.concatenate([RING, RING[:, ::-1], [(3, 3)]]), 50, np.ones((50, 2)), labels=np.arange(50))
    train, valid, test = split_links(graph, 1)
    assert [len(part.edges) for part in (train, valid, test)] == [34, 2, 4]
    keys = np.concatenate([keys_of(part.edges, 50) for part in (train, valid, test)])
    np.testing.assert_array_equal(np.sort(keys), keys_of(distinct_edges(graph), 50))
    others = keys_of(np.concatenate([valid.non_edges, test.non_edges]), 50)
    assert len(np.unique(others)) == len(others) == 6
    assert not np.isin(others, keys).any()
    assert train.sample_shape == valid.sample_shape == (50, 2)
    again, other = split_links(graph, 1), split_links(graph, 2)
    assert np.array_equal(again.test.edges, test.edges)
    assert not np.array_equal(other.test.edges, test.edges)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (Graph(RING[:2]), "2 edges cannot be split"),
        (Graph(np.array([(a, b) for a in range(5) for b in range(a)])), "nearly all pairs"),
    ],
)
def test_a_graph_that_cannot_be_split_is_refused(graph, message):
    with pytest.raises(DataError, match=message):
        split_links(graph)


def test_a_table_of_edges(tmp_path):
    path = tmp_path / "friends.csv"
    path.write_text("\ufeffsource,target,since\n# a comment\nAda,Bob,1999\nBob;Cid\n\nCid\tAda\n", encoding="utf-8")
    graph = load_graph(path)
    assert graph.names == ("Ada", "Bob", "Cid")
    np.testing.assert_array_equal(graph.edges, [(0, 1), (1, 2), (2, 0)])
    path.write_text("10 9\n9 100\n")  # in the order of numbers, not of words
    assert load_graph(path).names == ("9", "10", "100")


def test_arrays_of_edges(tmp_path):
    path = tmp_path / "g.npz"
    np.savez(path, edges=RING, features=np.ones((41, 3), "f4"), labels=np.arange(41))
    assert load_graph(path).sample_shape == (41, 3)
    np.savez(path, edges=RING)
    assert load_graph(path).sample_shape == (40, 0)
    np.savez(path, edges=RING[:2], x_indptr=[0, 1, 1, 3], x_indices=[1, 0, 1], x_shape=[3, 2])
    np.testing.assert_array_equal(load_graph(path).features, [(0, 1), (0, 0), (1, 1)])


def test_cora(shared_data):
    graph = load_graph("cora", shared_data)
    assert graph.sample_shape == (2708, 1433)
    assert len(distinct_edges(graph)) == 5278
    assert graph.features.sum() == 49216


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "holds no edges"), ("a,b\nalone\n", "line 2: 'alone' is no edge"), (b"\xff\xfe\x00", "byte 2 is not UTF-16")],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "g.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        load_graph(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": RING}, "holds x: name the edges"),
        ({"edges": RING.astype(float)}, "edges are float64"),
        ({"edges": RING - 1}, "edges name vertices -1 to 38"),
        ({"edges": RING, "features": np.ones((3, 2))}, "edges name vertices 0 to 39, expected 0 to 2"),
        ({"edges": RING, "features": np.full((40, 2), np.nan)}, "not finite"),
        ({"edges": RING, "labels": np.ones(3)}, "labels have shape"),
        ({"edges": RING[:2], "x_indptr": [0, 1], "x_indices": [5], "x_shape": [3, 2]}, "do not fit together|damaged"),
        ({"edges": RING[:2], "x_indptr": [0], "x_indices": [5], "x_shape": [10**9, 10**9]}, "declares"),
    ],
)
def test_arrays_that_are_no_graph_are_refused(tmp_path, arrays, message):
    path = tmp_path / "g.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        load_graph(path)


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "g.npz"
    np.savez(path, edges=RING)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError):
            load_graph(path)


@pytest.mark.parametrize(("name", "message"), [("corra", "is no graph"), ("cora", "NPVAE_DATA"), ("no.csv", "no such")])
def test_what_is_not_there_is_named(name, message, monkeypatch):
    monkeypatch.delenv("NPVAE_DATA", raising=False)
    with pytest.raises(DataError, match=message):
        load_graph(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.13,0.52\n0.2,0.9\n", "line 1: '0.13,0.52' holds two numbers that are no names, as of a table"),
        ("height,weight\n1.5,2.5\n", "line 2: '1.5,2.5' holds two numbers that are no names"),
        (",".join("0123456789") + "\n", "holds 10 columns without a header line, as of a table"),
        ("a,b\n1.5 0.25 3 4 5 6 7 8 9 10\n", "line 2: .* --model vae; for a graph write one edge per line"),
        ("a,b\n1,\n", "line 2: '1,' is no edge"),
    ],
)
def test_a_table_of_numbers_is_no_graph(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_graph(tmp_path / "t.csv")


def test_names_with_blanks_and_commas_are_names(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text('Jean Valjean,Javert\n"Thénardier, Mme",Jean Valjean\n', encoding="utf-8")
    assert load_graph(path).names == ("Javert", "Jean Valjean", "Thénardier, Mme")


def test_a_header_of_other_words_is_one_where_all_the_rest_are_numbers(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text("id_1,id_2,weight\n3,1,0.5\n2,3,0.7\n", encoding="utf-8")
    graph = load_graph(path)
    assert graph.names == ("1", "2", "3")
    assert graph.note.endswith("2 lines of edges between 3 vertices; left out: 1 column after the first two")
    path.write_text("Ada,Bob\nBob,Cid\n", encoding="utf-8")
    assert len(load_graph(path).edges) == 2


def test_labels_of_a_graph_may_be_text(tmp_path):
    np.savez(tmp_path / "g.npz", edges=RING, labels=np.array(["left", "right"] * 20))
    assert load_graph(tmp_path / "g.npz").labels[:3].tolist() == ["left", "right", "left"]
