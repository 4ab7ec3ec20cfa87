"""Journals of runs that never ran, in any size and with any texts, for the report to show."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from archwright.core import Candidate, CandidateStatus, Comparison, Floor, Measurement, Verdict
from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import RunPaths

RUNGS = (100, 300)
ENDS = (
    CandidateStatus.TRAINED,
    CandidateStatus.PROMOTED,
    CandidateStatus.DUPLICATE,
    CandidateStatus.PROMOTED,
    CandidateStatus.CRASHED,
    CandidateStatus.INVALID,
)
SOURCE = "class Model(nn.Module):\n    width = {width}\n    depth = {depth}\n"


def fill_journal(folder: Path, count: int, text: str = "", state: str = "finished") -> Journal:
    """A run of `count` candidates; `text` stands wherever a stranger could have written.

    Every candidate descends from the last promoted one, every eighth from two; every tenth is a
    random draw. With ten candidates or more three are verified: a discovery, one without a gain
    and one that is undecided.
    """
    chance = random.Random(count)
    journal = Journal.create(RunPaths(folder / "digits-one"), _facts(text, state))
    journal.begin_session(1)
    _propose(journal, 0, "baseline", "", [], "the baseline", SOURCE.format(width=8, depth=4))
    for steps in RUNGS:
        for seed in range(3):
            _train(journal, chance, "baseline", "baseline", steps, seed)
    promoted: list[str] = []
    for number in range(1, count + 1):
        _try(journal, chance, number, text, promoted)
    if count >= 10:
        _verify(journal, chance, promoted[-3:], text)
    journal.notice(f"reads are not confined {text}")
    journal.beat()
    return journal


def _facts(text: str, state: str) -> dict[str, Any]:
    scores = (90.2, 91.0, 91.8)
    return {
        "settings": {"workers": 2, "seed": 0},
        "task": f"digits {text}".strip(),
        "task_from": f"digits {text}".strip(),
        "metric": "accuracy",
        "rungs": RUNGS,
        "created": 1.8e9,
        "state": state,
        "phase": "done",
        "budget": {"max_trials": 4_000},
        "noise": [Floor(steps, 91.0, 0.8, scores, 9_000) for steps in RUNGS],
        "error": text,
    }


def _try(
    journal: Journal, chance: random.Random, number: int, text: str, promoted: list[str]
) -> None:
    name = str(number)
    control = number % 10 == 0
    end = CandidateStatus.TRAINED if control else ENDS[number % len(ENDS)]
    parents = [] if control else promoted[-1:] or ["baseline"]
    if number % 8 == 0 and len(promoted) > 1 and not control:
        parents = promoted[-2:]
    source = SOURCE.format(width=number, depth=number // 2) + text
    operator = "control" if control else "widen"
    candidate = _propose(journal, number, name, text, parents, operator, source)
    _call(journal, name, text)
    if end in (CandidateStatus.DUPLICATE, CandidateStatus.CRASHED, CandidateStatus.INVALID):
        reason = f"expected (16, 10), got (16, {number}) {text}"
        journal.update(candidate.ended(end, reason))
        return
    rung = 1 if control or end is CandidateStatus.PROMOTED else 0
    for steps in RUNGS[rung:] if control else RUNGS[: rung + 1]:
        _train(journal, chance, name, "search", steps, 0)
    score = min(99.9, 85 + 8 * (1 - 1 / number) + chance.gauss(0, 1.5))
    journal.update(
        replace(
            candidate,
            parameters=5_000 + chance.randrange(40_000),
            flops=chance.randrange(10**5, 10**7),
            rungs={rung: Measurement(score, (score - 91.0) / 0.8, 1)},
            lesson=f"width pays {text}",
        ).ended(end)
    )
    if end is CandidateStatus.PROMOTED:
        promoted.append(name)


def _propose(
    journal: Journal,
    number: int,
    name: str,
    text: str,
    parents: list[str],
    operator: str,
    source: str,
) -> Candidate:
    return journal.propose(
        Candidate(
            id=name,
            sequence=number * 1000,
            title=f"{operator} {number} {text}".strip(),
            rationale=f"wider is better {text}",
            operator=operator,
            source=source,
            created=1.8e9 + number,
            parents=tuple(parents),
            examples=(f"known:{number % 3}",),
        )
    )


def _call(journal: Journal, candidate: str, text: str) -> None:
    reply = {"model": f"model {text}", "tokens": 100, "usd": 0.01}
    journal.once("call", f"{candidate}/1", candidate, {"role": "coder"}, lambda: reply)


def _train(
    journal: Journal, chance: random.Random, name: str, purpose: str, steps: int, seed: int
) -> None:
    asked = {"candidate": name, "title": name, "purpose": purpose, "seed": seed}
    asked |= {"steps": steps, "rung": RUNGS.index(steps)}
    scale = chance.uniform(0.8, 1.2)
    result = {
        "status": "ok",
        "score": 90.0,
        "curve": [[step, scale * 20 / step] for step in range(20, steps + 1, 20)],
        "resources": {"seconds": steps / 100, "cpu_seconds": steps / 120, "steps": steps},
        "error": "",
    }
    journal.once("trial", f"{name}/{purpose}/{steps}/{seed}", name, asked, lambda: result)


def _verify(journal: Journal, chance: random.Random, names: list[str], text: str) -> None:
    for name in ("baseline", *names):
        for seed in range(1000, 1005):
            _train(journal, chance, name, "verification", RUNGS[-1], seed)
    journal.once("test", f"{names[-1]}/0", names[-1], {}, lambda: {"at": 1.8e9})
    for verdict in _verdicts(names, text):
        journal.judge(verdict.candidate, asdict(verdict))


def _verdicts(names: list[str], text: str) -> Iterator[Verdict]:
    ends = (("no gain", -0.4, None), ("undecided", 0.9, None), ("discovery", 2.5, 1.75))
    for name, (verdict, effect, on_test) in zip(names, ends, strict=True):
        interval = (effect - 1.5, effect + 1.5)
        compared = (
            Comparison(f"the baseline {text}", 9_000, 91.25, effect + 0.5, interval, 0.01, on_test),
            Comparison(
                "the baseline scaled to 21000 parameters", 21_000, 91.75, effect, interval, 0.02
            ),
        )
        yield Verdict(
            candidate=name,
            title=f"widen to {name} {text}".strip(),
            verdict=verdict,  # type: ignore[arg-type]
            effect=effect,
            interval=interval,
            p=0.02,
            seeds=5,
            reason=f"it was measured {text}",
            branch=f"archwright/digits-one/widen-{name}{text}" if on_test else None,
            decision=f"0001-widen.md{text}",
            test_gain=on_test,
            mean=94.0,
            own_scores=(93.0, 94.0, 95.0, 94.0, 94.0),
            shrunk=effect / 2,
            needs=f"more seeds {text}" if verdict == "undecided" else "",
            suspicions=(f"too good too early {text}",),
            reproduce={"command": f"archwright try it {text}", "interval": [92.0, 96.0]},
            comparisons=compared,
        )
