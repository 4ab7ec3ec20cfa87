"""One call to a model: reserved before, listened to in a thread of its own, settled after."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archwright.agents.backends.client import CHARACTERS_PER_TOKEN, Client, estimate_tokens
from archwright.agents.backends.faults import Fault, FaultError, read_fault
from archwright.agents.backends.meter import Amount, Meter
from archwright.agents.backends.pricing import Price
from archwright.agents.backends.wire.content import Completion
from archwright.agents.backends.wire.messages import Asked
from archwright.agents.backends.wire.refusals import read_refusal
from archwright.core import Stopped

LEAST_CHARACTERS_PER_TOKEN: Final = 2.0
"""Text denser than this is rare: it bounds what a call in flight can cost."""
POLL_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 5.0
"""How long the token counts are waited for once a reply is whole."""


@dataclass(slots=True)
class Outlay:
    """What the tries of one question cost, and since when it is asked."""

    tries: int = 0
    broken: int = 0
    adapted: int = 0
    sent: int = 0
    cost: Amount = field(default_factory=Amount)
    estimated: bool = False
    room: int | None = None
    """The longest answer that fits after this very prompt, once a server has said so."""
    thought: str = ""
    began: float = field(default_factory=time.monotonic)


class Caller:
    """Calls models and counts what that costs. Any number of threads may call at a time.

    Args:
        client: how a model is reached.
        prices: by model; None where the price is unknown, and its calls count no dollars.
        meter: the limits.
        stop: ends all calls.
        silence_seconds: longest wait for the next piece of a reply.
    """

    def __init__(
        self,
        client: Client,
        prices: Mapping[str, Price | None],
        meter: Meter,
        stop: threading.Event,
        silence_seconds: float,
    ) -> None:
        self._client = client
        self._prices = prices
        self._meter = meter
        self._stop = stop
        self._silence_seconds = silence_seconds

    def call(
        self, asked: Asked, said: Mapping[str, Any], name: str, room: int, outlay: Outlay
    ) -> Completion:
        """One call, reserved before and settled after, however it ends.

        Args:
            said: what the call says beside model and messages.
            name: the call's own, for gateways that bill none twice.
            room: the longest answer that it asks for.

        Raises:
            FaultError: it brought no whole reply.
            Stopped: the run was asked to stop.
            BudgetSpentError: there is nothing left to pay it.
        """
        reserved = self._meter.reserve(self._most(asked, room), self._stop.is_set)
        completion, cost, answered = Completion(), Amount(), False
        try:
            self._listen(asked, said, name, completion)
            answered = True
        except (Stopped, FaultError):
            raise
        except Exception as error:  # noqa: BLE001 - providers' packages raise anything
            begun, url = completion.said_anything, self._client.url
            fault = read_fault(error, asked.model, url, begun)
            raise FaultError(fault, read_refusal(error)) from None
        finally:
            completion.leave()
            if answered or completion.said_anything:
                cost = self._cost(asked, completion, outlay)
            self._meter.settle(reserved, cost)
            outlay.tries += 1
            outlay.cost += cost
            outlay.thought = completion.thought
        return completion

    def _listen(
        self, asked: Asked, said: Mapping[str, Any], name: str, completion: Completion
    ) -> None:
        """Wait for a reply in a thread of its own, so that a silent server can be left at once.

        Raises:
            Stopped: the run was asked to stop.
            FaultError: nothing came for too long.
            Exception: what the client raised.
        """
        done, failed = threading.Event(), list[Exception]()
        call = {"model": asked.model, "messages": asked.messages, **said}

        def work() -> None:
            try:
                self._client.complete(call, name, completion)
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                failed.append(error)
            finally:
                done.set()

        completion.heard = time.monotonic()
        threading.Thread(target=work, name="call", daemon=True).start()
        while not done.wait(POLL_SECONDS):
            silent = time.monotonic() - completion.heard
            if self._stop.is_set():
                raise Stopped("the run was asked to stop")
            if completion.finish and silent > SETTLE_SECONDS:
                return
            if silent > self._silence_seconds:
                raise FaultError(self._silence(asked.model, completion.said_anything))
        if failed:
            raise failed[0]

    def _silence(self, model: str, begun: bool) -> Fault:
        seconds = self._silence_seconds
        words = (
            f"{model}: nothing came for {seconds:g} s (silence_seconds in [models] of "
            "archwright.toml; --calls N where the server answers few at once)"
        )
        return Fault("broken" if begun else "outage", words, failure="empty")

    def _most(self, asked: Asked, room: int) -> Amount:
        """The most that a call can cost."""
        sent = round(asked.characters / LEAST_CHARACTERS_PER_TOKEN)
        price = self._prices.get(asked.model)
        return Amount(price.usd(sent, room) if price else 0.0, sent + room)

    def _cost(self, asked: Asked, completion: Completion, outlay: Outlay) -> Amount:
        """What a call cost; where the server did not count, by estimate."""
        sent, answered = completion.sent, completion.answered
        calls = "".join(call.arguments for call in completion.calls)
        said = estimate_tokens(completion.text + calls)
        thought = estimate_tokens(completion.thought) if completion.thought else 0
        if not sent or not answered:
            outlay.estimated = True
            sent = sent or round(asked.characters / CHARACTERS_PER_TOKEN) + 1
            answered = said + thought
        elif completion.reasoned is None and thought:
            thought = round(answered * thought / (said + thought))
        thought = min(thought if completion.reasoned is None else completion.reasoned, answered)
        cached = min(completion.cached, sent)
        outlay.sent += sent
        price = self._prices.get(asked.model)
        usd = price.usd(sent, answered, cached) if price else 0.0
        return Amount(usd, sent + answered, thought, cached)
