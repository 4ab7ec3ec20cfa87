"""A task from a CSV file whose lines follow each other in time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError
from archwright.tasks.readers.cells import is_missing, number_of, reads_all, seconds_since
from archwright.tasks.readers.columns import column_of, read_columns
from archwright.tasks.readers.series import Windows, moments
from archwright.tasks.scaffold.roles import Columns, are_like_dates, refuse_odd_numbers
from archwright.tasks.scaffold.shaping import Shapes, template
from archwright.tasks.scaffold.tables import refuse_constants
from archwright.tasks.scaffold.writing import Draft, Reading

WINDOWS_PER_HORIZON: Final = 4
_TIME: Final = re.compile(r"(?i)date|time|date_?time|time_?stamp|ts|ds|epoch|unix_?time|year|day|t")
_MOMENT: Final = re.compile(r"(?i)date|date_?time|time_?stamp|epoch|unix_?time")
_PART: Final = re.compile(r"(?i)month|week|week_?day|quarter|day|hour|minute|second|time")
"""Columns that tell the time within that of another."""


def draft_of_series(
    file: Path, target: list[str], horizon: int, window: int | None, time: str | None
) -> Draft:
    """Windows in the order of time.

    Raises:
        TaskError: a column is not there, a target is not a number, or the series is too short.
    """
    columns = read_columns(file)
    refuse_constants(target, [column_of(columns, name) for name in target])
    given = {name: values for name, values in columns.items() if name not in target}
    time = _time_among(given) if time is None else time
    if time is not None:
        _refuse_twice(time, column_of(columns, time), given)
    given.pop(time or "", None)
    others = [name for name, values in given.items() if reads_all(number_of, values)]
    left_out = [name for name in given if name not in others]
    for name in left_out:
        refuse_odd_numbers(name, given[name])
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
            f"lines are in the order of {time}"
            if time
            else "no column says when: lines are in the order of the file (--time takes another)",
            f"windows of {window} lines (--window N takes others), {horizon} to forecast",
            f"seen: {', '.join(options['inputs'])}",
            *([f"left out, no numbers: {', '.join(left_out)}"] if left_out else []),
            "split by time, 70/15/15; no line is in two splits, so that windows between them are "
            "left out: " + shapes.said,
            "columns are divided by their mean absolute value in train; a gap is filled",
            "the targets are positive: the score is sMAPE"
            if positive
            else "the targets are not all positive: the score is the mean absolute error",
        ],
    )


def _time_among(columns: Columns) -> str | None:
    """The column that says when each line was, None where there is none.

    Raises:
        TaskError: there is one that cannot be read; its first such line is said.
    """
    words = {n: own for n, own in columns.items() if not reads_all(number_of, own)}
    called = [name for name in columns if _TIME.fullmatch(name)]
    dated = [name for name, own in words.items() if reads_all(seconds_since, own)]
    counted = [name for name in called if name not in words and _counts(columns[name])]
    if dated or counted:
        return [*dated, *counted][0]
    for name, values in words.items():
        if are_like_dates(values) or (name in called and len(set(values)) > len(values) / 2):
            moments(name, values)
    apart = {name: own for name, own in words.items() if not _PART.fullmatch(name)}
    twice = (n for n in called if n not in words and len(set(columns[n])) < len(columns[n]))
    return next((n for n in twice if _MOMENT.fullmatch(n) or _telling(columns[n], apart)), None)


def _counts(values: Sequence[str]) -> bool:
    """Whether numbers can be times: all different, and whole or in order."""
    if any(map(is_missing, values)) or len(set(values)) < len(values):
        return False
    steps = np.diff(times := np.array(list(map(number_of, values))))
    return bool((times == np.rint(times)).all() or (steps > 0).all() or (steps < 0).all())


def _refuse_twice(time: str, values: Sequence[str], others: Columns) -> None:
    """One moment in two lines, as where several series stand in one file.

    Raises:
        TaskError: there is one, or one cannot be read.
    """
    when = moments(time, values)
    order = np.argsort(when, kind="stable")
    same = np.flatnonzero(np.diff(when[order]) == 0)
    if not same.size:
        return
    one, other = order[same[0]], order[same[0] + 1]
    telling = _telling(values, {name: own for name, own in others.items() if name != time})
    apart = f"; {telling!r} tells them apart" if telling else ""
    fix = "make a file of each series, or write each moment with its hour and time zone"
    if telling and _PART.fullmatch(telling):
        fix = f"write {time} and {telling} into one column, such as 2024-01-31T18:00"
    raise TaskError(
        f"column {time!r}, lines {one + 2} and {other + 2} are both of {values[other]!r}{apart}, "
        f"and a series has one line at a time: {fix}"
    )


def _telling(times: Sequence[str], columns: Columns) -> str | None:
    """The column of the fewest values that tells lines of the same time apart."""
    telling = {
        name: len(set(values))
        for name, values in columns.items()
        if len(set(zip(times, values, strict=True))) == len(times)
    }
    return min(telling, key=lambda name: telling[name], default=None)
