"""What a run takes from the knowledge base, and what it gives back."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any, NamedTuple

from archwright.agents.questions import Passage, Work
from archwright.core import End, Fingerprint, SourceError, TaskSpec
from archwright.knowledge.entries import Entry, Example
from archwright.knowledge.papers.passages import find_passages, passage_id
from archwright.knowledge.store import Knowledge
from archwright.runs.candidates import Candidate
from archwright.runs.halving import Ascent, highest
from archwright.runs.journal.journal import Journal
from archwright.runs.noise import Floor
from archwright.runs.repairs import MARK
from archwright.source.family import family

INHERITED = 3
LESSONS = 5
WARNINGS = 3
REJECTIONS = 2
PASSAGES = 3
_MODULE = re.compile(r"\bnn\.([A-Z]\w+)")


class Retrieved(NamedTuple):
    """What was retrieved for one question."""

    examples: tuple[Work, ...] = ()
    lessons: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    warnings: tuple[str, ...] = ()


class Memory:
    """A run's view of the knowledge base: what was known when it began, and no later entry."""

    def __init__(
        self, spec: TaskSpec, knowledge: Knowledge, journal: Journal, floors: list[Floor]
    ) -> None:
        self._spec = spec
        self._knowledge = knowledge
        self._journal = journal
        self._floors = floors
        self._task: str = journal.fact("task_key")
        self._until: int = journal.fact("known_until")
        self._count: int = journal.fact("settings")["examples"]
        self._inherited: tuple[Work, ...] | None = None

    def inherited(self) -> tuple[Work, ...]:
        """The best of earlier runs on this task: they can be parents."""

        def read() -> dict[str, Any]:
            known = self._examples(INHERITED, self._spec.baseline)
            return {"examples": [as_work(e).model_dump() for e in known if e.task == self._task]}

        if self._inherited is None:
            found = self._journal.once("retrieve", "inherited", "", {}, read)
            self._inherited = tuple(Work(**e) for e in found["examples"])
        return self._inherited

    def _examples(self, count: int, source: str) -> list[Example]:
        return self._knowledge.examples(self._task, count, source, until=self._until)

    def retrieve(self, key: str, near: Work, blank: bool = False) -> Retrieved:
        """Examples (chosen for quality and diversity), lessons, failures of earlier runs and
        passages of papers that bear on a work; none of any with `blank`.

        Read once per `key`; the journal answers from then on.
        """

        if blank:
            return Retrieved()

        def read() -> dict[str, Any]:
            examples = self._examples(self._count, near.source)
            lessons = self._knowledge.lessons(self._task, near.title, LESSONS, until=self._until)
            return {
                "examples": [as_work(e).model_dump() for e in examples],
                "lessons": lessons,
                "passages": self._passages(near),
                "warnings": self._warnings(near),
            }

        found = self._journal.once("retrieve", key, "", {}, read)
        return Retrieved(
            examples=tuple(Work(**e) for e in found["examples"]),
            lessons=tuple(found["lessons"]),
            passages=tuple(Passage(**p) for p in found.get("passages", ())),
            warnings=tuple(found.get("warnings", ())),
        )

    def _warnings(self, near: Work) -> list[str]:
        """Failures of this task whose code is like that of a work, and rejected decisions that
        bear on it, one line each."""
        failed = self._knowledge.warnings(self._task, near.source, WARNINGS, until=self._until)
        about = f"{near.title} {' '.join(_MODULE.findall(near.source))} {self._spec.summary}"
        rejected = self._knowledge.rejections(self._task, about, REJECTIONS, until=self._until)
        return [
            *(f"{m.title}: ended {m.end} ({m.reason})" for m in failed),
            *(f"{e.title}: decided against ({e.candidate}: {e.lesson[:300]})" for e in rejected),
        ]

    def _passages(self, near: Work) -> list[dict[str, Any]]:
        """What papers say that bears on a work, by its title and the modules of its source."""
        about = f"{near.title} {' '.join(_MODULE.findall(near.source))} {self._spec.summary}"
        return [
            Passage(id=passage_id(e), title=e.title, text=e.lesson).model_dump()
            for e in find_passages(self._knowledge, about, PASSAGES, self._until)
        ]

    def remember(self, candidate: Candidate, ascent: Ascent, lesson: str) -> None:
        """Write a candidate with its end into the knowledge base, and the attempts that it was
        fixed from; a duplicate is known already, and without source there is nothing to know."""
        self._knowledge.record_all(map(self._attempt, self._fixed_from(candidate)))
        if ascent.end is End.DUPLICATE or not candidate.source:
            return
        rung, shown = highest(ascent.rungs)
        self._knowledge.record(
            Entry(
                run=self._journal.paths.name,
                candidate=candidate.id,
                task=self._task,
                title=candidate.title,
                source=candidate.source,
                recipe=candidate.recipe.to_json(),
                fingerprint=candidate.fingerprint,
                family=_family(candidate.source),
                metric=self._spec.metric.name,
                score=shown.score if shown else None,
                baseline=self._floors[rung].mean if shown else None,
                gain=shown.gain if shown else None,
                parameters=candidate.parameters,
                end=ascent.end,
                reason=ascent.reason,
                lesson=lesson,
            )
        )

    def _fixed_from(self, candidate: Candidate) -> list[sqlite3.Row]:
        return self._journal.query(
            "SELECT * FROM candidates WHERE sequence BETWEEN ? AND ? AND reason LIKE ? "
            "ORDER BY sequence",
            *(1000 * candidate.number, candidate.sequence - 1, f"%{MARK}"),
        )

    def _attempt(self, row: sqlite3.Row) -> Entry:
        """An attempt that failed its checks, for the next run's debugger."""
        return Entry(
            run=self._journal.paths.name,
            candidate=row["id"],
            task=self._task,
            title=row["title"],
            source=row["source"],
            recipe=json.loads(row["recipe"]),
            fingerprint=Fingerprint(row["text"] or "", row["tree"] or "", row["graph"] or ""),
            family=_family(row["source"]),
            metric=self._spec.metric.name,
            parameters=row["parameters"] or 0,
            end=End.INVALID,
            reason=row["reason"],
        )


PREFIX = "known:"


def _family(source: str) -> str:
    """The family of a candidate; what is no Python has none."""
    try:
        return family(source)
    except SourceError:
        return ""


def as_work(example: Example) -> Work:
    """An entry of the knowledge base as the roles are shown it."""
    return Work(
        id=f"{PREFIX}{example.id}",
        title=example.title,
        source=example.source,
        score=example.score,
        gain=example.gain,
        parameters=example.parameters,
    )


def known_work(knowledge: Knowledge, key: str) -> Work:
    """The work behind the id that an entry of the knowledge base goes by in a run."""
    return as_work(knowledge.example(int(key.removeprefix(PREFIX))))
