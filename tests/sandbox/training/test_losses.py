"""Losses by name as torch has them, and the task's own: trained in a sandbox, or blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from archwright.core import Problem, Status, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.faults import TaskFaultError
from archwright.sandbox.inside.training.losses import (
    loss_of,
    made_up_targets,
    stand_in,
)

DRAW = torch.Generator().manual_seed(0)
OUT = torch.randn(12, 4, generator=DRAW)
CLASSES = torch.randint(4, (12,), generator=DRAW)
MARKS = torch.randint(2, (12, 4), generator=DRAW).float()
VALUES = torch.randn(12, 4, generator=DRAW)


def about(
    loss: str, targets: Any, code: str = "", **options: tuple[float, ...]
) -> ProblemProjection:
    given = tuple(options.items())
    problem = Problem("Model", (8,), (4,), loss, 99, loss_options=given, targets=targets, code=code)
    return project(ProblemProjection, problem)


def of(loss: str, targets: Any, target: torch.Tensor, **options: tuple[float, ...]) -> float:
    return float(loss_of(OUT, target, about(loss, targets, **options)))


def test_losses_are_those_of_torch() -> None:
    weights = (1.0, 2.0, 0.5, 3.0)
    entropy = functional.cross_entropy
    assert of("cross_entropy", "classes", CLASSES) == pytest.approx(float(entropy(OUT, CLASSES)))
    wanted = entropy(OUT, CLASSES, torch.tensor(weights), label_smoothing=0.1)
    found = of("cross_entropy", "classes", CLASSES, class_weights=weights, label_smoothing=(0.1,))
    assert found == pytest.approx(float(wanted), rel=1e-5)
    binary = functional.binary_cross_entropy_with_logits
    wanted = binary(OUT, MARKS, pos_weight=torch.tensor(3.0))
    assert of("binary_cross_entropy", "labels", MARKS, pos_weight=(3.0,)) == pytest.approx(
        float(wanted)
    )
    for name, function in (("mse", functional.mse_loss), ("mae", functional.l1_loss)):
        assert of(name, "values", VALUES) == pytest.approx(float(function(OUT, VALUES)))
    huber = functional.huber_loss(OUT, VALUES, delta=0.3)
    assert of("huber", "values", VALUES, delta=(0.3,)) == pytest.approx(float(huber))


def test_what_is_not_scored_is_not_trained_on() -> None:
    more = torch.cat([OUT, OUT[:3]])
    for loss, targets, target in (
        ("cross_entropy", "classes", CLASSES),
        ("binary_cross_entropy", "labels", MARKS),
        ("contrastive", "groups", CLASSES),
    ):
        longer = torch.cat([target, torch.full_like(target[:3], -1)])
        found = float(loss_of(more, longer, about(loss, targets)))
        assert found == pytest.approx(of(loss, targets, target), rel=1e-5)
    none = torch.full_like(CLASSES, -1)
    assert of("cross_entropy", "classes", none, class_weights=(1.0,) * 4) == 0.0


def test_the_quantile_loss_is_least_at_the_quantile() -> None:
    true = torch.arange(101.0)
    several = about("quantile", "values", quantiles=(0.1, 0.5))
    best = loss_of(torch.tensor([[10.0, 50.0]]).expand(101, 2), true, several)
    for off in ([9.0, 50.0], [11.0, 50.0], [10.0, 47.0], [10.0, 53.0]):
        assert loss_of(torch.tensor([off]).expand(101, 2), true, several) > best


def test_dice_is_none_for_the_right_areas() -> None:
    areas = torch.randint(3, (2, 5, 5), generator=DRAW)
    right = 30.0 * functional.one_hot(areas, 3).float()
    assert float(loss_of(right, areas, about("dice", "classes"))) < 1e-3
    assert float(loss_of(-right, areas, about("dice", "classes"))) > 0.5
    marks = (areas == 0).float()
    assert float(loss_of(60 * marks - 30, marks, about("dice", "labels"))) < 1e-3


def test_the_contrastive_loss_pulls_groups_together() -> None:
    groups = torch.arange(8) // 2
    near = functional.one_hot(groups, 4).float()
    mixed = functional.one_hot(torch.arange(8) % 4, 4).float()
    kind = about("contrastive", "groups")
    assert loss_of(near, groups, kind) < loss_of(mixed, groups, kind)
    alone = torch.arange(8)
    assert float(loss_of(near, alone, kind)) == 0.0


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("cross_entropy", "classes"),
        ("binary_cross_entropy", "labels"),
        ("mse", "values"),
        ("mae", "values"),
        ("huber", "values"),
        ("quantile", "values"),
        ("dice", "classes"),
        ("dice", "labels"),
        ("contrastive", "groups"),
        ("task.py", "own"),
    ],
)
def test_every_loss_has_a_gradient_for_labels_that_are_made_up(loss: str, targets: Any) -> None:
    problem = stand_in(about(loss, targets))
    out = OUT[:8].clone().requires_grad_()
    loss_of(out, made_up_targets(8, problem, DRAW), problem).backward()  # type: ignore[no-untyped-call]
    assert out.grad is not None
    assert bool(out.grad.any())


# --- the task's own -------------------------------------------------------------------------------

OWN = "import torch\n\ndef loss(outputs, y):\n    return {}\n"


def test_a_loss_of_the_task_is_run() -> None:
    code = OWN.format("((outputs - y) ** 2).mean()")
    found = loss_of(OUT, VALUES, about("task.py", "values", code))
    assert float(found) == pytest.approx(of("mse", "values", VALUES))


FAULTS = {
    "no number": (
        "outputs ** 2",
        "such as a mean, not the shape",
    ),
    "no tensor": ("0.5", "not float"),
    "no gradient": ("(outputs.detach() ** 2).mean()", "the loss has no gradient"),
    "argmax": ("outputs.argmax().float()", "the loss has no gradient"),
    "raises": ("outputs[99, 99]", "fails in loss(outputs, y): line 4, in loss: return outputs"),
}


@pytest.mark.parametrize("how", FAULTS)
def test_a_fault_of_the_tasks_loss_is_told(how: str) -> None:
    body, words = FAULTS[how]
    out = OUT.clone().requires_grad_()
    with pytest.raises(TaskFaultError) as error:
        loss_of(out, CLASSES, about("task.py", "classes", OWN.format(body)))
    assert words in str(error.value)


def test_code_that_does_not_run_is_told() -> None:
    with pytest.raises(TaskFaultError, match=r"does not run in the sandbox: .*no_such_package"):
        loss_of(OUT, VALUES, about("task.py", "values", "import no_such_package\n"))


def test_a_trial_trains_with_the_tasks_loss(
    process_sandbox: Sandbox, make_job: Callable[..., TrialJob]
) -> None:
    """Smoothed by hand, it learns as the loss by name does; broken, it is the task's fault."""
    job = make_job()
    code = (
        "import torch\nfrom torch.nn import functional\n\nSMOOTH = 0.1\n\n"
        "def loss(outputs, y):\n"
        "    return functional.cross_entropy(outputs, y, label_smoothing=SMOOTH)\n"
    )
    own = replace(job, problem=replace(job.problem, loss="task.py", code=code))
    smooth = (("label_smoothing", (0.1,)),)
    named = replace(job, problem=replace(job.problem, loss_options=smooth))
    one, other = process_sandbox.train(own), process_sandbox.train(named)
    assert one.status is other.status is Status.OK
    assert np.array(one.curve) == pytest.approx(np.array(other.curve), rel=1e-4)

    broken = code.replace("return functional", "assert len(y) > 999\n    return functional")
    outcome = process_sandbox.train(replace(own, problem=replace(own.problem, code=broken)))
    assert outcome.status is Status.TASK_FAULT
    assert outcome.unmeasured == "was ended by a fault of the task"
    assert outcome.error.startswith("task.py fails in loss(outputs, y): line 7, in loss")
