"""Settings of the machines that a run's trials run on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from archwright.core.errors import InputError
from archwright.core.groups.group import SettingsGroup, Words


def _known_executor(given: str) -> str:
    if given not in ("local", "ray", "slurm") and not re.fullmatch(r"ray://[^\s/:]+:\d+", given):
        raise InputError(f"on must be local, ray, ray://HOST:PORT or slurm, not {given!r}")
    return given


def _readable_time(given: str) -> str:
    """One of Slurm's forms: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    if given and not re.fullmatch(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}", given):
        raise InputError(
            f"job_time must be like 90 (minutes), 8:00:00 or 1-12 (days-hours), not {given!r}"
        )
    return given


def _reachable(given: str) -> str:
    if given and not re.fullmatch(r"[^\s/:]+(:\d{1,5})?", given):
        raise InputError(f"address must be HOST or HOST:PORT, not {given!r}")
    return given


class ClusterSettings(SettingsGroup):
    """Which machines trials run on."""

    table = "cluster"

    on: Annotated[str, AfterValidator(_known_executor)] = Field(default="local", examples=["ray"])
    """Where trials run: local (this machine), ray (the cluster that this machine belongs to, else
    one on this machine alone), ray://HOST:PORT (a cluster by its client's address), or slurm (jobs
    that sbatch submits from here)."""
    node_workers: int = Field(default=0, ge=0, examples=[4])
    """Trainings at a time on each node; 0 is one for each of its cores, or what its GPUs bear."""
    node_cache_mb: int = Field(default=10_000, ge=1)
    """Megabytes of data that a node keeps at most."""
    gpu_share: float = Field(default=1.0, gt=0, le=1, examples=[0.5])
    """Part of a GPU that each training on a node of a cluster is given."""
    jobs: int = Field(default=1, ge=1, examples=[4])
    """Slurm jobs at a time, each of them on one node."""
    job_time: Annotated[str, AfterValidator(_readable_time)] = Field(
        default="", examples=["8:00:00"]
    )
    """Time limit of a Slurm job: 90 (minutes), 8:00:00 or 1-12 (days-hours). Without it the
    partition's. A job that ends is followed by another while the run goes on."""
    job_cpus: int = Field(default=1, ge=1, examples=[4])
    """Cores of a Slurm job, and trainings in it at a time where node_workers does not say."""
    job_memory_mb: int = Field(default=0, ge=0, examples=[16_000])
    """Megabytes of memory of a Slurm job; 0 is what the partition gives."""
    partition: str = Field(default="", examples=["short"])
    """Partition of the Slurm jobs. Without it the cluster's default."""
    account: str = Field(default="", examples=["my-group"])
    """Account that the Slurm jobs are charged to. Without it your default."""
    sbatch: Words = Field(default=(), examples=[["qos=night"]])
    """More options of sbatch, each as NAME=VALUE."""
    queue_minutes: float = Field(default=60.0, gt=0, le=1_000_000)
    """How long a run waits for a Slurm job to start, where it has no other."""
    address: Annotated[str, AfterValidator(_reachable)] = Field(
        default="", examples=["login1.example:7000"]
    )
    """HOST or HOST:PORT by which Slurm's nodes reach this machine. Without it the name of this
    machine, and any free port."""
