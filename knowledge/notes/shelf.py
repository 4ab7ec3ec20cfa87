"""The shelf of notes: read from Markdown with front matter, recorded as passages that are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal, get_args

from archwright.core import Problem
from archwright.knowledge.entries import Entry
from archwright.knowledge.store import Knowledge

RUN: Final = "notes"
"""The `run` of their entries; the `candidate` is the name of the file."""
NoteDomain = Literal["sequence", "image", "vector", "any"]
"""What an architecture works on; `any`: the last axis of whatever it is given."""
SEARCHED: Final = 40
POOL: Final = 12
"""The notes nearest to a question, which its repetitions are shown in turn."""
_FIELDS: Final = frozenset({"title", "domain", "input", "output", "source", "blocks"})
_FENCE: Final = "```python\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfNote:
    """One note. `input` and `output` are shapes in words, such as `(B, T, D)`.

    `code` defines a module last, `Name(width)`, from the input's shape to the output's. `source`
    names authors, year and title; `blocks` the symbolic engine's blocks of the same idea.
    """

    name: str
    title: str
    domain: NoteDomain
    input: str
    output: str
    text: str
    code: str
    source: str
    blocks: tuple[str, ...] = ()

    def to_entry(self) -> Entry:
        """As the knowledge base keeps it and a prompt cites it: as a passage of a paper."""
        said = [self.text, f"Shapes: {self.input} to {self.output}.", f"Source: {self.source}."]
        return Entry(
            run=RUN,
            candidate=self.name,
            kind="shelf",
            title=f"{self.title} (note)",
            family=self.domain,
            lesson="\n\n".join(said),
            source=self.code,
        )


def parse_note(name: str, text: str) -> ShelfNote:
    """A note from its file.

    Raises:
        ValueError: it does not have the form; the message says what is missing.
    """
    _, head, body = (*text.split("---\n", 2), "", "")[:3]
    facts = dict(line.split(": ", 1) for line in head.splitlines())
    said, fence, rest = body.partition(_FENCE)
    if wrong := _FIELDS ^ {*facts, "blocks"}:
        raise ValueError(f"{name}: front matter is wrong at {', '.join(sorted(wrong))}")
    if facts["domain"] not in get_args(NoteDomain):
        raise ValueError(f"{name}: {facts['domain']} is not a domain; use {get_args(NoteDomain)}")
    if not fence or not rest.rstrip().endswith("```"):
        raise ValueError(f"{name}: end it with one block of Python")
    blocks = tuple(facts.pop("blocks", "").replace(",", " ").split())
    code = rest.rstrip().removesuffix("```")
    return ShelfNote(name=name, text=said.strip(), code=code, blocks=blocks, **facts)  # type: ignore[arg-type]


@cache
def read_notes() -> tuple[ShelfNote, ...]:
    """All notes that come with Archwright, by kind and name."""
    folders = sorted(_inside(files(__package__)), key=lambda f: f.name)
    return tuple(
        parse_note(file.name.removesuffix(".md"), file.read_text("utf-8"))
        for folder in folders
        for file in sorted(_inside(folder), key=lambda f: f.name)
        if file.name.endswith(".md")
    )


def _inside(folder: Traversable) -> Iterator[Traversable]:
    return folder.iterdir() if folder.is_dir() else iter(())


def seed_notes(knowledge: Knowledge) -> tuple[int, int]:
    """Record all notes; return how many are new or have changed, and how many were there."""
    before = knowledge.high_water()
    notes = read_notes()
    ids = knowledge.record_all(note.to_entry() for note in notes)
    added = sum(id > before for id in ids)
    return added, len(notes) - added


def domain_of(problem: Problem) -> NoteDomain:
    """What a candidate for this problem is given; `any` where it is several inputs or another
    shape."""
    if problem.vocabulary is not None or problem.entry == "Mixer":
        return "sequence"
    shapes: dict[int, NoteDomain] = {1: "vector", 2: "sequence", 3: "image"}
    return "any" if problem.inputs else shapes.get(len(problem.input_shape), "any")


def find_notes(
    knowledge: Knowledge,
    about: str,
    domain: NoteDomain,
    count: int,
    turn: int = 0,
    until: int | None = None,
) -> list[Entry]:
    """Up to `count` notes that bear on some words, those for another domain only where none fits.

    Full text alone, which finds the right note more often than fused with hashed vectors does.
    The nearest come first, at `turn` 0; with each further turn those that follow, in a circle of
    `POOL`, so that a campaign that asks much the same again reads on.
    """
    hits = [hit.entry for hit in knowledge.search(about, "shelf", SEARCHED, until, by="words")]
    fitting = [e for e in hits if domain == "any" or e.family in (domain, "any")]
    pool = (fitting or hits)[:POOL]
    start = turn * count % max(len(pool), 1)
    return (pool[start:] + pool[:start])[:count]
