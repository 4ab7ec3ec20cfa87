"""Data on a node: fetched once, verified, and within a limit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archwright.core import SandboxError
from archwright.sandbox.executors.cache import DataCache


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Source:
    """Gives a cache what it asks for."""

    def __init__(self, folder: Path, limit_bytes: int, *contents: bytes) -> None:
        self.contents = {digest(content): content for content in contents}
        self.asked: list[str] = []
        self.cache = DataCache(folder, limit_bytes, self.give)

    def give(self, wanted: str) -> None:
        self.asked.append(wanted)
        content = self.contents[wanted]
        for start in range(0, max(1, len(content)), 4):
            self.cache.take(wanted, content[start : start + 4])

    def read(self, job: str, content: bytes) -> bytes:
        with self.cache.folder(job, {"x.npy": [digest(content), len(content)]}) as folder:
            return (folder / "x.npy").read_bytes()


def test_it_is_fetched_once_whoever_asks(tmp_path: Path) -> None:
    source = Source(tmp_path, 100, b"0123456789", b"")
    with ThreadPoolExecutor(4) as pool:
        read: Callable[[int], bytes] = lambda n: source.read(str(n), b"0123456789")  # noqa: E731
        assert set(pool.map(read, range(8))) == {b"0123456789"}
    assert source.read("empty", b"") == b""
    assert len(source.asked) == 2
    assert not list((tmp_path / "jobs").iterdir())


def test_the_oldest_goes_when_there_is_no_room(tmp_path: Path) -> None:
    first, second, third = b"a" * 40, b"b" * 40, b"c" * 40
    source = Source(tmp_path, 100, first, second, third)
    with source.cache.folder("uses", {"x.npy": [digest(first), 40]}) as folder:
        for number, content in enumerate((second, third)):
            source.read(str(number), content)
        assert (folder / "x.npy").read_bytes() == first  # what is in use stays
    assert len(list((tmp_path / "data").iterdir())) == 2
    source.read("again", first)
    assert source.asked.count(digest(first)) == 2


def test_what_is_not_what_it_should_be_is_refused(tmp_path: Path) -> None:
    source = Source(tmp_path, 100, b"right")
    source.contents[digest(b"right")] = b"wrong"
    with pytest.raises(SandboxError, match="not what was asked for"):
        source.read("job", b"right")
    source.contents[digest(b"right")] = b"right"
    assert source.read("again", b"right") == b"right"
    with pytest.raises(SandboxError, match="larger than the cache"):
        source.read("large", b"x" * 101)
    with (
        pytest.raises(SandboxError, match="is called"),
        source.cache.folder("odd", {"../x": [digest(b"right"), 5]}),
    ):
        pass


def test_a_node_without_disk_says_so(tmp_path: Path) -> None:
    source = Source(tmp_path, 100, b"right")
    (tmp_path / "data").rmdir()
    with pytest.raises(SandboxError, match="cannot be kept here"):
        source.read("job", b"right")
