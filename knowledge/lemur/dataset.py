"""The LEMUR data set (Goodarzi et al., "LEMUR Neural Network Dataset", 2025), read as plain files.

The package `nn-dataset` is never imported: its networks are text and its statistics are JSON. Both
may hold anything; what does not fit is left out, with the reason, and nothing is executed.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from archwright.core import InputError

LEMUR_NAMES: Final = frozenset({"Net", "supported_hyperparameters", "train_setup", "learn"})
"""What the data set's own training loop calls by name."""
FIX: Final = "install a release that has them: pip install --no-deps nn-dataset==2.1.2"
FILE_LIMIT_BYTES: Final = 4_000_000
_NETWORKS, _STATISTICS = Path("ab/nn/nn"), Path("ab/nn/stat")


@dataclass(frozen=True, slots=True)
class LemurTrial:
    """The best accuracy on one data set: never without how long and on what it was trained.

    `accuracy` is in per cent, `trials` how many were recorded for this data set.
    """

    task: str
    dataset: str
    accuracy: float
    epoch: int
    transform: str
    batch: int | None = None
    trials: int = 1
    hyperparameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lemur:
    """An unpacked `nn-dataset`: `root` is the folder that holds `ab`."""

    root: Path
    statistics: Mapping[str, tuple[Path, ...]]
    """The folders of statistics of each network."""

    @classmethod
    def find(cls, path: Path | None = None) -> Lemur:
        """The data set under `path` (an unpacked wheel, a site-packages folder), or the installed
        package.

        Raises:
            InputError: there is none, or it holds no networks.
        """
        root = path if path is not None else _installed()
        if not (root / _NETWORKS).is_dir():
            raise InputError(f"{root} holds no networks of nn-dataset; {FIX}")
        lemur = cls(root, _statistics_folders(root))
        if not lemur.names():
            raise InputError(f"{root} holds no networks of nn-dataset; {FIX}")
        return lemur

    def names(self) -> list[str]:
        """The names of all networks, sorted; links are not followed."""
        with os.scandir(self.root / _NETWORKS) as files:
            return sorted(
                file.name.removesuffix(".py")
                for file in files
                if file.name.endswith(".py")
                and file.name != "__init__.py"
                and file.is_file(follow_symlinks=False)
            )

    def source(self, name: str) -> str:
        """The file of a network; bytes that are no UTF-8 are replaced.

        Raises:
            InputError: it cannot be read, or is too long to be a network.
        """
        return _read(self.root / _NETWORKS / f"{name}.py", FILE_LIMIT_BYTES)

    def trials(self, name: str) -> tuple[LemurTrial, ...]:
        """The best trial of a network on each of its data sets; unreadable files are left out."""
        found = (_best(folder) for folder in self.statistics.get(name, ()))
        return tuple(sorted((t for t in found if t), key=lambda t: (t.task, t.dataset)))


def _installed() -> Path:
    try:
        distribution = importlib.metadata.distribution("nn-dataset")
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"the networks of nn-dataset are not here; {FIX}") from None
    return Path(str(distribution.locate_file("")))


def _statistics_folders(root: Path) -> dict[str, tuple[Path, ...]]:
    """Folders `TASK_DATASET_METRIC_NETWORK`, in `stat` or, in later releases, in `stat/train`."""
    top = root / _STATISTICS
    place = top / "train" if (top / "train").is_dir() else top
    found: dict[str, list[Path]] = defaultdict(list)
    if place.is_dir():
        with os.scandir(place) as folders:
            for folder in folders:
                words = folder.name.split("_", 3)
                if len(words) == 4 and folder.is_dir(follow_symlinks=False):
                    found[words[3]].append(Path(folder.path))
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


def _best(folder: Path) -> LemurTrial | None:
    """The most accurate of the trials in the files `EPOCH.json` of a folder."""
    task, dataset, *_ = folder.name.split("_", 3)
    best: LemurTrial | None = None
    count = 0
    for epoch, record in _records(folder):
        accuracy = _number(record.get("accuracy"))
        if accuracy is None or not 0.0 <= accuracy <= 1.0:
            continue
        count += 1
        if best is None or 100.0 * accuracy > best.accuracy:
            best = _trial(task, dataset, epoch, record, 100.0 * accuracy)
    if best is None:
        return None
    return LemurTrial(
        **{**{k: getattr(best, k) for k in LemurTrial.__dataclass_fields__}, "trials": count}
    )


def _trial(
    task: str, dataset: str, epoch: int, record: Mapping[str, Any], percent: float
) -> LemurTrial:
    kept = {str(k)[:40]: n for k, v in record.items() if (n := _number(v)) is not None}
    batch = kept.get("batch")
    return LemurTrial(
        task=task,
        dataset=dataset,
        accuracy=percent,
        epoch=epoch,
        transform=str(record.get("transform", "not said"))[:60],
        batch=int(batch) if batch is not None else None,
        hyperparameters={k: v for k, v in kept.items() if k not in ("accuracy", "duration")},
    )


def _records(folder: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with os.scandir(folder) as files:
        plain = [f.name for f in files if f.is_file(follow_symlinks=False)]
    for name in sorted(plain):
        epoch = name.removesuffix(".json")
        if not (epoch.isdecimal() and len(epoch) < 7 and name.endswith(".json")):
            continue
        try:
            records = json.loads(_read(folder / name, FILE_LIMIT_BYTES))
        except (ValueError, RecursionError, InputError):
            continue
        for record in records if isinstance(records, list) else [records]:
            if isinstance(record, dict):
                yield int(epoch), record


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _read(path: Path, limit_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): fix its rights") from None
    if len(data) > limit_bytes:
        raise InputError(f"{path.name} is longer than {limit_bytes:,} bytes; shorten it")
    return data.decode("utf-8", errors="replace")
