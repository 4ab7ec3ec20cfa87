"""The harness's training loop. A candidate owns its architecture and its recipe, nothing here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...contract import ProblemProjection, RecipeProjection, TrainReply, TrainRequest
from ..chance.seeding import seed_everything
from ..faults import ContractError
from .building import (
    Weights,
    build,
    loss_of,
    refuse_new_parameters,
    run,
    take_over,
    weights_of,
)
from .examination import Examination
from .leaks import differs
from .measuring import round_weights, time_forward
from .wrapper import InWrapper

CURVE_POINTS: Final = 20
CLIP_NORM: Final = 1.0
PREDICTION_BATCH: Final = 256
WARMUP_FRACTION: Final = 0.05

_DRAW: Final = np.random.default_rng
"""Taken before any candidate's code runs; unseeded, what it draws cannot be known."""

Array = NDArray[Any]


def load_data(job: TrainRequest) -> dict[str, Array]:
    """`train_x`, `train_y` and `<split>_x` of each wanted split, by name."""
    names = ["train_x", "train_y", *(f"{split}_x" for split in job.splits)]
    return {n: np.load(Path(job.data) / f"{n}.npy", allow_pickle=False) for n in names}


def train(job: TrainRequest, data: Mapping[str, Array]) -> tuple[TrainReply, dict[str, Array]]:
    """Train the candidate and predict.

    The order of the batches comes from a generator of the seed alone, so that every candidate sees
    the same samples in the same order, whatever random numbers it draws.

    Returns:
        The reply, and float32 predictions `(samples, *output_shape)` by split.

    Raises:
        ContractError: the candidate does not build or returns wrong shapes.
    """
    weights = _train_before(job, data)
    wrapping = Examination(job.wrapper, job.problem, job.seed) if job.wrapper else None
    seed_everything(job.seed)
    model = build(job.source, job.problem)
    if weights is not None:
        take_over(model, weights)
    if wrapping is not None:
        model = InWrapper(model, wrapping)
    reply = TrainReply("ok", parameters=sum(p.numel() for p in model.parameters()))
    try:
        _fit(model, job, data, reply)
        predictions = _predict(model, job, data)
        if job.measures:
            first = job.splits[0]
            x = data[f"{first}_x"]
            reply.latency_ms = time_forward(model, as_input(x[:1], job.problem))
            round_weights(model)
            predictions[f"{first}_int8"] = _predict_rounded(model, x, job.problem, first)
        return reply, predictions
    except (DivergedError, HopelessError) as error:
        reply.status = "invalid" if isinstance(error, DivergedError) else "killed"
        reply.error = str(error)
        return reply, {}


class DivergedError(Exception):
    """The loss or the predictions are no longer finite."""


class HopelessError(Exception):
    """The training loss is above the ceiling that it had to pass by then."""


def _train_before(job: TrainRequest, data: Mapping[str, Array]) -> Weights | None:
    """The trained weights of the network that the candidate starts from, if there is one."""
    stage = job.before
    if stage is None:
        return None
    first = replace(job, source=stage.source, recipe=stage.recipe, steps=stage.steps, ceiling=None)
    seed_everything(job.seed)
    model = build(stage.source, job.problem)
    try:
        _fit(model, first, data, TrainReply("ok"))
    except DivergedError as error:
        raise ContractError(f"the network before it does not train: {error}") from error
    return weights_of(model)


def _fit(model: nn.Module, job: TrainRequest, data: Mapping[str, Array], reply: TrainReply) -> None:
    recipe, steps = job.recipe, job.steps
    built_with = list(model.parameters())
    parameters = [p for p in built_with if p.requires_grad]
    if not parameters:
        raise ContractError("the network has no parameter to train")
    optimizer = make_optimizer(recipe, parameters)
    batches = draw_batches(len(data["train_x"]), recipe.batch_size, job.seed)
    every, losses = max(1, steps // CURVE_POINTS), []
    model.train()
    for step in range(steps):
        picked = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate_factor(recipe.schedule, step, steps)
        x = as_input(data["train_x"][picked], job.problem)
        y = as_target(data["train_y"][picked], job.problem)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(run(model, x, job.problem), y, job.problem.loss)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise DivergedError(f"the training loss is {losses[-1]} at step {step + 1}")
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        reply.steps = step + 1
        if reply.first_step_at is None:
            reply.first_step_at = time.monotonic()
        if (step + 1) % every == 0 or step + 1 == steps:
            reply.curve.append((step + 1, float(np.mean(losses))))
            losses.clear()
            refuse_new_parameters(model, built_with)
            _check_ceiling(reply.curve, job.ceiling)


def _check_ceiling(curve: list[tuple[int, float]], ceiling: tuple[int, float] | None) -> None:
    """Give up at the first point of the curve from the ceiling's step on, if it lies above."""
    if ceiling is None or curve[-1][0] < ceiling[0]:
        return
    before = curve[-2][0] if len(curve) > 1 else 0
    if before < ceiling[0] and curve[-1][1] > ceiling[1]:
        raise HopelessError(
            f"stopped early at step {curve[-1][0]}: the training loss is {curve[-1][1]:.3g}, "
            f"it had to be at most {ceiling[1]:.3g} by then"
        )


def draw_batches(samples: int, batch_size: int, seed: int) -> Iterator[Array]:
    """Endless batches of indices: one permutation after another, cut into `batch_size`."""
    generator = _DRAW(seed)
    stock = np.empty(0, dtype=np.int64)
    while True:
        while len(stock) < batch_size:
            stock = np.concatenate([stock, generator.permutation(samples)])
        yield stock[:batch_size]
        stock = stock[batch_size:]


def rate_factor(schedule: str, step: int, steps: int) -> float:
    """The learning rate at `step` (from 0) as a fraction of the recipe's."""
    warmup = max(1, round(WARMUP_FRACTION * steps)) if schedule == "warmup_cosine" else 0
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - warmup)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def make_optimizer(
    recipe: RecipeProjection, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer that a recipe names."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    fused = all(p.is_floating_point() for p in parameters)  # a fifth of the time of torch's loop
    match recipe.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=fused)
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(parameters, rate, 0.9, weight_decay=decay, fused=fused)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay)
    raise ContractError(f"RECIPE names no known optimizer: {recipe.optimizer!r}")


def as_input(x: Array, problem: ProblemProjection) -> Tensor:
    """A fresh tensor of samples, on the default device: the candidate may write to it."""
    wanted = np.float32 if problem.vocabulary is None else np.int64
    return torch.from_numpy(np.array(x, dtype=wanted)).to(torch.get_default_device())


def as_target(y: Array, problem: ProblemProjection) -> Tensor:
    """A fresh tensor of labels, on the default device."""
    wanted = np.int64 if problem.loss == "cross_entropy" else np.float32
    return torch.from_numpy(np.array(y, dtype=wanted)).to(torch.get_default_device())


def _predict(model: nn.Module, job: TrainRequest, data: Mapping[str, Array]) -> dict[str, Array]:
    model.eval()
    with torch.no_grad():
        return {s: _predict_split(model, data[f"{s}_x"], job.problem, s) for s in job.splits}


def _predict_rounded(model: nn.Module, x: Array, problem: ProblemProjection, split: str) -> Array:
    """Predictions of a network whose weights were rounded; zeros where that broke it."""
    with torch.no_grad():
        try:
            return _predict_split(model, x, problem, split)
        except DivergedError:
            return np.zeros((len(x), *problem.output_shape), dtype=np.float32)


def _predict_batch(model: nn.Module, x: Array, problem: ProblemProjection) -> Tensor:
    """Predictions on `x`; of a causal task also compared with those on another future.

    Which of the two comes first is left to chance, so that the network cannot know which counts.

    Raises:
        ContractError: the past moved with the future.
    """
    per_position = problem.output_shape[:1] == x.shape[1:2]
    if not (problem.causal and per_position and min(x.shape[:2]) > 1):
        return run(model, as_input(x, problem), problem)
    draw = _DRAW()
    cut = int(draw.integers(1, x.shape[1]))
    changed = np.array(x)
    changed[:, cut:] = np.roll(x, int(draw.integers(1, len(x))), axis=0)[:, cut:]
    batches, outs = (x, changed), {}
    for which in draw.permutation(2).tolist():
        outs[which] = run(model, as_input(batches[which], problem), problem)
    scale = max(float(out.abs().max()) for out in outs.values())
    if math.isfinite(scale) and differs(outs[0][:, :cut], outs[1][:, :cut], max(scale, 1e-6)):
        raise ContractError(
            f"outputs before position {cut} of the scored data change when inputs from there change"
        )
    return outs[0]


def _predict_split(model: nn.Module, x: Array, problem: ProblemProjection, split: str) -> Array:
    out = np.empty((len(x), *problem.output_shape), dtype=np.float32)
    for start in range(0, len(x), PREDICTION_BATCH):
        part = slice(start, start + PREDICTION_BATCH)
        out[part] = _predict_batch(model, x[part], problem).cpu().numpy()
    if not np.isfinite(out).all():
        raise DivergedError(f"the predictions on {split} are not finite")
    return out
