"""The lineage of a discovery, as the commits of its branch."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from typing import Any

from archwright.core import TaskSpec
from archwright.knowledge.store import Knowledge
from archwright.runs.journal.journal import Journal
from archwright.runs.memory import known_work
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.results.branches.branches import Measure, Node
from archwright.runs.results.snapshot import Verdict, numbers_of


class Lineage:
    """Reads lineages from a run's journal."""

    def __init__(
        self, spec: TaskSpec, journal: Journal, knowledge: Knowledge, floor: Floor
    ) -> None:
        self._spec = spec
        self._journal = journal
        self._knowledge = knowledge
        self._floor = floor
        self._run = journal.paths.name

    def of(self, verdict: Verdict, evidence: str) -> list[Node]:
        """The baseline, then every ancestor before its children, the discovery last.

        Args:
            verdict: the discovery's.
            evidence: what was measured, in words.
        """
        (row,) = self._journal.query("SELECT * FROM candidates WHERE id = ?", verdict.candidate)
        nodes = {BASELINE: self._baseline_node()}
        self._collect(row["id"], nodes)
        nodes[row["id"]] = self._discovery_node(row, verdict, nodes[row["id"]], evidence)
        return list(nodes.values())

    def _collect(self, candidate: str, nodes: dict[str, Node]) -> None:
        if candidate in nodes:
            return
        rows = self._journal.query("SELECT * FROM candidates WHERE id = ?", candidate)
        parents = tuple(json.loads(rows[0]["parents"])) if rows else ()
        for parent in parents:
            self._collect(parent, nodes)
        nodes[candidate] = self._node(rows[0], parents) if rows else self._known_node(candidate)

    def _baseline_node(self) -> Node:
        metric = self._spec.metric
        results = {"baseline": asdict(self._floor), "metric": metric.name}
        return Node(
            candidate=BASELINE,
            title=f"Baseline of {self._spec.name}",
            source=self._spec.baseline,
            created=self._journal.fact("created"),
            results=results,
            measures=(Measure(metric.name, self._floor.mean, metric.unit),),
        )

    def _node(self, row: sqlite3.Row, parents: tuple[str, ...]) -> Node:
        metric = self._spec.metric
        measures: tuple[Measure, ...] = ()
        if row["score"] is not None:
            # The baseline that is at hand was trained for as long as the top rung only.
            at_top = row["rung"] == len(self._spec.rungs) - 1
            gain = metric.gain(row["score"], self._floor.mean) if at_top else None
            measures = (Measure(metric.name, row["score"], metric.unit, gain),)
        return Node(
            candidate=row["id"],
            title=row["title"],
            source=row["source"],
            created=row["created"],
            rationale=row["rationale"],
            evidence=row["lesson"],
            parents=parents,
            results=self._results(row),
            measures=measures,
        )

    def _known_node(self, key: str) -> Node:
        """An ancestor that an earlier run found."""
        work = known_work(self._knowledge, key)
        return Node(
            candidate=key,
            title=work.title,
            source=work.source,
            created=self._journal.fact("created"),
            evidence="Found by an earlier run; see the knowledge base.",
            results={"score": work.score, "metric": self._spec.metric.name},
        )

    def _discovery_node(
        self, row: sqlite3.Row, verdict: Verdict, node: Node, evidence: str
    ) -> Node:
        metric = self._spec.metric
        assert verdict.mean is not None, "a discovery was measured on fresh seeds"
        measure = Measure(metric.name, verdict.mean, metric.unit, verdict.effect, verdict.interval)
        results = {
            **self._results(row),
            "verification": numbers_of(verdict),
            "reproduce": verdict.reproduce,
        }
        return replace(node, evidence=evidence, results=results, measures=(measure,))

    def _results(self, row: sqlite3.Row) -> dict[str, Any]:
        return {
            "run": self._run,
            "candidate": row["id"],
            "task": self._spec.name,
            "metric": self._spec.metric.name,
            "score": row["score"],
            "rung_steps": None if row["rung"] is None else self._spec.rungs[row["rung"]],
            "parameters": row["parameters"],
            "recipe": json.loads(row["recipe"]),
            "baseline": {"mean": self._floor.mean, "sd": self._floor.sd},
        }
