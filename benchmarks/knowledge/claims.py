"""How true the claims are that rules read out of papers, without a model.

Twenty tables of published papers, retyped, with what they claim written by hand beside them
(`tests/agents/claims/tables/answers.toml`). A claim is right when its metric, value, data set and
method are; precision is over all values that are claimed, recall over all that should be.

    python benchmarks/knowledge/claims.py [--json] [--wrong]

`--wrong` lists what is wrong or not found in the tables that the rules were made with.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archwright.agents.backends.extraction import extract_plan
from archwright.agents.plans import Claim, PaperQuestion
from archwright.agents.quoting import gate
from archwright.knowledge.papers.paper import Paper, Section, Table
from archwright.knowledge.papers.reading import read_paper

TABLES = Path(__file__).resolve().parents[2] / "tests" / "agents" / "claims" / "tables"
Answer = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Marks:
    """What was read out of one paper."""

    name: str
    held_out: bool
    wanted: int
    right: int
    """Claims that fit an answer; several may state the same."""
    wrong: tuple[Claim, ...]
    missed: tuple[Answer, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description="precision and recall of claims read by rule")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    args = parser.parse_args()
    marks = [mark(name, answer) for name, answer in answers().items()]
    figures = {
        "all": score(marks),
        "rules made with": score(m for m in marks if not m.held_out),
        "held out": score(m for m in marks if m.held_out),
    }
    if args.json:
        print(json.dumps(figures, indent=2))
        return 0
    for name, (precision, recall) in figures.items():
        print(f"{name}: precision {precision:.3f}, recall {recall:.3f}")
    for m in marks if args.wrong else ():
        if not m.held_out:
            print(f"{m.name}: {m.right} right")
            print("".join(f"  wrong: {c.words} | {c.place}\n" for c in m.wrong), end="")
            print("".join(f"  not found: {a}\n" for a in m.missed), end="")
    return 0


def answers() -> Mapping[str, Mapping[str, Any]]:
    """What the papers claim, by the name of the file."""
    return tomllib.loads((TABLES / "answers.toml").read_text(encoding="utf-8"))


def load(name: str) -> Paper:
    """A paper as its reader gives it; `.json` holds cells as they come from a PDF."""
    path = next(p for p in TABLES.iterdir() if p.stem == name)
    if path.suffix != ".json":
        return read_paper(path)
    said = json.loads(path.read_text(encoding="utf-8"))
    table = Table(said["label"], said["caption"], tuple(map(tuple, said["rows"])))
    lines = (
        " ".join(dict.fromkeys(row)) if len(set(row)) == 1 else " ".join(row) for row in table.rows
    )
    body = "\n".join([f"{table.label}: {table.caption}", *lines])
    return Paper(
        said["title"],
        "pdf",
        1,
        (
            Section("", "Abstract", 1, said["abstract"], page=1),
            Section("", said["section"], 1, body, page=1, tables=(table,)),
        ),
    )


def mark(name: str, answer: Mapping[str, Any]) -> Marks:
    """Read a paper by rule and compare its values with the right ones."""
    question = PaperQuestion.of(name, load(name))
    wrong, right, found = [], 0, set[int]()
    for claim in gate(extract_plan(question), question).claims:
        if claim.kind != "value":
            continue
        fitting = [n for n, a in enumerate(answer["claims"]) if fits(claim, a)]
        found.update(fitting)
        right += bool(fitting)
        if not fitting:
            wrong.append(claim)
    missed = [a for n, a in enumerate(answer["claims"]) if n not in found]
    return Marks(
        name,
        answer.get("held_out", False),
        len(answer["claims"]),
        right,
        tuple(wrong),
        tuple(missed),
    )


def fits(claim: Claim, answer: Answer) -> bool:
    """Whether metric, value, data set and method are those of the answer."""
    metric, value, data_set, method = answer
    return (
        bare(claim.metric) == bare(metric)
        and claim.value == value
        and bare(claim.data_set) in map(bare, data_set.split("|"))
        and bare(claim.method) in map(bare, method.split("|"))
    )


def bare(words: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"[\W_]+", "", words.lower())


def score(marks: Iterable[Marks]) -> tuple[float, float]:
    """Precision and recall over some papers."""
    marks = list(marks)
    right, wrong = sum(m.right for m in marks), sum(len(m.wrong) for m in marks)
    wanted, missed = sum(m.wanted for m in marks), sum(len(m.missed) for m in marks)
    return right / max(1, right + wrong), (wanted - missed) / max(1, wanted)


if __name__ == "__main__":
    sys.exit(main())
