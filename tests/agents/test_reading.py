"""Answers read out of a model's words: fences, prose, diffs, and what is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.agents.patching import DiffError, apply_diff
from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    Idea,
    RepairQuestion,
    ResearchQuestion,
    ShownCandidate,
)
from archwright.agents.reading import FormatError
from archwright.agents.roles import CODER, DEBUGGER, EVALUATOR, RESEARCHER
from archwright.tasks.loading import load_task

BRIEF = Brief.of(load_task("digits").spec)
SOURCE = "import torch.nn as nn\n\n\nclass Model(nn.Module):\n    width = 8\n    depth = 2\n"
PARENT = ShownCandidate(id="3", title="parent", source=SOURCE, score=90.0, gain=1.0)
OTHER = ShownCandidate(id="known:7", title="other", source=SOURCE, score=91.0, gain=2.0)
RESEARCH = ResearchQuestion(
    brief=BRIEF, operator="widen", parents=(PARENT,), examples=(OTHER,), lessons=(), rejected=()
)
IDEA = Idea(operator="widen", title="wider", rationale="more room")
CODE = CodeQuestion(brief=BRIEF, idea=IDEA, works=(PARENT,))
REPAIR = RepairQuestion(brief=BRIEF, title="wider", source=SOURCE, report={}, attempt=1)
SAID = {"title": "wider", "rationale": "more room"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(SAID),
        f"```json\n{json.dumps(SAID, indent=1)}\n```",
        f"Sure! Here it is:\n\n```\n{json.dumps(SAID)}\n```\nGood luck!",
        f"<think>maybe {{'x': 1}} or so</think>\n{json.dumps(SAID)}",
        f"~~~json\n{json.dumps(SAID | {'confidence': 0.9})}\n~~~",
        '{"title": "wider",\n"rationale": "more\nroom"}',
    ],
)
def test_an_idea_is_found_whatever_stands_around_it(text: str) -> None:
    idea = RESEARCHER.read(text, RESEARCH)
    assert idea.title == "wider"
    assert " ".join(idea.rationale.split()) == "more room"
    assert idea.operator == "widen"
    assert idea.parents == ("3",)


def test_words_choose_neither_the_operator_nor_the_plan() -> None:
    said = SAID | {"operator": "control", "plan": {"seed": "x"}}
    idea = RESEARCHER.read(json.dumps(said), RESEARCH)
    assert (idea.operator, idea.plan) == ("widen", {})


def test_an_idea_cites_only_what_it_was_shown() -> None:
    said = SAID | {"evidence": ["3", "known:7", "made up"], "parents": ["99"]}
    idea = RESEARCHER.read(json.dumps(said), RESEARCH)
    assert idea.evidence == ("3", "known:7")
    assert idea.parents == ("3",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("<think>I never stop thinking", "empty"),
        ("I cannot help with that.", "no JSON object"),
        ('{"title": "wider", "rationale": }', "Expecting value: line 1 column 33"),
        ('{"title": "wider"}', "rationale: Field required"),
        ('{"title": 3, "rationale": "x"}', "title"),
        ('{"title": " ", "rationale": "x"}', "title: it is empty"),
        ("[1, 2]", "no JSON object"),
    ],
)
def test_what_holds_no_idea_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        RESEARCHER.read(text, RESEARCH)


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{SOURCE}```",
        f"Wider.\n\n```javascript\n{SOURCE}\n```\nThat is all.",
        f"````\n{SOURCE}\n````",
        f"First a snippet:\n```python\nx = 1\n```\nThen all of it:\n```python\n{SOURCE}\n```",
        json.dumps({"source": SOURCE, "notes": "wider"}),
        json.dumps({"source": f"```python\n{SOURCE}\n```"}),
        f"```json\n{json.dumps({'source': SOURCE})}\n```",
        SOURCE,
    ],
)
def test_a_file_is_found_whatever_stands_around_it(text: str) -> None:
    assert CODER.read(text, CODE).source == SOURCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```python\nclass Model(nn.Module:\n    pass\n```", "line 1 of the file"),
        ("I cannot write code.", "no Python file"),
        ("```diff\n@@\n-    width = 9\n+    width = 16\n```", "hunk 1 of the diff fits nowhere"),
        ("```diff\n-    width = 8\n```", "no hunk"),
    ],
)
def test_what_holds_no_file_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        CODER.read(text, CODE)


def test_a_block_that_was_cut_off_is_no_answer() -> None:
    text = f"```python\n{SOURCE}"
    assert CODER.read(text, CODE).source == SOURCE
    with pytest.raises(FormatError, match="cut off at the limit"):
        CODER.read(text, CODE, cut=True)
    assert CODER.read(f"{text}```\nand so", CODE, cut=True).source == SOURCE


def test_a_diff_is_applied_to_the_parent() -> None:
    header = "--- a\n+++ b\n@@ -40,2 +40,2 @@\n class Model(nn.Module):\n"
    diff = f"{header}-    width = 8\n+    width = 16\n"
    code = CODER.read(f"Wider.\n\n```diff\n{diff}```", CODE)
    assert code.source == SOURCE.replace("8", "16")
    assert code.notes == "Wider."
    without = CODE.model_copy(update={"works": ()})
    with pytest.raises(FormatError, match="needs a parent"):
        CODER.read(f"```diff\n{diff}```", without)


def test_the_debugger_may_know_no_fix() -> None:
    assert DEBUGGER.read("NO FIX: the idea needs the future.", REPAIR).source is None
    assert DEBUGGER.read('{"source": null, "notes": "none"}', REPAIR).source is None
    assert DEBUGGER.read(f"Fixed.\n```py\n{SOURCE}```", REPAIR).source == SOURCE


def test_numbers_in_an_assessment_are_words_only() -> None:
    text = '{"explanation": "fell", "lesson": "wider", "score": 99.9, "gain": 12}'
    assert EVALUATOR.read(text, RESEARCH).model_dump() == {
        "explanation": "fell",
        "lesson": "wider",
    }


@given(st.text())
def test_any_words_are_read_or_refused(text: str) -> None:
    for role, question in ((RESEARCHER, RESEARCH), (CODER, CODE), (DEBUGGER, REPAIR)):
        with contextlib.suppress(FormatError):
            assert isinstance(role.read(text, question), role.answer)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.data())
def test_a_diff_gives_what_it_was_made_from(old: list[str], data: st.DataObject) -> None:
    import difflib

    new = data.draw(st.lists(st.sampled_from("abcdx"), max_size=12))
    diff = "\n".join(difflib.unified_diff(old, new, lineterm="", n=20))
    if old == new:
        with pytest.raises(DiffError):
            apply_diff("\n".join(old), diff)
    else:
        assert apply_diff("\n".join(old), diff) == "\n".join(new) + "\n"


def test_a_diff_with_a_line_that_looks_like_a_header_is_applied() -> None:
    source = "a = 1\nb = --a\n"
    diff = "@@\n a = 1\n-b = --a\n+b = ++a\n"
    assert apply_diff(source, diff) == "a = 1\nb = ++a\n"
