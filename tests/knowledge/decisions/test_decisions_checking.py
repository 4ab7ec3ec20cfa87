"""What `check` takes for a title, a section and a supersession that both ends state."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.knowledge.decisions.folder import DecisionFolder, parse
from archwright.knowledge.decisions.importing import import_records
from archwright.knowledge.decisions.linting import lint

BODY = "\n\n## Context\n\nWe need it.\n\n## Decision\n\nWe do it.\n\n## Consequences\n\nDone.\n"


def check(folder: Path, files: dict[str, str], body: str = BODY) -> list[str]:
    for name, text in files.items():
        (folder / name).write_text(text + body, encoding="utf-8")
    return [f"{f.path.name}: {f.message}" for f in lint(folder)[1]]


STATUS = "**Status:** accepted"
PAIRS = {
    "lines": ("**Status:** Superseded  \n**Superseded by:** [ADR-2](0002-b.md)", f"{STATUS}  \n**Supersedes:** [ADR-1](0001-a.md)"),
    "bullets": ("- Status: superseded\n- Superseded by: ADR-0002", "- Status: accepted\n- Supersedes: ADR-0001"),
    "numbers": ("Status: superseded by 2", "Status: accepted\nSupersedes: 1"),
    "a table": ("| Status | Superseded |\n|---|---|\n| Superseded by | ADR-2 |", "| Status | Accepted |\n|---|---|\n| Supersedes | ADR-1 |"),
    "section": ("## Status\n\nReplaced by [2. B](0002-b.md)", "## Status\n\nAccepted\n\nReplaces [1. A](0001-a.md)"),
    "a list below": ("Status: superseded by ADR-2", f"{STATUS}\n\nSupersedes:\n\n* [ADR-1](0001-a.md)"),
    "a section of links": ("Status: superseded by [B](0002-b.md)", f"{STATUS}\n\n## Links\n\n- Supersedes [A](0001-a.md)\n- [C](0003-c.md) is near"),
    "a heading": ("Status: superseded by [B](0002-b.md)", f"{STATUS}\n\n## Supersedes\n\n- [A](0001-a.md)"),
    "German": ("Status: Ersetzt durch ADR-2", "Status: Akzeptiert, ersetzt ADR-1"),
    "amended": ("Status: superseded by ADR-2", "Status: accepted, supersedes [ADR-1], amended by [ADR-3]"),
    "related": ("Status: superseded by ADR-2, see also ADR-3", "Status: accepted, supersedes ADR-1 (related: ADR-3)"),
    "in part": ("Status: Partly superseded by ADR-2", f"{STATUS}\n\nSupersedes ADR-1 in part"),
    "a reason": ("Status: superseded by ADR-2: ADR-3 was no help", f"{STATUS}\n\nSupersedes ADR-1 because ADR-3 and ADR-9 were no help"),
}  # fmt: skip
MATTERS = {
    "a value": ("status: superseded\nsuperseded_by: ADR-0002", "supersedes: ADR-0001"),
    "a number": ("status: superseded by 2", "supersedes: 1"),
    "a list": ("status: superseded\nsuperseded-by:\n  - 0002", "supersedes:\n  - 0001"),
    "a flow list": ("status: superseded\nsuperseded-by: ['ADR-2']", "supersedes: [ADR-1] # so"),
    "a block": ("status: |\n  superseded by ADR-2", "Replaces: >-\n  ADR-1"),
    "a link": ("status: superseded by [b](0002-b.md)", 'supersedes: "[a](0001-a.md)"'),
    "a file": ("status: superseded by 0002-b.md", "supersedes: 0001-a.md"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_supersession_that_both_ends_state_is_no_fault(name: str, tmp_path: Path) -> None:
    old, new = PAIRS[name]
    files = {
        "0001-a.md": f"# A\n\n{old}",
        "0002-b.md": f"# B\n\n{new}",
        "0003-c.md": f"# C\n\n{STATUS}",
    }
    assert check(tmp_path, files) == []


@pytest.mark.parametrize("name", MATTERS)
def test_front_matter_states_it_too(name: str, tmp_path: Path) -> None:
    old, new = MATTERS[name]
    files = {
        "0001-a.md": f"---\n{old}\n---\n# A",
        "0002-b.md": f"---\nstatus: accepted\n{new}\n---\n# B",
    }
    assert check(tmp_path, files) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("superseded by ADR 2 and ADR 3", "supersedes ADR 1"),
        ("superseded by [2. B](0002-b.md), [3. C](0003-c.md)", "supersedes [1. A](0001-a.md)"),
        ("superseded by 0002 & 0003", "supersedes ADR-1"),
    ],
)
def test_a_record_may_have_two_successors(old: str, new: str, tmp_path: Path) -> None:
    files = {"0001-a.md": f"# A\n\n- Status: {old}"}
    files |= {f"000{n}.md": f"# B {n}\n\n- Status: accepted, {new}" for n in (2, 3)}
    files = {k.replace("0002.", "0002-b.").replace("0003.", "0003-c."): v for k, v in files.items()}
    assert check(tmp_path, files) == []
    (only,) = check(tmp_path, {"0003-c.md": f"# C\n\n{STATUS}"})
    assert only == "0001-a.md: 0003-c.md does not say that it supersedes this one"


@pytest.mark.parametrize(
    ("a", "b"), [("20210405-a", "20220506-b"), ("2021-04-05-a", "2022-05-06-b"), ("use-a", "use-b")]
)
def test_records_may_name_each_other_by_their_files(a: str, b: str, tmp_path: Path) -> None:
    files = {
        f"{a}.md": f"# A\n\n- Status: superseded by [{b}]({b}.md)",
        f"{b}.md": f"# B\n\n- Status: accepted\n\n## Links\n\n- Supersedes [{a}]({a}.md)",
    }
    nameless = [f for f in check(tmp_path, files) if "does not begin with a number" not in f]
    assert nameless == []
    if a[0] == "2":
        assert check(tmp_path, files) == []
    files[f"{b}.md"] = f"# B\n\n{STATUS}"
    said = f"{a}.md: {b}.md does not say that it supersedes this one"
    assert said in check(tmp_path, files)
    (tmp_path / f"{b}.md").unlink()
    files.pop(f"{b}.md")
    assert any(f"superseded by {b}, which is not here" in f for f in check(tmp_path, files))


ONE_SIDED = {
    "the new end alone": (STATUS, f"{STATUS}  \n**Supersedes:** [ADR-1](0001-a.md)", "0002-b.md: 0001-a.md does not"),
    "the old end alone": ("Status: superseded by ADR-2", STATUS, "0001-a.md: 0002-b.md does not"),
    "amended alone": ("Status: superseded by ADR-2", f"{STATUS}\n\nAmends ADR-1", "0001-a.md: 0002-b.md does not"),
    "a note against the status": (f"{STATUS}\n\n> This was superseded by [ADR-2](0002-b.md).", f"{STATUS}\n\nSupersedes ADR-1", "0002-b.md: 0001-a.md does not"),
    "not here": ("Status: superseded by ADR-2", f"{STATUS}\n\nSupersedes ADR-1 and ADR-8", "ADR-0008, which is not here"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_SIDED)
def test_what_one_end_alone_states_is_found(name: str, tmp_path: Path) -> None:
    old, new, expected = ONE_SIDED[name]
    (fault,) = check(tmp_path, {"0001-a.md": f"# A\n\n{old}", "0002-b.md": f"# B\n\n{new}"})
    assert expected in fault


# --- titles and sections --------------------------------------------------------------------------

TITLES = {
    "2. Queues\n=========": "Queues",
    "ADR-2: Queues: a start\n===": "Queues: a start",
    "ADR 2: Queues\n-------------": "Queues",
    "(2) Queues\n===": "Queues",
    "---\ntitle: Queues\n---\n": "Queues",
    "+++\ntitle = 'Queues'\n+++\n": "Queues",
    "---\ntitle: >-\n  Queues\n---\n": "Queues",
    "## ADR-2: Queues": "Queues",
    "## Title\n\nQueues": "Queues",
}


@pytest.mark.parametrize("head", TITLES)
def test_check_sees_the_title_that_import_reads(head: str, tmp_path: Path) -> None:
    theirs = tmp_path / "adr"
    theirs.mkdir()
    assert check(theirs, {"0002-x.md": f"{head}\n\n## Status\n\nAccepted"}) == []
    (taken,), _ = import_records(theirs, DecisionFolder(tmp_path / "own"))
    assert taken.decision.title == TITLES[head]


def test_without_a_title_that_is_said(tmp_path: Path) -> None:
    (fault,) = check(tmp_path, {"0002-x.md": "---\nstatus: accepted\n---\n"})
    assert "there is no title" in fault


@pytest.mark.parametrize("rule", ["---", "-----------------------"])
@pytest.mark.parametrize("line", ["1. One of a list", "Date: 2020-02-03", "* A bullet", "> Quoted"])
def test_a_rule_below_a_list_or_a_label_makes_no_heading(line: str, rule: str) -> None:
    text = f"# A\n\nStatus: accepted\n\n{line}\n{rule}\n\nMore.{BODY}"
    assert parse(text, Path("0001-a.md")).context == "We need it."
    assert parse(text, Path("0001-a.md")).title == "A"


SECTIONS = {
    "level 1": "# 2. Queues\n\n# Status\n\nAccepted" + BODY.replace("##", "#"),
    "level 1, a title of front matter": "---\ntitle: Q\nstatus: accepted\n---\n"
    + BODY.replace("##", "#"),
    "level 3": "# Queues\n\n### Status\n\nAccepted" + BODY.replace("##", "###"),
    "underlined": "Queues\n======\n\nStatus\n------\n\nAccepted\n\nContext\n---\n\nC.\n\nDecision\n---\n\nD.\n\nConsequences\n---\n\nE.\n",
    "underlined and numbered": "Queues\n===\n\n1. Status\n---------\n\nAccepted\n\n2. Context\n----------\n\nC.\n\n3. Decision\n-----------\n\nD.\n\n4. Consequences\n---------------\n\nE.\n",
    "underlined at level 1": "Queues\n===\n\nStatus\n===\n\nAccepted\n\nContext\n===\n\nC.\n\nDecision\n===\n\nD.\n\nConsequences\n===\n\nE.\n",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_sections_of_any_level_are_sections(name: str, tmp_path: Path) -> None:
    assert check(tmp_path, {"0002-x.md": SECTIONS[name]}, body="") == []


def test_an_empty_section_of_level_1_is_found(tmp_path: Path) -> None:
    text = SECTIONS["level 1"].replace("We need it.", "")
    (fault,) = check(tmp_path, {"0002-x.md": text}, body="")
    assert "the section `Context` is empty" in fault
