"""A task from a data set of the library `datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError
from archwright.tasks.loading import SPLITS
from archwright.tasks.readers.hub import HubData, HubForm, open_hub_data
from archwright.tasks.readers.images import is_deep, white_of
from archwright.tasks.readers.tables import TargetKind
from archwright.tasks.scaffold.arrays import SPLIT_NAMES
from archwright.tasks.scaffold.images import IN_MEMORY, SIDE
from archwright.tasks.scaffold.shaping import baseline_of, metric_of
from archwright.tasks.scaffold.writing import Draft, Reading

TARGETS: Final = ("label", "labels", "target", "y", "fine_label", "class")
TEXTS: Final = ("text", "sentence", "content", "document")
LENGTH: Final = 256


def draft_of_hub(name: str, kind: TargetKind | None) -> Draft:
    """Columns by what they are called and hold.

    Raises:
        TaskError: there is no such data set, or no column that can be a target or an input.
    """
    local = Path(name).expanduser()
    name = str(local.resolve()) if local.is_dir() else name
    found = open_hub_data(name)
    splits = {split: own for split, words in SPLIT_NAMES.items() for own in words if own in found}
    if "train" not in splits:
        raise TaskError(f"{name} has the splits {', '.join(found)}, and none called train")
    train = found[splits["train"]]
    target = next((c for c in TARGETS if c in train.column_names), None)
    if target is None:
        raise TaskError(
            f"{name} has the columns {', '.join(train.column_names)}: call the target label"
        )
    row = train[0]
    form, inputs = _inputs(name, row, target)
    values = train[target]
    kind = kind or ("values" if isinstance(values[0], float) else "classes")
    options: dict[str, Any] = {
        "splits": splits, "form": form, "inputs": inputs, "target": target, "kind": kind,
    }  # fmt: skip
    classes: list[Any] = []
    if kind == "classes":
        classes = options["classes"] = sorted(set(values))
        if len(classes) < 2:
            raise TaskError(f"{target} of {name} is {values[0]!r} throughout: two are needed")
    keys, lazy, said = _shape_of(form, row, inputs, len(train), options)
    if form == "image" and is_deep(row[inputs[0]]):
        options["white"] = white_of(max(float(np.max(own[inputs[0]])) for own in train))
    keys["output_shape"] = [len(classes) or 1]
    reader = HubData(name, **options)
    labels = reader.load("train")[1] if not lazy else np.array([classes.index(v) for v in values])
    metric, why = metric_of(kind, labels, len(classes))
    if form == "numbers":
        keys["input_shape"] = [reader.load("test")[0].shape[1]]
    cut = [split for split in SPLITS if split not in splits]
    return Draft(
        summary=f"{target} from {', '.join(inputs)} of {Path(name).name}"[:200],
        contract=(
            f"Predict {target} from {said}. The input has the shape {keys['input_shape']}, the "
            f"output {keys['output_shape']}. There are {len(labels):,} samples to learn from."
        ),
        reading=Reading("HubData", {"NAME": Path(name) if local.is_dir() else name}, options, lazy),
        metric=metric,
        keys=keys,
        baseline=baseline_of(keys),
        train=len(labels),
        assumed=[
            f"{target} is predicted from {', '.join(inputs)}: {said}",
            f"{target} holds {kind}; --kind classes or values takes it otherwise",
            "the data set's own splits"
            + (f"; {' and '.join(cut)} by content of train, 15 % each" if cut else ""),
            why,
        ],
    )


def _inputs(name: str, row: dict[str, Any], target: str) -> tuple[HubForm, list[str]]:
    """The columns that are given, and what they are."""
    others = {column: value for column, value in row.items() if column != target}
    for column, value in others.items():
        if hasattr(value, "convert"):
            return "image", [column]
    texts = [column for column, value in others.items() if isinstance(value, str)]
    for column in (*TEXTS, *texts[:1]):
        if column in texts:
            return "text", [column]
    numbers = [column for column, value in others.items() if _is_numeric(value)]
    if not numbers:
        raise TaskError(f"{name} has no image, text or numbers beside {target}")
    return "numbers", numbers


def _is_numeric(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "iuf" and np.ndim(value) < 2


def _shape_of(
    form: HubForm, row: dict[str, Any], inputs: list[str], count: int, options: dict[str, Any]
) -> tuple[dict[str, Any], bool, str]:
    """Keys of `task.toml`, whether the data are read in batches, and words for them."""
    if form == "image":
        image = row[inputs[0]]
        side = min(SIDE, max(image.size))
        colours = 1 if image.mode in ("1", "L") or is_deep(image) else 3
        options |= {"size": [side, side], "colours": colours}
        lazy = count * colours * side * side > IN_MEMORY
        keys: dict[str, Any] = {"input_shape": [colours, side, side], "input_type": "uint8"}
        return keys, lazy, f"images, brought to {side} x {side}"
    if form == "text":
        options["length"] = LENGTH
        keys = {
            "input_shape": [LENGTH],
            "vocabulary": 256,
            "input_type": "uint8",
            "lengths_vary": True,
        }
        return keys, False, f"the first {LENGTH} bytes of a text"
    return {"input_shape": [0]}, False, "numbers, standardised by train"
