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
REPLY_LIMIT_BYTES: Final = 64 << 20
"""The most that candidate code can send out: header and arrays together."""


class FrameError(ValueError):
    """Bytes that are not a message, or one over the limits."""


def encode(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def encode_arrays(header: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """A message whose header lists `arrays` as [name, shape] and whose body is their bytes."""
    listed = [[name, list(array.shape)] for name, array in arrays.items()]
    body = b"".join(np.ascontiguousarray(a, dtype="<f4").tobytes() for a in arrays.values())
    return encode({**header, "arrays": listed}, body)


def read_message(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message from `read(at most n bytes) -> bytes`; None where the stream has ended.

    Raises:
        FrameError: what was read is not a message within the limits.
    """
    lengths = _read_exactly(read, LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    if header_bytes > HEADER_LIMIT_BYTES or body_bytes > REPLY_LIMIT_BYTES:
        raise FrameError(f"a message of {header_bytes + body_bytes} bytes is over the limit")
    header, body = _read_exactly(read, header_bytes), _read_exactly(read, body_bytes)
    if header is None or body is None:
        raise FrameError("a message was cut short")
    return _parse(header), body


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


def _parse(header: bytes) -> dict[str, Any]:
    try:
        value = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise FrameError("a message's header is not JSON") from error
    if not isinstance(value, dict):
        raise FrameError("a message's header is not an object")
    return value


def split_arrays(
    header: Mapping[str, Any], body: bytes, wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32]]:
    """The float32 arrays of a message, which must be exactly those of `wanted` (name to shape).

    Raises:
        FrameError: other names, other shapes, or a body of another length.
    """
    listed = [[name, list(shape)] for name, shape in wanted.items()]
    if header.get("arrays") != listed:
        raise FrameError(f"expected the arrays {listed}, got {str(header.get('arrays'))[:200]}")
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in wanted.values()]
    if len(body) != 4 * sum(sizes):
        raise FrameError(f"expected {4 * sum(sizes)} bytes of arrays, got {len(body)}")
    parts = np.split(np.frombuffer(body, dtype="<f4"), np.cumsum(sizes)[:-1]) if sizes else []
    return {
        name: part.reshape(wanted[name]).astype(np.float32)
        for name, part in zip(wanted, parts, strict=True)
    }
