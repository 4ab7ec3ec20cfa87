"""How a model stands in a run: whether it ever answered, how long it is silent, whether it is
dead."""

from __future__ import annotations

import threading
import time
from typing import Final

FAILED_AT_FIRST: Final = 3
"""Questions in a row that a model may fail before it ever gave a usable reply."""
FAILED_LATER: Final = 10
"""The same for a model that did: a single bad question is that question's own."""
FAILED_BEFORE_ANOTHER: Final = 2
"""The same where another model is there to take over."""


class Standing:
    """How one model stands. Any number of threads may tell and ask.

    `silent_since` is when an outage began (`time.monotonic`), None while there is none; `reached`
    says whether a server ever answered; `dead` why it is asked no more, empty while it is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self._answered = -1.0
        self.silent_since: float | None = None
        self.reached = False
        self.dead = ""

    def note_answer(self) -> None:
        """It gave a usable reply."""
        with self._lock:
            self._failed.clear()
            self._answered = time.monotonic()
            self.silent_since = None
            self.reached = True

    def note_failure(self, question: str, has_successor: bool = False) -> int | None:
        """It failed at a question: how many it failed in a row, where these are too many.

        A question that comes in other words is the same question.

        Args:
            has_successor: whether another model would answer in its place.
        """
        with self._lock:
            self._failed.add(question)
            most = FAILED_AT_FIRST if self._answered < 0 else FAILED_LATER
            most = FAILED_BEFORE_ANOTHER if has_successor else most
            return len(self._failed) if len(self._failed) >= most else None

    def note_silence(self, reached: bool) -> float:
        """A call was not served: seconds since the outage began."""
        with self._lock:
            now = time.monotonic()
            self.reached = self.reached or reached
            if self.silent_since is None:
                self.silent_since = now
            return now - self.silent_since

    def answered_since(self, moment: float) -> bool:
        """Whether it gave a usable reply to any question since then."""
        with self._lock:
            return self._answered > moment

    def die(self, words: str) -> bool:
        """Ask it no more; gives whether that is news."""
        with self._lock:
            news = not self.dead
            self.dead = self.dead or words
            return news
