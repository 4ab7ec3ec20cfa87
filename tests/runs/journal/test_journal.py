"""The journal: steps happen once, whatever interrupts them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from journal_entries import asked, call, candidate, train, verdict

from archwright.core import CandidateStatus, Fingerprint, Floor, Measurement, RunError
from archwright.runs.journal import Journal, Phase
from archwright.runs.journal.schema import MIGRATIONS, connect
from archwright.runs.workspace.control import hold, is_held, request_stop, stop_requested
from archwright.runs.workspace.paths import RunPaths


def test_a_step_that_was_done_is_not_done_again(journal: Journal) -> None:
    done: list[int] = []

    def act() -> dict[str, int]:
        done.append(1)
        return {"answer": 42}

    first = journal.once("call", "1/researcher", "1", {}, act)
    second = journal.once("call", "1/researcher", "1", {}, act)

    assert first == second == {"answer": 42}
    assert len(done) == 1


def test_a_step_is_written_before_it_is_done(journal: Journal) -> None:
    seen: list[tuple[str, int]] = []

    def act() -> dict[str, float]:
        with Journal.open(journal.paths) as other:
            seen.extend((trial.candidate, len(other.trials())) for trial in other.running())
        return {"score": 1.0}

    journal.once("trial", "1/search/60/0", "1", asked("1"), act)

    assert seen == [("1", 0)]
    assert journal.running() == ()
    assert [trial.score for trial in journal.trials()] == [1.0]


def test_a_step_that_failed_did_not_happen(journal: Journal) -> None:
    def fail() -> dict[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        journal.once("trial", "1", "1", asked("1"), fail)

    assert journal.running() == ()
    assert journal.steps("trial") == []
    assert journal.once("trial", "1", "1", asked("1"), lambda: {"score": 1.0}) == {"score": 1.0}


def test_taking_a_run_up_drops_what_was_in_flight(journal: Journal) -> None:
    def act() -> dict[str, float]:
        with Journal.open(journal.paths) as next_one:
            before = [trial.candidate for trial in next_one.running()]
            next_one.begin_session(pid=1)
            seen.append((before, next_one.running()))
        return {"score": 2.0}

    seen: list[tuple[list[str], object]] = []
    journal.once("trial", "done", "1", asked("1"), lambda: {"score": 1.0})
    journal.once("trial", "lost", "2", asked("2"), act)

    assert seen == [(["2"], ())]
    assert [step.key for step in journal.steps("trial")] == ["done"]


def test_what_was_written_is_there_for_another_reader(journal: Journal) -> None:
    journal.note(phase="search")
    journal.propose(candidate(1))

    with Journal.open(journal.paths) as other:
        assert other.facts.phase == "search"
        assert other.facts.error == ""
        assert other.candidates() == [candidate(1)]
        assert other.candidate("2") is None


def test_a_candidate_is_born_once(journal: Journal) -> None:
    born = journal.propose(candidate(1))
    journal.update(born.ended(CandidateStatus.TRAINED))
    again = journal.propose(candidate(1, title="another title", created=2.0))

    assert again.created == born.created == 1.0
    assert journal.candidates() == [candidate(1).ended(CandidateStatus.TRAINED)]


def test_one_that_has_ended_stays_ended_while_a_resumed_run_goes_its_way_again(
    journal: Journal,
) -> None:
    shown = {0: Measurement(91.0, 0.5, 2)}
    open_ = journal.propose(candidate(1))
    ended = replace(open_, rungs=shown, lesson="wide").ended(CandidateStatus.PROMOTED, "so")
    journal.update(ended)

    with Journal.open(journal.paths) as resumed:
        again = resumed.propose(candidate(1, created=2.0))
        resumed.update(replace(again, fingerprint=Fingerprint("t"), parameters=9))
        assert resumed.candidates() == [ended]
        assert resumed.match(Fingerprint("t"), before=2000) is None
        resumed.update(replace(ended, lesson="wider"))
        assert resumed.candidates() == [replace(ended, lesson="wider")]


def test_matches_look_back_only(journal: Journal) -> None:
    for number in (1, 2):
        made = journal.propose(candidate(number))
        journal.update(replace(made, fingerprint=Fingerprint("t", f"tree{number}", "g")))

    level, same = journal.match(Fingerprint("t", "other"), before=2000) or ("", candidate(0))
    assert (level, same.id) == ("text", "1")
    assert journal.match(Fingerprint("t", "tree1", "g"), before=1000) is None
    found = journal.match(Fingerprint("x", "y", "g"), before=3000)
    assert found is not None
    assert found[0] == "graph"
    assert journal.match(Fingerprint("x", "y", ""), before=3000) is None


def test_reviews_survive_a_second_judgement(journal: Journal) -> None:
    journal.judge("1", asdict(verdict("1")))
    journal.set_review("1", "accepted", "good")
    journal.judge("1", asdict(verdict("1", branch="b")))

    assert journal.verdicts() == (verdict("1", branch="b", review="accepted"),)


def test_a_missing_or_foreign_journal_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="archwright runs"):
        Journal.open(RunPaths(tmp_path / "none"))
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "journal.db").write_text("this is no database, it is a text of some length\n" * 9)
    with pytest.raises(RunError, match=r"is damaged .*put back a copy of its folder"):
        Journal.open(RunPaths(folder))


@pytest.mark.parametrize("kept", [0, 5000])
def test_a_journal_that_was_cut_off_is_called_damaged(journal: Journal, kept: int) -> None:
    journal.note(task="kept" * 9000)
    journal.close()
    whole = journal.paths.journal.read_bytes()
    assert len(whole) > kept
    journal.paths.journal.write_bytes(whole[:kept])
    with pytest.raises(RunError, match="is damaged"), Journal.open(journal.paths) as cut:
        assert cut.facts


def test_a_journal_of_a_newer_version_is_refused(journal: Journal) -> None:
    journal.close()
    with sqlite3.connect(journal.paths.journal) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()

    with pytest.raises(RunError, match="upgrade"):
        Journal.open(journal.paths)


def test_a_full_disk_is_one_line_and_loses_nothing(journal: Journal) -> None:
    connection = connect(journal.paths.journal)
    with Journal(journal.paths, connection) as full:
        full.note(task="kept")
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages}")

        with pytest.raises(RunError, match=r"full.*archwright resume run-1"):
            full.note(error="x" * 100_000)

        connection.execute("PRAGMA max_page_count = 1000000")
        assert (full.facts.task, full.facts.error) == ("kept", "")


def test_only_one_process_holds_a_run(journal: Journal) -> None:
    assert not is_held(journal.paths)
    with hold(journal.paths):
        assert is_held(journal.paths)
        with pytest.raises(RunError, match="archwright stop run-1"), hold(journal.paths):
            pass
    assert not is_held(journal.paths)


def test_a_stop_request_is_forgotten_when_the_run_is_taken_up_again(journal: Journal) -> None:
    request_stop(journal.paths)
    assert stop_requested(journal.paths)
    with hold(journal.paths):
        assert not stop_requested(journal.paths)


# --- text from models -----------------------------------------------------------------------------


def test_half_of_a_surrogate_pair_can_be_stored_and_read(journal: Journal) -> None:
    odd = "a\ud800b"
    words = {"title": odd, "source": odd, "rationale": odd, "citations": (odd,)}
    born = journal.propose(candidate(1, **words))
    journal.update(replace(born, lesson=odd).ended(CandidateStatus.INVALID, odd))
    journal.note(error=odd)
    journal.notice(odd)
    journal.judge("1", asdict(verdict("1", reason=odd)))
    journal.once("call", "1/coder", "1", {"role": "coder"}, lambda: {"text": odd, "usd": 1.0})
    train(journal, "1", status="crashed", score=None, error=odd)

    with Journal.open(journal.paths) as other:
        (found,) = other.candidates()
        texts = (found.title, found.source, found.rationale, *found.citations, found.lesson)
        assert {*texts, found.reason} == {"a?b"}
        assert other.match(born.fingerprint, before=2000) is None
        assert [c.id for c in other.failed_before(2000, "?b", 9)] == ["1"]
        assert list(other.changes().candidates) == [found]
        assert other.facts.error == odd
        assert other.notices() == ("a?b",)
        assert other.verdicts()[0].reason == odd
        assert other.steps("call")[0].result["text"] == odd
        assert other.trials()[0].error == odd
        assert (other.spend().usd, other.spend().trials) == (1.0, 1)
        assert len(list(other.documents())) == 7


# --- facts ----------------------------------------------------------------------------------------


def test_facts_are_those_of_the_model_alone(journal: Journal) -> None:
    with pytest.raises(TypeError, match="no fact 'kept'"):
        journal.note(kept=True)
    with pytest.raises(TypeError, match="no fact 'speed'"):
        Journal.create(RunPaths(journal.paths.root.parent / "run-2"), {"speed": 1})
    journal.note(phase=Phase.SEARCH, state="stopped")
    with pytest.raises(TypeError, match="no fact 'kept'"):
        journal.note(state="finished", kept=True)
    assert journal.facts.state == "stopped", "a note is taken whole or not at all"


def test_facts_have_defaults_and_types(journal: Journal) -> None:
    facts = journal.facts
    assert facts.settings == {"seed": 3}
    assert (facts.phase, facts.state, facts.error) == (Phase.BASELINE, "running", "")
    assert (facts.noise, facts.unverified, facts.round, facts.device) == ((), (), None, None)
    assert facts.rungs == (10, 30)

    floor = Floor(10, 91.0, 0.8, (90.0, 92.0), 9_000, ceiling=(5, 1.5))
    journal.note(phase="verification", noise=[floor], unverified=["3"], round=0)
    with Journal.open(journal.paths) as other:
        facts = other.facts
    assert facts.phase is Phase.VERIFICATION
    assert facts.noise == (floor,)
    assert (facts.unverified, facts.round) == (("3",), 0)


# --- spend ----------------------------------------------------------------------------------------


def test_each_call_and_each_trial_is_counted_once(journal: Journal) -> None:
    with Journal.open(journal.paths) as other:
        both = (journal, other)
        for number in range(1, 7):
            writer = both[number % 2]
            call(writer, str(number))
            train(writer, str(number))
            train(both[0], str(number))  # it was done
            for reader in both[: 1 + number % 2]:
                for _ in range(2):
                    spent = reader.spend()
                    assert (spent.usd, spent.tokens) == (0.5 * number, 7 * number)
                    assert (spent.trials, spent.training_seconds) == (number, 2.0 * number)
        assert journal.spend() == other.spend()
    with Journal.open(journal.paths) as late:
        assert late.spend() == journal.spend()


def test_what_is_under_way_costs_nothing_yet(journal: Journal) -> None:
    def act() -> dict[str, object]:
        assert journal.spend().trials == 0
        return {"resources": {"seconds": 3.0}}

    journal.once("trial", "1", "1", asked("1"), act)
    assert (journal.spend().trials, journal.spend().training_seconds) == (1, 3.0)


def test_what_was_taken_over_from_another_run_is_counted_as_its_own(
    journal: Journal, tmp_path: Path
) -> None:
    call(journal, "1")
    train(journal, "1")
    with Journal.create(RunPaths(tmp_path / "run-2"), {}) as copy:
        assert copy.spend().trials == 0
        for kind in ("call", "trial"):
            copy.copy_steps(journal.steps(kind))
            copy.copy_steps(journal.steps(kind))
        assert copy.spend() == journal.spend()
        assert copy.trials() == journal.trials()


# --- being made -----------------------------------------------------------------------------------


def test_a_journal_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run-3")
    seen: list[str] = []

    def look() -> None:
        while not seen:
            with suppress(RunError), Journal.open(paths) as found:
                seen.append(found.facts.task)

    readers = [threading.Thread(target=look) for _ in range(4)]
    for reader in readers:
        reader.start()
    with Journal.create(paths, {"settings": {}, "task": "digits"}) as made:
        assert made.facts.task == "digits"
    for reader in readers:
        reader.join()
    assert set(seen) == {"digits"}
    assert not list(paths.root.glob("*.part*"))
