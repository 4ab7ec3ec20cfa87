"""The reader without a model: what fixed patterns find in a paper, in the paper's own words.

Numbers are taken only where they stand beside the name of a metric, in a sentence or in the column
of a table that says so. What the pattern does not tell (what was measured, on what) stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from archwright.agents.backends.phrases import (
    ARCHITECTURE,
    BACKWARD,
    CHANGE,
    FORWARD,
    METHOD_TITLES,
    NUMBER,
    OTHER,
    OTHERS_WORK,
    RECIPE,
    RESULTS_TITLES,
    data_set_in,
    metric_in,
    split_sentences,
)
from archwright.agents.plans import (
    Claim,
    Direction,
    Excerpt,
    Grid,
    MissingPart,
    PaperPlan,
    PaperQuestion,
)

_LINES_AT_MOST: Final = 12
_CLAIMS_AT_MOST: Final = 200
_SUBJECT = re.compile(
    r"(?:(?:We|we) (?:show|find|see) (?:that )?)?(?:The |the |Our |our )?"
    r"(?P<who>[A-Za-z][\w()/+. -]{1,50}?)\s+(?:model\s+|network\s+)?"
    r"(?:reach|achiev|establish|obtain|attain|get|score|yield|has |gives?)\w*"
)
_OURS = re.compile(r"\b(?:we|our|ours|this paper|the proposed)\b", re.IGNORECASE)
_BASELINE = re.compile(
    r"\b(?:against|versus|vs\.?|compared (?:with|to)|than|over)\s+(?:the |a |an )?"
    r"(?P<who>[A-Za-z][^,.;:()]{1,60})"
)
_CELL = re.compile(rf"{NUMBER}\s*(?P<unit>%)?\s*(?:(?:±|\+/-|\(|\\pm).*)?")


def extract_plan(question: PaperQuestion) -> PaperPlan:
    """What can be read out of a paper by rule."""
    own = [s for s in question.sections if not OTHERS_WORK.search(s.name)]
    sentences = [(section, text) for section in own for text in split_sentences(section.text)]
    claims = [*_table_claims(question), *(c for _, text in sentences for c in _claims_in(text))]
    by_rule = "read by rule, without a model: only what follows fixed patterns is found"
    return PaperPlan(
        problem=_problem(question.sections),
        method=tuple(_method(own))[:_LINES_AT_MOST],
        architecture=_pick(text for _, text in sentences if ARCHITECTURE.search(text)),
        data=_pick(text for _, text in _ordered(sentences) if data_set_in(text)),
        recipe=_recipe(text for _, text in sentences),
        claims=tuple(_distinct(claims))[:_CLAIMS_AT_MOST],
        missing=(MissingPart(what="what the paper says in other words", reason=by_rule),),
    )


# --- words ----------------------------------------------------------------------------------------


def _problem(sections: Iterable[Excerpt]) -> str:
    """The first two sentences of the abstract, or of whatever comes first."""
    filled = [s for s in sections if s.text.strip()]
    abstract = next((s for s in filled if s.name.lower().endswith("abstract")), None)
    chosen = abstract or next(iter(filled), None)
    return " ".join(list(split_sentences(chosen.text))[:2]) if chosen else ""


def _method(sections: list[Excerpt]) -> Iterator[str]:
    """The sections of the method, each with its first sentence."""
    number = ""
    for section in sections:
        first = re.match(r"(\d+)(?:\.|\s|$)", section.name)
        inside = first is not None and first[1] == number
        if METHOD_TITLES.search(section.name) and not RESULTS_TITLES.search(section.name):
            number, inside = first[1] if first else "", True
        if inside:
            said = next(split_sentences(section.text), "")
            yield f"{section.name}: {said}" if said else section.name


def _ordered(sentences: list[tuple[Excerpt, str]]) -> list[tuple[Excerpt, str]]:
    """Those of the sections on data and experiments first."""
    return sorted(sentences, key=lambda pair: not RESULTS_TITLES.search(pair[0].name))


def _pick(sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s for s in sentences if len(s) < 400))[:_LINES_AT_MOST]


def _recipe(sentences: Iterable[str]) -> dict[str, str]:
    """The first value that is stated of each part of a training recipe, as it is printed."""
    found: dict[str, str] = {}
    for text in sentences:
        for key, pattern in RECIPE.items():
            if key not in found and (match := pattern.search(text)):
                found[key] = next(group for group in match.groups() if group)
    return found


# --- claims ---------------------------------------------------------------------------------------


def _claims_in(text: str) -> Iterator[Claim]:
    """The claims of one sentence, which is their quote."""
    taken: set[int] = set()
    last: Claim | None = None
    for pattern in (BACKWARD, FORWARD, CHANGE):
        for match in pattern.finditer(text):
            if match.start("number") in taken:
                continue
            taken.add(match.start("number"))
            name, direction = metric_in(match["metric"]) or (match["metric"], "")
            if pattern is CHANGE:
                name, direction = f"change of {name}", ""
            last = _claim(text, name, direction, match["number"], match["unit"] or "")
            yield last
    # "... reaches 99.0 % accuracy, against 62.1 % for linear attention."
    other = OTHER.search(text) if last else None
    if last and other and other.start("number") not in taken:
        changes = {"method": other["who"].strip(), "baseline": "", "value": _value(other["number"])}
        yield last.model_copy(update=changes)


def _claim(text: str, name: str, direction: Direction, number: str, unit: str) -> Claim:
    subject = _SUBJECT.match(text)
    who = subject["who"].strip() if subject else ""
    if _OURS.search(who) or (who.lower() in ("it", "this", "that", "") and _OURS.search(text)):
        who = "ours"
    baseline = _BASELINE.search(text)
    return Claim(
        metric=name,
        value=_value(number),
        unit=unit.replace("percent", "%"),
        direction=direction,
        data_set=data_set_in(text),
        method=who,
        baseline=baseline["who"].strip() if baseline else "",
        quote=text,
    )


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def _table_claims(question: PaperQuestion) -> Iterator[Claim]:
    for table in question.tables:
        texts = [s.text for s in question.sections if s.name == table.section]
        if len(table.rows) > 1 and len(table.rows[0]) > 1 and not OTHERS_WORK.search(table.section):
            yield from _claims_of(table, "\n".join(texts))


def _claims_of(table: Grid, text: str) -> Iterator[Claim]:
    """A claim for each number in a column whose head names a metric, or names a data set under a
    caption that names the metric."""
    head = table.rows[0]
    lines = {_cells(line): line.strip() for line in text.splitlines() if "|" in line}
    for row in table.rows[1:]:
        quote = lines.get(_bare(row))
        if quote is None or _CELL.fullmatch(row[0]):
            continue
        for title, cell in zip(head[1:], row[1:], strict=False):
            metric = metric_in(title) or (metric_in(table.caption) if data_set_in(title) else None)
            match = _CELL.fullmatch(cell.strip("*_ $"))
            if metric is None or match is None:
                continue
            yield Claim(
                metric=metric[0],
                value=_value(match["number"]),
                unit=match["unit"] or ("%" if "%" in title else ""),
                direction=metric[1],
                data_set=data_set_in(title) or data_set_in(table.caption),
                method=row[0],
                table=table.label,
                quote=quote,
            )


def _cells(line: str) -> tuple[str, ...]:
    return _bare(line.strip().removeprefix("|").removesuffix("|").split("|"))


def _bare(cells: Iterable[str]) -> tuple[str, ...]:
    return tuple(cell.strip().strip("*_`") for cell in cells)


def _distinct(claims: Iterable[Claim]) -> Iterator[Claim]:
    return iter(
        {(c.metric, c.value, " ".join(c.quote.split()), c.method): c for c in claims}.values()
    )
