"""What a job's process sends out, read as it comes: blocks of predictions, weights, the reply.

All of it is hostile input. Nothing is kept that was not asked for, so that memory stays bounded
however much is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from archwright.core import Array, Receive
from archwright.sandbox.inside import frames

_STATE_KINDS: Final = ("<f4", "<f8", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1")
_STATE_ARRAYS: Final = 20_000
_NAME_LIMIT: Final = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """The predictions that a training owes for one split, and the shape of each."""

    samples: int
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """What one sample takes, in float32."""
        return 4 * math.prod(self.shape)

    @property
    def headers_bytes(self) -> int:
        """Room for the headers of the messages that one sample may take."""
        return 1024 * (1 + self.row_bytes // frames.PART_BYTES)


class ReplyReader:
    """Takes the bytes of one job in order, and ends with its reply.

    Args:
        wanted: the predictions that are owed, by split.
        receive: is given each block of them: finite, in order, of the right shape.
        state_bytes: the most that the trained state may take; 0 where none was asked for.
    """

    def __init__(
        self,
        wanted: Mapping[str, Wanted] | None = None,
        receive: Receive | None = None,
        state_bytes: int = 0,
    ) -> None:
        self._wanted, self._receive = wanted or {}, receive
        self._state_left = state_bytes
        self._come = dict.fromkeys(self._wanted, 0)
        self._row = bytearray()
        """What has come of a sample that is sent in parts."""
        self._pending = bytearray()
        self._header: dict[str, Any] | None = None
        self._partial: dict[str, tuple[Array, int]] = {}
        self.fault = ""
        """Why what was sent is refused; empty while nothing is wrong with it."""

    @property
    def limit_bytes(self) -> int:
        """What the job may send out: what it owes, and room for headers."""
        owed = sum(w.samples * (w.row_bytes + w.headers_bytes) for w in self._wanted.values())
        return owed + 2 * self._state_left + frames.BODY_LIMIT_BYTES

    def feed(self, data: bytes) -> None:
        """Read on. After a fault the rest is passed over."""
        if self.fault:
            return
        self._pending += data
        try:
            while self._take_message():
                continue
        except (frames.FrameError, ValueError) as error:
            self.fault, self._pending = str(error), bytearray()

    def _take_message(self) -> bool:
        size = frames.LENGTHS.size
        if len(self._pending) < size:
            return False
        header_bytes, body_bytes = frames.LENGTHS.unpack(self._pending[:size])
        if header_bytes > frames.HEADER_LIMIT_BYTES or body_bytes > frames.BODY_LIMIT_BYTES:
            raise frames.FrameError(f"a message of {header_bytes + body_bytes} bytes is too long")
        end = size + header_bytes + body_bytes
        if len(self._pending) < end:
            return False
        header = frames.parse(bytes(self._pending[size : size + header_bytes]))
        body = self._pending[size + header_bytes : end]
        del self._pending[:end]
        self._take(header, body)
        return True

    def _take(self, header: dict[str, Any], body: bytearray) -> None:
        if self._header is not None:
            raise ValueError("it continues after its end")
        if "block" in header:
            self._take_block(header, body)
        elif "state" in header:
            self._take_state(header, body)
        else:
            self._header = header

    def _take_block(self, header: dict[str, Any], body: bytearray) -> None:
        name, start, rows = header["block"], header.get("start"), header.get("rows")
        wanted = self._wanted.get(name) if isinstance(name, str) else None
        if wanted is None:
            raise ValueError("it has predictions that were not asked for")
        if start != self._come[name] or type(rows) is not int or not rows > 0:
            raise ValueError(f"its predictions on {name} are out of order")
        if "at" in header:
            if header["at"] != len(self._row) or rows != 1:
                raise ValueError(f"its predictions on {name} are out of order")
            self._row += body
            if len(self._row) < wanted.row_bytes:
                return
            body, self._row = self._row, bytearray()
        if start + rows > wanted.samples or len(body) != rows * wanted.row_bytes:
            raise ValueError(f"its predictions on {name} have the wrong size")
        self._come[name] += rows
        flat = np.frombuffer(body, dtype="<f4").astype(np.float32, copy=False)
        if not np.isfinite(flat).all():
            raise ValueError(f"the predictions on {name} are not finite")
        if self._receive is not None:
            self._receive(name, start, flat.reshape(rows, *wanted.shape))

    def _take_state(self, header: dict[str, Any], body: bytearray) -> None:
        name, kind, shape = (header.get(key) for key in ("state", "kind", "shape"))
        if (
            not isinstance(name, str)
            or not 0 < len(name) <= _NAME_LIMIT
            or kind not in _STATE_KINDS
        ):
            raise ValueError("its weights are malformed")
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("its weights are malformed")
        if name not in self._partial:
            size = math.prod(shape) * np.dtype(kind).itemsize
            self._state_left -= size + 1
            if self._state_left < 0 or len(self._partial) >= _STATE_ARRAYS:
                raise ValueError("its weights are larger than was allowed")
            self._partial[name] = np.zeros(shape, dtype=kind), 0
        array, come = self._partial[name]
        if header.get("at") != come or come + len(body) > array.nbytes:
            raise ValueError("its weights are out of order")
        array.reshape(-1).view(np.uint8)[come : come + len(body)] = np.frombuffer(body, np.uint8)
        self._partial[name] = array, come + len(body)

    @property
    def header(self) -> dict[str, Any] | None:
        """The reply, once it came."""
        return self._header

    @property
    def missing(self) -> str:
        """What is owed and has not come, in words; empty where all has."""
        for name, come in self._come.items():
            if come < self._wanted[name].samples:
                return f"predictions on {name} are missing"
        if any(come < array.nbytes for array, come in self._partial.values()):
            return "some of its weights are missing"
        return ""

    @property
    def state(self) -> dict[str, Array]:
        """The trained state by name."""
        return {name: array for name, (array, _) in self._partial.items()}


class Collected:
    """Keeps all blocks: for jobs whose predictions are few."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[Array]] = {}

    def receive(self, name: str, start: int, rows: Array) -> None:
        """Keep a block."""
        del start
        self._blocks.setdefault(name, []).append(rows)

    @property
    def predictions(self) -> dict[str, Array]:
        """All that came, by split."""
        return {name: np.concatenate(blocks) for name, blocks in self._blocks.items()}
