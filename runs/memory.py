"""What a run takes from the knowledge base, and what it gives back."""

from __future__ import annotations

from typing import Any

from archwright.agents.questions import Work
from archwright.domain import End, SourceError, TaskSpec
from archwright.knowledge.entries import Entry, Example
from archwright.knowledge.store import Knowledge
from archwright.runs.candidates import Candidate
from archwright.runs.climbing import Ascent
from archwright.runs.journal import Journal
from archwright.runs.noise import Floor
from archwright.search.family import family

LESSONS = 5


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
        if self._inherited is None:
            self._inherited, _ = self.retrieve("inherited", None)
        return self._inherited

    def retrieve(
        self, key: str, near: Work | None, blank: bool = False
    ) -> tuple[tuple[Work, ...], tuple[str, ...]]:
        """Examples (chosen for quality and diversity) and lessons that bear on a work; none of
        either with `blank`.

        Read once per `key`; the journal answers from then on.
        """

        if blank:
            return (), ()

        def read() -> dict[str, Any]:
            source = near.source if near else self._spec.baseline
            words = near.title if near else self._spec.summary
            examples = self._knowledge.examples(self._task, self._count, source, until=self._until)
            if near is None:
                examples = [e for e in examples if e.task == self._task]
            lessons = self._knowledge.lessons(self._task, words, LESSONS, until=self._until)
            works = [_as_work(e).model_dump() for e in examples]
            return {"examples": works, "lessons": lessons}

        found = self._journal.once("retrieve", key, "", {}, read)
        return tuple(Work(**e) for e in found["examples"]), tuple(found["lessons"])

    def remember(self, candidate: Candidate, ascent: Ascent, lesson: str) -> None:
        """Write a candidate with its end into the knowledge base; a duplicate is known already,
        and without source there is nothing to know."""
        if ascent.end is End.DUPLICATE or not candidate.source:
            return
        top = len(ascent.rungs) - 1
        shown = ascent.rungs[-1] if ascent.rungs else None
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
                baseline=self._floors[top].mean if shown else None,
                gain=shown.gain if shown else None,
                parameters=candidate.parameters,
                end=ascent.end,
                reason=ascent.reason,
                lesson=lesson,
            )
        )


PREFIX = "known:"


def _family(source: str) -> str:
    """The family of a candidate; what is no Python has none."""
    try:
        return family(source)
    except SourceError:
        return ""


def _as_work(example: Example) -> Work:
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
    return _as_work(knowledge.example(int(key.removeprefix(PREFIX))))
