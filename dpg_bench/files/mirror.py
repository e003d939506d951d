"""A run folder that lies behind a URL (`s3://`, `gs://`, …): worked on in a local folder, and mirrored there.

Object stores know whole objects and lists of them, no appending and no locks. So every file is written as a whole, what
others did is found by listing, and no two processes write to one object: each has a log of its own (`ShardDir`). An
image is there before the log that speaks of it.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from dpg_bench.errors import BadInputError, DpgBenchError, UnavailableError
from dpg_bench.files.durable import write_atomic, write_json
from dpg_bench.files.item_names import file_stem

_ResultT = TypeVar("_ResultT")

SECONDS_BETWEEN = 15.0
"""Between two rounds of writing what is new."""
_IMAGES = "images"
_INDEX = ".mirror.json"
_SERVED = ("failures.jsonl", "usage.jsonl")
_NEVER = (".lock", ".part", _INDEX)
_OBJECTS = frozenset({"s3", "gs", "gcs", "abfs", "az", "oci", "oss", "memory"})
"""Kinds of stores that have no folders, where making one may make a bucket."""
_INSTALL = {
    "s3": "`pip install 'dpg-bench[s3]'`",
    "gs": "`pip install gcsfs`",
    "abfs": "`pip install adlfs`",
    "sftp": "`pip install paramiko`",
    "smb": "`pip install smbprotocol`",
}
_ALIASES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs", "ssh": "sftp"}


class Mirror:
    """The folder `local`, and the same files at `url`. One process has it at a time, which sees to that itself.

    `own` is the shard whose folder no other process writes to; what lies there is taken from here, not from there.
    """

    def __init__(self, url: str, local: Path, *, own: str | None = None) -> None:
        """Raises BadInputError for a URL whose kind isn't known here, or whose package isn't installed."""
        self.url = url.rstrip("/") if not url.endswith("://") else url
        self.local = local
        self._own = f"/shards/{own}/" if own is not None else None
        self._files, root = _filesystem(self.url)
        self._root = str(root).rstrip("/")
        self._there: dict[str, str] = {}
        self._here: dict[str, tuple[int, int]] = {}
        self._turn = threading.Lock()
        self._read_index()

    def pull(self, *, images: bool | Collection[str]) -> None:
        """Bring what is new there: everything but images, and all of these or those of the items named.

        What was deleted there is deleted here. Raises UnavailableError if that can't be.
        """
        wanted = images if isinstance(images, bool) else {f"{file_stem(item_id)}.png" for item_id in images}
        with self._turn:
            listed = self._list()
            for name, signature in listed.items():
                if self._is_wanted(name, wanted) and not self._is_ours(name):
                    self._bring(name, signature)
            for name in [name for name in self._there if name not in listed and not self._is_ours(name)]:
                (self.local / name).unlink(missing_ok=True)
                self._there.pop(name)
                self._here.pop(name, None)
            self._write_index()

    def push(self) -> None:
        """Write what is new here: images, then logs, then the rest; and delete there the logs that are deleted here.

        Raises UnavailableError if that can't be; what isn't there yet is written by the next push.
        """
        with self._turn:
            found = {file.relative_to(self.local).as_posix(): file for file in self.local.rglob("*") if _is_kept(file)}
            for name in sorted(found, key=lambda name: (not name.startswith(_IMAGES), not name.endswith("l"), name)):
                self._write(name, found[name])
            for name in [name for name in self._here if name not in found and _passes(name)]:
                self._do(name, "deleted", partial(self._remove, f"{self._root}/{name}"))
                self._here.pop(name)
                self._there.pop(name, None)
            self._write_index()

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Within, what is new is pushed now and then; and on leaving, whatever the reason.

        Raises UnavailableError if nothing can be written there, before anything is done, or if the last push fails.
        """
        self._try_out()
        over = threading.Event()

        def now_and_then() -> None:
            while not over.wait(SECONDS_BETWEEN):
                try:
                    self.push()
                except (DpgBenchError, OSError):  # told by the last push, if it is still so
                    continue

        thread = threading.Thread(target=now_and_then, name="mirror", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.push()

    def _try_out(self) -> None:
        """Write something and delete it: who may read and list a place can't always write there."""
        name = f".{secrets.token_hex(4)}.part"
        self._do("", "written to", partial(self._put, name, b"dpg-bench"))
        self._do("", "written to", partial(self._remove, f"{self._root}/{name}"))

    def _put(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        if not _OBJECTS.intersection(_kinds(self._files)):
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, content)

    def _list(self) -> dict[str, str]:
        def find() -> Mapping[str, Any]:
            self._files.invalidate_cache()
            try:
                found: Mapping[str, Any] = self._files.find(self._root, detail=True)
            except FileNotFoundError:  # nothing there yet
                return {}
            return found

        entries = self._do("", "listed", find)
        start = f"{self._root}/"
        listed = {
            path.removeprefix(start): _signature(entry) for path, entry in entries.items() if path.startswith(start)
        }
        for name, entry in ((path.removeprefix(start), entry) for path, entry in entries.items()):
            if name in self._here and name not in self._there and self._wrote(name, entry):
                self._there[name] = listed[name]
        return {name: signature for name, signature in listed.items() if _is_plain(name)}

    def _wrote(self, name: str, entry: Mapping[str, Any]) -> bool:
        """Whether an image there is the one that was written from here."""
        return name.startswith(_IMAGES) and entry.get("size") == self._here[name][0]

    def _is_wanted(self, name: str, images: bool | set[str]) -> bool:
        folder, _, file = name.partition("/")
        return folder != _IMAGES or (images if isinstance(images, bool) else file in images)

    def _is_ours(self, name: str) -> bool:
        """Whether only this process writes it, and has done so in this folder before."""
        return self._own is not None and self._own in f"/{name}" and (self.local / name).exists()

    def _bring(self, name: str, signature: str) -> None:
        if self._there.get(name) == signature and (self.local / name).exists():
            return
        content: bytes = self._do(name, "read", lambda: self._files.cat_file(f"{self._root}/{name}"))
        write_atomic(self.local / name, content)
        self._there[name] = signature
        self._here[name] = _state(self.local / name)

    def _write(self, name: str, file: Path) -> None:
        try:
            state = _state(file)
            if self._here.get(name) == state:
                return
            content = file.read_bytes()
        except FileNotFoundError:  # deleted since it was listed, which the next push sees
            return
        self._do(name, "written", partial(self._put, name, content))
        self._here[name] = state
        self._there.pop(name, None)

    def _remove(self, path: str) -> None:
        try:
            self._files.rm_file(path)
        except FileNotFoundError:  # another process was faster
            return

    def _read_index(self) -> None:
        """What was known when a process before this one ended; nothing if that can't be read."""
        try:
            index = json.loads((self.local / _INDEX).read_bytes())
            self._there = {str(name): str(signature) for name, signature in index["there"].items()}
            self._here = {str(name): (int(size), int(time)) for name, (size, time) in index["here"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            self._there, self._here = {}, {}

    def _write_index(self) -> None:
        write_json(self.local / _INDEX, {"there": self._there, "here": self._here})

    def _do(self, name: str, what: str, work: Callable[[], _ResultT]) -> _ResultT:
        try:
            return work()
        except Exception as error:
            # Each kind of store raises its own library's errors: botocore's, aiohttp's, gcsfs's, OSError, …
            raise self._unavailable(name, what, error) from error

    def _unavailable(self, name: str, what: str, error: Exception) -> UnavailableError:
        said = _said(error)
        return UnavailableError(
            f"{self.url}/{name} can't be {what}: {said}. What was finished is kept in {self.local}; the same command "
            "continues."
        )


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        import fsspec.core
    except ModuleNotFoundError:
        raise BadInputError(
            f"{url} is a URL, which needs fsspec: `pip install 'dpg-bench[s3]'` for s3://, or gcsfs for gs://."
        ) from None
    last = url.rpartition("::")[2]  # of a chain, as in zip://run::s3://bucket/runs.zip
    kind, divided, rest = last.partition("://")
    if divided and not (kind and rest.strip("/")):
        raise BadInputError(f"'{url}' names no place. Write KIND://PLACE, such as s3://BUCKET/RUN.")
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # every error is raised too
    try:
        files, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        mend = _INSTALL.get(_ALIASES.get(kind, kind), f"fsspec says: {error}")
        raise BadInputError(f"{url} needs a package that isn't installed: {mend}.") from None
    except Exception as error:
        # Each kind of store is set up by its own package, which may ask a server, and raises what it likes.
        if isinstance(error, ValueError) and "Protocol not known" in str(error):
            raise BadInputError(f"{url} is of no known kind: {error}.") from None
        raise BadInputError(f"A run can't lie at {url}: {_said(error)}.") from error
    return files, str(root)


def _kinds(files: Any) -> set[str]:
    kinds = files.protocol
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _is_kept(file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and not file.name.endswith(_NEVER)


def _passes(name: str) -> bool:
    """Whether a file may be deleted once it has served: logs of shares, and of what failed."""
    return "shards/" in name or PurePosixPath(name).name in _SERVED


def _is_plain(name: str) -> bool:
    """Whether the name of an object is that of a file below the folder, and of none that only this machine has."""
    parts = PurePosixPath(name).parts
    return bool(name) and "\0" not in name and ".." not in parts and not name.startswith("/") and _lasts(name)


def _lasts(name: str) -> bool:
    return not name.endswith((*_NEVER, "/"))


def _signature(entry: Mapping[str, Any]) -> str:
    """What changes with an object's content: its ETag where there is one, else size and time."""
    return str(
        entry.get("ETag") or entry.get("etag") or (entry.get("size"), entry.get("mtime") or entry.get("created"))
    )


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
