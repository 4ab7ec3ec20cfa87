"""`archwright bench NAME`: measure the search, the dedup and the framework itself."""

from __future__ import annotations

import argparse
import importlib
from typing import Final

# name: (module under archwright.benchmarks, one line of help)
BENCHES: Final = {
    "grammar": ("search.grammar", "how many drawn candidates pass the checks"),
    "calibration": (
        "search.calibration",
        "how often verdicts are right, in simulated campaigns with a known truth",
    ),
    "fewshot": ("knowledge.fewshot", "how many examples in a prompt help"),
    "retrieval": (
        "knowledge.retrieval",
        "is the right thing found in the knowledge base, and how quickly",
    ),
    "nas201": ("search.nas201", "how good the cells are that policies find on NAS-Bench-201"),
    "live": (
        "search.live",
        "how much policies gain in real runs at equal trials, against random draws",
    ),
    "dedup": (
        "dedup.dedup",
        "duplicates found, false merges and microseconds at each level of the fingerprint",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand per bench."""
    benches = parser.add_subparsers(metavar="BENCH", dest="bench", required=True)
    for name, (place, summary) in BENCHES.items():
        bench = benches.add_parser(name, help=summary, description=summary)
        module = importlib.import_module(f"archwright.benchmarks.{place}")
        module.add_arguments(bench)
        bench.set_defaults(bench_run=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the bench that was named."""
    code: int = args.bench_run(args)
    return code
