"""Folders for work in progress, which do not outlive their owner for long.

`BASE/run-XXXX/` belongs to the process that holds a lock on `BASE/run-XXXX/owner`. The kernel lets
go of a lock when its holder dies, however it dies, so a folder whose lock is free is a leftover.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from archwright.core import SandboxError

_PREFIX: Final = "run-"
_OWNER: Final = "owner"


class Scratch:
    """A fresh folder, `path`, under `base`; leftovers of dead owners beside it are removed.

    Raises:
        SandboxError: the folder cannot be made, or `base` belongs to someone else.
    """

    def __init__(self, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir()) / f"archwright-{os.getuid()}"
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            if base.is_symlink() or base.stat().st_uid != os.getuid():
                raise SandboxError(
                    f"{base} belongs to another user; set TMPDIR to a folder of yours"
                )
            self.path = self._claim(base)
        except OSError as error:
            raise SandboxError(
                f"cannot make a scratch folder in {base} ({error.strerror}); "
                "free some space, or set TMPDIR to a folder that can be written"
            ) from error

    def _claim(self, base: Path) -> Path:
        with _locked(base / "lock"):
            for folder in base.glob(f"{_PREFIX}*"):
                if is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            self._owner = _Lock(path / _OWNER)
            self._owner.take()
        return path.resolve()

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._owner.release()


class _Lock:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, wait: bool = True) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


class _locked:  # noqa: N801 - reads as a verb at its only use
    def __init__(self, path: Path) -> None:
        self._lock = _Lock(path)

    def __enter__(self) -> None:
        self._lock.take()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def is_abandoned(folder: Path) -> bool:
    """Whether the owner of a scratch folder is dead; so it is, too, where there is no folder."""
    with suppress(OSError):
        lock = _Lock(folder / _OWNER)
        try:
            lock.take(wait=False)
        except BlockingIOError:
            return False
        finally:
            lock.release()
    return True
