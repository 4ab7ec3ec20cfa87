"""Several objectives in a run: who stands where, who climbs, what is on the front."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_journals import fill_journal
from whole_runs import Discover

from archwright.cli import main
from archwright.core import (
    BASELINE,
    METRICS,
    Candidate,
    CandidateStatus,
    InputError,
    Measurement,
)
from archwright.core.settings import RunSettings
from archwright.runs.context import Campaign
from archwright.runs.journal import Journal, Spend
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Baseline, Funnel, Snapshot
from archwright.runs.results.tradeoffs import (
    front_document,
    front_of,
    objectives_of,
    predict_latencies,
)
from archwright.runs.workspace.device import device_of, known_device
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.search.objectives import rank_by_objectives
from archwright.search.predict.latency import NOMINAL, latency_ms

SIZED = ("quality", "parameters")


def row(name: str, score: float, parameters: int, rung: int = 1) -> Candidate:
    return Candidate(
        name,
        name,
        operator="widen",
        status=CandidateStatus.TRAINED,
        rungs={rung: Measurement(score)},
        parameters=parameters,
        flops=10 * parameters,
    )


def gained(name: str, gain: float | None, parameters: int = 0, rung: int = 1) -> Candidate:
    shown = {} if gain is None else {rung: Measurement(0.0, gain, 1)}
    return Candidate(name, parameters=parameters, rungs=shown)


def snapshot(*rows: Candidate, metric: str = "accuracy") -> Snapshot:
    return Snapshot(
        run="r", task="t", task_from="t", metric=METRICS[metric], state="finished", phase="done",
        created=0.0, budget={}, spend=Spend(), funnel=Funnel(), running=(), verdicts=(),
        baseline=Baseline(50.0, 1.0, (50.0,), 100, flops=1000), best=rows[0], candidates=rows,
        control=None, notices=(), settings={"objectives": list(SIZED)}, rungs=(10, 30),
    )  # fmt: skip


def test_the_front_leaves_out_what_is_beaten_everywhere() -> None:
    rows = row("big", 90.0, 900), row("mid", 80.0, 90), row("worse", 79.0, 95), row("bad", 10.0, 99)
    assert [r.id for r in front_of(snapshot(*rows), SIZED)] == ["big", "mid"]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(51, 60)), min_size=1, max_size=12),
    st.sampled_from(["accuracy", "mean_squared_error"]),
)
def test_the_front_is_what_nothing_dominates(found: list[tuple[int, int]], metric: str) -> None:
    sign = 1 if metric == "accuracy" else -1
    rows = [row(str(n), 50.0 + sign * (gain - 50), cost) for n, (cost, gain) in enumerate(found)]
    beaten = {
        str(n)
        for n, (cost, gain) in enumerate(found)
        if any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in found)
    }
    front = front_of(snapshot(*rows, metric=metric), SIZED)
    assert {r.id for r in front} == {r.id for r in rows} - beaten


def test_the_baseline_is_a_rival() -> None:
    rows = row("big", 90.0, 900), row("beaten", 49.0, 100), row("tiny", 20.0, 5)
    assert [r.id for r in front_of(snapshot(*rows), SIZED)] == ["big", "tiny"]


def test_less_is_better_where_the_metric_says_so() -> None:
    rows = row("low", 1.0, 80), row("high", 60.0, 90)
    found = front_of(snapshot(*rows, metric="mean_squared_error"), SIZED)
    assert [r.id for r in found] == ["low"]


def test_only_the_top_rung_counts_and_an_empty_run_has_no_front() -> None:
    rows = row("top", 90.0, 900), row("small", 95.0, 5, rung=0)
    assert [r.id for r in front_of(snapshot(*rows), SIZED)] == ["top"]
    assert front_of(replace(snapshot(*rows), candidates=()), SIZED) == []


def test_a_run_for_quality_alone_is_shown_against_size_and_work() -> None:
    one = replace(snapshot(row("a", 90.0, 9)), settings={"objectives": ["quality"]})
    assert objectives_of(one) == ("quality", "parameters", "flops")
    assert objectives_of(replace(one, settings={})) == ("quality", "parameters", "flops")
    assert objectives_of(snapshot(row("a", 90.0, 9))) == SIZED
    assert front_document(one)[0]["flops"] == 90


def test_with_quality_alone_candidates_stay_as_they_are() -> None:
    pool = (gained("a", 2.0), gained("b", 3.0, rung=0))
    assert rank_by_objectives(pool, ("quality",)) == pool


def test_candidates_are_ranked_by_fronts_within_a_rung() -> None:
    pool = [gained("good", 3.0, 900), gained("small", 0.0, 10), gained("beaten", -1.0, 950)]
    pool += [gained("unknown", -2.0), gained("other", 9.0, 5, rung=0), gained("failed", None)]
    ranked = {c.id: c.gain for c in rank_by_objectives(pool, SIZED)}
    assert ranked.pop("failed") is None
    first, last = ("good", "small", "other"), ("beaten", "unknown")
    assert all(ranked[name] >= 0.0 for name in first)
    assert all(ranked[name] < 0.0 for name in last)
    assert ranked["beaten"] > ranked["unknown"]


def test_what_nothing_dominates_is_spared() -> None:
    rivals = gained("large", 2.0, 100), gained(BASELINE, 0.0, 50)
    campaign = Campaign({BASELINE: rivals[1]}, rivals)
    assert campaign.is_undominated(gained("new", -1.0, 10), SIZED)
    assert not campaign.is_undominated(gained("new", -1.0, 60), SIZED)
    alone = Campaign({BASELINE: gained(BASELINE, None)}, ())
    assert alone.is_undominated(gained("new", 0.0), SIZED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objectives": ("speed",)}, "no objective 'speed'"),
        ({"max_params": 0}, "max_params must be at least 1"),
        ({"max_latency_ms": 0.0}, "max_latency_ms must be at least"),
    ],
)
def test_objectives_and_limits_are_checked(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RunSettings(**changes)  # type: ignore[arg-type]


def test_a_device_is_measured_once_and_a_damaged_record_is_named(workspace: Path) -> None:
    paths = Workspace.open(workspace).paths
    assert known_device(paths) is None
    device = device_of(paths)
    assert device_of(paths) == known_device(paths) == device
    paths.device.write_text("{}")
    with pytest.raises(InputError, match="delete it"):
        device_of(paths)


def test_a_run_keeps_its_limits_and_reports_its_front(
    spirals: Path, workspace: Path, discover: Discover, capsys: pytest.CaptureFixture[str]
) -> None:
    few = "[run]\nscreen_seeds = 2\ndeciding_seeds = 4\nfinalists = 1\nbaseline_seeds = 2\n"
    Workspace.open(workspace).paths.settings.write_text(few)
    limits = {"max_params": 2_000, "max_latency_ms": 1e3}
    objectives = ("quality", "parameters", "latency")
    result = discover(spirals, workspace, max_trials=32, seed=4, objectives=objectives, **limits)
    with Journal.open(find_run(Workspace.open(workspace), result["run"])) as journal:
        shown = observe(journal)
    trained = [c for c in shown.candidates if c.score is not None]
    assert trained
    assert all(0 < c.parameters <= 2_000 for c in trained)
    assert all(c.latency_ms for c in trained)
    assert not any(c.proxies for c in trained), "they are made only when asked for"
    assert shown.baseline is not None
    assert shown.baseline.flops > 0
    assert shown.baseline.latency_ms
    verified = [c for c in shown.candidates if c.id in {v.candidate for v in shown.verdicts}]
    assert all(c.int8 is not None and c.measured_ms for c in verified)
    assert result["pareto"] == front_document(shown)

    words = ["pareto", result["run"], "--workspace", str(workspace), "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["objectives"] == [*objectives]
    assert document["front"] == result["pareto"]
    assert document["baseline"]["flops"] == shown.baseline.flops


def test_latency_is_predicted_after_the_fact_where_a_graph_is_known(tmp_path: Path) -> None:
    with fill_journal(tmp_path, 6) as journal:
        graph = "t0 = input float32[2,8]\nt1 = aten.relu.default(t0) float32[2,8]"
        journal.once("check", "1", "1", {}, lambda: {"graph": graph})
        before = observe(journal)
        after = predict_latencies(journal, before, NOMINAL)
    assert all(c.latency_ms is None for c in before.candidates)
    known = {c.id: c.latency_ms for c in after.candidates if c.latency_ms is not None}
    assert known == {"1": latency_ms(graph, NOMINAL)}
