"""What a search asks for. A policy proposes and is told candidates; whoever asked evaluates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from archwright.core import Array, Candidate, Json
from archwright.search.predict.surrogate import Confidence


@dataclass(frozen=True, slots=True)
class Choice:
    """Parents (ids; none for a draft), the operator to apply to them, the seed of its draw, the
    rung to start at (the least budget that may tell how good it is), and where the aim is the
    smallest how many parameters it shall have at most."""

    operator: str
    parents: tuple[str, ...]
    seed: int
    rung: int = 0
    target: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What a choice would lead to, as far as that can be known before anything is spent.

    `key` is equal for equal candidates; `features` is `(d,)`, of the same d for all of a space;
    `family` is the coarse kind.
    """

    key: str
    features: Array
    parameters: int = 0
    family: str = ""


class Space(Protocol):
    """What can be proposed: operators by name with the parents that each needs (0 is a draft)."""

    @property
    def operators(self) -> Mapping[str, int]: ...

    @property
    def previews(self) -> int:
        """How many proposals may be previewed for one choice; 0 where none can be."""
        ...

    def show(self, candidate: Candidate) -> Preview | None:
        """From now on a candidate can be a parent. The proposal that it was; None where nothing
        can be known of it."""
        ...

    def preview(self, choice: Choice) -> Preview | None:
        """The proposal that a choice leads to; None where that cannot be known, or nothing comes
        of it."""
        ...


class Policy(Protocol):
    """Chooses what to try next: a function of the seed, the numbers asked and the results told.

    Results are told in the order of their numbers; several may be asked for before one is told.
    """

    def ask(self, number: int) -> Choice:
        """What candidate `number` is to be. Its parents are among the results told."""
        ...

    def tell(self, candidate: Candidate) -> None:
        """A candidate has ended. One without a gain was not measured: it failed, or it was a
        repetition that cost nothing."""
        ...

    def best(self) -> str | None:
        """The id of what it holds to be the best so far; None before anything was measured."""
        ...

    def confidence(self) -> Confidence | None:
        """How well its surrogate predicts; None where it has none."""
        ...

    def expect(self, preview: Preview) -> float | None:
        """The logarithm of the improvement that it expects of a proposal: larger is better, among
        proposals of the same moment; None where it knows too little."""
        ...

    def state(self) -> dict[str, Any]:
        """What it has learned beside the results, as JSON. It stays small however long the run."""
        ...

    def restore(self, state: Json, results: Sequence[Candidate]) -> None:
        """Go on from `state` with the results that had been told by then, in order.

        Raises:
            ValueError: the state is not of this policy, or of other results.
        """
        ...
