"""A file is there whole or as it was before, whoever writes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from archwright.core.files import write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_text_bytes_and_what_writes_itself(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file"
    write_whole(path, "ä\r\n\ud800", durable)
    assert path.read_bytes() == "ä\r\n?".encode()
    write_whole(path, b"\x00\xff", durable)
    assert path.read_bytes() == b"\x00\xff"
    write_whole(path, lambda file: file.write(b"by hand"), durable)
    assert path.read_bytes() == b"by hand"
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_what_fails_halfway_changes_nothing(tmp_path: Path) -> None:
    def fail(file: IO[bytes]) -> None:
        file.write(b"half of")
        raise KeyboardInterrupt

    path = tmp_path / "file"
    write_whole(path, "before")
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["missing/file", ".", "file/inside"])
def test_what_cannot_be_written_is_an_error_of_the_system(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("a file, no folder")
    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        write_whole(tmp_path / place, "text")
    assert [p.name for p in tmp_path.rglob("*")] == ["file"]


def test_writers_at_one_time_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 60)
    texts = [str(number) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_whole(path, text), texts))
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]
