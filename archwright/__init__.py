"""Archwright discovers neural architectures overnight, and proves which gains are real.

import archwright

result = archwright.discover("digits", workspace="my-workspace", max_trials=60)
again = archwright.result(result["run"], workspace="my-workspace")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from archwright.agents.backends import Backend
    from archwright.api import discover, load, result
    from archwright.core import ArchwrightError, InputError
    from archwright.core.settings import RunSettings
    from archwright.runs.results.result import RunResult

__all__ = [
    "ArchwrightError",
    "Backend",
    "InputError",
    "RunResult",
    "RunSettings",
    "__version__",
    "discover",
    "load",
    "result",
]

# Importing archwright costs nothing; what is heavy comes with the first use.
_HOMES = {
    "ArchwrightError": "core",
    "Backend": "agents.backends",
    "InputError": "core",
    "RunResult": "runs.results.result",
    "RunSettings": "core.settings",
    "discover": "api",
    "load": "api",
    "result": "api",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"archwright.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'archwright' has no attribute {name!r}")
