"""The folder of decision records: `NNNN-<slug>.md`, numbered, searched, never rewritten.

The format of one record is `archwright.knowledge.decisions.madr`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.core.files import locked
from archwright.knowledge.decisions.changing import with_note, with_status
from archwright.knowledge.decisions.files import (
    FileText,
    printable_text,
    read_text,
    write_all,
    write_text,
)
from archwright.knowledge.decisions.language.wording import has_ended
from archwright.knowledge.decisions.madr import STATUSES, Decision, Option, render
from archwright.knowledge.decisions.reading import parse

SLUG_LENGTH: Final = 48
TITLE_WEIGHT: Final = 4
_NAME: Final = re.compile(r"(\d{4,})-.*\.md")


def slugify(text: str, fallback: str = "untitled") -> str:
    """`text` as a short name of a-z, 0-9 and single hyphens, safe in paths and git refs.

    `fallback` is the name of a text that has no such letter; it is returned as it is.
    """
    ascii_text = unicodedata.normalize("NFKD", text[:1000]).encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", ascii_text.lower())
    slug = "-".join(words)
    if len(slug) > SLUG_LENGTH:
        cut = slug[: SLUG_LENGTH + 1]
        slug = cut[: cut.rfind("-")] if "-" in cut else slug[:SLUG_LENGTH]
    return slug or fallback


@dataclass(frozen=True, slots=True)
class FoundDecision:
    """A decision that a search found; a higher `score` fits better."""

    decision: Decision
    score: float


@dataclass(frozen=True, slots=True)
class DecisionFolder:
    """Decision records in one folder, which need not exist until one is added.

    Any number of processes may add and change records at a time. Files whose name does not begin
    with a number are left alone.
    """

    path: Path

    def add(self, decision: Decision) -> Path:
        """Write a record under the next number and return its file.

        A run's candidate has one record: where it has one already, that one stays and is returned.

        Raises:
            InputError: the folder cannot be written, or the status or date is none.
        """
        with self.locked():
            existing = self.of(decision.run, decision.candidate) if decision.candidate else None
            if existing:
                return self.find(existing.number)
            return self._append(decision)

    def _append(self, decision: Decision) -> Path:
        """Write a record under the next number. The lock is held."""
        path, content = self._next(decision)
        write_text(path, content)
        return path

    def _next(self, decision: Decision) -> tuple[Path, FileText]:
        """The file that a new record would be, and what would stand in it."""
        number = 1 + max(map(_number, self.files()), default=0)
        path = self.path / f"{number:04d}-{slugify(decision.title)}.md"
        return path, FileText(render(replace(decision, number=number)), "utf-8")

    def list(self) -> tuple[Decision, ...]:
        """All records, by number."""
        return tuple(parse(read_text(path).text, path) for path in self.files())

    def renew(self, decision: Decision) -> Path:
        """Write a record in the place of the one about the same candidate, where it differs.

        Raises:
            InputError: the folder cannot be written, or the status or date is none.
        """
        before = self.of(decision.run, decision.candidate)
        if before is None or before.because.split() == decision.because.split():
            return self.add(decision)
        with self.locked():
            path, content = self._next(decision)
            name, reason = f"ADR-{_number(path):04d}", "verified again"
            status = f"superseded by {name}"
            if decision.status == "rejected":
                status, reason = "deprecated", f"decided again in {name}"
            elif before.status.startswith("superseded by"):
                return self._append(decision)  # A person has put another in its place.
            else:
                note = f"supersedes ADR-{before.number:04d}: {reason}"
                content = content._replace(text=with_note(content.text, note))
            old = self.find(before.number)
            changed = _changed(old, lambda text: with_status(text, status, reason))
            write_all({path: content, old: changed})
        return path

    def of(self, run: str, candidate: str) -> Decision | None:
        """The newest record about a run's candidate, if there is one."""
        about = (d for d in reversed(self.list()) if (d.run, d.candidate) == (run, candidate))
        return next(about, None)

    def find(self, number: int) -> Path:
        """The file of record `number`.

        Raises:
            InputError: there is none; the message says which there are.
        """
        files = self.files()
        for path in files:
            if _number(path) == number:
                return path
        known = f"1 to {_number(files[-1])}" if files else "none yet"
        raise InputError(f"no decision {number}; `archwright decision list` shows them ({known})")

    def show(self, number: int) -> Decision:
        """Record `number`.

        Raises:
            InputError: there is none.
        """
        path = self.find(number)
        return parse(read_text(path).text, path)

    def text(self, number: int) -> str:
        """Record `number` as it stands in its file.

        Raises:
            InputError: there is none.
        """
        return printable_text(read_text(self.find(number)).text)

    def search(self, text: str) -> tuple[FoundDecision, ...]:
        """The records that share words with `text`, best first; a word in the title weighs most.

        A term weighs by its inverse document frequency, and its count saturates (after BM25,
        Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009).
        """
        records = self.list()
        counts = [_count_words(decision) for decision in records]
        terms = set(_words(text))
        weights = {t: math.log1p(len(counts) / max(1, sum(t in c for c in counts))) for t in terms}
        hits = [
            # Summed exactly, lest the order of the terms decide between equals.
            FoundDecision(
                decision, math.fsum(w * count[t] / (count[t] + 1.0) for t, w in weights.items())
            )
            for decision, count in zip(records, counts, strict=True)
        ]
        found = (hit for hit in hits if hit.score > 0)
        return tuple(sorted(found, key=lambda hit: (-hit.score, hit.decision.number)))

    def set_status(self, number: int, status: str, reason: str = "", day: str = "") -> Path:
        """Change a record's status; a reason becomes one dated line under "More Information".

        Every other byte of the file stays. Without a `day` (ISO 8601) the line is dated today.

        Raises:
            InputError: no such record, or no such status.
        """
        with self.locked():
            path = self.find(number)
            write_all({path: _changed(path, lambda text: with_status(text, status, reason, day))})
            return path

    def supersede(self, old: int, new: int, reason: str = "", day: str = "") -> tuple[Path, Path]:
        """Let record `new` take the place of `old`; both say so. Returns their files.

        Saying it again changes nothing, and completes what was cut short.

        Raises:
            InputError: no such record, or one that cannot take or leave the place; nothing is
                changed then.
        """
        with self.locked():
            paths = self.find(old), self.find(new)
            _check_succession(self.show(old), self.show(new))
            note = f"supersedes ADR-{old:04d}{f': {reason}' if reason.strip() else ''}"
            status = f"superseded by ADR-{new:04d}"
            changes = (
                _changed(paths[0], lambda text: with_status(text, status, reason, day)),
                _changed(paths[1], lambda text: with_note(text, note, day)),
            )
            write_all(dict(zip(paths, changes, strict=True)))
            return paths

    def files(self) -> tuple[Path, ...]:
        """The records' files, by number."""
        if not self.path.is_dir():
            return ()
        found = (path for path in self.path.iterdir() if _NAME.fullmatch(path.name))
        return tuple(sorted(found, key=lambda path: (_number(path), path.name)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The folder, made where it is missing, for this process and thread alone."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with locked(self.path / ".lock"):
                yield
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}): free space or fix its rights"
            ) from error


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _changed(path: Path, change: Callable[[str], str]) -> FileText:
    """A record as it would be after a change."""
    before = read_text(path)
    try:
        return before._replace(text=change(before.text))
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def _check_succession(old: Decision, new: Decision) -> None:
    if old.number == new.number:
        raise InputError("a decision cannot supersede itself; name two numbers")
    target = f"superseded by ADR-{new.number:04d}"
    if old.status.startswith("superseded by") and old.status != target:
        raise InputError(f"decision {old.number} is {old.status} already; supersede that one")
    if has_ended(new.status):
        raise InputError(
            f"decision {new.number} is {new.status}: only a proposed or an accepted one supersedes"
        )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _count_words(decision: Decision) -> Counter[str]:
    """Words of a decision with their counts, those of the title many times over."""
    title = _words(decision.title)
    options = [word for option in decision.options for word in (option.name, option.why)]
    body = [decision.context, decision.chosen, decision.because, decision.task, decision.candidate]
    body += [*options, *decision.consequences, *decision.notes]
    counts = Counter(_words(" ".join([*body, decision.run, decision.status])))
    for word in title:
        counts[word] += TITLE_WEIGHT
    return counts


__all__ = [
    "STATUSES",
    "Decision",
    "DecisionFolder",
    "FoundDecision",
    "Option",
    "parse",
    "render",
    "slugify",
    "with_note",
    "with_status",
]
