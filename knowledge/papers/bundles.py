"""The files of a paper, whether they come as a file, a folder or an archive.

Archives are read in memory and never unpacked to the disk. One that would escape its folder is
refused whole.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from archwright.knowledge.papers.paper import (
    CODE_BYTES,
    CODE_FILES,
    EXPANDED_BYTES,
    FILE_BYTES,
    MEMBERS,
    UnreadableError,
)

Bundle = dict[str, bytes]
"""Contents by path inside the bundle, `/` between folders."""

CODE: Final = "code"
"""The folder beside a paper that holds its code."""

CODE_ENDINGS: Final = (".py", ".toml", ".json", ".yaml", ".yml", ".cfg", ".txt", ".md", ".sh")

_IGNORED: Final = ("__pycache__", "__MACOSX")
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_FIX: Final = "unpack it, check it, and add the folder"


def open_bundle(path: Path) -> Bundle:
    """The files at `path`, with those of a folder `code/` beside it.

    Raises:
        UnreadableError: it is too large, a broken archive, or one that escapes its folder.
    """
    if path.is_dir():
        return _bounded(_read_all(walk(path)))
    data = _read(path, FILE_BYTES)
    if unpacked := _unpack(data):
        return _bounded(unpacked)
    beside = path.parent / CODE
    found = walk(beside) if not beside.is_symlink() else ()
    # What else lies there, such as weights, is no reason to refuse the paper.
    code = islice((pair for pair in found if _is_code(pair[1])), CODE_FILES)
    return {path.name: data, **{f"{CODE}/{n}": text for n, text in _read_all(code)}}


def _is_code(path: Path) -> bool:
    return path.name.endswith(CODE_ENDINGS) and path.stat().st_size <= CODE_BYTES


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """The regular files of a folder; links are not followed, hidden files left out."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _IGNORED and not f.startswith("."))
        for name in sorted(names):
            path = Path(top, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            yield path.relative_to(folder).as_posix(), path


def _read_all(files: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, bytes]]:
    return ((name, _read(path, FILE_BYTES)) for name, path in files)


def _read(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise UnreadableError(f"it is larger than {most >> 20} MB: add a smaller part of it")
    return path.read_bytes()


def _bounded(files: Iterable[tuple[str, bytes]]) -> Bundle:
    found: Bundle = {}
    total = 0
    for name, data in files:
        total += len(data)
        if total > EXPANDED_BYTES:
            _refuse_size()
        if len(found) >= MEMBERS:
            raise UnreadableError(f"it holds more than {MEMBERS} files: add a part of it")
        found[name] = data
    return found


def _refuse_size() -> None:
    size = EXPANDED_BYTES >> 20
    raise UnreadableError(f"unpacked it is larger than {size} MB: add a smaller part of it")


# --- archives -------------------------------------------------------------------------------------


def _unpack(data: bytes) -> Iterator[tuple[str, bytes]] | None:
    """The members of an archive; None for what is none."""
    if data.startswith(_ZIP):
        return _named(_unzip(data))
    if data.startswith(_GZIP):
        data = _gunzip(data)
        return _named(_untar(data)) if _is_tar(data) else iter([("paper", data)])
    return _named(_untar(data)) if _is_tar(data) else None


def is_archive(data: bytes) -> bool:
    """Whether these are the bytes of an archive, or of a file that is compressed."""
    return data.startswith((_ZIP, _GZIP)) or _is_tar(data)


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            return _read_stream(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"it is a broken gzip file ({error}): fetch it again") from None


def _read_stream(stream: gzip.GzipFile) -> bytes:
    """All of a stream whose size nobody knows before."""
    data = stream.read(EXPANDED_BYTES + 1)
    if len(data) > EXPANDED_BYTES:
        _refuse_size()
    return data


def _untar(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg():
                    what = "a link" if member.islnk() or member.issym() else "a device"
                    raise UnreadableError(f"it holds {what} ({member.name[:80]!r}): {_FIX}")
                if member.size > EXPANDED_BYTES:
                    _refuse_size()
                stream = archive.extractfile(member)
                yield member.name, stream.read() if stream else b""
    except tarfile.TarError as error:
        raise UnreadableError(f"it is a broken tar file ({error}): fetch it again") from None


def _unzip(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if member.external_attr >> 28 == 0o12:
                    raise UnreadableError(f"it holds a link ({member.filename[:80]!r}): {_FIX}")
                if member.file_size > EXPANDED_BYTES:
                    _refuse_size()
                yield member.filename, archive.read(member)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise UnreadableError(f"it is a broken zip file ({error}): fetch it again") from None
    except RuntimeError:  # what zipfile raises for a password
        raise UnreadableError(f"it is encrypted: {_FIX}") from None


def _named(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The members by clean names, without the folder that holds all of them."""
    kept = list(_bounded(_checked(members)).items())
    if any(name == "[Content_Types].xml" for name, _ in kept):
        raise UnreadableError("it is an office document: export it as PDF")
    tops = {name.partition("/")[0] if "/" in name else "" for name, _ in kept}
    cut = len(tops.pop()) + 1 if len(tops) == 1 and "" not in tops and tops != {CODE} else 0
    return ((name[cut:], data) for name, data in kept)


def _checked(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for name, data in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise UnreadableError(f"it holds {name[:80]!r}, which leaves its folder: {_FIX}")
        if not any(part in _IGNORED or part.startswith(".") for part in path.parts):
            yield path.as_posix(), data
