"""The account of test evaluations on sealed test splits, with online control of what they find.

Each run that decides on a split spends a part of what can be believed of it. The account gives the
level of each test evaluation by LOND (Javanmard and Montanari 2015, "On Online Control of False
Discovery Rate"): `ALPHA * share(t) * (D + 1)` for evaluation `t`, where `D` before it made a
discovery. All shares sum to 1, so that the expected share of false ones among all discoveries on a
split stays below `ALPHA`, however many runs there are. It holds as well where p values are
positively dependent (Zrnic, Ramdas and Jordan 2021, "Asynchronous Online Testing of Multiple
Hypotheses"), as those on one split are; a test evaluation that is still open counts as one without
a discovery.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from archwright.core import RunError
from archwright.core.files import locked, write_whole
from archwright.knowledge.shared.mirror import SharedKnowledge
from archwright.knowledge.store import Knowledge
from archwright.runs.verification.statistics import ALPHA
from archwright.runs.workspace.paths import WorkspacePaths

VERSION: Final = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One test evaluation on a sealed split: by which round of which run, and at what level
    it decided."""

    split: str
    """The split by its content."""
    task: str
    run: str
    round: int
    number: int
    """From 1, of all test evaluations of the account on the split."""
    level: float
    opened: float
    """Unix time in seconds."""
    discoveries: int | None = None
    """How many it made; None while it is open."""


class SharedEvaluations(Protocol):
    """Lets a function read the test evaluations that machines share, as plain data in their
    order, and change the list in place, while nobody else does."""

    def __call__(self, change: Callable[[list[dict[str, Any]]], T], /) -> T: ...


class Account:
    """The test evaluations of one workspace, in a file that its runs share; or of all workspaces
    that share a knowledge base, those that were in the file before included.

    Args:
        file: it is made when it is first written.
        shared: where several machines keep one account, that one.
    """

    def __init__(self, file: Path, shared: SharedEvaluations | None = None) -> None:
        self._file = file
        self._shared = shared

    def looks(self, split: str | None = None) -> list[Evaluation]:
        """All test evaluations, or those on one split, in their order.

        Raises:
            RunError: the file is broken.
        """
        if self._shared is None:
            found = self._read()
        else:
            own = self._read()
            found = self._shared(lambda documents: _joined(map(_look, documents), own))
        return [look for look in found if split in (None, look.split)]

    def _read(self) -> list[Evaluation]:
        if not self._file.exists():
            return []
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            return [Evaluation(**entry) for entry in document["looks"]]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{self._file} is not readable as the account of test evaluations ({error}): "
                "restore it from a copy; without it no verdict can say what was evaluated before"
            ) from error

    def next_level(self, split: str) -> float:
        """The level at which the next test evaluation on a split would decide."""
        return _next_level(self.looks(split))

    def open(self, split: str, task: str, run: str, round_: int) -> Evaluation:
        """Enter a test evaluation before it is made. A round that has entered its own gets
        the same again.

        Raises:
            RunError: the file is broken, or cannot be written.
        """

        def enter(looks: list[Evaluation]) -> Evaluation:
            at_split = [look for look in looks if look.split == split]
            for look in at_split:
                if (look.run, look.round) == (run, round_):
                    return look
            number, level = len(at_split) + 1, _next_level(at_split)
            look = Evaluation(split, task, run, round_, number, level, time.time())
            looks.append(look)
            return look

        return self._change(enter)

    def close(self, look: Evaluation, discoveries: int) -> None:
        """Enter what a test evaluation has found; a second time changes nothing."""

        def enter(looks: list[Evaluation]) -> None:
            for place, known in enumerate(looks):
                same = (known.split, known.number) == (look.split, look.number)
                if same and known.discoveries is None:
                    looks[place] = replace(known, discoveries=discoveries)

        self._change(enter)

    def take_in(self, looks: Sequence[Evaluation]) -> int:
        """Enter test evaluations that another account holds, and return how many are new here."""

        def enter(known: list[Evaluation]) -> int:
            joined = _joined(known, looks)
            added = len(joined) - len(known)
            known[:] = joined
            return added

        return self._change(enter, joined=False)

    def _change(self, change: Callable[[list[Evaluation]], T], joined: bool = True) -> T:
        """What `change` makes of the evaluations, while no other run reads or changes them.

        Args:
            joined: with those of the workspace's own file among the shared ones.
        """
        if self._shared is not None:
            own = self._read() if joined else []

            def change_documents(documents: list[dict[str, Any]]) -> T:
                looks = _joined(map(_look, documents), own)
                answer = change(looks)
                documents[:] = [asdict(look) for look in looks]
                return answer

            return self._shared(change_documents)
        try:
            with locked(self._file.with_suffix(".lock")):
                looks = self._read()
                answer = change(looks)
                self._write(looks)
                return answer
        except OSError as error:
            raise RunError(
                f"{self._file} cannot be written ({error.strerror}): free space or fix its rights"
            ) from error

    def _write(self, looks: Sequence[Evaluation]) -> None:
        document = {"version": VERSION, "looks": [asdict(look) for look in looks]}
        write_whole(self._file, json.dumps(document, indent=1) + "\n", durable=True)


def open_account(paths: WorkspacePaths, knowledge: Knowledge) -> Account:
    """The account that goes with a knowledge base: shared where that is."""
    shared = knowledge.change_looks if isinstance(knowledge, SharedKnowledge) else None
    return Account(paths.looks, shared)


def _look(document: dict[str, Any]) -> Evaluation:
    try:
        return Evaluation(**document)
    except TypeError as error:
        raise RunError(
            f"a test evaluation in the shared knowledge base is not readable ({error}): ask "
            "whoever else writes there; without it no verdict can say what was evaluated before"
        ) from error


def _joined(looks: Iterable[Evaluation], others: Iterable[Evaluation]) -> list[Evaluation]:
    """Evaluations, and after them those of another account that are not among them, with the
    numbers that they have there."""
    joined = list(looks)
    known = {(look.split, look.run, look.round, look.opened) for look in joined}
    for look in others:
        if (look.split, look.run, look.round, look.opened) not in known:
            number = sum(other.split == look.split for other in joined) + 1
            joined.append(replace(look, number=number))
    return joined


def share(number: int) -> float:
    """The share of `ALPHA` that evaluation `number`, from 1, has of its own: a half, a sixth,
    a twelfth … which sum to 1."""
    return 1 / (number * (number + 1))


def _next_level(looks: Sequence[Evaluation]) -> float:
    found = sum(bool(look.discoveries) for look in looks)
    return ALPHA * share(len(looks) + 1) * (found + 1)
