"""What is special of each policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from archwright.core import Candidate, CandidateStatus, Measurement
from archwright.search.policies.elites import Elites
from archwright.search.policies.evolution import POPULATION, Evolution
from archwright.search.policies.guided import BLIND, FRESH, PARENTS, PARTS, Guided
from archwright.search.policies.guided import DRAFTS as DRAFTED
from archwright.search.policies.islands import MIGRATION, Islands
from archwright.search.policies.protocol import Choice, Preview
from archwright.search.policies.simple import DRAFTS, Greedy
from archwright.search.policies.tree import Tree


class Line:
    """Numbers: drafts are drawn, the operators add to their parent. No features."""

    operators: Mapping[str, int] = {"draft": 0, "add": 1, "recombine": 2}
    previews = 0

    def __init__(self) -> None:
        self.families: dict[str, str] = {}

    def show(self, candidate: Candidate) -> Preview:
        return Preview(candidate.id, np.zeros(0), family=self.families.get(candidate.id, ""))

    def preview(self, choice: Choice) -> Preview | None:
        raise AssertionError(f"nothing can be previewed of {choice}")


class Plane:
    """Points of two coordinates, of which the first is what counts. All can be previewed."""

    operators: Mapping[str, int] = {"draft": 0, "redraw": 1}
    previews = 30

    def __init__(self) -> None:
        self.points: dict[str, Preview] = {}

    def show(self, candidate: Candidate) -> Preview:
        return self.points[candidate.id]

    def preview(self, choice: Choice) -> Preview | None:
        rng = Random(choice.seed)
        point = np.array([rng.random(), rng.random()])
        return Preview(str(choice.seed), point)


def result(
    number: int, gain: float | None, *parents: str, rung: int = 0, parameters: int = 0
) -> Candidate:
    return Candidate(
        id=str(number),
        sequence=1000 * number,
        operator="add" if parents else "draft",
        parents=parents,
        parameters=parameters,
        rungs={} if gain is None else {rung: Measurement(0.0, gain)},
        status=CandidateStatus.CRASHED if gain is None else CandidateStatus.TRAINED,
    )


def repetition(number: int, parent: str) -> Candidate:
    return replace(result(number, None, parent), status=CandidateStatus.DUPLICATE)


def test_evolution_forgets_the_old_however_good() -> None:
    policy = Evolution(Line(), 0)
    policy.tell(result(1, 1000.0))
    for number in range(2, POPULATION + 2):
        policy.tell(result(number, float(number)))
    parents = {policy.ask(number).parents for number in range(100, 400)}
    assert ("1",) not in parents
    assert (str(POPULATION + 1),) in parents


def test_greedy_improves_the_best_and_fixes_what_broke() -> None:
    policy = Greedy(Line(), 0)
    for number in range(1, DRAFTS + 1):
        policy.tell(result(number, None if number == 2 else float(number)))
    chosen = Counter(policy.ask(number).parents[0] for number in range(100, 500))
    assert set(chosen) == {"2", str(DRAFTS)}
    assert 150 < chosen["2"] < 250


def test_greedy_gives_up_what_stays_broken() -> None:
    policy = Greedy(Line(), 0)
    for number in range(1, DRAFTS + 1):
        policy.tell(result(number, float(number)))
    for number in range(DRAFTS + 1, DRAFTS + 5):
        policy.tell(result(number, None, str(number - 1)))
    chosen = {policy.ask(number).parents[0] for number in range(100, 200)}
    assert chosen == {str(DRAFTS)}  # the leaf is the fourth in a row that broke


def test_greedy_moves_on_when_only_repetitions_come() -> None:
    policy = Greedy(Line(), 0)
    for number in range(1, DRAFTS + 1):
        policy.tell(result(number, float(number)))
    policy.tell(repetition(90, str(DRAFTS)))
    assert policy.ask(91).parents[0] == str(DRAFTS - 1)


def test_elites_keep_the_best_of_each_kind() -> None:
    line = Line()
    policy = Elites(line, 0)
    number = 0
    for kind in ("conv", "mlp"):
        for size in (100, 1000):
            for gain in (1.0, 3.0, 2.0):
                number += 1
                line.families[str(number)] = kind
                policy.tell(result(number, gain, parameters=size))
    assert sorted(r.id for r in policy.cells.values()) == ["11", "2", "5", "8"]
    starts = Counter(c.parents[0] for n in range(100, 400) if (c := policy.ask(n)).parents)
    assert set(starts) == {"2", "5", "8", "11"}


def test_the_tree_goes_where_it_paid() -> None:
    policy = Tree(Line(), 0)
    for number in range(1, 9):
        policy.tell(result(number, 0.0))
    for number in range(9, 45):  # what descends from 8 is good, what descends from 7 is bad
        good = number % 2 == 0
        policy.tell(result(number, float(number if good else -number), "8" if good else "7"))
    starts = [int(c.parents[0]) for n in range(100, 500) if (c := policy.ask(n)).parents]
    good = sum(s == 8 or (s > 8 and s % 2 == 0) for s in starts)
    bad = sum(s == 7 or (s > 8 and s % 2 == 1) for s in starts)
    assert good > 3 * bad


def test_the_best_migrates_to_the_next_island() -> None:
    islands = Islands(Guided, Line(), 0, 2)
    for number in range(2, 2 * MIGRATION + 2, 2):  # all on the first island
        islands.tell(result(number, float(number)))
    next_island = islands.state()["islands"][1]
    assert next_island["told"] == 1
    assert islands.best() == str(2 * MIGRATION)


def test_what_was_known_before_belongs_to_all_islands() -> None:
    islands = Islands(Guided, Line(), 0, 3)
    islands.tell(result(0, 0.0))
    assert [i["told"] for i in islands.state()["islands"]] == [1, 1, 1]


def test_a_higher_rung_beats_a_higher_gain() -> None:
    policy = Evolution(Line(), 0)
    policy.tell(result(1, 9.0, rung=0))
    policy.tell(result(2, 1.0, rung=1))
    assert policy.best() == "2"


# --- the default ----------------------------------------------------------------------------------


def _told(policy: Guided, count: int) -> None:
    for number in range(1, count + 1):
        choice = policy.ask(number)
        proposal = policy.space.preview(choice)
        assert proposal is not None
        assert isinstance(policy.space, Plane)
        policy.space.points[str(number)] = proposal
        policy.tell(result(number, float(proposal.features[0]), parameters=7))


def test_the_default_varies_the_best_and_still_drafts() -> None:
    policy = Guided(Line(), 0)
    for number in range(1, 31):
        policy.tell(result(number, float(number)))
    asked = [policy.ask(number) for number in range(100, 500)]
    drafts = [choice for choice in asked if not choice.parents]
    assert len(drafts) / len(asked) == pytest.approx(FRESH, abs=0.06)
    firsts = Counter(choice.parents[0] for choice in asked if choice.parents)
    assert set(firsts) == {str(number) for number in range(31 - PARENTS, 31)}


def test_the_default_drafts_until_enough_have_shown_how_high_they_end() -> None:
    policy = Guided(Line(), 0)
    for number in range(1, 30):
        policy.tell(result(number, float(-number)))
    for number in range(30, 29 + DRAFTED):
        policy.tell(result(number, -0.1, rung=1))
    policy.tell(result(90, None))  # what failed tells nothing
    assert not any(policy.ask(number).parents for number in range(100, 140))
    policy.tell(result(60, -100.0, rung=1))
    parents = {choice.parents[0] for n in range(100, 300) if (choice := policy.ask(n)).parents}
    assert "30" in parents
    assert "60" not in parents  # what did badly at a high rung is no better than what is lower


class Watched(Plane):
    """Counts what is previewed."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def preview(self, choice: Choice) -> Preview | None:
        self.count += 1
        return super().preview(choice)


@pytest.mark.parametrize(("low", "blind"), [(True, BLIND), (False, 0.0)])
def test_of_the_first_drafts_some_are_blind_where_most_is_known_at_low_rungs(
    low: bool, blind: float
) -> None:
    space = Watched()
    policy = Guided(space, 0)
    for number in range(1, DRAFTED + (12 if low else 0)):
        space.points[str(number)] = Preview(str(number), np.array([number / 30, 0.5]))
        policy.tell(result(number, number / 30, rung=int(low and number == 1)))
    asked, previewed = 100, 0
    for number in range(100, 100 + asked):
        before = space.count
        assert not policy.ask(number).parents
        previewed += space.count > before
    assert previewed / asked == pytest.approx(1 - blind, abs=0.12)


def test_the_default_varies_at_once_what_an_earlier_run_found() -> None:
    policy = Guided(Line(), 0)
    policy.tell(result(0, 1.0, rung=1))
    assert any(policy.ask(number).parents for number in range(1, 20))


@pytest.mark.parametrize("without", [None, "process", "forest"])
def test_the_default_lets_the_surrogate_pick(without: str | None) -> None:
    gains = []
    for part in (without, "surrogate"):
        policy = Guided(Plane(), 0, without=part)  # type: ignore[arg-type]
        _told(policy, 40)
        late = [r.gain or 0.0 for r in policy.known.all[20:]]
        gains.append(sum(late) / len(late))
    with_it, without_it = gains
    assert with_it > without_it + 0.1


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_taken_away(part: str) -> None:
    policy = Guided(Line(), 0, without=part)  # type: ignore[arg-type]
    for number in range(1, 40):
        choice = policy.ask(number)
        told = result(number, float(number % 7), *choice.parents)
        policy.tell(replace(told, operator=choice.operator))
        assert part != "recombination" or choice.operator != "recombine"
    assert policy.best() is not None
