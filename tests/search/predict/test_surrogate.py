"""The surrogate and its two parts: they learn, know how sure they are, and share the say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, spearmanr

from archwright.core import Array
from archwright.search.predict.forest import Forest
from archwright.search.predict.gaussian import GaussianProcess
from archwright.search.predict.ranks import rank_correlation
from archwright.search.predict.surrogate import DOUBT, LEAST_EXAMPLES, Confidence, Only, Surrogate

PARTS = {"process": GaussianProcess, "forest": Forest}


def _data(count: int, seed: int, noise: float = 0.1) -> tuple[Array, Array, Array]:
    """Features of which three matter, targets, and parameter counts that say little."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 3, (count, 20)).astype(float)
    targets = features[:, 0] + features[:, 1] * features[:, 2] + noise * rng.normal(size=count)
    return features, targets, features[:, 0] * 100 + rng.integers(0, 300, count)


def _fitted(count: int, seed: int = 0, noise: float = 0.1, only: Only | None = None) -> Surrogate:
    surrogate = Surrogate(only=only)
    surrogate.fit(*_data(count, seed, noise))
    return surrogate


# --- either part ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
def test_a_part_predicts_what_it_has_not_seen(name: str) -> None:
    features, targets, _ = _data(300, 0)
    part = PARTS[name]()
    part.fit(features[:150], targets[:150])
    mean, sd = part.predict(features[150:])
    assert mean.shape == sd.shape == (150,)
    assert spearmanr(mean, targets[150:])[0] > 0.8
    misses = (np.abs(mean - targets[150:]) > 2 * np.hypot(sd, 0.1)).mean()
    assert misses < 0.15


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_less_sure_where_it_knows_less(name: str) -> None:
    rng = np.random.default_rng(0)
    features = rng.random((120, 4))
    targets = np.where(features[:, 0] < 0.5, 0.0, rng.normal(size=120))
    part: Forest | GaussianProcess = PARTS[name]()
    if name == "process":  # its noise is the same everywhere: there, what is far is unsure
        features[:, 0] *= 0.5
        targets = np.sin(6 * features[:, 0])
    part.fit(features, targets)
    queries = rng.random((200, 4))
    _, sd = part.predict(queries)
    assert sd[queries[:, 0] > 0.55].mean() > 1.5 * sd[queries[:, 0] < 0.45].mean()


@pytest.mark.parametrize("name", PARTS)
def test_equal_results_give_one_prediction(name: str) -> None:
    part = PARTS[name]()
    part.fit(np.ones((10, 3)), np.full(10, 2.5))
    mean, sd = part.predict(np.array([[1.0, 1.0, 1.0], [9.0, 9.0, 9.0]]))
    assert mean == pytest.approx([2.5, 2.5])
    assert sd == pytest.approx([0.0, 0.0], abs=1e-5)


def test_the_same_data_and_seed_give_the_same_forest() -> None:
    features, targets, _ = _data(60, 3)
    predictions = []
    for seed in (0, 0, 1):
        forest = Forest(seed)
        forest.fit(features, targets)
        predictions.append(forest.predict(features)[0].tolist())
    assert predictions[0] == predictions[1] != predictions[2]


# --- the process, against a textbook's ------------------------------------------------------------


def _kernel(a: Array, b: Array, length: float) -> Array:
    distance = np.sqrt(5) * np.linalg.norm(a[:, None] - b[None], axis=2) / length
    kernel: Array = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return kernel


def test_its_predictions_are_those_of_a_dense_solution() -> None:
    features, targets, _ = _data(25, 4)
    queries = _data(9, 5)[0]
    process = GaussianProcess()
    process.fit(features, targets)
    spread = features.std(axis=0)
    known, asked = ((f - features.mean(axis=0)) / spread for f in (features, queries))
    y = (targets - targets.mean()) / targets.std()
    unit = np.sqrt(process._distance)
    likelihoods, means, seconds = [], [], []
    for s in process._settings:
        noise = s.values - np.linalg.eigvalsh(_kernel(known, known, s.length * unit))
        assert np.ptp(noise) == pytest.approx(0, abs=1e-8)
        covariance = _kernel(known, known, s.length * unit) + noise.mean() * np.eye(25)
        inverse = np.linalg.inv(covariance)
        mean = inverse.sum(axis=0) @ y / inverse.sum()
        variance = (y - mean) @ inverse @ (y - mean) / 25
        across = _kernel(asked, known, s.length * unit)
        means.append(mean + across @ inverse @ (y - mean))
        left = variance * (1 - np.einsum("ij,jk,ik->i", across, inverse, across))
        seconds.append(left + means[-1] ** 2)
        likelihoods.append(multivariate_normal.logpdf(y, np.full(25, mean), variance * covariance))
    weights = np.exp(likelihoods - np.max(likelihoods))
    weights /= weights.sum()
    assert [s.share for s in process._settings] == pytest.approx(weights.tolist())
    mean = weights @ np.array(means)
    sd = np.sqrt(weights @ np.array(seconds) - mean**2)
    found_mean, found_sd = process.predict(queries)
    assert found_mean == pytest.approx(targets.mean() + targets.std() * mean)
    assert found_sd == pytest.approx(targets.std() * sd)


def test_what_it_holds_out_is_what_the_others_say() -> None:
    """With one setting left, a result held out is predicted as if it were not there."""
    features, targets, _ = _data(20, 6)
    process = GaussianProcess()
    process.fit(features, targets)
    s = max(process._settings, key=lambda s: s.share)
    process._settings = [s]
    process._settings[0] = type(s)(
        1.0, s.length, s.mean, s.variance, s.vectors, s.values, s.residuals
    )
    mean, sd = process.held_out()
    covariance = s.variance * (s.vectors * s.values) @ s.vectors.T
    y = (targets - targets.mean()) / targets.std()
    for i in range(20):
        others = np.arange(20) != i
        part = covariance[np.ix_(others, others)]
        across = covariance[i, others]
        expected = s.mean + across @ np.linalg.solve(part, y[others] - s.mean)
        left = covariance[i, i] - across @ np.linalg.solve(part, across)
        assert mean[i] == pytest.approx(targets.mean() + targets.std() * expected)
        assert sd[i] == pytest.approx(targets.std() * np.sqrt(left))


# --- both -----------------------------------------------------------------------------------------


def test_its_confidence_is_what_new_data_show() -> None:
    features, targets, parameters = _data(400, 1, noise=1.0)
    surrogate = Surrogate()
    surrogate.fit(features[:200], targets[:200], parameters[:200])
    truth = spearmanr(surrogate.predict(features[200:]), targets[200:])[0]
    assert truth - 0.2 < surrogate.confidence().correlation < truth + 0.05
    assert surrogate.confidence().examples == 200


def test_noise_gives_no_correlation() -> None:
    rng = np.random.default_rng(0)
    found = []
    for seed in range(40):
        surrogate = Surrogate(seed)
        surrogate.fit(rng.random((40, 10)), rng.random(40), rng.random(40))
        found.append(surrogate.confidence().correlation)
    assert abs(np.mean(found)) < 0.15


@pytest.mark.parametrize("count", [1, 2, LEAST_EXAMPLES - 1])
def test_it_is_not_ready_before_a_handful(count: int) -> None:
    surrogate = Surrogate()
    assert surrogate.confidence() == Confidence()
    surrogate.fit(*_data(count, 0))
    assert not surrogate.ready
    assert np.isfinite(surrogate.predict(_data(5, 1)[0])).all()


def test_the_forest_gets_the_say_where_it_predicts_better() -> None:
    """Steps in one of many features are a forest's; a slope over all of them is a process's."""
    rng = np.random.default_rng(0)
    features = rng.random((120, 30))
    steps = Surrogate()
    steps.fit(features, (features[:, 0] > 0.7) * 3.0 + (features[:, 1] > 0.5), np.ones(120))
    slope = Surrogate()
    slope.fit(features, features.sum(axis=1), np.ones(120))
    assert steps.confidence().forest > 0.2 > 4 * slope.confidence().forest
    assert _fitted(7).confidence().forest == 0.0
    assert _fitted(40, only="process").confidence().forest == 0.0
    assert _fitted(40, only="forest").confidence().forest == 1.0


def test_the_forest_goes_on_learning_where_only_some_results_are_shown() -> None:
    surrogate = Surrogate(only="forest")
    features, targets, parameters = _data(160, 0)
    surrogate.fit(features, targets, parameters, known=200)
    before = surrogate.predict(features).tolist()
    surrogate.fit(features, -targets, parameters, known=201)
    assert surrogate.predict(features).tolist() == before
    surrogate.fit(features, -targets, parameters, known=230)
    assert spearmanr(surrogate.predict(features), -targets)[0] > 0.8


@pytest.mark.parametrize("only", ["process", "forest"])
def test_improvement_is_the_mean_of_what_exceeds_the_best(only: Only) -> None:
    features, targets, parameters = _data(60, 2, noise=0.5)
    surrogate = Surrogate(only=only)
    surrogate.fit(features, targets, parameters)
    part = PARTS[only]()
    part.fit(features, targets)
    queries = _data(30, 3)[0]
    draws = norm.ppf((np.arange(40_000) + 0.5) / 40_000)
    for (mean, sd), found in zip(
        np.transpose(part.predict(queries)), surrogate.improvement(queries), strict=True
    ):
        above = np.maximum(mean + DOUBT * sd * draws - targets.max(), 0).mean()
        if above > 1e-4:
            assert np.exp(found) == pytest.approx(above, rel=0.02)
        else:
            assert found < np.log(2e-4)


def test_hopeless_proposals_are_still_told_apart() -> None:
    surrogate = Surrogate(only="process")
    line = np.arange(30.0)[:, None]
    surrogate.fit(line, line[:, 0] + np.random.default_rng(0).normal(size=30), np.ones(30))
    found = surrogate.improvement(np.array([[2.0], [14.0], [24.0]]))
    assert np.isfinite(found).all()
    assert found[2] > max(found[0], found[1])


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, 30), rng.integers(0, 6, 30)
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b)[0])
    assert rank_correlation(np.ones(5), np.arange(5)) == 0.0
