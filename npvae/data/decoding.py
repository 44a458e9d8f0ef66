"""Text from bytes: UTF-8, or what a byte order mark says. Every text file of the user's is read through here."""

from __future__ import annotations

import codecs
import os

from npvae.data.files import DataError

_MARKS = (  # the longer ones first: a mark of UTF-32 begins as one of UTF-16 does
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MEND = "save it as UTF-8 (spreadsheets call it CSV UTF-8)"


def encoding_of(head: bytes) -> str:
    """The encoding that the first bytes of a text name by a byte order mark; utf-8 without one."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def decoded(path: str | os.PathLike[str], content: bytes) -> str:
    """The text of a file without its byte order mark.

    DataError for bytes that are not of its encoding, and for zero characters, which no text has.
    """
    encoding = encoding_of(content)
    name = encoding.removesuffix("-sig").upper()
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start:,} is not {name}: {_MEND}") from None
    if "\0" in text:
        zeros = max(content[0::2].count(0), content[1::2].count(0))
        guess = "it may be UTF-16 without a byte order mark" if zeros > len(content) // 4 else "it is no text"
        raise DataError(f"{path}: holds zero bytes, {guess}: {_MEND}")
    return text
