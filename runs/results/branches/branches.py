"""Discoveries as git branches, made of objects alone: work tree, index and HEAD are never touched.

Each candidate of a discovery's lineage is one commit whose parents are its parents' commits, so
that `git log --graph` is the lineage and `git diff parent child` is the idea. A commit follows from
its candidate alone, dates included: branches of one run share the commits of shared ancestors.
"""

from __future__ import annotations

import json
import math
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from archwright.core import Candidate, Json, WorkspaceError, is_bundle, read_bundle
from archwright.knowledge.decisions.folder import parse, slugify
from archwright.runs.workspace.workspace import Workspace

DECISIONS: Final = "docs/decisions"
SCRIPT_FOLDER: Final = "files"
"""Where a script's files lie in the folder of a discovery."""
SUBJECT_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number; `gain` over the baseline (positive is better) with its 95 % interval."""

    name: str
    value: float
    unit: str = ""
    gain: float | None = None
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        number = f"{self.value:.4g}" if abs(self.value) < 1e4 else f"{self.value:.0f}"
        text = f"{self.name} {number} {self.unit}".rstrip()
        notes = [] if self.gain is None else [f"{self.gain:+.3g}"]
        if self.interval is not None:
            low, high = self.interval
            notes.append(f"95 % interval {low:+.3g} to {high:+.3g}")
        return f"{text} ({', '.join(notes)})" if notes else text


@dataclass(frozen=True, slots=True)
class LineageCommit:
    """A candidate of a lineage as a commit shows it: a projection with what was measured of it.

    The candidate's parents are those of earlier commits; one without any descends from the
    baseline. `evidence` is what was measured in words, `results` the same as a JSON document.
    """

    candidate: Candidate
    evidence: str = ""
    results: Json = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Landing:
    """A discovery with its lineage: baseline first, parents before their children, itself last.

    `base` is the commit that was checked out when the run started, None in an empty repository.
    `decision_name` is the file name of the decision record, `decision_text` its Markdown.
    """

    run: str
    task: str
    base: str | None
    commits: tuple[LineageCommit, ...]
    decision_name: str = ""
    decision_text: str = ""
    readme: Callable[[str], str] | None = None
    """Gives the README.md that lies beside the architecture, for a branch's name."""


def land(workspace: Workspace, landing: Landing) -> str:
    """Make the discovery's branch, `archwright/<run>/<slug>`, and return its name.

    Landing the same candidate again returns the branch that it has.

    Raises:
        WorkspaceError: git cannot write the objects or the branch.
        ValueError: a commit names a parent that is not before it.
    """
    discovery = landing.commits[-1].candidate
    landing = _on_what_is_there(workspace, landing)
    landed = _landed(workspace, landing.run, landing.base)
    for branch, candidate in landed.items():
        if candidate == discovery.id:
            return branch
    slug = slugify(discovery.title, fallback=slugify(discovery.id))
    _check_free(workspace, "archwright", f"archwright/{landing.run}")
    branch = _free_name(f"archwright/{landing.run}/{slug}", landed)
    commit = _commit_lineage(workspace, landing, branch)
    _move(workspace, branch, commit, before="")
    return branch


def landing_base(workspace: Workspace) -> str | None:
    """The commit that the branches of a run that starts now stand on; None in an empty repository.

    Raises:
        WorkspaceError: none could be made: something is in their way, they cannot be written, or
            HEAD leads to no commit.
    """
    head = workspace.head()
    _check_free(workspace, "archwright")
    try:
        # Git takes the lock that it will need for a branch, and lets it go.
        workspace.git("update-ref", "--stdin", stdin=b"verify refs/heads/archwright/a-run\n")
    except WorkspaceError as error:
        raise WorkspaceError(
            f"no branch archwright/… can be made for what is found ({error}): move away what is in "
            "the way, or fix its rights"
        ) from error
    return head


def _on_what_is_there(workspace: Workspace, landing: Landing) -> Landing:
    """The landing; where its base was amended and pruned, on what took its place."""
    if landing.base is None or _is_commit(workspace, landing.base):
        return landing
    said = f"The run started from {landing.base}, which is gone; this stands on what replaced it."
    first = landing.commits[0]
    first = replace(first, evidence="\n\n".join(filter(None, [first.evidence, said])))
    return replace(landing, base=workspace.head(), commits=(first, *landing.commits[1:]))


def _is_commit(workspace: Workspace, name: str) -> bool:
    return workspace.ask("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}") is not None


def _check_free(workspace: Workspace, *names: str) -> None:
    """Refuse a branch of one of these names, which git cannot hold beside `NAME/…`.

    One without commits counts: the first commit on it would fail.
    """
    # A bare repository is listed without its branch.
    current = {*_checked_out(workspace), workspace.branch()}
    for name in names:
        if has_branch(workspace, name) or f"refs/heads/{name}" in current:
            raise WorkspaceError(
                f"the branch {name} is in the way of {name}/…: rename it with "
                f"`git branch -m {name} NAME`"
            )


def amend_decision(workspace: Workspace, branch: str, record: Path) -> str:
    """Put a decision record that changed on top of `branch`; return the branch's newest commit.

    `record` is the record's file in the workspace. Where the branch holds the same text already,
    nothing is done.

    Raises:
        WorkspaceError: there is no such branch, it is checked out somewhere, or git cannot write.
    """
    check_amendable(workspace, branch)
    tip = workspace.git("rev-parse", "--verify", f"refs/heads/{branch}^{{commit}}").decode()
    content = record.read_bytes()
    tree = _put(workspace, tip, {f"{DECISIONS}/{record.name}": _blob(workspace, content)})
    if tree == workspace.git("rev-parse", f"{tip}^{{tree}}").decode():
        return tip
    decision = parse(content.decode(errors="replace"), record)
    links = {"Archwright-Run": decision.run, "Archwright-Candidate": decision.candidate}
    trailers = [f"{key}: {_line(value)}" for key, value in links.items() if value]
    reason = decision.notes[-1] if decision.notes else ""
    message = _message(f"Decision {decision.status}: {decision.title}", [reason], trailers)
    commit = _commit(workspace, tree, (tip,), message, time.time())
    _move(workspace, branch, commit, before=tip)
    return commit


def has_branch(workspace: Workspace, branch: str) -> bool:
    """Whether the repository has a branch of this name."""
    return workspace.ask("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}") is not None


def check_amendable(workspace: Workspace, branch: str) -> None:
    """Refuse a branch that is checked out: it must not move under anyone's feet.

    Raises:
        WorkspaceError: with the folder where it is checked out.
    """
    folder = _checked_out(workspace).get(f"refs/heads/{branch}")
    if folder is not None:
        raise WorkspaceError(
            f"{branch} is checked out in {folder} and would change under your feet: "
            f"`git -C {folder} switch -` first, then again"
        )


def _checked_out(workspace: Workspace) -> dict[str, str]:
    """The branches that are checked out, each with the folder where it is."""
    folder = ""
    found: dict[str, str] = {}
    listed = workspace.git("worktree", "list", "--porcelain").decode(errors="replace")
    for line in listed.split("\n"):
        key, _, value = line.partition(" ")
        folder = value if key == "worktree" else folder
        if key == "branch":
            found.setdefault(value, folder)
    return found


def _landed(workspace: Workspace, run: str, base: str | None) -> dict[str, str]:
    """The run's branches, each with its candidate, even if somebody committed on top of it."""
    refs = workspace.git("for-each-ref", "--format=%(refname)", f"refs/heads/archwright/{run}/")
    landed: dict[str, str] = {}
    form = "--format=%(trailers:key=Archwright-Candidate,valueonly,separator=%x2C)"
    # The user's own history may be long and has no commits of ours.
    without = (f"^{base}",) if base else ()
    for ref in refs.decode().split():
        log = workspace.git("log", "--first-parent", form, ref, *without).decode(errors="replace")
        landed[ref.removeprefix("refs/heads/")] = next(filter(None, log.splitlines()), "")
    return landed


def _free_name(name: str, taken: Mapping[str, str]) -> str:
    numbered = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(each for each in numbered if each not in taken)


def _move(workspace: Workspace, branch: str, commit: str, before: str) -> None:
    """Point `branch` at `commit`, if it points at `before` (empty: if there is no such branch)."""
    name, address = workspace.identity()
    workspace.git(
        *("update-ref", "-m", "archwright", f"refs/heads/{branch}", commit, before),
        env={"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address},
    )


# --- commits ------------------------------------------------------------------------------------


def _commit_lineage(workspace: Workspace, landing: Landing, branch: str) -> str:
    """Commit the lineage, parents first; returns the last commit."""
    made: dict[str, str] = {}
    root = landing.commits[0].candidate.id
    for commit in landing.commits:
        candidate = commit.candidate
        missing = [parent for parent in candidate.parents if parent not in made]
        if missing:
            raise ValueError(f"{candidate.id} comes before its parent {missing[0]}")
        roots = [made[root]] if made else [landing.base]
        parents = [made[parent] for parent in candidate.parents] or roots
        unique = tuple(dict.fromkeys(parent for parent in parents if parent))
        tree = _put(workspace, landing.base, _files(workspace, landing, commit, branch))
        message = _lineage_message(landing, commit)
        made[candidate.id] = _commit(workspace, tree, unique, message, candidate.created)
    return made[landing.commits[-1].candidate.id]


def _files(
    workspace: Workspace, landing: Landing, commit: LineageCommit, branch: str
) -> dict[str, str]:
    """What a commit adds to the base tree: blobs by path."""
    folder, source = f"discoveries/{slugify(landing.task)}", commit.candidate.source
    results = json.dumps(_plain(commit.results), indent=2, ensure_ascii=False, allow_nan=False)
    texts = {f"{folder}/{path}": text for path, text in files_of(source).items()}
    texts[f"{folder}/results.json"] = f"{results}\n"
    if commit is landing.commits[-1] and landing.readme:
        texts[f"{folder}/README.md"] = landing.readme(branch)
    if commit is landing.commits[-1] and landing.decision_name:
        texts[f"{DECISIONS}/{landing.decision_name}"] = landing.decision_text
    return {path: _blob(workspace, _encode(text)) for path, text in texts.items()}


def files_of(source: str) -> dict[str, str]:
    """What a candidate is in its folder: one file, or the files of a script in a folder."""
    if not is_bundle(source):
        return {"architecture.py": source}
    return {f"{SCRIPT_FOLDER}/{path}": text for path, text in read_bundle(source).items()}


def _lineage_message(landing: Landing, commit: LineageCommit) -> str:
    candidate = commit.candidate
    trailers = {"Archwright-Run": [landing.run], "Archwright-Candidate": [candidate.id]}
    trailers |= {"Archwright-Parent": list(candidate.parents)}
    trailers |= {"Archwright-Metric": [str(measure) for measure in commit.measures]}
    lines = [f"{key}: {_line(value)}" for key, values in trailers.items() for value in values]
    return _message(candidate.title or candidate.id, [candidate.rationale, commit.evidence], lines)


def _message(title: str, paragraphs: list[str], trailers: list[str]) -> str:
    """A commit message. The trailers stand in the last paragraph, where alone git reads them."""
    subject = _line(title)
    if len(subject) > SUBJECT_LENGTH:
        subject = subject[: SUBJECT_LENGTH - 1].rstrip() + "…"
    body = ["\n".join(map(_visible, text.strip().splitlines())) for text in paragraphs]
    return "\n\n".join(filter(None, [subject, *body, "\n".join(trailers)])) + "\n"


def _commit(
    workspace: Workspace, tree: str, parents: tuple[str, ...], message: str, created: float
) -> str:
    name, address = workspace.identity()
    when = f"@{int(created)} +0000"
    env = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address, "GIT_AUTHOR_DATE": when}
    env |= {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address, "GIT_COMMITTER_DATE": when}
    flags = (word for parent in parents for word in ("-p", parent))
    return workspace.git("commit-tree", tree, *flags, stdin=_encode(message), env=env).decode()


# --- trees --------------------------------------------------------------------------------------


def _blob(workspace: Workspace, content: bytes) -> str:
    return workspace.git("hash-object", "-w", "--stdin", stdin=content).decode()


def _put(workspace: Workspace, base: str | None, blobs: Mapping[str, str]) -> str:
    """The tree of `base` with `blobs` (by path) put into it; all else keeps its mode and object.

    Only the trees on the way to a path are rewritten. A file, link or submodule that stands where
    a folder is needed gives way, on the branch alone.
    """
    listed = workspace.git("ls-tree", "-z", "--full-tree", base) if base else b""
    entries: dict[bytes, bytes] = {}
    for entry in filter(None, listed.split(b"\0")):
        about, _, name = entry.partition(b"\t")
        entries[name] = about
    inner: dict[str, dict[str, str]] = {}
    for path, blob in blobs.items():
        head, _, rest = path.partition("/")
        if rest:
            inner.setdefault(head, {})[rest] = blob
        else:
            entries[head.encode()] = b"100644 blob " + blob.encode()
    for head, below in inner.items():
        words = entries.get(head.encode(), b"").split()
        tree = words[2].decode() if words[1:2] == [b"tree"] else None
        entries[head.encode()] = b"040000 tree " + _put(workspace, tree, below).encode()
    listing = b"".join(b"%s\t%s\0" % (about, name) for name, about in entries.items())
    return workspace.git("mktree", "-z", "--missing", stdin=listing).decode()


# --- text from strangers ------------------------------------------------------------------------


def _visible(line: str) -> str:
    return "".join(c for c in line.rstrip() if c == "\t" or unicodedata.category(c)[0] != "C")


def _line(text: str) -> str:
    return _visible(" ".join(text.split()))


def _encode(text: str) -> bytes:
    """UTF-8. What was read as a stray byte goes out as that byte, other lone halves as escapes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    """`value` for JSON, which knows neither NaN nor infinity: they become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
