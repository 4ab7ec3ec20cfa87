"""`archwright knowledge import`: networks that others measured, as examples for runs here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from archwright.cli.options import HERE, AsJson, Folder, SandboxOption, open_knowledge
from archwright.cli.output import emit, say
from archwright.core import CandidateStatus, CheckReport, InputError, Status
from archwright.core.settings import SandboxName
from archwright.knowledge.lemur.importing import problem_of, read_networks
from archwright.knowledge.store import Entry, Knowledge
from archwright.runs.results.wording import clean
from archwright.sandbox.opening import open_sandbox

CHECKED: Final = 24
_WORKERS: Final = 2
_REASONS_SHOWN: Final = 6


def take_in(
    source: Literal["lemur"],
    /,
    *,
    path: Path | None = None,
    check: str = str(CHECKED),
    sandbox: SandboxOption = "auto",
    seed: int = 0,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Read the networks, check a sample of them, write all down, and say what came of it.

    Args:
        source: Where they come from: lemur, the networks of nn-dataset.
        path: An unpacked wheel or a site-packages folder (default: the installed nn-dataset).
        check: How many, drawn at random, are run in the sandbox; or all (default: 24).
        seed: Which ones are drawn.
    """
    del source  # There is one so far.
    wanted = _count(check)
    with open_knowledge(workspace) as knowledge:
        document = _take_in(knowledge, path, wanted, sandbox, seed)
    emit(json, document, lambda: _print(document))


def _take_in(
    knowledge: Knowledge, path: Path | None, wanted: int | None, sandbox: SandboxName, seed: int
) -> dict[str, Any]:
    say("reading the networks of nn-dataset; nothing of it is executed")
    found = read_networks(path)
    entries, failures = _check_sample(found.entries, wanted, sandbox, seed)
    knowledge.record_all(entries)
    ran = sum(entry.parameters > 0 and entry.end is CandidateStatus.OPEN for entry in entries)
    return {
        "networks": found.networks,
        "imported": len(entries),
        "duplicates": found.duplicates,
        "left_out": dict(found.left_out),
        "trials": found.trials,
        "checked": ran + sum(failures.values()),
        "ran": ran,
        "failures": dict(failures.most_common()),
    }


def _count(words: str) -> int | None:
    if words == "all":
        return None
    if not words.isdecimal():
        raise InputError(f"--check {words} is not a number: give how many, or all")
    return int(words)


def _check_sample(
    entries: Sequence[Entry], wanted: int | None, kind: SandboxName, seed: int
) -> tuple[list[Entry], Counter[str]]:
    """Run a sample in the sandbox: what ran knows its parameters, what did not is a failure."""
    count = len(entries) if wanted is None else min(wanted, len(entries))
    places = random.Random(seed).sample(range(len(entries)), count)
    checked = list(entries)
    failures: Counter[str] = Counter()
    if not places:
        return checked, failures
    with (
        open_sandbox(kind, _WORKERS) as sandbox,
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
