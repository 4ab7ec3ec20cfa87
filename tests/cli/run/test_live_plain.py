"""A run as lines: one per thing that happened, nothing twice, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from archwright.cli.run.plain import changes, follow
from archwright.core import CandidateStatus, Measurement, Verdict
from archwright.runs.results.snapshot import Snapshot

Make = Callable[..., Snapshot]


def lines_of(snapshots: Sequence[Snapshot], heartbeat_seconds: float = 1e9) -> list[str]:
    """What `follow` writes when it sees these snapshots, the last of them after the stop."""
    left = list(snapshots)
    stop = threading.Event()
    lines: list[str] = []

    def take() -> Snapshot:
        if len(left) <= 2:
            stop.set()
        return left.pop(0)

    follow(take, stop, lines.append, heartbeat_seconds)
    assert not left
    return lines


def test_each_thing_that_happens_is_one_line(
    make_snapshot: Make, make_verdict: Callable[..., Verdict]
) -> None:
    start = make_snapshot(0, baseline=None, phase="baseline", notices=())
    later = make_snapshot(5)
    end = replace(later, verdicts=(make_verdict(),), state="finished", phase="done")
    lines = [line.split("]  ", 1)[1] for line in lines_of([start, later, later, end])]
    assert lines == [
        "run digits-20261124-ab12, task digits",
        "phase: baseline",
        "note: process sandbox: reads are not confined",
        "baseline 92.31 %, noise sd 0.74 over 3 seeds",
        "phase: search",
        "candidate c0000 (widen block 2) trained, 90.00 % at rung 0",
        "candidate c0001 (widen block 2) duplicate: expected (16, 10), got (16, 1): widen block 2",
        "candidate c0002 (widen block 2) invalid: expected (16, 10), got (16, 2): widen block 2",
        "candidate c0003 (widen block 2) promoted, 93.00 % at rung 1",
        "candidate c0004 (widen block 2) crashed: expected (16, 10), got (16, 4): widen block 2",
        "best so far: candidate c0003 with 93.00 %, +0.69 points, +0.9 noise sd",
        "candidate c0003 verified, discovery: +2.31 points (+1.10 to +3.52), p 0.004 "
        "on the sealed test split, 5 seeds, branch archwright/digits-20261124-ab12/widen-block-2",
        "phase: done",
        "run finished",
    ]


def test_a_promotion_is_told_once_more_with_its_new_score(make_snapshot: Make) -> None:
    before = make_snapshot(1)
    (row,) = before.candidates
    after = replace(
        before,
        candidates=(replace(row, status=CandidateStatus.PROMOTED, rungs={1: Measurement(95.0)}),),
    )
    assert list(changes(before, after)) == [
        "candidate c0000 (widen block 2) promoted, 95.00 % at rung 1"
    ]
    assert list(changes(after, after)) == []


def test_a_long_run_is_not_told_from_the_start(make_snapshot: Make) -> None:
    long = make_snapshot(2000)
    lines = list(changes(None, long))
    assert "1980 candidates before these" in "".join(lines)
    assert len(lines) < 30
    assert len(list(changes(make_snapshot(1000), long))) >= 1000


def test_silence_is_broken_by_a_heartbeat(make_snapshot: Make) -> None:
    quiet = make_snapshot(5)
    lines = lines_of([quiet, quiet, quiet], heartbeat_seconds=0.0)
    assert lines[-1].endswith(
        "search: 5 candidates proposed, trials 31 done and 1 under way, "
        "best so far: candidate c0003 with 93.00 %, +0.69 points, +0.9 noise sd"
    )
    assert len(lines_of([quiet, quiet, quiet])) == len(lines) - 1


def test_lines_hold_no_control_characters(make_snapshot: Make, hostile: str) -> None:
    snapshot = make_snapshot(2000, hostile, notices=(hostile,), phase=hostile, run=hostile)
    for line in changes(None, snapshot):
        assert line.isprintable()
        assert len(line) < 1000
