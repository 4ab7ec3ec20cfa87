"""`archwright show`: one candidate whole, from its idea to the prompts and replies that made it."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Group
from rich.text import Text

from archwright.cli.options import HERE, AsJson, Folder, chosen_run
from archwright.cli.output import emit
from archwright.cli.run.consoles import show
from archwright.core import Metric
from archwright.runs.journal import Journal
from archwright.runs.results.dossier import Document, candidate_of, dossier_of
from archwright.runs.results.wording import (
    STATEMENT,
    clean,
    gain_text,
    printable,
    problem_lines,
    score_text,
    size_text,
)

BARS: Final = "▁▂▃▄▅▆▇█"
CURVE_POINTS: Final = 40
NOT_KEPT: Final = "the prompt was not kept: the run is of a version that kept its hash alone"


def show_candidate(
    run: Annotated[str, Parameter(help="A run's name, how it begins, or latest.")],
    candidate: str,
    /,
    *,
    source: Annotated[bool, Parameter("--source")] = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print all of a candidate of a run in any state: idea, checks, trainings, curve, verdict, diff
    to its first parent, source, and the prompts and replies that made it.

    Args:
        candidate: Its id, as `archwright ledger` gives it; baseline for the architecture to beat.
        source: Print its source and nothing else.
    """
    with Journal.open(chosen_run(run, workspace)) as journal:
        found = candidate_of(journal, candidate)
        if source and not json:
            # A terminal would obey what a file keeps as it is.
            print(printable(found.source) if sys.stdout.isatty() else found.source, end="")
            return
        document, metric = dossier_of(journal, found), journal.facts.metric
    emit(json, document, lambda: _print(document, metric))


def _print(document: Document, metric: Metric) -> None:
    sections = {
        "Idea": _idea(document, metric),
        "Measured": _measured(document, metric),
        "Checks": _checks(document),
        "Trainings": _trials(document, metric),
        "Verdict": _verdict(document, metric),
        f"Diff to {_first_parent(document)}": _block(document["diff"] and document["diff"]["text"]),
        "Source": _block(document["source"]),
        "Prompts and replies": _calls(document["calls"]),
    }
    lines = [f"candidate {document['candidate']} of {document['run']}: {clean(document['title'])}"]
    for title, body in sections.items():
        if found := list(body):
            lines += ["", title, *(f"  {line}".rstrip() for line in found)]
    # Lines are not cut or broken, so that code can be copied. A text of its own would lose that.
    show(Group(Text("\n".join(lines), no_wrap=True, overflow="ignore")))


def _first_parent(document: Document) -> str:
    return clean(document["parents"][0]) if document["parents"] else "its parent"


def _idea(document: Document, metric: Metric) -> Iterator[str]:
    parents = f" of {', '.join(document['parents'])}" if document["parents"] else ""
    by = f", by {document['proposer']}" if document["proposer"] else ""
    yield clean(f"{document['operator'] or 'given'}{parents}{by}")
    for name in ("rationale", "hypothesis", "lesson"):
        if document[name]:
            yield f"{name}: {clean(document[name], STATEMENT)}"
    if document["citations"]:
        yield clean(f"rests on {', '.join(document['citations'])}", STATEMENT)
    if document["expected"] is not None:
        gain = document["gain"]
        measured = "nothing yet" if gain is None else gain_text(metric, gain)
        yield f"expected {gain_text(metric, document['expected'])}, measured {measured}"
    reason = f": {clean(document['reason'], STATEMENT)}" if document["reason"] else ""
    yield f"{document['status']}{reason}"


def _measured(document: Document, metric: Metric) -> Iterator[str]:
    if document["parameters"]:
        yield f"{size_text(document['parameters'])}, {document['flops']:,} FLOPs a sample"
    elif document["scores"]:
        yield size_text(0)
    for steps, score in document["scores"].items():
        yield f"{score_text(metric, score)} after {steps} steps"
    if document["gain"] is not None:
        seeds = document["seeds"]
        yield (
            f"{gain_text(metric, document['gain'])} over the baseline at the last of them, "
            f"over {seeds} seed{'' if seeds == 1 else 's'}"
        )
    if document["curve"]:
        (first, loss), (last, end) = document["curve"][0], document["curve"][-1]
        yield f"training loss {loss:.4g} at step {first} to {end:.4g} at step {last}"
        yield sparkline([value for _, value in document["curve"]])
    if document["errors"]:
        yield clean(document["errors"], STATEMENT)


def sparkline(values: Sequence[float]) -> str:
    """Numbers as a row of bars, at most `CURVE_POINTS` of them, evenly taken."""
    stride = -(-len(values) // CURVE_POINTS)
    taken = values[::stride]
    low, high = min(taken), max(taken)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in taken)


def _checks(document: Document) -> Iterator[str]:
    for check in document["checks"]:
        how = "ok    " if check["ok"] else "failed"
        detail = f": {clean(check['detail'], STATEMENT)}" if check["detail"] else ""
        yield f"{how} {clean(check['name'])}{detail}"


def _trials(document: Document, metric: Metric) -> Iterator[str]:
    for trial in document["trials"]:
        score = "" if trial["score"] is None else f", {score_text(metric, trial['score'])}"
        often = f", begun {trial['attempts']} times" if trial["attempts"] > 1 else ""
        cause = f": {clean(trial['cause'], STATEMENT)}" if trial["cause"] else ""
        yield (
            f"{trial['purpose']}, {trial['steps']} steps, seed {trial['seed']}: "
            f"{trial['status']}{score}{often}{cause}"
        )
        yield from (f"  {line}" for line in problem_lines(trial.get("problems", {})))


def _verdict(document: Document, metric: Metric) -> Iterator[str]:
    verdict = document["verdict"]
    if verdict is None:
        return
    yield clean(f"{verdict['verdict']}: {verdict['reason']}", STATEMENT)
    if verdict["effect"] is not None:
        gain, seeds = gain_text(metric, verdict["effect"]), verdict["seeds"]
        yield f"{gain}, p {verdict['p']:.2g}, {seeds} fresh seeds"
    for suspicion in verdict["suspicions"]:
        yield f"suspicion: {clean(suspicion, STATEMENT)}"


def _calls(calls: Sequence[Document]) -> Iterator[str]:
    for call in calls:
        model = clean(call["model"]) or "no model"
        yield f"{clean(call['key'])} ({model}, {call['tokens']:,} tokens)"
        yield "  asked:"
        yield from (f"    {line}" for line in _block(_asked(call)))
        reply = call["reply"] or call["error"]
        said = reply if isinstance(reply, str) else json_text.dumps(reply, indent=2)
        yield "  answered:"
        yield from (f"    {line}" for line in _block(said))


def _asked(call: Document) -> str:
    """What was said last before a reply: the prompt, the results of tools, or why an answer could
    not be used."""
    if not call["turns"]:
        return call["prompt"] or NOT_KEPT
    last = call["turns"][-1]
    return "\n".join(filter(None, (*(r["text"] for r in last.get("results", ())), last["asked"])))


def _block(text: str | None) -> Iterator[str]:
    """The lines of code, of a prompt or of a reply."""
    return iter(printable(text or "").splitlines())
