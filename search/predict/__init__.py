"""Predictions before training: a surrogate, training-free proxies, latency."""

from __future__ import annotations

from archwright.search.predict.latency import Device, latency_ms
from archwright.search.predict.proxies import PROXIES, fit_combination, table_of
from archwright.search.predict.ranks import rank, rank_correlation
from archwright.search.predict.surrogate import Confidence, Surrogate

__all__ = [
    "PROXIES",
    "Confidence",
    "Device",
    "Surrogate",
    "fit_combination",
    "latency_ms",
    "rank",
    "rank_correlation",
    "table_of",
]
