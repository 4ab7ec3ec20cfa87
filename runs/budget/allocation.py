"""How a run's budget is allocated: how much it may still spend, with what is in flight counted.

A candidate starts with a grant: how many trainings it may use at most, and which results it sees.
Where trainings alone bound a run, both are a function of ended candidates, never of timing. With
time and money they are not: so each grant is in the journal, and a resumed run gives the same ones.

Trainings end in any order. So that a run is the same however its processes are scheduled, killed
and resumed, a candidate sees a fixed set of results, those of all numbers up to the one that its
grant names, whatever else has ended by then. Where a run is not the same anyway, as models propose,
or where many workers would wait for the slowest, it sees all that have ended; its grant names those
that have not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final, overload

import numpy as np

from archwright.core.settings import RunSettings
from archwright.runs.budget.plan import Share
from archwright.runs.budget.progress import EndedCandidates, Grant, Progress
from archwright.runs.journal import Journal

USUAL: Final = 2.0
PRIOR: Final = 8
"""What a candidate is expected to use before any has ended, and how many results that counts as."""


def record_grant(journal: Journal, grant: Grant) -> None:
    """Write a grant down; a second time changes nothing."""
    given = {"sees": grant.sees, "trials": grant.trials, "without": list(grant.without)}
    journal.once("grant", str(grant.number), str(grant.number), {}, lambda: given)


class Grants(Sequence[Grant]):
    """The grants that a journal held when this was made, by number from 1: each is read when it is
    asked for, as each names all that were under way."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._count = journal.count_steps("grant")

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Grant: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Grant]: ...
    def __getitem__(self, index: int | slice) -> Grant | Sequence[Grant]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        number = range(1, self._count + 1)[index]
        step = self._journal.step("grant", str(number))
        assert step is not None, "numbers are granted one after the other"
        given = step.result
        return Grant(number, given["sees"], given["trials"], tuple(given.get("without", ())))


@dataclass(slots=True)
class Budget:
    """Grants candidates their start."""

    share: Share
    """What the search may spend. It is another one for each leg of a run."""
    most: int
    """Most trainings that one candidate can use."""
    lag: int
    """Most candidates under way at once."""
    patience: int
    """Candidates in a row that were not trained before the search is exhausted."""
    progress: Progress
    """What has ended."""
    seconds_left: Callable[[EndedCandidates, int], float] | None
    """Wall time left for one more candidate, given those that have ended and how many are under
    way; None without a limit."""
    may_begin: Callable[[int, int], bool] | None = None
    """Whether candidate `number` may begin, given how many are under way, however many trainings
    are left; None: it may."""
    earlier: Sequence[Grant] = ()
    """The grants of earlier sessions, which hold whatever the limits say now."""
    last: int | None = None
    """The number at which the leg had ended in an earlier session, None where it had not."""
    fresh: bool = False
    """Whether a candidate sees all that has ended by now; else it sees as much whatever the timing,
    so that the same seed gives the same candidates."""
    enough: int | None = None
    """Trainings that a candidate starts with where it would wait for more; None is all that it can
    use."""
    expecting: bool = False
    """Whether what candidates under way use is expected, by those that have ended. Else each is
    kept what it can use at most, and its end is waited for where that is too much. Expected too
    little, more of them begin than the trainings suffice for: something else must see to it that
    none is begun too many."""
    _reserved: list[int] = field(default_factory=list, init=False)
    """By number; 0 for what is not of this leg."""

    @property
    def _least(self) -> int:
        return self.most if self.enough is None else self.enough

    def grant(self, number: int) -> Grant | None:
        """The grant of the next candidate, None when the budget of the search is spent or nothing
        new is proposed any more.

        Waits for the results that it must see. A candidate gets all that it can need. Where less is
        left than all who may be under way could need, it gets its share of that, but no less than
        is enough: it waits for those before it to end, in order, and for what they give back. The
        last one of a search may have to do with less.

        Raises:
            Stopped: the run was asked to stop.
        """
        if self.last is not None and number > self.last:
            return None
        if number <= len(self.earlier):
            earlier = self.earlier[number - 1]
            self.progress.seen(earlier)
            grant: Grant | None = earlier
        else:
            grant = self._decide(number)
        if grant is not None:
            self._reserved += [0] * (number + 1 - len(self._reserved))
            self._reserved[number] = grant.trials
        return grant

    def settle(self, grant: Grant, need: int) -> None:
        """A candidate needs so many trainings at most, now that it is known where it starts: what
        was reserved above that is free for others."""
        self._reserved[grant.number] = min(grant.trials, need)

    def room(self, grant: Grant) -> int:
        """Candidates that what is free has room for, this one included: each is taken to use two
        trainings."""
        free = self.share.free(self.progress.seen(grant))
        if free is None:
            return self.most
        others = (self._reserved[n] for n in grant.under_way)
        return max(1, (free - sum(min(2, trials) for trials in others)) // 2)

    def _decide(self, number: int) -> Grant | None:
        for grant in self._views(number):
            ended, under_way = self.progress.seen(grant), len(grant.under_way)
            if len(ended) >= self.patience and not ended.trials[-self.patience :].any():
                return None
            if self.seconds_left is not None and self.seconds_left(ended, under_way) <= 0:
                continue
            left = self.share.free(ended)
            free = self.most if left is None else left - self._kept(grant, ended)
            if free < (1 if self.expecting else self._least) and (under_way or free <= 0):
                continue
            if self.may_begin is None or self.may_begin(number, under_way):
                return replace(grant, trials=min(free, self._wanted(left)))
        return None

    def _views(self, number: int) -> Iterator[Grant]:
        """What the candidate may see, each time more, until nothing is under way before it."""
        if not self.fresh:
            for sees in range(max(self.share.since, number - self.lag), number):
                yield Grant(number, sees, 0)
            return
        seen = -1
        while seen < number - 1:
            least = max(seen + 1, number - self.lag)
            sees, without = self.progress.wait_for_more(least)
            seen = sees - len(without)
            yield Grant(number, sees, 0, without)

    def _wanted(self, left: int | None) -> int:
        """All that a candidate can use, or near the end its share of what is left: those that have
        ended behind one that has not keep theirs."""
        if left is None or self.expecting:
            return self.most
        return min(self.most, max(self._least, left // self.lag))

    def _kept(self, grant: Grant, ended: EndedCandidates) -> int:
        """What is kept for those under way."""
        reserved = [self._reserved[n] for n in grant.under_way]
        if not self.expecting:
            return sum(reserved)
        known = ended.since(self.share.since)
        mean = (PRIOR * USUAL + known.used) / (PRIOR + len(known))
        return ceil(float(np.minimum(mean, reserved).sum()))


def allowance(settings: RunSettings, journal: Journal) -> Callable[[int, int], bool]:
    """`may_begin(number, under_way)`: whether another candidate fits the limit of candidates, and
    where models alone propose those of money and tokens, when it and those under way cost what one
    cost so far on average.
    """

    def may_begin(number: int, under_way: int) -> bool:
        if settings.max_candidates is not None and number > settings.max_candidates:
            return False
        if settings.model_share != 1:
            return True  # The symbolic engine goes on where the money ends.
        spent = journal.spend()
        share = (1 + under_way) / max(1, number - 1 - under_way)
        return _fits(spent.usd, share, settings.max_usd) and _fits(
            spent.tokens, share, settings.max_tokens
        )

    return may_begin


def _fits(spent: float, share: float, limit: float | None) -> bool:
    return limit is None or (spent < limit and spent * (1 + share) <= limit) or spent == 0
