"""What a search has seen so far. It only grows, so that whoever looks at it as it stood at a moment
needs no copy of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import overload

from archwright.core import Candidate


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
    """Candidates in the order in which choices first saw them."""

    def __init__(self) -> None:
        self._all: list[Candidate] = []
        self._own: list[Candidate] = []
        self._measured: list[Candidate] = []
        self._places: dict[str, int] = {}
        self._ids: set[str] = set()

    def add(self, candidate: Candidate) -> None:
        """Take a candidate in as it ended; what was once seen stays as it was."""
        if candidate.id in self._ids:
            return
        self._ids.add(candidate.id)
        self._all.append(candidate)
        # What the control arm finds stays its own, or it would be no control.
        if not candidate.is_control:
            self._places[candidate.id] = len(self._own)
            self._own.append(candidate)
            if candidate.rungs:
                self._measured.append(candidate)

    def all(self) -> Sequence[Candidate]:
        """All of them, as of now."""
        return Prefix(self._all, len(self._all))

    def known(self, first: Mapping[str, Candidate]) -> KnownById:
        """`first`, and all but the control arm's, as of now."""
        return KnownById(first, Prefix(self._own, len(self._own)), self._places)

    def measured(self) -> Sequence[Candidate]:
        """Those that were measured, but for the control arm's, as of now."""
        return Prefix(self._measured, len(self._measured))
