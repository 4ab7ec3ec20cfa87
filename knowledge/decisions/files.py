"""Record files as text and back, byte for byte, whatever their encoding."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from archwright.core import InputError
from archwright.core.files import write_whole

_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class FileText(NamedTuple):
    """A file's text, its byte-order mark included, and how it is encoded.

    In UTF-8 what is not UTF-8 comes as lone surrogates, and goes back as the bytes that it was.
    """

    text: str
    encoding: str


def read_text(path: Path) -> FileText:
    """The text of a record: UTF-16 where its mark says so, else UTF-8.

    Raises:
        InputError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): fix its rights") from error
    encoding = _UTF_16.get(data[:2], "utf-8")
    try:
        return FileText(data.decode(encoding, _errors(encoding)), encoding)
    except UnicodeDecodeError:
        raise InputError(f"{path} begins as UTF-16 and is not: save it as UTF-8") from None


def write_text(path: Path, content: FileText) -> None:
    """Write a record; a reader sees the old file or the new one."""
    write_whole(path, _encoded(content), durable=True)


def write_all(contents: Mapping[Path, FileText]) -> None:
    """Write several records, all or none: where one cannot be written, those before it go back.

    Raises:
        OSError: one cannot be written.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in contents}
    written: list[Path] = []
    try:
        for path, content in contents.items():
            if _encoded(content) != before[path]:
                write_text(path, content)
                written.append(path)
    except BaseException:
        for path in written:
            _put_back(path, before[path])
        raise


def _put_back(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink()
    else:
        write_whole(path, data, durable=True)


def printable_text(text: str) -> str:
    """`text` with a mark in place of each byte that was no UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def _encoded(content: FileText) -> bytes:
    return content.text.encode(content.encoding, _errors(content.encoding))


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"
