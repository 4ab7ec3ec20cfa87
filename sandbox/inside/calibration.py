"""What one thread of this machine can do: arithmetic, memory traffic, the cost of an operation.

Runs no candidate's code. As a program it prints the figures as JSON.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

_REPEATS: Final = 7
_SIDE: Final = 512
_NUMBERS: Final = 1 << 23  # 32 MB of float32: more than the caches of one core hold
_SMALL_CALLS: Final = 2000


def calibrate() -> dict[str, Any]:
    """Measure; half a second. The best of several repeats: other load only ever slows down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return {
                "name": f"{_processor()}, torch {torch.__version__}",
                "flops_per_second": 2 * _SIDE**3 / _best(_multiply()),
                "bytes_per_second": 8 * _NUMBERS / _best(_copy()),
                "operation_seconds": _best(_rectify()) / _SMALL_CALLS,
                "product_seconds": _best(_convolve()) / _SMALL_CALLS,
            }
    finally:
        torch.set_num_threads(threads)


def _multiply() -> Callable[[], object]:
    a, b = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    return lambda: a @ b


def _copy() -> Callable[[], object]:
    source, target = torch.rand(_NUMBERS), torch.empty(_NUMBERS)
    return lambda: target.copy_(source)


def _rectify() -> Callable[[], object]:
    small = torch.rand(8)
    return lambda: [torch.relu(small) for _ in range(_SMALL_CALLS)]


def _convolve() -> Callable[[], object]:
    """Half linear layers, half convolutions: the first start faster, the second slower."""
    linear, row = torch.nn.Linear(8, 8), torch.rand(1, 8)
    convolution, image = torch.nn.Conv2d(8, 8, 3, padding=1), torch.rand(1, 8, 4, 4)
    pairs = range(_SMALL_CALLS // 2)
    return lambda: [(linear(row), convolution(image)) for _ in pairs]


def _best(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _processor() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            lines = [line for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    return lines[0].partition(":")[2].strip() if lines else platform.processor() or "processor"


if __name__ == "__main__":
    print(json.dumps(calibrate()))
