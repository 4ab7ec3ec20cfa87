"""What is new in a journal: all of it, once, and nothing else."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from journal_entries import asked, call, candidate, train, verdict

from archwright.core import BASELINE, Candidate, CandidateStatus, Fingerprint, Floor, Measurement
from archwright.runs.journal import Changes, Journal
from archwright.runs.results.observing import Observer, observe
from archwright.runs.workspace.paths import RunPaths


def told(changes: Changes) -> tuple[list[str], list[tuple[str, int]]]:
    """The candidates and the trials that changes tell of."""
    trials = [(trial.candidate, trial.seed) for trial in changes.trials]
    return [c.id for c in changes.candidates], trials


def test_each_thing_is_told_once_to_each_who_asks(journal: Journal) -> None:
    with Journal.open(journal.paths) as other:
        cursors = [0, 0]

        def news() -> tuple[list[str], list[tuple[str, int]]]:
            found = [j.changes(c) for j, c in zip((journal, other), cursors, strict=True)]
            cursors[:] = [changes.cursor for changes in found]
            first, second = ((c.cursor, list(c.candidates), list(c.trials)) for c in found)
            assert first == second
            return [c.id for c in first[1]], [(t.candidate, t.seed) for t in first[2]]

        assert news() == ([], [])
        first = journal.propose(candidate(1))
        second = other.propose(candidate(2))
        assert news() == (["1", "2"], [])
        assert news() == ([], [])

        other.update(replace(first, fingerprint=Fingerprint("t")))
        journal.update(replace(first, rungs={0: Measurement(91.0)}))
        assert news() == (["1"], [])
        train(journal, "1")
        train(other, "2", seed=1)
        other.update(second.ended(CandidateStatus.TRAINED))
        assert news() == (["2"], [("1", 0), ("2", 1)])

        # What changes nothing, and what is neither candidate nor trial, is no news.
        journal.propose(candidate(1))
        other.update(second)
        train(other, "1")
        call(journal, "1")
        journal.once("choice", "1", "1", {}, lambda: {"operator": "widen"})
        journal.note(state="stopped")
        journal.notice("reads are not confined")
        journal.judge("1", asdict(verdict("1")))
        journal.beat()
        assert news() == ([], [])


def test_changes_hold_what_was_written(journal: Journal) -> None:
    made = journal.propose(candidate(1, source="x = 1\n", parents=(BASELINE,)))
    ended = replace(made, rungs={1: Measurement(91.0, 0.5, 2)}).ended(CandidateStatus.TRAINED)
    journal.update(ended)
    train(journal, "1", curve=[[10, 0.5]])
    changes = journal.changes()
    assert list(changes.candidates) == [ended]
    trials = list(changes.trials)
    assert trials == journal.trials()
    assert trials[0].curve == ((10, 0.5),)


def test_the_baseline_is_no_news(journal: Journal) -> None:
    journal.propose(Candidate(BASELINE))
    journal.update(Candidate(BASELINE, parameters=9))
    assert list(journal.changes().candidates) == []


def test_a_training_is_told_when_it_ends(journal: Journal) -> None:
    def act() -> dict[str, float]:
        seen.append(journal.changes())
        return {"score": 90.0}

    seen: list[Changes] = []
    journal.once("trial", "1", "1", asked("1"), act)
    assert told(seen[0]) == ([], [])
    assert told(journal.changes(seen[0].cursor)) == ([], [("1", 0)])


def test_nothing_is_missed_or_told_twice_while_others_write(journal: Journal) -> None:
    numbers = range(1, 41)
    trials: list[tuple[str, int]] = []
    candidates: dict[str, Candidate] = {}

    def write(mine: range) -> None:
        with Journal.open(journal.paths) as own:
            for number in mine:
                made = own.propose(candidate(number))
                train(own, made.id)
                own.update(made.ended(CandidateStatus.TRAINED))

    def read(cursor: int) -> int:
        changes = journal.changes(cursor)
        candidates.update({c.id: c for c in changes.candidates})
        trials.extend(told(changes)[1])
        return changes.cursor

    writers = [threading.Thread(target=write, args=(numbers[n::3],)) for n in range(3)]
    for writer in writers:
        writer.start()
    cursor = 0
    while any(writer.is_alive() for writer in writers):
        cursor = read(cursor)
    read(cursor)

    assert sorted(trials) == sorted((str(n), 0) for n in numbers)
    assert {n: candidates[n] for n in candidates} == {c.id: c for c in journal.candidates()}


# --- an observer ----------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["propose", "update", "end", "train", "verify", "call", "floor", "look"]),
        st.integers(1, 5),
        st.integers(0, 20),
        st.booleans(),
    ),
    max_size=30,
)


def act(journal: Journal, what: str, number: int, value: int) -> None:
    """One thing that a run writes."""
    known = journal.candidate(str(number)) or candidate(number)
    operator = "control" if number == 5 else "widen"
    if what == "propose":
        journal.propose(candidate(number, operator=operator))
    elif what == "update":
        journal.update(replace(known, parameters=value))
    elif what == "end":
        shown = {value % 2: Measurement(80.0 + value, float(value), 1)}
        journal.update(replace(known, rungs=shown).ended(list(CandidateStatus)[1 + value % 5]))
    elif what == "train":
        train(journal, known.id, value)
    elif what == "verify":
        used = {"seconds": 1.0, "latency_ms": float(value)}
        train(journal, known.id, value, "verification", int8=70.0 + value, resources=used)
        journal.judge(known.id, asdict(verdict(known.id, own_scores=(90.0, 91.0 + value))))
    elif what == "call":
        call(journal, known.id)
    elif what == "floor":
        journal.propose(Candidate(BASELINE, flops=value))
        train(journal, BASELINE, value, "verification", int8=60.0)
        floors = [Floor(steps, 90.0, 1.0, (89.0, 91.0), 9) for steps in (10, 30)]
        journal.note(noise=floors, phase="search")


@settings(max_examples=40)
@given(STEPS)
def test_one_who_looks_again_and_again_sees_what_a_fresh_look_sees(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder) / "run-1")
        facts = {"metric": "accuracy", "rungs": (10, 30)}
        with Journal.create(paths, facts) as journal, Journal.open(paths) as other:
            observer = Observer(journal)
            for what, number, value, aside in steps:
                act(other if aside else journal, what, number, value)
                if what == "look":
                    with Journal.open(paths) as fresh:
                        assert observer.observe() == observe(fresh)
            assert observer.observe() == observer.observe() == observe(journal) == observe(other)
