"""Shapes and types of a task, and what suits them, from the arrays that its reader gives."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from archwright.core import Array
from archwright.tasks.loading import SPLITS
from archwright.tasks.readers.tables import TargetKind
from archwright.tasks.scaffold.writing import StartingPoint

_BASELINES: Final = Path(__file__).resolve().parent / "baselines"
UNEVEN: Final = 3
"""So many times as many samples of one class as of another make classes uneven."""


class SplitReader(Protocol):
    """What gives the arrays of each split."""

    def load(self, split: str) -> tuple[Any, Array]:
        """Inputs and targets."""
        ...


class Shapes:
    """What all splits of a reader say about the keys of `task.toml`."""

    def __init__(self, reader: SplitReader, kind: TargetKind, classes: int = 0) -> None:
        loaded = {split: reader.load(split) for split in SPLITS}
        x, y = loaded["train"]
        self.train, self.labels = len(y), y
        self.samples = {split: len(pair[1]) for split, pair in loaded.items()}
        self.keys: dict[str, Any] = {}
        """Of `task.toml`."""
        inputs = [pair[0] for pair in loaded.values()]
        if isinstance(x, list):
            self._of_lists(inputs)
        elif isinstance(x, Mapping):
            self._of_parts(inputs)
        else:
            self._set("", _shape(x), *_type(inputs))
        outputs = [pair[1] for pair in loaded.values()]
        if kind == "classes":
            count = classes or max(int(o.max()) for o in outputs) + 1
            self.keys["output_shape"] = [*y.shape[1:], count]
        else:
            self.keys["output_shape"] = list(y.shape[1:])

    @property
    def said(self) -> str:
        """How many samples each split has."""
        return ", ".join(f"{count} {split}" for split, count in self.samples.items())

    def _set(self, part: str, shape: list[int], vocabulary: int, stored: str) -> None:
        made = {"input_shape": shape, "vocabulary": vocabulary, "input_type": stored}
        for key, value in made.items():
            if value and part:
                self.keys.setdefault(key, {})[part] = value
            elif value:
                self.keys[key] = value

    def _of_parts(self, inputs: Sequence[Mapping[str, Array]]) -> None:
        for name, array in inputs[0].items():
            self._set(name, _shape(array), *_type([own[name] for own in inputs]))

    def _of_lists(self, inputs: Sequence[list[Array]]) -> None:
        rows = [row for own in inputs for row in own]
        longest = max(len(row) for row in rows)
        self._set("", [longest, *rows[0].shape[1:]], *_type(rows))
        self.keys["lengths_vary"] = True


def _shape(array: Array) -> list[int]:
    return list(array.shape[1:])


def _type(arrays: Sequence[Array]) -> tuple[int, str]:
    """The vocabulary, 0 where there is none, and the type, empty where it is the usual one."""
    dtype, axes = arrays[0].dtype, arrays[0].ndim
    if dtype == np.uint8 and axes > 2:
        return 0, "uint8"
    if dtype.kind not in "iu":
        return 0, ""
    largest = max(int(array.max()) for array in arrays)
    return largest + 1, "" if dtype == np.int64 else str(dtype)


# --- what suits them ------------------------------------------------------------------------------


def metric_of(kind: TargetKind, labels: Array, classes: int) -> tuple[str, str]:
    """A metric, and why it was chosen."""
    if kind == "values":
        return "r2", "targets are standardised by train, and the score is r2, which has no unit"
    if kind == "labels":
        return "multilabel_f1", "several labels of 0 and 1: the score is the mean F1 of the labels"
    if labels.ndim > 1:
        return "mean_iou", "a class for each place: the score is the mean IoU of the classes"
    counts = Tally(labels.tolist())
    if max(counts.values()) < UNEVEN * min(counts.values()):
        return "accuracy", "classes are about even: the score is accuracy"
    name = "auroc" if classes == 2 else "macro_f1"
    return name, f"classes are uneven ({_spread(counts)} in train): the score is {name}"


def _spread(counts: Tally[int]) -> str:
    return f"{min(counts.values())} to {max(counts.values())} of each"


def template(name: str, tokens: int | Mapping[str, int] = 0) -> StartingPoint:
    """One of the architectures of `baselines/`; `tokens` is the vocabulary, where it needs one."""
    text = (_BASELINES / f"{name}.py").read_text(encoding="utf-8")
    for empty in ("TOKENS = 0\n", "TOKENS = {}\n"):
        text = text.replace(empty, f"TOKENS = {tokens!r}\n")
    return StartingPoint(text)


def baseline_of(keys: Mapping[str, Any]) -> StartingPoint:
    """The architecture that suits the shapes."""
    given, asked = keys["input_shape"], keys["output_shape"]
    tokens = keys.get("vocabulary", 0)
    if isinstance(given, Mapping):
        names = set(given)
        if names == {"nodes", "edges"}:
            return template("graph")
        if names == {"numbers", "categories"}:
            return template("table", tokens["categories"])
        return template("parts", tokens or {})
    if keys.get("lengths_vary") or tokens or len(given) == 2:
        return template("sequence", tokens)
    if len(given) == 3:
        return template("dense" if len(asked) == 3 else "image")
    return template("vector")
