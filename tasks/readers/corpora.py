"""A body of documents as a language model reads it: a text, a folder, a data set, or what the
machine has.

A document belongs to one split by the hash of its content, whatever is read beside it: tasks of
other lengths and budgets on the same documents hold out the same ones.
"""

from __future__ import annotations

import hashlib
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics
from typing import IO, Any, Final

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.hub import open_hub_data
from archwright.tasks.readers.splitting import SHARES, span
from archwright.tasks.readers.texts import BYTES, encode, open_tokenizer

TENTHS: Final = {"train": range(8), "validation": range(8, 9), "test": range(9, 10)}
TEXT_COLUMNS: Final = ("text", "content", "document", "sentence")
LARGEST: Final = 200_000
"""Bytes of one document of the machine's: beyond that they are tables."""
SHORTEST: Final = 128
DOC: Final = Path("/usr/share/doc")
_SKIPPED: Final = {
    "site-packages", "test", "tests", "__pycache__", "encodings", "idlelib", "lib2to3",
}  # fmt: skip

Document = tuple[str, bytes]
"""The split that it belongs to, and its content."""


class Corpus:
    """Windows that do not overlap, each with the token that follows each of its tokens. Documents
    are read until there are enough.

    Args:
        tokenizer: a file of the package `tokenizers` (JSON); bytes where it is None.
        length: tokens of a window.
        tokens: the most in training.
        scored: the most in validation, and in test.
    """

    def __init__(
        self, *, length: int, tokens: int, scored: int, tokenizer: str | Path | None = None
    ) -> None:
        self._length, self._wanted = length, {"train": tokens, "validation": scored, "test": scored}
        self._tokenizer = None if tokenizer is None else open_tokenizer(Path(tokenizer))

    def documents(self) -> Iterator[Document]:
        """All of them, in an order that is always the same."""
        raise NotImplementedError

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""
        if self._tokenizer is None:
            return BYTES
        size: int = self._tokenizer.get_vocab_size()
        return size

    @property
    def stored(self) -> np.dtype[Any]:
        """The type that tokens are stored in."""
        few = np.uint8 if self._tokenizer is None else np.uint16
        return np.dtype(few if self.vocabulary <= 1 << 16 else np.int32)

    @cached_property
    def _stretches(self) -> dict[str, Array]:
        """The tokens of each split in a row: maps of files, for they may be billions."""
        with ExitStack() as closing:
            files = {s: closing.enter_context(tempfile.TemporaryFile()) for s in SHARES}
            self._write(files)
            for split, file in files.items():
                count = file.tell() // self.stored.itemsize
                if count <= self._length:
                    raise TaskError(
                        f"the documents give {split} {count} tokens, and a window takes "
                        f"{self._length + 1}: give more of them"
                    )
            return {s: np.memmap(file, dtype=self.stored, mode="r") for s, file in files.items()}

    def _write(self, files: Mapping[str, IO[bytes]]) -> None:
        """Write the tokens of each split to its file, until all have enough."""
        left = {split: count + 1 for split, count in self._wanted.items()}
        for split, content in self.documents():
            if max(left.values()) <= 0:
                break
            if left[split] > 0:
                tokens = self._encode(content)[: left[split]]
                files[split].write(tokens.tobytes())
                left[split] -= len(tokens)
        for file in files.values():
            file.flush()

    def _encode(self, content: bytes) -> Array:
        if self._tokenizer is None:
            return np.frombuffer(content, dtype=np.uint8)
        return encode(content.decode(errors="replace"), self._tokenizer)

    def count(self, split: str) -> int:
        """How many windows a split has."""
        return (len(self._stretches[split]) - 1) // self._length

    def batches(self, split: str, batch_size: int) -> Iterator[tuple[Array, Array]]:
        """Tokens `(batch, length)` as they are stored, and int64 the next ones; in order.

        Raises:
            TaskError: there are too few documents.
        """
        text, count = self._stretches[split], self.count(split)
        for first in range(0, count, batch_size):
            starts = self._length * np.arange(first, min(first + batch_size, count))
            windows = text[starts[:, None] + np.arange(self._length + 1)]
            yield windows[:, :-1], windows[:, 1:].astype(np.int64)


def by_content(content: bytes) -> Document:
    """A document with its split: 8 of 10 are train."""
    tenth = int(hashlib.sha256(content).hexdigest(), 16) % 10
    return next(split for split, tenths in TENTHS.items() if tenth in tenths), content


class TextCorpus(Corpus):
    """One text, split by position, 70/15/15; or all files of a folder, each a document."""

    def __init__(self, path: str | Path, **choices: Any) -> None:
        super().__init__(**choices)
        self._path = Path(path)

    def documents(self) -> Iterator[Document]:
        """All of them, in an order that is always the same."""
        if self._path.is_dir():
            yield from map(by_content, file_texts(ordered(self._path, "*"), largest=None))
            return
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise TaskError(f"{self._path} cannot be read: {error.strerror}") from error
        for split in SHARES:
            yield split, content[span(len(content), split)]


class HubCorpus(Corpus):
    """A column of texts in a data set of the library `datasets`, each row a document.

    Args:
        name: on the hub, or a folder that `save_to_disk` wrote.
    """

    def __init__(self, name: str, **choices: Any) -> None:
        super().__init__(**choices)
        self._name = name

    def documents(self) -> Iterator[Document]:
        """All of them, in an order that is always the same."""
        found = open_hub_data(self._name)
        for data in found.values():
            column = next((c for c in TEXT_COLUMNS if c in data.column_names), None)
            if column is None:
                raise TaskError(
                    f"{self._name} has the columns {', '.join(data.column_names)}: call the one "
                    "with the texts text"
                )
            yield from (by_content(row[column].encode()) for row in data)


class MachineCorpus(Corpus):
    """What every machine with Archwright has: Python's documentation and code, that of torch and
    numpy, and `/usr/share/doc` where it is there; each paragraph once, since licences and headers
    stand in many files.

    All is read in place and none of it is kept. Another machine has other versions and so other
    bytes: scores compare on one machine.
    """

    def documents(self) -> Iterator[Document]:
        """All of them, in an order that is always the same: a document of each source in turn."""
        sources = [machine_topics(), *map(file_texts, machine_files())]
        seen: set[bytes] = set()
        while sources:
            texts = [(source, next(source, None)) for source in sources]
            sources = [source for source, text in texts if text is not None]
            for _, text in texts:
                if text is not None:
                    yield by_content(text)[0], fresh(text, seen)


def fresh(text: bytes, seen: set[bytes]) -> bytes:
    """The paragraphs of a text that were not there before; they are then."""
    paragraphs = {p: hashlib.blake2b(p, digest_size=8).digest() for p in text.split(b"\n\n")}
    new = [paragraph for paragraph, digest in paragraphs.items() if digest not in seen]
    seen.update(paragraphs.values())
    return b"\n\n".join(new) + b"\n\n"


def machine_topics() -> Iterator[bytes]:
    """The topics of Python's reference manual."""
    return (topics[name].encode() for name in sorted(topics))


def machine_files() -> Iterator[list[Path]]:
    """The files of each source of the machine's."""
    library = Path(sysconfig.get_path("stdlib"))
    specs = [find_spec(name) for name in ("torch", "numpy")]
    packages = [Path(spec.origin).parent for spec in specs if spec and spec.origin]
    yield from (ordered(folder, "*.py") for folder in (library, *packages))
    yield ordered(DOC, "*")


def ordered(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder in an order that their names alone decide, but not by alphabet: that
    would take the first letters alone."""

    def key(path: Path) -> str:
        return hashlib.sha256(path.relative_to(folder).as_posix().encode()).hexdigest()

    found = [f for f in folder.rglob(pattern) if not _SKIPPED & {*f.relative_to(folder).parts}]
    return sorted(found, key=key)


def file_texts(files: list[Path], largest: int | None = LARGEST) -> Iterator[bytes]:
    """The content of those that are text of some length, and not above `largest` bytes."""
    for file in files:
        if file.suffix in (".gz", ".png") or file.is_symlink() or not file.is_file():
            continue
        content = file.read_bytes() if not largest or file.stat().st_size <= largest else b""
        if len(content) > SHORTEST and b"\0" not in content:
            yield content
