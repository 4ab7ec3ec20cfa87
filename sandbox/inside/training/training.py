"""One training from a candidate's source to its predictions."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...contract import TrainReply, TrainRequest
from ..chance.seeding import seed_everything
from ..faults import ContractError
from ..frames import Sender
from ..model.building import Weights, build, take_over, weights_of
from ..model.examination import Examination
from ..model.formulas import count as numbers_of
from ..model.measuring import round_weights, time_forward
from ..model.wrapper import InWrapper
from .data import Data, as_input
from .fitting import Fit, HopelessError
from .predicting import DivergedError, Predictor
from .state import send_state, take_state


def train(job: TrainRequest, data: Data, sender: Sender) -> TrainReply:
    """Train the candidate and predict.

    The order of the batches comes from a generator of the seed alone, so that every candidate sees
    the same samples in the same order, whatever random numbers it draws.

    Returns:
        The reply; predictions by split, and the state where it is wanted, were sent before.

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
    reply = TrainReply("ok", parameters=sum(map(numbers_of, model.parameters())))
    fit = Fit(model, job, data)
    if job.start:
        take_state(fit, data.state)
    try:
        fit.run(reply)
        if job.state_mb:
            send_state(fit, sender)
        predictor = Predictor(model, job.problem, sender)
        for split in job.splits:
            predictor.predict(split, data.inputs[split])
        if job.measures:
            first = job.splits[0]
            one = as_input(data.inputs[first].take(slice(0, 1)), job.problem)
            reply.latency_ms = time_forward(model, one)
            round_weights(model)
            predictor.predict_rounded(f"{first}_int8", data.inputs[first])
    except (DivergedError, HopelessError) as error:
        reply.status = "invalid" if isinstance(error, DivergedError) else "killed"
        reply.error = str(error)
    return reply


def _train_before(job: TrainRequest, data: Data) -> Weights | None:
    """The trained weights of the network that the candidate starts from, if there is one."""
    stage = job.before
    if stage is None:
        return None
    first = replace(job, source=stage.source, recipe=stage.recipe, steps=stage.steps, ceiling=None)
    seed_everything(job.seed)
    model = build(stage.source, job.problem)
    try:
        Fit(model, first, data).run(TrainReply("ok"))
    except DivergedError as error:
        raise ContractError(f"the network before it does not train: {error}") from error
    return weights_of(model)


def on_device(job: TrainRequest, has: str) -> None:
    """Make what the task wants, of what the sandbox has, the default device."""
    wanted = has if job.training.device == "auto" else job.training.device
    if wanted != "cpu":
        torch.set_default_device(wanted)
