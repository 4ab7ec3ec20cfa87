"""A run as plain lines, for a log file or a pipe: one line per thing that happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from archwright.core import Candidate, CandidateStatus, Verdict
from archwright.runs.results.headline import verdict_words
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import (
    aim_words,
    clean,
    duration_text,
    gain_text,
    measured_text,
    noise_text,
    score_text,
)

POLL_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 30.0

CAUGHT_UP: Final = 20
"""Candidates told one by one at the first look at a run that has been going on."""


def follow(
    take: Callable[[], Snapshot],
    stop: threading.Event,
    write: Callable[[str], None],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> None:
    """Write what happens in a run, line by line, until `stop` is set.

    What happened between the last look and `stop` is written, too. When nothing happened for
    `heartbeat_seconds`, one line says where the run stands.
    """
    before: Snapshot | None = None
    spoken = time.monotonic()
    while True:
        last = stop.is_set()
        now = take()
        lines = list(changes(before, now))
        if not lines and not last and time.monotonic() - spoken >= heartbeat_seconds:
            lines = [heartbeat(now)]
        for line in lines:
            write(f"{_clock(now)}  {line}")
            spoken = time.monotonic()
        before = now
        if last:
            return
        stop.wait(POLL_SECONDS)


def changes(before: Snapshot | None, now: Snapshot) -> Iterator[str]:
    """What happened between two snapshots of a run, one line each, none of them stamped."""
    if before is None:
        yield f"run {clean(now.run)}, task {clean(now.task)}"
    yield from (
        f"note: {clean(n)}" for n in now.notices if before is None or n not in before.notices
    )
    if now.baseline and (before is None or before.baseline is None):
        yield baseline_line(now)
        if now.aim is not None:
            yield next(aim_words(now.aim))
    moved = before is None or before.phase != now.phase
    if moved and now.phase != "done":
        yield f"phase: {clean(now.phase)}"
    known = {row.id: row for row in before.candidates} if before else {}
    earlier = max(0, len(now.candidates) - CAUGHT_UP) if before is None else 0
    if earlier:
        yield f"{earlier} candidates before these, see `archwright report {clean(now.run)}`"
    for row in now.candidates[earlier:]:
        yield from _candidate_changes(now, known.get(row.id), row)
    if now.best and (before is None or not before.best or before.best.id != now.best.id):
        yield best_line(now)
    seen = before.verdicts if before else ()
    yield from (verdict_line(now, v) for v in now.verdicts if v not in seen)
    if moved and now.phase == "done":
        yield "phase: done"
    if before is not None and before.state != now.state and now.state != "running":
        yield f"run {now.state}" + (f": {clean(now.error)}" if now.error else "")


def _candidate_changes(now: Snapshot, was: Candidate | None, row: Candidate) -> Iterator[str]:
    if row.status == CandidateStatus.OPEN or (
        was and (was.status, was.rung, was.score) == (row.status, row.rung, row.score)
    ):
        return
    line = f"candidate {clean(row.id)} ({clean(row.title, 80)}) {row.status}"
    if row.score is not None:
        line += f", {score_text(now.metric, row.score)} at rung {row.rung}"
    elif row.reason:
        line += f": {clean(row.reason)}"
    yield line


def baseline_line(snapshot: Snapshot) -> str:
    """The baseline and its noise in words. The snapshot must have one."""
    base = snapshot.baseline
    assert base is not None
    mean = score_text(snapshot.metric, base.mean)
    return f"baseline {mean}, noise sd {base.sd:.3g} over {len(base.scores)} seeds"


def best_line(snapshot: Snapshot) -> str:
    """The best candidate against the baseline and its noise. The snapshot must have one."""
    best = snapshot.best
    assert best is not None
    if best.score is None:
        return f"best so far: candidate {clean(best.id)}"
    score = score_text(snapshot.metric, best.score)
    standing = snapshot.aim
    if standing is not None and standing.smallest is best:
        cost = standing.aim.cost_text(standing.cost or 0.0)
        return f"smallest so far: candidate {clean(best.id)} with {cost}, {score}"
    words = [f"best so far: candidate {clean(best.id)} with {score}"]
    if snapshot.baseline:
        gain = snapshot.metric.gain(best.score, snapshot.baseline.mean)
        words += [gain_text(snapshot.metric, gain), noise_text(gain, snapshot.baseline.sd)]
    return ", ".join(word for word in words if word)


def verdict_line(snapshot: Snapshot, verdict: Verdict) -> str:
    """A verdict with its effect and interval, and the branch it landed on."""
    said = verdict_words(verdict).lower() if verdict.aim else verdict.verdict
    line = (
        f"candidate {clean(verdict.candidate)} verified, {said}: "
        f"{measured_text(snapshot.metric, verdict)}, {verdict.seeds} seeds"
    )
    return line + (f", branch {clean(verdict.branch)}" if verdict.branch else "")


def heartbeat(snapshot: Snapshot) -> str:
    """Where the run stands, in one line."""
    words = [f"{clean(snapshot.phase)}: {snapshot.funnel.proposed} candidates proposed"]
    words += [f"trials {snapshot.spend.trials} done and {len(snapshot.running)} under way"]
    if snapshot.best:
        words.append(best_line(snapshot))
    return ", ".join(words)


def _clock(snapshot: Snapshot) -> str:
    return f"[{duration_text(snapshot.spend.seconds):>9}]"
