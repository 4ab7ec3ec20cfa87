"""Who proposes the candidate of a number: the symbolic engine, or an answer of a model that several
numbers share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final

from archwright.agents.backends.meter import BudgetSpentError
from archwright.agents.memo import Memo
from archwright.agents.proposers import Proposal, Proposer, Refusal, Screen
from archwright.core import PERSON, AnswerError, BackendError, Candidate, CandidateStatus
from archwright.runs.budget.progress import Progress
from archwright.runs.context import Campaign, RunContext
from archwright.runs.guiding import seeds_of
from archwright.runs.proposing.arms import Arms
from archwright.runs.proposing.memos import Memos
from archwright.runs.proposing.viewing import Viewer
from archwright.runs.results.memo import memo_text
from archwright.runs.screening import Desk, Screening
from archwright.runs.steering import Move, is_control

LEAD: Final = 1.5
"""Times as long as the last answer took, that the next one is asked for ahead of its use."""
LAST: Final = 4
"""Results since the last memo for which it is written once more at the end of a search."""
NO_BUDGET: Final = "the budget ended before its turn"
FEWER: Final = "the model proposed less than it was asked for"
UNUSABLE: Final = 3
"""Answers in a row without a usable proposal that end the asking."""


@dataclass(slots=True)
class _Block:
    """The numbers that share an answer, and the desks where its proposals go."""

    numbers: tuple[int, ...]
    campaign: Campaign
    after: threading.Event | None
    """Set once the answer before it is there: a question shows what was proposed by then."""
    desks: tuple[Desk, ...] = ()
    ready: threading.Event = field(default_factory=threading.Event)
    taken: int = 0
    """Of its numbers; with the last of them it is let go."""


class Proposing:
    """Comes to a candidate for each number, with the proposer whose turn it is.

    Args:
        symbolic: proposes where no model is asked, and for the control arm.
        model: proposes several at once; None where no model takes part.
        drains: seconds until what waits for a training has had its turn.
        extra: trainings that a model used before it answered, by the first number of its answer;
            they count as that number's.
    """

    def __init__(
        self,
        context: RunContext,
        viewer: Viewer,
        screening: Screening,
        symbolic: Proposer,
        model: Proposer | None,
        memos: Memos,
        arms: Arms,
        progress: Progress,
        drains: Callable[[], float],
        extra: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self._context = context
        self._viewer = viewer
        self._screening = screening
        self._symbolic = symbolic
        self._model = model
        self._memos = memos
        self._arms = arms
        self._progress = progress
        self._drains = drains
        self._extra = extra
        self._answers_in = 0.0
        self._blocks: dict[int, _Block] = {}
        self._lock = threading.Lock()
        self._unusable = 0

    def begin(self, number: int, move: Move, campaign: Campaign) -> None:
        """Take a number up, in their order: the first of those that share an answer says what the
        question may show."""
        if move.is_for_model and move.first == number:
            share = self._context.settings.control
            numbers = (n for n in count(number) if not is_control(n, share))
            with self._lock:
                before = list(self._blocks.values())[-1:]
                after = before[0].ready if before else None
                self._blocks[number] = _Block(tuple(islice(numbers, move.count)), campaign, after)

    def propose(self, number: int, move: Move, campaign: Campaign) -> Candidate:
        """The number's candidate: open when it is to be trained, else as it ended.

        All that calls a model or the sandbox is done beside other numbers.
        """
        if move.arm == PERSON:
            candidate: Candidate | None = self._by_person(number, move, campaign)
        else:
            candidate = self._by_model(number, move) if move.is_for_model else None
        if candidate is None and move.is_for_model and self._is_alone:
            desk = self._blocks[move.first].desks[move.place]
            candidate = desk.give_up("no idea", FEWER)
        if move.is_for_model:
            self._take(move.first)
        if candidate is None:
            question = self._viewer.for_one(number, move, campaign)
            desk = Desk(self._screening, number, question, self._symbolic.name)
            self._symbolic.propose(question, _single(desk))
            candidate = desk.candidate or desk.give_up("no idea", "nothing was proposed")
        return self._screening.admit(candidate)

    def _take(self, first: int) -> None:
        """A number of a model's answer has its candidate; who has all lets go of what was shown."""
        with self._lock:
            block = self._blocks[first]
            block.taken += 1
            if block.taken == len(block.numbers):
                del self._blocks[first]

    def _by_person(self, number: int, move: Move, campaign: Campaign) -> Candidate | None:
        """A person's own architecture."""
        question = self._viewer.for_one(number, move, campaign)
        desk = Desk(self._screening, number, question, PERSON)
        name, source = seeds_of(self._context.journal, move.words)[move.seed or 0]
        desk.screen(Proposal(title=name, source=source, operator="draft"))
        return desk.candidate

    def end(self, number: int) -> Memo:
        """The search has ended with a number: what was asked for beyond it is dropped. The memo, as
        of now."""
        self._drop_after(number)
        return self._memos.upto_date(least=LAST)

    def _drop_after(self, number: int) -> None:
        """Give up what was proposed for numbers that the budget did not come to."""
        desks = (desk for block in self._blocks.values() for desk in block.desks)
        for candidate in (desk.candidate for desk in desks if desk.candidate is not None):
            if candidate.number > number and candidate.status is CandidateStatus.OPEN:
                self._screening.end(candidate, CandidateStatus.DROPPED, NO_BUDGET)

    # --- a model's answer -----------------------------------------------------------------------

    def _by_model(self, number: int, move: Move) -> Candidate | None:
        """What the answer that a number shares brought it; None where it brought nothing."""
        block = self._blocks[move.first]
        if number == move.first:
            if block.after is not None:
                self._progress.wait(block.after.is_set)
            # As late as the slots allow: the later it is asked, the more it is shown.
            while self._drains() > LEAD * self._answers_in:
                self._progress.pause()
            self._ask(block, move)
            # Where it fails the others get the error, by `Progress.fail`: they are not to go on.
            block.ready.set()
            # For the next question, while what was just proposed is trained.
            self._memos.upto_date()
        self._progress.wait(block.ready.is_set)
        return block.desks[move.place].candidate if block.desks else None

    def _ask(self, block: _Block, move: Move) -> None:
        if self._model is None or not self._arms.are_models_asked:
            return
        first, began = block.numbers[0], time.monotonic()
        try:
            memo = memo_text(self._context.journal)
            question = self._viewer.for_many(first, move, block.campaign, memo)
            block.desks = tuple(
                Desk(self._screening, n, question, self._model.name, explains=True)
                for n in block.numbers
            )
            self._model.propose(question, _several(block.desks))
            block.desks[0].charge(self._extra(first))
            self._unusable = 0
            self._answers_in = time.monotonic() - began
        except BudgetSpentError as error:
            if not self._is_alone:
                self._arms.end_models(str(error))
        except AnswerError as error:
            self._count_unusable(block, str(error))
        except BackendError as error:
            if not self._has_worked() or self._is_alone:
                raise
            self._arms.end_models(str(error))

    @property
    def _is_alone(self) -> bool:
        """Whether models alone propose: nobody stands in for them."""
        settings = self._context.settings
        return settings.model_share == 1 and settings.fallback != "symbolic"

    def _count_unusable(self, block: _Block, reason: str) -> None:
        """Record an answer that nothing could be made of. One cause that meets every question is
        not paid for again and again."""
        self._unusable += 1
        if self._context.settings.fallback != "symbolic":
            for desk in block.desks if self._is_alone else block.desks[:1]:
                if desk.candidate is None:
                    desk.give_up("no idea", reason)
        if self._unusable < UNUSABLE:
            return
        words = f"the model gave no usable answer {self._unusable} times in a row ({reason})"
        if not self._has_worked() or self._is_alone:
            raise BackendError(f"{words}: fix the cause, or name another model")
        self._arms.end_models(words)

    def _has_worked(self) -> bool:
        """Whether a model ever proposed a candidate of this run."""
        return any(c.call and c.source for c in self._context.journal.each_candidate())


def _single(desk: Desk) -> Screen:
    return lambda _, proposal: desk.screen(proposal)


def _several(desks: Sequence[Desk]) -> Screen:
    def screen(place: int, proposal: Proposal) -> Refusal | None:
        return desks[place].screen(proposal)

    return screen
