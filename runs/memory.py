"""What a run takes from the knowledge base, and what it gives back."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, count, islice, takewhile
from textwrap import shorten
from typing import Any, Final, NamedTuple

from archwright.agents.backends.opening import REPLAY
from archwright.agents.memo import Memo
from archwright.agents.questions import Passage, PastRepair, ShownCandidate
from archwright.core import (
    CONTROL,
    TRAINED_STATUSES,
    Candidate,
    CandidateStatus,
    Fingerprint,
    Json,
    Measurement,
    SourceError,
    TaskSpec,
    Verdict,
    is_bundle,
    next_id,
    sequence_of,
)
from archwright.knowledge.entries import Entry, Match
from archwright.knowledge.notes.shelf import domain_of, find_notes
from archwright.knowledge.retrieval import find_passages, passage_id
from archwright.knowledge.store import Knowledge
from archwright.runs.budget.pace import is_out_of_time
from archwright.runs.context import Campaign, RunContext
from archwright.runs.journal import CLAIM
from archwright.runs.lessons import lesson_of
from archwright.search import mixers
from archwright.search.policies import Choice
from archwright.source.fingerprint import family

INHERITED: Final = 3
LESSONS: Final = 5
WARNINGS: Final = 3
REJECTIONS: Final = 2
PASSAGES: Final = 3
NOTES: Final = 2
"""Notes of the shelf that a proposal is shown, beside passages of papers."""
REPAIRS: Final = 2
"""Past repairs that the debugger is shown."""
SEARCHED: Final = 500
"""Failures that are searched for one like the one in question."""
DIFF_LINES: Final = 60
REPAIRED: Final = "; repaired"
"""After the reason of an attempt that failed its checks and was repaired."""
MEMO: Final = "memo/"
"""Before the number of a finding, where the knowledge base speaks of it."""
PREFIX: Final = "known:"
"""Before the id of an entry of the knowledge base, where a run speaks of it."""
_UNKNOWN: Final = (
    CandidateStatus.DUPLICATE,
    CandidateStatus.UNMEASURED,
    CandidateStatus.DROPPED,
)
_MODULE: Final = re.compile(r"\bnn\.([A-Z]\w+)")


class Retrieved(NamedTuple):
    """What was retrieved for one question."""

    examples: tuple[ShownCandidate, ...] = ()
    lessons: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    warnings: tuple[str, ...] = ()


class Memory:
    """A run's view of the knowledge base: what was known when it began, and no later entry."""

    def __init__(self, context: RunContext, knowledge: Knowledge) -> None:
        self._context = context
        self._spec = context.spec
        self._knowledge = knowledge
        self._task = context.facts.task_key
        self._until = context.facts.known_until
        self._inherited: tuple[Candidate, ...] | None = None

    def inherited(self) -> tuple[Candidate, ...]:
        """The best of earlier runs on this task: they can be parents."""

        def read() -> dict[str, Any]:
            known = self._examples(INHERITED, self._spec.baseline)
            own = (entry for entry in known if entry.task == self._task)
            return {"examples": [self._comparable(entry).model_dump() for entry in own]}

        if self._inherited is None:
            found = self._context.journal.once("retrieve", "inherited", "", {}, read)
            works = (ShownCandidate(**e) for e in found["examples"])
            rungs = self._spec.rungs
            self._inherited = tuple(_candidate(work, rungs) for work in works)
        return self._inherited

    def _comparable(self, entry: Entry) -> ShownCandidate:
        """A work to start from, measured at a number of steps only where that compares with what is
        trained here: gains are over the baseline of the same seed, whose score another kind of
        machine changes."""
        work, here = as_work(entry), self._context.facts.machine
        is_alike = not entry.machine or not here or entry.machine == here
        return work if is_alike else work.model_copy(update={"steps": 0})

    def _examples(self, count: int, source: str) -> list[Entry]:
        """What is known that was good; a script is no example for an architecture, nor for a script
        of other files."""
        found = self._knowledge.examples(self._task, count, source, until=self._until)
        if self._spec.problem.script is not None:
            return [example for example in found if example.task == self._task]
        return [example for example in found if not is_bundle(example.source)]

    def retrieve(self, number: int, choice: Choice, campaign: Campaign) -> Retrieved:
        """Examples (chosen for quality and diversity), lessons, failures of earlier runs and
        passages of papers and notes that bear on the first parent; none of any for the control arm.

        Read once per number; the journal answers from then on.
        """
        if choice.operator == CONTROL:
            return Retrieved()
        near = campaign.known[choice.parents[0]] if choice.parents else campaign.baseline

        def read() -> dict[str, Any]:
            examples = self._examples(self._context.settings.examples, near.source)
            lessons = self._knowledge.lessons(self._task, near.title, LESSONS, until=self._until)
            return {
                "examples": [as_work(e).model_dump() for e in examples],
                "lessons": lessons,
                "passages": self._passages(near, number),
                "warnings": self._warnings(near),
            }

        found = self._context.journal.once("retrieve", str(number), "", {}, read)
        return Retrieved(
            examples=tuple(ShownCandidate(**e) for e in found["examples"]),
            lessons=tuple(found["lessons"]),
            passages=tuple(Passage(**p) for p in found.get("passages", ())),
            warnings=tuple(found.get("warnings", ())),
        )

    def _warnings(self, near: Candidate) -> list[str]:
        """Failures of this task whose code is like that of a work, and rejected decisions that
        bear on it, one line each."""
        failed = self._knowledge.warnings(self._task, near.source, WARNINGS, until=self._until)
        words = about(near, self._spec)
        rejected = self._knowledge.rejections(self._task, words, REJECTIONS, until=self._until)
        return [
            *(f"{m.title}: ended {m.end} ({m.reason})" for m in failed),
            *(
                f"{e.title}: decided against ({e.candidate}: {shorten(e.lesson, 300)})"
                for e in rejected
            ),
        ]

    def _passages(self, near: Candidate, number: int) -> list[dict[str, Any]]:
        """What papers say that bears on a work, then what notes do, others with each number."""
        words, domain = about(near, self._spec), domain_of(self._spec.problem)
        found = [
            *find_passages(self._knowledge, words, PASSAGES, self._until),
            *find_notes(self._knowledge, words, domain, NOTES, number - 1, self._until),
        ]
        shown = [
            Passage(id=passage_id(e), title=e.title, text=e.lesson, code=e.source) for e in found
        ]
        if self._spec.problem.any_length:
            shown.append(mixer_passage(number - 1))
        return [passage.model_dump() for passage in shown]

    # --- what failed before ---------------------------------------------------------------------

    def match(self, print_: Fingerprint) -> Match | None:
        """What earlier runs on this task know to be the same; the strictest match."""
        found = self._knowledge.match(self._task, print_, self._until)
        return found[0] if found else None

    def past_repairs(self, reason: str, before: int) -> tuple[PastRepair, ...]:
        """Fixes of the same kind of failure whose result passed the checks: this run's, latest
        first, then those of earlier runs.

        Args:
            reason: of the failure.
            before: the sequence of the candidate in question; only what was settled before counts.
        """
        wanted = signature(reason)
        fixes = chain(self._own_fixes(wanted, before), self._earlier_fixes(wanted))
        return tuple(islice(fixes, REPAIRS))

    def _own_fixes(self, wanted: str, before: int) -> Iterator[PastRepair]:
        journal = self._context.journal
        for failed in journal.failed_before(before, REPAIRED, SEARCHED):
            if signature(failed.reason) == wanted:
                fixed = journal.candidate(next_id(failed.id))
                check = journal.step("check", next_id(failed.id))
                if fixed is not None and check is not None and check.result["status"] == "ok":
                    yield _repair(failed.reason, failed.source, fixed.source)

    def _earlier_fixes(self, wanted: str) -> Iterator[PastRepair]:
        for failed in self._knowledge.failures(REPAIRED, SEARCHED, self._until):
            if signature(failed.reason) == wanted:
                fixed = self._knowledge.find(failed.run, next_id(failed.candidate), self._until)
                if fixed is not None and fixed.end in TRAINED_STATUSES:
                    yield _repair(failed.reason, failed.source, fixed.source)

    # --- other machines -------------------------------------------------------------------------

    def claim(self, candidate: Candidate) -> str:
        """Take a candidate up before it is trained; why it need not be, where a run on another
        machine has. The journal answers from then on."""
        context = self._context
        settings = context.settings
        # What is repeated was taken up by the run that it repeats.
        if not settings.knowledge or settings.backend.startswith(REPLAY):
            return ""

        def ask() -> Json:
            claim = self._knowledge.claim(
                self._task, candidate.fingerprint, context.run, candidate.id, candidate.title
            )
            if claim is None:
                return {"reason": ""}
            end = f"which ended {claim.status}" if claim.status else "which trains it now"
            return {"reason": f"same as {claim.run}/{claim.candidate} ({claim.title}), {end}"}

        return str(context.journal.once(CLAIM, candidate.id, candidate.id, {}, ask)["reason"])

    # --- what is given back ---------------------------------------------------------------------

    def learn(self, candidate: Candidate) -> Candidate:
        """What a candidate teaches, written down in the journal and in the knowledge base."""
        taught = replace(candidate, lesson=lesson_of(candidate, not self._spec.members))
        self._context.journal.update(taught)
        self.remember(taught)
        return taught

    def remember(self, candidate: Candidate) -> None:
        """Write a candidate as it ended into the knowledge base, and the attempts that it was
        repaired from; a duplicate is known already, of what is unmeasured, dropped or without
        source there is nothing to know. One that the budget left no time for is as new to the next
        run as it was to this one."""
        first, before = sequence_of(candidate.number), candidate.sequence - 1
        attempts = self._context.journal.candidates(first, before) if candidate.attempt else []
        self._knowledge.record_all(self._entry(c) for c in attempts if c.reason.endswith(REPAIRED))
        known = candidate.status in _UNKNOWN or is_out_of_time(candidate)
        if candidate.source and not known:
            self._knowledge.record(self._entry(candidate))
        status = "" if known else str(candidate.status)
        self._knowledge.settle(self._context.run, candidate.id, status)

    def remember_memo(self, memo: Memo) -> None:
        """Write down what a search has shown, a lesson a finding with its evidence. A finding that
        is no longer there is taken back."""
        lines = [f.to_line(self._spec.metric.unit) for f in memo.findings]
        known = (self._knowledge.find(self._context.run, f"{MEMO}{n}") for n in count(1))
        kept = sum(1 for _ in takewhile(lambda entry: entry is not None, known))
        lines += [""] * (kept - len(lines))
        self._knowledge.record_all(
            Entry(
                run=self._context.run,
                candidate=f"{MEMO}{number}",
                task=self._task,
                kind="lesson",
                title="what the search has shown",
                metric=self._spec.metric.name,
                lesson=line,
            )
            for number, line in enumerate(lines, start=1)
        )

    def remember_verdict(self, id_: str) -> None:
        """Write down what verification found of a candidate."""
        candidate = self._context.journal.candidate(id_)
        if candidate is not None:
            self._knowledge.record(self._entry(candidate))

    def _entry(self, candidate: Candidate) -> Entry:
        """As the search measured it; once it was verified, by its gain on fresh seeds."""
        shown, rung = candidate.measured, candidate.rung
        floor = None if rung is None else self._context.floors[rung]
        verdict = self._verdict(candidate.id)
        gain = shown.gain if shown else None
        aimed = verdict is not None and verdict.aim is not None
        if verdict is not None and verdict.effect is not None and floor is not None and not aimed:
            gain = (verdict.effect if verdict.shrunk is None else verdict.shrunk) / floor.sd
        return Entry(
            run=self._context.run,
            candidate=candidate.id,
            task=self._task,
            title=candidate.title,
            source=candidate.source,
            recipe=candidate.recipe.to_json(),
            fingerprint=candidate.fingerprint,
            family=_family(candidate.source),
            metric=self._spec.metric.name,
            score=shown.score if shown else None,
            baseline=floor.mean if floor else None,
            gain=gain,
            steps=floor.steps if floor else 0,
            machine=self._machine(candidate.id),
            # At the floor of a cost is no gain over the baseline, which later runs start from.
            verdict=verdict.verdict if verdict and not aimed else "",
            parameters=candidate.parameters,
            end=candidate.status,
            reason=candidate.reason,
            lesson=candidate.lesson,
        )

    def _machine(self, id_: str) -> str:
        """The kind of machine that the search measured a candidate on: a run that is resumed
        elsewhere keeps what it knew."""
        known = self._knowledge.find(self._context.run, id_)
        return (known.machine if known else "") or self._context.facts.machine

    def _verdict(self, id_: str) -> Verdict | None:
        """The verdict on a candidate, where trainings on fresh seeds were compared for it."""
        given = (v for v in self._context.journal.verdicts() if v.candidate == id_)
        return next((v for v in given if v.comparisons), None)


def about(near: Candidate, spec: TaskSpec) -> str:
    """An architecture in words: its title, the modules of its source, and the task."""
    return f"{near.title} {' '.join(_MODULE.findall(near.source))} {spec.summary}"


def _family(source: str) -> str:
    """The family of a candidate, "" where its source is not valid Python."""
    try:
        return family(source)
    except SourceError:
        return ""


def mixer_passage(turn: int) -> Passage:
    """A published mixer with its source, another with each turn."""
    name = mixers.names()[turn % len(mixers.names())]
    made = mixers.reference(name)
    text = f"{made.idea}\n\nSource: {made.citation}."
    return Passage(id=f"mixer/{name}", title=made.title, text=text, code=mixers.source(name))


def as_work(example: Entry) -> ShownCandidate:
    """An entry of the knowledge base as the roles are shown it."""
    return ShownCandidate(
        id=f"{PREFIX}{example.id}",
        title=example.title,
        source=example.source,
        score=example.score,
        gain=example.gain,
        parameters=example.parameters,
        steps=example.steps,
    )


def _candidate(work: ShownCandidate, rungs: Sequence[int]) -> Candidate:
    """What an earlier run found, as something to start from; measured at one of `rungs` where it
    was trained for as many steps."""
    shown = {}
    if work.score is not None and work.steps in rungs:
        shown[rungs.index(work.steps)] = Measurement(work.score, work.gain)
    return Candidate(work.id, work.title, work.source, parameters=work.parameters, rungs=shown)


def known_candidate(knowledge: Knowledge, key: str, rungs: Sequence[int]) -> Candidate:
    """The architecture behind the id that an entry of the knowledge base goes by in a run, with
    what it showed at one of `rungs`."""
    return _candidate(as_work(knowledge.example(int(key.removeprefix(PREFIX)))), rungs)


def signature(reason: str) -> str:
    """What failures of one kind have in common: the words without names and numbers."""
    words = reason.removesuffix(REPAIRED).lower()
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", words)
    return " ".join(re.sub(r"[\d.,]*\d|\([\d, #]*\)", "#", words).split())


def _repair(reason: str, old: str, new: str) -> PastRepair:
    return PastRepair(error=reason.removesuffix(REPAIRED), diff=_diff(old, new))


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "", "", lineterm="", n=2))
    return "\n".join(lines[2 : 2 + DIFF_LINES])
