"""The memo of a run: written after every few results, kept, and carried on."""

from __future__ import annotations

import threading
from typing import Any

from parts import Parts, enter

from archwright.agents.backends import Request
from archwright.agents.memo import Memo
from archwright.core import AnswerError, Measurement
from archwright.runs.memory import MEMO
from archwright.runs.proposing.memos import EVERY
from archwright.runs.results.memo import latest_memo, memo_text


def results(parts: Parts, first: int = 1, count: int = EVERY) -> None:
    for number in range(first, first + count):
        enter(parts, str(number), number / 10, hypothesis=f"hypothesis {number}")


def says(*ids: str, words: str = "units that bend", **more: Any) -> dict[str, Any]:
    return {"helps": [{"words": words, "candidates": ids, "effect": 99.0}], **more}


def asked(parts: Parts) -> list[Request]:
    return [r for r in parts.backend.requests if r.role == "evaluator"]


def test_it_is_written_after_every_few_results_and_no_sooner(parts: Parts) -> None:
    parts.script({"evaluator": lambda _: says("8")})
    memos = parts.memos()
    results(parts, count=EVERY - 1)
    assert memos.upto_date() == Memo()
    assert asked(parts) == []
    results(parts, EVERY, 1)
    (helps,) = memos.upto_date().helps
    assert (helps.words, helps.candidates, helps.effect) == ("units that bend", ("8",), 1.6)
    results(parts, EVERY + 1, EVERY - 1)
    assert memos.upto_date().helps == (helps,)
    assert len(asked(parts)) == 1
    assert "units that bend (8 over their parents: +1.6 %)" in memo_text(parts.journal)


def test_what_a_higher_rung_shows_is_a_result_as_well(parts: Parts) -> None:
    parts.script({"evaluator": lambda _: says("1")})
    memos = parts.memos()
    for number in range(1, EVERY // 2 + 1):
        shown = {0: Measurement(70.0, 0.1, 1), 1: Measurement(71.0, number / 10, 1)}
        enter(parts, str(number), rungs=shown)
    memos.upto_date()
    assert len(asked(parts)) == 1


def test_the_next_one_is_written_from_the_last(parts: Parts) -> None:
    parts.script({"evaluator": lambda r: says("8", words=f"page {len(r.context['memo'])}")})
    memos = parts.memos()
    results(parts)
    memos.upto_date()
    results(parts, EVERY + 1)
    memos.upto_date()
    first, second = asked(parts)
    assert first.context["memo"] == ""
    assert "page 0 (8 over" in second.context["memo"]
    assert first.prompt != second.prompt
    # Only of the newest it says what their proposers expected to see.
    assert set(second.context["hypotheses"]) == {str(n) for n in range(9, 17)}
    found = latest_memo(parts.journal)
    assert found is not None
    assert found[1] == 2 * EVERY


def test_a_run_that_goes_on_asks_no_second_time(parts: Parts) -> None:
    parts.script({"evaluator": lambda _: says("8")})
    results(parts)
    before = parts.memos().upto_date()
    assert parts.memos().upto_date() == before
    assert len(asked(parts)) == 1


def test_who_comes_while_it_is_written_waits_for_it(parts: Parts) -> None:
    begun, written = threading.Event(), threading.Event()

    def slowly(_: Request) -> dict[str, Any]:
        begun.set()
        written.wait(30)
        return says("8")

    parts.script({"evaluator": slowly})
    memos, found = parts.memos(), []
    results(parts)
    threads = [threading.Thread(target=lambda: found.append(memos.upto_date())) for _ in "abc"]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    written.set()
    for thread in threads:
        thread.join()
    assert len(asked(parts)) == 1
    assert len(found) == 3
    assert len(set(map(str, found))) == 1


def test_where_the_model_gives_none_the_numbers_speak(parts: Parts) -> None:
    def fail(_: Request) -> dict[str, Any]:
        raise AnswerError("it is silent")

    parts.script({"evaluator": fail})
    for number in range(1, EVERY + 1):
        enter(parts, str(number), 3.0, operator="widen", parents=("baseline",))
    (helps,) = parts.memos().upto_date().helps
    assert (helps.words, helps.effect) == ("widen", 6.0)


def test_what_it_says_reaches_the_knowledge_base_and_is_taken_back(parts: Parts) -> None:
    memory, run = parts.memory(), parts.context.run
    results(parts)

    def lessons() -> list[str]:
        entries = (parts.knowledge.find(run, f"{MEMO}{n}") for n in (1, 2))
        return [entry.lesson for entry in entries if entry is not None]

    both = says("8")["helps"] + says("7", words="depth")["helps"]
    parts.script({"evaluator": lambda _: {"helps": both}})
    memory.remember_memo(parts.memos().upto_date())
    assert lessons() == [
        "units that bend (8 over their parents: +1.6 %)",
        "depth (7 over their parents: +1.4 %)",
    ]
    results(parts, EVERY + 1)
    parts.script({"evaluator": lambda _: says("16", words="width")})
    memory.remember_memo(parts.memos().upto_date())
    assert lessons() == ["width (16 over their parents: +3.2 %)", ""]
