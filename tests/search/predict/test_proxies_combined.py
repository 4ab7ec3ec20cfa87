"""Proxies by rank, and the weights that results teach."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.search.predict.proxies import PROXIES, fit_combination, rank_columns, table_of
from archwright.search.predict.ranks import rank, rank_correlation


def planted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Quality, and five proxies: two see half of it each, one sees it upside down, two nothing."""
    draw = np.random.default_rng(seed)
    halves = draw.normal(size=(2, count))
    quality = halves[0] + halves[1]
    against = -(quality + draw.normal(size=count))
    columns = [halves[0], halves[1] ** 3, against, *draw.normal(size=(2, count))]
    return np.stack(columns, axis=1), quality


def test_ranks_share_ties_and_put_the_missing_last() -> None:
    assert rank(np.array([5.0, 1.0, 5.0, np.nan, 3.0])).tolist() == pytest.approx(
        [2.5 / 3, 0.0, 2.5 / 3, 0.0, 1 / 3]
    )
    assert rank(np.array([2.0, 2.0])).tolist() == [0.5, 0.5]
    assert rank(np.array([np.nan, 7.0])).tolist() == [0.0, 0.5]


def test_rank_correlation_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    a, b = draw.integers(6, size=50).astype(float), draw.normal(size=50)
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rank_correlation(a, np.ones(50)) == 0.0


def test_a_table_has_gaps_where_a_proxy_is_missing() -> None:
    table = table_of([{"snip": 2.0}, dict.fromkeys(PROXIES, 1.0)])
    assert table.shape == (2, len(PROXIES))
    assert table[0, PROXIES.index("snip")] == 2.0
    assert np.isnan(table[0]).sum() == len(PROXIES) - 1
    assert table_of([]).shape == (0, len(PROXIES))


def test_learned_weights_beat_every_proxy_and_equal_trust_on_what_they_have_not_seen() -> None:
    fitted = fit_combination(*planted(60, seed=0))
    values, quality = planted(400, seed=1)
    learned = rank_correlation(fitted.score(values), quality)
    alone = [abs(rank_correlation(column, quality)) for column in values.T]
    assert learned > max(alone)
    assert learned > rank_correlation(rank_columns(values).mean(axis=1), quality)
    assert fitted.weights[0] > 0 > fitted.weights[2]
    assert sum(map(abs, fitted.weights)) == pytest.approx(1.0)


def test_few_results_leave_the_trust_equal() -> None:
    fitted = fit_combination(*planted(5, seed=0))
    assert fitted.weights == pytest.approx((0.2,) * 5)


def test_the_fit_is_the_same_every_time_and_does_not_mind_the_scale() -> None:
    values, quality = planted(40, seed=2)
    fitted = fit_combination(values, quality, seed=3)
    assert fit_combination(values, quality, seed=3) == fitted
    assert fit_combination(np.exp(values), quality**3, seed=3) == fitted


def test_agreement_is_what_the_score_reaches_on_the_results() -> None:
    values, quality = planted(40, seed=4)
    fitted = fit_combination(values, quality)
    assert rank_correlation(fitted.score(values), quality) == pytest.approx(fitted.agreement)
