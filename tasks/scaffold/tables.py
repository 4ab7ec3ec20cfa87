"""A task from a CSV file: a table, a series to forecast, or groups to rank."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError
from archwright.tasks.readers.columns import (
    ONE_HOT,
    column_of,
    is_missing,
    is_written_out,
    numbers_of,
    read_columns,
    seconds_of,
    whole_numbers_of,
)
from archwright.tasks.readers.ranking import RankedItems
from archwright.tasks.readers.series import Windows
from archwright.tasks.readers.splitting import LEAST
from archwright.tasks.readers.tables import CsvTable, Kind
from archwright.tasks.scaffold.shaping import Shapes, baseline_of, metric_of, template
from archwright.tasks.scaffold.writing import Draft, Reading

FEW: Final = 20
"""So many different whole numbers in a target are classes; more are values."""
MOST_ITEMS: Final = 64
WINDOWS_PER_HORIZON: Final = 4

Columns = Mapping[str, list[str]]


class Roles:
    """What each column that is no target is taken for."""

    def __init__(self, columns: Columns, used: Sequence[str]) -> None:
        self.numbers: list[str] = []
        self.categories: list[str] = []
        self.dates: list[str] = []
        self.left_out: list[str] = []
        for name, values in columns.items():
            if name not in used:
                self._place(name, values).append(name)

    def _place(self, name: str, values: Sequence[str]) -> list[str]:
        different = {value for value in values if not is_missing(value)}
        if len(different) < 2:
            return self.left_out
        unique = len(different) == len(values)
        if _reads(numbers_of, values):
            counts = unique and re.fullmatch(r"(?i)(row|index|.*id|no|nr)?", name.strip())
            return self.left_out if counts else self.numbers
        if _reads(seconds_of, values):
            return self.dates
        return self.left_out if 2 * len(different) > len(values) else self.categories

    @property
    def options(self) -> dict[str, list[str]]:
        """As a reader takes them; nothing of what is empty."""
        made = {"numbers": self.numbers, "categories": self.categories, "dates": self.dates}
        return {name: columns for name, columns in made.items() if columns}

    @property
    def said(self) -> list[str]:
        """What was assumed, one line each."""
        lines = [f"{name}: {', '.join(columns)}" for name, columns in self.options.items()]
        if self.left_out:
            lines.append(f"left out, constant or of too many levels: {', '.join(self.left_out)}")
        return lines


def _reads(read: Callable[[Sequence[str]], Any], values: Sequence[str]) -> bool:
    try:
        read(values)
    except ValueError:
        return False
    return True


# --- a table --------------------------------------------------------------------------------------


def draft_of_table(file: Path, target: list[str], kind: Kind | None) -> Draft:
    """One sample a line.

    Raises:
        TaskError: a column is not there, or the target is not of the kind.
    """
    columns = read_columns(file)
    values = [column_of(columns, name) for name in target]
    guessed = _kind_of(values)
    kind, classes = kind or guessed, []
    if kind == "classes":
        classes = _classes(target, values[0])
    roles = Roles(columns, target)
    options: dict[str, Any] = {"target": target, "kind": kind}
    options |= {"classes": classes} if classes else {}
    options |= roles.options
    reader = CsvTable(file, **options)
    shapes = Shapes(reader, kind, len(classes))
    metric, why = metric_of(kind, shapes.labels, len(classes))
    made = reader.features
    what = {
        "classes": f"which of {len(classes)} classes of {target[0]}",
        "labels": f"which of the labels {', '.join(target)}",
        "values": ", ".join(target),
    }[kind]
    return Draft(
        summary=f"{what}, from a line of {file.name}"[:200],
        contract=(
            f"Predict {what} from one line of a table. The inputs are {len(made.names)} numbers "
            f"({_few(made.names)})"
            + (f" and {made.tokens.shape[1]} categories as tokens" if made.vocabulary else "")
            + f"; the output is {shapes.keys['output_shape'][0]} "
            + ("values." if kind == "values" else "logits.")
            + f" There are {shapes.train:,} lines to learn from."
        ),
        reading=Reading("CsvTable", {"FILE": file}, options),
        metric=metric,
        keys=shapes.keys,
        baseline=baseline_of(shapes.keys),
        train=shapes.train,
        assumed=[
            f"the target holds {kind}; --kind classes, labels or values takes it otherwise",
            *roles.said,
            "split by the content of the lines, 70/15/15: " + _sizes(shapes),
            "means, spreads and levels are those of train; what is missing is the mean, and marked",
            why,
        ],
    )


def _kind_of(targets: Sequence[Sequence[str]]) -> Kind:
    numeric = all(_reads(numbers_of, values) for values in targets)
    different = [{v for v in values if not is_missing(v)} for values in targets]
    if len(targets) > 1:
        flags = {"0", "1", "0.0", "1.0"}
        return "labels" if all(own <= flags for own in different) else "values"
    if not numeric:
        return "classes"
    whole = all(re.fullmatch(r"[-+]?\d+(\.0*)?", value) for value in different[0])
    return "classes" if whole and len(different[0]) <= FEW else "values"


def _classes(target: Sequence[str], values: Sequence[str]) -> list[str]:
    if len(target) > 1:
        raise TaskError("--kind classes takes one target column: leave out the others")
    counts = Tally(values)
    if len(counts) < 2:
        raise TaskError(f"column {target[0]!r} holds the class {values[0]!r} alone: two are needed")
    name, count = min(counts.items(), key=lambda item: item[1])
    if count < LEAST and is_written_out(name):
        raise TaskError(
            f"column {target[0]!r} holds {name!r}, which is not read as a number: write numbers "
            "with digits and a point alone, such as 1234.5"
        )
    if count < LEAST:
        raise TaskError(
            f"column {target[0]!r} has {count} lines of the class {name!r}, and a split 70/15/15 "
            f"needs {LEAST}: join it with another, remove its lines, or say --kind values"
        )
    return sorted(counts, key=lambda v: (0, float(v), v) if _reads(numbers_of, [v]) else (1, 0, v))


# --- a series -------------------------------------------------------------------------------------


def draft_of_series(
    file: Path, target: list[str], horizon: int, window: int | None, time: str | None
) -> Draft:
    """Windows in the order of time.

    Raises:
        TaskError: a column is not there, a target is not a number, or the series is too short.
    """
    columns = read_columns(file)
    for name in target:
        whole_numbers_of(name, column_of(columns, name))
    if time is None:
        dated = [name for name, values in columns.items() if _is_time(values)]
        time = next((name for name in dated if name not in target), None)
    else:
        column_of(columns, time)
    used = [*target, *([time] if time else [])]
    others = [n for n, v in columns.items() if n not in used and _reads(numbers_of, v)]
    window = window or WINDOWS_PER_HORIZON * horizon
    options: dict[str, Any] = {
        "target": target,
        "inputs": [*target, *others],
        "window": window,
        "horizon": horizon,
        "time": time,
    }
    reader = Windows(file, **options)
    shapes = Shapes(reader, "values")
    positive = bool(reader.values[:, : len(target)].min() > 0)
    return Draft(
        summary=f"the next {horizon} values of {', '.join(target)} in {file.name}",
        contract=(
            f"Forecast the next {horizon} values of {', '.join(target)} from the {window} lines "
            f"before. An input is {window} x {len(others) + len(target)} numbers, the targets "
            "first, each column divided by its mean absolute value; the output is in the same "
            f"unit. There are {shapes.train:,} windows to learn from."
        ),
        reading=Reading("Windows", {"FILE": file}, options),
        metric="smape" if positive else "mean_absolute_error",
        keys=shapes.keys,
        baseline=template("forecast"),
        train=shapes.train,
        assumed=[
            f"lines are in the order of {time}" if time else "lines are in the order of time",
            f"windows of {window} lines (--window N takes others), {horizon} to forecast",
            f"seen: {', '.join(options['inputs'])}",
            "split by time, 70/15/15; no line is in two splits, so that windows between them are "
            "left out: " + _sizes(shapes),
            "columns are divided by their mean absolute value in train; a gap is filled",
            "the targets are positive: the score is sMAPE"
            if positive
            else "the targets are not all positive: the score is the mean absolute error",
        ],
    )


def _is_time(values: Sequence[str]) -> bool:
    return not _reads(numbers_of, values) and _reads(seconds_of, values)


# --- groups ---------------------------------------------------------------------------------------


def draft_of_ranking(file: Path, target: list[str], group: str) -> Draft:
    """One query a sample.

    Raises:
        TaskError: a column is not there, the target is not a number, or groups have one item each.
    """
    if len(target) > 1:
        raise TaskError("--group takes one target column, which says how relevant an item is")
    columns = read_columns(file)
    sizes = Tally(column_of(columns, group))
    largest = max(sizes.values())
    if largest < 2:
        raise TaskError(f"each value of {group!r} is in one line alone: there is nothing to rank")
    relevance = whole_numbers_of(target[0], column_of(columns, target[0]))
    if relevance.min() < 0:
        raise TaskError(f"column {target[0]!r} holds {relevance.min():g}: relevance is 0 or more")
    roles = Roles(columns, [*target, group])
    for name in [n for n in roles.categories if len(set(columns[n])) > ONE_HOT]:
        roles.categories.remove(name)
        roles.left_out.append(name)
    most = min(largest, MOST_ITEMS)
    options: dict[str, Any] = {"group": group, "target": target[0], "most": most, **roles.options}
    reader = RankedItems(file, **options)
    binary = bool(np.isin(relevance, (0, 1)).all())
    shapes = Shapes(reader, "labels" if binary else "values")
    shapes.keys["input_shape"][0] = most
    cut = sum(size > most for size in sizes.values())
    return Draft(
        summary=f"the items of each {group} in {file.name}, the relevant ones first",
        contract=(
            f"Score up to {most} items of a group, so that the relevant ones come first. x has "
            f"{most} x {len(reader.features.names)} numbers ({_few(reader.features.names)}), mask "
            f"says which items are there; the output is {most} scores, one for each item. There "
            f"are {shapes.train:,} groups to learn from."
        ),
        reading=Reading("RankedItems", {"FILE": file}, options),
        metric="ndcg@10",
        loss="binary_cross_entropy" if binary else "mse",
        keys=shapes.keys,
        baseline=template("ranking"),
        train=shapes.train,
        assumed=[
            f"the lines with one value of {group} are one sample; {target[0]} is their relevance",
            *roles.said,
            f"split by {group}, 70/15/15: " + _sizes(shapes),
            f"up to {most} items a group" + (f"; {cut} groups are cut" if cut else ""),
            "means, spreads and levels are those of train; what is missing is the mean, and marked",
            "the score is NDCG of the first 10 items",
        ],
    )


def _sizes(shapes: Shapes) -> str:
    return ", ".join(f"{count} {split}" for split, count in shapes.samples.items())


def _few(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
