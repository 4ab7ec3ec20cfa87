"""What the reader is asked about a paper and what it answers: a plan to reproduce it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, ValidationError, model_validator

from archwright.agents.questions import Typed
from archwright.knowledge.papers.paper import Paper
from archwright.knowledge.papers.text import REFERENCES

SHOWN_CHARACTERS: Final = 120_000
"""How much of a paper's text a question shows: about 30,000 tokens."""

Direction = Literal["higher", "lower", ""]


class Excerpt(Typed):
    """A section as it is shown, with the page that it begins on (0: none). A form feed in its text
    is the end of a page."""

    name: str
    page: int
    text: str


class Grid(Typed):
    """A table. A row of a single cell is a line whose columns nobody can tell apart."""

    label: str
    caption: str
    section: str
    rows: tuple[tuple[str, ...], ...]


class PaperQuestion(Typed):
    """To the reader: what does this paper claim, and what does it take to reproduce it?"""

    id: str
    title: str
    kind: str
    sections: tuple[Excerpt, ...]
    tables: tuple[Grid, ...] = ()
    code: tuple[str, ...] = ()
    """Paths of the code that came with it."""
    instructions: tuple[str, ...] = ()
    """Its lines that address the reader. They are data as the rest of it is."""
    left_out: tuple[str, ...] = ()
    """Names of sections that did not fit."""

    @classmethod
    def of(cls, id: str, paper: Paper, characters: int = SHOWN_CHARACTERS) -> Self:
        """The question about a paper, with as many sections as fit, in their order."""
        sections = [s for s in paper.sections if s.title.lower() not in REFERENCES]
        shown, left_out, room = [], [], characters
        for section in sections:
            if len(section.text) > room:
                left_out.append(section.name)
                continue
            room -= len(section.text)
            shown.append(section)
        return cls(
            id=id,
            title=paper.title,
            kind=paper.kind,
            sections=tuple(Excerpt(name=s.name, page=s.page, text=s.text) for s in shown),
            tables=tuple(
                Grid(label=t.label, caption=t.caption, section=s.name, rows=t.rows)
                for s in shown
                for t in s.tables
            ),
            code=tuple(file.path for file in paper.code),
            instructions=paper.instructions,
            left_out=tuple(left_out),
        )


class Claim(Typed):
    """A measured value that the paper states, with the words that state it.

    `id`, `section`, `page` and `conflicts` are set by the quote gate, whatever the answer says.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    metric: str
    value: float
    quote: str
    unit: str = ""
    direction: Direction = ""
    """Whether a higher or a lower value of the metric is better."""
    data_set: str = ""
    method: str = ""
    """What the value was measured of."""
    baseline: str = ""
    """What the paper compares it with."""
    table: str = ""
    page: int = 0
    section: str = ""
    id: str = ""
    conflicts: tuple[str, ...] = ()
    """Ids of claims that state another value of the same."""

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, said: Any) -> Any:
        """What a model leaves empty is empty, and so is what is of no use: a wrong word for the
        direction, a page that is no number. A label such as 1 is a word."""
        if not isinstance(said, Mapping):
            return said
        kept = {k: v for k, v in said.items() if v is not None}
        if kept.get("direction") not in ("higher", "lower"):
            kept.pop("direction", None)
        for key, kind in (("page", int), ("conflicts", list | tuple)):
            if not isinstance(kept.get(key), kind):
                kept.pop(key, None)
        numbers = ("value", "page")
        return {
            k: str(v) if k not in numbers and isinstance(v, int | float) else v
            for k, v in kept.items()
        }

    @property
    def words(self) -> str:
        """The claim in one line."""
        parts = [f"{self.metric} {self.value:.10g} {self.unit}".rstrip()]
        parts += [f"of {self.method}"] if self.method else []
        parts += [f"on {self.data_set}"] if self.data_set else []
        parts += [f"against {self.baseline}"] if self.baseline else []
        return " ".join(parts) + (f"; {self.direction} is better" if self.direction else "")

    @property
    def place(self) -> str:
        """Where its quote stands."""
        page = f"p. {self.page}" if self.page else ""
        return ", ".join(filter(None, (self.section, self.table, page)))


class MissingPart(Typed):
    """Something that a reproduction needs and the plan does not have, or a claim that fell."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    what: str
    reason: str = ""


class PaperPlan(Typed):
    """From the reader: what to reproduce. Every claim in it passed the quote gate."""

    problem: str = ""
    method: tuple[str, ...] = ()
    """Its components, one a line."""
    architecture: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    recipe: Mapping[str, str | float | int] = {}
    claims: tuple[Claim, ...] = ()
    missing: tuple[MissingPart, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _sort_out(cls, said: Any) -> Any:
        """A claim or a gap that does not fit is no reason to lose the others."""
        if not isinstance(said, Mapping):
            return said
        claims, fallen = [], []
        for raw in _items(said.get("claims")):
            try:
                claims.append(Claim.model_validate(raw))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                fallen.append(
                    MissingPart(what=f"claim: {str(raw)[:200]}", reason=f"{where}: {first['msg']}")
                )
        gaps = [g if isinstance(g, MissingPart) else _gap(g) for g in _items(said.get("missing"))]
        lists = {
            key: tuple(str(line) for line in _items(said[key]))
            for key in ("method", "architecture", "data")
            if key in said
        }
        recipe = said.get("recipe")
        return {
            **said,
            **lists,
            "problem": str(said.get("problem") or ""),
            "recipe": _flat(recipe) if isinstance(recipe, Mapping) else {},
            "claims": tuple(claims),
            "missing": (*gaps, *fallen),
        }


def _items(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list | tuple) else [] if value is None else [value]


def _gap(said: Any) -> MissingPart:
    if isinstance(said, Mapping) and isinstance(said.get("what"), str):
        return MissingPart(what=said["what"], reason=str(said.get("reason") or ""))
    return MissingPart(what=str(said))


def _flat(recipe: Mapping[Any, Any]) -> dict[str, str | float | int]:
    return {str(k): v if isinstance(v, str | int | float) else str(v) for k, v in recipe.items()}
