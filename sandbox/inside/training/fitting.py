"""The harness's training loop. A candidate owns its architecture and its recipe, nothing here."""

from __future__ import annotations

import copy
import math
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ...contract import TrainReply, TrainRequest
from ..faults import ContractError
from ..model.building import Forward, refuse_new_parameters, run
from .compiling import compiled
from .data import _DRAW, Array, Data
from .feeding import Batch, Feeder
from .losses import loss_of
from .optimizing import Average, make_optimizer, rate_factor
from .predicting import DivergedError

CURVE_POINTS: Final = 20
_HELD_OUT_BATCH: Final = 256


class HopelessError(Exception):
    """The training loss is above the ceiling that it had to pass by then."""


class Fit:
    """One network in training: what is needed to go on with it, and to take it apart."""

    def __init__(self, model: nn.Module, job: TrainRequest, data: Data) -> None:
        self.model, self.job = model, job
        self.built_with = [parameter for _, parameter in model.named_parameters()]
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        if not self.parameters:
            raise ContractError("the network has no parameter to train")
        settings = job.training
        self._forward: Forward = compiled(model) if settings.compile else model
        self.optimizer = make_optimizer(job.recipe, self.parameters)
        self.average = Average(model, settings.average) if settings.average else None
        device = torch.get_default_device().type
        self.scaler = torch.amp.GradScaler(device, enabled=settings.precision == "fp16")
        self.step = job.first_step
        chosen, held_out = _parted(len(data.inputs["train"]), settings.hold_out, job.seed)
        self.feeder = Feeder(job, data, chosen)
        self.watch = _EarlyStop(self, held_out) if len(held_out) else None

    @property
    def total(self) -> int:
        """The steps that the schedule runs over."""
        return self.job.total_steps or self.job.steps

    def run(self, reply: TrainReply) -> None:
        """Train up to the job's steps, or until what is held out says that it is enough.

        Raises:
            DivergedError: a loss that is not finite.
            HopelessError: a loss above the ceiling.
            ContractError: parameters that appear on the way.
        """
        each = self.job.training.accumulate
        every, losses = max(1, self.job.steps // CURVE_POINTS), []
        batches = self.feeder.batches((self.job.steps - self.step) * each)
        self.model.train()
        while self.step < self.job.steps:
            losses.append(self._take_step([next(batches) for _ in range(each)]))
            self.step += 1
            reply.steps = self.step
            if reply.first_step_at is None:
                reply.first_step_at = time.monotonic()
            if self.step % every == 0 or self.step == self.job.steps:
                reply.curve.append((self.step, self._mean(losses)))
                losses.clear()
                refuse_new_parameters(self.model, self.built_with)
                _check_ceiling(reply.curve, self.job.ceiling)
                if self.watch is not None and self.watch.is_over():
                    break
        if self.average is not None:
            self.average.swap()
        if self.watch is not None:
            self.watch.restore()

    def _take_step(self, batches: list[Batch]) -> Tensor:
        """One step of the optimizer. Returns the loss, still where it was calculated."""
        recipe, settings = self.job.recipe, self.job.training
        rate = rate_factor(recipe.schedule, self.step, self.total, settings.restarts)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate
        self.optimizer.zero_grad(set_to_none=True)
        total: Tensor | None = None
        for batch in batches:
            loss = self.loss(batch, self._forward)
            loss = loss / len(batches) if len(batches) > 1 else loss
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total = loss.detach() if total is None else total + loss.detach()
        if settings.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, settings.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update()
        assert total is not None
        return total

    def loss(self, batch: Batch, forward: Forward) -> Tensor:
        """The loss of a batch of inputs and labels, by the network or as it was compiled."""
        x, y = batch
        with self._precision():
            out = run(forward, x, self.job.problem)
        return loss_of(out, y, self.job.problem)

    def _precision(self) -> AbstractContextManager[object]:
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        kind = kinds.get(self.job.training.precision)
        if kind is None:
            return nullcontext()
        return torch.autocast(torch.get_default_device().type, dtype=kind)

    def _mean(self, losses: list[Tensor]) -> float:
        """The mean of the losses since the last point, which are looked at no earlier: on an
        accelerator each look waits for it."""
        values = torch.stack(losses).tolist()
        for place, value in enumerate(values):
            if not math.isfinite(value):
                step = self.step - len(values) + place + 1
                raise DivergedError(f"the training loss is {value} at step {step}")
        return float(np.mean(values))


class _EarlyStop:
    """Says when a training has learned all that holds for samples that it has not seen.

    Early stopping (Prechelt 1998, "Early Stopping - But When?"): the best weights are kept.
    """

    def __init__(self, fit: Fit, held_out: Array) -> None:
        self._fit, self._held_out = fit, held_out
        self._best, self._waited = math.inf, 0
        self._kept: dict[str, Tensor] = {}

    def is_over(self) -> bool:
        """Look at the held-out loss; whether it has not been lower for too long."""
        fit = self._fit
        with fit.average.in_place() if fit.average else nullcontext():
            loss = self._loss()
            if loss < self._best:
                self._best, self._waited = loss, 0
                self._kept = copy.deepcopy(dict(fit.model.state_dict()))
                return False
        self._waited += 1
        return self._waited >= fit.job.training.patience

    def _loss(self) -> float:
        fit, total = self._fit, 0.0
        fit.model.eval()
        with torch.no_grad():
            for start in range(0, len(self._held_out), _HELD_OUT_BATCH):
                picked = self._held_out[start : start + _HELD_OUT_BATCH]
                total += float(fit.loss(fit.feeder.at(picked), fit.model)) * len(picked)
        fit.model.train()
        return total / len(self._held_out)

    def restore(self) -> None:
        """Give the network the weights that were best."""
        if self._kept:
            self._fit.model.load_state_dict(self._kept)


def _parted(samples: int, share: float, seed: int) -> tuple[Array, Array]:
    """The samples that are trained on, and those that are held out."""
    if not share:
        return np.arange(samples), np.empty(0, dtype=np.int64)
    order = _DRAW([seed, 1]).permutation(samples)
    count = max(1, round(share * samples))
    return np.sort(order[count:]), np.sort(order[:count])


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
