"""Text as editors and spreadsheets save it: by its byte order mark, or an error that says which encoding was found."""

import gzip

import numpy as np
import pytest

from npvae.data import DataError, load_dataset, load_graph, load_sequences

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}  # Python writes a mark where the order is not said


def saved(path, text, encoding, zipped=False):
    content = MARKS.get(encoding, b"") + text.encode(encoding)
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_text_file_is_read_by_its_mark(tmp_path, encoding):
    edges = saved(tmp_path / "g.csv", "source,target\nJosé,Ada\nAda,민수\n", encoding)
    assert load_graph(edges).names == ("Ada", "José", "민수")
    lines = saved(tmp_path / "names.txt", "José\nAda\n", encoding)
    assert load_sequences(lines)[0][:] == ["José", "Ada"]
    for zipped in (False, True):
        name = "t.csv.gz" if zipped else "t.csv"
        train, test = load_dataset(saved(tmp_path / name, "é,b\n0.5,0.25\n1,0\n", encoding, zipped))
        assert train.columns == ("é", "b")
        np.testing.assert_array_equal(np.sort(np.concatenate([train[:], test[:]]), axis=0), [[0.5, 0], [1, 0.25]])


DOORS = {"g.csv": load_graph, "n.txt": load_sequences, "t.csv": load_dataset}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("é,b\nx,y\n".encode("cp1252"), "byte 0 is not UTF-8: save it as UTF-8"),
        ("a,b\nx,가\n".encode("cp949"), "byte 6 is not UTF-8: save it as UTF-8"),
        (b"\xff\xfea\0,\0b\0\n\0x", "byte 10 is not UTF-16: save it as UTF-8"),
        ("a,b\nx,y\n".encode("utf-16-le"), "holds zero bytes, it may be UTF-16 without a byte order mark"),
        ("a,b\nx,y\n".encode("utf-16-be"), "holds zero bytes, it may be UTF-16 without a byte order mark"),
        (b"a,b\nx,\0\nabcdefgh", "holds zero bytes, it is no text"),
    ],
    ids=["cp1252", "cp949", "cut off", "no mark, le", "no mark, be", "a zero byte"],
)
def test_every_other_encoding_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        DOORS[name](tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize("text", ['{"x": [1, 2]}', "[[1, 2], [3, 4]]", ' {\n"x": 1}'])
def test_json_is_called_by_its_name(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.json: is JSON or its like: read it with its own program and np\.save"):
        load_dataset(tmp_path / "x.json")
