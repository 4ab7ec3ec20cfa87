"""The LLM backend: asks models for words, waits out what passes, and keeps the account."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.bandit import ModelPool
from archwright.agents.backends.client import Client, Completion, estimate_tokens
from archwright.agents.backends.faults import BrokenStreamError, Fault, read_fault
from archwright.agents.backends.keys import redact
from archwright.agents.backends.meter import Amount, BudgetSpentError, Meter
from archwright.agents.backends.pricing import Price
from archwright.core import BackendError, Stopped

NOTICE_AFTER_SECONDS: Final = 20.0
LEAST_CHARACTERS_PER_TOKEN: Final = 2.0
"""Text denser than this is rare: it bounds what a call in flight can cost."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How faults are waited out. Waits grow by doubling, with jitter."""

    first_seconds: float = 1.0
    longest_seconds: float = 60.0
    outage_seconds: float = 1800.0
    """How long a service may be out before the run stops, to be resumed."""
    contact_seconds: float = 30.0
    """The same where no server ever answered: a wrong address is no outage."""
    broken_tries: int = 6
    """Tries of one question whose replies come empty or broken, each paid."""


class _TryError(Exception):
    """A try that ended with a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


@dataclass(slots=True)
class _Account:
    """What the tries of one question cost."""

    tries: int = 0
    broken: int = 0
    sent: int = 0
    cost: Amount = field(default_factory=Amount)
    estimated: bool = False


class LlmBackend:
    """Answers requests by models. Any number of threads may ask at a time.

    Args:
        client: how a model is reached.
        pool: which model answers.
        prices: by model; None where the price is unknown, and its calls count no dollars.
        meter: the limits.
        answer_tokens: longest reply, for what a call in flight can cost.
        stop: ends all waiting.
        notify: is told once of each outage.
        patience: how long faults are waited out.
        calls: calls at a time, at most; None without a limit.
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
    ) -> None:
        self._client = client
        self._pool = pool
        self._prices = prices
        self._meter = meter
        self._answer_tokens = answer_tokens
        self._stop = stop
        self._notify = notify
        self._patience = patience or Patience()
        self._lane = threading.BoundedSemaphore(calls) if calls else contextlib.nullcontext()
        self._silent_since: dict[str, float] = {}
        self._reached = False
        self._dead: BackendError | None = None

    def answer(self, request: Request) -> Reply:
        """One answer, in words; a question that cannot be answered is a reply with an error.

        Raises:
            BackendError: no question can be answered until somebody fixes it.
            Stopped: the run was asked to stop while a fault was waited out.
        """
        model = self._pool.choose(request.role, request.candidate)
        account = _Account()
        try:
            completion = self._ask_until(model, request, account)
        except BudgetSpentError as error:
            return _reply(model, account, error=str(error))
        except _TryError as error:
            if error.fault.kind in ("lasting", "outage"):
                self._dead = BackendError(error.fault.words)
                raise self._dead from None
            return _reply(model, account, error=f"no usable reply from {error.fault.words}")
        if completion.refusal or completion.finish == "content_filter":
            said = redact(completion.refusal or completion.text)[:300]
            return _reply(model, account, error=f"{model} refused to answer: {said}")
        cut = completion.finish == "length"
        return _reply(model, account, text=redact(completion.text), cut=cut)

    # --- tries --------------------------------------------------------------------------------

    def _ask_until(self, model: str, request: Request, account: _Account) -> Completion:
        import tenacity

        growing = tenacity.wait_random_exponential(
            multiplier=self._patience.first_seconds, max=self._patience.longest_seconds
        )

        def wait(state: Any) -> float:
            asked = state.outcome.exception().fault.wait_seconds
            # Those that were told the same time do not all come back at once.
            jitter = float(growing(state))
            return jitter if asked is None else asked + min(jitter, 0.1 * asked + 0.1)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: self._passes(e, account, model)),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        completion: Completion = retrying(self._try, model, request, account)
        self._silent_since.pop(model, None)
        return completion

    def _passes(self, error: BaseException, account: _Account, model: str) -> bool:
        """Whether to try again after an error."""
        if not isinstance(error, _TryError):
            return False
        if error.fault.kind == "broken":
            account.broken += 1
            return account.broken < self._patience.broken_tries
        if error.fault.kind != "outage":
            return False
        now = time.monotonic()
        silent = now - self._silent_since.setdefault(model, now)
        self._reached = self._reached or error.fault.reached
        if silent > NOTICE_AFTER_SECONDS:
            # A notice is recorded once: its words are the same for the whole outage.
            begun = time.strftime("%H:%M", time.localtime(time.time() - silent))
            self._notify(f"{model} gave no answer from {begun} on: calls waited until it did")
        p = self._patience
        return silent < (p.outage_seconds if self._reached else p.contact_seconds)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check_alive()
            self._stop.wait(min(left, 0.5))

    def _check_alive(self) -> None:
        if self._stop.is_set():
            raise Stopped("the run was asked to stop")
        if self._dead is not None:
            raise self._dead

    def _try(self, model: str, request: Request, account: _Account) -> Completion:
        """One call, in its turn."""
        with self._lane:
            self._check_alive()
            return self._call(model, request, account)

    def _call(self, model: str, request: Request, account: _Account) -> Completion:
        """One call, reserved before and settled after, however it ends."""
        messages = _messages(request)
        reserved = self._meter.reserve(self._most(model, messages), self._stop.is_set)
        completion, cost, answered = Completion(), Amount(), False
        try:
            self._complete(model, messages, request.hash, completion)
            answered = self._reached = True
        finally:
            if answered or completion.parts:
                cost = self._cost(model, messages, completion, account)
            self._meter.settle(reserved, cost)
            account.tries += 1
            account.cost += cost
        if not completion.text.strip() and not completion.refusal:
            raise _TryError(Fault("broken", f"{model}: the reply was empty"))
        return completion

    def _complete(
        self, model: str, messages: list[dict[str, str]], name: str, completion: Completion
    ) -> None:
        import httpx
        import openai

        try:
            self._client.complete(model, messages, name, completion)
        except (
            openai.OpenAIError,
            httpx.HTTPError,
            BrokenStreamError,
            json.JSONDecodeError,
        ) as error:
            raise _TryError(read_fault(error, model)) from None

    # --- the account --------------------------------------------------------------------------

    def _most(self, model: str, messages: list[dict[str, str]]) -> Amount:
        """The most that a call can cost."""
        characters = sum(len(m["content"]) for m in messages)
        sent = round(characters / LEAST_CHARACTERS_PER_TOKEN)
        price = self._prices.get(model)
        usd = price.usd(sent, self._answer_tokens) if price else 0.0
        return Amount(usd, sent + self._answer_tokens)

    def _cost(
        self,
        model: str,
        messages: list[dict[str, str]],
        completion: Completion,
        account: _Account,
    ) -> Amount:
        """What a call cost; where the server did not count, by estimate."""
        sent, answered = completion.sent, completion.answered
        if sent is None or answered is None:
            account.estimated = True
            sent = estimate_tokens("".join(m["content"] for m in messages))
            answered = estimate_tokens(completion.text)
        account.sent += sent
        price = self._prices.get(model)
        usd = price.usd(sent, answered, min(completion.cached, sent)) if price else 0.0
        return Amount(usd, sent + answered)


def _messages(request: Request) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": request.prompt}]
    for turn in request.turns:
        messages.append({"role": "assistant", "content": turn.said})
        messages.append({"role": "user", "content": turn.asked})
    return messages


def _reply(
    model: str, account: _Account, text: str = "", error: str = "", cut: bool = False
) -> Reply:
    return Reply(
        model=model,
        text=text,
        error=error,
        cut=cut,
        tokens=account.cost.tokens,
        usd=account.cost.usd,
        tokens_in=account.sent,
        tries=account.tries,
        estimated=account.estimated,
    )
