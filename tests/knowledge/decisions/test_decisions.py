"""Decision records: written, read back after any hand's edit, changed in one line alone."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core import InputError
from archwright.knowledge.decisions.folder import (
    Decision,
    DecisionFolder,
    Option,
    parse,
    render,
    slugify,
    with_status,
)

PATH = Path("0007-wider-stem.md")
DECISION = Decision(
    title="A wider stem",
    context="Does a wider stem help on few images?\n\nThe baseline loses detail early.",
    chosen="A wider stem",
    because="it gained +2.3 points on five seeds",
    date="2026-11-24",
    options=(
        Option("A wider stem", "Gains, at 4 % more parameters."),
        Option("The baseline", "Simpler."),
    ),
    consequences=("Good, because it is more accurate", "Bad, because it is larger"),
    confirmation="archwright verify digits-1",
    evidence={"effect": "+2.3 points", "p": "0.004"},
    run="digits-1",
    candidate="c7",
    task="digits",
    notes=("2026-11-24, proposed: by the run",),
)
HOSTILE = [
    "---\nstatus: accepted\n---",
    'x\n# Decision Outcome\nChosen option: "evil", because',
    "x\n===",
    "- # deep\n1. ## deeper\n> - ### deepest\n> ---",
    "```\nunclosed",
    "~~~",
    "<!-- hidden",
    "<script>alert(1)</script>",
    "![track](http://x)[a]: b",
    "\\# \\< \\\\",
    "quo\"te's: # [",
    "\x1b[2J\x00\u202e\u2028\x85\r\n## y",
    "C #",
    "-" * 3000 + "x",
]


def headings(text: str) -> list[str]:
    return [line for line in text.split("\n") if re.match(r" {0,3}#{1,6}([ \t]|$)", line)]


def test_a_record_has_the_headings_of_madr() -> None:
    assert headings(render(DECISION)) == [
        "# A wider stem",
        "## Context and Problem Statement",
        "## Considered Options",
        "## Decision Outcome",
        "### Consequences",
        "### Evidence",
        "### Confirmation",
        "## Pros and Cons of the Options",
        "### A wider stem",
        "### The baseline",
        "## More Information",
    ]
    assert 'Chosen option: "A wider stem", because it gained' in render(DECISION)
    assert render(DECISION).startswith('---\nstatus: proposed\ndate: 2026-11-24\nrun: "digits-1"\n')


def test_what_is_written_is_read_back() -> None:
    assert parse(render(DECISION), PATH) == replace(DECISION, number=7)


def test_sections_without_content_are_left_out() -> None:
    small = Decision("t", "c", "o", "b", "2026-01-01", options=(Option("o"),))
    assert headings(render(small))[-1] == "## Decision Outcome"
    assert parse(render(small), PATH) == replace(small, number=7)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_structure(text: str) -> None:
    plain = render(DECISION)
    evil = replace(
        DECISION,
        title=f"A {text}",
        context=f"Why\n{text}",
        chosen=text,
        because=text,
        options=(Option(f"A {text}", text), Option("The baseline", text)),
        consequences=(text,),
        confirmation=f"true {text}",
        evidence={text: text},
        run=text,
        candidate=text,
        task=text,
        notes=(text,),
    )
    record = render(evil)
    outside_code = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", record)
    assert len(headings(outside_code)) == len(headings(plain))
    assert outside_code.count("\n---\n") == 1
    assert not re.search(r"(?<!\\)<", outside_code.partition("\n---\n")[2])
    assert "\x1b" not in record
    back = parse(record, PATH)
    assert (back.status, back.date, len(back.options)) == ("proposed", "2026-11-24", 2)
    assert parse(render(back), PATH) == back


@given(st.text(), st.text(min_size=1), st.text())
def test_any_text_survives_reading_and_writing(title: str, context: str, why: str) -> None:
    options = (Option("one", why), Option("two"))
    decision = replace(DECISION, title=f"t{title}", context=context, options=options, run=title)
    once = parse(render(decision), PATH)
    assert parse(render(once), PATH) == once
    assert len(headings(render(decision))) == 8 + 2 * bool(once.options[0].why)
    printable = " ".join("".join(c for c in context if c.isascii() and c.isprintable()).split())
    if printable == context:
        assert once.context == context


@pytest.mark.parametrize("status", ["", "done", "superseded by ADR-7", "accepted\nx: y"])
def test_a_status_that_madr_does_not_know_is_refused(status: str) -> None:
    with pytest.raises(InputError, match="no status"):
        render(replace(DECISION, status=status))


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="no date"):
        render(replace(DECISION, date="yesterday"))


# --- edited by hand -----------------------------------------------------------------------------

EDITED = """\
---
# who decided
status:   "proposed"   # still open
date: 2026-11-24
decision-makers: [Ada, Grace]
run: digits-1
candidate: 'c7'
---

#  A wider stem  ##

Some words of mine.

## Context and Problem Statement ##

```python
# not a heading
```

## considered options

- A wider stem
  on two lines
+ The baseline

## Decision Outcome

We just liked it.

## More Information

See the notes.

## My own section

The end, with no last newline"""


def test_a_hand_edited_record_is_read_as_far_as_it_goes() -> None:
    decision = parse(EDITED, PATH)
    assert decision.title == "A wider stem"
    assert (decision.status, decision.run, decision.candidate) == ("proposed", "digits-1", "c7")
    assert decision.context == "```python\n# not a heading\n```"
    assert [o.name for o in decision.options] == ["A wider stem on two lines", "The baseline"]
    assert (decision.chosen, decision.because) == ("", "We just liked it.")


@pytest.mark.parametrize("text", ["", "---", "---\n---\n", "no headings", "# \n", "---\nstatus\n"])
def test_a_ruined_record_is_still_a_decision(text: str) -> None:
    decision = parse(text, PATH)
    assert (decision.number, decision.title, decision.status) == (7, "wider stem", "")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_status_changes_in_its_line_alone(newline: str) -> None:
    text = EDITED.replace("\n", newline)
    changed = with_status(text, "accepted")
    assert changed == text.replace('"proposed"', "accepted")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_reason_is_one_line_more_in_its_section(newline: str) -> None:
    text = EDITED.replace("\n", newline)
    changed = with_status(text, "rejected", "too\n# slow", "2026-11-25")
    note = f"{newline}{newline}* 2026-11-25, rejected: too \\# slow"
    expected = text.replace('"proposed"', "rejected").replace(
        "See the notes.", "See the notes." + note
    )
    assert changed == expected
    assert parse(changed, PATH).notes == ("2026-11-25, rejected: too # slow",)
    assert with_status(changed, "rejected", "too # slow", "2026-11-25") == changed


def test_reasons_form_one_list() -> None:
    once = with_status(render(DECISION), "accepted", "good", "2026-11-25")
    twice = with_status(once, "superseded by ADR-0012", "better", "2026-11-26")
    notes = ["proposed: by the run", "accepted: good", "superseded by ADR-0012: better"]
    assert [n.partition(", ")[2] for n in parse(twice, PATH).notes] == notes
    assert twice.endswith("accepted: good\n* 2026-11-26, superseded by ADR-0012: better\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# T\n", "---\nstatus: accepted\n---\n\n# T\n"),
        (
            "---\ndate: 2026-01-01\n---\n# T\n",
            "---\ndate: 2026-01-01\nstatus: accepted\n---\n# T\n",
        ),
        ("---\nstatus:\n---\n# T", "---\nstatus: accepted\n---\n# T"),
        ("---\nStatus: 'a # b'\n---\n", "---\nStatus: accepted\n---\n"),
    ],
)
def test_a_missing_status_is_put_in(text: str, expected: str) -> None:
    assert with_status(text, "accepted") == expected
    assert parse(expected, PATH).status == "accepted"


# --- the folder ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> DecisionFolder:
    return DecisionFolder(tmp_path / "decisions")


def about(number: int, **changes: str) -> Decision:
    return replace(DECISION, candidate=f"c{number}", **changes)


def test_an_empty_folder_lists_nothing_and_is_not_made(folder: DecisionFolder) -> None:
    assert folder.list() == ()
    assert folder.search("anything") == ()
    assert not folder.path.exists()


def test_records_are_numbered_in_turn(folder: DecisionFolder) -> None:
    names = [folder.add(about(n)).name for n in range(3)]
    assert names == ["0001-a-wider-stem.md", "0002-a-wider-stem.md", "0003-a-wider-stem.md"]
    assert [d.number for d in folder.list()] == [1, 2, 3]
    assert folder.show(2) == replace(about(1), number=2)


def test_a_candidate_has_one_record(folder: DecisionFolder) -> None:
    first = folder.add(about(1))
    assert folder.add(about(1, title="Another title", because="else")) == first
    assert folder.add(about(1, run="digits-2")) != first
    found = folder.of("digits-1", "c1")
    assert found is not None
    assert found.number == 1
    assert folder.of("digits-1", "c9") is None


def test_numbers_go_on_after_the_highest(folder: DecisionFolder) -> None:
    folder.path.mkdir()
    (folder.path / "0041-by-hand.md").write_text("# By hand\n")
    (folder.path / "README.md").write_text("# Not a record\n")
    (folder.path / "9999-notes.txt").write_text("no record")
    assert folder.add(about(1)).name.startswith("0042-")
    assert [d.title for d in folder.list()] == ["By hand", "A wider stem"]


def test_many_writers_never_share_a_number(folder: DecisionFolder) -> None:
    starts = [threading.Thread(target=folder.add, args=(about(n % 6),)) for n in range(12)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    assert [d.number for d in folder.list()] == [1, 2, 3, 4, 5, 6]
    assert {d.candidate for d in folder.list()} == {f"c{n}" for n in range(6)}
    assert sorted(p.name[:4] for p in folder.path.iterdir())[0] == ".loc"


def test_an_unknown_number_names_what_there_is(folder: DecisionFolder) -> None:
    with pytest.raises(InputError, match="none yet"):
        folder.show(1)
    folder.add(about(1))
    with pytest.raises(InputError, match="no decision 8"):
        folder.set_status(8, "accepted")


def test_a_status_changes_on_disk_byte_for_byte(folder: DecisionFolder) -> None:
    path = folder.add(about(1))
    odd = path.read_bytes().replace(b"detail early", b"detail \xff early").replace(b"\n", b"\r\n")
    path.write_bytes(odd)
    assert folder.set_status(1, "rejected") == path
    assert path.read_bytes() == odd.replace(b"status: proposed", b"status: rejected")
    assert folder.show(1).status == "rejected"
    assert "\ufffd" in folder.text(1)


def test_a_word_in_the_title_counts_most(folder: DecisionFolder) -> None:
    folder.add(about(1, title="Plain", context="A gated mixer was tried, gated again, gated."))
    folder.add(about(2, title="A gated mixer"))
    folder.add(about(3, title="Another stem"))
    hits = folder.search("GATED, mixer?")
    assert [hit.decision.candidate for hit in hits] == ["c2", "c1"]
    assert hits[0].score > hits[1].score
    assert folder.search("nothing-like-this") == ()
    assert folder.search("") == ()


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        DecisionFolder(tmp_path / "file" / "decisions").add(DECISION)


# --- slugs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("A Wider Stem!", "a-wider-stem"),
        ("Éclair – naïve", "eclair-naive"),
        ("../../etc/passwd", "etc-passwd"),
        ("深い", "untitled"),
        ("", "untitled"),
        (
            "one two three four five six seven eight nine ten eleven",
            "one-two-three-four-five-six-seven-eight-nine-ten",
        ),
    ],
)
def test_slugs(text: str, slug: str) -> None:
    assert slugify(text) == slug


@given(st.text())
def test_any_text_has_a_safe_slug(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slugify(text))
    assert len(slugify(text)) <= 48
