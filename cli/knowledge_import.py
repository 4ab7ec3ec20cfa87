"""`archwright knowledge import`: networks that others measured, as examples for runs here."""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from archwright.cli.output import emit, say
from archwright.core import CandidateStatus, CheckReport, InputError, Status
from archwright.knowledge.lemur.importing import problem_of, read_networks
from archwright.knowledge.store import Entry, Knowledge
from archwright.runs.results.wording import clean
from archwright.sandbox.opening import open_sandbox

CHECKED: Final = 24
_WORKERS: Final = 2
_REASONS_SHOWN: Final = 6


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """What an import takes, beside the workspace."""
    parser.add_argument("source", choices=("lemur",), help="lemur: the networks of nn-dataset")
    parser.add_argument(
        "--path",
        type=Path,
        metavar="DIR",
        help="an unpacked wheel or a site-packages folder (default: the installed nn-dataset)",
    )
    parser.add_argument(
        "--check",
        default=str(CHECKED),
        metavar="N|all",
        help=f"how many, drawn at random, are run in the sandbox ({CHECKED})",
    )
    parser.add_argument("--sandbox", default="auto", choices=("auto", "docker", "process"))
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn (0)")


def import_lemur(args: argparse.Namespace, knowledge: Knowledge) -> None:
    """Read the networks, check a sample of them, write all down, and say what came of it."""
    wanted = _count(args.check)
    say("reading the networks of nn-dataset; nothing of it is executed")
    found = read_networks(args.path)
    entries, failures = _check_sample(found.entries, wanted, args)
    knowledge.record_all(entries)
    ran = sum(entry.parameters > 0 and entry.end is CandidateStatus.OPEN for entry in entries)
    document = {
        "networks": found.networks,
        "imported": len(entries),
        "duplicates": found.duplicates,
        "left_out": dict(found.left_out),
        "trials": found.trials,
        "checked": ran + sum(failures.values()),
        "ran": ran,
        "failures": dict(failures.most_common()),
    }
    emit(args, document, lambda: _print(document))


def _count(words: str) -> int | None:
    if words == "all":
        return None
    if not words.isdecimal():
        raise InputError(f"--check {words} is no number: give how many, or all")
    return int(words)


def _check_sample(
    entries: Sequence[Entry], wanted: int | None, args: argparse.Namespace
) -> tuple[list[Entry], Counter[str]]:
    """Run a sample in the sandbox: what ran knows its parameters, what did not is a failure."""
    count = len(entries) if wanted is None else min(wanted, len(entries))
    places = random.Random(args.seed).sample(range(len(entries)), count)
    checked = list(entries)
    failures: Counter[str] = Counter()
    if not places:
        return checked, failures
    with (
        open_sandbox(args.sandbox, _WORKERS) as sandbox,
        ThreadPoolExecutor(_WORKERS) as threads,
    ):
        for line in filter(
            None, [sandbox.choice, *(limitation.detail for limitation in sandbox.limitations())]
        ):
            say(line)
        check: Callable[[int], CheckReport] = lambda place: sandbox.check(  # noqa: E731
            entries[place].source, problem_of(entries[place])
        )
        for done, (place, report) in enumerate(
            zip(places, threads.map(check, places), strict=True), start=1
        ):
            checked[place] = _with_report(entries[place], report)
            if report.status is not Status.OK:
                failures[_cause(report)] += 1
            if done % 50 == 0:
                say(f"checked {done} of {count}")
    return checked, failures


def _with_report(entry: Entry, report: CheckReport) -> Entry:
    if report.status is Status.OK:
        return replace(entry, parameters=report.parameters)
    end = CandidateStatus.INVALID if report.status is Status.INVALID else CandidateStatus.CRASHED
    return replace(entry, end=end, reason=f"{_cause(report)}: {report.error[:300]}; {entry.reason}")


def _cause(report: CheckReport) -> str:
    """The check that failed, or how the process ended."""
    failed = next((check.name for check in report.checks if not check.ok), "")
    return f"fails the check {failed}" if failed else str(report.status.value)


def _print(document: dict[str, Any]) -> None:
    print(
        f"{document['networks']:,} networks: {document['imported']:,} imported, "
        f"{document['duplicates']:,} duplicates of these, "
        f"{sum(document['left_out'].values()):,} left out"
    )
    print(f"  their accuracies are the best of {document['trials']:,} trials")
    for reason, count in list(document["left_out"].items())[:_REASONS_SHOWN]:
        print(f"  left out, {clean(reason, 80)}: {count:,}")
    sampled = "" if document["checked"] == document["imported"] else ", drawn at random"
    print(
        f"  {document['ran']:,} of the {document['checked']:,} that were run in the sandbox"
        f"{sampled} passed every check, with images of the size they were measured at"
    )
    for reason, count in document["failures"].items():
        print(f"  did not, {clean(reason, 80)}: {count:,}")
