"""`archwright guide`, `pin`, `ban` and `seed`: a person's word to a run, also while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, RunName, chosen_run
from archwright.cli.output import emit
from archwright.core import InputError, RunError
from archwright.papers.facts import is_reproduction
from archwright.runs.guiding import read_architecture, record_word
from archwright.runs.guiding.words import WordKind
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import steer_document
from archwright.runs.results.wording import STATEMENT, clean, command_line, steer_words
from archwright.runs.starting import task_of
from archwright.runs.workspace.control import is_held
from archwright.runs.workspace.paths import RunPaths
from archwright.search.bans import kind_of

Said = Annotated[tuple[str, ...], Parameter(allow_leading_hyphen=True)]

_EFFECTS: Final[dict[WordKind, str]] = {
    "guide": "shown to every proposal",
    "pin": "kept to by every proposal",
    "ban": "kept away from by every proposal",
    "seed": "trained as one of the next candidates",
}
_HEEDED: Final = {"family": "as a family", "operator": "as an operator", "words": "as words"}


def guide(
    run: RunName = "latest", words: Said = (), /, *, workspace: Folder = HERE, json: AsJson = False
) -> None:
    """Say something to every proposer of a run, above all else but the task's contract.

    Args:
        words: What to say; without it, what holds now is printed.
    """
    _say("guide", run, words, workspace, json)


def pin(
    run: RunName = "latest", words: Said = (), /, *, workspace: Folder = HERE, json: AsJson = False
) -> None:
    """Keep a run to a family (conv, attention, recurrent …), an operator or an idea.

    Args:
        words: What to keep to; without it, what holds now is printed. It lifts a ban of the same.
    """
    _say("pin", run, words, workspace, json)


def ban(
    run: RunName = "latest", words: Said = (), /, *, workspace: Folder = HERE, json: AsJson = False
) -> None:
    """Keep a run away from a family (conv, attention, recurrent …), an operator or an idea.

    The control arm and the verification are out of reach. The symbolic engine heeds words that
    stand in a title or that the source calls, such as GELU or batch norm.

    Args:
        words: What to keep away from; without it, what holds now is printed. It lifts a pin of the
            same.
    """
    _say("ban", run, words, workspace, json)


def seed(
    run: RunName = "latest",
    file: Annotated[Path | None, Parameter(name="FILE")] = None,
    /,
    *,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Give a run an architecture of your own, to be trained and varied as any other.

    Args:
        file: A Python file that keeps the task's contract; without it, what holds now is printed.
    """
    paths = _steerable(run, workspace)
    if file is None:
        _print(paths, None, workspace, json)
        return
    name, source = read_architecture(file.expanduser(), task_of(paths).spec)
    _record(paths, "seed", name, workspace, json, source)


def _say(kind: WordKind, run: str, said: tuple[str, ...], workspace: str, as_json: bool) -> None:
    paths = _steerable(run, workspace)
    if not said:
        _print(paths, None, workspace, as_json)
        return
    words = " ".join(" ".join(said).split())
    if not words:
        raise InputError(f'give the words: `archwright {kind} {paths.name} "WORDS"`')
    _record(paths, kind, words, workspace, as_json)


def _steerable(run: str, workspace: str) -> RunPaths:
    paths = chosen_run(run, workspace, writes=True)
    if is_reproduction(paths):
        raise RunError(
            f"{paths.name} reproduces a paper and proposes nothing: steer a run that searches, as "
            "`archwright paper improve` starts one"
        )
    return paths


def _record(
    paths: RunPaths, kind: WordKind, words: str, workspace: str, as_json: bool, source: str = ""
) -> None:
    with Journal.open(paths) as journal:
        record_word(journal, kind, words, source)
    _print(paths, (kind, words), workspace, as_json)


def _print(
    paths: RunPaths, said: tuple[WordKind, str] | None, workspace: str, as_json: bool
) -> None:
    """What was recorded, and from when it holds; else all that holds now."""
    with Journal.open(paths) as journal:
        snapshot = observe(journal)
    document: dict[str, Any] = {"run": paths.name, "steer": steer_document(snapshot)}
    if said is not None:
        kind, words = said
        since = f"{_EFFECTS[kind]} {_since(paths, workspace)}"
        document |= {"kind": kind, "words": words, "holds": since}
        if kind in ("pin", "ban"):
            document["read"] = kind_of(words)
            since += f"; the symbolic engine follows it {_HEEDED[kind_of(words)]}"
        emit(as_json, document, lambda: print(f"{kind} {clean(words, STATEMENT)}: {since}"))
    else:
        emit(as_json, document, lambda: print("\n".join(_lines(snapshot))))


def _since(paths: RunPaths, workspace: str) -> str:
    if is_held(paths):
        return "from now on"
    return f"once the run continues: {command_line(workspace, 'resume', paths.name)}"


def _lines(snapshot: Snapshot) -> list[str]:
    said = [clean(line, STATEMENT) for line in steer_words(snapshot.steer, snapshot.seeds)]
    return said or [f"{snapshot.run} has no guide, ban, pin or seed yet"]
