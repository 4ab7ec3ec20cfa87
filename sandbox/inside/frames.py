"""Messages between processes: two lengths, a JSON header, raw bytes. Nothing is ever unpickled."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LENGTHS: Final = struct.Struct("!IQ")
HEADER_LIMIT_BYTES: Final = 4 << 20
BODY_LIMIT_BYTES: Final = 64 << 20
PART_BYTES: Final = 4 << 20
"""About how much of an array is sent at once."""


class FrameError(ValueError):
    """Bytes that are not a message, or one over the limits."""


def encode(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


class Sender:
    """Sends what a job gives out beside its reply: predictions in blocks, and trained weights.

    Args:
        write: takes a whole message.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def block(self, name: str, start: int, rows: NDArray[Any]) -> None:
        """Send predictions of consecutive samples from `start` on: `(rows, *output_shape)`. A
        sample that takes more than a part is sent in parts, each with its place in bytes."""
        row_bytes = max(1, 4 * rows[:1].size)
        if row_bytes > PART_BYTES:
            for place, row in enumerate(rows, start):
                self._row(name, place, row)
            return
        pace = PART_BYTES // row_bytes
        for first in range(0, len(rows), pace):
            cut = np.ascontiguousarray(rows[first : first + pace], dtype="<f4")
            header = {"block": name, "start": start + first, "rows": len(cut)}
            self._write(encode(header, cut.tobytes()))

    def _row(self, name: str, place: int, row: NDArray[Any]) -> None:
        flat = np.ascontiguousarray(row, dtype="<f4").reshape(-1)
        for first in range(0, len(flat), PART_BYTES // 4):
            header = {"block": name, "start": place, "rows": 1, "at": 4 * first}
            self._write(encode(header, flat[first : first + PART_BYTES // 4].tobytes()))

    def state(self, name: str, array: NDArray[Any]) -> None:
        """Send one array of the trained state, in as many messages as it takes."""
        kind = array.dtype.newbyteorder("<").str
        data = memoryview(np.ascontiguousarray(array, dtype=kind).tobytes())
        header = {"state": name, "kind": kind, "shape": list(array.shape)}
        for start in range(0, max(1, len(data)), PART_BYTES):
            self._write(encode({**header, "at": start}, bytes(data[start : start + PART_BYTES])))


def read_message(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message from `read(at most n bytes) -> bytes`; None where the stream has ended.

    Raises:
        FrameError: what was read is not a message within the limits.
    """
    lengths = _read_exactly(read, LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    if header_bytes > HEADER_LIMIT_BYTES or body_bytes > BODY_LIMIT_BYTES:
        raise FrameError(f"a message of {header_bytes + body_bytes} bytes is over the limit")
    header, body = _read_exactly(read, header_bytes), _read_exactly(read, body_bytes)
    if header is None or body is None:
        raise FrameError("a message was cut short")
    return parse(header), body


def decode(message: bytes) -> tuple[dict[str, Any], bytes]:
    """A whole message.

    Raises:
        FrameError: it is not one within the limits.
    """
    found = read_message(io.BytesIO(message).read)
    if found is None:
        raise FrameError("a message is missing")
    return found


def _read_exactly(read: Callable[[int], bytes], count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        part = read(min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def parse(header: bytes) -> dict[str, Any]:
    """The header of a message.

    Raises:
        FrameError: it is not a JSON object.
    """
    try:
        value = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise FrameError("a message's header is not JSON") from error
    if not isinstance(value, dict):
        raise FrameError("a message's header is not an object")
    return value
