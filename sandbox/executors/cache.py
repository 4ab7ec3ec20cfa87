"""What an agent keeps of the data that trials read: by digest, verified, and within a limit."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from archwright.core import SandboxError

FETCH_SECONDS: Final = 600.0


class DataCache:
    """Files by their SHA-256 in a folder, the least recently used of which go first.

    Args:
        limit_bytes: the most that they take together. A file that a trial uses stays until it is
            through, whatever is dropped here meanwhile.
        ask: asks for a file, which is then put in piece by piece by `take`.
    """

    def __init__(self, folder: Path, limit_bytes: int, ask: Callable[[str], None]) -> None:
        self._folder, self._limit, self._ask = folder, limit_bytes, ask
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._coming: dict[str, _Coming] = {}
        self._lock = threading.Lock()
        (folder / "data").mkdir()
        (folder / "jobs").mkdir()

    @contextmanager
    def folder(self, job: str, files: Mapping[str, Sequence[object]]) -> Iterator[Path]:
        """A folder with the files of a job under their names, for as long as it takes.

        Args:
            files: digest and size by name.

        Raises:
            SandboxError: one cannot be had.
        """
        place = self._folder / "jobs" / job
        place.mkdir()
        try:
            for name, (digest, size) in files.items():
                if Path(name).name != name:
                    raise SandboxError(f"a file of a trial is called {name!r}")
                self._link(str(digest), int(str(size)), place / name)
            yield place
        except OSError as error:
            raise SandboxError(f"the data cannot be kept here: {error}") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _link(self, digest: str, size: int, target: Path) -> None:
        if size > self._limit:
            raise SandboxError(
                f"a file of {size >> 20} MB is larger than the cache of the node: raise "
                "--node-cache-mb"
            )
        while True:
            with self._lock:
                if digest in self._kept:
                    self._kept.move_to_end(digest)
                    os.link(self._folder / "data" / digest, target)
                    return
                coming = self._coming.get(digest)
                if is_new := coming is None:
                    coming = self._coming[digest] = _Coming(self._folder / "data" / digest, size)
            if is_new:
                self._ask(digest)
            if not coming.done.wait(FETCH_SECONDS):
                coming.fault = "it did not come"
            if coming.fault:
                with self._lock:
                    self._coming.pop(digest, None)
                raise SandboxError(f"file {digest[:12]}: {coming.fault}")

    def take(self, digest: str, piece: bytes) -> None:
        """Put in the next piece of a file that was asked for; one that was not is passed over."""
        with self._lock:
            coming = self._coming.get(digest)
        if coming is None or not coming.take(piece, digest):
            return
        with self._lock:
            if not coming.fault:
                self._kept[digest] = coming.size
                while sum(self._kept.values()) > self._limit:
                    old, _ = self._kept.popitem(last=False)
                    (self._folder / "data" / old).unlink()
            self._coming.pop(digest, None)
        coming.done.set()


class _Coming:
    """A file on its way: written aside, then renamed."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self.done, self.fault = threading.Event(), ""
        self._come, self._hash = 0, hashlib.sha256()

    def take(self, piece: bytes, digest: str) -> bool:
        """Write on; whether that was the end of it."""
        aside = self.path.with_suffix(".part")
        try:
            with aside.open("ab" if self._come else "wb") as file:
                file.write(piece)
            self._hash.update(piece)
            self._come += len(piece)
            if self._come < self.size and piece:
                return False
            if self._hash.hexdigest() != digest:
                self.fault = "what came is not what was asked for"
                aside.unlink()
                return True
            aside.chmod(0o644)
            aside.replace(self.path)
        except OSError as error:
            self.fault = f"it cannot be kept here: {error}"
        return True
