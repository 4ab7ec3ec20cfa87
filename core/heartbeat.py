"""What is done again and again beside the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beating(name: str, seconds: float, beat: Callable[[], bool | None]) -> Iterator[None]:
    """Call `beat` every so often while the context lasts; nothing of it is under way afterwards.

    Args:
        name: of the thread that does it.
        seconds: from the end of one call to the next.
        beat: a true answer says that this was the last time.
    """
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(seconds) and not beat():
            pass

    thread = threading.Thread(target=go_on, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
