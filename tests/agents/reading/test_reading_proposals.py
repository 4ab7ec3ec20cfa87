"""Several proposals in one reply: each is read whole, whatever the form that the model chose."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.agents.proposers.campaign import (
    CampaignQuestion,
    LedgerRow,
    Proposals,
    Proposed,
    ShownWork,
    Suggestion,
)
from archwright.agents.questions import Brief, Passage
from archwright.agents.reading import FormatError, parse_proposals, read_answer
from archwright.core import Candidate
from archwright.tasks.loading import load_task

PARENT = "import torch.nn as nn\n\n\nclass Model(nn.Module):\n    width = 8\n    depth = 2\n"
QUESTION = CampaignQuestion(
    brief=Brief.of(load_task("digits").spec),
    number=20,
    count=4,
    baseline=ShownWork(
        id="baseline", title="plain", source=PARENT.replace("8", "4"), score=90.0, gain=None
    ),
    works=(ShownWork(id="12", title="wide", source=PARENT, score=91.0, gain=1.0),),
    ledger=(LedgerRow.of(Candidate(id="12b"), rungs=(50,)),),
    suggestion=Suggestion(operator="widen"),
    passages=(Passage(id="paper/1.2", title="a paper", text="words"),),
)
DIFF = "@@ -4,2 +4,2 @@\n class Model(nn.Module):\n-    width = 8\n+    width = 16\n"
BROKEN = "class Model(nn.Module:\n    pass\n"


def read(text: str, cut: bool = False) -> tuple[Proposed, ...]:
    return read_answer(text, Proposals, QUESTION, parse_proposals, cut).proposals


def of_width(width: int) -> str:
    return PARENT.replace("8", str(width))


def idea(title: str, **more: Any) -> str:
    said = {"title": title, "move": "widen", "rationale": f"why {title}", "parents": ["12"], **more}
    return f"```json\n{json.dumps(said)}\n```\n"


def python(source: str) -> str:
    return f"```python\n{source}```\n"


def diff(text: str) -> str:
    return f"```diff\n{text}```\n"


A_AND_B = [("A", of_width(1)), ("B", of_width(2))]
INSIDE = [{"title": "A", "source": of_width(1)}, {"title": "B", "source": python(of_width(2))}]
WITHOUT_CODE = json.dumps([{"title": "A", "rationale": "r"}, {"title": "B", "rationale": "r"}])


@pytest.mark.parametrize(
    "text",
    [
        idea("A") + python(of_width(1)) + "Another one.\n\n" + idea("B") + python(of_width(2)),
        python(of_width(1)) + idea("A") + python(of_width(2)) + idea("B"),
        idea("A") + idea("B") + python(of_width(1)) + python(of_width(2)),
        WITHOUT_CODE + "\n\n" + python(of_width(1)) + python(of_width(2)),
        json.dumps({"proposals": INSIDE}),
        f"Here they are:\n```json\n{json.dumps(INSIDE, indent=1)}\n```",
        f"## Proposal 1: A\n{python(of_width(1))}\n## Idea 2: B\nWords.\n{python(of_width(2))}",
        f"**A**\n{python(of_width(1))}\n**B**\n{python(of_width(2))}",
        idea("A") + python(BROKEN) + "Was wrong. Now:\n" + python(of_width(1)) + idea("B")
        + "A snippet:\n```python\nx = 1\n```\nAll of it:\n" + python(of_width(2)),
        idea("A") + python(of_width(9)) + idea("B") + python(of_width(2)) + idea("A")
        + python(of_width(1)),
        "First attempt:\n" + idea("Z") + python(of_width(9)) + "\n**Final answer**\n"
        + idea("A") + python(of_width(1)) + idea("B") + python(of_width(2)),
        idea("A") + python(of_width(1)) + idea("B") + python(of_width(2)) + "In short:\n"
        + WITHOUT_CODE,
        "<think>" + idea("Z") + python(of_width(9)) + "</think>" + idea("A")
        + python(of_width(1)) + "<think>and then</think>" + idea("B") + python(of_width(2)),
    ],
)  # fmt: skip
def test_two_proposals_are_found_in_any_form(text: str) -> None:
    found = read(text)
    assert [(p.title, p.source) for p in found] == A_AND_B
    assert not any(p.fault for p in found)


@pytest.mark.parametrize(
    "text",
    [
        f"## Final proposal 1\n{idea('A')}{python(of_width(1))}"
        f"## Final proposal 2\n{idea('B')}{python(of_width(2))}",
        "".join(
            f"{idea(title)}Draft:\n{python(of_width(9))}Final version:\n{python(source)}"
            for title, source in A_AND_B
        ),
        f"{idea('A')}{python(of_width(1))}{idea('B')}{python(of_width(2))}Final answer:\n"
        + WITHOUT_CODE,
    ],
    ids=["a heading each", "a label each", "a summary"],
)
def test_a_final_line_does_not_take_the_other_proposals(text: str) -> None:
    assert [(p.title, p.source) for p in read(text)] == A_AND_B


@pytest.mark.parametrize("words", ["# Final version: one layer", '"""\nFinal answer: wide.\n"""'])
def test_a_final_line_of_the_code_is_none_of_the_reply(words: str) -> None:
    last = f"{of_width(2)}{words}\n"
    found = read(idea("A") + python(of_width(1)) + idea("B") + python(last))
    assert [(p.title, p.source) for p in found] == [("A", of_width(1)), ("B", last)]


@pytest.mark.parametrize(
    ("lead", "kept"),
    [
        ("No normalisation, wider", 2),
        ("Better regularised variant", 2),
        ("After that, a wider one", 2),
        ("### Wait-free gating", 2),
        ("Finally, a wide one", 2),
        ("Fixed-size memory", 2),
        ("Instead of depth, width", 2),
        ("Now:", 1),
        ("Wait, that is wrong:", 1),
        ("Now corrected:", 1),
        ("Final version:", 1),
        ("After a second look:", 1),
    ],
)
def test_an_idea_goes_only_where_the_next_takes_its_place(lead: str, kept: int) -> None:
    found = read(f"A narrow one\n{python(of_width(1))}\n{lead}\n{python(of_width(2))}")
    assert [p.source for p in found] == [of_width(1), of_width(2)][-kept:]


BLOCK = "import torch.nn as nn\n\n\nclass Block(nn.Module):\n    pass\n"
USES_BLOCK = "\n\nclass Model(nn.Module):\n    inner = Block\n    width = "
ONE, TWO = "1\n", "2\n"


@pytest.mark.parametrize(
    "text",
    [
        "Both use:\n" + python(BLOCK) + idea("A") + python(USES_BLOCK + "1\n") + idea("B")
        + python(USES_BLOCK + "2\n"),
        idea("A") + idea("B") + "Both use:\n" + python(BLOCK) + python(USES_BLOCK + "1\n")
        + python(USES_BLOCK + "2\n"),
        idea("A") + python(BLOCK) + python(USES_BLOCK + "1\n") + idea("B")
        + python(USES_BLOCK + "2\n"),
        f"{python(BLOCK)}## A\n{python(USES_BLOCK + ONE)}## B\n{python(USES_BLOCK + TWO)}",
    ],
    ids=["before", "behind", "of the first", "without JSON"],
)  # fmt: skip
def test_code_that_proposals_share_is_in_each(text: str) -> None:
    found = read(text)
    assert [p.title for p in found] == ["A", "B"]
    for width, proposal in enumerate(found, 1):
        assert proposal.source.split() == f"{BLOCK}{USES_BLOCK}{width}".split()


def test_a_recipe_beside_the_code_is_part_of_it() -> None:
    recipe = 'RECIPE = {"optimizer": "sgd"}\n'
    apart = read(idea("A") + python(of_width(1)) + "Trained so:\n" + python(recipe) + idea("B")
                 + python(of_width(2)))  # fmt: skip
    assert [p.source for p in apart] == [f"{of_width(1)}\n{recipe}", of_width(2)]
    (said,) = read(idea("A", recipe={"optimizer": "sgd"}) + python(of_width(1)))
    assert said.source.endswith("RECIPE = {'optimizer': 'sgd'}\n")
    own = of_width(1) + 'RECIPE = {"optimizer": "adam"}\n'
    assert read(idea("A", recipe={"optimizer": "sgd"}) + python(own))[0].source == own


def test_what_a_diff_recalls_of_a_file_is_passed_over_and_its_parts_are_joined() -> None:
    recap = diff("-    width = 8\n+    width = 16\n")
    assert read(idea("A") + python(of_width(16)) + "Changed:\n" + recap)[0].source == of_width(16)
    deeper = "@@\n-    depth = 2\n+    depth = 3\n"
    (both,) = read(idea("A") + diff(DIFF) + "and\n" + diff(deeper))
    assert both.source == of_width(16).replace("depth = 2", "depth = 3")
    (latest,) = read(idea("A") + diff(DIFF.replace("16", "99")) + "No:\n" + diff(DIFF))
    assert latest.source == of_width(16)


def test_the_form_that_was_asked_for_is_no_proposal() -> None:
    template = (Path(__file__).parents[3] / "prompts" / "researcher.md").read_text()
    form = template[template.index('{"title": "one line') :].partition("```")[0]
    assert [p.title for p in read(f"```json\n{form}```\n{idea('A')}{python(of_width(1))}")] == ["A"]


@pytest.mark.parametrize(
    "said",
    [
        {"implementation": of_width(1)},
        {"code": of_width(1).splitlines()},
        {"files": {"model.py": of_width(1)}},
    ],
)
def test_code_is_found_under_any_key(said: dict[str, Any]) -> None:
    (found,) = read(json.dumps({"title": "A", "rationale": "the class Model: wide", **said}))
    assert (found.source, found.fault) == (of_width(1), "")


def test_all_that_is_said_of_a_proposal_is_read() -> None:
    more = {"hypothesis": "it rises", "expected": "+1.5 %", "citations": ["paper/1.2", "made up"]}
    (found,) = read(idea("A", **more) + diff(DIFF))
    assert found == Proposed(
        title="A",
        move="widen",
        rationale="why A",
        hypothesis="it rises",
        expected=1.5,
        parents=("12",),
        citations=("paper/1.2",),
        source=of_width(16),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (1, 1.0),
        ("+1.5 %", 1.5),
        ("1.5 to 2", 1.75),
        ("+0.5pp", 0.5),
        ("\N{MINUS SIGN}0.3 points", -0.3),
        ("1.5\N{EN DASH}2 %", 1.75),
        ("+0.3 to +0.6 points at 450 steps", 0.45),
        ("top-1 at 450 steps: +0.5", 0.5),
        ("from 88 to 90 %", 2.0),
        ([1, 2], 1.5),
        ("none that can be told", None),
        (True, None),
        (float("nan"), None),
        ({}, None),
    ],
)
def test_an_expected_gain_is_read_with_its_words(said: object, expected: float | None) -> None:
    assert read(idea("A", expected=said))[0].expected == expected


@pytest.mark.parametrize(
    ("said", "parents"),
    [
        ("candidate 12", ("12",)),
        ("#12b and the baseline", ("12b", "baseline")),
        (12, ("12",)),
        (["12b", "99", 12.0, None], ("12b", "12")),
        ([{"id": "12"}], ("12",)),
        ({"a": 1}, ()),
        ("12c, v1.12, known:12", ()),
    ],
)
def test_parents_are_known_ids(said: object, parents: tuple[str, ...]) -> None:
    assert read(idea("A", parents=said))[0].parents == parents


@pytest.mark.parametrize(
    "said",
    [
        '{"Title": "A", "Rationale": "so", "Parents": ["12"]}',
        "{'title': 'A', 'rationale': 'so', 'parents': ['12'], 'x': null}",
        json.dumps({"arguments": json.dumps({"title": "A", "rationale": "so", "parents": ["12"]})}),
    ],
)
def test_an_object_that_is_nearly_the_one_asked_for_is_read(said: str) -> None:
    (found,) = read(f"{said}\n{python(of_width(1))}")
    assert (found.title, found.rationale, found.parents) == ("A", "so", ("12",))
    assert found.source == of_width(1)


def test_a_proposal_without_code_waits_for_its_code() -> None:
    (found,) = read(idea("A"))
    assert (found.source, found.fault) == ("", "")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (python(BROKEN), "line 1 of the file"),
        (diff(DIFF.replace("8", "9")), "its line '    width = 9' is not in the source"),
        (diff("-    width = 8\n"), "no hunk"),
    ],
)
def test_broken_code_is_named_and_the_others_stand(code: str, fault: str) -> None:
    bad, good = read(idea("A") + code + idea("B") + python(of_width(2)))
    assert (bad.title, bad.source) == ("A", "")
    assert fault in bad.fault
    assert (good.title, good.source, good.fault) == ("B", of_width(2), "")


def test_a_diff_is_against_a_work_that_was_shown() -> None:
    (unseen,) = read(idea("A", parents=["12b"]) + diff(DIFF))
    assert "source was not shown" in unseen.fault
    (fits_one,) = read(idea("A", parents=[]) + diff(DIFF))
    assert (fits_one.parents, fits_one.source) == (("12",), of_width(16))
    (fits_both,) = read(idea("A", parents=[]) + diff("@@\n-    depth = 2\n+    depth = 3\n"))
    assert "names no parent" in fits_both.fault


def test_what_was_cut_off_is_named_and_the_others_stand() -> None:
    whole = idea("A") + python(of_width(1))
    for rest in (idea("B") + "```python\nclass Model:\n", '{"title": "B", "rationale": "so'):
        good, bad = read(whole + rest, cut=True)
        assert (good.title, good.source) == ("A", of_width(1))
        assert bad.title == "B"
        assert "cut off at the limit" in bad.fault


def test_an_object_that_cannot_be_read_keeps_its_title_and_its_code() -> None:
    text = '```json\n{"title": "A", "rationale": "the "big" one"}\n```\n'
    found = read(text + python(of_width(1)) + idea("B") + python(of_width(2)))
    assert [(p.title, p.source) for p in found] == A_AND_B
    with pytest.raises(FormatError, match="Expecting ',' delimiter: line 1 column 35"):
        read(text)


def test_no_more_than_asked_for_are_kept() -> None:
    assert [p.title for p in read("".join(map(idea, "ABCDEF")))] == list("ABCD")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I have no idea.", "no proposal"),
        ('{"optimizer": "adamw"}', "no proposal"),
        ("<think>" + idea("A"), "empty"),
    ],
)
def test_no_proposal_is_said_so(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        read(text)


# --- what was composed is read back ---------------------------------------------------------------

TITLES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\\"),
    min_size=1,
    max_size=30,
).map(lambda title: f"net {title}")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=80)


@st.composite
def proposed(draw: st.DrawFn) -> Proposed:
    return Proposed(
        title=draw(TITLES),
        rationale=draw(WORDS).strip(),
        expected=draw(st.none() | st.integers(-90, 90).map(float)),
        parents=draw(st.sampled_from([(), ("12",), ("baseline", "12b")])),
        source=of_width(draw(st.integers(1, 999))),
    )


LISTS = st.lists(proposed(), min_size=1, max_size=4, unique_by=lambda p: p.title.casefold())


@given(LISTS, st.integers(0, 3))
def test_a_composed_reply_is_read_back_whole(made: list[Proposed], form: int) -> None:
    objects = [
        p.model_dump(mode="json", exclude={"source", "fault", "move", "citations"}) for p in made
    ]
    said = [f"```json\n{json.dumps(o, ensure_ascii=form == 2)}\n```\n" for o in objects]
    code = [python(p.source) for p in made]
    pairs = list(zip(said, code, strict=True))
    text = {
        0: "".join(s + c for s, c in pairs),
        1: "".join(c + s for s, c in pairs),
        2: "".join(said + code),
        3: json.dumps([{**o, "source": p.source} for o, p in zip(objects, made, strict=True)]),
    }[form]
    assert list(read(text)) == made


@given(st.text(st.sampled_from("{}[]\"'`~\n:,\\<>/thinkA1 @+-#*"), max_size=200), st.booleans())
def test_any_words_are_proposals_or_refused(text: str, cut: bool) -> None:
    with contextlib.suppress(FormatError):
        read(text, cut)
