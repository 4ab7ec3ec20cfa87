"""Computes a `Snapshot` from a journal, and goes on from what is new in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean
from typing import Any

from archwright.core import (
    BASELINE,
    Aim,
    Candidate,
    CandidateStatus,
    Fingerprint,
    Metric,
    Trial,
    Verdict,
    cost_of,
)
from archwright.core.settings import SearchSettings
from archwright.runs.guiding import seeds_of, steer_of
from archwright.runs.journal import Facts, Journal
from archwright.runs.results.memo import memo_text
from archwright.runs.results.snapshot import (
    LEAST_DRAWS,
    AimStanding,
    Baseline,
    Control,
    Funnel,
    Snapshot,
    State,
)
from archwright.runs.verification.statistics import over_random
from archwright.runs.workspace.control import is_held


def observe(journal: Journal) -> Snapshot:
    """The run at this moment; safe while the run goes on."""
    return Observer(journal).observe()


class Observer:
    """Takes snapshots of a run again and again; each reads only what changed since the last."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._cursor = 0
        self._candidates: dict[str, Candidate] = {}
        self._latency: dict[str, float] = {}
        self._int8: dict[str, list[float]] = {}
        self._titles: dict[str, str] = {}

    def observe(self) -> Snapshot:
        """The run at this moment."""
        journal, facts = self._journal, self._journal.facts
        self._refresh()
        metric, top = facts.metric, len(facts.rungs or (0,)) - 1
        candidates = tuple(sorted(self._candidates.values(), key=lambda c: c.sequence))
        finished = [c for c in candidates if c.rung == top]
        searched = [c for c in finished if not c.is_control]
        verdicts = journal.verdicts()
        held = is_held(journal.paths)
        baseline = self._baseline(facts)
        aim = _standing(_aim(facts, metric), searched, verdicts, baseline)
        return Snapshot(
            run=journal.paths.name,
            task=facts.task,
            task_from=facts.task_from,
            metric=metric,
            state=_state(facts, held),
            phase=_phase(facts, held),
            created=facts.created,
            budget=facts.budget,
            spend=journal.spend(),
            funnel=_count(candidates),
            baseline=baseline,
            best=(aim and aim.smallest)
            or max(searched, key=lambda c: metric.gain(c.score or 0.0, 0.0), default=None),
            running=journal.running(),
            candidates=candidates,
            verdicts=verdicts,
            control=_control([c for c in finished if c.is_control], verdicts, metric, aim is None),
            notices=_notices(journal, facts),
            settings=facts.settings,
            rungs=facts.rungs,
            examples=dict(self._titles),
            memo=memo_text(journal),
            steer=steer_of(journal, _guidance(facts)),
            seeds=tuple(name for name, _ in seeds_of(journal)),
            error=facts.error,
            aim=aim,
            confidence=_confidence(journal),
        )

    def _refresh(self) -> None:
        changes = self._journal.changes(self._cursor, purpose="verification")
        self._cursor = changes.cursor
        for candidate in changes.candidates:
            self._candidates[candidate.id] = _shown(candidate, self._measured(candidate.id))
            if not self._titles.keys() >= {*candidate.examples}:
                self._read_titles(candidate.number)
        for trial in changes.trials:
            self._measure(trial)

    def _read_titles(self, number: int) -> None:
        """Learn the titles of what a candidate was shown."""
        step = self._journal.step("retrieve", str(number))
        shown = step.result["examples"] if step else ()
        self._titles |= {work["id"]: work["title"] for work in shown}

    def _measure(self, trial: Trial) -> None:
        """What a training on fresh seeds measured besides quality."""
        id_, milliseconds = trial.candidate, trial.resources.latency_ms
        if milliseconds:
            self._latency[id_] = min(milliseconds, self._latency.get(id_, milliseconds))
        if trial.int8 is not None:
            self._int8.setdefault(id_, []).append(trial.int8)
        if id_ in self._candidates:
            candidate = self._candidates[id_]
            self._candidates[id_] = replace(candidate, **self._measured(id_))

    def _measured(self, id_: str) -> dict[str, Any]:
        rounded = self._int8.get(id_)
        mean = fmean(rounded) if rounded else None
        return {"measured_ms": self._latency.get(id_), "int8": mean}

    def _baseline(self, facts: Facts) -> Baseline | None:
        if not facts.noise:
            return None
        floor, known = facts.noise[-1], self._journal.candidate(BASELINE)
        return Baseline(
            mean=floor.mean,
            sd=floor.sd,
            scores=floor.scores,
            parameters=facts.noise[0].parameters,
            flops=known.flops if known else 0,
            latency_ms=known.latency_ms if known else None,
            int8_bytes=known.int8_bytes if known else 0,
            **self._measured(BASELINE),
        )


def _shown(candidate: Candidate, measured: Mapping[str, Any]) -> Candidate:
    """A candidate without what takes room: see `Snapshot.candidates`."""
    rungs = {rung: replace(shown, curve=()) for rung, shown in candidate.rungs.items()}
    return replace(
        candidate, source="", wrapper="", fingerprint=Fingerprint(), rungs=rungs, **measured
    )


def _state(facts: Facts, held: bool) -> State:
    if facts.state == "running" and not held:
        return "interrupted"
    state: State = facts.state  # type: ignore[assignment]
    return state


def _phase(facts: Facts, held: bool) -> str:
    """The current phase; while containers start, that is shown instead."""
    starting = facts.starting and held
    return f"starting the {facts.starting} sandbox" if starting else facts.phase.value


def _aim(facts: Facts, metric: Metric) -> Aim | None:
    """The cost that a run searches for; a journal of an earlier version has no floor."""
    given = facts.settings
    floors = given.get("at_least"), given.get("at_most")
    return None if floors == (None, None) else Aim.of(given["objectives"], *floors, metric)


def _standing(
    aim: Aim | None,
    searched: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    baseline: Baseline | None,
) -> AimStanding | None:
    if aim is None:
        return None
    found = {v.candidate for v in verdicts if v.verdict == "discovery"}
    verified = [c for c in searched if c.id in found]
    reached = verified or [c for c in searched if c.score is not None and aim.margin(c.score) >= 0]
    known = [c for c in reached if isfinite(aim.cost(c))]
    return AimStanding(
        aim=aim,
        smallest=min(known, key=lambda c: (aim.cost(c), c.sequence), default=None),
        verified=bool(verified),
        baseline=cost_of(baseline, aim.objective) if baseline else None,
        baseline_margin=aim.margin(baseline.mean) if baseline else None,
        baseline_sd=baseline.sd if baseline else 0.0,
    )


def _control(
    drawn: Sequence[Candidate], verdicts: Sequence[Verdict], metric: Metric, for_quality: bool
) -> Control | None:
    """What random draws reached, and where quality is searched for the improvement of the
    play-off's best over them."""
    scores = [c.score for c in drawn if c.score is not None]
    if not scores:
        return None
    sign = 1.0 if metric.direction == "maximize" else -1.0
    control = Control(len(scores), fmean(scores), sign * max(sign * s for s in scores))
    found = [v for v in verdicts if v.own_scores]
    if not for_quality or len(scores) < LEAST_DRAWS or not found or fmean(scores) == 0.0:
        return control
    # The first by the play-off: fresh seeds that chose the best could not measure it as well.
    over = over_random(found[0].own_scores, scores, sign)
    return replace(control, improvement=over.percent, interval=over.interval)


def _count(candidates: Sequence[Candidate]) -> Funnel:
    ends = [c.status for c in candidates]
    promoted = ends.count(CandidateStatus.PROMOTED)
    return Funnel(
        proposed=len(ends),
        duplicate=ends.count(CandidateStatus.DUPLICATE),
        invalid=ends.count(CandidateStatus.INVALID),
        crashed=ends.count(CandidateStatus.CRASHED),
        unmeasured=ends.count(CandidateStatus.UNMEASURED),
        dropped=ends.count(CandidateStatus.DROPPED),
        trained=ends.count(CandidateStatus.TRAINED) + promoted,
        promoted=promoted,
    )


def _notices(journal: Journal, facts: Facts) -> tuple[str, ...]:
    said = journal.notices()
    if not facts.unverified:
        return said
    count = len(facts.unverified)
    which = f"candidate{'' if count == 1 else 's'} {', '.join(facts.unverified)}"
    what = "time or trials" if facts.budget.get("hours") else "trials"
    fix = f"`archwright verify {journal.run}` does it"
    if journal.count_steps("test"):  # it would be refused
        fix = (
            f"the test split was opened for others, so only `archwright verify {journal.run} "
            "--force` would, as weaker evidence"
        )
    return (*said, f"the budget had no {what} left to verify {which}: {fix}")


def _guidance(facts: Facts) -> SearchSettings:
    """What the settings say to proposers; a journal of another version may hold what differs in
    all else."""
    names = ("guide", "ban", "pin")
    return SearchSettings(**{k: v for k, v in facts.settings.items() if k in names})


def _confidence(journal: Journal) -> dict[str, Any] | None:
    """What the policy's last choice said of its surrogate."""
    last = journal.last_step("choice")
    said: dict[str, Any] | None = last.result.get("confidence") if last else None
    return said
