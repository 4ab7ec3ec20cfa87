"""A task from a `.npz` file: arrays, sequences of unequal lengths, or the nodes of a graph."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.archives import WHOLE, Archive, one_each, read_archive
from archwright.tasks.readers.graphs import EgoNetworks, neighbours_of
from archwright.tasks.readers.splitting import LEAST
from archwright.tasks.readers.tables import TargetKind
from archwright.tasks.scaffold.shaping import Shapes, baseline_of, metric_of
from archwright.tasks.scaffold.writing import Draft, Reading

PATTERNS: Final = ("{}_SPLIT", "SPLIT_{}")
SPLIT_NAMES: Final = {
    "train": ("train", "training", "trn", "tr"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "tst", "te", "eval", "holdout"),
}
TARGETS: Final = ("y", "Y", "labels", "label", "target", "targets")
MOST_NEIGHBOURS: Final = 16
MOST_TOKENS: Final = 1_000_000
LARGEST: Final = float(np.finfo(np.float32).max)


def draft_of_arrays(file: Path, kind: TargetKind | None) -> Draft:
    """Arrays by name.

    Raises:
        TaskError: no target among them, or one that cannot be predicted.
    """
    arrays = read_archive(file)
    if "edges" in arrays:
        return _draft_of_graph(file, arrays)
    names = _names(arrays)
    plain = names["train"]
    bases = [n for n in (_base(key, plain) for key in arrays) if n is not None]
    target = next((name for name in TARGETS if name in bases), None)
    inputs = [name for name in bases if name != target]
    if target is None or not inputs:
        raise TaskError(
            f"{file} holds {', '.join(arrays)}: name the inputs x and the targets y, or x_train, "
            "y_train and so on"
        )
    whole, said = _whole_splits(arrays, names, inputs, target)
    for split, pattern in whole.items():
        for name in (*inputs, target):
            key = pattern.format(name)
            _check(arrays[key], f"{key} in {file}", is_target=name == target)
            if split != "train":
                _check_alike(arrays, plain.format(name), key, file, is_target=name == target)
        lengths = {p: len(arrays[p]) for p in (pattern.format(n) for n in (*inputs, target))}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{key} has {count}" for key, count in lengths.items())
            raise TaskError(f"{file}: {shown} samples; they must have as many")
    used = {pattern.format(name) for pattern in whole.values() for name in (*inputs, target)}
    if set(arrays) > used:
        said.append(f"left out: {', '.join(key for key in arrays if key not in used)}")
    names = whole
    y = one_each(arrays[plain.format(target)])
    if kind is None and _is_one_hot(y):
        raise TaskError(
            f"{target} in {file} has one 1 in each row: store its classes, {target}.argmax(1), or "
            "say --kind labels"
        )
    chosen = kind or _kind_of(y)
    options: dict[str, Any] = {"inputs": inputs, "target": target, "kind": chosen}
    classes = _classes(y, file) if chosen == "classes" and y.ndim == 1 else []
    for split in names if classes else ():
        _check_classes(classes, one_each(arrays[names[split].format(target)]), split, file)
    if chosen == "values" and y.min() == y.max():
        raise TaskError(f"{target} in {file} holds {y.flat[0]:g} throughout: nothing to predict")
    if classes and classes != list(range(len(classes))):
        options["classes"] = classes
    if names != WHOLE:
        options["names"] = names
    reader = Archive(file, **options)
    shapes = Shapes(reader, chosen, len(classes))
    metric, why = metric_of(chosen, shapes.labels, shapes.keys["output_shape"][-1])
    cut = [split for split in SPLIT_NAMES if split not in names]
    held = len(y) - sum(shapes.samples[split] for split in ("train", *cut))
    if held:
        said.append(f"{held} samples of train are held out as well, and left out of train")
    given = f"the file's own splits; {' and '.join(cut)} by content of train" if cut else ""
    return Draft(
        summary=f"{target} from {', '.join(inputs)} of {file.name}",
        contract=(
            f"Predict {target} from {', '.join(inputs)}. The input has the shape "
            f"{shapes.keys['input_shape']}, the output {shapes.keys['output_shape']}. There are "
            f"{shapes.train:,} samples to learn from."
        ),
        reading=Reading("Archive", {"FILE": file}, options),
        metric=metric,
        keys=shapes.keys,
        baseline=baseline_of(shapes.keys),
        train=shapes.train,
        assumed=[
            f"{target} is predicted from {', '.join(inputs)}",
            f"{target} holds {chosen}; --kind classes, labels or values takes it otherwise",
            *said,
            *_said(shapes),
            (given if len(names) > 1 else "split by the content of the samples, 70/15/15")
            + f": {shapes.said}",
            why,
        ],
    )


def _whole_splits(
    arrays: Mapping[str, Array], names: Mapping[str, str], inputs: Sequence[str], target: str
) -> tuple[dict[str, str], list[str]]:
    """The splits that have all their arrays, and what is said of one that is left out.

    Raises:
        TaskError: a split has its target, and lacks an input.
    """
    whole, said = {}, []
    for split, pattern in names.items():
        missing = [key for key in map(pattern.format, (*inputs, target)) if key not in arrays]
        if not missing:
            whole[split] = pattern
        elif missing == [pattern.format(target)]:
            said.append(f"{split} has no {missing[0]}, and is cut from train in place of it")
        else:
            there = [key for key in arrays if _base(key, pattern) is not None]
            raise TaskError(
                f"there is {there[0]}, and no {missing[0]}: add it, or leave out all of {split}"
            )
    return whole, said


def _check_alike(
    arrays: Mapping[str, Array], name: str, key: str, file: Path, is_target: bool
) -> None:
    """What is held out must be as train is."""
    (shape, numbers), (other, others) = (_form(one_each(arrays[own])) for own in (name, key))
    if shape != other or (numbers != others and not is_target):
        raise TaskError(
            f"{key} in {file} has samples of {others} {other}, {name} of {numbers} {shape}: store "
            "both alike"
        )


def _form(array: Array) -> tuple[tuple[int, ...], str]:
    """The shape of a sample, of one length where lengths vary, and what it holds."""
    sample = np.asarray(array[0])
    shape = sample.shape[1:] if array.dtype == object else sample.shape
    return shape, {"f": "floats", "U": "words", "O": "objects"}.get(sample.dtype.kind, "integers")


def _check_names(array: Array, what: str) -> None:
    """Targets that lie as objects: all words, or all whole numbers."""
    kinds = [(str,), (int, np.integer)]
    if array.ndim > 1 or not any(all(isinstance(y, own) for y in array.tolist()) for own in kinds):
        raise TaskError(
            f"{what} has targets that are neither all words nor all whole numbers: store them "
            "all as words or all as numbers, and leave out samples without one"
        )


def _check_rows(array: Array, what: str) -> None:
    """Rows of unequal lengths are alike in all else."""
    forms = {(np.asarray(row).shape[1:], np.asarray(row).dtype.kind) for row in array}
    if any(np.ndim(row) == 0 or len(row) == 0 for row in array):
        raise TaskError(f"{what} has rows without numbers: leave them out")
    if not {kind for _, kind in forms} <= set("fiub"):
        raise TaskError(f"{what} has rows that are not numbers: store each as an array of them")
    if len({shape for shape, _ in forms}) > 1:
        shown = " and ".join(map(str, sorted({shape for shape, _ in forms})[:2]))
        raise TaskError(f"{what} has rows of {shown} numbers a step: only lengths may vary")


def _check_classes(classes: Sequence[Any], y: Array, split: str, file: Path) -> None:
    unknown = sorted(set(y.tolist()) - set(classes))
    if unknown:
        raise TaskError(
            f"the targets of {split} in {file} hold {unknown[0]!r}, which is not a class of train: "
            "leave its samples out, or add some to train"
        )


def _check(array: Array, what: str, is_target: bool) -> None:
    if array.ndim == 0 or array.size == 0:
        raise TaskError(f"{what} holds no samples: its first axis counts them")
    if array.dtype.kind not in ("fiubOUS" if is_target else "fiubO"):
        raise TaskError(f"{what} is of the type {array.dtype}: store it as numbers")
    wrong = int(np.sum(~np.isfinite(array))) if array.dtype.kind == "f" else 0
    if wrong:
        raise TaskError(f"{what} has {wrong} values that are not finite numbers: fill them in")
    if is_target:
        if array.dtype == object:
            _check_names(one_each(array), what)
        return
    if array.dtype == object:
        _check_rows(array, what)
    if array.dtype.kind in "iu" and array.ndim == 2:
        least, most = int(array.min()), int(array.max())
        if least < 0 or most >= MOST_TOKENS:
            raise TaskError(
                f"{what} has whole numbers from {least:,} to {most:,}, which are not tokens: "
                "store it as float32"
            )
    if array.dtype.kind == "f" and float(np.abs(array).max()) > LARGEST:
        raise TaskError(f"{what} has values beyond {LARGEST:g}, the limit of float32: scale it")


def _is_one_hot(y: Array) -> bool:
    wide = y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "fiub"
    return wide and bool(np.isin(y, (0, 1)).all()) and bool((y.sum(1) == 1).all())


def _said(shapes: Shapes) -> list[str]:
    """What the inputs were taken for."""
    lines = []
    if "vocabulary" in shapes.keys:
        lines.append("whole numbers in a row are tokens; as float32 they are numbers")
    if shapes.keys.get("lengths_vary"):
        lines.append("lengths vary: samples are padded to the longest, and come with a mask")
    if shapes.keys.get("input_type") == "uint8" and len(shapes.keys["input_shape"]) == 3:
        return [*lines, "uint8 images with their channels first, divided by 255"]
    return [*lines, "floats are standardised by train"]


def _names(arrays: Mapping[str, Array]) -> dict[str, str]:
    """How arrays are called in each split."""
    for pattern in PATTERNS:
        found: dict[str, str] = {}
        for split, words in SPLIT_NAMES.items():
            for word in words:
                made = pattern.replace("SPLIT", word)
                if any(_base(key, made) is not None for key in arrays):
                    found.setdefault(split, made)
        if "train" in found:
            return found
    return dict(WHOLE)


def _base(key: str, pattern: str) -> str | None:
    begin, end = pattern.split("{}")
    fits = key.startswith(begin) and key.endswith(end) and len(key) > len(begin) + len(end)
    return key[len(begin) : len(key) - len(end)] if fits else None


def _kind_of(y: Array) -> TargetKind:
    if y.dtype.kind == "f":
        return "values"
    flags = y.ndim == 2 and y.shape[1] > 1 and bool(np.isin(y, (0, 1)).all())
    return "labels" if flags else "classes"


def _classes(y: Array, file: Path) -> list[Any]:
    counts = Tally(y.tolist())
    name, least = min(counts.items(), key=lambda item: item[1])
    if len(counts) < 2:
        raise TaskError(f"the target in {file} is {name!r} throughout: two classes are needed")
    if least < LEAST:
        raise TaskError(
            f"class {name!r} in {file} has {least} samples, and a split 70/15/15 needs {LEAST}: "
            "add some, leave it out, or say --kind values"
        )
    return sorted(counts)


# --- a graph --------------------------------------------------------------------------------------


def _draft_of_graph(file: Path, arrays: Mapping[str, Array]) -> Draft:
    if "labels" not in arrays:
        raise TaskError(f"{file} has edges and no labels: add labels, a class for each node or -1")
    for name in {"labels", "edges", "features"} & set(arrays):
        _check(arrays[name], f"{name} in {file}", is_target=True)
        if name != "features" and arrays[name].dtype.kind not in "fiub":
            raise TaskError(f"{name} in {file} holds {arrays[name].dtype}: number it from 0")
    labels = arrays["labels"].astype(np.int64)
    if labels.max() < 0:
        raise TaskError(f"labels in {file} is -1 throughout: give some nodes a class from 0")
    near = neighbours_of(arrays["edges"], len(labels))
    mean = sum(map(len, near)) / max(1, len(near))
    neighbours = int(min(max(2 * mean, 4), MOST_NEIGHBOURS))
    classes = _classes(labels[labels >= 0], file)
    if classes != list(range(len(classes))):
        raise TaskError(f"labels in {file} are {classes}: number the classes from 0, -1 is none")
    options = {"neighbours": neighbours}
    shapes = Shapes(EgoNetworks(file, neighbours=neighbours), "classes", len(classes))
    metric, why = metric_of("classes", shapes.labels, len(classes))
    size, features = shapes.keys["input_shape"]["nodes"]
    return Draft(
        summary=f"which of {len(classes)} classes a node of {file.stem} is of",
        contract=(
            f"Say which of {len(classes)} classes the first of {size} nodes is of. nodes has "
            f"{size} x {features} features: the node itself, its neighbours, then theirs; edges "
            f"{size} x {size}, links and loops in rows that sum to 1; what is not there is 0. The "
            f"output is {len(classes)} logits. There are {shapes.train:,} nodes to learn from."
        ),
        reading=Reading("EgoNetworks", {"FILE": file}, options),
        metric=metric,
        keys=shapes.keys,
        baseline=baseline_of(shapes.keys),
        train=shapes.train,
        assumed=[
            f"each node is given with the {neighbours} nearest others; nodes have {mean:.1f} "
            "neighbours on average",
            "links count in both directions",
            "features of other nodes may be seen, whatever their split; labels never",
            "split by content, 70/15/15 of each class: "
            + ", ".join(f"{count} {split}" for split, count in shapes.samples.items()),
            why,
        ],
    )
