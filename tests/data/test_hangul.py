"""Hangul: the grid of factors is Unicode's own, the split is by syllable, and the files are what they say."""

import unicodedata

import numpy as np
import pytest

from npvae.data import DataError, load_dataset
from npvae.data.hangul import (
    COUNT,
    FINALS,
    INITIALS,
    LAYOUTS,
    LEVELS,
    VOWELS,
    factors_of,
    held_out,
    read_hangul,
    row_at,
    row_of,
    syllable,
)


def test_the_factors_are_those_into_which_unicode_takes_a_syllable_apart():
    assert (len(INITIALS), len(VOWELS), len(FINALS)) == LEVELS
    assert np.prod(LEVELS) == COUNT
    rows = np.arange(COUNT)
    for row, (initial, vowel, final) in zip(rows, factors_of(rows).tolist(), strict=True):
        parts = [0x1100 + initial, 0x1161 + vowel] + [0x11A7 + final] * (final > 0)
        assert unicodedata.normalize("NFD", syllable(int(row))) == "".join(map(chr, parts))
        assert row_at(initial, vowel, final) == row == row_of(syllable(int(row)))


def test_one_initial_for_another_has_an_exact_answer():
    gang, ga, na = (factors_of(row_of(s)) for s in "강가나")
    assert syllable(row_at(*(gang - ga + na))) == "낭"


@pytest.mark.parametrize("typeface", ["sans", "serif"])
def test_the_shipped_pictures(typeface):
    hangul = read_hangul(typeface)
    assert hangul.pixels.shape == (COUNT, 784)
    assert hangul.pixels.dtype == np.uint8
    assert set(np.unique(hangul.pixels)) == set(range(0, 256, 17))
    assert len({picture.tobytes() for picture in hangul.pixels}) == COUNT
    assert hangul.common.sum() == 2350
    assert hangul.common[row_of("가")]
    assert not hangul.common[row_of("뷁")]
    np.testing.assert_array_equal(hangul.layout % 2, hangul.factors[:, 2] > 0)
    assert [LAYOUTS[hangul.layout[row_of(s)]] for s in "가강고공과광"] == list(LAYOUTS)
    image = hangul.images()[row_of("고")].reshape(28, 28)
    assert image[14:].sum() > image[:14].sum() * 0.5  # the vowel stands below


def test_the_test_set_is_of_syllables_never_trained_on():
    train, test = load_dataset("hangul")
    assert (len(train), len(test), train.image_shape) == (10_055, 1117, (28, 28))
    out, hangul = held_out(), read_hangul()
    np.testing.assert_array_equal(test.pixels, hangul.pixels[out])
    np.testing.assert_array_equal(train.pixels, hangul.pixels[~out])
    assert {tuple(np.unique(hangul.factors[out, k], return_counts=False)) for k in range(3)} == {
        tuple(range(levels)) for levels in LEVELS
    }


def test_a_folder_is_read_before_the_package_and_damage_in_it_is_named(tmp_path):
    hangul = read_hangul()
    arrays = {"factors": hangul.factors, "layout": hangul.layout, "common": hangul.common}
    np.savez(tmp_path / "hangul_sans_28.npz", x=255 - hangul.pixels.reshape(-1, 28, 28), **arrays)
    np.testing.assert_array_equal(read_hangul(data_dir=tmp_path).pixels, 255 - hangul.pixels)
    np.testing.assert_array_equal(read_hangul("serif", tmp_path).pixels, read_hangul("serif").pixels)
    np.savez(tmp_path / "hangul_sans_28.npz", x=hangul.pixels[:5].reshape(-1, 28, 28), **arrays)
    with pytest.raises(DataError, match="does not hold all 11,172 syllables"):
        load_dataset("hangul", tmp_path)


def test_wrong_names_are_refused():
    for text in ("", "가나", "a", "ㄱ"):
        with pytest.raises(ValueError, match="is no modern Hangul syllable"):
            row_of(text)
    with pytest.raises(ValueError, match="vowel is 21, expected 0 to 20"):
        row_at(0, 21, 0)
    with pytest.raises(ValueError, match="row is -1"):
        syllable(-1)
    with pytest.raises(ValueError, match="expected one of sans, serif"):
        read_hangul("gothic")


def test_the_licence_is_beside_the_data():
    from npvae.data import hangul

    text = (hangul.Path(hangul.__file__).with_name("LICENSE-hangul.txt")).read_text()
    for words in ("SIL OPEN FONT LICENSE Version 1.1", "Noto Serif CJK KR Regular", "PERMISSION & CONDITIONS"):
        assert words in text
