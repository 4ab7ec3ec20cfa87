"""Arrays and plain data, as types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Json = Mapping[str, Any]
