"""One job, from plain JSON to a header and arrays. The same in a jail and without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .checks import examine
from .faults import ContractError, describe, is_out_of_memory
from .probing import probe
from .training import Array, load_data, train

Reply = tuple[dict[str, Any], dict[str, Array]]


def gather(job: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays that a job works on, read before any of the candidate's code runs."""
    return load_data(job["train"]) if "train" in job else {}


def perform(job: Mapping[str, Any], data: Mapping[str, Array]) -> Reply:
    """Do what `job` holds under `check`, `train` or `probe`; a candidate's fault is a reply."""
    try:
        if "train" in job:
            if job.get("device", "cpu") != "cpu":
                torch.set_default_device(job["device"])
            return train(job["train"], data)
        if "check" in job:
            return examine(**job["check"]), {}
        return {"open": probe(**job["probe"])}, {}
    except ContractError as error:
        return {"status": "invalid", "error": describe(error)}, {}
    except BaseException as error:  # noqa: BLE001 - candidate code may raise anything
        status = "out_of_memory" if is_out_of_memory(error) else "crashed"
        return {"status": status, "error": describe(error)}, {}
