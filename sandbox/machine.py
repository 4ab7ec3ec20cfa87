"""What a machine is, as far as scores depend on it."""

from __future__ import annotations

import platform
import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path


def machine_kind(has_gpu: bool = False) -> str:
    """Machines of one kind give the same score for the same seed: torch, and the model of the GPU
    where trainings have one, else of the CPU."""
    return f"torch {version('torch')} on {_processor(has_gpu)}"


def _processor(has_gpu: bool) -> str:
    with suppress(OSError):
        if has_gpu:
            places = Path("/proc/driver/nvidia/gpus").glob("*/information")
            lines = [line for place in places for line in place.read_text().splitlines()]
            key = "Model:"
        else:
            lines, key = Path("/proc/cpuinfo").read_text().splitlines(), "model name"
        for line in lines:
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What the drivers of NVIDIA, of Windows below Linux, and of AMD make."""


def has_gpu_driver() -> bool:
    """Whether this machine may have a GPU: False is sure, True is not."""
    return any(Path(p).exists() for p in _DRIVERS) or shutil.which("nvidia-smi") is not None
