"""The memo: its numbers are those of the ledger, whatever its writer says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archwright.agents.memo import Finding, Memo, MemoQuestion, checked, effect_of, memo_by_rule
from archwright.agents.proposers.campaign import LedgerRow
from archwright.agents.questions import Brief
from archwright.tasks.loading import load_task


def row(id_: str, *parents: str, operator: str = "widen", **gains: float) -> LedgerRow:
    """A line of the ledger; `g15=1.0` is a gain of 1 at 15 steps."""
    return LedgerRow(
        candidate=id_,
        parents=parents,
        proposer="one-call",
        operator=operator,
        title=f"idea {id_}",
        status="trained",
        parameters=82,
        scores={},
        seeds=1,
        reason="",
        gains={steps[1:]: gain for steps, gain in gains.items()},
    )


LEDGER = (
    row("baseline", operator=""),
    row("1", "baseline", g15=1.0, g45=3.0),
    row("2", "1", g15=2.0, g45=4.0),
    row("3", "1", g15=-1.0),
    row("4", "9", g15=0.5),
    row("5", "2"),
)
BY_ID = {each.candidate: each for each in LEDGER}


@pytest.mark.parametrize(
    ("id_", "against", "effect"),
    [
        ("1", "", 3.0),  # its parent is the baseline
        ("2", "", 1.0),  # at the highest rung that both have
        ("3", "", -2.0),
        ("4", "", 0.5),  # its parent is not in the ledger
        ("5", "", None),  # it was not measured
        ("2", "baseline", 4.0),
        ("2", "3", 3.0),
        ("2", "5", None),
    ],
)
def test_an_effect_is_over_the_parent_or_what_it_is_compared_with(
    id_: str, against: str, effect: float | None
) -> None:
    assert effect_of(BY_ID[id_], BY_ID, against) == effect


def finding(*candidates: str, **changes: Any) -> Finding:
    return Finding(**{"words": "it bends", "candidates": candidates, "effect": 99.0, **changes})


def test_measured_effects_take_the_place_of_those_that_are_claimed() -> None:
    memo = Memo(helps=(finding("1", "2"),), hurts=(finding("3", effect=-0.1),))
    found = checked(memo, LEDGER)
    assert [f.effect for f in found.findings] == [2.0, -2.0]


def test_what_is_unknown_or_was_not_measured_is_no_evidence() -> None:
    found = checked(Memo(helps=(finding("2", "5", "77"),)), LEDGER)
    assert [(f.candidates, f.effect) for f in found.helps] == [(("2",), 1.0)]
    for gone in (finding("77"), finding("5"), finding(), finding("2", against="77")):
        assert checked(Memo(helps=(gone,)), LEDGER).findings == ()


def test_what_shows_the_opposite_of_its_words_goes() -> None:
    memo = Memo(helps=(finding("3"),), hurts=(finding("1"),), open=("why",), next=("this",))
    assert checked(memo, LEDGER) == Memo(open=("why",), next=("this",))


def test_the_page_names_its_evidence() -> None:
    memo = checked(Memo(helps=(finding("2", against="3"),), open=("is it the width?",)), LEDGER)
    assert memo.to_text("%") == ("Helps:\n- it bends (2 over 3: +3 %)\nOpen:\n- is it the width?")
    assert Memo().to_text("%") == ""


def test_the_rule_says_what_operators_did(spirals: Path) -> None:
    question = MemoQuestion(
        brief=Brief.of(load_task(spirals).spec),
        noise=((15, 60.0, 1.0), (45, 70.0, 1.0)),
        ledger=(
            *LEDGER[:3],
            row("6", "1", operator="deepen", g45=1.0),
            row("7", "1", operator="deepen", g45=2.0),
            row("8", operator="draft", g45=9.0),
            row("9", "1", operator="simplify", g45=3.5),
        ),
    )
    memo = memo_by_rule(question)
    assert [(f.words, f.candidates, f.effect) for f in memo.helps] == [("widen", ("1", "2"), 2.0)]
    assert [(f.words, f.effect) for f in memo.hurts] == [("deepen", -1.5)]
    assert memo.open == ("simplify (9): tried once",)
    assert checked(memo, question.ledger) == memo
