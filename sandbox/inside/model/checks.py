"""The checks before training, executed on the real network with made-up inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

from ...contract import (
    CheckFinding,
    CheckReply,
    CheckRequest,
    ProblemProjection,
    ReplyStatus,
    clean,
)
from ..chance.randomness import check_randomness, kept
from ..chance.seeding import seed_everything
from ..faults import ContractError, describe, is_out_of_memory, listed
from ..shipping.musts import plan_musts
from ..training.losses import loss_of, stand_in
from .building import construct, refuse_new_parameters, run
from .counting import count_flops, count_layers
from .examination import BATCHES, Examination
from .formulas import count as numbers_of
from .growth import measure_growth
from .leaks import check_batch_independence, check_causality
from .measuring import rounded_bytes
from .mixing.backbone import note_on_form
from .mixing.plan import plan_mixing
from .proxies import measure_proxies
from .tracing import trace_graph
from .wrapper import find_wrapper

_DETAIL_LIMIT: Final = 600
_DRAWS: Final = 128
_PATIENCE: Final = 40  # draws without a new parameter: parts that chance or routing leaves out
_BETWEEN_JITTERS: Final = 8
_WIDER: Final = 3
_MOVED: Final = 0.5


def examine(request: CheckRequest) -> CheckReply:
    """Execute every check that applies.

    A candidate that does not build or returns wrong shapes ends at that check, for the rest would
    only repeat it; all others run to the end, so that a repair sees everything at once.
    """
    try:
        exam = Examination(request.source, request.problem, request.seed)
    except ContractError as error:
        return _reply([_finding("builds", False, str(error))])
    checks = [_finding("builds", True, note_on_form(exam.module, request.problem))]
    for name, check in _plan(request.problem):
        checks.append(_attempt(name, check, exam))
        if name == "shapes" and not checks[-1].ok:
            return _reply(checks)
    graph = _traced(checks, "graph", lambda: _graph(exam, request.seed))
    wrapper = _traced(checks, "wrapper", lambda: str(find_wrapper(exam)))
    if wrapper:
        checks.append(_finding("wrapper", True, wrapper))
    reply = _reply(checks)
    reply.parameters, reply.flops, reply.graph = exam.parameters, exam.flops, graph
    reply.wrapper, reply.layers, reply.int8_bytes = wrapper, exam.layers, exam.int8_bytes
    if request.proxies and reply.status == "ok":
        reply.proxies = measure_proxies(exam, request.seed)
    return reply


def _traced(checks: list[CheckFinding], name: str, trace: Callable[[], str]) -> str:
    """What a trace of the network shows; empty where it cannot be traced, which is said."""
    try:
        return trace()
    except Exception as error:  # noqa: BLE001 - no fault of the candidate, but not to go unsaid
        checks.append(_finding(name, True, f"not traced: {describe(error)}"))
        return ""


def _graph(exam: Examination, seed: int) -> str:
    seed_everything(seed)  # a fresh network: the checks have moved this one's weights
    return trace_graph(construct(exam.module, exam.problem), exam.inputs(2))


def _plan(problem: ProblemProjection) -> Iterator[tuple[str, Callable[[Examination], str]]]:
    yield "shapes", check_shapes
    yield "finite", check_finite
    yield "parameters", check_parameters
    yield "flops", check_flops
    yield "gradients", check_gradients
    yield "batch_independence", check_batch_independence
    if problem.any_length:
        yield from plan_mixing()
    else:
        yield from _plan_sequence(problem)
    yield from plan_musts(problem)
    yield "randomness", check_randomness


def _plan_sequence(
    problem: ProblemProjection,
) -> Iterator[tuple[str, Callable[[Examination], str]]]:
    if problem.causal:
        yield "causality", check_causality
    sequence = problem.causal or problem.entry == "Mixer" or problem.vocabulary is not None
    if sequence and not problem.inputs:
        yield "cost_growth", measure_growth


def _attempt(name: str, check: Callable[[Examination], str], exam: Examination) -> CheckFinding:
    try:
        return _finding(name, True, check(exam))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return _finding(name, False, describe(error))


def _finding(name: str, ok: bool, detail: str = "") -> CheckFinding:
    return CheckFinding(name, ok, clean(detail, _DETAIL_LIMIT))


def _reply(checks: list[CheckFinding]) -> CheckReply:
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
    status: ReplyStatus = "invalid" if failed else "ok"
    return CheckReply(status, checks, error=clean("\n".join(failed)))


def check_shapes(exam: Examination) -> str:
    """Two batch sizes in train mode, and one sample alone in eval mode, give the right shapes."""
    built_with = [parameter for _, parameter in exam.model.named_parameters()]
    exam.model.train()
    for count in BATCHES:
        run(exam.model, exam.inputs(count), exam.problem)
    exam.evaluated(exam.inputs(1))
    refuse_new_parameters(exam.model, built_with)
    return f"batches of {BATCHES[0]}, {BATCHES[1]} and 1"


def check_finite(exam: Examination) -> str:
    """Outputs are finite in both modes."""
    for training in (True, False):
        exam.model.train(training)
        with torch.no_grad():
            count = exam.affordable(BATCHES[1], fewer=1)
            out = run(exam.model, exam.inputs(count), exam.problem)
        if not bool(torch.isfinite(out).all()):
            mode = "train" if training else "eval"
            raise ContractError(f"outputs are not finite in {mode} mode")
    return ""


def check_parameters(exam: Examination) -> str:
    """Parameters lie within the limit, frozen ones, too, and there are some to train. What else is
    like weights, in buffers or wherever it is kept, is said. A complex number counts as two."""
    exam.parameters = sum(map(numbers_of, exam.model.parameters()))
    exam.layers = count_layers(exam.model, exam.problem)
    exam.int8_bytes = rounded_bytes(exam.model)
    buffers = sum(
        numbers_of(b) for b in exam.model.buffers() if b.is_floating_point() and b.dim() > 1
    )
    buffers += sum(a.size for _, a in kept(exam.module, exam.model) if a.ndim > 1)
    limit = exam.problem.max_params
    said = f"{exam.parameters:,} parameters"
    said += f" and {buffers:,} numbers in weight-like buffers" if buffers else ""
    if not any(p.requires_grad for p in exam.model.parameters()):
        raise ContractError("the network has no parameter to train")
    if exam.parameters > limit:
        raise ContractError(f"{said}, but the limit is {limit:,}")
    return f"{said}, limit {limit:,}"


def check_flops(exam: Examination) -> str:
    """The forward pass of one sample costs no more than the task allows, and all of it is counted.

    Where some of it is not, the cost is unknown: no limit passes on it, and no objective.
    """
    count = count_flops(exam.model, exam.inputs(1))
    limit = exam.problem.max_flops
    exam.flops = 0 if count.unknown else count.flops
    if limit is not None and (count.unknown or count.flops > limit):
        raise ContractError(f"{count}, but the limit is {limit:,}")
    return f"at least {count}" if count.unknown else str(count)


def check_gradients(exam: Examination) -> str:
    """In train mode the loss reaches every parameter with a finite gradient, and no weight outside
    `parameters()`."""
    unreached = {n for n, p in exam.model.named_parameters() if p.requires_grad}
    # Before its weights are moved: what is not finite at the start would end the first training.
    unreached -= _reached(exam, _batch(exam, 0))
    _check_finite_gradients(exam)
    since = 0
    for draw in range(_DRAWS):
        if draw % _BETWEEN_JITTERS == 0:
            exam.jitter(_MOVED if draw else 0.0)
        still = unreached - _reached(exam, _batch(exam, draw))
        since = since + 1 if still == unreached else 0
        unreached = still
        if not unreached or since == _PATIENCE:
            break
    exam.model.zero_grad(set_to_none=True)
    names = [n for n, _ in exam.model.named_parameters() if n in unreached]
    if names:
        raise ContractError(f"no gradient reaches {listed(names)}")
    return ""


def _check_finite_gradients(exam: Examination) -> None:
    """As the network begins: with other weights or wider numbers a sound one may overflow."""
    named = exam.model.named_parameters()
    bad = [n for n, p in named if p.grad is not None and not bool(p.grad.isfinite().all())]
    if bad:
        raise ContractError(
            f"the gradient of {listed(bad)} is not finite; look for -inf that is multiplied, and"
            " for roots and norms of 0"
        )


def _batch(exam: Examination, draw: int) -> Tensor:
    """Every other batch of numbers is wider, so that a router sees more than the middle."""
    x, problem = exam.inputs(exam.affordable(8, fewer=1)), exam.problem
    fixed = problem.vocabulary is not None or problem.inputs
    return x if draw % 2 == 0 or fixed else _WIDER * x


def _reached(exam: Examination, x: Tensor) -> set[str]:
    """The names of the parameters that the loss on one made-up batch reaches."""
    exam.model.train()
    exam.model.zero_grad(set_to_none=True)
    out = run(exam.model, x, exam.problem)
    if not out.requires_grad:
        raise ContractError("the output does not depend on any parameter")
    if _unregistered(out, exam.model):
        _refuse_unregistered(exam, x, out)
    loss_of(out, exam.targets(len(x)), stand_in(exam.problem)).backward()  # type: ignore[no-untyped-call]
    grads = {n: p.grad for n, p in exam.model.named_parameters() if p.grad is not None}
    if sparse := [name for name, grad in grads.items() if grad.layout != torch.strided]:
        raise ContractError(
            f"the gradient of {listed(sparse)} is sparse, which no optimizer here takes: leave out "
            "sparse=True, and keep weights dense"
        )
    return {name for name, grad in grads.items() if bool(grad.any())}


def _refuse_unregistered(exam: Examination, x: Tensor, out: Tensor) -> None:
    """See that what `out` would train beside the registered parameters is made in the forward pass
    itself, as an input is that gradients are taken by, and is no weight.

    Raises:
        ContractError: some of it is a weight: it is kept, or of torch's type for weights.
    """
    leaves = _unregistered(out, exam.model)
    kept = {id(leaf) for leaf in _unregistered(run(exam.model, x, exam.problem), exam.model)}
    hidden = [
        tuple(leaf.shape) for leaf in leaves if id(leaf) in kept or isinstance(leaf, nn.Parameter)
    ]
    if hidden:
        raise ContractError(
            f"weights of shape {hidden} are trained but not registered: keep them as nn.Parameter, "
            "and layers in nn.ModuleList or nn.ModuleDict"
        )


def _unregistered(out: Tensor, model: nn.Module) -> list[Tensor]:
    """The leaves that `out` would train and that `model.parameters()` does not list."""
    known = {id(parameter) for _, parameter in model.named_parameters()}
    seen: set[Any] = set()
    queue: list[Any] = [out.grad_fn]
    hidden: list[Tensor] = []
    while queue:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in known:
            hidden.append(leaf)
        queue.extend(parent for parent, _ in node.next_functions)
    return hidden
