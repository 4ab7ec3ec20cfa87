"""The LLM backend: asks models for words, waits out what passes, and keeps the account."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from archwright.agents.backends import Failure, Reply, Request
from archwright.agents.backends.bandit import ModelPool
from archwright.agents.backends.client import Client
from archwright.agents.backends.faults import Fault, FaultError
from archwright.agents.backends.keys import redact
from archwright.agents.backends.meter import BudgetSpentError, Meter
from archwright.agents.backends.pricing import Price
from archwright.agents.backends.wire.answers import Answered, read_completion
from archwright.agents.backends.wire.calling import Caller, Outlay
from archwright.agents.backends.wire.messages import Asked
from archwright.agents.backends.wire.standing import Standing
from archwright.agents.backends.wire.terms import Terms
from archwright.core import BackendError, Stopped

NOTICE_AFTER_SECONDS: Final = 20.0
THOUGHT_KEPT: Final = 2000
"""Characters of a thought that are kept: its last ones, where it came to something."""
ADAPTED_AT_MOST: Final = 12
_FIXES: Final[Mapping[Failure, str]] = {
    "context": ": give the server a larger context, or lower examples ([search])",
    "empty": ": try another --model",
    "refused": ": try another --model",
}
"""What to do where the fault of one question turned out to be that of all."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How faults are waited out. Waits grow by doubling, with jitter."""

    first_seconds: float = 1.0
    longest_seconds: float = 60.0
    outage_seconds: float = 1800.0
    """How long a service may be out before its model is given up, and how long one question may
    take with all its waits: silence, pauses and tries together."""
    contact_seconds: float = 30.0
    """The same where no server ever answered: a wrong address is no outage."""
    silence_seconds: float = 180.0
    """Longest wait for the next piece of a reply."""
    broken_tries: int = 3
    """Tries of one question whose replies come empty or broken, each paid."""


class _DeadError(Exception):
    """The model will answer no question any more."""


class LlmBackend:
    """Answers requests by models. Any number of threads may ask at a time.

    Args:
        client: how a model is reached.
        pool: which model answers, and which take over from it.
        prices: by model; None where the price is unknown, and its calls count no dollars.
        meter: the limits.
        answer_tokens: longest reply.
        stop: ends all waiting, and all calls.
        notify: is told once of each outage, and of what a model does not take.
        patience: how long faults are waited out.
        calls: calls at a time, at most; None without a limit.
        options: parameters of every call, such as the temperature.
        goes_on: whether somebody else answers where all models are dead: each question then ends
            with an error, not the run.
    """

    name = "llm"

    def __init__(
        self,
        client: Client,
        pool: ModelPool,
        prices: dict[str, Price | None],
        meter: Meter,
        answer_tokens: int,
        stop: threading.Event,
        notify: Callable[[str], None],
        patience: Patience | None = None,
        calls: int | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
        goes_on: bool = False,
    ) -> None:
        self._pool = pool
        self._stop = stop
        self._notify = notify
        self._patience = patience or Patience()
        self._caller = Caller(client, prices, meter, stop, self._patience.silence_seconds)
        self._lane = threading.BoundedSemaphore(calls) if calls else contextlib.nullcontext()
        self._standing = {name: Standing() for name in pool.names}
        self._terms = {name: Terms(answer_tokens, options) for name in pool.names}
        self._goes_on = goes_on
        self._told: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """One answer, in words; a question that cannot be answered is a reply with an error.

        Raises:
            BackendError: no question can be answered until somebody fixes it.
            Stopped: the run was asked to stop while a fault was waited out, or in a call.
        """
        chain = self._pool.chain(request.role, request.candidate)
        for place, model in enumerate(chain):
            standing = self._standing[model]
            if standing.dead:
                continue
            living = (other for other in chain[place + 1 :] if not self._standing[other].dead)
            successor = next(living, "")
            try:
                return self._ask(model, request, bool(successor))
            except _DeadError as error:
                if standing.die(str(error)) and successor:
                    self._tell(f"{error}: {successor} answers from here on")
        words = "; ".join(dict.fromkeys(self._standing[model].dead for model in chain))
        if not self._goes_on:
            raise BackendError(words)
        self._tell(f"{words}: the symbolic engine answers from here on")
        return Reply(model=chain[-1], error=words, fault="question")

    def _ask(self, model: str, request: Request, has_successor: bool) -> Reply:
        """One model's answer, or why it gave none.

        Args:
            has_successor: whether another one answers where this one is dead.

        Raises:
            _DeadError: it will give none to any question.
        """
        outlay, standing = Outlay(), self._standing[model]
        asked = Asked(model, request)
        try:
            answered = self._ask_until(asked, outlay)
        except BudgetSpentError as error:
            return _reply(model, outlay, error=str(error), fault="budget")
        except FaultError as error:
            fault = error.fault
            alone = fault.kind == "outage" and standing.answered_since(outlay.began)
            if fault.kind == "lasting" or (fault.kind == "outage" and not alone):
                raise _DeadError(fault.words) from None
            if fault.failure != "tools":
                question = request.candidate or request.hash
                failed = standing.note_failure(f"{question}/{request.role}", has_successor)
                if failed is not None:
                    row = f"{failed} questions in a row got no usable reply; the last: "
                    fix = _FIXES.get(fault.failure, "")
                    raise _DeadError(row + fault.words + fix) from None
            words = f"no usable reply from {fault.words}"
            return _reply(model, outlay, error=words, fault=fault.failure)
        standing.note_answer()
        return _reply(model, outlay, answered)

    # --- tries --------------------------------------------------------------------------------

    def _ask_until(self, asked: Asked, outlay: Outlay) -> Answered:
        import tenacity

        growing = tenacity.wait_random_exponential(
            multiplier=self._patience.first_seconds, max=self._patience.longest_seconds
        )

        def wait(state: Any) -> float:
            said = state.outcome.exception().fault.wait_seconds
            # Those that were told the same time do not all come back at once.
            jitter = float(growing(state))
            return jitter if said is None else said + min(jitter, 0.1 * said + 0.1)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: self._passes(e, outlay, asked.model)),
            wait=wait,
            sleep=lambda seconds: self._sleep(seconds, asked.model),
            reraise=True,
        )
        answered: Answered = retrying(self._try, asked, outlay)
        return answered

    def _passes(self, error: BaseException, outlay: Outlay, model: str) -> bool:
        """Whether to try again after an error."""
        if not isinstance(error, FaultError):
            return False
        fault = error.fault
        if fault.kind == "broken":
            outlay.broken += 1
            return outlay.broken < self._patience.broken_tries
        if fault.kind != "outage":
            return False
        standing = self._standing[model]
        silent = standing.note_silence(fault.reached)
        if silent > NOTICE_AFTER_SECONDS:
            # A notice is recorded once: its words are the same for the whole outage.
            begun = time.strftime("%H:%M", time.localtime(time.time() - silent))
            self._notify(f"{model} did not answer from {begun} on: calls waited")
        p = self._patience
        most = p.outage_seconds if standing.reached else p.contact_seconds
        left = most - max(silent, time.monotonic() - outlay.began)
        if left > (fault.wait_seconds or 0.0):
            return True
        if standing.reached:
            wait = f", and asks to wait {fault.wait_seconds:,.0f} s" if fault.wait_seconds else ""
            minutes = f"outage_minutes ({p.outage_seconds / 60:g})"
            error.fault = replace(
                fault, words=f"{fault.words}{wait}: that is longer than {minutes} allows"
            )
        return False

    def _sleep(self, seconds: float, model: str) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check_alive(model)
            self._stop.wait(min(left, 0.5))

    def _check_alive(self, model: str) -> None:
        if self._stop.is_set():
            raise Stopped("the run was asked to stop")
        if dead := self._standing[model].dead:
            raise _DeadError(dead)

    def _try(self, asked: Asked, outlay: Outlay) -> Answered:
        """One call, in its turn; again at once where its terms were refused and others may do."""
        terms = self._terms[asked.model]
        with self._lane:
            while True:
                self._check_alive(asked.model)
                if asked.request.tools and not terms.takes_tools:
                    words = f"{asked.model}: the server takes no tools"
                    raise FaultError(Fault("question", words, failure="tools"))
                room = min(terms.room(asked.characters), outlay.room or terms.answer_tokens)
                said = terms.parameters(room)
                if asked.request.tools:
                    said["tools"] = list(asked.request.tools)
                name = terms.name(asked.request.hash, said)
                try:
                    completion = self._caller.call(asked, said, name, room, outlay)
                except FaultError as error:
                    if not self._adapt(error, asked, said, room, outlay):
                        raise
                else:
                    if outlay.room is not None:
                        terms.note_fit(room)
                    return read_completion(completion, asked.model, room, bool(asked.request.tools))

    def _adapt(
        self, error: FaultError, asked: Asked, said: Mapping[str, Any], room: int, outlay: Outlay
    ) -> bool:
        """Whether a refusal taught other terms to ask on."""
        outlay.adapted += 1
        if error.refusal is None or outlay.adapted > ADAPTED_AT_MOST:
            return False
        terms = self._terms[asked.model]
        if shorter := terms.shorten(error.refusal, room, asked.characters):
            outlay.room, changed = shorter
        elif error.fault.failure == "context" or not (learned := terms.learn(error.refusal, said)):
            return False
        else:
            changed = learned
        if changed.words:
            self._tell(f"{asked.model} {changed.words}")
        return True

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._notify(words)


def _reply(
    model: str,
    outlay: Outlay,
    answered: Answered | None = None,
    error: str = "",
    fault: Failure = "",
) -> Reply:
    return Reply(
        model=model,
        text=answered.text if answered else "",
        calls=answered.calls if answered else (),
        cut=answered is not None and answered.cut,
        error=error,
        fault=fault,
        tokens=outlay.cost.tokens,
        usd=outlay.cost.usd,
        tokens_in=outlay.sent,
        tries=outlay.tries,
        estimated=outlay.estimated,
        thought=redact(outlay.thought)[-THOUGHT_KEPT:],
        tokens_thought=outlay.cost.thought,
        tokens_cached=outlay.cost.cached,
    )
