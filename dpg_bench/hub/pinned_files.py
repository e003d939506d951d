"""Files pinned by their git blob id: downloaded in parallel, verified one by one, kept or fetched again.

A file is there only once it is complete and has the pinned content, so an interrupted download goes on where it
stopped. A lock beside the folder lets one process download at a time; the others wait and find the files.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, TypeAlias
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock

from dpg_bench import __version__
from dpg_bench.errors import UnavailableError
from dpg_bench.files.durable import write_atomic

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many of how many files are there, whenever one more is."""

_CONNECTIONS = 8
_ATTEMPTS = 4
_LARGEST = 1 << 28  # bytes; the largest pinned file has 13 million
_TIMEOUT = 30.0  # seconds without a byte
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP states that a second try may find gone


def git_blob_id(content: bytes) -> str:
    """The SHA-1 (hex) under which git stores `content`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def intact_files(folder: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """The content of those files in `folder` that are there and have the pinned content.

    `blobs` maps paths relative to the folder, with slashes, to git blob ids.
    """
    contents: dict[str, bytes] = {}
    for path, blob in blobs.items():
        try:
            content = (folder / path).read_bytes()
        except OSError:  # not there, or not readable: either way to be fetched
            continue
        if git_blob_id(content) == blob:
            contents[path] = content
    return contents


def fetch_files(
    folder: Path, blobs: Mapping[str, str], *, base_url: str, progress: Progress | None = None, pause: float = 0.5
) -> None:
    """Download from `base_url` the files of `blobs` that `folder` doesn't hold intact.

    A download that breaks off, or brings other content than the pinned one, is tried again, at first after
    `pause` seconds and then after twice as long each time.

    Raises UnavailableError when a file can't be had or the folder can't be written. Files that were complete by
    then stay for the next call.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            missing = {path: blobs[path] for path in blobs.keys() - intact_files(folder, blobs).keys()}
            done = len(blobs) - len(missing)
            for _ in _fetch(folder, missing, base_url, pause):
                done += 1
                if progress is not None:
                    progress(done, len(blobs))
    except OSError as error:
        raise UnavailableError(
            f"Downloads can't be kept in {folder}: {error.strerror or error}. "
            "Make room there, or set DPGBENCH_CACHE to another folder."
        ) from error


def _fetch(folder: Path, blobs: Mapping[str, str], base_url: str, pause: float) -> Iterator[str]:
    """Fetch `blobs` into `folder`, and give each file's path once it is there."""

    def fetch(path: str) -> str:
        content = _download(f"{base_url.rstrip('/')}/{quote(path)}", blobs[path], pause)
        write_atomic(folder / path, content)
        return path

    pool = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="download")
    try:
        for future in as_completed([pool.submit(fetch, path) for path in blobs]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _download(url: str, blob: str, pause: float) -> bytes:
    failure = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            content = _read(url)
        except HTTPError as error:
            error.close()
            failure = f"the server answered {error.code} {error.reason}"
            if error.code not in _PASSING:
                break
        except (OSError, HTTPException) as error:
            failure = f"the connection failed ({error!r})"
        else:
            found = git_blob_id(content)
            if found == blob:
                return content
            failure = f"its {len(content)} bytes have the git blob id {found} instead of the pinned {blob}"
    raise UnavailableError(f"{url} could not be downloaded: {failure}.")


def _read(url: str) -> bytes:
    request = Request(url, headers={"User-Agent": f"dpg-bench/{__version__}"})  # noqa: S310 - the address is pinned, or the user's own
    with build_opener(_Redirected).open(request, timeout=_TIMEOUT) as response:
        content: bytes = response.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(f"the answer has more than {_LARGEST} bytes")
    return content


class _Redirected(HTTPRedirectHandler):
    """Follows redirections to https alone: who listens in between learns and changes nothing."""

    def redirect_request(  # noqa: PLR0917 - the signature of the standard library
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise OSError(f"the server sends elsewhere, to {newurl:.200}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
