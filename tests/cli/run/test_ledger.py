"""`ledger`: the campaign as a table and as plain data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archwright.cli import main
from archwright.runs.workspace.paths import RunPaths

KEYS = (
    "candidate", "parents", "proposer", "operator", "title", "status", "parameters", "scores",
    "seeds", "reason",
)  # fmt: skip


def test_all_candidates_are_listed_in_order_the_baseline_first(
    made_run: RunPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", made_run.name, "--workspace", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    rows = {row["candidate"]: row for row in json.loads(out)}
    assert err == ""
    assert list(rows) == ["baseline", "1", "2", "2b", "3"]
    assert all(row.keys() >= set(KEYS) for row in rows.values())
    assert rows["baseline"]["scores"] == {"100": 92.0, "300": 92.0}
    assert rows["baseline"]["parameters"] == 9_000
    one = {"parents": ["baseline"], "proposer": "one-call", "title": "wider", "seeds": 3}
    one |= {"status": "promoted", "scores": {"100": 93.0, "300": 94.0}, "expected": 1.5}
    assert one.items() <= rows["1"].items()
    assert rows["2"]["status"] == "invalid"
    assert rows["2"]["reason"].startswith("line 1")
    assert rows["2b"]["scores"] == {}


def test_the_table_fits_and_marks_the_best_of_the_search(
    made_run: RunPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "--workspace", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert "\u202e" not in out
    marked = [line for line in out.splitlines() if "*" in line]
    assert len(marked) == 1
    assert marked[0].split()[:3] == ["1*", "baseline", "wider"]
    assert "12,000" in marked[0]
    assert "94.00" in marked[0]
    assert f"archwright show {made_run.name}" in err
