"""`archwright bench dedup`: what each level of the fingerprint finds, and whether it is right."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archwright.benchmarks.dedup.lemur import LEMUR_NAMES, read_lemur
from archwright.benchmarks.dedup.nets import Builder
from archwright.benchmarks.knowledge.known import known_entries, known_fingerprint
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import Fingerprint, InputError, Recipe
from archwright.knowledge.store import Knowledge
from archwright.source.code import CONTRACT_NAMES
from archwright.source.fingerprint import fingerprint

SIZES: Final = (100, 1_000, 10_000, 100_000)
_SIBLINGS: Final = 5
_LOOKUPS: Final = 200


@dataclass(frozen=True, slots=True)
class Nets:
    """A set of networks, the names in them that others rely on, and the shapes to build with."""

    name: str
    sources: Mapping[str, str]
    keep: frozenset[str]
    input_shape: tuple[int, ...]
    classes: int


def run(
    *,
    lemur: bool = False,
    sample: int = 50,
    draws: int = 1000,
    seed: int = 0,
    json: AsJson = False,
) -> None:
    """Measure all levels, check a sample of the merges by execution, and time the lookup.

    Args:
        lemur: The networks of nn-dataset, not drawn ones.
        sample: Networks to build, and merges.
        draws: Candidates to draw.
        seed: Seed of the draws.
    """
    if sample < 0 or draws < 2:
        raise InputError("--sample must be at least 0 and --draws at least 2")
    nets = _lemur() if lemur else _drawn(draws, seed)
    rng = random.Random(seed)
    say(f"fingerprinting {len(nets.sources):,} networks")
    prints = {name: _print(nets, source) for name, source in nets.sources.items()}
    document: dict[str, Any] = {
        "set": nets.name,
        "networks": len(prints),
        "levels": {level: _count(prints, level) for level in ("text", "tree")},
        "microseconds": _time_levels(nets, rng),
    }
    with Builder(nets.input_shape, nets.classes) as builder:
        document["levels"]["graph"], graph_pairs = _trace_sample(nets, builder, sample, rng)
        pairs = [*_pairs(prints, sample, rng), *graph_pairs]
        document["merges"] = _check_merges(nets, builder, pairs)
    say("timing the lookup")
    document["lookup_microseconds"] = _time_lookups(rng)
    emit(json, document, lambda: _report(document))


def _lemur() -> Nets:
    keep = CONTRACT_NAMES | LEMUR_NAMES
    return Nets("nn-dataset (LEMUR)", read_lemur(), keep, (3, 32, 32), 10)


def _drawn(count: int, seed: int) -> Nets:
    from archwright.search.grammar import draw
    from archwright.tasks.loading import load_task

    problem = load_task("digits").spec.problem
    drawn = (draw(problem, random.Random(f"{seed} {index}")) for index in range(count))
    sources = {f"{index:05}": draft.source for index, draft in enumerate(drawn)}
    return Nets(
        "grammar, digits", sources, CONTRACT_NAMES, problem.input_shape, *problem.output_shape
    )


def _print(nets: Nets, source: str) -> Fingerprint:
    return fingerprint(source, Recipe(), keep=nets.keep)


def _groups(prints: Mapping[str, Fingerprint], level: str) -> list[list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, print_ in prints.items():
        if value := getattr(print_, level):
            groups[value].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _count(prints: Mapping[str, Fingerprint], level: str) -> dict[str, int]:
    groups = _groups(prints, level)
    return {"duplicates": sum(len(group) - 1 for group in groups), "groups": len(groups)}


def _time_levels(nets: Nets, rng: random.Random) -> dict[str, float]:
    """Mean microseconds (of the processor) a network for the levels that need no building."""
    chosen = rng.sample(sorted(nets.sources), min(200, len(nets.sources)))
    started = time.process_time()
    for name in chosen:
        _print(nets, nets.sources[name])
    return {"text_and_tree": 1e6 * (time.process_time() - started) / len(chosen)}


# --- by execution -------------------------------------------------------------------------------


def _trace_sample(
    nets: Nets, builder: Builder, count: int, rng: random.Random
) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Trace networks, a few siblings (neighbours by name) at a time; give the merged pairs, too."""
    names = sorted(nets.sources)
    starts = rng.sample(range(len(names)), min(len(names), -(-count // _SIBLINGS)))
    places = {(start + k) % len(names) for start in starts for k in range(_SIBLINGS)}
    chosen = [names[place] for place in sorted(places)][:count]
    graphs: dict[str, str] = {}
    seconds, pairs = [], []
    for name in _progress("tracing", chosen):
        built = builder.build(nets.sources[name])
        if "error" in built:
            continue
        seconds += built["seconds"]
        first = graphs.setdefault(built["graphs"][0], name)
        if first != name:
            pairs.append(("graph", first, name))
    result = {
        "sampled": len(chosen),
        "ran": len(seconds),
        "duplicates": len(pairs),
        "milliseconds": 1e3 * statistics.median(seconds) if seconds else None,
    }
    return result, pairs


def _pairs(
    prints: Mapping[str, Fingerprint], count: int, rng: random.Random
) -> list[tuple[str, str, str]]:
    """Up to `count` merged pairs of the text and of the tree level each."""
    found: list[tuple[str, str, str]] = []
    seen: set[tuple[str, str]] = set()
    for level in ("text", "tree"):
        groups = _groups(prints, level)
        every = [(group[0], other) for group in groups for other in group[1:]]
        fresh = [pair for pair in every if pair not in seen]
        seen.update(every)
        found += [(level, *pair) for pair in rng.sample(fresh, min(count, len(fresh)))]
    return found


def _check_merges(
    nets: Nets, builder: Builder, pairs: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    """Execute merged pairs: do they compute the same?"""
    result: dict[str, Any] = {
        level: {"checked": 0, "false": 0, "not_run": 0} for level in ("text", "tree", "graph")
    }
    wrong = []
    for level, a, b in _progress("checking merges", pairs):
        built = builder.build(nets.sources[a], nets.sources[b])
        if "error" in built:
            result[level]["not_run"] += 1
            continue
        same = built["copied"] and (level == "graph" or built["seeded"])
        result[level]["checked"] += 1
        if not same:
            result[level]["false"] += 1
            wrong.append([level, a, b])
    return {**result, "false_pairs": wrong}


def _progress(what: str, items: Sequence[Any]) -> Iterator[Any]:
    for index, item in enumerate(items):
        if index % 20 == 0:
            say(f"{what}: {index} of {len(items)}")
        yield item


# --- lookup -------------------------------------------------------------------------------------


def _time_lookups(rng: random.Random) -> dict[str, float]:
    """Median microseconds to look one fingerprint up, half of them known, at each size."""
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            with Knowledge(Path(folder) / f"{size}.db") as knowledge:
                knowledge.record_all(known_entries(size, "made-up"))
                wanted = [known_fingerprint(rng.randrange(2 * size)) for _ in range(_LOOKUPS)]
                look = [_time_lookup(knowledge, print_) for print_ in wanted]
            times[str(size)] = 1e6 * statistics.median(look)
    return times


def _time_lookup(knowledge: Knowledge, print_: Fingerprint) -> float:
    started = time.perf_counter()
    knowledge.match("made-up", print_)
    return time.perf_counter() - started


def _report(document: dict[str, Any]) -> None:
    levels, merges = document["levels"], document["merges"]
    print(f"{document['set']}: {document['networks']:,} networks")
    micro = document["microseconds"]["text_and_tree"]
    for level in ("text", "tree"):
        print(f"  {level:5}  {levels[level]['duplicates']:,} duplicates")
    print(f"  text and tree together take {micro:,.0f} microseconds a network")
    graph = levels["graph"]
    cost = f"{graph['milliseconds']:.0f} ms each" if graph["ran"] else "none ran"
    print(
        f"  graph  {graph['duplicates']} duplicates among the {graph['ran']} of"
        f" {graph['sampled']} sampled networks that ran ({cost})"
    )
    for level in ("text", "tree", "graph"):
        row = merges[level]
        print(
            f"  merges by {level}: {row['checked']} executed, {row['false']} false,"
            f" {row['not_run']} could not be run"
        )
    for known, micro in document["lookup_microseconds"].items():
        print(f"  lookup among {int(known):>7,} known: {micro:,.0f} microseconds")
