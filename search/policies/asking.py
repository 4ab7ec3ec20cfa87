"""What all policies share: the results told, a random generator for each number, state."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

from archwright.core import Candidate, CandidateStatus, Json
from archwright.search.policies.outlook import Outlook
from archwright.search.policies.protocol import Choice, Preview, Space
from archwright.search.predict.surrogate import Confidence


class Known:
    """Candidates by id, in the order in which they came, and by fitness."""

    def __init__(self) -> None:
        self.all: list[Candidate] = []
        self.by_id: dict[str, Candidate] = {}
        self.proposals: dict[str, Preview] = {}
        """What is known of them, by id."""
        self.keys: set[str] = set()
        self.measured: list[Candidate] = []
        """In the order in which they came."""
        self.ranked: list[Candidate] = []
        """Measured ones, the best first; of equals the one that came first."""
        self.outlook = Outlook()
        self.broken: list[Candidate] = []
        """Those that failed."""
        self.children: dict[str, int] = {}

    def add(self, candidate: Candidate, proposal: Preview | None) -> bool:
        """Take in a candidate that has ended; False for one that was told before (as a migrant),
        which changes nothing."""
        id_ = candidate.id
        if id_ in self.by_id:
            return False
        self.all.append(candidate)
        self.by_id[id_] = candidate
        for parent in candidate.parents:
            self.children[parent] = self.children.get(parent, 0) + 1
        if proposal is not None:
            self.proposals[id_] = proposal
            self.keys.add(proposal.key)
        if candidate.gain is not None:
            self.measured.append(candidate)
            insort(self.ranked, candidate, key=_order)
            self.outlook.add(candidate)
        elif candidate.status is not CandidateStatus.DUPLICATE:
            self.broken.append(candidate)
        return True

    def family(self, candidate: Candidate) -> str:
        """The coarse kind of a candidate; empty where it is not known."""
        proposal = self.proposals.get(candidate.id)
        return proposal.family if proposal else ""

    def place(self, candidate: Candidate) -> int:
        """How many are better."""
        return bisect_left(self.ranked, _order(candidate), key=_order)

    def tournament(self, among: list[Candidate], entrants: int, rng: Random) -> Candidate:
        """The best of a few drawn at random."""
        return max(rng.sample(among, min(entrants, len(among))), key=lambda r: r.fitness)


def _order(candidate: Candidate) -> tuple[float, float]:
    rung, gain = candidate.fitness
    return -rung, -gain


class Asking:
    """A policy but for its choice. A subclass fills in `choose`, and may learn in `learn`."""

    name: ClassVar[str]

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed
        self.known = Known()

    def ask(self, number: int) -> Choice:
        """See `Policy.ask`."""
        return self.choose(Random(f"{self.seed}/{number}"))

    def choose(self, rng: Random) -> Choice:
        """The next choice, from what is known."""
        raise NotImplementedError

    def tell(self, candidate: Candidate) -> None:
        """See `Policy.tell`."""
        if self.known.add(candidate, self.space.show(candidate)):
            self.learn(candidate)

    def learn(self, candidate: Candidate) -> None:
        """Whatever a policy keeps beside the results."""

    def best(self) -> str | None:
        """The best by what was measured."""
        return self.known.ranked[0].id if self.known.ranked else None

    def confidence(self) -> Confidence | None:
        """See `Policy.confidence`."""
        return None

    def expect(self, preview: Preview) -> float | None:
        """See `Policy.expect`."""
        del preview
        return None

    def state(self) -> dict[str, Any]:
        """See `Policy.state`."""
        return {"policy": self.name, "seed": self.seed, "told": len(self.known.all)}

    def restore(self, state: Json, results: Sequence[Candidate]) -> None:
        """See `Policy.restore`. What is learned is learned again from the results."""
        if self.known.all:
            raise ValueError("only a policy that was told nothing yet can be restored")
        for candidate in results:
            self.tell(candidate)
        if self.state() != state:
            raise ValueError(f"this is not the state of {self.name} after {len(results)} results")

    # --- choices that several policies make --------------------------------------------------

    def draft(self, rng: Random) -> Choice:
        """A new architecture."""
        return Choice("draft", (), rng.getrandbits(32))

    def apply(
        self, operator: str, first: Candidate, others: Sequence[Candidate], rng: Random
    ) -> Choice:
        """An operator on a parent, with a mate from `others` where it needs one.

        It starts one rung below the one that the parent reached: the rungs under that tell near
        relatives apart badly, and cost a training like any other.
        """
        parents = [first.id]
        if self.space.operators[operator] == 2:
            parents.append(rng.choice([o.id for o in others if o.id != first.id]))
        return Choice(operator, tuple(parents), rng.getrandbits(32), max(0, (first.rung or 0) - 1))

    def operators(self, *parents: int) -> list[str]:
        """Names of the operators that need so many parents."""
        return [name for name, needed in self.space.operators.items() if needed in parents]
