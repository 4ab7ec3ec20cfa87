"""A task from a CSV file: a table, or groups to rank."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.core import TaskError
from archwright.tasks.readers.cells import is_missing, is_written_out, number_of, reads, reads_all
from archwright.tasks.readers.columns import ONE_HOT, column_of, read_columns, whole_numbers_of
from archwright.tasks.readers.ranking import RankedItems
from archwright.tasks.readers.splitting import LEAST
from archwright.tasks.readers.tables import CsvTable, TargetKind
from archwright.tasks.scaffold.roles import FEW, Roles, few, refuse_gaps, refuse_odd_numbers
from archwright.tasks.scaffold.shaping import Shapes, baseline_of, metric_of, template
from archwright.tasks.scaffold.writing import Draft, Reading

MOST_ITEMS: Final = 64


# --- a table --------------------------------------------------------------------------------------


def draft_of_table(file: Path, target: list[str], kind: TargetKind | None) -> Draft:
    """One sample a line.

    Raises:
        TaskError: a column is not there, or the target is not of the kind.
    """
    columns = read_columns(file)
    values = [column_of(columns, name) for name in target]
    if kind is None:
        for name, own in zip(target, values, strict=True):
            refuse_odd_numbers(name, own)
    guessed = _kind_of(values)
    kind, classes = kind or guessed, []
    if kind == "classes":
        classes = _classes(target, values[0])
    else:
        refuse_constants(target, values)
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
            f"({few(made.names)})"
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
            "split by the content of the lines, 70/15/15: " + shapes.said,
            "means, spreads and levels are those of train; what is missing is the mean, and marked",
            why,
        ],
    )


def _kind_of(targets: Sequence[Sequence[str]]) -> TargetKind:
    numeric = all(reads_all(number_of, values) for values in targets)
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
    refuse_gaps(target[0], values, "class")
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
        lines = "1 line" if count == 1 else f"{count} lines"
        raise TaskError(
            f"column {target[0]!r} has {lines} of the class {name!r}, and a split 70/15/15 needs "
            f"{LEAST}: join it with another, remove its lines, or say --kind values"
        )
    return sorted(counts, key=lambda v: (0, float(v), v) if reads(number_of, v) else (1, 0, v))


def refuse_constants(target: Sequence[str], values: Sequence[Sequence[str]]) -> None:
    """A target that is the same in each line.

    Raises:
        TaskError: one is.
    """
    for name, own in zip(target, values, strict=True):
        numbers = whole_numbers_of(name, own)
        if numbers.min() == numbers.max():
            raise TaskError(
                f"column {name!r} holds {numbers[0]:g} throughout: there is nothing to predict"
            )


# --- groups ---------------------------------------------------------------------------------------


def draft_of_ranking(file: Path, target: list[str], group: str) -> Draft:
    """One query a sample.

    Raises:
        TaskError: a column is not there, the target is not a number, or groups have one item each.
    """
    if len(target) > 1:
        raise TaskError("--group takes one target column, which says how relevant an item is")
    columns = read_columns(file)
    refuse_gaps(group, column_of(columns, group), "group")
    sizes = Tally(columns[group])
    largest = max(sizes.values())
    if largest < 2:
        raise TaskError(f"each value of {group!r} is in one line alone: there is nothing to rank")
    relevance = whole_numbers_of(target[0], column_of(columns, target[0]))
    if relevance.min() < 0:
        raise TaskError(f"column {target[0]!r} holds {relevance.min():g}: relevance is 0 or more")
    refuse_constants(target, [columns[target[0]]])
    roles = Roles(columns, [*target, group])
    for name in [n for n in roles.categories if len(set(columns[n])) > ONE_HOT]:
        roles.categories.remove(name)
        roles.leave_out(name, f"words of more than {ONE_HOT} levels")
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
            f"{most} x {len(reader.features.names)} numbers ({few(reader.features.names)}), mask "
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
            f"split by {group}, 70/15/15: " + shapes.said,
            f"up to {most} items a group" + (f"; {cut} groups are cut" if cut else ""),
            "means, spreads and levels are those of train; what is missing is the mean, and marked",
            "the score is NDCG of the first 10 items",
        ],
    )
