"""What a search has seen, as it stood at a moment."""

from __future__ import annotations

import pytest

from archwright.core import BASELINE, CONTROL, Candidate, Measurement
from archwright.runs.history import History

FIRST = {BASELINE: Candidate(BASELINE, "the baseline")}


def made(id_: str, operator: str = "draft", gain: float | None = None) -> Candidate:
    rungs = {} if gain is None else {0: Measurement(50.0 + gain, gain)}
    return Candidate(id_, f"no. {id_}", operator=operator, rungs=rungs)


def test_a_view_stays_as_it_was_while_more_is_seen() -> None:
    history = History()
    for id_ in "123":
        history.add(made(id_, gain=float(id_)))
    before = history.all(), history.known(FIRST), history.measured()
    history.add(made("4", gain=4.0))
    everything, known, measured = before
    assert [c.id for c in everything] == [c.id for c in measured] == ["1", "2", "3"]
    assert list(known) == [c.id for c in known.values()] == [BASELINE, "1", "2", "3"]
    assert (len(everything), len(known), len(measured)) == (3, 4, 3)
    assert "4" not in known
    with pytest.raises(KeyError):
        known["4"]
    with pytest.raises(IndexError):
        everything[3]
    assert (everything[-1].id, [c.id for c in everything[-2:]]) == ("3", ["2", "3"])
    assert {**known}.keys() == {BASELINE, "1", "2", "3"}
    assert history.known(FIRST)["4"].title == "no. 4"


def test_what_is_seen_while_somebody_reads_changes_nothing_for_the_reader() -> None:
    history = History()
    for number in range(5):
        history.add(made(str(number)))
    read = []
    for candidate in history.known(FIRST).values():
        history.add(made(f"later-{candidate.id}"))
        read.append(candidate.id)
    assert read == [BASELINE, "0", "1", "2", "3", "4"]


def test_the_control_arm_is_seen_but_nothing_starts_from_it() -> None:
    history = History()
    history.add(made("1", CONTROL, gain=9.0))
    history.add(made("2", gain=1.0))
    history.add(made("3"))
    assert [c.id for c in history.all()] == ["1", "2", "3"]
    assert list(history.known({})) == ["2", "3"]
    assert [c.id for c in history.measured()] == ["2"]


def test_of_a_long_search_the_best_and_the_latest_are_known() -> None:
    history = History(most=8)
    gains = [9.0, 1.0, None, 8.0, 2.0, 0.5, None, 0.2]
    for number, gain in enumerate(gains, start=1):
        history.add(made(str(number), gain=gain))
    before = history.known(FIRST)
    assert history.forgotten == 0
    history.add(made("9", gain=0.1))
    assert history.forgotten == 1
    assert [c.id for c in history.all()] == ["1", "4", "8", "9"]
    assert list(history.known(FIRST)) == [BASELINE, "1", "4", "8", "9"]
    assert [c.id for c in history.measured()] == ["1", "4", "8", "9"]
    assert "5" not in history.known(FIRST)
    assert list(before) == [BASELINE, *map(str, range(1, 9))], "who looks at it goes on with it"
    assert before["5"].gain == 2.0


def test_all_is_known_where_nothing_says_how_much() -> None:
    history = History()
    for number in range(10_000):
        history.add(made(str(number)))
    assert len(history.all()) == 10_000
