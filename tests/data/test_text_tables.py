"""Tables of numbers as text: headers, labels, separators, and where a table cannot be used."""

import gzip

import numpy as np
import pytest

from npvae.data import DataError, load_dataset
from npvae.data.registry import load_parts

TABLES = {
    "a header and labels": ("label,p0,p1\n3,0,255\n1,7,8\n", [[0, 255], [7, 8]], [3, 1], 255),
    "labels last, in quotes": ('"p0";"Class"\n0,5;1\n'.replace(",", "."), [[0.5]], [1], 1),
    "tabs, blanks at the end": ("1\t2.5 \n3\t4\n\n", [[1, 2.5], [3, 4]], None, 1),
    "blanks": ("1 2\n3 4", [[1, 2], [3, 4]], None, 1),
    "a byte order mark": ("\ufeff1,2\n3,4", [[1, 2], [3, 4]], None, 1),
    "a point has a y": ("x,y\n1,2\n3,4", [[1, 2], [3, 4]], None, 1),
    "a label that is no whole number": ("a,target\n1,0.5\n3,4", [[1, 0.5], [3, 4]], None, 1),
    "pandas, with an index": (",a,label\n0,1.5,3\n1,2.5,4", [[1.5], [2.5]], [3, 4], 1),
    "pandas, columns without names": ("0,1,2,3,4,5,6,7\n8,7,6,5,4,3,2,1", [[8, 7, 6, 5, 4, 3, 2, 1]], None, 1),
    "a label and numbered columns": ("label,1,2\n5,6,7", [[6, 7]], [5], 1),
    "a few numbers are no header": ("0,1,2\n5,6,7", [[0, 1, 2], [5, 6, 7]], None, 1),
    "a label alone": ("label\n1\n2", [[1], [2]], None, 1),
    "whole numbers that are no grey levels": ("a,b\n1,200\n3,254", [[1, 200], [3, 254]], None, 1),
}


@pytest.mark.parametrize(("text", "values", "labels", "max_value"), TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("zipped", [False, True])
def test_text_tables(tmp_path, text, values, labels, max_value, zipped):
    content = text.encode()
    path = tmp_path / ("t.csv.gz" if zipped else "t.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    images, test = load_parts(path)
    assert test is None
    np.testing.assert_array_equal(images[:], np.array(values, "f4") / np.float32(max_value))
    assert images.labels is None if labels is None else images.labels.tolist() == labels
    assert f"{len(values)} lines of {len(values[0])} numbers" in images.note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x", r"sample 1, column b is 'x', expected a number"),
        ("1,2\n3,", r"sample 1, column 1 is '', expected a number"),
        ("1,2\n3,4,5", "sample 1 has 3 numbers, sample 0 has 2"),
        ("a,b\n1,2,3", "the header has 2 names, a line 3 numbers"),
        ("a,b\n", "no lines after its header"),
        ("\n \n", "holds no lines"),
        ("0,5;1,5\n1;2", "sample 0, column 0 is '0,5', expected a number"),
        ("1,,3\n4,5,6", "sample 0, column 1 is '', expected a number"),
        ("0,,1\n4,5,6", "sample 0, column 1 is '', expected a number"),
        ("1,x,3\n4,5,6", "sample 0, column 1 is 'x', expected a number"),
        ("1,nan\n2,3", "row 0, pixel 1 is nan, expected finite numbers"),
        ("1_0,2\n3,4", "sample 0, column 0 is '1_0', expected a number"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=f"t.csv: .*({message})"):
        load_dataset(tmp_path / "t.csv")


def test_a_file_of_words_is_no_table_with_labels(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("ann\nbob\ncleo\n", encoding="utf-8")
    with pytest.raises(DataError, match="lines of text are for --model sequence_vae") as said:
        load_dataset(str(path))
    assert "--labels" not in str(said.value)
