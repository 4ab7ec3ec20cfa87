"""A reproduction as a branch: our baseline, then the method, with the paper's words and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archwright.core import Candidate, TaskSpec
from archwright.papers.experiment import Experiment
from archwright.runs.journal import Journal
from archwright.runs.results.branches.branches import Landing, LineageCommit, Measure, land
from archwright.runs.results.wording import gain_text, interval_text
from archwright.runs.workspace.workspace import Workspace


def land_reproduction(
    workspace: Workspace,
    journal: Journal,
    spec: TaskSpec,
    experiment: Experiment,
    document: Mapping[str, Any],
) -> str:
    """Make the branch of a reproduction and return its name. The second commit's difference to the
    first is the first claim's method against its baseline.

    Args:
        document: of the reproduction, as `archwright.papers.reproduction.document_of` gives
            it, with `paper`.
    """
    first = experiment.claims[0]
    title = f"Reproduce {document['paper']['title']}: {document['verdict']}"
    facts = journal.facts
    baseline = experiment.arm(first.baseline)
    root = LineageCommit(
        Candidate(
            id=baseline.id,
            title=f"Our baseline: {baseline.title}",
            source=baseline.source,
            created=facts.created,
            rationale=_cite(document["paper"]),
        ),
        results=document["claims"][0]["baseline"],
        measures=_measures(spec, document["claims"][0]["baseline"]),
    )
    method = LineageCommit(
        Candidate(
            id=first.method,
            title=title,
            source=experiment.arm(first.method).source,
            created=facts.created,
            rationale="\n".join([_cite(document["paper"]), "", *_quotes(document)]),
            parents=(baseline.id,),
        ),
        evidence="\n".join(_evidence(spec, document)),
        results=document,
        measures=_measures(spec, document["claims"][0]["method"], document["claims"][0]),
    )
    landing = Landing(
        run=journal.paths.name,
        task=spec.name,
        base=facts.head,
        commits=(root, method),
    )
    return land(workspace, landing)


def _cite(paper: Mapping[str, Any]) -> str:
    return f"Paper: {paper['title']} ({paper['id']})"


def _quotes(document: Mapping[str, Any]) -> Iterator[str]:
    for claim in document["claims"]:
        yield f"Claim {claim['id']}: {claim['words']}: {claim['ruling']}"
        yield f"> {claim['quote']}"


def _evidence(spec: TaskSpec, document: Mapping[str, Any]) -> Iterator[str]:
    metric = spec.metric
    yield f"rubric: {document['score']:.2f} of 1"
    for claim in document["claims"]:
        if claim["method_mean"] is None:
            yield f"{claim['id']}: {claim['reason']}"
            continue
        yield (
            f"{claim['id']}: {gain_text(metric, claim['effect'])} "
            f"({interval_text(metric, claim['interval'])}) on {claim['seeds']} seeds: "
            f"{claim['reason']}"
        )
    for size in document["shrunk"]:
        yield f"{size['what']}: {size['here']}" + (
            f" (paper: {size['paper']})" if size["paper"] else ""
        )


def _measures(
    spec: TaskSpec, arm: Mapping[str, Any], claim: Mapping[str, Any] | None = None
) -> tuple[Measure, ...]:
    if arm["mean"] is None:
        return ()
    name, unit = spec.metric.name, spec.metric.unit
    if claim is None or claim["method_mean"] is None:
        return (Measure(name, arm["mean"], unit),)
    low, high = claim["interval"]
    return (Measure(name, arm["mean"], unit, claim["effect"], (low, high)),)
