"""Drafts: from accepted records, with every number and name that nobody measured struck."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core import InputError
from archwright.knowledge.decisions.drafting import (
    KEEP,
    KnownFacts,
    fill_template,
    from_words,
    precedents,
    split_context,
    strike_unknown,
    with_origin,
)
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option, render

FACTS = KnownFacts(
    (-0.25, 3.0, 94.6231, 16384.0), frozenset({"digits-20261124-182856", "ADR-0001"})
)


@pytest.fixture
def folder(tmp_path: Path) -> DecisionFolder:
    there = DecisionFolder(tmp_path)
    for title, status in (
        ("attention for recall", "accepted"),
        ("gru for recall", "rejected"),
        ("convolution for recall", "accepted"),
        ("a wider stem", "accepted"),
    ):
        options = (Option(title), Option("nothing"))
        there.add(Decision(title, "Keys.", title, "it works", "2026-01-31", status, options))
    return there


def test_only_accepted_records_are_gone_by(folder: DecisionFolder) -> None:
    found = precedents(folder, "what to use for recall: attention, gru or convolution", 3)
    assert [d.number for d in found] == [1, 3]
    assert len(precedents(folder, "for recall attention", 1)) == 1
    assert precedents(folder, "quantum", 3) == ()


@pytest.mark.parametrize(
    ("number", "known"),
    [
        ("94.6", True), ("94.62", True), ("94.63", False), ("+94.6", True), ("-94.6", True),
        ("95", False), ("94", False), ("3", True), ("3.0", True), ("0.25", True), ("0.4", False),
        ("16,384", True), ("16384", True), ("1.6384e4", True), ("1.7e4", False), ("−0.25", True),
    ],
)  # fmt: skip
def test_a_number_is_known_when_it_was_measured(number: str, known: bool) -> None:
    assert FACTS.holds(number) is known


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_a_rounded_measurement_is_always_known(value: float, places: int) -> None:
    facts = KnownFacts((value,))
    if places:
        assert facts.holds(f"{value:.{places}f}")


def struck(text: str) -> tuple[str, tuple[str, ...]]:
    draft = Decision("t", "c", "o", text, "2026-01-31", options=(Option("o"),))
    found, unknown = strike_unknown(draft, FACTS)
    return found.because, unknown


@pytest.mark.parametrize(
    ("text", "after", "unknown"),
    [
        ("it reached 94.62 %", "it reached 94.62 %", ()),
        ("it reached 99.1 %.", "it reached ~~99.1~~ %.", ("99.1",)),
        ("run digits-20261124-182856", "run digits-20261124-182856", ()),
        ("in d-20261124-000000", "in ~~d-20261124-000000~~", ("d-20261124-000000",)),
        ("as in ADR-0001, not ADR-0002", "as in ADR-0001, not ~~ADR-0002~~", ("ADR-0002",)),
        ("c99 on 2026-01-31", "~~c99~~ on 2026-01-31", ("c99",)),
        ("conv3x3, conv2d and v2.1 stay", "conv3x3, conv2d and v2.1 stay", ()),
        ("7 and 7 again", "~~7~~ and ~~7~~ again", ("7",)),
    ],
)  # fmt: skip
def test_what_nobody_measured_is_struck_and_named(
    text: str, after: str, unknown: tuple[str, ...]
) -> None:
    assert struck(text) == (after, unknown)


RUN_FACTS = KnownFacts(
    (0.125, 41.0, 88.5, 2.6e6),
    frozenset({"41", "41d", "8ba", "known:6", "recall-20260309-071500", "ADR-0012"}),
)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("41d and 41", ()),
        ("41e", ("41e",)),
        ("41D is 41d, and 41E is nothing", ("41E",)),
        ("candidate 41d's curve, and candidate 41e’s", ("41e",)),
        ("(41d), [41e], `41f`, #41g, 'it was 41h'.", ("41e", "41f", "41g", "41h")),
        ("from 41d-41k, 41d–41m and 41d to 41n", ("41k", "41m", "41n")),
        ("41..57, 41...58", ("57", "58")),
        ("candidates 41, 41d and 8ba", ()),
        ("Candidates 41/41c & 8bb", ("41c", "8bb")),
        ("candidate 88 is no measurement", ("88",)),
        ("candidate_41e, candidate41f, candidate_41d", ("41e", "41f")),
        ("c41d but not c41e", ("c41e",)),
        ("recall-20260309-071500/41d, recall-20260309-071500/41e", ("41e",)),
        ("known:6, not known:7 nor known:6b", ("known:7", "known:6b")),
        ("adr-12 and ADR 0012, not adr-13", ("adr-13",)),
        (".125 and .375", (".375",)),
        ("2.6M and 2_600_000, not 2.7M nor 41k", ("2.7M", "41k")),
        ("41ms, not 43ms; 41steps, not 44steps", ("43ms", "44steps")),
        ("88.5b", ("88.5b",)),
        ("3x3, 5×5, 2d convolutions, conv3x3, v2.1 and 1.2.3", ()),
    ],
)
def test_letters_behind_a_number_are_part_of_it(text: str, unknown: tuple[str, ...]) -> None:
    draft = Decision("t", "c", "o", text, "2026-01-31", options=(Option("o"),))
    assert strike_unknown(draft, RUN_FACTS)[1] == unknown


def test_every_part_of_a_draft_is_checked() -> None:
    draft = from_words(
        "# Where 11 keys go\n\nOf 12 keys.",
        "title 13",
        [Option("option 14", "why 15")],
        "option 14",
        "because 16",
        ["so 17"],
    )
    found, unknown = strike_unknown(draft, FACTS)
    assert set(unknown) == {"12", "13", "14", "15", "16", "17"}
    assert found.chosen == found.options[0].name == "option ~~14~~"
    noted = render(with_origin(found, "m", (), unknown))
    assert "drafted by m from no record" in noted
    assert "struck out, as no journal here holds them: " in noted


def test_a_chosen_option_is_among_the_options() -> None:
    draft = from_words("Keys.", "t", [Option("a")], "b", "why", [])
    assert [o.name for o in draft.options] == ["b", "a"]


def test_the_template_goes_by_the_nearest_record(folder: DecisionFolder) -> None:
    records = precedents(folder, "attention for recall", 3)
    draft = fill_template("# What reads keys?\n\nRecall needs it.", records)
    assert (draft.title, draft.context) == ("What reads keys?", "Recall needs it.")
    assert draft.chosen == "attention for recall"
    assert draft.because.startswith("ADR-0001 chose it")
    assert [o.name for o in draft.options][-1] == KEEP
    assert draft.status == "proposed"
    alone = fill_template("What now?", ())
    assert alone.chosen == KEEP
    assert "no accepted decision" in alone.because


def test_a_context_has_a_title_of_its_own() -> None:
    assert split_context("\ufeff\n## A title ##\n\nWords.\n") == ("A title", "Words.")
    assert split_context("Only a line") == ("Only a line", "Only a line")
    assert len(split_context("word " * 100)[0]) < 100
    with pytest.raises(InputError, match="empty"):
        split_context(" \n")
