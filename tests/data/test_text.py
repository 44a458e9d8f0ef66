"""Lines as sequences: alphabets, files as they come, and the split of the names."""

import numpy as np
import pytest

from npvae.data import DataError, Text, hold_out, load_sequences
from npvae.data.text import LONGEST, lines_of, load_names, split_names


def test_lines_come_back_from_their_ids():
    lines = ["한글", "abc", "a"]
    text = Text(lines)
    assert text.alphabet == "abc글한"
    assert text[:] == lines
    assert text[[2, 0]] == ["a", "한글"]
    batch = text.batch([1, 2])
    np.testing.assert_array_equal(batch.ids, [[1, 2, 3], [1, 0, 0]])
    np.testing.assert_array_equal(batch.lengths, [3, 1])
    assert text.max_length == 3


def test_a_part_keeps_the_alphabet_its_places_and_the_longest_line():
    text = Text(["abcd", "b", "cc"])
    part = text.subset([1, 2]).subset([1])
    assert part[:] == ["cc"]
    assert (part.alphabet, part.longest, part.max_length) == ("abcd", 4, 2)
    np.testing.assert_array_equal(part.rows, [2])
    train, test = hold_out(Text([f"{chr(97 + i)}x" for i in range(20)]))
    assert sorted(train[:] + test[:]) == [f"{chr(97 + i)}x" for i in range(20)]
    assert len(test) == 2


@pytest.mark.parametrize(
    ("lines", "alphabet", "message"),
    [
        ([], None, "lines: no sequences"),
        (["ab", ""], None, "lines: line 2 has 0 letters, expected 1 to 10,000"),
        (["a" * (LONGEST + 1)], None, "lines: line 1 has 10,001 letters"),
        (["ab", "aç"], "ab", "lines: line 2 holds 'ç', which is not in the alphabet 'ab'"),
    ],
)
def test_lines_that_cannot_be_used(lines, alphabet, message):
    with pytest.raises(DataError, match=message):
        Text(lines, alphabet)


@pytest.mark.parametrize("raw", [b"ann\nbo\n", b"ann\r\nbo\r\n", b"ann\nbo", b"\xef\xbb\xbfann\n\n\nbo\n"])
def test_files_as_they_come(raw, tmp_path):
    (tmp_path / "x.txt").write_bytes(raw)
    text = lines_of(tmp_path / "x.txt")
    assert text[:] == ["ann", "bo"]
    assert ("left out: 2 empty lines" in text.note) == (b"\n\n\n" in raw)
    assert "2 lines, 4 different letters" in text.note


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no line with a letter"),
        (b"\n\n", "no line with a letter"),
        (b"ann\n\xff\xfe", "byte 4 is not UTF-8"),
        (b"PK\0\0", "holds zero bytes, it is no text"),
        ("a" * 20_000, "line 1 has 20,000 letters"),
    ],
)
def test_files_that_cannot_be_used(raw, message, tmp_path):
    (tmp_path / "x.txt").write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    with pytest.raises(DataError, match=message) as error:
        load_sequences(tmp_path / "x.txt")
    assert "x.txt" in str(error.value)


def test_what_is_no_file_is_named(tmp_path):
    for path, message in ((tmp_path, "is a folder: a sequence model reads names"), (tmp_path / "no", "is not there")):
        with pytest.raises(DataError, match=message):
            load_sequences(path)
    with pytest.raises(DataError, match=r"names.txt, one name per line, is not there \(looked in"):
        load_sequences("names", tmp_path)
    (tmp_path / "few.txt").write_text("ann\nbo\n")
    with pytest.raises(DataError, match="2 names, expected at least 3,000"):
        split_names(tmp_path / "few.txt")


def test_the_small_set_is_there_without_any_folder(monkeypatch):
    monkeypatch.delenv("NPVAE_DATA", raising=False)
    train, test = load_sequences("names-small")
    assert (len(train), len(test), train.alphabet) == (2000, 500, "abcdefghijklmnopqrstuvwxyz")
    assert not set(train[:]) & set(test[:])


def test_the_split_of_the_names(shared_data):
    train, valid, test = split_names(shared_data / "names" / "names.txt")
    assert [len(part) for part in (train, valid, test)] == [30_033, 1_000, 1_000]
    assert (train.alphabet, train.longest) == ("abcdefghijklmnopqrstuvwxyz", 15)
    everything = (shared_data / "names" / "names.txt").read_text().split()
    assert test[:3] == [everything[i] for i in np.random.default_rng(42).permutation(32_033)[:3]]
    seen = set(train[:])
    assert sum(name in seen for name in test[:]) / len(test) == pytest.approx(
        0.153, abs=0.01
    )  # why each name once, too
    train, valid, test = split_names(shared_data / "names" / "names.txt", different=True)
    assert [len(part) for part in (train, valid, test)] == [27_494, 1_000, 1_000]
    assert not set(train[:]) & set(test[:])
    both, test = load_names(shared_data)
    assert (len(both), len(test)) == (31_033, 1_000)
