"""The queue: the most promising first, none for ever, and nothing paid for what is dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from parts import Parts

from archwright.core import Candidate, Stopped, sequence_of
from archwright.runs.proposing.queueing import OVERTAKEN, SPARE, Queue


def candidate(number: int) -> Candidate:
    return Candidate(str(number), sequence=sequence_of(number))


def queue_of(
    parts: Parts,
    promise: Callable[[Candidate], float] = lambda _: 0.0,
    slots: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> Queue:
    return Queue(parts.journal, slots - SPARE, promise, stopping)


class Line:
    """Candidates that stand in a queue behind one that holds its only slot."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.dropped: dict[int, str] = {}
        self.order: list[int] = []
        self._threads: list[threading.Thread] = []

    def join(self, number: int) -> None:
        """One more, that waits when this returns."""
        self._threads.append(threading.Thread(target=self._pass, args=(number,)))
        self._threads[-1].start()
        while self.queue.waiting < len(self._threads):
            time.sleep(0.001)

    def _pass(self, number: int) -> None:
        with self.queue.slot(candidate(number)) as dropped:
            self.dropped[number] = dropped
            self.order.append(number)

    def end(self) -> None:
        for thread in self._threads:
            thread.join()


@contextmanager
def held(queue: Queue) -> Iterator[Line]:
    """A line; once all stand in it the slot is free."""
    line = Line(queue)
    with queue.slot(candidate(1)):
        yield line
    line.end()


def promises(said: Mapping[int, float]) -> Callable[[Candidate], float]:
    return lambda c: said.get(c.number, 0.0)


def test_nobody_waits_while_slots_are_free(parts: Parts) -> None:
    queue = queue_of(parts, slots=3)
    with queue.slot(candidate(1)), queue.slot(candidate(2)), queue.slot(candidate(3)) as dropped:
        assert (dropped, queue.waiting) == ("", 0)


def test_the_most_promising_goes_first_and_of_equals_the_earlier(parts: Parts) -> None:
    queue = queue_of(parts, promises({2: 1.0, 3: 5.0, 4: 1.0, 5: 3.0}))
    with held(queue) as line:
        for number in (4, 5, 2, 3):
            line.join(number)
    assert line.order == [3, 5, 2, 4]
    assert set(line.dropped.values()) == {""}


def test_what_is_overtaken_too_often_is_dropped_and_holds_no_slot(parts: Parts) -> None:
    better = range(3, 3 + OVERTAKEN)
    queue = queue_of(parts, promises(dict.fromkeys(better, 1.0)))
    with held(queue) as line:
        line.join(2)
        for number in better:
            line.join(number)
    assert line.dropped.pop(2) == "8 that were proposed later went first"
    assert set(line.dropped.values()) == {""}
    assert queue.waiting == 0
    with queue.slot(candidate(99)) as dropped:
        assert dropped == "", "the dropped one holds no slot"


def test_what_was_proposed_earlier_overtakes_nobody(parts: Parts) -> None:
    early = range(2, 2 + 2 * OVERTAKEN)
    queue = queue_of(parts, promises(dict.fromkeys(early, 1.0)))
    with held(queue) as line:
        for number in (50, *early):
            line.join(number)
    assert line.order[-1] == 50
    assert line.dropped[50] == ""


def test_a_slot_is_free_again_whatever_ended_its_use(parts: Parts) -> None:
    queue = queue_of(parts)
    for number in (1, 2):
        with pytest.raises(ZeroDivisionError), queue.slot(candidate(number)):
            raise ZeroDivisionError


def test_a_stop_ends_the_waiting_and_decides_nothing(parts: Parts) -> None:
    stop = threading.Event()
    queue = queue_of(parts, stopping=stop.is_set)
    with queue.slot(candidate(1)):
        stop.set()
        with pytest.raises(Stopped), queue.slot(candidate(2)):
            pytest.fail("it was let in")
    assert [step.key for step in parts.journal.steps("queue")] == ["1"]


def test_who_was_let_in_or_dropped_before_stays_so_and_holds_its_slot(parts: Parts) -> None:
    better = range(3, 3 + OVERTAKEN)
    with held(queue_of(parts, promises(dict.fromkeys(better, 1.0)))) as line:
        line.join(2)
        for number in better:
            line.join(number)
    again = queue_of(parts)
    with again.slot(candidate(2)) as dropped:
        assert dropped == "8 that were proposed later went first"
    with held(again) as line:
        line.join(40)
        assert again.waiting == 1, "what goes on has the slot that it had"
    assert line.order == [40]
