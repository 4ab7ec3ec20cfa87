"""The command line. A command's module is imported only when that command is chosen."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from archwright import __version__

# What is typed: (module under archwright.cli and function in it, one line of help)
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("preparing:init", "Make a workspace: a git repository where discoveries land."),
    "run": ("run.starting:run", "Discover architectures for a task."),
    "resume": (
        "run.starting:resume",
        "Continue a run that was stopped, or give it a larger budget.",
    ),
    "stop": ("run.looking:stop", "Stop a run cleanly."),
    "runs": ("run.looking:runs", "List the runs of a workspace."),
    "status": ("run.looking:status", "Show the state of a run, also while it is running."),
    "ledger": ("run.ledger:ledger", "List all candidates of a run, also while it is running."),
    "show": ("run.showing:show_candidate", "Show one candidate whole, with its source."),
    "guide": ("run.guiding:guide", "Give every proposer a hint, also while a run is running."),
    "pin": ("run.guiding:pin", "Keep a run to a family, an operator or an idea."),
    "ban": ("run.guiding:ban", "Keep a run away from a family, an operator or an idea."),
    "seed": ("run.guiding:seed", "Give a run an architecture of your own."),
    "try": ("trying:try_", "Check and train one architecture file exactly as a run would."),
    "plan": ("plan:plan", "Say what a training costs, at each rung of the ladder or of a task."),
    "fingerprint": (
        "trying:fingerprints",
        "Show a file's fingerprint, and what it matches.",
    ),
    "verify": ("run.starting:verify", "Verify a run's top candidates."),
    "report": ("run.results:report", "Show what a run found, and what it cost."),
    "pareto": ("run.results:pareto", "List the candidates that nothing beats in all objectives."),
    "train": ("run.shipping:train", "Train a candidate at any length, and keep its weights."),
    "export": ("run.shipping:export", "Write a candidate as a model that loads elsewhere."),
    "review": ("run.reviewing:review", "List the winners; accept or reject them."),
    "task": ("", "List, show, check or scaffold tasks."),
    "task list": ("task:list_tasks", "List the tasks that come with Archwright."),
    "task show": ("task:show_task", "Show what a task asks for."),
    "task check": ("task:check_task", "Say what is wrong with a task folder, one line each."),
    "task new": ("task_new:make_task", "Write a complete task, from your own data or generated."),
    "task scale": (
        "scaling:scale_suite",
        "Measure the scales that make the scores of a suite's problems comparable.",
    ),
    "knowledge": ("", "Search and fill what has been learned."),
    "knowledge search": (
        "knowledge.entries:search",
        "Search the knowledge base by words or by code.",
    ),
    "knowledge show": ("knowledge.entries:show", "Show one entry, with its source."),
    "knowledge stats": ("knowledge.entries:stats", "Count what is known of which task."),
    "knowledge add": ("knowledge.entries:add", "Add an architecture or a note of your own."),
    "knowledge seed": ("knowledge.notes:seed", "Add the notes on known architectures."),
    "knowledge import": ("knowledge.networks:take_in", "Import networks that others measured."),
    "knowledge copy": (
        "knowledge.copying:copy",
        "Copy entries and the account of test evaluations to or from a shared knowledge base.",
    ),
    "knowledge export": (
        "knowledge.exporting:export",
        "Export a data set for fine-tuning a local model.",
    ),
    "paper": ("", "Read papers; reproduce and improve what they claim."),
    "paper add": ("paper.reading:add", "Read PDF, LaTeX, HTML, Markdown or text."),
    "paper list": ("paper.reading:list_papers", "List the papers of the workspace."),
    "paper show": ("paper.reading:show", "Show what a paper holds, and what it claims."),
    "paper reproduce": ("paper.claims:reproduce", "Try its claims at this machine's scale."),
    "paper improve": ("paper.claims:improve", "Search for improvements on a reproduced paper."),
    "decision": ("", "Keep architecture decision records."),
    "decision list": ("knowledge.decisions:list_all", "List all decisions, by number."),
    "decision show": ("knowledge.decisions:show", "Show one decision."),
    "decision search": (
        "knowledge.decisions:search",
        "Search decisions by words.",
    ),
    "decision draft": (
        "knowledge.drafting:draft",
        "Draft a decision from similar accepted ones.",
    ),
    "decision supersede": (
        "knowledge.decisions:supersede",
        "Replace one decision by another; both records say so.",
    ),
    "decision import": (
        "knowledge.decisions:take_in",
        "Import a folder of records unchanged.",
    ),
    "decision check": ("knowledge.decisions:check", "Say what is wrong in a folder of records."),
    "prompts": ("", "See what is sent to a model."),
    "prompts show": ("knowledge.prompts:show", "Print a role's first question about a task."),
    "bench": ("", "Measure the search, the dedup and the framework itself."),
    "sandbox": ("", "Build the image that containers are made from."),
    "sandbox build": ("preparing:build_image", "Build the image."),
    "agent": ("agent:agent", "Run trials on a cluster node; a run starts it, not a person."),
    "doctor": ("doctor:doctor", "Check what this machine can do, and how to fix what it cannot."),
}
# The same for `archwright bench NAME`, under archwright.benchmarks.
BENCHES: Final[dict[str, tuple[str, str]]] = {
    "grammar": ("search.grammar:run", "How many drawn candidates pass the checks."),
    "calibration": (
        "search.calibration:run",
        "How often verdicts are right, in simulated campaigns with a known truth.",
    ),
    "fewshot": ("knowledge.fewshot:run", "How many examples in a prompt help."),
    "retrieval": (
        "knowledge.retrieval:run",
        "Whether the right thing is found in the knowledge base, and how quickly.",
    ),
    "table": (
        "tabular.table:run",
        "How well policies search a table of measured architectures, beside rivals.",
    ),
    "nas201": ("tabular.nas201:run", "How good the cells that policies find on NAS-Bench-201 are."),
    "live": (
        "search.live:run",
        "How much policies gain in real runs at equal trials, against random draws.",
    ),
    "mixers": (
        "mixers.published:run",
        "How the published sequence mixers score on the problems of a suite.",
    ),
    "ladder": (
        "mixers.ladder:run",
        "How well each rung of the ladder predicts the next, and what its noise can tell apart.",
    ),
    "exports": (
        "framework.exports:run",
        "Whether exported models give the same outputs as the network.",
    ),
    "dedup": (
        "dedup.dedup:run",
        "Duplicates found, false merges and microseconds at each level of the fingerprint.",
    ),
}
SUMMARY: Final = "Discovers neural architectures overnight."
INTERRUPTED: Final = 130
_NARROWEST: Final = 20
"""Columns that a table needs; it leaves out what does not fit."""
_ASIDE: Final = ("-h", "--help", "--version")
_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
"""What a write to stdout fails with where that is a file on a full disk, or not open."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if words is None:
        # A scheduler that ends a command is heard as Ctrl-C is; a run has its own way of ending.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    words = sys.argv[1:] if words is None else list(words)
    # Several would spin beside the trainings, over matrices of a few hundred rows; read by numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    width = os.environ.get("COLUMNS", "")
    if width.isdecimal() and int(width) < _NARROWEST:
        del os.environ["COLUMNS"]  # as 0, which some shells say where they do not know
    # Where the caller closed one, `print` would take the other, and errors get into the JSON.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - as long as it runs
    try:
        code = _overview(words) if not words or words[0] in _ASIDE else _run(words)
        sys.stdout.flush()
        return code
    # Asked for only when something was raised: what the errors need takes longer than all of help.
    except _expected() as error:
        return _fail(" ".join(str(error).split()), "--json" in words)
    except KeyboardInterrupt:
        return _fail("interrupted", "--json" in words, INTERRUPTED)
    except BrokenPipeError:
        return _end_output(1)
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        return _end_output(_fail(f"the output cannot be written: {error.strerror}", False))


def _end_output(code: int) -> int:
    """Let what is still to be printed go nowhere, lest Python says at its end that it cannot."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return code


def _expected() -> type[Exception]:
    from archwright.core import ArchwrightError

    return ArchwrightError


def _overview(words: Sequence[str]) -> int:
    """What can be typed, without importing what reads it."""
    if not words:
        return _fail("name a command; see `archwright --help`", False)
    if words[0] == "--version":
        print(f"archwright {__version__}")
        return 0
    print(f"Usage: archwright COMMAND\n\n{SUMMARY}\n\nCommands:")
    for name, (_, summary) in COMMANDS.items():
        if " " not in name:
            print(f"  {name:<12} {summary}")
    print("\nSee `archwright COMMAND --help` for what a command takes.")
    return 0


def _run(words: Sequence[str]) -> int:
    from archwright.cli.reading import read

    try:
        os.getcwd()  # noqa: PTH109 - what is meant by a path hangs on it
    except OSError as error:
        line = f"the current folder is gone ({error.strerror}): `cd` into one that is there"
        return _fail(line, "--json" in words)
    command = read(words)
    code = command()
    return code if isinstance(code, int) else 0


def _fail(line: str, as_json: bool, code: int = 2) -> int:
    print(f"archwright: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": line}), flush=True)
    return code
