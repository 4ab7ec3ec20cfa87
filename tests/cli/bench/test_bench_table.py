"""`archwright bench table FILE`: any table of measured architectures, beside published rivals."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest

from archwright.benchmarks.tabular.rivals import RIVALS, LocalSearch
from archwright.benchmarks.tabular.searching import open_searcher, search
from archwright.benchmarks.tabular.table import COMPARED
from archwright.benchmarks.tabular.tables import (
    RANDOM_DRAWS,
    Row,
    TableSpace,
    name_of,
    read_table,
    row_of,
)
from archwright.cli import main
from archwright.search.policies import POLICIES, Choice

HEADER = ("x0", "x1", "x2", "validation", "test", "parameters", "key")


def _lines() -> list[list[object]]:
    """All of 6 x 6 x 6 but for a few holes; the order of the first two does not matter."""
    lines: list[list[object]] = []
    for row in product(range(6), repeat=3):
        if row[0] == row[1] == 5:
            continue
        score = 50 + 3 * min(row[0], row[1]) + max(row[0], row[1]) - (row[2] - 2) ** 2
        key = f"{sorted(row[:2])}{row[2]}"
        noise = Random(key).random()
        lines.append([*row, score + noise, score - 1, 100 * (1 + row[2]), key])
    return lines


def _write(file: Path, lines: Sequence[Sequence[object]], header: Sequence[str] = HEADER) -> Path:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *lines])
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return _write(tmp_path / "made.csv.gz", _lines())


def _bench(file: Path, *words: str) -> list[str]:
    return ["bench", "table", str(file), "--workers", "2", *words]


def test_policies_stand_beside_rivals(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_bench(file, "--seeds", "4", "--at", "30,10", "--json")) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    there = find_spec("optuna") is not None
    assert list(document["policies"]) == [n for n in COMPARED if there or n != "tpe"]
    assert ("tpe is left out" in printed.err) is not there
    for by_mark in document["policies"].values():
        assert list(by_mark) == ["10", "30"]
        for row in by_mark.values():
            assert row["seeds"] == 4
            assert row["validation"] <= document["best_validation"] + 1e-3
            assert row["test"] == pytest.approx(row["validation"] - 1.5, abs=0.6)
            gap = document["best_validation"] - document["random_validation"]
            closed = (row["validation"] - document["random_validation"]) / gap
            assert row["gap_closed"] == pytest.approx(closed, abs=2e-4)
    late = {name: by_mark["30"]["gap_closed"] for name, by_mark in document["policies"].items()}
    assert late["guided"] > late["random"]
    assert late["gp-ei"] > late["random"]


def test_for_a_person_it_prints_a_table(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--seeds", "2", "--at", "12", "--policies", "random,local-search,gp-ei", "--ablate")
    assert main(_bench(file, *words)) == 0
    printed = capsys.readouterr().out
    for word in ("2 searches each", "local-search", "guided without surrogate", "test", "±"):
        assert word in printed


def test_the_start_is_the_mean_best_of_ten_draws(file: Path) -> None:
    table, rng = read_table(file), np.random.default_rng(0)
    scores = np.array([measured.validation for measured in table.rows.values()])
    drawn = rng.choice(scores, (20_000, RANDOM_DRAWS)).max(axis=1).mean()
    assert table.start == pytest.approx(drawn, abs=0.05)
    assert table.gap_closed(np.array([table.start, table.best])).tolist() == [0.0, 1.0]


def test_what_is_known_of_a_row_is_its_values_and_its_size(file: Path) -> None:
    table = read_table(file)
    features = {row: measured.features for row, measured in table.rows.items()}
    assert features[(0, 5, 2)].shape == (19,)
    assert features[(0, 5, 2)][:18].tolist() == np.eye(6)[[0, 5, 2]].ravel().tolist()
    assert features[(0, 5, 2)][18] == pytest.approx(np.log1p(300))


def test_children_are_rows_that_there_are(file: Path) -> None:
    table = read_table(file)
    space = TableSpace(table)
    one, two = (4, 5, 0), (5, 4, 3)
    for seed in range(80):
        near = space.make(Choice("mutate", (name_of(one),), seed))
        assert sum(a != b for a, b in zip(near, one, strict=True)) == 1
        mixed = space.make(Choice("recombine", (name_of(one), name_of(two)), seed))
        assert mixed in table.rows
        shown = space.preview(Choice("mutate", (name_of(one),), seed))
        assert shown.key == table.rows[near].key


@pytest.mark.parametrize("name", [*POLICIES, *RIVALS])
def test_a_repetition_costs_nothing(file: Path, name: str) -> None:
    """Rows of one key count once, and whoever ran out of rows ends with what it has."""
    if name == "tpe" and find_spec("optuna") is None:
        pytest.skip("Optuna is not installed")
    table = read_table(file)
    asked: list[Row] = []
    searcher = open_searcher(name, 1, table, 0)
    propose = searcher.next

    def noting() -> Row | None:
        row = propose()
        if row is not None:
            asked.append(row)
        return row

    searcher.next = noting  # type: ignore[method-assign]
    chosen = search(table, searcher, (5, 25))
    assert chosen.shape == (2, 2)
    assert chosen[1, 0] >= chosen[0, 0]
    keys = {table.rows[row].key for row in asked}
    assert len(keys) == 25


def test_local_search_goes_uphill_and_begins_anew(file: Path) -> None:
    table = read_table(file)
    searcher = LocalSearch(table, 3)
    search(table, searcher, (80,))
    best = searcher.best()
    assert best is not None
    assert all(table.rows[n].validation <= searcher.scores[best] for n in table.neighbours(best))
    assert row_of(name_of(best)) == best


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda header, lines: (["x0", "x2", *header[2:]], lines), "without a gap"),
        (lambda header, lines: (["a", "b", "c", *header[3:]], lines), "lacks the column x0"),
        (
            lambda header, lines: ([*header[:4], "score", *header[5:]], lines),
            "lacks the column test",
        ),
        (lambda header, lines: ([*header[:5], "test", "key"], lines), "names a column twice"),
        (lambda header, lines: (header, [*lines, lines[0]]), "has the choices of an earlier line"),
        (lambda header, lines: (header, [[*lines[0][:3], "nan", *lines[0][4:]]]), "not finite"),
        (
            lambda header, lines: (header, [[*lines[0][:5], "nan", *lines[0][6:]]]),
            "line 2: a score or the parameters are not finite",
        ),
        (
            lambda header, lines: (header, [["7" * 5000, *lines[0][1:]]]),
            "a choice has 5000 digits",
        ),
        (lambda header, lines: (header, [["1.5", *lines[0][1:]]]), "line 2: invalid literal"),
        (lambda header, lines: (header, [lines[0][:4]]), "line 2: it has 4 values"),
        (lambda header, lines: (header, lines[:3]), "has 3 architectures"),
    ],
)
def test_a_bad_table_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: object,
    said: str,
) -> None:
    header, lines = change(list(HEADER), _lines())  # type: ignore[operator]
    assert main(_bench(_write(tmp_path / "bad.csv", lines, header))) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_mark_of_utf8_is_no_part_of_the_header(file: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked.csv"
    marked.write_bytes("\ufeff".encode() + gzip.decompress(file.read_bytes()))
    assert list(read_table(marked).rows) == list(read_table(file).rows)


def test_a_damaged_archive_is_one_line(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = bytearray(file.read_bytes())
    for place in range(40, 60):
        packed[place] ^= 0xFF
    damaged = tmp_path / "damaged.csv.gz"
    damaged.write_bytes(packed)
    assert main(_bench(damaged)) == 2
    err = capsys.readouterr().err
    assert "is not a CSV table" in err or "cannot read the table" in err
    assert err.count("\n") == 1


def test_more_evaluations_than_architectures_end_with_the_last(file: Path) -> None:
    table = read_table(file)
    chosen = search(table, open_searcher("guided", 1, table, 0), (5, 10**9))
    assert chosen[-1, 0] == table.best


def test_bad_words_are_one_line(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (_bench(file, "--at", "0,10"), "--at must be numbers from 1 up"),
        (_bench(file, "--at", "ten"), "--at must be numbers from 1 up"),
        (_bench(file, "--seeds", "0"), "--seeds must be at least 1"),
        (_bench(file, "--policies", "best"), "there is no policy 'best'"),
        (_bench(tmp_path / "none.csv"), "cannot read the table"),
    ):
        assert main(words) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
