"""One job, from the contract's request to its reply and arrays. The same in a jail and without."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..contract import JobRequest, ProbeReply
from .chance.seeding import owned
from .faults import ContractError, TaskFaultError, describe, is_out_of_memory
from .frames import Sender
from .jail.probing import probe
from .model.checks import examine
from .model.mixing.outline import outline
from .script import lay_out, run_script
from .training.data import Data, load_data
from .training.training import on_device, train


def gather(job: JobRequest) -> Data | None:
    """What a training works on, read before any of the candidate's code runs. A script's tree is
    laid out by then."""
    if job.script:
        lay_out(job.script)
    return load_data(job.train) if job.train else None


def perform(job: JobRequest, data: Data | None, sender: Sender) -> dict[str, Any]:
    """Train, check or probe, as `job` says; a candidate's fault is a reply, too.

    Returns:
        The reply; what else is to go out was sent before it.
    """
    try:
        if job.train and data is not None:
            on_device(job.train, job.device)
            with owned(job.train.seed):
                return asdict(train(job.train, data, sender))
        if job.check:
            with owned(job.check.seed):
                inspect = examine if job.check.outline is None else outline
                return asdict(inspect(job.check))
        if job.script:
            return run_script(job.script, sender)
        return asdict(ProbeReply(probe(job.probe) if job.probe else ()))
    except ContractError as error:
        return {"status": "invalid", "error": describe(error)}
    except TaskFaultError as error:
        return {"status": "task_fault", "error": describe(error)}
    except BaseException as error:  # noqa: BLE001 - candidate code may raise anything
        status = "out_of_memory" if is_out_of_memory(error) else "crashed"
        return {"status": status, "error": describe(error)}
