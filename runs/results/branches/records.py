"""What a verdict leaves behind: a decision record for every finalist, a branch for a discovery."""

from __future__ import annotations

import datetime
import json
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from statistics import fmean
from typing import Any, Final

from archwright.agents.questions import Brief, Review, ReviewQuestion, Work
from archwright.agents.roles import Agents
from archwright.core import Check
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option, parse, slugify
from archwright.knowledge.decisions.importing import remember
from archwright.knowledge.store import Knowledge
from archwright.runs.candidates import seed_of
from archwright.runs.journal.journal import Journal
from archwright.runs.memory import as_work
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.results.branches.branches import Landing, land
from archwright.runs.results.branches.lineage import Lineage
from archwright.runs.results.snapshot import SecondLook, Verdict, numbers_of
from archwright.runs.results.wording import gain_text, interval_text
from archwright.runs.verification.statistics import predict
from archwright.runs.verification.suspicion import suspect
from archwright.runs.verification.verification import fresh_seed
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task

SIMILAR: Final = 3
"""Known architectures that a reviewer is shown."""


class Records:
    """Writes the records of one run's finalists.

    Args:
        round_: the round of verification whose verdicts are written.
    """

    def __init__(
        self,
        task: Task,
        agents: Agents,
        journal: Journal,
        knowledge: Knowledge,
        workspace: Workspace,
        floors: list[Floor],
        round_: int = 0,
    ) -> None:
        self._spec = task.spec
        self._agents = agents
        self._journal = journal
        self._knowledge = knowledge
        self._workspace = workspace
        self._floors = floors
        self._floor = floors[-1]
        self._lineage = Lineage(task.spec, journal, knowledge, floors[-1])
        self._folder = DecisionFolder(workspace.paths.decisions)
        self._run = journal.paths.name
        self._round = round_

    def write(self, verdict: Verdict) -> None:
        """Review a finalist, write its decision and, for a discovery, its branch.

        Writing the same verdict again finds what is there. A verdict that had its look at the test
        split stands; a later, forced one is noted beside it.
        """
        first = self._earlier(verdict)
        if first:
            looks = [k for k in first.get("again", ()) if k["round"] != self._round]
            again = [*looks, asdict(_second_look(verdict))]
            self._journal.judge(verdict.candidate, {**first, "again": again})
            return
        row = self._row(verdict.candidate)
        verdict = replace(
            verdict,
            suspicions=tuple(self._suspicions(verdict)),
            reproduce=self._reproduction(verdict),
        )
        review = self._review(row, verdict)
        said = (*verdict.suspicions, *review.suspicions)
        verdict = replace(verdict, suspicions=tuple(dict.fromkeys(said)))
        path = self._folder.renew(self._decision(row, verdict, review))
        remember(self._knowledge, [parse(path.read_text(encoding="utf-8"), path)])
        verdict = replace(verdict, decision=path.name)
        if verdict.verdict == "discovery":
            text = path.read_text(encoding="utf-8")
            evidence = "\n".join(f"{k}: {v}" for k, v in self._evidence(row, verdict).items())
            landing = Landing(
                run=self._run,
                task=self._spec.name,
                base=self._journal.fact("head"),
                nodes=tuple(self._lineage.of(verdict, evidence)),
                decision_name=path.name,
                decision_text=text,
            )
            verdict = replace(verdict, branch=land(self._workspace, landing))
        self._journal.judge(verdict.candidate, asdict(verdict))

    def _earlier(self, verdict: Verdict) -> dict[str, Any]:
        """The verdict of an earlier round that opened the test split for this finalist."""
        rows = self._journal.query(
            "SELECT document FROM verdicts WHERE candidate = ?", verdict.candidate
        )
        document: dict[str, Any] = json.loads(rows[0]["document"]) if rows else {}
        earlier = document.get("round", 0) < self._round
        return document if earlier and document.get("test_gain") is not None else {}

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
            similar=tuple(self._similar(row)),
            verdict=numbers_of(verdict),
        )
        seed = seed_of(self._journal.fact("settings")["seed"], row["id"], "review")
        # A later round has other numbers to speak of.
        key = f"{row['id']}/verified" + (f"-{self._round}" if self._round else "")
        return self._agents.review(key, question, seed)

    def _similar(self, row: sqlite3.Row) -> Iterator[Work]:
        """What earlier runs knew that is most like it; its own parents are no news."""
        parents, until = json.loads(row["parents"]), self._journal.fact("known_until")
        found = self._knowledge.relatives(row["source"], SIMILAR + len(parents), until)
        works = (as_work(entry) for entry in found)
        return islice((work for work in works if work.id not in parents), SIMILAR)

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
            consequences=(*review.consequences, *(f"Suspicion: {s}" for s in verdict.suspicions)),
            confirmation=_confirmation(verdict),
            evidence=self._evidence(row, verdict),
            run=self._run,
            candidate=row["id"],
            task=self._spec.name,
        )

    def _suspicions(self, verdict: Verdict) -> Iterator[str]:
        trials = self._journal.query(
            "SELECT candidate, result FROM steps WHERE kind = 'trial' AND state = 'finished' AND "
            "candidate IN (?, ?) AND json_extract(request, '$.steps') = ? ORDER BY started",
            *(verdict.candidate, BASELINE, self._spec.rungs[-1]),
        )
        losses: dict[str, list[float]] = {verdict.candidate: [], BASELINE: []}
        for trial in trials:
            if curve := json.loads(trial["result"])["curve"]:
                losses[trial["candidate"]].append(curve[-1][1])
        check = self._journal.query(
            "SELECT result FROM steps WHERE kind = 'check' AND key = ?", verdict.candidate
        )
        checks = [Check(**c) for c in json.loads(check[0]["result"])["checks"]] if check else []
        if all(losses.values()):
            ends = (fmean(losses[verdict.candidate]), fmean(losses[BASELINE]))
            gains = self._gains(verdict.candidate)
            yield from suspect(self._spec.metric, verdict, gains, ends, checks, self._floors)

    def _gains(self, candidate: str) -> dict[int, float]:
        """Gains of a candidate by rung, from its first seed of the search."""
        rows = self._journal.query(
            "SELECT json_extract(request, '$.rung') AS rung, json_extract(result, '$.score') AS "
            "score FROM steps WHERE kind = 'trial' AND candidate = ? AND "
            "json_extract(request, '$.purpose') = 'search' AND "
            "json_extract(request, '$.seed') = 0 AND score IS NOT NULL",
            candidate,
        )
        metric = self._spec.metric
        return {r["rung"]: self._floors[r["rung"]].gain(metric, r["score"]) for r in rows}

    def _reproduction(self, verdict: Verdict) -> dict[str, Any]:
        """The command that trains it again on the first fresh seed, what that gave, and where a
        training on any seed must land (a 95 % prediction interval)."""
        if len(verdict.own_scores) < 2:
            return {}
        file = f"discoveries/{slugify(self._spec.name)}/architecture.py"
        task = shlex.quote(self._journal.fact("task_from"))
        return {
            "command": f"archwright try {file} --task {task} --seed {fresh_seed(self._round)}",
            "score": verdict.own_scores[0],
            "interval": self._spec.metric.clamp(predict(verdict.own_scores)),
        }

    def _evidence(self, row: sqlite3.Row, verdict: Verdict) -> dict[str, str]:
        metric, unit = self._spec.metric, self._spec.metric.unit
        shrunk = "not measured" if verdict.shrunk is None else gain_text(metric, verdict.shrunk)
        evidence = {
            "baseline": f"{self._floor.mean:.6g} {unit} (sd {self._floor.sd:.3g})",
            "score in the search": f"{row['score']:.6g} {unit}",
            "score on fresh seeds": f"{_or_none(verdict.mean)} {unit} (mean of {verdict.seeds})",
            "corrected p": f"{verdict.p:.3g}",
            "gain, shrunk for selection": shrunk,
            "parameters": f"{row['parameters']} (baseline {self._floor.parameters})",
        }
        if citations := json.loads(row["citations"]):
            evidence["cites"] = "; ".join(citations)
        if self._round:
            evidence["test split"] = f"opened {self._round} times before: this round was forced"
        for c in verdict.comparisons:
            evidence[f"gain over {c.control}"] = (
                f"{gain_text(metric, c.effect)} ({interval_text(metric, c.interval)}; it scores "
                f"{c.mean:.6g} {unit} with {c.parameters} parameters)"
            )
            if c.test_gain is not None:
                evidence[f"gain over {c.control} on the test split"] = (
                    f"{gain_text(metric, c.test_gain)} (p = {c.test_p:.2g})"
                )
        return evidence


def _second_look(verdict: Verdict) -> SecondLook:
    names = SecondLook.__dataclass_fields__
    return SecondLook(**{name: getattr(verdict, name) for name in names})


def _confirmation(verdict: Verdict) -> str:
    again = verdict.reproduce
    if not again:
        return ""
    low, high = again["interval"]
    return f"{again['command']}  # gave {again['score']:.6g}, must land in {low:.6g} to {high:.6g}"


def _or_none(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6g}"
