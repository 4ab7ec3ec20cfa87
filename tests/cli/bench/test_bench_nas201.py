"""`archwright bench nas201`, on a table made here: the true one is the user's."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest

from archwright.benchmarks.tabular.cells import (
    COLUMNS,
    CONV1,
    CONV3,
    EDGES,
    NONE,
    OPERATIONS,
    POOL,
    SIZE,
    SKIP,
    Cell,
    count_parameters,
    describe,
    family,
    graph_key,
    live_operations,
    live_paths,
    read_cells,
)
from archwright.benchmarks.tabular.searching import open_searcher, search
from archwright.benchmarks.tabular.tables import SearchTable, name_of
from archwright.cli import main
from archwright.search.policies import POLICIES


def _words(cell: Cell) -> str:
    a, b, c, d, e, f = (OPERATIONS[o] for o in cell)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def _quality(cell: Cell) -> float:
    """Convolutions on live paths are good, a residual is better, with some noise."""
    live = live_operations(cell)
    good = 4 * live.count(CONV3) + 2 * live.count(CONV1) + 5 * (family(cell) == "residual")
    return 40 + good + Random(name_of(cell)).random()


def _write(file: Path, test: Callable[[Cell], float] = _quality) -> Path:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for cell in product(range(len(OPERATIONS)), repeat=6):
            tests = [test(cell) + shift for shift in (9, -10, -30)]
            writer.writerow([_words(cell), _quality(cell), 100, *tests])
    return file


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("table") / "cells.csv.gz")


def _bench(table: Path, *words: str) -> list[str]:
    return ["bench", "nas201", "--table", str(table), "--workers", "2", *words]


def test_each_policy_is_measured(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_bench(table, "--seeds", "4", "--evaluations", "30", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["policies"]) == list(POLICIES)
    for row in document["policies"].values():
        assert (row["evaluations"], row["seeds"]) == (30, 4)
        assert row["c10"] > row["c100"] > row["im120"]
        low, high = row["c10_interval"]
        assert low <= row["c10"] <= high
        assert list(row["curve"]) == ["10", "20", "30"]
        assert row["curve"]["30"][0] == row["c10"]
        assert row["c10"] <= document["optimum"]["c10"]
    assert document["policies"]["guided"]["c10"] > document["policies"]["random"]["c10"]


def test_for_a_person_it_prints_a_table(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--seeds", "2", "--evaluations", "12", "--policies", "random,guided")
    assert main(_bench(table, *words)) == 0
    printed = capsys.readouterr().out
    for word in ("2 searches of 12 evaluations", "random", "guided", "the optimum", "±"):
        assert word in printed


def test_other_seeds_give_other_searches(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for first in ("0", "0", "7"):
        words = ("--seeds", "2", "--evaluations", "12", "--policies", "random", "--first-seed")
        assert main(_bench(table, *words, first, "--json")) == 0
        found.append(json.loads(capsys.readouterr().out)["policies"]["random"]["c10"])
    assert found[0] == found[1] != found[2]


def test_parts_of_the_default_are_taken_away(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--seeds", "2", "--evaluations", "15", "--policies", "guided", "--ablate", "--json")
    assert main(_bench(table, *words)) == 0
    names = list(json.loads(capsys.readouterr().out)["policies"])
    assert names[0] == "guided"
    assert "guided without surrogate" in names


@pytest.fixture(scope="module")
def twins(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchTable, SearchTable]:
    """The table, and one with other test accuracies."""
    file = tmp_path_factory.mktemp("other") / "other.csv"
    known = read_cells(table)
    number = {cell: float(int("".join(map(str, cell)), 5)) for cell in known.rows}
    return known, read_cells(_write(file, lambda cell: number[cell]))


@pytest.mark.parametrize("name", POLICIES)
def test_a_search_sees_no_test_accuracy(twins: tuple[SearchTable, SearchTable], name: str) -> None:
    """With other test accuracies the same cells are chosen."""
    known, other = twins

    def chosen(table_: SearchTable) -> list[float]:
        return search(table_, open_searcher(name, 1, table_, 0), range(5, 26, 10))[:, 0].tolist()

    assert chosen(known) == chosen(other)


# --- what cannot be used --------------------------------------------------------------------------


def _refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_a_missing_table_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot read the table" in _refused(_bench(tmp_path / "none.csv.gz"), capsys)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"arch,accuracy\nx,1\n", "must have the columns arch, c10_val12"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\xff\xfe\x00", "is not a CSV table"),
        ("t.csv.gz", b"no gzip", "cannot read the table"),
        ("t.csv", (",".join(COLUMNS) + "\n|x~0|,1,2,3,4,5\n").encode(), "line 2 is not a cell"),
        ("t.csv", (",".join(COLUMNS) + "\n").encode(), "holds 0 cells"),
    ],
)
def test_a_bad_table_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert said in _refused(_bench(file), capsys)


def test_bad_arguments_are_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no policy 'best'" in _refused(_bench(table, "--policies", "best"), capsys)
    assert "--seeds must be at least 1" in _refused(_bench(table, "--seeds", "0"), capsys)
    assert "--table" in _refused(["bench", "nas201"], capsys)


@pytest.mark.parametrize("forks", [True, False])
def test_no_process_outlives_a_measurement(table: Path, forks: bool) -> None:
    long = ["nas201", "--table", str(table), "--policies", "guided", "--evaluations", "4000"]
    words = long if forks else ["calibration"]
    command = [sys.executable, "-m", "archwright", "bench", *words, "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        parent = psutil.Process(process.pid)
        while len(family := parent.children(recursive=True)) < 2 and process.poll() is None:
            time.sleep(0.1)
        process.kill()
    assert len(family) >= 2
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []


# --- cells ----------------------------------------------------------------------------------------


def test_the_whole_table_is_read(table: Path) -> None:
    known = read_cells(table)
    assert len(known.rows) == SIZE
    assert known.rows[(CONV3,) * 6].validation == pytest.approx(_quality((CONV3,) * 6))


def test_what_a_none_cuts_off_does_not_count() -> None:
    cut = (CONV3, NONE, CONV3, SKIP, NONE, NONE)  # only the edge from input to output is left
    assert live_paths(cut) == [(SKIP,)]
    assert live_operations(cut) == [SKIP]
    assert count_parameters(cut) == 0
    assert family(cut) == "residual"
    assert family((NONE,) * 6) == "empty"


def test_parameters_are_those_of_the_network() -> None:
    # One 3x3 convolution in each of five cells of three stages, without its batch norms.
    one = (NONE, NONE, NONE, CONV3, NONE, NONE)
    assert count_parameters(one) == 5 * 9 * (16 * 16 + 32 * 32 + 64 * 64)


def test_features_tell_all_cells_apart() -> None:
    rng = Random(0)
    cells = {tuple(rng.randrange(5) for _ in range(6)) for _ in range(300)}
    features = np.array([describe(cell) for cell in cells])
    assert features.shape == (len(cells), 63)
    assert np.isfinite(features).all()
    assert len(np.unique(features, axis=0)) == len(cells)


def _value(cell: Cell, x: float) -> float | None:
    """What a cell computes when each kind of operation is some function; None for nothing."""
    kinds = {CONV1: np.sin, CONV3: np.exp2, POOL: np.cbrt}
    nodes: list[float | None] = [x]
    for node in (1, 2, 3):
        terms = [
            value if operation == SKIP else float(kinds[operation](value))
            for (start, end), operation in zip(EDGES, cell, strict=True)
            if end == node and operation != NONE and (value := nodes[start]) is not None
        ]
        nodes.append(sum(sorted(terms)) if terms else None)
    return nodes[-1]


def test_cells_share_a_key_where_they_compute_the_same() -> None:
    values: dict[str, set[float | None]] = {}
    for cell in product(range(len(OPERATIONS)), repeat=6):
        value = _value(cell, 0.7)
        values.setdefault(graph_key(cell), set()).add(value and round(value, 9))
    assert all(len(same) == 1 for same in values.values())
    assert len(set().union(*values.values())) == len(values) == 4930
