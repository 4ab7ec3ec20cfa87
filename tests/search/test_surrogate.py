"""The surrogate: it learns, knows how sure it is, and is trusted only where it earns that."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from archwright.search.predict.ranks import rank_correlation
from archwright.search.predict.surrogate import Confidence, Surrogate


def _data(count: int, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Features of which three matter, targets, and parameter counts that say little."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 3, (count, 20)).astype(float)
    targets = features[:, 0] + features[:, 1] * features[:, 2] + noise * rng.normal(size=count)
    return features, targets, features[:, 0] * 100 + rng.integers(0, 300, count)


def test_it_predicts_what_it_has_not_seen() -> None:
    features, targets, parameters = _data(300, 0)
    surrogate = Surrogate()
    surrogate.fit(features[:150], targets[:150], parameters[:150])
    mean, sd = surrogate.predict(features[150:])
    assert mean.shape == sd.shape == (150,)
    assert spearmanr(mean, targets[150:])[0] > 0.8


def test_its_trust_is_no_higher_than_what_new_data_show() -> None:
    features, targets, parameters = _data(400, 1, noise=1.0)
    surrogate = Surrogate()
    surrogate.fit(features[:200], targets[:200], parameters[:200])
    truth = spearmanr(surrogate.predict(features[200:])[0], targets[200:])[0]
    assert truth - 0.2 < surrogate.confidence().correlation < truth + 0.05
    assert surrogate.confidence().examples == 200


def test_the_spread_is_wider_where_it_knows_less() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((120, 4))
    targets = np.where(features[:, 0] < 0.5, 0.0, rng.normal(size=120))
    surrogate = Surrogate()
    surrogate.fit(features, targets, np.ones(120))
    queries = rng.random((200, 4))
    _, sd = surrogate.predict(queries)
    assert sd[queries[:, 0] > 0.55].mean() > 1.5 * sd[queries[:, 0] < 0.45].mean()


def test_noise_earns_no_confidence() -> None:
    rng = np.random.default_rng(0)
    earned = 0
    for seed in range(60):
        surrogate = Surrogate(seed)
        surrogate.fit(rng.random((40, 10)), rng.random(40), rng.random(40))
        earned += surrogate.confidence().earned
    assert earned <= 2


def test_what_size_alone_tells_earns_no_confidence() -> None:
    rng = np.random.default_rng(0)
    parameters = rng.random(80)
    features = np.column_stack([parameters + 0.2 * rng.random(80), rng.random((80, 5))])
    surrogate = Surrogate()
    surrogate.fit(features, parameters, parameters)
    trust = surrogate.confidence()
    assert trust.correlation > 0.4
    assert trust.parameters_alone == pytest.approx(1.0)
    assert not trust.earned


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_results_is_no_ground_for_confidence(count: int) -> None:
    features, targets, parameters = _data(count, 0)
    surrogate = Surrogate()
    assert surrogate.confidence() == Confidence()
    surrogate.fit(features, targets, parameters)
    assert not surrogate.confidence().earned
    assert np.isfinite(surrogate.predict(features)[0]).all()


def test_equal_results_give_one_prediction() -> None:
    surrogate = Surrogate()
    surrogate.fit(np.ones((10, 3)), np.full(10, 2.5), np.ones(10))
    mean, sd = surrogate.predict(np.array([[1.0, 1.0, 1.0], [9.0, 9.0, 9.0]]))
    assert mean.tolist() == [2.5, 2.5]
    assert sd.tolist() == [0.0, 0.0]


def test_the_same_data_and_seed_give_the_same_forest() -> None:
    features, targets, parameters = _data(60, 3)
    predictions = []
    for seed in (0, 0, 1):
        surrogate = Surrogate(seed)
        surrogate.fit(features, targets, parameters)
        predictions.append(surrogate.predict(features)[0].tolist())
    assert predictions[0] == predictions[1] != predictions[2]


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, 30), rng.integers(0, 6, 30)
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b)[0])
    assert rank_correlation(np.ones(5), np.arange(5)) == 0.0
