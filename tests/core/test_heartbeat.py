"""What is done again and again beside the work."""

from __future__ import annotations

import threading

import pytest

from archwright.core.heartbeat import beating


def test_it_goes_on_while_the_context_lasts_and_no_longer() -> None:
    third = threading.Event()
    count = 0

    def beat() -> None:
        nonlocal count
        count += 1
        if count == 3:
            third.set()

    with beating("test", 0.001, beat):
        assert third.wait(60)
    after = count
    assert all(thread.name != "test" for thread in threading.enumerate())
    assert count == after


def test_a_beat_may_be_the_last() -> None:
    beats: list[int] = []

    def beat() -> bool:
        beats.append(1)
        return True

    with beating("last", 0.001, beat):
        for thread in (t for t in threading.enumerate() if t.name == "last"):
            thread.join(60)
            assert not thread.is_alive()
    assert beats == [1]


def test_it_ends_with_what_goes_wrong_in_the_context() -> None:
    with pytest.raises(ValueError, match="wrong"), beating("ends", 60, lambda: None):
        raise ValueError("wrong")
    assert all(thread.name != "ends" for thread in threading.enumerate())
