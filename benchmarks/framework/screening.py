"""Screenings a second: static checks, fingerprint (text and tree) and lookup of one candidate.

    python benchmarks/framework/screening.py [--known 1000,10000,100000] [--repeats N]
                                              [--proxies] [--json]

The candidates are drawn from the grammar for the digits task. The knowledge bases of all sizes are
measured in turn, so that each sees the same machine; medians are given. The rate is by the time the
processor worked, which other programs do not change, with the rate by the clock beside it. Exit
code 1 when the largest base falls under the limit.

With `--proxies` it is what the training-free proxies add to a check that is timed instead: each
drawn candidate is checked with and without them in turn, in this process and on one thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from archwright.benchmarks.knowledge.known import known_entries
from archwright.core import Status, TaskSpec
from archwright.knowledge.store import Knowledge
from archwright.sandbox.in_process import InProcessSandbox
from archwright.search.grammar.grammar import draw
from archwright.source.fingerprint import fingerprint, read_source
from archwright.tasks.loading import load_task

LIMIT_PER_SECOND = 500
CANDIDATES = 100
PROXY_CANDIDATES = 11
PROXY_TASKS = ("digits", "recall", "pydoc-lm")


def main() -> int:
    parser = argparse.ArgumentParser(description="screenings a second")
    parser.add_argument("--known", default="1000,10000,100000", help="sizes, by comma")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--proxies", action="store_true", help="time them, and nothing else")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.proxies:
        return report_proxies(args.repeats, args.json)
    rates = measure([int(size) for size in args.known.split(",")], args.repeats)
    if args.json:
        print(json.dumps({"per_second": rates, "limit": LIMIT_PER_SECOND}, indent=2))
    else:
        for known, rate in rates.items():
            print(
                f"{known:>9,} known: {rate['processor']:,.0f} screenings a second"
                f" ({rate['clock']:,.0f} by the clock; limit {LIMIT_PER_SECOND})"
            )
    return 0 if list(rates.values())[-1]["processor"] >= LIMIT_PER_SECOND else 1


def measure(sizes: list[int], repeats: int) -> dict[int, dict[str, float]]:
    """Median rates for each size, over `repeats` interleaved passes after one warm-up."""
    spec = load_task("digits").spec
    sources = [draw(spec.problem, random.Random(seed)).source for seed in range(CANDIDATES)]
    rates: dict[int, dict[str, list[float]]] = {
        size: {"processor": [], "clock": []} for size in sizes
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bases = {}
        for size in sizes:
            bases[size] = stack.enter_context(Knowledge(Path(folder) / f"{size}.db"))
            bases[size].record_all(known_entries(size, spec.name))
        for turn in range(repeats + 1):
            for size, base in bases.items():
                seconds = time_pass(sources, spec, base)
                if turn > 0:
                    for name, value in seconds.items():
                        rates[size][name].append(len(sources) / value)
    return {
        size: {name: statistics.median(values) for name, values in found.items()}
        for size, found in rates.items()
    }


def time_pass(sources: list[str], spec: TaskSpec, knowledge: Knowledge) -> dict[str, float]:
    """Seconds to screen all of `sources` once, by the processor and by the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    for source in sources:
        parsed = read_source(source, spec.problem, spec.recipe)
        knowledge.match(spec.name, fingerprint(parsed, parsed.recipe))
    return {
        "processor": time.process_time() - processor,
        "clock": time.perf_counter() - clock,
    }


def report_proxies(repeats: int, as_json: bool) -> int:
    """Print what the proxies add to a check, by task."""
    found = {name: time_proxies(name, repeats) for name in PROXY_TASKS}
    for name, times in found.items() if not as_json else ():
        share = 100 * times["proxies"] / times["plain"]
        print(
            f"{name}: {times['plain']:.0f} ms a check, and {times['proxies']:.0f} ms more with the "
            f"proxies ({share:.0f} %; medians of {PROXY_CANDIDATES} candidates)"
        )
    if as_json:
        print(json.dumps({"milliseconds": found}, indent=2))
    return 0


def time_proxies(task: str, repeats: int) -> dict[str, float]:
    """Milliseconds of the processor: of a check (`plain`), and what the proxies add to it."""
    problem = load_task(task).spec.problem
    times: dict[str, list[float]] = {"plain": [], "proxies": []}
    with InProcessSandbox() as sandbox:

        def check(source: str, proxies: bool) -> float:
            started = time.process_time()
            sandbox.check(source, problem, proxies=proxies)
            return 1e3 * (time.process_time() - started)

        drawn = (draw(problem, random.Random(seed)).source for seed in itertools.count())
        sound = (source for source in drawn if sandbox.check(source, problem).status is Status.OK)
        for source in itertools.islice(sound, PROXY_CANDIDATES):
            pairs = [[check(source, proxies) for proxies in (False, True)] for _ in range(repeats)]
            plain, both = (statistics.median(column) for column in zip(*pairs, strict=True))
            times["plain"].append(plain)
            times["proxies"].append(both - plain)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    sys.exit(main())
