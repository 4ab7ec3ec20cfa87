"""Discoveries land as branches, and nothing else of the user's repository changes."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archwright.core import Candidate, WorkspaceError
from archwright.knowledge.decisions.folder import Decision, DecisionFolder
from archwright.runs.results.branches.branches import (
    Landing,
    LineageCommit,
    Measure,
    amend_decision,
    land,
    landing_base,
)
from archwright.runs.workspace.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_git_user")

RUN = "digits-20261124-ab12"
ARCHITECTURE = "discoveries/digits/architecture.py"
RESULTS = "discoveries/digits/results.json"
RECORD = "docs/decisions/0001-both.md"


def commit_of(
    id_: str, title: str, source: str, created: float, parents: tuple[str, ...] = (), **more: Any
) -> LineageCommit:
    made = {"rationale": more.pop("rationale", ""), "created": created, "parents": parents}
    return LineageCommit(Candidate(id_, title, source, **made), **more)


BASELINE = commit_of(
    "baseline", "The baseline", "x = 0\n", 1_700_000_000.0, results={"score": 92.8}
)
WIDER = commit_of("c1", "A wider stem", "x = 1\n", 1_700_000_100.0, ("baseline",))
DEEPER = commit_of("c2", "Deeper", "x = 2\n", 1_700_000_200.0, ("baseline",))
BOTH = commit_of(
    "c3",
    "Both",
    "x = 3\n",
    1_700_000_300.7,
    ("c1", "c2"),
    rationale="Width and depth\nhelp each other.",
    evidence="It beat the baseline on all of five seeds.",
    results={"score": 95.1, "interval": (1.1, 3.5), "worst": math.nan},
    measures=(Measure("accuracy", 95.1, "%", 2.3, (1.1, 3.5)), Measure("parameters", 31204)),
)


def changed(commit: LineageCommit, **changes: Any) -> LineageCommit:
    """The commit with its candidate changed."""
    return replace(commit, candidate=replace(commit.candidate, **changes))


def git(folder: Path, *words: str) -> str:
    # A look at the status may rewrite the index, unless git is told to leave it.
    command = ["git", "--no-optional-locks", *words]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


def commit(folder: Path, message: str = "work") -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@x", "commit", "-qm", message)


def landing(workspace: Workspace, *commits: LineageCommit, text: str = "# Both\n") -> Landing:
    commits = commits or (BASELINE, WIDER, DEEPER, BOTH)
    return Landing(RUN, "digits", workspace.head(), commits, "0001-both.md", text)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text("a = 1\n")
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text("# Docs\n")
    commit(folder)
    return folder


def dirty(folder: Path) -> Path:
    (folder / "src" / "a.py").write_text("a = 2\n")
    (folder / "staged.py").write_text("s = 1\n")
    git(folder, "add", "staged.py")
    (folder / "untracked.py").write_text("u = 1\n")
    return folder


def empty(folder: Path) -> Path:
    git(folder.parent, "init", "-q", "empty")
    (folder.parent / "empty" / "untracked.py").write_text("u = 1\n")
    return folder.parent / "empty"


def detached(folder: Path) -> Path:
    git(folder, "checkout", "-q", "--detach")
    return dirty(folder)


def bare(folder: Path) -> Path:
    git(folder.parent, "clone", "-q", "--bare", str(folder), "bare.git")
    return folder.parent / "bare.git"


def linked(folder: Path) -> Path:
    git(folder, "worktree", "add", "-q", "-b", "side", "../linked")
    return dirty(folder.parent / "linked")


def special(folder: Path) -> Path:
    """A tree with a submodule, a link, a program and a name that is not UTF-8."""
    git(folder.parent, "clone", "-q", str(folder), "part")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", "../part", "part")
    (folder / "link").symlink_to("src/a.py")
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o755)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\n.txt")).write_text("latin\n")
    commit(folder)
    return folder


def guarded(folder: Path) -> Path:
    """Hooks that refuse everything, and signing with a key that is not there."""
    hooks = folder / ".git" / "hooks"
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\ntouch hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    for setting in ("commit.gpgsign=true", "user.signingkey=nobody", "gpg.program=false"):
        git(folder, "config", *setting.split("="))
    git(folder, "config", "core.splitIndex", "true")
    return folder


def clean_tree(folder: Path) -> Path:
    return folder


KINDS = [clean_tree, dirty, empty, detached, bare, linked, special, guarded]


def photograph(workspace: Workspace) -> dict[str, object]:
    """All that must not change: HEAD, index bytes, status, and every file of the work tree."""
    root, git_dir = workspace.root, workspace.git_dir
    index = git_dir / "index"
    work = [] if root == git_dir else sorted(p for p in root.rglob("*") if ".git" not in p.parts)
    return {
        "HEAD": (git_dir / "HEAD").read_bytes(),
        "head": workspace.head(),
        "index": index.read_bytes() if index.exists() else None,
        "branches": [b for b in git(root, "branch").split("\n") if b and "archwright/" not in b],
        "status": None if root == git_dir else git(root, "status", "--porcelain=v2", "--branch"),
        "files": [(p, p.lstat().st_mtime_ns, p.lstat().st_mode) for p in work],
        "texts": [p.read_bytes() for p in work if p.is_file()],
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_landing_adds_a_branch_and_touches_nothing_else(
    clean: Path, kind: Callable[[Path], Path]
) -> None:
    workspace = Workspace.open(kind(clean))
    before = photograph(workspace)
    branch = land(workspace, landing(workspace))
    assert photograph(workspace) == before
    assert branch == f"archwright/{RUN}/both"
    assert git(workspace.root, "show", f"{branch}:{ARCHITECTURE}") == "x = 3"
    assert git(workspace.root, "show", f"{branch}:{RECORD}") == "# Both"
    git(workspace.root, "fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_branch_keeps_the_tree_it_stands_on(clean: Path, kind: Callable[[Path], Path]) -> None:
    workspace = Workspace.open(kind(clean))
    branch = land(workspace, landing(workspace))
    new = {ARCHITECTURE, RESULTS, RECORD}
    listed = git(workspace.root, "ls-tree", "-r", "-z", branch).split("\0")
    kept = [entry for entry in listed if entry and entry.partition("\t")[2] not in new]
    base = workspace.head()
    expected = git(workspace.root, "ls-tree", "-r", "-z", base).split("\0") if base else []
    assert kept == [entry for entry in expected if entry]
    assert len(listed) - 1 == len(kept) + len(new)


def test_the_history_is_the_lineage(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    tip, wide, deep = git(clean, "log", "-1", "--format=%H %P", branch).split()
    assert git(clean, "log", "-1", "--format=%s", wide) == WIDER.candidate.title
    assert git(clean, "log", "-1", "--format=%s", deep) == DEEPER.candidate.title
    base = git(clean, "rev-parse", f"{wide}^")
    assert git(clean, "rev-parse", f"{deep}^") == base
    assert git(clean, "rev-parse", f"{base}^") == workspace.head()
    assert git(clean, "diff", "--name-only", base, wide) == ARCHITECTURE + "\n" + RESULTS
    assert "+x = 3" in git(clean, "diff", wide, tip, "--", ARCHITECTURE)


def test_a_baseline_in_an_empty_repository_has_no_parent(clean: Path) -> None:
    workspace = Workspace.open(empty(clean))
    branch = land(workspace, landing(workspace))
    assert len(git(workspace.root, "rev-list", "--max-parents=0", branch).split()) == 1
    assert git(workspace.root, "rev-list", "--count", branch) == "4"


def test_a_draft_without_parents_stands_on_the_baseline(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace, BASELINE, changed(BOTH, parents=())))
    assert git(clean, "log", "-1", "--format=%s", f"{branch}^") == BASELINE.candidate.title
    assert "Archwright-Parent" not in git(clean, "log", "-1", "--format=%B", branch)


def test_the_message_says_what_was_measured(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    message = git(clean, "log", "-1", "--format=%B", branch)
    assert message == (
        "Both\n\nWidth and depth\nhelp each other.\n\n"
        "It beat the baseline on all of five seeds.\n\n"
        f"Archwright-Run: {RUN}\n"
        "Archwright-Candidate: c3\n"
        "Archwright-Parent: c1\n"
        "Archwright-Parent: c2\n"
        "Archwright-Metric: accuracy 95.1 % (+2.3, 95 % interval +1.1 to +3.5)\n"
        "Archwright-Metric: parameters 31204"
    )
    assert git(clean, "log", "-1", "--format=%an <%ae> %at %ct", branch) == (
        "Archwright <archwright@localhost> 1700000300 1700000300"
    )
    results = json.loads(git(clean, "show", f"{branch}:{RESULTS}"))
    assert results == {"score": 95.1, "interval": [1.1, 3.5], "worst": None}


def test_the_configured_user_commits(clean: Path) -> None:
    git(clean, "config", "user.name", "Ada")
    git(clean, "config", "user.email", "ada@example.org")
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    assert git(clean, "log", "-1", "--format=%an %cn %ce", branch) == "Ada Ada ada@example.org"


def test_landing_twice_is_landing_once(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    refs = git(clean, "for-each-ref")
    (clean / "later.py").write_text("later = 1\n")
    assert land(workspace, landing(workspace)) == branch
    assert git(clean, "for-each-ref") == refs
    git(clean, "branch", "-D", branch)
    assert land(workspace, landing(workspace)) == branch
    assert git(clean, "for-each-ref") == refs


def test_a_branch_that_grew_is_still_the_candidates(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    git(clean, "checkout", "-q", branch)
    (clean / "own.py").write_text("own = 1\n")
    commit(clean, "mine on top")
    git(clean, "checkout", "-q", "main")
    refs = git(clean, "for-each-ref")
    assert land(workspace, landing(workspace)) == branch
    assert git(clean, "for-each-ref") == refs


def test_branches_of_a_run_share_their_ancestors(clean: Path) -> None:
    workspace = Workspace.open(clean)
    first = land(workspace, landing(workspace, BASELINE, WIDER))
    # The discovery's own commit carries its decision, an ancestor's does not: they meet below it.
    second = land(workspace, landing(workspace))
    deepest = changed(DEEPER, id="c9", parents=("c2",))
    third = land(workspace, landing(workspace, BASELINE, DEEPER, deepest))
    assert len({first, second, third}) == 3
    assert git(clean, "merge-base", first, third) == git(clean, "rev-parse", f"{first}^")
    shared = git(clean, "merge-base", second, third)
    assert git(clean, "log", "-1", "--format=%s", shared) == DEEPER.candidate.title


def test_one_title_for_two_candidates_makes_two_branches(clean: Path) -> None:
    workspace = Workspace.open(clean)
    first = land(workspace, landing(workspace, BASELINE, WIDER))
    second = land(workspace, landing(workspace, BASELINE, changed(WIDER, id="c7")))
    assert (first, second) == (f"archwright/{RUN}/a-wider-stem", f"archwright/{RUN}/a-wider-stem-2")


@pytest.mark.parametrize(
    "title",
    [
        "",
        "...",
        "--help",
        "a..b.lock/",
        "@{-1} ~^:?*[\\",
        "深い",
        "x" * 5000,
        "\x1b[31mred\x00\x07",
        "a\n\nArchwright-Candidate: forged",
        "\udce9\ud800",
        "-",
        "HEAD",
    ],
)
def test_hostile_words_make_safe_names_and_no_false_trailers(clean: Path, title: str) -> None:
    workspace = Workspace.open(clean)
    node = changed(BOTH, title=title, rationale=f"{title}\n\nArchwright-Run: forged", source=title)
    branch = land(workspace, landing(workspace, BASELINE, WIDER, DEEPER, node))
    git(clean, "check-ref-format", "--branch", branch)
    assert branch.startswith(f"archwright/{RUN}/")
    assert len(branch) <= len(f"archwright/{RUN}/") + 48
    for key, value in {"Archwright-Run": RUN, "Archwright-Candidate": "c3"}.items():
        form = f"--format=%(trailers:key={key},valueonly)"
        assert git(clean, "log", "-1", form, branch) == value
    assert "\x1b" not in git(clean, "log", "-1", "--format=%B", branch)


def test_what_stands_where_a_folder_is_needed_gives_way_on_the_branch(clean: Path) -> None:
    (clean / "discoveries").write_text("a file\n")
    commit(clean)
    workspace = Workspace.open(clean)
    branch = land(workspace, landing(workspace))
    assert git(clean, "show", f"{branch}:{ARCHITECTURE}") == "x = 3"
    assert (clean / "discoveries").read_text() == "a file\n"


def test_a_branch_in_the_way_is_named(clean: Path) -> None:
    git(clean, "branch", "archwright")
    workspace = Workspace.open(clean)
    with pytest.raises(WorkspaceError, match=r"git branch -m archwright NAME"):
        land(workspace, landing(workspace))


@pytest.mark.parametrize("kind", ["branch", "unborn", "bare", "worktree"])
def test_a_branch_in_the_way_is_named_before_anything_is_spent(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "repository"
    first = "main" if kind in ("branch", "worktree") else "archwright"
    git(tmp_path, "init", "-q", *(["--bare"] if kind == "bare" else []), "-b", first, str(folder))
    if kind in ("branch", "worktree"):
        (folder / "a.txt").write_text("a\n")
        commit(folder)
    if kind == "branch":
        git(folder, "branch", "archwright")
    if kind == "worktree":
        git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "other"))
        git(tmp_path / "other", "symbolic-ref", "HEAD", "refs/heads/archwright")
    workspace = Workspace.open(folder)
    with pytest.raises(WorkspaceError, match=r"git branch -m archwright NAME"):
        landing_base(workspace)
    with pytest.raises(WorkspaceError, match=r"git branch -m archwright NAME"):
        land(workspace, landing(workspace))
    assert git(folder, "for-each-ref", "refs/heads/archwright/") == ""


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_else_is_in_the_way_is_named_before_anything_is_spent(clean: Path, kind: str) -> None:
    heads = clean / ".git" / "refs" / "heads"
    if kind == "file":
        (heads / "archwright").write_text("left by a crash\n")
    else:
        (heads / "archwright").symlink_to("/dev/null")
    with pytest.raises(WorkspaceError, match=r"archwright/… can be made .* in the way"):
        landing_base(Workspace.open(clean))


def test_a_base_that_is_gone_gives_way_to_what_replaced_it(clean: Path) -> None:
    workspace = Workspace.open(clean)
    found = landing(workspace)
    assert found.base
    (clean / "src" / "b.py").write_text("b = 1\n")
    git(clean, "add", "-A")
    git(clean, "-c", "user.name=U", "-c", "user.email=u@x", "commit", "-qm", "again", "--amend")
    git(clean, "reflog", "expire", "--expire=all", "--all")
    git(clean, "prune", "--expire=now")
    branch = land(workspace, found)
    assert git(clean, "show", f"{branch}:src/b.py") == "b = 1"
    assert git(clean, "merge-base", "HEAD", branch) == git(clean, "rev-parse", "HEAD")
    assert found.base in git(clean, "log", "--format=%B", branch)
    assert land(workspace, found) == branch


def test_a_parent_must_come_before_its_child(clean: Path) -> None:
    workspace = Workspace.open(clean)
    with pytest.raises(ValueError, match="c3 comes before its parent c1"):
        land(workspace, landing(workspace, BASELINE, BOTH))


# --- decisions that change ----------------------------------------------------------------------


def landed(workspace: Workspace) -> tuple[str, Path]:
    """A branch with its decision record in the workspace."""
    folder = DecisionFolder(workspace.paths.decisions)
    record = folder.add(
        Decision("Both", "Why?", "Both", "it gained", "2026-11-24", run=RUN, candidate="c3")
    )
    return land(workspace, landing(workspace, text=record.read_text())), record


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_changed_decision_is_one_commit_more(clean: Path, kind: Callable[[Path], Path]) -> None:
    workspace = Workspace.open(kind(clean))
    branch, record = landed(workspace)
    DecisionFolder(record.parent).set_status(1, "accepted", "simple enough", "2026-11-25")
    before, tip = photograph(workspace), git(workspace.root, "rev-parse", branch)
    commit_made = amend_decision(workspace, branch, record)
    assert photograph(workspace) == before
    assert git(workspace.root, "rev-parse", branch, f"{branch}^").split() == [commit_made, tip]
    assert git(workspace.root, "show", f"{branch}:{RECORD}") == record.read_text().strip()
    assert git(workspace.root, "diff", "--name-only", tip, branch) == RECORD
    message = git(workspace.root, "log", "-1", "--format=%B", branch)
    assert message.startswith("Decision accepted: Both\n\n2026-11-25, accepted: simple enough\n")
    assert message.endswith(f"Archwright-Run: {RUN}\nArchwright-Candidate: c3")
    assert amend_decision(workspace, branch, record) == commit_made
    assert land(workspace, landing(workspace)) == branch


def test_a_branch_that_is_checked_out_anywhere_does_not_move(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch, record = landed(workspace)
    git(clean, "worktree", "add", "-q", "../look", branch)
    DecisionFolder(record.parent).set_status(1, "rejected")
    tip = git(clean, "rev-parse", branch)
    with pytest.raises(WorkspaceError, match=r"checked out in .*look"):
        amend_decision(workspace, branch, record)
    assert git(clean, "rev-parse", branch) == tip


def test_a_branch_that_is_gone_is_an_error_of_one_line(clean: Path) -> None:
    workspace = Workspace.open(clean)
    branch, record = landed(workspace)
    git(clean, "branch", "-D", branch)
    with pytest.raises(WorkspaceError) as error:
        amend_decision(workspace, branch, record)
    assert "\n" not in str(error.value)
