"""The settings of a run as keywords of `archwright.discover`.

Written by `make docs` from archwright/core/settings.py: change a setting there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class Keywords(TypedDict, total=False):
    """Each of them may be left out, or None."""

    max_usd: float | None
    max_tokens: int | None
    max_trials: int | None
    hours: float | None
    max_candidates: int | None
    seed: int | None
    policy: str | None
    islands: int | None
    objectives: str | Sequence[str] | None
    objective: str | Sequence[str] | None
    at_least: float | None
    at_most: float | None
    max_params: int | None
    max_flops: int | None
    max_latency_ms: float | None
    examples: int | None
    lag: int | None
    control: float | None
    proxies: bool | None
    search_seeds: int | None
    attempts: int | None
    repairs: int | None
    patience: int | None
    reduction: int | None
    tweaks: int | None
    guide: str | None
    ban: str | Sequence[str] | None
    pin: str | Sequence[str] | None
    seed_from: str | None
    models: str | Sequence[str] | None
    model: str | Sequence[str] | None
    or_models: str | Sequence[str] | None
    base_url: str | None
    prices: str | Sequence[str] | None
    price: str | Sequence[str] | None
    calls: int | None
    fallback: Literal["", "symbolic"] | None
    proposer: Literal["", "symbolic", "one-call", "tools"] | None
    proposals: int | None
    model_share: float | None
    answer_tokens: int | None
    temperature: float | None
    top_p: float | None
    reasoning_effort: str | None
    silence_seconds: float | None
    outage_minutes: float | None
    sandbox: Literal["auto", "process", "docker"] | None
    workers: int | None
    image: str | None
    runtime: str | None
    gpus: Sequence[int] | None
    on: str | None
    node_workers: int | None
    node_cache_mb: int | None
    gpu_share: float | None
    jobs: int | None
    job_time: str | None
    job_cpus: int | None
    job_memory_mb: int | None
    partition: str | None
    account: str | None
    sbatch: str | Sequence[str] | None
    queue_minutes: float | None
    address: str | None
    finalists: int | None
    screen_seeds: int | None
    deciding_seeds: int | None
    verify_seeds: int | None
    baseline_seeds: int | None
