"""A training that is lost through the machine is repeated, alone, and counted once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from jobs_on_disk import begun, processes_in
from parts import Parts

from archwright.core import Candidate, CandidateStatus, Status, TrialSpec
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.training.trainer import Room, Trainer
from archwright.sandbox.process import ProcessSandbox
from archwright.tasks.loading import Task

WAITS = """
import os, time
from torch import nn
open('started', 'w')
while True: pass
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[ProcessSandbox]:
    with ProcessSandbox(workers=2, scratch=tmp_path) as made:
        yield made


def _trainer(parts: Parts, sandbox: ProcessSandbox) -> Trainer:
    return Trainer(Task(parts.context.spec), sandbox, parts.journal)


def _kill_workers(folder: Path, count: int) -> None:
    """Kill, from outside, the worker around each of the next `count` trainings of `WAITS`."""
    killed = set[Path]()
    while len(killed) < count:
        for mark in set(begun(folder)) - killed:
            for job in processes_in(mark.parent):
                parent = job.parent()
                assert parent is not None
                parent.kill()
            killed.add(mark)
        threading.Event().wait(0.02)


def test_a_training_that_is_lost_twice_is_unmeasured_and_counts_once(
    parts: Parts, sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    trainer = _trainer(parts, sandbox)
    candidate = replace(parts.context.baseline, id="1", source=WAITS, sequence=1000)
    parts.journal.propose(candidate)
    halving = SuccessiveHalving(
        parts.context.metric, parts.context.settings, trainer, parts.context.floors
    )
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(halving.run, candidate, 9, lambda _: (), lambda _: None)
        _kill_workers(tmp_path, 2)
        ended = ending.result()
    (trial,) = parts.journal.trials("1")
    assert (trial.status, trial.unmeasured) == (Status.KILLED, "was lost with its worker")
    assert (trial.attempts, ended.trials) == (2, 1)
    (attempt,) = parts.journal.steps("attempt")
    assert attempt.result["lost"]
    spent = parts.journal.spend()
    assert spent.trials == 1
    seconds = attempt.result["resources"]["seconds"] + trial.resources.seconds
    assert spent.training_seconds == pytest.approx(seconds)
    assert ended.status is CandidateStatus.UNMEASURED
    assert ended.reason.startswith("it was lost with its worker at 15 steps: ")

    before = parts.knowledge.high_water()
    parts.memory().remember(ended)
    assert parts.knowledge.high_water() == before
    # Nobody trains it again in this run's name: the journal answers.
    assert trainer.train(TrialSpec(candidate, 0, 0)).attempts == 2


def test_a_training_that_is_lost_once_is_measured_and_says_so(
    parts: Parts, sandbox: ProcessSandbox
) -> None:
    """The attempt that an earlier session lost is not begun again beside others."""
    trainer = _trainer(parts, sandbox)
    candidate = replace(parts.context.baseline, id="1")
    lost = {"status": "killed", "lost": True, "resources": {"seconds": 7.0}}
    parts.journal.once("attempt", "1/search/15/0/1", "1", {}, lambda: lost)
    trial = trainer.train(TrialSpec(candidate, 0, 0))
    assert (trial.status, trial.attempts, trial.unmeasured) == (Status.OK, 2, "")
    other = trainer.train(TrialSpec(candidate, 0, 1))
    assert (other.status, other.attempts) == (Status.OK, 1)


def test_who_is_alone_waits_for_the_others_and_they_for_him() -> None:
    room, seen = Room(), list[str]()
    with ThreadPoolExecutor(3) as pool:
        leave, claimed = threading.Event(), threading.Event()

        def first() -> None:
            with room.shared():
                claimed.set()
                leave.wait()
                seen.append("first")

        def alone() -> None:
            with room.alone():
                seen.append("alone")

        def last() -> None:
            with room.shared():
                seen.append("last")

        pool.submit(first)
        claimed.wait()
        waiting = pool.submit(alone)
        while not room.claimed:
            threading.Event().wait(0.001)
        pool.submit(last)
        assert not waiting.done()
        leave.set()
    assert seen == ["first", "alone", "last"]


def test_what_is_unmeasured_may_be_proposed_again(parts: Parts) -> None:
    def proposed(number: int, status: CandidateStatus) -> Candidate:
        made = replace(parts.context.baseline, id=str(number), sequence=1000 * number)
        print_ = replace(made.fingerprint, text="the same")
        made = parts.journal.propose(replace(made, fingerprint=print_))
        parts.journal.update(made.ended(status, "why"))
        return made

    first = proposed(1, CandidateStatus.UNMEASURED)
    # Below `settled` its end is known; of others only that they were taken up.
    assert parts.journal.match(first.fingerprint, 3000, settled=2000) is None
    assert parts.journal.match(first.fingerprint, 3000, settled=1000) is not None
    proposed(2, CandidateStatus.CRASHED)
    found = parts.journal.match(first.fingerprint, 3000, settled=3000)
    assert found is not None
    assert found[1].id == "2"
