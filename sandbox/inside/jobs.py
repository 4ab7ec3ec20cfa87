"""One job, from the contract's request to its reply and arrays. The same in a jail and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from ..contract import JobRequest, ProbeReply
from .chance.seeding import owned
from .faults import ContractError, describe, is_out_of_memory
from .jail.probing import probe
from .model.checks import examine
from .model.training import Array, load_data, train

Reply = tuple[dict[str, Any], Mapping[str, Array]]


def gather(job: JobRequest) -> dict[str, Array]:
    """The arrays that a job works on, read before any of the candidate's code runs."""
    return load_data(job.train) if job.train else {}


def perform(job: JobRequest, data: Mapping[str, Array]) -> Reply:
    """Train, check or probe, as `job` says; a candidate's fault is a reply."""
    try:
        if job.train:
            if job.device != "cpu":
                torch.set_default_device(job.device)
            with owned(job.train.seed):
                reply, arrays = train(job.train, data)
            return asdict(reply), arrays
        if job.check:
            with owned(job.check.seed):
                return asdict(examine(job.check)), {}
        return asdict(ProbeReply(probe(job.probe) if job.probe else ())), {}
    except ContractError as error:
        return {"status": "invalid", "error": describe(error)}, {}
    except BaseException as error:  # noqa: BLE001 - candidate code may raise anything
        status = "out_of_memory" if is_out_of_memory(error) else "crashed"
        return {"status": status, "error": describe(error)}, {}
