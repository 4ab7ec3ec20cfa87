"""`archwright plan`: what a training costs, before it, at each rung of the ladder or of a task.

The network is built on shapes alone, so that parameters, operations and memory are counted at any
size. Hours and prices are estimates: a card needs the longer of two times, its FLOPs at an assumed
share of its peak, or its operations at an assumed time to launch one, since none are fused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from archwright.cli.options import AsJson, SandboxOption
from archwright.cli.output import emit, say
from archwright.core import CheckReport, InputError, Problem, Status, TaskSpec

DEFAULT: Final = "gated-deltanet"
UTILISATION: Final = 0.1
MOST_TOKENS: Final = 10_000_000
"""Of a card's peak; kernels that are written for a mixer reach three to four times that."""
LAUNCH_SECONDS: Final = 5e-6
"""Of an operation that has next to nothing to do."""
BACKWARD: Final = 3
"""Operations of a training step for each of its forward pass."""
RESIDENT: Final = 16
"""Bytes a parameter: the weight, its gradient and two moments of Adam, in float32."""
NUMBER_BYTES: Final = 4
ROOM: Final = 10**12
"""A limit of parameters that is none."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """Dense bf16 operations a second as the maker states them, and memory in GB."""

    peak_tflops: float
    memory_gb: float


CARDS: Final[Mapping[str, Accelerator]] = {
    "H100": Accelerator(989, 80),
    "A100-80": Accelerator(312, 80),
    "A100-40": Accelerator(312, 40),
    "RTX-4090": Accelerator(165, 24),
    "L4": Accelerator(121, 24),
}


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """One training that is costed."""

    name: str
    problem: Problem
    source: str
    steps: int
    batch: int
    accumulate: int
    precision: str

    @property
    def batches(self) -> int:
        """All that it sees, in forward passes."""
        return self.steps * self.accumulate

    @property
    def samples(self) -> int:
        """All that it sees."""
        return self.batches * self.batch

    @property
    def positions(self) -> int:
        """Tokens of a sample that is a sequence with an output at each; otherwise 1."""
        output = self.problem.output_shape
        return output[0] if len(output) > 1 else 1


def plan(
    task: Annotated[str | None, Parameter(name="TASK")] = None,
    /,
    *,
    candidate: str | None = None,
    vocabulary: int = 256,
    utilisation: float = UTILISATION,
    price: Annotated[list[str] | None, Parameter("--price")] = None,
    sandbox: SandboxOption = "auto",
    json: AsJson = False,
) -> None:
    """Nothing is trained, but for one step where that is cheap.

    Args:
        task: A built-in task's name, or a task folder (default: all rungs of the ladder).
        candidate: A file, or the name of a published mixer (default: gated-deltanet, or the task's
            baseline).
        vocabulary: Tokens of the ladder's rungs (default: 256, bytes).
        utilisation: The share of a card's peak that is assumed (default: 0.1).
        price: Dollars an hour of a card, as CARD=USD; may be repeated.
    """
    from archwright.sandbox.opening import open_sandbox

    prices = dict(map(_price, price or ()))
    if not 1e-6 <= utilisation <= 1:
        raise InputError(f"--utilisation must be from 0.000001 to 1, not {utilisation}")
    if not 2 <= vocabulary <= MOST_TOKENS:
        raise InputError(f"--vocabulary must be from 2 to {MOST_TOKENS:,}, not {vocabulary}")
    wanted = list(_ladder(candidate, vocabulary) if task is None else _budgets(task, candidate))
    with open_sandbox(sandbox, 1) as opened:
        known: dict[tuple[str, Problem], CheckReport] = {}
        for one in reversed(wanted):  # a container that has room for the largest has for all
            if (one.source, one.problem) not in known:
                say(f"{one.name} ...")
                report = opened.check(one.source, one.problem, outline=one.batch)
                known[one.source, one.problem] = report
    rows = [_row(one, known[one.source, one.problem], utilisation, prices) for one in wanted]
    document = {
        "task": task or "ladder",
        "candidate": candidate or (DEFAULT if task is None else "baseline.py"),
        "utilisation": utilisation,
        "core_flops": _core_flops(rows),
        "rungs": _with_core_hours(rows),
    }
    emit(json, document, lambda: _render(document))


def _price(words: str) -> tuple[str, float]:
    name, _, value = words.partition("=")
    known = {card.lower(): card for card in CARDS}
    try:
        usd = float(value)
        if not 0 <= usd < math.inf:
            raise ValueError("no price")
        return known[name.lower()], usd
    except (KeyError, ValueError):
        raise InputError(
            f"--price takes CARD=USD with one of {', '.join(CARDS)}, not {words!r}"
        ) from None


# --- what is costed -------------------------------------------------------------------------------


def _ladder(candidate: str | None, vocabulary: int) -> Iterator[PlannedTraining]:
    from archwright.tasks.scaffold.ladder import RUNGS

    for rung in RUNGS:
        yield PlannedTraining(
            name=rung.name,
            problem=rung.problem(vocabulary, ROOM),
            source=_source(candidate or DEFAULT, rung.width, rung.heads),
            steps=rung.steps,
            batch=rung.recipe.batch_size,
            accumulate=rung.training.accumulate,
            precision=rung.training.precision,
        )


def _budgets(task: str, candidate: str | None) -> Iterator[PlannedTraining]:
    from archwright.tasks.loading import load_task

    spec = load_task(task).spec
    if spec.problem.script is not None:
        raise InputError(f"task {task} is a script: only trying it tells what it costs")
    members = [(f"{member.name} ", member.spec) for member in spec.members] or [("", spec)]
    for name, own in members:
        source = own.baseline if candidate is None else _candidate(candidate, own)
        for steps in own.rungs:
            yield PlannedTraining(
                name=f"{name}{steps} steps",
                problem=replace(own.problem, max_params=ROOM, max_flops=None),
                source=source,
                steps=steps,
                batch=own.recipe.batch_size,
                accumulate=own.training.accumulate,
                precision=own.training.precision,
            )


def _candidate(words: str, spec: TaskSpec) -> str:
    backbone = spec.problem.backbone
    return _source(words, 0 if backbone is None else backbone.width, 2)


def _source(words: str, width: int, heads: int) -> str:
    """The text of a file, or a published mixer with the memory of others at this width."""
    from archwright.cli.trying import read_file
    from archwright.search.mixers import names, sized

    if words in names():
        return sized(words, width, heads)
    if not Path(words).exists():
        raise InputError(
            f"--candidate {words}: no such file, and the published mixers are {', '.join(names())}"
        )
    return read_file(Path(words))


# --- what it costs --------------------------------------------------------------------------------


def _row(
    one: PlannedTraining, report: CheckReport, utilisation: float, prices: Mapping[str, float]
) -> dict[str, Any]:
    """The costs of a training as plain data; 0 where something could not be counted."""
    if report.status is not Status.OK:
        raise InputError(f"{one.name}: the candidate does not build: {report.error}")
    tokens = one.samples * one.positions
    simple = 6 * report.parameters * tokens
    flops = BACKWARD * report.flops * one.samples or simple
    memory = _memory(one, report)
    launching = LAUNCH_SECONDS * BACKWARD * report.operations * one.batches
    hours = {
        name: max(flops / (card.peak_tflops * 1e12 * utilisation), launching) / 3600
        for name, card in CARDS.items()
    }
    first, further = report.state_numbers
    step = BACKWARD * report.flops * one.batch
    return {
        "name": one.name,
        "parameters": report.parameters,
        "tokens": tokens,
        "steps": one.steps,
        "flops": flops,
        "flops_6nd": simple,
        "counted": bool(report.flops),
        "state_bytes": NUMBER_BYTES * (first + further * (one.positions - 1)),
        "operations": report.operations,
        "memory_gb": memory,
        "step_seconds": report.step_seconds,
        "core_flops": step / report.step_seconds if report.step_seconds else 0.0,
        "hours": hours,
        "usd": {name: hours[name] * usd for name, usd in prices.items()},
        "fits": [n for n, card in CARDS.items() if sum(memory.values()) <= card.memory_gb],
        "notes": [f"{check.name}: {check.detail}" for check in report.checks],
    }


def _memory(one: PlannedTraining, report: CheckReport) -> dict[str, float]:
    """GB of a training: what stays, and what a batch keeps for its gradients. In half precision
    that is taken to be a half, though norms and sums stay whole."""
    share = 1.0 if one.precision == "float32" else 0.5
    return {
        "parameters": RESIDENT * report.parameters / 1e9,
        "activations": share * one.batch * report.saved_bytes / 1e9,
    }


def _core_flops(rows: Sequence[Mapping[str, Any]]) -> float:
    """Operations a second of a core here, in the largest network that took a step; 0 if none."""
    return next((row["core_flops"] for row in reversed(rows) if row["core_flops"]), 0.0)


def _with_core_hours(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the hours of a core: from a step of the training itself, or from another's."""
    usual = _core_flops(rows)
    for row in rows:
        rate = row.pop("core_flops") or usual
        row["hours"]["core"] = row["flops"] / rate / 3600 if rate else None
    return rows


# --- printing -------------------------------------------------------------------------------------


def _render(document: Mapping[str, Any]) -> None:
    print(f"{document['task']}: {document['candidate']}; ~ is an estimate\n")
    rows = [
        ["", "parameters", "tokens", "FLOPs", "of 6ND", "state", "~memory", "CPU step"],
        *([row["name"], *_counted(row)] for row in document["rungs"]),
    ]
    _table(rows)
    cards = list(document["rungs"][0]["hours"])
    share = document["utilisation"]
    print(
        f"\n~time of one training, at {share:.0%} of a card's bf16 peak and at least "
        f"{1e6 * LAUNCH_SECONDS:.0f} us an operation; - does not fit"
    )
    _table([["", *cards], *([row["name"], *_times(row)] for row in document["rungs"])])
    if any(row["usd"] for row in document["rungs"]):
        paid = list(document["rungs"][0]["usd"])
        print("\n~dollars")
        dollars = ([f"{row['usd'][card]:,.2f}" for card in paid] for row in document["rungs"])
        names = [row["name"] for row in document["rungs"]]
        _table([["", *paid], *([n, *d] for n, d in zip(names, dollars, strict=True))])
    if document["core_flops"]:
        print(f"\ncore: this machine's, {document['core_flops'] / 1e9:.1f} GFLOP/s in a step here")
    for row in document["rungs"]:
        for note in row["notes"]:
            print(f"{row['name']}: {note}")


def _counted(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['parameters']:,}",
        _short(row["tokens"]),
        f"{row['flops']:.2g}",
        f"{row['flops'] / row['flops_6nd']:.2f}" if row["counted"] else "taken",
        f"{_short(row['state_bytes'])}B" if row["state_bytes"] else "-",
        f"{sum(row['memory_gb'].values()):.2g} GB",
        f"{row['step_seconds']:.2g} s" if row["step_seconds"] else "-",
    ]


def _times(row: Mapping[str, Any]) -> list[str]:
    hours: Mapping[str, float | None] = row["hours"]
    fits = {*row["fits"], "core"}
    return [_time(value) if name in fits else "-" for name, value in hours.items()]


def _time(hours: float | None) -> str:
    if hours is None:
        return "-"
    if hours < 1 / 60:
        return f"{3600 * hours:.2g} s"
    if hours < 1:
        return f"{60 * hours:.2g} min"
    return f"{hours:.2g} h" if hours < 100 else f"{hours / 24:,.0f} d"


def _short(value: float) -> str:
    for power, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * power:  # three digits of it are 1
            return f"{value / power:.3g} {unit}"
    return f"{value:.0f} "


def _table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (text.rjust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())
