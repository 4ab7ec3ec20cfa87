"""What training-free guesses were worth in a run, beside the parameter count alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from archwright.core import Array
from archwright.runs.journal import Journal
from archwright.search.predict.proxies import PROXIES, fit_combination, table_of
from archwright.search.predict.ranks import rank_correlation

FEWEST: Final = 20
"""Candidates below which a rank correlation says nothing."""
_FOLDS: Final = 5


def judge_guesses(journal: Journal) -> dict[str, Any] | None:
    """Rank correlations with the score at the lowest rung, over all candidates with one seed there.

    `combined` is that of the proxies' learned combination on candidates that it was not fitted to
    (five folds); `parameters` and `flops` are the rivals that cost nothing. None with fewer
    than `FEWEST` candidates.
    """
    found = {c.id: c for c in journal.each_candidate() if c.proxies}
    trials = (t for t in journal.each_trial("search") if (t.rung, t.seed) == (0, 0))
    measured = {t.candidate: t.score for t in trials if t.score is not None}
    candidates = [c for id_, c in found.items() if id_ in measured]
    if len(candidates) < FEWEST:
        return None
    sign = 1.0 if journal.facts.metric.direction == "maximize" else -1.0
    scores = sign * np.array([measured[c.id] for c in candidates], dtype=np.float64)
    values = table_of([c.proxies for c in candidates])
    alone = {
        name: rank_correlation(column, scores)
        for name, column in zip(PROXIES, values.T, strict=True)
        if not np.isnan(column).all()
    }
    costs = {
        "parameters": [c.parameters for c in candidates],
        "flops": [c.flops for c in candidates],
    }
    rivals = {k: rank_correlation(np.array(v, dtype=np.float64), scores) for k, v in costs.items()}
    return {"candidates": len(candidates), **rivals, "combined": _held_out(values, scores), **alone}


def guess_words(guesses: Mapping[str, Any]) -> str:
    """What `judge_guesses` found, in one line."""
    named = {name: value for name, value in guesses.items() if name != "candidates"}
    found = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in named.items())
    return f"rank correlation over {guesses['candidates']} candidates at the lowest rung: {found}"


def _held_out(values: Array, scores: Array) -> float:
    """Mean rank correlation of the combination on folds that it was not fitted to."""
    order = np.random.default_rng(0).permutation(len(scores))
    found = []
    for fold in range(_FOLDS):
        held = order[fold::_FOLDS]
        known = np.setdiff1d(order, held)
        guesses = fit_combination(values[known], scores[known]).score(values[held])
        found.append(rank_correlation(guesses, scores[held]))
    return float(np.mean(found))
