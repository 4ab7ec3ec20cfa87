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
    ShownCandidate,
    Typed,
)
from archwright.agents.reading import FormatError, parse_json, read_answer
from archwright.agents.roles import CODER, DEBUGGER
from archwright.tasks.loading import load_task

BRIEF = Brief.of(load_task("digits").spec)
SOURCE = "import torch.nn as nn\n\n\nclass Model(nn.Module):\n    width = 8\n    depth = 2\n"
PARENT = ShownCandidate(id="3", title="parent", source=SOURCE, score=90.0, gain=1.0)
IDEA = Idea(operator="widen", title="wider", rationale="more room")
CODE = CodeQuestion(brief=BRIEF, idea=IDEA, works=(PARENT,))
REPAIR = RepairQuestion(brief=BRIEF, title="wider", source=SOURCE, report={}, attempt=1)
SAID = {"title": "wider", "rationale": "more room"}


class Said(Typed):
    """An answer in JSON."""

    title: str
    rationale: str
    hypothesis: str = ""


def read(text: str, cut: bool = False) -> Said:
    return read_answer(text, Said, CODE, parse_json, cut)


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
    said = read(text)
    assert said.title == "wider"
    assert " ".join(said.rationale.split()) == "more room"


def test_keys_that_the_answer_does_not_know_are_left_out() -> None:
    assert read(json.dumps(SAID | {"operator": "control", "score": 99.9})) == Said(**SAID)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("<think>I never stop thinking", "empty"),
        ("I cannot help with that.", "no JSON object"),
        ('{"title": "wider", "rationale": }', "Expecting value: line 1 column 33"),
        ('{"title": "wider"}', "rationale: Field required"),
        ('{"title": 3, "rationale": "x"}', "title"),
        ("[1, 2]", "no JSON object"),
        ('{"optimizer": "adamw"}', "none of the keys that were asked for: title, rationale"),
    ],
)
def test_what_holds_no_idea_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        read(text)


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


# --- thoughts -------------------------------------------------------------------------------------

NOT_YET = json.dumps(SAID | {"title": "a draft"})
DRAFT = f"Perhaps:\n```json\n{NOT_YET}\n```\nNo, too plain.\n"
FINAL = json.dumps(SAID)


@pytest.mark.parametrize(
    "text",
    [
        f"{DRAFT}</think>\n\n{FINAL}",
        f"<think>{DRAFT}</think>{FINAL}",
        f'<think lang="en">\n{DRAFT}</think>\n{FINAL}',
        f"<Think>{DRAFT}</Think>{FINAL}",
        f"<think>a <think>{DRAFT}</think> b {DRAFT}</think>{FINAL}",
        f"<think>I open <think> twice. {DRAFT}</think>{FINAL}",
        f'<think>I close with "</think>". {DRAFT}</think>{FINAL}',
        f"<think>Then comes `</think>`. {DRAFT}</think>{FINAL}",
        f"<think>```json\n{NOT_YET}\n```</think>```json\n{FINAL}\n```",
        f"<think>{DRAFT}</think>Wait.<think>{DRAFT}</think>{FINAL}",
        f"{FINAL}\n<think>{DRAFT} That will do.</think>",
        f"<think>{DRAFT}</think>{DRAFT}</think>{FINAL}",
        f"<thinking>{DRAFT}</thinking>{FINAL}",
        f"<reasoning>{DRAFT}</reasoning>{FINAL}",
        f"<thought>{DRAFT}</thought>{FINAL}",
        f"<thinking>{DRAFT}<reflection>{DRAFT}</reflection></thinking><output>{FINAL}</output>",
        f"[THINK]{DRAFT}[/THINK]{FINAL}",
        f"◁think▷{DRAFT}◁/think▷{FINAL}",
        f"<seed:think>{DRAFT}</seed:think>{FINAL}",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|><|begin_of_solution|>{FINAL}<|end_of_solution|>",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|>{FINAL}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>"
        f"{FINAL}<|return|>",
        f"{DRAFT}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{FINAL}",
        f"analysisI think.\n{DRAFT}assistantfinal{FINAL}",
        f"<think>{DRAFT}<answer>{FINAL}</answer>",
        f"{DRAFT}Final answer:\n```json\n{FINAL}\n```",
        f'Adam is {{"optimizer": "adamw"}}.\n{FINAL}',
        f'{FINAL}\nThe recipe is {{"optimizer": "adamw"}}.',
    ],
)
def test_what_was_thought_aloud_is_not_the_answer(text: str) -> None:
    assert read(text).title == "wider"


@pytest.mark.parametrize("tag", ["</think>", "<think>", "[/THINK]", "◁/think▷", "<|end|>"])
def test_a_tag_in_a_string_is_no_tag(tag: str) -> None:
    said = SAID | {"hypothesis": f"It writes {tag} and goes on."}
    assert read(json.dumps(said)).hypothesis == said["hypothesis"]
    source = f'{SOURCE}    tag = "a {tag} b"\n    # {tag}\n    """{tag}\n    """\n'
    for text in (source, f"Keep `{tag}`.\n```python\n{source}```", json.dumps({"source": source})):
        assert CODER.read(text, CODE).source == source


@pytest.mark.parametrize(
    "text", [f"<think>{DRAFT}", f"<think>{DRAFT}</think>", f"{DRAFT}</think>\n", f"[THINK]{DRAFT}"]
)
def test_a_reply_that_is_all_thought_is_empty(text: str) -> None:
    with pytest.raises(FormatError, match="empty: all of it is thought"):
        read(text)
    with pytest.raises(FormatError, match="cut off at the limit"):
        read(text, cut=True)


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rationale"),
    [
        ("｛“title”：“wider”，“rationale”：“r，s”｝", "r，s"),
        ('{"title"："wider"，"rationale"："r"}', "r"),
        ("{'title': 'wider', 'rationale': 'it's \"so\"', 'x': true, 'y': null}", 'it\'s "so"'),
        ("{\n // as said\n title: 'wider', rationale: 'it\\'s',\n}", "it's"),
        ('{"title": "wider", "rationale": `r\n"s"`}', 'r\n"s"'),
        (json.dumps(json.dumps(SAID | {"rationale": "r"})), "r"),
        (r"{\"title\": \"wider\", \"rationale\": \"r\"}", "r"),
        (r'{\n  "title": "wider",\n  "rationale": "r"\n}', "r"),
        ('{\xa0"title":\xa0"wider",\xa0"rationale":\xa0"r"}', "r"),
        ('{"Title": "wider", "RATIONALE": "r"}', "r"),
        ('{"title": "wider", "rationale": "r", "hypothesis": null}', "r"),
        ('{"ideas": [{"title": "wider", "rationale": "r"}]}', "r"),
        (json.dumps({"name": "answer", "arguments": json.dumps(SAID | {"rationale": "r"})}), "r"),
        ('{"title": "wider", "rationale": "r"}\nForm: {"title": "...", "rationale": "<why>"}', "r"),
        (r'{"title": "wider", "rationale": "\alpha \theta", "meta": {"a": 1}}', r"\alpha \theta"),
        (r'{"title": "wider", "rationale": "\beta, \frac{1}{2}"}', r"\beta, \frac{1}{2}"),
        (r'{"title": "wider", "rationale": "\\alpha\nb"}', "\\alpha\nb"),
        ('{"title": "wider", "rationale": "r", "evidence": ["3",],}', "r"),
        ('{"title": "wider", // as said\n "rationale": "http://x" /* so */}', "http://x"),
        ('{"title": "wider", "rationale": "r", "hypothesis": "", "plan": None, "x": True}', "r"),
        ("{'title': 'wider', 'rationale': \"it's\", 'x': None}", "it's"),
        ("{“title”: “wider”, “rationale”: “r”}", "r"),
        ('{title: "wider", rationale: "r", x: +1.5}', "r"),
        ('{"title": "wider", "rationale": "\\ud83d\\u0000"}', "\ufffd\ufffd"),
        ('{"title": "wider", "rationale": "\\ud83d\\ude00"}', "\U0001f600"),
        ('{"title": "wider", "rationale": "\ud83d\ude00 \ud83d"}', "\U0001f600 \ufffd"),
        ('{"arguments": {"title": "wider", "rationale": "r"}, "name": "answer"}', "r"),
        ('[{"title": "wider", "rationale": "r"}]', "r"),
        ('```python\nRECIPE = {"title": 1}\n```\n{"title": "wider", "rationale": "r"}', "r"),
    ],
)
def test_json_that_is_nearly_right_is_repaired(text: str, rationale: str) -> None:
    idea = read(text)
    assert (idea.title, idea.rationale) == ("wider", rationale)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"title": "wider", "rationale": "the "big" one", "meta": {"a": 1}}', "column 39"),
        ('Adam: {"optimizer": "adamw"}.\n\n{"title": "wider" "rationale": "r"}', "column 19"),
        (f'{FINAL}\nBetter:\n{{"title": "deeper", "rationale": "a "b" c"}}', "column 38"),
        ('{"title": "wider",\n"rationale": "r', "Unterminated string starting at: line 2"),
    ],
)
def test_json_that_cannot_be_repaired_goes_back_with_the_parsers_words(
    text: str, reason: str
) -> None:
    with pytest.raises(FormatError, match=f"cannot be read: .*{reason}"):
        read(text)


# --- code -----------------------------------------------------------------------------------------

DOCSTRING = f'"""Use:\n\n```python\nModel()\n```\n"""\n{SOURCE}'
EXCERPT = "class Model:\n    ...\n"
A_TEST = "class TestModel:\n    x = 1\n"
OTHER_SOURCE = SOURCE.replace("8", "99")
HUNK = "@@ -5 +5 @@\n-    width = 8\n+    width = 16\n"


def block(source: str, language: str = "python") -> str:
    return f"```{language}\n{source}```\n"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (block(DOCSTRING), DOCSTRING),
        (block(DOCSTRING) + "Use it so:\n" + block("Model()\n"), DOCSTRING),
        (f"~~~python\n# ```\n{SOURCE}~~~", f"# ```\n{SOURCE}"),
        ("1. So:\n\n" + "".join(f"   {x}\n" for x in block(SOURCE).splitlines()), SOURCE),
        (f"Here: {block(SOURCE)}", SOURCE),
        (f"````markdown\nHere:\n{block(SOURCE)}````", SOURCE),
        (block(SOURCE).replace("\n", "\r\n"), SOURCE),
        (f"```python\n{SOURCE.rstrip()}```", SOURCE),
        (f'```json\n{{"notes": null}}\n{block(SOURCE)}', SOURCE),
        (f"```python\n{OTHER_SOURCE}{block(SOURCE)}", SOURCE),
        (f"```python\n{SOURCE}\nIt is wide, as asked.", SOURCE),
        (f"It is wide.\n\n{SOURCE}\nThat is all. It works.", SOURCE),
        (f"<code>\n{SOURCE}</code>", SOURCE),
        (f"```\npython\n{SOURCE}```", SOURCE),
        (block(SOURCE.replace("    ", "\xa0\xa0\xa0\xa0")), SOURCE),
        (block("\ufeff" + SOURCE.replace("width", "\u200bwidth")), SOURCE),
        (block(f"{SOURCE}    small = 1 &lt; 2\n"), f"{SOURCE}    small = 1 < 2\n"),
        (block(f"{SOURCE}    sign = &quot;&amp;lt;&quot;\n"), f'{SOURCE}    sign = "&lt;"\n'),
        (block(f"{SOURCE}    sign = '&lt;'\n"), f"{SOURCE}    sign = '&lt;'\n"),
        (f"Was:\n{block(OTHER_SOURCE)}Now:\n{block(SOURCE)}", SOURCE),
        (json.dumps({"source": OTHER_SOURCE}) + f"\nBetter:\n{block(SOURCE)}", SOURCE),
        (f"{block(SOURCE)}In short:\n{block(EXCERPT)}", SOURCE),
        (f"{block(SOURCE)}A test:\n{block(A_TEST)}", SOURCE),
        (block(SOURCE.replace("8", "8  # \ud83d\0")), SOURCE.replace("8", "8  # \ufffd\ufffd")),
        (block(HUNK), SOURCE.replace("8", "16")),
        (f"--- a\n+++ b\n{HUNK}", SOURCE.replace("8", "16")),
        (block(f"*** Begin Patch\n*** Update File: m.py\n{HUNK}*** End Patch\n", "diff"),
         SOURCE.replace("8", "16")),
        (f"{block(OTHER_SOURCE)}No, less:\n{block(HUNK, 'diff')}", SOURCE.replace("8", "16")),
    ],
)  # fmt: skip
def test_the_last_code_that_defines_the_class_is_the_file(text: str, source: str) -> None:
    assert CODER.read(text, CODE).source == source


def test_what_the_class_uses_may_stand_in_other_blocks() -> None:
    imports, body = SOURCE.split("\n\n\n")
    base = 'class Block(nn.Module):\n    pattern = "\\d"  # Python warns of it\n'
    model = body.replace("nn.Module", "Block") + "    head = lambda self: Head()\n"
    head = "class Head(nn.Linear):\n    pass\n"
    use = "model = Model()\nprint(model.head())\n"
    older = base.replace("pattern", "older")
    said = [f"{imports}\n", older, base, model, head, use]
    source = CODER.read("\nThen:\n".join(map(block, said)), CODE).source
    assert [line for line in source.splitlines() if line] == [
        line for part in (imports, base, model, head) for line in part.splitlines() if line
    ]


def test_a_final_file_that_is_broken_is_not_replaced_by_its_draft() -> None:
    broken = block("class Model(nn.Module:\n    pass\n")
    with pytest.raises(FormatError, match="line 1 of the file"):
        CODER.read(f"Was:\n{block(SOURCE)}Now:\n{broken}", CODE)
    with pytest.raises(FormatError, match="cut off at the limit"):
        CODER.read(f"Was:\n{block(SOURCE)}Now:\n```python\n{SOURCE}", CODE, cut=True)


@given(st.text())
def test_any_words_are_read_or_refused(text: str) -> None:
    for attempt in (
        lambda: read(text),
        lambda: CODER.read(text, CODE),
        lambda: DEBUGGER.read(text, REPAIR),
    ):
        with contextlib.suppress(FormatError):
            attempt()


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
