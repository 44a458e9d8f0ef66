"""Downloads, with a server that is a function: hashes, a damaged cache, a failing network."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from npvae.data import DataError, load_dataset, mnist
from npvae.data.mnist import FILES, IdxSet

pooch = pytest.importorskip("pooch")


class Server:
    """Stands for pooch.HTTPDownloader: hands out `files`, counts requests, breaks as it is told."""

    def __init__(self, files):
        self.files, self.requests, self.broken, self.damaged = files, [], None, 0

    def __call__(self, **options):
        assert options == {"progressbar": True}
        return self._fetch

    def _fetch(self, url, output_file, fetcher, **_):
        self.requests.append(url)
        if self.broken:
            raise self.broken
        content = self.files[url]
        if self.damaged:
            self.damaged -= 1
            content = content[:-3]
        Path(output_file).write_bytes(content)


@pytest.fixture
def server(tmp_path, monkeypatch, idx_bytes):
    arrays = [np.full((12, 4, 4), 7, "u1"), np.arange(12, dtype="u1") % 10]
    contents = [gzip.compress(idx_bytes(x), mtime=0) for x in arrays * 2]
    wanted = IdxSet(
        name="mnist",
        folders=("mnist",),
        url="https://example.org/mnist/",
        hashes=tuple("sha256:" + hashlib.sha256(content).hexdigest() for content in contents),
        test_labels=(),
    )
    server = Server({wanted.url + name: content for name, content in zip(FILES, contents, strict=True)})
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(pooch, "HTTPDownloader", server)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits before it tries again
    monkeypatch.delenv("NPVAE_DATA", raising=False)
    monkeypatch.setattr(server, "load", lambda: mnist.load_idx_set(wanted, None), raising=False)
    monkeypatch.setattr(server, "cache", tmp_path / "cache" / "npvae" / "mnist", raising=False)
    return server


def test_each_file_is_fetched_once(server):
    train, test = server.load()
    assert (train.shape, test.shape) == ((12, 16), (12, 16))
    assert [url.rsplit("/", 1)[1] for url in server.requests] == list(FILES)
    server.load()
    assert len(server.requests) == 4
    assert sorted(path.name for path in server.cache.iterdir()) == sorted(FILES)


def test_a_damaged_file_in_the_cache_is_fetched_again(server):
    server.load()
    for damage in (b"", b"<html>", (server.cache / FILES[1]).read_bytes()[:-1]):
        server.requests.clear()
        (server.cache / FILES[1]).write_bytes(damage)
        train, _ = server.load()
        assert train.labels[:3].tolist() == [0, 1, 2]
        assert [url.rsplit("/", 1)[1] for url in server.requests] == [FILES[1]]


def test_a_damaged_download_is_tried_once_more(server):
    server.damaged = 1
    server.load()
    assert len(server.requests) == 5


def test_a_download_that_stays_damaged_is_an_error_and_leaves_no_file(server):
    server.damaged = 99
    with pytest.raises(DataError, match=r"mnist: download from https://example.org/mnist/ .* failed .*--data-dir"):
        server.load()
    assert len(server.requests) == 2
    assert list(server.cache.iterdir()) == []


def test_no_network(server):
    server.broken = OSError("Network is unreachable")
    with pytest.raises(DataError, match=r"Network is unreachable.*try again, or put train-images.*--data-dir"):
        server.load()


def test_a_cache_that_cannot_be_written(server):
    server.cache.parent.mkdir(parents=True)
    server.cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="failed"):
        server.load()


def test_without_pooch_the_mend_is_named(server, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(DataError, match=r"pip install pooch, or put train-images.*data_dir"):
        load_dataset("mnist")
    assert not server.requests


def test_the_published_hashes(shared_data):
    for name, known in zip(FILES, mnist.MNIST.hashes, strict=True):
        assert "sha256:" + hashlib.sha256((shared_data / "mnist" / name).read_bytes()).hexdigest() == known
    for algorithm, digits in (known.split(":") for known in mnist.FASHION_MNIST.hashes):
        assert (algorithm, len(digits), int(digits, 16) > 0) == ("md5", 32, True)
