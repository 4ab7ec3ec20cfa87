"""What the reader is asked about a paper and what it answers: a plan to reproduce it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self, get_args

from pydantic import ConfigDict, ValidationError, model_validator

from archwright.agents.questions import Typed
from archwright.knowledge.papers.modelfile import model_file
from archwright.knowledge.papers.paper import CodeFile, Paper
from archwright.knowledge.papers.text import REFERENCES

SHOWN_CHARACTERS: Final = 120_000
"""How much of a paper's text a question shows: about 30,000 tokens."""
MODEL_CHARACTERS: Final = 24_000
"""How much of the file with its model."""

PlanDirection = Literal["higher", "lower", ""]
ClaimKind = Literal["value", "better by", "worse by", "differs by"]


class Excerpt(Typed):
    """A section as it is shown, with the page that it begins on (0: none). A form feed in its text
    is the end of a page."""

    name: str
    page: int
    text: str


class Grid(Typed):
    """A table, as `archwright.knowledge.papers.paper.Table` is."""

    label: str
    caption: str
    section: str
    rows: tuple[tuple[str, ...], ...]


class ModelFile(Typed):
    """The file of a paper's code that most likely holds its model; `cut` says that its end is left
    out."""

    path: str
    text: str
    cut: bool = False


class PaperQuestion(Typed):
    """To the reader: what does this paper claim, and what does it take to reproduce it?"""

    id: str
    title: str
    kind: str
    sections: tuple[Excerpt, ...]
    tables: tuple[Grid, ...] = ()
    code: tuple[str, ...] = ()
    """Paths of the code that came with it."""
    model_file: ModelFile | None = None
    instructions: tuple[str, ...] = ()
    """Its lines that address the reader. They are data as the rest of it is."""
    left_out: tuple[str, ...] = ()
    """Names of sections that did not fit."""

    def text_of(self, section: str) -> str:
        """What stands in the sections of a name, which a table gives as its own."""
        return "\n".join(s.text for s in self.sections if s.name == section)

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
            model_file=_shown(model_file(paper)),
            instructions=paper.instructions,
            left_out=tuple(left_out),
        )


def _shown(file: CodeFile | None) -> ModelFile | None:
    if file is None:
        return None
    cut = len(file.text) > MODEL_CHARACTERS
    return ModelFile(path=file.path, text=file.text[:MODEL_CHARACTERS], cut=cut)


class Claim(Typed):
    """A measured value that the paper states, or a difference of two, with the words that state it.

    `id`, `section`, `page` and `conflicts` are set by the quote gate, whatever the answer says.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    metric: str
    value: float
    quote: str
    kind: ClaimKind = "value"
    """Whether the number is the metric's value, or how far two values are apart."""
    unit: str = ""
    direction: PlanDirection = ""
    """Whether a higher or a lower value of the metric is better."""
    data_set: str = ""
    method: str = ""
    """What the value was measured of."""
    baseline: str = ""
    """What the paper compares it with."""
    baseline_value: float | None = None
    """The metric's value of what it is compared with."""
    table: str = ""
    row: str = ""
    column: str = ""
    """Headings of its cell, where it comes from a table."""
    page: int = 0
    section: str = ""
    id: str = ""
    conflicts: tuple[str, ...] = ()
    """Ids of claims that state another value of the same."""

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, said: Any) -> Any:
        """What a model leaves empty is empty, and so is what is of no use: a wrong word for the
        direction, a page that is not a number. A label such as 1 is a word."""
        if not isinstance(said, Mapping):
            return said
        kept = {k: v for k, v in said.items() if v is not None}
        if kept.get("kind") not in get_args(ClaimKind):
            kept.pop("kind", None)
        if kept.get("direction") not in ("higher", "lower"):
            kept.pop("direction", None)
        for key, kind in (
            ("baseline_value", int | float),
            ("page", int),
            ("conflicts", list | tuple),
        ):
            if not isinstance(kept.get(key), kind):
                kept.pop(key, None)
        numbers = ("value", "page", "baseline_value")
        return {
            k: str(v) if k not in numbers and isinstance(v, int | float) else v
            for k, v in kept.items()
        }

    @property
    def words(self) -> str:
        """The claim in one line."""
        how = "" if self.kind == "value" else f" {self.kind}"
        parts = [f"{self.metric}{how} {self.value:.10g} {self.unit}".rstrip()]
        parts += [f"of {self.method}"] if self.method else []
        parts += [f"on {self.data_set}"] if self.data_set else []
        if self.baseline or self.baseline_value is not None:
            other = "" if self.baseline_value is None else f"{self.baseline_value:.10g}"
            parts += [f"against {' of '.join(filter(None, (other, self.baseline)))}"]
        return " ".join(parts) + (f"; {self.direction} is better" if self.direction else "")

    @property
    def place(self) -> str:
        """Where its quote stands, and the cell."""
        page = f"p. {self.page}" if self.page else ""
        row = f"row {self.row!r}" if self.row else ""
        column = f"column {self.column!r}" if self.column else ""
        return ", ".join(filter(None, (self.section, self.table, row, column, page)))


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
