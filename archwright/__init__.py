"""Archwright discovers neural architectures overnight, and proves which gains are real.

import archwright

result = archwright.discover("digits", workspace="my-workspace", max_trials=60)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from archwright.api import discover

__all__ = ["__version__", "discover"]


def __getattr__(name: str) -> Any:
    # Importing archwright costs nothing; what is heavy comes with the first use.
    if name == "discover":
        from archwright.api import discover

        return discover
    raise AttributeError(f"module 'archwright' has no attribute {name!r}")
