"""Money and tokens of a run against their limits, with what is in flight counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from archwright.core import AnswerError, Stopped


@dataclass(frozen=True, slots=True)
class Amount:
    """US dollars and tokens; of these, how many were thought, and sent but found in a cache."""

    usd: float = 0.0
    tokens: int = 0
    thought: int = 0
    cached: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.usd + other.usd,
            self.tokens + other.tokens,
            self.thought + other.thought,
            self.cached + other.cached,
        )


class BudgetSpentError(AnswerError):
    """The money or the tokens of the run are spent."""


class Meter:
    """Lets calls through for as long as the limits hold.

    A call goes when all that was spent, and the most that the calls in flight can cost, leave
    something: so a limit is never passed by more than the last call.

    Args:
        max_usd: dollars in all, None without a limit.
        max_tokens: tokens in all, None without a limit.
        spent: what was spent before.
    """

    def __init__(
        self, max_usd: float | None, max_tokens: int | None, spent: Amount | None = None
    ) -> None:
        self._max_usd = max_usd
        self._max_tokens = max_tokens
        self._changed = threading.Condition()
        self._in_flight: list[Amount] = []
        self.spent = spent or Amount()

    def reserve(self, most: Amount, stopping: Callable[[], bool]) -> Amount:
        """Wait for a place within the limits; returns `most`, to be given to `settle`.

        Raises:
            BudgetSpentError: there is nothing left.
            Stopped: the run is stopping while it waits.
        """
        with self._changed:
            while not self._leaves(sum(self._in_flight, self.spent)):
                if not self._leaves(self.spent):
                    raise BudgetSpentError(self._words())
                if stopping():
                    raise Stopped("the run was asked to stop")
                self._changed.wait(timeout=0.2)
            self._in_flight.append(most)
            return most

    def settle(self, reserved: Amount, cost: Amount) -> None:
        """A call has ended and cost this much."""
        with self._changed:
            self._in_flight.remove(reserved)
            self.spent += cost
            self._changed.notify_all()

    def _leaves(self, spent: Amount) -> bool:
        money = self._max_usd is None or spent.usd < self._max_usd
        return money and (self._max_tokens is None or spent.tokens < self._max_tokens)

    def _words(self) -> str:
        limits = []
        if self._max_usd is not None:
            limits.append(f"--max-usd {self._max_usd:g}: {self.spent.usd:.4f} spent")
        if self._max_tokens is not None:
            limits.append(f"--max-tokens {self._max_tokens}: {self.spent.tokens} spent")
        return f"the model budget is spent ({'; '.join(limits)})"
