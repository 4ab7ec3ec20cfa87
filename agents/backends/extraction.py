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
    METHOD_TITLES,
    OTHERS_WORK,
    RECIPE,
    RESULTS_TITLES,
    split_sentences,
)
from archwright.agents.claims.owners import own_names
from archwright.agents.claims.sentences import sentence_claims
from archwright.agents.claims.vouching import read_table, table_claims
from archwright.agents.claims.words import data_set_in
from archwright.agents.plans import (
    Claim,
    Excerpt,
    MissingPart,
    PaperPlan,
    PaperQuestion,
)

_LINES_AT_MOST: Final = 12
_CLAIMS_AT_MOST: Final = 200
_DOUBTS_AT_MOST: Final = 60


def extract_plan(question: PaperQuestion) -> PaperPlan:
    """What can be read out of a paper by rule."""
    own = [s for s in question.sections if not OTHERS_WORK.search(s.name)]
    sentences = [(section, text) for section in own for text in split_sentences(section.text)]
    claims, doubts = _claims(question, sentences)
    by_rule = "read by rule, without a model: only what follows fixed patterns is found"
    return PaperPlan(
        problem=_problem(question.sections),
        method=tuple(_method(own))[:_LINES_AT_MOST],
        architecture=_pick(text for _, text in sentences if ARCHITECTURE.search(text)),
        data=_pick(text for _, text in _ordered(sentences) if data_set_in(text)),
        recipe=_recipe(text for _, text in sentences),
        claims=tuple(_distinct(claims))[:_CLAIMS_AT_MOST],
        missing=(
            MissingPart(what="what the paper says in other words", reason=by_rule),
            *doubts,
        ),
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


def _claims(
    question: PaperQuestion, sentences: Iterable[tuple[Excerpt, str]]
) -> tuple[list[Claim], list[MissingPart]]:
    """The claims of tables, then of sentences; beside them what is not vouched for."""
    names = own_names(question)
    claims: list[Claim] = []
    doubts: list[MissingPart] = []
    for table in question.tables:
        if not OTHERS_WORK.search(table.section):
            text = question.text_of(table.section)
            found, unsure = table_claims(read_table(table, question, names), text)
            claims += found
            doubts += unsure
    before = ""
    for _, text in sentences:
        for said in sentence_claims(text, names, before):
            if isinstance(said, Claim):
                claims.append(said)
            else:
                doubts.append(said)
        before = text
    return claims, doubts[:_DOUBTS_AT_MOST]


def _distinct(claims: Iterable[Claim]) -> Iterator[Claim]:
    def key(c: Claim) -> tuple[object, ...]:
        return c.metric, c.kind, c.value, " ".join(c.quote.split()), c.method, c.column

    return iter({key(c): c for c in claims}.values())
