"""Networks built and compared in a process apart.

`Builder` starts `python -m archwright.benchmarks.dedup.net_worker`, which reads a JSON job a line
and answers with one JSON line. It isolates crashes and endless loops, not malice.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self


class Builder:
    """A process with torch loaded that builds networks from source."""

    def __init__(self, input_shape: Sequence[int], classes: int) -> None:
        self._shapes = {"input_shape": list(input_shape), "classes": classes}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "archwright.benchmarks.dedup.net_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def build(self, *sources: str) -> dict[str, Any]:
        """Build and trace each source, and compare the second with the first where there are two.

        Returns:
            `graphs` (a hash each), `seconds` (of tracing, each), `seeded` (same weights and same
            outputs from the same seed) and `copied` (same outputs after the weights were copied in
            the order of their use); or `error`.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"sources": sources, **self._shapes}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
