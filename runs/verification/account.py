"""The workspace's account of looks at sealed test splits, with online control of what they find.

Each run that decides on a split spends a part of what can be believed of it. The account gives the
level of each look by LOND (Javanmard and Montanari 2015, "On Online Control of False Discovery
Rate"): `ALPHA * share(t) * (D + 1)` for look `t`, where `D` looks before it made a discovery. All
shares sum to 1, so that the expected share of false ones among all discoveries on a split stays
below `ALPHA`, however many runs there are. It holds as well where p values are positively dependent
(Zrnic, Ramdas and Jordan 2021, "Asynchronous Online Testing of Multiple Hypotheses"), as those on
one split are; a look that is still open counts as one without a discovery.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from archwright.core import RunError
from archwright.core.files import locked, write_whole
from archwright.runs.verification.statistics import ALPHA

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a sealed split: by which round of which run, and at what level it decided."""

    split: str
    """The split by its content."""
    task: str
    run: str
    round: int
    number: int
    """From 1, of all looks of the workspace at the split."""
    level: float
    opened: float
    """Unix time in seconds."""
    discoveries: int | None = None
    """How many it made; None while it is open."""


class Account:
    """The looks of one workspace, in a file that its runs share.

    Args:
        file: it is made when it is first written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def looks(self, split: str | None = None) -> list[Look]:
        """All looks, or those at one split, in their order.

        Raises:
            RunError: the file is broken.
        """
        if not self._file.exists():
            return []
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            found = [Look(**entry) for entry in document["looks"]]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{self._file} is not readable as the account of looks ({error}): restore it from "
                "a copy; without it no verdict can say what was looked at before"
            ) from error
        return [look for look in found if split in (None, look.split)]

    def next_level(self, split: str) -> float:
        """The level at which the next look at a split would decide."""
        return _next_level(self.looks(split))

    def open(self, split: str, task: str, run: str, round_: int) -> Look:
        """Enter a look before it is taken. A round that has entered its own gets the same again.

        Raises:
            RunError: the file is broken, or cannot be written.
        """
        with self._locked():
            looks = self.looks()
            at_split = [look for look in looks if look.split == split]
            for look in at_split:
                if (look.run, look.round) == (run, round_):
                    return look
            number, level = len(at_split) + 1, _next_level(at_split)
            look = Look(split, task, run, round_, number, level, time.time())
            self._write([*looks, look])
            return look

    def close(self, look: Look, discoveries: int) -> None:
        """Enter what a look has found; a second time changes nothing."""
        with self._locked():
            self._write(
                [
                    Look(**{**asdict(known), "discoveries": discoveries})
                    if (known.split, known.number) == (look.split, look.number)
                    and known.discoveries is None
                    else known
                    for known in self.looks()
                ]
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with locked(self._file.with_suffix(".lock")):
                yield
        except OSError as error:
            raise RunError(
                f"{self._file} cannot be written ({error.strerror}): free space or fix its rights"
            ) from error

    def _write(self, looks: Sequence[Look]) -> None:
        document = {"version": VERSION, "looks": [asdict(look) for look in looks]}
        write_whole(self._file, json.dumps(document, indent=1) + "\n", durable=True)


def share(number: int) -> float:
    """The share of `ALPHA` that look `number`, from 1, has of its own: a half, a sixth, a twelfth …
    which sum to 1."""
    return 1 / (number * (number + 1))


def _next_level(looks: Sequence[Look]) -> float:
    found = sum(bool(look.discoveries) for look in looks)
    return ALPHA * share(len(looks) + 1) * (found + 1)
