"""What a verdict leaves behind: a decision record for every finalist, a branch for a discovery."""

from __future__ import annotations

import datetime
import json
import shlex
import sqlite3
from dataclasses import asdict, replace
from typing import Any

from archwright.agents.questions import Brief, Review, ReviewQuestion
from archwright.agents.roles import Agents
from archwright.domain import TaskSpec
from archwright.knowledge.decisions import Decision, DecisionFolder, Option, slugify
from archwright.knowledge.store import Knowledge
from archwright.runs.branches import Landing, Measure, Node, land
from archwright.runs.journal import Journal
from archwright.runs.memory import known_work
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.screening import seed_of
from archwright.runs.snapshot import Verdict
from archwright.runs.workspace import Workspace


class Records:
    """Writes the records of one run's finalists."""

    def __init__(
        self,
        spec: TaskSpec,
        agents: Agents,
        journal: Journal,
        knowledge: Knowledge,
        workspace: Workspace,
        floors: list[Floor],
    ) -> None:
        self._spec = spec
        self._agents = agents
        self._journal = journal
        self._knowledge = knowledge
        self._workspace = workspace
        self._floor = floors[-1]
        self._folder = DecisionFolder(workspace.paths.decisions)
        self._run = journal.paths.name

    def write(self, verdict: Verdict) -> Verdict:
        """Review a finalist, write its decision and, for a discovery, its branch.

        Writing the same verdict again finds what is there.
        """
        row = self._row(verdict.candidate)
        review = self._review(row, verdict)
        path = self._folder.add(self._decision(row, verdict, review))
        verdict = replace(verdict, decision=path.name)
        if verdict.verdict == "discovery":
            text = path.read_text(encoding="utf-8")
            landing = Landing(
                run=self._run,
                task=self._spec.name,
                base=self._journal.fact("head"),
                nodes=tuple(self._lineage(row, verdict)),
                decision_name=path.name,
                decision_text=text,
            )
            verdict = replace(verdict, branch=land(self._workspace, landing))
        self._journal.judge(verdict.candidate, {**asdict(verdict), "review": review.model_dump()})
        return verdict

    def _row(self, candidate: str) -> sqlite3.Row:
        return self._journal.query("SELECT * FROM candidates WHERE id = ?", candidate)[0]

    # --- review and decision --------------------------------------------------------------------

    def _review(self, row: sqlite3.Row, verdict: Verdict) -> Review:
        question = ReviewQuestion(
            brief=Brief.of(self._spec),
            title=row["title"],
            rationale=row["rationale"],
            source=row["source"],
            parameters=row["parameters"],
            baseline_parameters=self._floor.parameters,
            recipe=json.loads(row["recipe"]),
            parent_titles=tuple(json.loads(row["parents"])),
            similar=(),
            verdict=_numbers(verdict),
        )
        seed = seed_of(self._journal.fact("settings")["seed"], row["id"], "review")
        return self._agents.review(f"{row['id']}/verified", question, seed)

    def _decision(self, row: sqlite3.Row, verdict: Verdict, review: Review) -> Decision:
        accepted = verdict.verdict == "discovery"
        baseline = f"keep the baseline ({self._floor.mean:.4g} {self._spec.metric.unit})"
        day = datetime.datetime.fromtimestamp(row["created"], datetime.UTC).date().isoformat()
        return Decision(
            title=row["title"],
            status="proposed" if accepted else "rejected",
            date=day,
            context=f"{self._spec.summary.rstrip('.')}. {row['rationale']}",
            options=(Option(row["title"], row["rationale"]), Option(baseline, "nothing changes")),
            chosen=row["title"] if accepted else baseline,
            because=f"{verdict.reason}. {review.summary}",
            consequences=(*review.consequences, *(f"Suspicion: {s}" for s in review.suspicions)),
            confirmation=self._confirmation(row),
            evidence=self._evidence(row, verdict),
            run=self._run,
            candidate=row["id"],
            task=self._spec.name,
        )

    def _confirmation(self, row: sqlite3.Row) -> str:
        """The command that trains the architecture again on the first of the fresh seeds."""
        top = self._journal.query(
            "SELECT json_extract(request, '$.seed') AS seed, "
            "json_extract(result, '$.score') AS score FROM steps WHERE candidate = ? AND "
            "kind = 'trial' AND json_extract(request, '$.purpose') = 'verification' ORDER BY seed",
            row["id"],
        )[0]
        task = self._journal.fact("task_from")
        again = f"archwright try discoveries/{slugify(self._spec.name)}/architecture.py"
        score = f"{_or_none(top['score'])} {self._spec.metric.unit}"
        return f"{again} --task {shlex.quote(task)} --seed {top['seed']}  # gave {score}"

    def _evidence(self, row: sqlite3.Row, verdict: Verdict) -> dict[str, str]:
        unit = self._spec.metric.unit
        evidence = {
            "baseline": f"{self._floor.mean:.6g} {unit} (sd {self._floor.sd:.3g})",
            "score in the search": f"{row['score']:.6g} {unit}",
            "score on fresh seeds": f"{_or_none(verdict.mean)} {unit} (mean of {verdict.seeds})",
            "corrected p": f"{verdict.p:.3g}",
            "parameters": f"{row['parameters']} (baseline {self._floor.parameters})",
        }
        for c in verdict.comparisons:
            evidence[f"gain over {c.control}"] = (
                f"{c.effect:+.4g} {unit} ({c.interval[0]:+.4g} to {c.interval[1]:+.4g}; it scores "
                f"{c.mean:.6g} {unit} with {c.parameters} parameters)"
            )
            if c.test_gain is not None:
                evidence[f"gain over {c.control} on the test split"] = f"{c.test_gain:+.4g} {unit}"
        return evidence

    # --- lineage --------------------------------------------------------------------------------

    def _lineage(self, row: sqlite3.Row, verdict: Verdict) -> list[Node]:
        """The baseline, then every ancestor before its children, the discovery last."""
        nodes = {BASELINE: self._baseline_node()}
        self._collect(row["id"], nodes)
        nodes[row["id"]] = self._discovery_node(row, verdict, nodes[row["id"]])
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
            gain = metric.gain(row["score"], self._floor.mean)
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

    def _discovery_node(self, row: sqlite3.Row, verdict: Verdict, node: Node) -> Node:
        metric = self._spec.metric
        assert verdict.mean is not None, "a discovery was measured on fresh seeds"
        measure = Measure(metric.name, verdict.mean, metric.unit, verdict.effect, verdict.interval)
        evidence = "\n".join(f"{k}: {v}" for k, v in self._evidence(row, verdict).items())
        results = {**self._results(row), "verification": _numbers(verdict)}
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


def _numbers(verdict: Verdict) -> dict[str, Any]:
    keys = ("verdict", "mean", "effect", "interval", "p", "seeds", "test_gain", "comparisons")
    document = asdict(verdict)
    return {key: document[key] for key in keys}


def _or_none(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6g}"
