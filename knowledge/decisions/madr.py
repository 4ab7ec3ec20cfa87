"""Decision records as text: MADR 4.0 (Markdown Architectural Decision Records, Kopp et al. 2024).

Titles and reasons come from models and people. They are escaped, so that none of them can end the
front matter, open a heading or hide what follows. `archwright.knowledge.decisions.reading` reads
records and gives back what was escaped, `archwright.knowledge.decisions.changing` changes them.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from archwright.core import InputError

STATUSES: Final = ("proposed", "accepted", "rejected", "deprecated")


@dataclass(frozen=True, slots=True)
class Option:
    """An option that was considered, and what spoke for or against it."""

    name: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was tried, and why it was accepted or rejected.

    `status` is one of `STATUSES` or `superseded by ADR-NNNN`; of a record from elsewhere it may be
    other words, or empty where none is said. `date` is ISO 8601. `confirmation` is the command that
    checks the decision. `evidence` maps a measured number's name to its text. `notes` are the dated
    lines of later changes. `number` is 0 until a folder gives one.
    """

    title: str
    context: str
    chosen: str
    because: str
    date: str
    status: str = "proposed"
    options: tuple[Option, ...] = ()
    consequences: tuple[str, ...] = ()
    confirmation: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    candidate: str = ""
    task: str = ""
    notes: tuple[str, ...] = ()
    number: int = 0


# --- text from strangers ------------------------------------------------------------------------

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# What opens a fence or underlines a heading, behind any list or quote marks.
_OPENER: Final = re.compile(
    r"^((?: |>|[*+-](?= )|\d+[.)](?= ))*?)([=-]+ *$|`{3}|~{3})", re.MULTILINE
)


def escape(text: str) -> str:
    """`text` as Markdown that reads the same and opens no heading, fence, link or HTML."""
    lines = (_visible(line).rstrip() for line in text.splitlines())
    plain = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return _OPENER.sub(r"\1\\\2", re.sub(r"([\\#<\[])", r"\\\1", plain))


def escape_line(text: str) -> str:
    """`escape`, on one line."""
    # Hidden characters go first: two blanks around one are one blank.
    return escape(" ".join(" ".join(map(_visible, text.splitlines())).split()))


def _visible(line: str) -> str:
    kept = (" " if c == "\t" else c for c in line)
    return "".join(c for c in kept if unicodedata.category(c) not in _HIDDEN)


# --- writing ------------------------------------------------------------------------------------


def render(decision: Decision) -> str:
    """The record as Markdown, front matter first."""
    parts = [
        _front_matter(decision),
        f"# {escape_line(decision.title)}",
        "## Context and Problem Statement",
        escape(decision.context),
        "## Considered Options",
        _bullets(escape_line(option.name) for option in decision.options),
        "## Decision Outcome",
        f'Chosen option: "{_chosen(decision)}", because {escape_line(decision.because)}',
        *_section("### Consequences", _bullets(map(escape_line, decision.consequences))),
        *_section("### Evidence", _bullets(_evidence(decision))),
        *_section("### Confirmation", _fenced(decision.confirmation)),
        *_reasons(decision.options),
        *_section("## More Information", _bullets(map(escape_line, decision.notes))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(decision: Decision) -> str:
    links = {k: getattr(decision, k) for k in ("run", "candidate", "task")}
    # A JSON string is a YAML string, whatever is in it.
    lines = [f"{k}: {json.dumps(_visible(v), ensure_ascii=False)}" for k, v in links.items() if v]
    head = [f"status: {check_status(decision.status)}", f"date: {check_date(decision.date)}"]
    return "\n".join(["---", *head, *lines, "---"])


def _chosen(decision: Decision) -> str:
    return escape_line(decision.chosen.replace('"', "'"))


def _evidence(decision: Decision) -> Iterator[str]:
    for name, value in decision.evidence.items():
        yield f"{escape_line(name.replace(':', ' '))}: {escape_line(value)}"


def _reasons(options: tuple[Option, ...]) -> Iterator[str]:
    argued = [(option.name, why) for option in options if (why := escape(option.why))]
    if argued:
        yield "## Pros and Cons of the Options"
    for name, why in argued:
        yield f"### {escape_line(name)}"
        yield why


def _section(heading: str, body: str) -> tuple[str, ...]:
    return (heading, body) if body else ()


def _bullets(lines: Iterator[str] | map[str]) -> str:
    return "\n".join(f"* {line}" for line in lines if line)


def _fenced(command: str) -> str:
    """A code block whose fence is longer than any in the command."""
    if not command.strip():
        return ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    lines = "\n".join(_visible(line).rstrip() for line in command.strip().splitlines())
    return f"{fence}sh\n{lines}\n{fence}"


def check_status(status: str) -> str:
    """`status` itself.

    Raises:
        InputError: it is none that MADR knows.
    """
    if status in STATUSES or re.fullmatch(r"superseded by ADR-\d{4,}", status):
        return status
    known = ", ".join(STATUSES)
    raise InputError(f"no status {status!r}: use {known} or `superseded by ADR-NNNN`")


def check_date(day: str) -> str:
    """`day` itself.

    Raises:
        InputError: it is no ISO 8601 day.
    """
    try:
        return datetime.date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise InputError(f"no date {day!r}: write it as 2026-01-31") from error
