"""`archwright bench retrieval`: is the right thing found, and how quickly in a large base?

Questions with known right answers over papers, decisions and code (`retrieval_set.toml`): recall at
3 and at 10 is the share of a question's right answers among the first so many, averaged over the
questions. The time is taken over made-up records, many more than a workspace has.
"""

from __future__ import annotations

import ast
import random
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any, Final

from archwright.benchmarks.knowledge.known import known_fingerprint
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import CandidateStatus, InputError
from archwright.knowledge.entries import Entry
from archwright.knowledge.store import By, Knowledge
from archwright.source.code import parse

DEPTHS: Final = (3, 10)
WAYS: Final[tuple[By, ...]] = ("words", "vectors", "both")
RECORDS: Final = 100_000
LIMIT_MS: Final = 20.0
_QUESTIONS: Final = 200
_VOCABULARY: Final = 20_000
_BATCH: Final = 5_000


def run(*, records: int = RECORDS, seed: int = 0, json: AsJson = False) -> None:
    """Measure recall over the set, and the time of a search among made-up records.

    Args:
        records: Made-up records (default: 100,000).
        seed: Seed of the made-up records.
    """
    if records < 0:
        raise InputError("--records must be at least 0")
    document: dict[str, Any] = {"recall": measure_recall()}
    if records:
        document["search"] = measure_time(records, random.Random(seed))
    emit(json, document, lambda: _print(document))


# --- recall --------------------------------------------------------------------------------------


def measure_recall() -> dict[str, Any]:
    """Recall at each depth of each way to search, over all questions and by kind of answer."""
    loaded = tomllib.loads(
        (files("archwright.benchmarks.knowledge") / "retrieval_set.toml").read_text("utf-8")
    )
    entries = list(_entries(loaded))
    questions = loaded["query"]
    with tempfile.TemporaryDirectory() as folder, Knowledge(Path(folder) / "set.db") as knowledge:
        knowledge.record_all(entries)
        ways = {way: _recall(knowledge, questions, way) for way in WAYS}
    return {"passages": len(entries), "questions": len(questions), "ways": ways}


def _entries(loaded: Mapping[str, Any]) -> Iterator[Entry]:
    for name, text in loaded["papers"].items():
        yield Entry(run="papers", candidate=name, kind="paper", lesson=text)
    for name, text in loaded["decisions"].items():
        yield Entry(run="decisions", candidate=name, kind="decision", lesson=text)
    for name, source in block_sources().items():
        yield Entry(run="code", candidate=name, source=source, end=CandidateStatus.TRAINED)


def block_sources() -> dict[str, str]:
    """The classes of the symbolic engine's library by name, without what describes them."""
    found: dict[str, str] = {}
    for file in sorted(
        (files("archwright.search.grammar") / "blocks").iterdir(), key=lambda f: f.name
    ):
        if file.name.endswith(".py"):
            for node in parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    node.body = [s for s in node.body if not isinstance(s, ast.Expr)]
                    found[node.name] = ast.unparse(node)
    return found


def _recall(knowledge: Knowledge, questions: Sequence[Mapping[str, Any]], way: By) -> Any:
    shares: dict[str, list[tuple[str, float]]] = {f"recall@{depth}": [] for depth in DEPTHS}
    for question in questions:
        hits = knowledge.search(question["text"], n=max(DEPTHS), by=way)
        found = [f"{hit.entry.run}/{hit.entry.candidate}" for hit in hits]
        kind = question["answers"][0].partition("/")[0]
        for depth in DEPTHS:
            right = len(set(question["answers"]) & set(found[:depth]))
            shares[f"recall@{depth}"].append((kind, right / len(question["answers"])))
    kinds = sorted({kind for kind, _ in shares[f"recall@{DEPTHS[0]}"]})
    return {
        name: {
            "all": fmean(share for _, share in values),
            **{kind: fmean(s for k, s in values if k == kind) for kind in kinds},
        }
        for name, values in shares.items()
    }


# --- time ----------------------------------------------------------------------------------------


def measure_time(records: int, rng: random.Random) -> dict[str, Any]:
    """Milliseconds of a search among made-up records, once the base is in memory."""
    made = MadeUp(rng)
    with tempfile.TemporaryDirectory() as folder, Knowledge(Path(folder) / "large.db") as knowledge:
        for start in range(0, records, _BATCH):
            count = min(_BATCH, records - start)
            knowledge.record_all(made.entry(start + i) for i in range(count))
            if start % (4 * _BATCH) == 0:
                say(f"made {start + count:,} of {records:,} records")
        started = time.perf_counter()
        knowledge.search(made.question())
        first = 1e3 * (time.perf_counter() - started)
        times = [_time_search(knowledge, made.question()) for _ in range(_QUESTIONS)]
    clock, worked = (quantiles(t, n=20, method="inclusive") for t in zip(*times, strict=True))
    return {
        "records": records,
        "first_ms": first,
        "median_ms": clock[9],
        "p95_ms": clock[18],
        "processor_median_ms": worked[9],
        "processor_p95_ms": worked[18],
        "limit_ms": LIMIT_MS,
        "p95_over_limit": clock[18] / LIMIT_MS,
    }


def _time_search(knowledge: Knowledge, question: str) -> tuple[float, float]:
    """Milliseconds by the clock, and those that the processor worked, which other programs do not
    change."""
    started, worked = time.perf_counter(), time.thread_time()
    knowledge.search(question)
    return 1e3 * (time.perf_counter() - started), 1e3 * (time.thread_time() - worked)


class MadeUp:
    """Records and questions of words as frequent as words are (Zipf 1949), and of real code."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._code = [line for source in block_sources().values() for line in source.splitlines()]
        self._words = [f"w{index}" for index in range(_VOCABULARY)]
        self._totals: list[float] = []
        total = 0.0
        for rank in range(1, _VOCABULARY + 1):
            total += 1.0 / rank
            self._totals.append(total)

    def entry(self, index: int) -> Entry:
        """A record with this number."""
        return Entry(
            run="made-up",
            candidate=str(index),
            task="made-up",
            title=self._say(6),
            source="\n".join(self._rng.choices(self._code, k=15)),
            fingerprint=known_fingerprint(index),
            end=CandidateStatus.TRAINED,
            lesson=self._say(20),
        )

    def question(self) -> str:
        """Some words, or every fourth time some code."""
        if self._rng.random() < 0.25:
            return "\n".join(self._rng.choices(self._code, k=10))
        return self._say(5)

    def _say(self, count: int) -> str:
        return " ".join(self._rng.choices(self._words, cum_weights=self._totals, k=count))


def _print(document: Mapping[str, Any]) -> None:
    recall = document["recall"]
    print(f"{recall['questions']} questions over {recall['passages']} passages")
    for way, measured in recall["ways"].items():
        for name, shares in measured.items():
            words = ", ".join(f"{kind} {share:.2f}" for kind, share in shares.items())
            print(f"  {way:<8} {name:<10} {words}")
    if "search" in document:
        search = document["search"]
        print(
            f"a search among {search['records']:,} records: median {search['median_ms']:.1f} ms,"
            f" p95 {search['p95_ms']:.1f} ms ({search['p95_over_limit']:.2f} of the limit of"
            f" {search['limit_ms']:g} ms), of which the processor worked"
            f" {search['processor_median_ms']:.1f} and {search['processor_p95_ms']:.1f} ms;"
            f" the first one {search['first_ms']:.0f} ms"
        )
