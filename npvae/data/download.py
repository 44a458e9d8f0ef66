"""Published files, downloaded once into the user's cache and checked against their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from npvae.data.files import DataError


def download(name: str, url: str, hashes: Mapping[str, str]) -> list[Path]:
    """Fetch the files of a data set unless they are cached -> their paths, in the order of `hashes`.

    name    the data set; its files go to the folder of that name in pooch's cache for npvae
    url     where the files are, with a slash at the end
    hashes  {file name: "sha256:..." or "md5:..."}

    Each file is checked against its hash at every call; one that is damaged is fetched again. A new file takes its
    place only when it is complete and right. DataError if pooch is missing or a file cannot be had.
    """
    by_hand = f"put {', '.join(hashes)} into a folder and point data_dir (--data-dir) at it"
    try:
        import pooch
    except ImportError:
        raise DataError(f"{name}: downloading needs pooch: pip install pooch, or {by_hand}") from None
    cache = pooch.os_cache("npvae") / name
    fetcher = pooch.create(path=cache, base_url=url, registry=dict(hashes), retry_if_failed=1)
    try:
        return [Path(fetcher.fetch(file, downloader=pooch.HTTPDownloader(progressbar=True))) for file in hashes]
    except (OSError, ValueError) as error:  # no network, no space, no permission; or a hash that does not fit
        raise DataError(f"{name}: download from {url} to {cache} failed ({error}): try again, or {by_hand}") from error
