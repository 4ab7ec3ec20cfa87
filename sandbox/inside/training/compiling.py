"""Compiling a network before it is trained."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final, cast

import torch._dynamo
from torch import nn

from ..faults import TaskFaultError
from ..model.building import Forward

_OPTIMIZE: Final = torch._dynamo.optimize
"""Taken before any candidate's code runs, for which it is replaced."""
_COMPILERS: Final = ("g++", "c++", "clang++")


def compiled(model: nn.Module) -> Forward:
    """The network, compiled by TorchInductor when it is first called; it has the same weights.

    What cannot be compiled runs as it is written.

    Raises:
        TaskFaultError: no C++ compiler runs in this sandbox.
    """
    if not _can_compile():
        raise TaskFaultError(
            "task.toml: [training] compile needs a C++ compiler, and this sandbox has none that "
            "runs: use containers (archwright sandbox build --compiler), or leave compile out"
        )
    import torch._inductor.config as inductor

    torch._dynamo.config.suppress_errors = True
    inductor.compile_threads = 1  # else by processes of its own, which outlive a fork badly
    return cast(Forward, _OPTIMIZE("inductor")(model))


def _can_compile() -> bool:
    """Whether one is there and starts; a jail lets no program start, unless for this."""
    for name in _COMPILERS:
        if (found := shutil.which(name)) is not None:
            try:
                return not subprocess.run([found, "--version"], capture_output=True).returncode
            except OSError:
                return False
    return False
