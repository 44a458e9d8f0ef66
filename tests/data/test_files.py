"""The one error type: what went wrong is told apart, and what is no fault of the file passes through."""

import gzip
import zlib

import pytest

from npvae.data import DataError
from npvae.data.files import damage_as_data_error


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (zlib.error("Error -3"), "a.gz: damaged (error: Error -3): fetch it again"),
        (gzip.BadGzipFile("CRC check failed"), "a.gz: damaged (BadGzipFile: CRC check failed): fetch it again"),
        (PermissionError(13, "Permission denied"), "a.gz: cannot be read (Permission denied): check the file and its"),
        (OSError(5, "Input/output error"), "a.gz: cannot be read (Input/output error): check the file and its"),
        (MemoryError(), "a.gz: too large for memory: save it as an uncompressed .npy"),
        (DataError("as it was"), "as it was"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_went_wrong_is_told_apart(raised, message):
    with pytest.raises(DataError) as caught, damage_as_data_error("a.gz", "fetch it again"):
        raise raised
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), AssertionError(), AttributeError()], ids=repr)
def test_what_is_no_fault_of_the_file_passes_through(raised):
    with pytest.raises(type(raised)), damage_as_data_error("a.gz", "fetch it again"):
        raise raised
