"""Three tweaks in a row, and the next idea changes the structure: by counts."""

from __future__ import annotations

from random import Random

from archwright.search.operators import OPERATORS
from archwright.search.policies import Choice
from archwright.search.policies.tweaks import TWEAKS, force_structure

ALL = {name: info.parents for name, info in OPERATORS.items() if name != "control"}


def longest_run(names: list[str]) -> int:
    best = length = 0
    for name in names:
        length = length + 1 if name in TWEAKS else 0
        best = max(best, length)
    return best


def chosen(most: int, seed: int, share_of_tweaks: float) -> list[str]:
    rng, names = Random(seed), list[str]()
    tweaks, ideas = sorted(TWEAKS), sorted(set(ALL) - TWEAKS)
    for _ in range(200):
        kind = tweaks if rng.random() < share_of_tweaks else ideas
        choice = Choice(rng.choice(kind), ("1",), rng.getrandbits(32))
        names.append(force_structure(choice, names, ALL, most).operator)
    return names


def test_no_more_tweaks_follow_each_other_than_are_allowed() -> None:
    for most in (1, 2, 3):
        for seed in range(20):
            assert longest_run(chosen(most, seed, 0.9)) <= most
    assert longest_run(chosen(3, 0, 1.0)) == 3


def test_a_policy_of_nothing_but_tweaks_brings_a_structural_idea_every_fourth_time() -> None:
    names = chosen(3, 1, 1.0)
    assert [n not in TWEAKS for n in names] == [i % 4 == 3 for i in range(len(names))]
    assert len({n for n in names if n not in TWEAKS}) > 3


def test_the_idea_stays_with_the_parent_and_every_tweak_is_an_operator() -> None:
    choice = Choice("widen", ("7",), 5, rung=1)
    forced = force_structure(choice, ["widen", "tune_block", "change_recipe"], ALL, 3)
    assert (forced.parents, forced.rung) == (("7",), 1)
    assert forced.operator in ALL
    assert ALL[forced.operator] == 1
    assert forced == force_structure(choice, ["widen", "tune_block", "change_recipe"], ALL, 3)
    assert set(ALL) >= TWEAKS


def test_a_structural_idea_in_between_lets_tweaks_go_on() -> None:
    choice = Choice("widen", ("7",), 5)
    assert force_structure(choice, ["widen", "deepen", "widen", "widen"], ALL, 3) is choice
    assert force_structure(choice, ["widen", "widen"], ALL, 3) is choice


def test_where_the_space_has_no_structural_operator_a_draft_is_drawn() -> None:
    space = {"draft": 0, "widen": 1}
    assert force_structure(Choice("widen", ("7",), 5), ["widen"], space, 1).operator == "draft"
