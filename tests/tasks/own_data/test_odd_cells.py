"""Tables and series with cells that do not fit their column."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from archwright.core import TaskError
from archwright.tasks.readers.cells import (
    is_like_a_date,
    is_written_out,
    reads,
    seconds_since,
)
from archwright.tasks.readers.columns import standardised

Says = Callable[..., str]
TABLE = ("--csv", "t.csv", "--target", "kind")
SERIES = ("--csv", "t.csv", "--target", "sales", "--forecast", "2", "--window", "4")
RANKING = ("--csv", "t.csv", "--target", "click", "--group", "query")


def write(names: str, lines: Sequence[Sequence[object]]) -> None:
    with Path("t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names.split(","), *lines])


def sizes(*odd: str, count: int = 60) -> None:
    """A table of one column of numbers, the last of which are others."""
    cells = [f"{n}.25" for n in range(count)]
    cells[count - len(odd) :] = odd
    write("size,more,kind", [[cell, n / 7, "xy"[n % 2]] for n, cell in enumerate(cells)])


GAPS = ["NA", "n/a", "#N/A", "<NA>", ".", "-", "--", "null", "NULL", "None", "NaN", "?", "NaT"]


@pytest.mark.parametrize("gap", ["", *GAPS, "#DIV/0!", "\\N", "inf"])
def test_marks_of_a_gap_are_gaps(assumed: Says, gap: str) -> None:
    sizes(gap, gap)
    assert "numbers: size, more" in assumed(*TABLE)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("wrong", "is not read as a number: write numbers with digits"),
        ("12,345", "is not read as a number"),
        ("$99", "is not read as a number"),
        ("4_000", "is not read as a number"),
        ("12 kg", "is not read as a number"),
        ("-1e200", "is beyond 3.40282e+38, the limit of float32"),
        ("9e999", "is beyond 3.40282e+38, the limit of float32"),
    ],
)
def test_one_odd_cell_is_named(refused: Says, odd: str, said: str) -> None:
    sizes(odd)
    assert f"column 'size', line 61: '{odd}' {said}" in refused(*TABLE)


@pytest.mark.parametrize(
    "form", ["{},5", "1,{:03}", "1.{:03},75", "€ {}", "{} %", "({}.5)", "7 {:03}"]
)
def test_columns_written_for_people_are_named(refused: Says, form: str) -> None:
    sizes(*(form.format(n) for n in range(60)))
    assert f"column 'size', line 2: '{form.format(0)}' is not read as a number" in refused(*TABLE)


def test_a_number_that_is_too_far_for_float32_is_named() -> None:
    values = np.array([0.001, 0.002] * 30)
    values[8] = 3e38
    with pytest.raises(TaskError, match="line 10: 3e\\+38 is too far from the others for float32"):
        standardised("size", values, np.arange(20, 60))
    assert np.isfinite(standardised("size", values, np.arange(60))).all()


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ([f"{n}_1{n}" for n in range(60)], "left out, words, most of them different: code"),
        ([str(n + 1) for n in range(60)], "numbers: code"),
        (["0", "1", "2", "3+"] * 15, "categories: code"),
        (["5_1", "6_1"] * 30, "categories: code"),
        ([f"{n:02}.03.2021" for n in range(1, 31)] * 2, "dates: code"),
        (
            [f"{n % 28 + 1:02}/{n % 12 + 1:02}/{2000 + n}" for n in range(60)],
            "not written as 2024-",
        ),
        (["same"] * 60, "left out, one value alone: code"),
        ([f"10.0.0.{n}" for n in range(60)], "left out, words, most of them different: code"),
    ],
)
def test_other_columns_have_their_reason(assumed: Says, cells: list[str], line: str) -> None:
    write("code,more,kind", [[cell, n / 7, "xy"[n % 2]] for n, cell in enumerate(cells)])
    assert line in assumed(*TABLE)


def test_an_odd_date_is_named(refused: Says) -> None:
    days = [str(date(2024, 1, 1) + timedelta(n)) for n in range(60)]
    days[7] = "2024-13-01"
    write("day,kind", [[day, "xy"[n % 2]] for n, day in enumerate(days)])
    assert "column 'day', line 9: '2024-13-01' is not a date in a known form" in refused(*TABLE)


@pytest.mark.parametrize("gap", ["", "NA", "#N/A", "null", "?"])
@pytest.mark.parametrize("every", [9, 20])
@pytest.mark.parametrize("classes", ["xy", "01", ("none", "mild")])
def test_a_class_that_is_not_there_is_named(
    refused: Says, gap: str, every: int, classes: Sequence[str]
) -> None:
    write("size,kind", [[n / 7, gap if n % every == 4 else classes[n % 2]] for n in range(90)])
    said = refused(*TABLE)
    assert "column 'kind', line 6 has no class" in said
    assert f"nor have {len(range(4, 90, every)) - 1} more: fill it in, or remove the lines" in said


@pytest.mark.parametrize(("every", "left_out"), [(3, True), (8, True), (30, False)])
def test_codes_of_which_most_have_digits_alone_are_words(
    assumed: Says, refused: Says, every: int, left_out: bool
) -> None:
    """As numbers of tickets are; so many as mistakes are odd numbers."""
    codes = [f"{7919 * n}" if n % every else f"AB/{n}" for n in range(240)]
    write("ticket,size,kind", [[code, n / 7, "xy"[n % 2]] for n, code in enumerate(codes)])
    if left_out:
        assert "left out, words, most of them different: ticket" in assumed(*TABLE)
    else:
        assert "column 'ticket', line 2: 'AB/0' is not read as a number" in refused(*TABLE)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("1971-02", "1971-02-01"),
        ("1971/2/3", "1971-02-03"),
        ("3.2.1971", "1971-02-03"),
        ("03.02.1971 9:30", "1971-02-03T09:30"),
        ("1971-2-3 21:30:05", "1971-02-03T21:30:05"),
        ("1971-02-03T21:30+01:00", "1971-02-03T20:30"),
    ],
)
def test_dates_that_can_be_read_one_way_are_read(written: str, moment: str) -> None:
    assert seconds_since(written) == seconds_since(moment)


@pytest.mark.parametrize("written", ["3/4/1971", "3-4-1971", "1971-13", "30.2.1971", "1971.5"])
def test_dates_that_cannot_are_none(written: str) -> None:
    assert not reads(seconds_since, written)


@pytest.mark.parametrize("names", [("none", "some"), ("+", "-")])
def test_none_and_minus_may_be_classes(assumed: Says, names: tuple[str, str]) -> None:
    write("size,kind", [[n / 7, names[n % 2]] for n in range(60)])
    assert "the target holds classes" in assumed(*TABLE)


def test_values_with_an_odd_cell_are_no_classes(refused: Says) -> None:
    write("size,kind", [[n / 7, f"{n}.5" if n != 30 else "lots"] for n in range(60)])
    assert "column 'kind', line 32: 'lots' is not read as a number" in refused(*TABLE)


@pytest.mark.parametrize("options", [TABLE, SERIES, RANKING])
def test_a_target_that_never_changes_is_refused(refused: Says, options: tuple[str, ...]) -> None:
    target = options[3]
    write(f"query,size,{target}", [[n // 4, n / 7, 2.5] for n in range(80)])
    assert f"column '{target}' holds 2.5 throughout" in refused(*options)


def test_lines_without_a_group_are_named(refused: Says) -> None:
    write("query,size,click", [["" if n == 9 else n // 4, n / 7, n % 2] for n in range(80)])
    assert "column 'query', line 11 has no group: fill it in, or remove the line" in refused(
        *RANKING
    )


# --- a series -------------------------------------------------------------------------------------

DAYS = [date(2020, 1, 1) + timedelta(n) for n in range(120)]


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y", "%m/%d/%y", "%d.%m.%y", "%d %b %Y", "%B %d, %Y", "%d-%b-%y"]
)
def test_dates_in_another_form_are_named(refused: Says, form: str) -> None:
    lines = [[day.strftime(form), n] for n, day in enumerate(DAYS)]
    write("when,sales", lines[::-1])
    said = refused(*SERIES)
    assert (
        f"column 'when', line 2: {DAYS[-1].strftime(form)!r} is not a date in a known form" in said
    )
    assert refused(*SERIES, "--time", "when") == said


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d %H:%M"])
def test_lines_stand_in_the_order_of_dates_however_they_are_written(
    assumed: Says, form: str
) -> None:
    write("when,sales", [[day.strftime(form), n] for n, day in enumerate(DAYS)][::-1])
    assert "lines are in the order of when" in assumed(*SERIES)


@pytest.mark.parametrize("odd", ["2020-02-31", "", "soon"])
def test_one_date_that_is_none_is_named(refused: Says, odd: str) -> None:
    write("when,sales", [[odd if n == 40 else day, n] for n, day in enumerate(DAYS)])
    said = refused(*SERIES)
    assert "column 'when', line 42" in said
    assert ("is not a date" if odd else "has no date") in said


def test_series_that_stand_in_one_file_are_told_apart(refused: Says) -> None:
    write("when,shop,n,sales", [[day, shop, n, n] for n, day in enumerate(DAYS) for shop in "ABC"])
    said = refused(*SERIES)
    assert "column 'when', lines 2 and 3 are both of '2020-01-01'; 'shop' tells them apart" in said
    write("year,land,sales", [[1900 + n, land, n] for n in range(60) for land in ("a", "b")])
    assert "'land' tells them apart" in refused(*SERIES)
    write("when,sales", [[DAYS[n // 2], n] for n in range(100)])
    assert "lines 2 and 3 are both of '2020-01-01', and a series has" in refused(*SERIES)
    write("date,hour,sales", [[20200101 + n // 9, n % 9, n] for n in range(100)])
    assert "write date and hour into one column" in refused(*SERIES)


@pytest.mark.parametrize(
    ("name", "times", "said"),
    [
        ("timestamp", range(10_000, 0, -100), "in the order of timestamp"),
        ("year", range(2020, 1920, -1), "in the order of year"),
        ("time", [9.5 - n / 20 for n in range(100)], "in the order of time"),
        ("t", [(n * 37 % 100) / 7 for n in range(100)], "no column says when"),
        ("lag", range(100, 0, -1), "no column says when"),
    ],
)
def test_numbers_that_say_when_put_lines_in_order(
    assumed: Says, name: str, times: Sequence[float], said: str
) -> None:
    write(f"{name},weather,sales", [[t, "wet", n % 9] for n, t in enumerate(times)])
    found = assumed(*SERIES)
    assert said in found
    assert "left out, no numbers: weather" in found


@pytest.mark.parametrize(
    ("value", "number", "day"),
    [
        ("$1,200.50", True, False),
        ("3,5", True, False),
        ("1.234.567,8", True, False),
        ("1200.5", False, False),
        ("3,17,4", False, False),
        ("555 1234", False, False),
        ("2_130", False, False),
        ("1/2/2021", False, True),
        ("Mon, 3 Feb 2020", False, True),
        ("2020-Q3", False, True),
        ("12:30", False, True),
        ("maybe", False, False),
        ("march", False, False),
    ],
)
def test_forms_for_people(value: str, number: bool, day: bool) -> None:
    assert (is_written_out(value), is_like_a_date(value)) == (number, day)
