"""The lineage of a discovery, as the commits of its branch."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from archwright.core import BASELINE, COST_UNITS, Candidate, Verdict
from archwright.knowledge.store import Knowledge
from archwright.runs.context import RunContext
from archwright.runs.memory import known_candidate
from archwright.runs.results.branches.branches import LineageCommit, Measure


class Lineage:
    """Reads lineages from a run's journal."""

    def __init__(self, context: RunContext, knowledge: Knowledge) -> None:
        self._context = context
        self._spec = context.spec
        self._knowledge = knowledge
        self._floor = context.floors[-1]

    def of(self, verdict: Verdict, evidence: str) -> list[LineageCommit]:
        """The baseline, then every ancestor before its children, the discovery last.

        Args:
            verdict: the discovery's.
            evidence: what was measured, in words.
        """
        commits = {BASELINE: self._baseline_commit()}
        self._collect(verdict.candidate, commits)
        found = commits[verdict.candidate]
        commits[verdict.candidate] = self._discovery_commit(verdict, found, evidence)
        return list(commits.values())

    def _collect(self, id_: str, commits: dict[str, LineageCommit]) -> None:
        if id_ in commits:
            return
        candidate = self._context.journal.candidate(id_)
        for parent in candidate.parents if candidate else ():
            self._collect(parent, commits)
        commits[id_] = self._commit(candidate) if candidate else self._known_commit(id_)

    def _baseline_commit(self) -> LineageCommit:
        metric = self._spec.metric
        baseline = replace(
            self._context.baseline,
            title=f"Baseline of {self._spec.name}",
            created=self._context.facts.created,
        )
        return LineageCommit(
            baseline,
            results={"baseline": asdict(self._floor), "metric": metric.name},
            measures=(Measure(metric.name, self._floor.mean, metric.unit),),
        )

    def _commit(self, candidate: Candidate) -> LineageCommit:
        metric = self._spec.metric
        measures: tuple[Measure, ...] = ()
        if candidate.score is not None:
            # The baseline was measured here at the top rung only.
            at_top = candidate.rung == self._context.top
            gain = metric.gain(candidate.score, self._floor.mean) if at_top else None
            measures = (Measure(metric.name, candidate.score, metric.unit, gain),)
        return LineageCommit(candidate, candidate.lesson, self._results(candidate), measures)

    def _known_commit(self, key: str) -> LineageCommit:
        """An ancestor that an earlier run found."""
        known = known_candidate(self._knowledge, key, self._spec.rungs)
        return LineageCommit(
            replace(known, created=self._context.facts.created),
            evidence="Found by an earlier run; see the knowledge base.",
            results={"score": known.score, "metric": self._spec.metric.name},
        )

    def _discovery_commit(
        self, verdict: Verdict, commit: LineageCommit, evidence: str
    ) -> LineageCommit:
        metric = self._spec.metric
        assert verdict.mean is not None, "a discovery was measured on fresh seeds"
        measures = [
            Measure(metric.name, verdict.mean, metric.unit, verdict.effect, verdict.interval)
        ]
        if verdict.aim is not None:  # A margin over its floor is no gain over the baseline.
            aim = verdict.aim
            measures = [
                Measure(metric.name, verdict.mean, metric.unit),
                Measure(aim.objective, aim.cost, COST_UNITS[aim.objective]),
            ]
        results = {
            **commit.results,
            "verification": verdict.numbers(),
            "reproduce": verdict.reproduce,
        }
        return replace(commit, evidence=evidence, results=results, measures=tuple(measures))

    def _results(self, candidate: Candidate) -> dict[str, Any]:
        rung = candidate.rung
        return {
            "run": self._context.run,
            "candidate": candidate.id,
            "task": self._spec.name,
            "metric": self._spec.metric.name,
            "score": candidate.score,
            "rung_steps": None if rung is None else self._spec.rungs[rung],
            "parameters": candidate.parameters,
            "recipe": candidate.recipe.to_json(),
            "baseline": {"mean": self._floor.mean, "sd": self._floor.sd},
        }
