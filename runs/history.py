"""What a search has seen so far. It only grows at its end, so that whoever looks at it as it stood
at a moment needs no copy of it; of a very long search the best and the latest are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest
from itertools import chain, islice
from operator import attrgetter
from typing import Final, overload

from archwright.core import Candidate

MOST_KNOWN: Final = 4_000
"""Candidates that choices know at once."""
KEPT: Final = 1 / 4
"""Where there are more, such a share of them are kept as the best, and one as the latest."""


class Prefix(Sequence[Candidate]):
    """The first of a list that others append to."""

    def __init__(self, items: list[Candidate], count: int) -> None:
        self._items = items
        self._count = count

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(index, slice):
            return [self._items[i] for i in range(*index.indices(self._count))]
        return self._items[range(self._count)[index]]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Candidate]:
        return islice(self._items, self._count)

    def __reversed__(self) -> Iterator[Candidate]:
        return (self._items[place] for place in range(self._count - 1, -1, -1))


class KnownById(Mapping[str, Candidate]):
    """What was there from the start, and then what was seen, by id.

    Args:
        places: where in `seen` a candidate is; it may know of later ones.
    """

    def __init__(
        self, first: Mapping[str, Candidate], seen: Prefix, places: Mapping[str, int]
    ) -> None:
        self._first = first
        self._seen = seen
        self._places = places

    def __getitem__(self, id_: str) -> Candidate:
        if id_ in self._first:
            return self._first[id_]
        if self._places[id_] >= len(self._seen):
            raise KeyError(id_)
        return self._seen[self._places[id_]]

    def __len__(self) -> int:
        return len(self._first) + len(self._seen)

    def __iter__(self) -> Iterator[str]:
        return chain(self._first, map(attrgetter("id"), self._seen))


class History:
    """Candidates in the order in which choices first saw them.

    Args:
        most: how many are known at once: one more, and only the best and the latest of them are
            kept. None for all.

    Attributes:
        forgotten: how often something was forgotten: whoever keeps books on candidates begins them
            anew then.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self.forgotten = 0
        self._begin()

    def _begin(self) -> None:
        # New lists: whoever looks at the old ones goes on with them.
        self._all: list[Candidate] = []
        self._own: list[Candidate] = []
        self._measured: list[Candidate] = []
        self._places: dict[str, int] = {}

    def add(self, candidate: Candidate) -> None:
        """Take in a candidate as it ended."""
        self._append(candidate)
        if self._most is not None and len(self._all) > self._most:
            self._forget(max(1, int(KEPT * self._most)))

    def _append(self, candidate: Candidate) -> None:
        self._all.append(candidate)
        # What the control arm finds stays its own, or it would be no control.
        if not candidate.is_control:
            self._places[candidate.id] = len(self._own)
            self._own.append(candidate)
            if candidate.rungs:
                self._measured.append(candidate)

    def _forget(self, count: int) -> None:
        """Keep so many of the best and of the latest, in their order."""
        best = nlargest(count, self._measured, key=attrgetter("fitness"))
        ids = {c.id for c in chain(best, self._all[-count:])}
        kept = [c for c in self._all if c.id in ids]
        self._begin()
        for candidate in kept:
            self._append(candidate)
        self.forgotten += 1

    def all(self) -> Sequence[Candidate]:
        """All of them, as of now."""
        return Prefix(self._all, len(self._all))

    def known(self, first: Mapping[str, Candidate]) -> KnownById:
        """`first`, and all but the control arm's, as of now."""
        return KnownById(first, Prefix(self._own, len(self._own)), self._places)

    def measured(self) -> Sequence[Candidate]:
        """Those that were measured, but for the control arm's, as of now."""
        return Prefix(self._measured, len(self._measured))
