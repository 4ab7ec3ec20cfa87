"""What every policy keeps to, whatever it does: one suite, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random

import numpy as np
import pytest

from archwright.core import Candidate, CandidateStatus, InputError, Measurement
from archwright.search.policies import (
    POLICIES,
    Choice,
    Policy,
    Preview,
    Space,
    open_policy,
)

LENGTH = 8
NAMES = [(name, islands) for name in POLICIES for islands in (1, 3)]


class Words:
    """Words of digits, where the higher digit is the better one: a space with a known truth."""

    operators: Mapping[str, int] = {"draft": 0, "change": 1, "reverse": 1, "recombine": 2}

    def __init__(self, previews: int = 20) -> None:
        self.previews = previews
        self.words: dict[str, tuple[int, ...]] = {}

    def make(self, choice: Choice) -> tuple[int, ...]:
        rng = Random(choice.seed)
        parents = [self.words[p] for p in choice.parents]
        match choice.operator:
            case "draft":
                return tuple(rng.randrange(5) for _ in range(LENGTH))
            case "change":
                place = rng.randrange(LENGTH)
                return (*parents[0][:place], rng.randrange(5), *parents[0][place + 1 :])
            case "reverse":
                return parents[0][::-1]
            case _:
                return tuple(rng.choice(pair) for pair in zip(*parents, strict=True))

    def show(self, candidate: Candidate) -> Preview:
        return self.describe(self.words[candidate.id])

    def preview(self, choice: Choice) -> Preview | None:
        return self.describe(self.make(choice))

    def describe(self, word: tuple[int, ...]) -> Preview:
        family = "high" if word[0] > 2 else "low"
        return Preview("".join(map(str, word)), np.array(word, float), family=family)


def evaluate(
    space: Words, number: int, choice: Choice, fails: bool = False, rung: int = 0
) -> Candidate:
    word = space.make(choice)
    space.words[str(number)] = word
    return Candidate(
        id=str(number),
        sequence=1000 * number,
        operator=choice.operator,
        parents=choice.parents,
        parameters=1 + word[0],
        rungs={} if fails else {rung: Measurement(0.0, float(sum(word)))},
        status=CandidateStatus.CRASHED if fails else CandidateStatus.TRAINED,
    )


def search(
    policy: Policy, space: Words, count: int, lag: int = 3, failing: int = 0, first: int = 1
) -> list[Candidate]:
    """As a run does it: candidate n is asked for when n - lag has been told. Each `failing`th
    candidate fails."""
    results: list[Candidate] = []
    for number in range(first, count + first):
        choice = policy.ask(number)
        results.append(evaluate(space, number, choice, bool(failing) and number % failing == 0))
        if len(results) >= lag:
            policy.tell(results[len(results) - lag])
    return results


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_a_seed_gives_the_same_search_and_another_gives_another(name: str, islands: int) -> None:
    runs = []
    for seed in (0, 0, 1):
        space = Words()
        policy = open_policy(name, space, seed, islands)
        runs.append([(r.operator, r.parents, r.gain) for r in search(policy, space, 40)])
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_parents_were_told_and_fit_the_operator(name: str, islands: int) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    for result in search(policy, space, 60, lag=4, failing=5):
        assert space.operators[result.operator] == len(result.parents)
        assert all(int(p) <= result.number - 4 for p in result.parents)
        assert len(set(result.parents)) == len(result.parents)


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_drafts_while_nothing_is_known(name: str, islands: int) -> None:
    policy = open_policy(name, Words(), 0, islands)
    assert policy.best() is None
    choices = [policy.ask(number) for number in range(1, 6)]
    assert {c.operator for c in choices} == {"draft"}
    assert len({c.seed for c in choices}) == 5


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_goes_on_where_everything_fails(name: str, islands: int) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    assert len(search(policy, space, 40, failing=1)) == 40
    assert policy.best() is None


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_a_variation_starts_one_rung_below_its_parents_and_a_draft_at_the_lowest(
    name: str, islands: int
) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    rungs = {}
    for number in range(1, 60):
        choice = policy.ask(number)
        below = max(0, rungs[choice.parents[0]] - 1) if choice.parents else 0
        assert choice.rung == below
        result = evaluate(space, number, choice, rung=number % 4)
        rungs[result.id] = number % 4
        policy.tell(result)


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_goes_on_with_one_known_architecture(name: str, islands: int) -> None:
    space = Words()
    space.words["baseline"] = (2,) * LENGTH
    policy = open_policy(name, space, 0, islands)
    policy.tell(Candidate("baseline", rungs={0: Measurement(0.0, 0.0)}))
    for number in range(1, 30):
        evaluate(space, number, policy.ask(number))
    assert policy.best() == "baseline"


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_its_state_survives_a_round_trip(name: str, islands: int) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    results = search(policy, space, 50, lag=1, failing=7)
    state = json.loads(json.dumps(policy.state()))
    other = open_policy(name, space, 0, islands)
    other.restore(state, results)
    assert [other.ask(n) for n in range(51, 60)] == [policy.ask(n) for n in range(51, 60)]
    assert other.best() == policy.best()


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_refuses_a_state_that_is_not_its_own(name: str, islands: int) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    results = search(policy, space, 20, lag=1)
    with pytest.raises(ValueError, match="not the state"):
        open_policy(name, space, 1, islands).restore(policy.state(), results)
    with pytest.raises(ValueError, match="not the state"):
        open_policy(name, space, 0, islands).restore(policy.state(), results[:-1])
    with pytest.raises(ValueError, match="told nothing"):
        policy.restore(policy.state(), results)


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_works_where_nothing_can_be_foreseen(name: str, islands: int) -> None:
    space = Words(previews=0)
    policy = open_policy(name, space, 0, islands)
    assert len(search(policy, space, 40)) == 40


@pytest.mark.parametrize("name", [n for n in POLICIES if n != "random"])
def test_it_finds_more_than_random_draws(name: str) -> None:
    def best(policy: str, seed: int) -> float:
        space = Words()
        results = search(open_policy(policy, space, seed), space, 60, lag=1)
        return max(r.gain or 0.0 for r in results)

    gains = [best(name, seed) - best("random", seed) for seed in range(8)]
    assert sum(gains) / len(gains) > 1
    assert sum(g > 0 for g in gains) >= 6


def test_there_is_no_other_policy() -> None:
    with pytest.raises(InputError, match="no policy 'best'; there are random, greedy"):
        open_policy("best", Words(), 0)


def test_a_space_is_what_the_contract_says() -> None:
    space: Space = Words()
    assert space.previews == 20


@pytest.mark.parametrize(("name", "islands"), NAMES)
def test_it_says_how_well_its_surrogate_predicts(name: str, islands: int) -> None:
    space = Words()
    policy = open_policy(name, space, 0, islands)
    search(policy, space, 45 * islands, lag=1)
    trust = policy.confidence()
    if name in ("guided", "mcts"):
        assert trust is not None
        assert trust.examples > 20
        assert trust.correlation > 0.3
        assert 0 <= trust.forest < 1
    else:
        assert trust is None
