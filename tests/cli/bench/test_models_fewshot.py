"""The study of examples: its funnel, its statistics, on the symbolic engine and on a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from protocol_server import ProtocolServer
from scripts import with_faults

from archwright.benchmarks.knowledge.fewshot import holm, parse_counts, summarise
from archwright.cli import main
from archwright.core import InputError


def _task(gains: list[float]) -> dict[str, Any]:
    funnel = {"attempted": 9, "parsed": 8, "duplicate": 1, "valid": 7, "trained": len(gains)}
    return {**funnel, "usd": 0.5, "scores": gains, "gains": gains, "unit": "%"}


def test_tasks_weigh_the_same_however_many_candidates_they_have() -> None:
    found = {0: {"a": _task([0.0] * 90), "b": _task([10.0] * 10)}}
    row = summarise(found, 0)["n"]["0"]
    assert row["balanced_gain"] == pytest.approx(5.0)
    assert row["attempted"] == 18
    assert row["usd"] == 1.0


def test_a_difference_is_found_and_none_is_not_made_up() -> None:
    rng = np.random.default_rng(0)
    same, better = rng.normal(0, 1, (2, 40)), rng.normal(2, 1, 40)
    found = {
        0: {"a": _task(list(same[0]))},
        1: {"a": _task(list(same[1]))},
        2: {"a": _task(list(better))},
    }
    rows = summarise(found, 0)["n"]
    assert "p_against_first" not in rows["0"]
    assert rows["1"]["p_against_first"] > 0.05
    assert rows["2"]["p_against_first"] < 0.01
    assert rows["2"]["interval"][0] < rows["2"]["balanced_gain"] < rows["2"]["interval"][1]


def test_p_values_are_uniform_where_there_is_no_effect() -> None:
    rng = np.random.default_rng(1)
    seen = []
    for seed in range(60):
        draws = rng.normal(0, 1, (2, 12))
        found = {n: {"a": _task(list(draws[n]))} for n in (0, 1)}
        seen.append(summarise(found, seed)["n"]["1"]["p_against_first"])
    assert 0.3 < np.mean(seen) < 0.7
    assert np.mean(np.array(seen) < 0.05) < 0.2


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_a_task_without_a_trained_candidate_has_no_mean() -> None:
    found = {0: {"a": _task([])}, 1: {"a": _task([1.0, 2.0])}}
    rows = summarise(found, 0)["n"]
    assert rows["0"]["balanced_gain"] is None
    assert rows["1"]["p_against_first"] == 1.0


def test_numbers_of_examples() -> None:
    assert parse_counts("0..3") == [0, 1, 2, 3]
    assert parse_counts("3") == [3]
    assert parse_counts("6,0,3") == [0, 3, 6]
    for wrong in ("", "a", "3..1", "-1", "1,"):
        with pytest.raises(InputError):
            parse_counts(wrong)


@pytest.mark.slow
def test_the_study_runs_on_a_model(spirals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "fewshot", "--n", "0,2", "--task", str(spirals), "--candidates", "4"]
    words += ["--known", "4", "--workers", "2", "--json", "--model", "toy", "--price", "1,2"]
    with ProtocolServer(with_faults(0.1)) as server:
        assert main([*words, "--base-url", server.url]) == 0
    document = json.loads(capsys.readouterr().out)
    for row in document["n"].values():
        assert row["attempted"] >= 4
        assert row["attempted"] >= row["parsed"] >= row["valid"] >= row["trained"] > 0
        assert row["usd"] > 0
    prompts = [s.call.messages[0]["content"] for s in server.served]
    assert any("# From earlier runs (data)" in p for p in prompts), "examples were to be shown"
