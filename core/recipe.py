"""How a candidate is trained: a recipe, from a closed list with bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from archwright.core.arrays import Json
from archwright.core.errors import SourceError

SCHEDULES: Final = ("constant", "linear", "cosine", "warmup_cosine")
OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop")
RECIPE_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "learning_rate": (1e-5, 1.0),
    "weight_decay": (0.0, 1.0),
    "batch_size": (8, 256),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is trained, from a closed list; what it does not say, the task says."""

    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 32
    schedule: str = "cosine"

    def updated(self, changes: Json) -> Recipe:
        """This recipe with `changes`.

        Raises:
            SourceError: an unknown key, a value of the wrong type, or one out of bounds.
        """
        unknown = sorted(set(changes) - set(RECIPE_KEYS))
        if unknown:
            raise SourceError(
                f"RECIPE has no key {unknown[0]!r}; it takes {', '.join(RECIPE_KEYS)}"
            )
        for key, value in changes.items():
            _check_recipe_value(key, value)
        return replace(self, **{k: type(getattr(self, k))(v) for k, v in changes.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain data, keys in declaration order."""
        return asdict(self)


RECIPE_KEYS: Final = tuple(Recipe.__dataclass_fields__)


def _check_recipe_value(key: str, value: object) -> None:
    choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.get(key)
    if choices is not None:
        if value not in choices:
            raise SourceError(f"RECIPE[{key!r}] must be one of {', '.join(choices)}, not {value!r}")
        return
    low, high = RECIPE_BOUNDS[key]
    whole = key == "batch_size"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise SourceError(f"RECIPE[{key!r}] must be {'a whole number' if whole else 'a number'}")
    if not low <= value <= high:
        raise SourceError(f"RECIPE[{key!r}] must lie in [{low:g}, {high:g}], not {value!r}")
