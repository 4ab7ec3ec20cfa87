"""Which model is asked, what it costs, how much may be in flight, and what is kept out of sight."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_server import Act, Call, Fail, ProtocolServer, Say
from scripts import good, words_of

from archwright.agents.backends import Request
from archwright.agents.backends.bandit import ModelPool, Pull, choose_arm, parse_models
from archwright.agents.backends.client import LitellmClient, UrlClient, import_litellm
from archwright.agents.backends.faults import read_fault
from archwright.agents.backends.keys import redact
from archwright.agents.backends.llm import LlmBackend, Patience
from archwright.agents.backends.meter import Amount, BudgetSpentError, Meter
from archwright.agents.backends.opening import BACKENDS, BackendSource, open_backend
from archwright.agents.backends.pricing import Price, parse_prices, price_of
from archwright.agents.estimating import estimate
from archwright.agents.roles import Prompts
from archwright.core import BackendError, InputError, Stopped
from archwright.core.settings import RunSettings
from archwright.tasks.loading import load_task

Runs = Any


# --- the bandit -----------------------------------------------------------------------------------


def test_untried_models_come_first_in_turn() -> None:
    assert [choose_arm(("a", "b", "c"), [], n) for n in range(4)] == ["a", "b", "c", "a"]
    assert choose_arm(("a", "b"), [Pull("a", 5.0, 0.1)], 7) == "b"


def test_gain_per_dollar_decides_in_the_end() -> None:
    pulls = [Pull("dear", 6.0, 1.0), Pull("cheap", 4.0, 0.1)] * 50
    assert choose_arm(("dear", "cheap"), pulls, 1) == "cheap"
    pulls = [Pull("good", 8.0, 0.1), Pull("bad", 0.1, 0.1)] * 50
    assert choose_arm(("bad", "good"), pulls, 1) == "good"


def test_a_model_at_no_cost_does_not_divide_by_zero() -> None:
    pulls = [Pull("local", 1.0, 0.0), Pull("far", 1.0, 0.5)]
    assert choose_arm(("far", "local"), pulls, 1) == "local"
    free = [Pull("a", 1.0, 0.0), Pull("b", 3.0, 0.0)] * 20
    assert choose_arm(("a", "b"), free, 1) == "b"


pulls_of = st.lists(
    st.builds(Pull, st.sampled_from("abc"), st.floats(-50, 50), st.floats(0, 2)), max_size=30
)


@given(pulls_of, st.integers(1, 99))
def test_the_choice_depends_on_its_arguments_alone(pulls: list[Pull], number: int) -> None:
    first = choose_arm(("a", "b", "c"), pulls, number)
    assert first in ("a", "b", "c")
    assert choose_arm(("a", "b", "c"), list(pulls), number) == first


def test_models_go_by_role() -> None:
    assert parse_models(["a"]) == {"": ("a",)}
    assert parse_models(["coder=x", "y", "z"]) == {"coder": ("x",), "": ("y", "z")}
    # A name may hold an equals sign after a slash.
    assert parse_models(["org/name=v2"]) == {"": ("org/name=v2",)}
    pool = ModelPool(parse_models(["coder=x", "y"]), lambda _: [])
    assert [pool.choose(r, "1") for r in ("coder", "reviewer")] == ["x", "y"]


def test_a_pool_gives_an_answer_one_model_and_keeps_to_it(runs: Runs) -> None:
    def act(call: Call) -> Act:
        bad = call.model == "bad" and call.role == "researcher"
        return Say(words_of(call).replace("Linear", "Liner")) if bad else good(call)

    changes = {"models": ("bad", "fine"), "workers": 1, "lag": 4, "max_candidates": 30}
    changes |= {"proposals": 1, "repairs": 1}
    with ProtocolServer(act) as server, runs.run(server.url, **changes) as journal:
        chosen: dict[int, set[str]] = defaultdict(set)
        for call in journal.calls():
            if call.role == "researcher":
                chosen[int(call.candidate)] |= {call.model}
        assert all(len(models) == 1 for models in chosen.values())
        late = [next(iter(chosen[n])) for n in range(15, 31)]
        assert late.count("fine") > late.count("bad")


# --- money ----------------------------------------------------------------------------------------


def test_prices_are_said_or_listed_or_unknown() -> None:
    said = parse_prices(["1,2", "dear=10,20"])
    assert price_of("dear", said, listed=False) == Price(10, 20)
    assert price_of("other", said, listed=False) == Price(1, 2)
    assert price_of("nobody/knows-this", {}, listed=True) is None
    listed = price_of("gpt-4o-mini", {}, listed=True)
    assert listed is not None
    assert 0 < listed.sent < listed.answered
    assert Price(1, 2, cached=0.1).usd(1_000_000, 0, cached=1_000_000) == pytest.approx(0.1)
    for wrong in ("1", "a,b", "-1,2", "1,inf"):
        with pytest.raises(InputError):
            parse_prices([wrong])


def test_calls_in_flight_count_against_the_limit() -> None:
    meter = Meter(1.0, None)
    first = meter.reserve(Amount(0.9, 10), lambda: False)
    second = meter.reserve(Amount(0.9, 10), lambda: False)
    with pytest.raises(Stopped):
        meter.reserve(Amount(0.9, 10), lambda: True)
    meter.settle(first, Amount(0.4, 10))
    meter.settle(second, Amount(0.7, 10))
    with pytest.raises(BudgetSpentError, match=r"--max-usd 1: 1\.1000 spent"):
        meter.reserve(Amount(0.01, 1), lambda: False)


def test_many_threads_never_pass_the_limit_by_more_than_one_call() -> None:
    meter, cost = Meter(None, 1000), Amount(0.0, 70)

    def spend() -> None:
        while True:
            try:
                reserved = meter.reserve(cost, lambda: False)
            except BudgetSpentError:
                return
            meter.settle(reserved, cost)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1000 <= meter.spent.tokens < 1000 + 70


def test_an_estimate_grows_with_candidates_and_price() -> None:
    spec = load_task("digits").spec
    one = estimate(spec, Prompts(), 3, 4, 1, {"a": Price(1, 2)})
    many = estimate(spec, Prompts(), 3, 4, 100, {"a": Price(1, 2), "b": Price(10, 20)})
    assert one.usd is not None
    assert many.usd == pytest.approx(1000 * one.usd, rel=0.01)
    assert many.tokens == pytest.approx(100 * one.tokens, rel=0.01)
    assert estimate(spec, Prompts(), 3, 4, 1, {"a": Price(1, 2), "b": None}).usd is None


# --- keys, faults ---------------------------------------------------------------------------------


def test_secrets_of_the_environment_are_kept_out() -> None:
    environment = {"OPENAI_API_KEY": "sk-123456789", "MY_TOKEN": "tok-abcdefgh", "HOME": "/root/x"}
    said = "key sk-123456789, token tok-abcdefgh, home /root/x"
    assert redact(said, environment) == "key [key], token [key], home /root/x"
    assert redact("short", {"A_KEY": "short"}) == "short"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_a_number_or_a_date(said: str, seconds: float | None) -> None:
    import httpx
    import openai

    request = httpx.Request("POST", "http://127.0.0.1/v1")
    response = httpx.Response(429, headers={"Retry-After": said}, request=request)
    fault = read_fault(openai.RateLimitError("slow down", response=response, body=None), "toy")
    assert fault.kind == "outage"
    assert fault.wait_seconds == seconds


def _backend(client: Any, stop: threading.Event, notify: Any = lambda _: None) -> LlmBackend:
    patience = Patience(0.01, 0.05, outage_seconds=2.0, contact_seconds=0.3)
    pool = ModelPool(parse_models(["openai/toy"]), lambda _: [])
    prices: dict[str, Price | None] = {"openai/toy": Price(1, 2)}
    return LlmBackend(client, pool, prices, Meter(None, None), 512, stop, notify, patience)


ASKED = Request("coder", "You are the coder.", {}, 1)


@pytest.mark.filterwarnings("ignore")  # litellm's own
@pytest.mark.parametrize("drop_after", [None, 2])
def test_litellm_names_reach_the_same_server(
    monkeypatch: pytest.MonkeyPatch, drop_after: int | None
) -> None:
    def act(call: Call) -> Act:
        return Say(words_of(call), drop_after=drop_after if call.nth == 0 else None)

    import_litellm()
    with ProtocolServer(act) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-1")
        reply = _backend(LitellmClient(5.0), threading.Event()).answer(ASKED)
        assert reply.text == words_of(server.served[-1].call)
        assert reply.tries == len(server.served) == (1 if drop_after is None else 2)
        assert server.served[0].call.key == "sk-planted-1"


@pytest.mark.filterwarnings("ignore")  # litellm's own
def test_what_a_server_says_is_found_behind_litellms_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"message": "You exceeded your current quota", "details": [{"retryDelay": "0.01s"}]}

    def act(call: Call) -> Act:
        return Say(words_of(call)) if call.nth else Fail(429, "", body={"error": said})

    with ProtocolServer(act) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-1")
        reply = _backend(LitellmClient(5.0), threading.Event()).answer(ASKED)
    assert (reply.error, reply.tries) == ("", 2)


def test_an_address_where_nobody_is_stops_soon() -> None:

    backend = _backend(UrlClient("http://127.0.0.1:9/v1", 5.0), threading.Event())
    with pytest.raises(
        BackendError,
        match=r"openai/toy: no server answers at http://127.0.0.1:9/v1 .*check --base-url",
    ):
        backend.answer(ASKED)
    with pytest.raises(BackendError):
        backend.answer(ASKED)


def test_a_stop_ends_the_waiting() -> None:
    stop = threading.Event()

    def act(call: Call) -> Act:
        if call.nth == 1:
            stop.set()
        return Fail(503, "down", headers={"Retry-After": "0"})

    with ProtocolServer(act) as server, pytest.raises(Stopped):
        _backend(UrlClient(server.url, 5.0), stop).answer(ASKED)


def test_importing_the_backend_imports_no_provider(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys, archwright.agents.backends.llm, archwright.runs.backends\n"
        "names = ('openai', 'litellm', 'tenacity', 'httpx', 'torch', 'transformers', 'docker')\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == "[]"


# --- backends by name -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scripted", "replay", "symbolic:x", "llm:x", ""])
def test_what_the_registry_does_not_hold_is_refused_with_what_it_offers(name: str) -> None:
    said = f"--backend must be symbolic or replay:RUN, not {name!r}"
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        open_backend(BackendSource(RunSettings(backend=name)))


def test_every_backend_of_the_registry_opens_by_its_name() -> None:
    models = {"models": ("toy",), "base_url": "http://127.0.0.1:9/v1", "prices": ("0,0",)}
    settings = [RunSettings(), RunSettings(backend="replay:digits-1"), RunSettings(**models)]
    opened = [open_backend(BackendSource(s)).name for s in settings]
    assert opened == ["symbolic", "replay", "llm"]
    assert opened == [kind.usage.partition(":")[0] for kind in BACKENDS]
