"""Folders of decision records: linted, imported, superseded; bytes that are not meant stay."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from archwright.core import InputError
from archwright.knowledge.decisions import files
from archwright.knowledge.decisions.files import FileText, write_text
from archwright.knowledge.decisions.folder import (
    Decision,
    DecisionFolder,
    Option,
    parse,
    with_status,
)
from archwright.knowledge.decisions.importing import import_records, remember
from archwright.knowledge.decisions.linting import lint
from archwright.knowledge.store import Knowledge

NYGARD = """\
# {number}. {title}

Date: 2016-02-12

## Status

{status}

## Context

Keys are looked up.

## Decision

We will use {title}.

## Consequences

Lookups are exact.
"""
MADR = """\
---
status: {status}
date: 2026-01-31
---

# {title}

## Context and Problem Statement

Keys are looked up.

## Considered Options

* {title}
* Nothing

## Decision Outcome

Chosen option: "{title}", because it works.
"""
OLD_MADR = """\
# {title}

* Status: {status}
* Date: 2026-01-31

## Context and Problem Statement

Keys are looked up.

## Considered Options

* {title}

## Decision Outcome

Chosen option: "{title}", because it works.
"""
FORMATS = {"nygard": NYGARD, "madr": MADR, "old madr": OLD_MADR}


def fill(form: str, number: int = 1, title: str = "attention", status: str = "accepted") -> str:
    shown = status.capitalize() if form is NYGARD else status
    return form.format(number=number, title=title, status=shown)


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def messages(folder: Path) -> list[str]:
    return [f"{f.path.name}:{f.line}: {f.message}" for f in lint(folder)[1]]


# --- reading and changing -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name: str) -> None:
    decision = parse(fill(FORMATS[name], 4, status="rejected"), Path("0004-attention.md"))
    assert (decision.number, decision.title, decision.status) == (4, "attention", "rejected")
    assert decision.context == "Keys are looked up."
    assert decision.chosen == "attention"
    assert decision.date in ("2016-02-12", "2026-01-31")


STATUSES = {
    "Superceded by [3. Use x](0003-use-x.md)": "superseded by ADR-0003",
    "superseded by [ADR-0005](0005-x.md)": "superseded by ADR-0005",
    "Superseded by ADR-12.": "superseded by ADR-0012",
    "Accepted on Monday": "accepted",
    "**Proposed**": "proposed",
    "Done": "accepted",
}


@pytest.mark.parametrize("words", STATUSES)
def test_a_status_is_understood(words: str) -> None:
    text = NYGARD.format(number=1, title="x", status=words)
    assert parse(text, Path("0001-x.md")).status == STATUSES[words]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_status_changes_where_the_format_has_it(name: str, newline: str, mark: str) -> None:
    text = mark + fill(FORMATS[name]).rstrip("\n").replace("\n", newline)
    changed = with_status(text, "superseded by ADR-0007")
    pairs = zip(text.split("\n"), changed.split("\n"), strict=True)
    different = [(a, b) for a, b in pairs if a != b]
    assert len(different) == 1
    assert different[0][1].lower().endswith("superseded by adr-0007" + newline[:-1])
    assert parse(changed, Path("0001-x.md")).status == "superseded by ADR-0007"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "latin-1", "utf-8-sig"])
def test_odd_encodings_come_and_go_unchanged(encoding: str, tmp_path: Path) -> None:
    text = fill(MADR, title="Größe")
    if encoding == "utf-16-be":
        text = "\ufeff" + text
    data = text.encode(encoding)
    (tmp_path / "0001-x.md").write_bytes(data)
    folder = DecisionFolder(tmp_path)
    folder.set_status(1, "rejected")
    expected = text.replace("accepted", "rejected").encode(encoding)
    assert (tmp_path / "0001-x.md").read_bytes() == expected
    assert folder.show(1).status == "rejected"


def test_what_only_claims_to_be_utf_16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001-x.md").write_bytes(b"\xff\xfea")
    with pytest.raises(InputError, match="save it as UTF-8"):
        DecisionFolder(tmp_path).set_status(1, "accepted")
    assert (tmp_path / "0001-x.md").read_bytes() == b"\xff\xfea"


# --- supersede ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> DecisionFolder:
    there = DecisionFolder(tmp_path / "decisions")
    for title in ("gru", "attention", "delta rule"):
        options = (Option(title), Option("nothing"))
        there.add(Decision(title, "Keys.", title, "it works", "2026-01-31", "accepted", options))
    return there


def test_both_ends_say_so(folder: DecisionFolder) -> None:
    old, new = folder.supersede(1, 2, "it is exact", day="2026-02-01")
    assert folder.show(1).status == "superseded by ADR-0002"
    assert folder.show(2).status == "accepted"
    assert "* 2026-02-01, superseded by ADR-0002: it is exact\n" in old.read_text()
    assert "* 2026-02-01, supersedes ADR-0001: it is exact\n" in new.read_text()
    assert messages(folder.path) == []
    before = old.read_bytes(), new.read_bytes()
    folder.supersede(1, 2, "it is exact", day="2026-02-01")
    assert (old.read_bytes(), new.read_bytes()) == before


def test_what_cannot_take_a_place_is_refused(folder: DecisionFolder) -> None:
    folder.supersede(1, 2)
    folder.set_status(3, "rejected")
    texts = [folder.text(n) for n in (1, 2, 3)]
    for old, new, part in (
        (2, 2, "itself"),
        (1, 3, "already"),
        (2, 1, "superseded by ADR-0002"),
        (2, 3, "rejected"),
        (2, 9, "no decision 9"),
    ):
        with pytest.raises(InputError, match=part):
            folder.supersede(old, new)
    assert [folder.text(n) for n in (1, 2, 3)] == texts


FIXED = {
    "boxes": "## Status\n\n* [ ] proposed\n* [x] accepted\n",
    "a badge": "![status](https://img.shields.io/badge/status-accepted-green)\n",
}


@pytest.mark.parametrize("fixed", FIXED)
def test_a_status_that_cannot_be_rewritten_is_refused_before_anything_changes(
    folder: DecisionFolder, fixed: str
) -> None:
    text = f"# gru\n\n{FIXED[fixed]}\n## Context\n\nKeys.\n"
    folder.find(1).write_text(text)
    before = folder.text(2)
    with pytest.raises(InputError, match=r"0001-gru\.md: .*by hand"):
        folder.supersede(1, 2, "it is exact")
    first = Decision("gru", "Keys.", "gru", "it works", "2026-01-31", run="r", candidate="7")
    path = folder.add(first)
    text_of_7 = path.read_text().replace("status: proposed\n", "")
    path.write_text(text_of_7.replace("# gru\n", f"# gru\n\n{FIXED[fixed]}"))
    count = len(folder.list())
    with pytest.raises(InputError, match="by hand"):
        folder.renew(replace(first, because="it fails", status="rejected"))
    assert (folder.text(1), folder.text(2), len(folder.list())) == (text, before, count)


@pytest.mark.parametrize("failing", [1, 2])
def test_what_cannot_be_written_whole_is_not_written_at_all(
    folder: DecisionFolder, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Decision("conv", "Keys.", "conv", "it works", "2026-01-31", run="r", candidate="7")
    folder.add(first)
    before = {path.name: path.read_bytes() for path in folder.path.glob("*.md")}
    writes = iter(range(1, 100))

    def write(path: Path, content: FileText) -> None:
        if next(writes) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_text(path, content)

    for change in (
        lambda: folder.supersede(1, 2, "it is exact"),
        lambda: folder.renew(replace(first, because="it holds")),
    ):
        writes = iter(range(1, 100))
        with monkeypatch.context() as patch:
            patch.setattr(files, "write_text", write)
            with pytest.raises(InputError, match="No space left"):
                change()
        assert {path.name: path.read_bytes() for path in folder.path.glob("*.md")} == before


# --- linting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_record_has_no_fault(name: str, tmp_path: Path) -> None:
    put(tmp_path, "0001-attention.md", fill(FORMATS[name]))
    put(tmp_path, "README.md", "no record")
    put(tmp_path, "template.md", "no record")
    assert messages(tmp_path) == []


GOOD = fill(MADR)
FAULTS = {
    "no title": (GOOD.replace("# attention", "attention"), "1: there is no title"),
    "two titles": (GOOD + "# Again\n", "20: a second title: `# Again`"),
    "no section": (GOOD.replace("## Considered", "## Other"), "`Considered Options` is missing"),
    "empty section": (GOOD.replace("Keys are looked up.", "<!-- todo -->"), "8: the section"),
    "bad status": (GOOD.replace("accepted", "blue"), "2: no status 'blue': use proposed"),
    "no status": (GOOD.replace("status: accepted\n", ""), "1: there is no status"),
    "bad date": (GOOD.replace("2026-01-31", "31.1.2026"), "3: no date '31.1.2026'"),
    "no choice": (GOOD.replace("Chosen option", "We like"), "17: no `Chosen option"),
    "another choice": (GOOD.replace('"attention"', '"gru"'), "17: the chosen option 'gru'"),
    "broken link": (GOOD + "\nSee [it](../x%20y.md#a).\n", "21: the link leads nowhere: ../x y.md"),
    "open matter": (GOOD.replace("---\n\n", "\n"), "1: the front matter is never closed"),
    "said twice": (GOOD.replace("date:", "status: accepted\ndate:"), "3: `status` is said twice"),
    "conflict": (GOOD + "<<<<<<< HEAD\n", "20: a merge conflict"),
    "no successor": (GOOD.replace("accepted", "superseded by ADR-0009"), "2: it is superseded by"),
    "itself": (GOOD.replace("accepted", "superseded by ADR-0001"), "2: it is superseded by itself"),
    "no predecessor": (GOOD + "\nSupersedes ADR-0008: it was slow\n", "21: it supersedes ADR-0008"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_with_its_place(name: str, tmp_path: Path) -> None:
    text, expected = FAULTS[name]
    put(tmp_path, "0001-attention.md", text)
    found = messages(tmp_path)
    assert any(expected in line for line in found), found
    assert len(found) <= 2
    assert all("\n" not in line for line in found)


def test_links_in_code_and_to_the_outside_are_no_fault(tmp_path: Path) -> None:
    links = "`[a](b.md)` [c](https://x.org/d) [e](#f) [g](0001-attention.md)"
    put(tmp_path, "0001-attention.md", f"{GOOD}\n{links}\n\n```\n[h](i.md)\n```\n")
    assert messages(tmp_path) == []


def test_one_sided_successions_duplicates_and_circles_are_found(tmp_path: Path) -> None:
    put(tmp_path, "0001-a.md", fill(MADR, status="superseded by ADR-0002"))
    put(tmp_path, "0002-b.md", fill(MADR, status="superseded by ADR-0001") + "\nSupersedes ADR-1\n")
    put(tmp_path, "0003-c.md", GOOD + "\nSupersedes [4. d](0004-d.md)\n")
    put(tmp_path, "0004-d.md", GOOD)
    put(tmp_path, "0004-e.md", GOOD)
    put(tmp_path, "notes.md", GOOD)
    (tmp_path / "0005-f.md").write_bytes(GOOD.encode() + b"\xff")
    text = "\n".join(messages(tmp_path))
    for part in (
        "0002-b.md:2: 0001-a.md does not say that it supersedes this one",
        "0001-a.md:2: the records that supersede it lead back to it",
        "0003-c.md:21: 0004-d.md does not say that this one supersedes it",
        "0004-e.md:1: number 4 is taken by 0004-d.md",
        "notes.md:1: the file's name does not begin with a number",
        "0005-f.md:20: bytes that are not UTF-8",
    ):
        assert part in text, text


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_no_records_are_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"{name}.* (not a folder|no decision records)"):
        lint(tmp_path / name)


# --- importing ----------------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder as adr-tools leaves it, with an odd file."""
    there = tmp_path / "doc-adr"
    status = "Superceded by [2. attention](0002-attention.md)"
    put(there, "0001-gru.md", NYGARD.format(number=1, title="gru", status=status))
    accepted = "Accepted\n\nSupersedes [1. gru](0001-gru.md)"
    put(there, "0002-attention.md", NYGARD.format(number=2, title="attention", status=accepted))
    text = fill(NYGARD, 3, "SGD", "rejected").replace("\n", "\r\n").rstrip("\r\n")
    put(there, "0003-sgd.md", text)
    return there


def test_records_come_in_byte_for_byte_and_once(theirs: Path, tmp_path: Path) -> None:
    own = DecisionFolder(tmp_path / "own")
    taken, faults = import_records(theirs, own)
    assert faults == []
    assert [(t.decision.number, t.decision.status, t.new) for t in taken] == [
        (1, "superseded by ADR-0002", True),
        (2, "accepted", True),
        (3, "rejected", True),
    ]
    for source in theirs.iterdir():
        assert (own.path / source.name).read_bytes() == source.read_bytes()
    again, _ = import_records(theirs, own)
    assert [t.new for t in again] == [False, False, False]
    assert messages(own.path) == []


def test_taken_numbers_move_and_their_references_follow(
    theirs: Path, folder: DecisionFolder
) -> None:
    before = [folder.text(n) for n in (1, 2, 3)]
    taken, _ = import_records(theirs, folder)
    assert [t.decision.number for t in taken] == [4, 5, 6]
    assert [folder.text(n) for n in (1, 2, 3)] == before
    assert folder.show(4).status == "superseded by ADR-0005"
    assert "Superceded by [5. attention](0005-attention.md)" in folder.text(4)
    assert "Supersedes [4. gru](0004-gru.md)" in folder.text(5)
    assert folder.find(6).read_bytes() == (theirs / "0003-sgd.md").read_bytes()
    assert messages(folder.path) == []
    assert not any(t.new for t in import_records(theirs, folder)[0])


def test_an_unreadable_record_is_left_out_and_named(theirs: Path, tmp_path: Path) -> None:
    (theirs / "0004-x.md").write_bytes(b"\xff\xfea")
    taken, faults = import_records(theirs, DecisionFolder(tmp_path / "own"))
    assert len(taken) == 3
    assert [f.path.name for f in faults] == ["0004-x.md"]


def test_a_folder_is_not_imported_into_itself(folder: DecisionFolder) -> None:
    with pytest.raises(InputError, match="own folder"):
        import_records(folder.path, folder)


def test_rejected_decisions_are_what_a_run_is_warned_of(tmp_path: Path) -> None:
    base = Decision("Momentum", "Sequence tasks.", "AdamW", "SGD diverged", "2026-01-31")
    with Knowledge(tmp_path / "k.db") as knowledge:
        remember(
            knowledge,
            [
                replace(base, number=1, status="rejected", task="recall"),
                replace(base, number=2, status="rejected", title="Dropout", because="underfits"),
                replace(base, number=3, status="accepted", title="Sequence tasks use momentum"),
                replace(base, number=4, status="superseded by ADR-0001", task="digits"),
            ],
        )
        warned = knowledge.rejections("recall@12ab", "momentum for sequence tasks", 5)
        assert [e.candidate for e in warned] == ["ADR-0001", "ADR-0002"]
        assert "SGD diverged" in warned[0].lesson
        (far,) = knowledge.rejections("digits", "momentum for sequence tasks", 1)
        assert far.candidate == "ADR-0004"
        assert knowledge.search("SGD diverged", kind="decision")
        remember(knowledge, [replace(base, number=1, status="accepted", task="recall")])
        assert knowledge.rejections("recall", "momentum", 5, until=4)[0].candidate == "ADR-0001"
        assert [e.candidate for e in knowledge.rejections("recall", "dropout", 5)] == ["ADR-0002"]


def test_a_record_that_was_decided_again_is_superseded(tmp_path: Path) -> None:
    folder = DecisionFolder(tmp_path / "decisions")
    first = Decision(
        title="Wider",
        status="rejected",
        date="2026-01-31",
        context="Keys are looked up.",
        options=(Option("Wider", "more room"), Option("keep the baseline", "nothing changes")),
        chosen="keep the baseline",
        because="it is undecided",
        run="r",
        candidate="7",
    )
    old = folder.renew(first)
    assert folder.renew(first) == old

    new = folder.renew(replace(first, status="proposed", because="it beats the baseline"))
    assert new != old
    assert [d.status for d in folder.list()] == ["superseded by ADR-0002", "proposed"]
    assert (newest := folder.of("r", "7")) is not None
    assert newest.number == 2

    folder.renew(replace(first, because="the gain vanishes"))
    assert [d.status for d in folder.list()][1:] == ["deprecated", "rejected"]
