"""What is trained on: the losses by name, and the task's own.

Of classes, labels and groups one of -1 is not trained on.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor, nn

from ...contract import ProblemProjection, clean
from ..faults import TASK_FILE, TaskFaultError, describe, is_out_of_memory
from ..model.layout import Layout

OWN: Final = "task.py"

Numbers = Mapping[str, tuple[float, ...]]
"""Options of a loss by name."""


def loss_of(out: Tensor, target: Any, problem: ProblemProjection) -> Tensor:
    """The task's loss, a mean over all that counts.

    Args:
        out: `(batch, *output_shape)`; logits of classes (on the last axis) and of labels.
        target: labels as the problem's targets have them.
        problem: names the loss and its options.

    Raises:
        TaskFaultError: the task's own code failed, or gave no loss that can be trained on.
    """
    if problem.loss == OWN:
        return _own_loss(out, target, problem)
    return _LOSSES[problem.loss](out, target, dict(problem.loss_options))


def stand_in(problem: ProblemProjection) -> ProblemProjection:
    """The problem with a loss that labels can be made up for: the squared error in place of the
    task's own code."""
    if problem.loss != OWN:
        return problem
    return replace(problem, loss="mse", targets="values", loss_options=())


def made_up_targets(count: int, problem: ProblemProjection, generator: torch.Generator) -> Tensor:
    """Made-up labels for `count` samples of a problem as `stand_in` gives it."""
    shape = (count, *problem.output_shape)
    if problem.targets == "classes":
        return torch.randint(shape[-1], shape[:-1], generator=generator)
    if problem.targets == "groups":
        return torch.arange(count) // 2
    if problem.targets == "labels":
        return torch.randint(2, shape, generator=generator).float()
    several = len(dict(problem.loss_options).get("quantiles", ())) > 1
    return torch.randn(shape[:-1] if several else shape, generator=generator)


# --- by name --------------------------------------------------------------------------------------


def _cross_entropy(out: Tensor, target: Tensor, options: Numbers) -> Tensor:
    weights = options.get("class_weights")
    weight = None if weights is None else torch.tensor(weights, device=out.device)
    total = nn.functional.cross_entropy(
        out.reshape(-1, out.shape[-1]),
        target.reshape(-1),
        weight,
        ignore_index=-1,
        reduction="sum",
        label_smoothing=options.get("label_smoothing", (0.0,))[0],
    )
    kept = target >= 0
    if weight is None:
        return total / kept.sum().clamp(min=1)
    return total / weight[target[kept]].sum().clamp(min=1e-12)


def _binary_cross_entropy(out: Tensor, target: Tensor, options: Numbers) -> Tensor:
    weights = options.get("pos_weight")
    weight = None if weights is None else torch.tensor(weights, device=out.device)
    kept = target >= 0
    each = nn.functional.binary_cross_entropy_with_logits(
        out, target.clamp(min=0), pos_weight=weight, reduction="none"
    )
    return (each * kept).sum() / kept.sum().clamp(min=1)


def _mse(out: Tensor, target: Tensor, _: Numbers) -> Tensor:
    return nn.functional.mse_loss(out, target)


def _mae(out: Tensor, target: Tensor, _: Numbers) -> Tensor:
    return nn.functional.l1_loss(out, target)


def _huber(out: Tensor, target: Tensor, options: Numbers) -> Tensor:
    """Huber 1964, "Robust Estimation of a Location Parameter"."""
    return nn.functional.huber_loss(out, target, delta=options.get("delta", (1.0,))[0])


def _quantile(out: Tensor, target: Tensor, options: Numbers) -> Tensor:
    """Pinball loss; several quantiles stand on the last axis of the output (Koenker and Bassett
    1978, "Regression Quantiles")."""
    quantiles = torch.tensor(options.get("quantiles", (0.5,)), device=out.device)
    over = (target if len(quantiles) == 1 else target[..., None]) - out
    return torch.maximum(quantiles * over, (quantiles - 1) * over).mean()


def _dice(out: Tensor, target: Tensor, _: Numbers) -> Tensor:
    """One minus the soft Dice coefficient of each class in each sample (Milletari et al. 2016,
    "V-Net"), with 1 added to both parts of the fraction, so that what is not there counts, too.
    """
    if target.shape == out.shape:
        chance, truth, kept = out.sigmoid()[..., None], target[..., None], (target >= 0)[..., None]
    else:
        chance, kept = out.softmax(dim=-1), (target >= 0)[..., None]
        truth = nn.functional.one_hot(target.clamp(min=0), out.shape[-1])
    chance, truth = chance * kept, truth * kept
    samples, classes = len(out), chance.shape[-1]
    both, sizes = (
        part.reshape(samples, -1, classes).sum(dim=1) for part in (chance * truth, chance + truth)
    )
    return 1 - ((2 * both + 1) / (sizes + 1)).mean()


def _contrastive(out: Tensor, target: Tensor, options: Numbers) -> Tensor:
    """Supervised contrastive loss over the batch (Khosla et al. 2020, "Supervised Contrastive
    Learning"); a sample that is alone in its group pulls nothing."""
    points = nn.functional.normalize(out, dim=-1)
    near = points @ points.T / options.get("temperature", (0.1,))[0]
    other = ~torch.eye(len(out), dtype=torch.bool, device=out.device) & (target >= 0)
    same = other & (target[:, None] == target) & (target >= 0)[:, None]
    # Not minus infinity: a row without any other would have no gradient.
    logs = near - near.masked_fill(~other, -1e9).logsumexp(dim=1, keepdim=True)
    counts = same.sum(dim=1)
    each = (logs * same).sum(dim=1) / counts.clamp(min=1)
    return -each.sum() / (counts > 0).sum().clamp(min=1)


_LOSSES: Final[Mapping[str, Callable[[Tensor, Tensor, Numbers], Tensor]]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "quantile": _quantile,
    "dice": _dice,
    "contrastive": _contrastive,
}


# --- the task's own -------------------------------------------------------------------------------


@functools.cache
def own_code(code: str) -> ModuleType:
    """The task's own functions, executed once.

    Raises:
        TaskFaultError: they do not run.
    """
    module = ModuleType("task")
    module.__file__ = TASK_FILE
    linecache.cache[TASK_FILE] = (len(code), None, code.splitlines(keepends=True), TASK_FILE)
    try:
        exec(compile(code, TASK_FILE, "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        raise blamed("does not run in the sandbox", error) from error
    return module


def blamed(what: str, error: Exception) -> Exception:
    """The fault of the task that an error in its own code is; what fails because memory ran out is
    no fault of anyone."""
    if is_out_of_memory(error):
        return error
    return TaskFaultError(f"task.py {what}: {describe(error, TASK_FILE)}")


def _own_loss(out: Tensor, target: Any, problem: ProblemProjection) -> Tensor:
    given = Layout(problem.outputs).unpack(out) if problem.outputs else out
    try:
        loss = own_code(problem.code).loss(given, target)
    except TaskFaultError:
        raise
    except Exception as error:
        raise blamed("fails in loss(outputs, y)", error) from error
    if not isinstance(loss, Tensor) or loss.dim() > 0 or loss.is_complex():
        shown = (
            f"the shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        )
        raise TaskFaultError(
            f"task.py: loss(outputs, y) must return one number as a tensor, such as a mean, "
            f"not {clean(shown, 100)}"
        )
    if torch.is_grad_enabled() and out.requires_grad and not loss.requires_grad:
        raise TaskFaultError(
            "task.py: the loss has no gradient: loss(outputs, y) must be computed from outputs by "
            "torch, without detach, item, numpy or argmax"
        )
    return loss.float()
