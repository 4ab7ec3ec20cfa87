"""The studies: what they compare is what they say, on real networks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archwright.benchmarks.studies.blockwise import TEACHER, WAYS, Blockwise, layers_of, place_of
from archwright.benchmarks.studies.comparing import expected_best, rank_correlation, resampled
from archwright.benchmarks.studies.ensembles import Member, scores, teams
from archwright.benchmarks.studies.space import (
    BLOCKS,
    OPERATIONS,
    OPTIONS,
    Architecture,
    draw_samples,
    likeliest,
    sizes,
    write,
)
from archwright.benchmarks.studies.supernet import (
    RELAXATIONS,
    MixedBlock,
    Relaxation,
    Supernet,
    power_cosine,
    search,
)
from archwright.benchmarks.studies.training import DigitsBench
from archwright.benchmarks.studies.transfer import CHANGES, lead, write_task
from archwright.core import Recipe, Status
from archwright.tasks.loading import load_task


@pytest.fixture(scope="module")
def bench() -> Iterator[DigitsBench]:
    with DigitsBench(steps=5, rounded=True) as opened:
        yield opened


def test_annealing_falls_from_the_first_to_the_last_value_faster_than_a_cosine() -> None:
    values = [power_cosine(step / 20, 1.0, 0.1) for step in range(21)]
    assert (values[0], values[-1]) == (pytest.approx(1.0), pytest.approx(0.1))
    assert values == sorted(values, reverse=True)
    cosine = [0.1 + 0.45 * (1 + math.cos(math.pi * step / 20)) for step in range(21)]
    assert all(ours < theirs for ours, theirs in zip(values[1:-1], cosine[1:-1], strict=True))


def test_what_is_written_out_passes_the_checks_with_the_size_it_was_counted_with(
    bench: DigitsBench,
) -> None:
    known = [(0, 1, 2, 3), (4, 5, 6, 7), (8, 0, 8, 1)]
    assert set(chain.from_iterable(known)) == set(range(len(OPTIONS)))
    for each in known:
        report = bench.check(write(each))
        assert (report.status, report.error) == (Status.OK, "")
        assert report.parameters == sizes(bench.spec.problem)[each]


def test_the_likeliest_architecture_keeps_the_limit(bench: DigitsBench) -> None:
    weights = np.zeros((BLOCKS, len(OPTIONS)))
    weights[:, 2], weights[1, 2] = 1.0, 3.0  # four convolutions are too large
    found = likeliest(weights, bench.spec.problem)
    assert found[1] == 2
    assert found.count(2) == 1
    assert sizes(bench.spec.problem)[found] <= bench.spec.problem.max_params


@pytest.mark.parametrize("architecture", [(2, 3, 5, 7), (8, 4, 0, 6), (1, 5, 3, 3)])
def test_a_supernet_that_has_decided_computes_what_is_written_out(
    architecture: Architecture,
) -> None:
    torch.manual_seed(0)
    relaxed, names = Supernet(1, 10, share=1), dict[str, Any]()
    exec(write(architecture), names)
    plain: nn.Module = names["Model"]((1, 8, 8), (10,))
    with torch.no_grad():
        for weight, theirs in zip(plain.parameters(), _chosen(relaxed, architecture), strict=True):
            edge = (theirs.shape[-1] - weight.shape[-1]) // 2 if theirs.dim() == 4 else 0
            weight.copy_(theirs[..., edge:-edge, edge:-edge] if edge else theirs)
    x = torch.randn(4, 1, 8, 8)
    chances = torch.softmax(40 * torch.eye(len(OPTIONS))[list(architecture)], dim=-1)
    assert torch.allclose(relaxed(x, chances), plain(x), atol=1e-5)


def _chosen(relaxed: Supernet, architecture: Architecture) -> Iterator[nn.Parameter]:
    yield from relaxed.stem.parameters()
    for block, option in zip(relaxed.blocks, architecture, strict=True):
        assert isinstance(block, MixedBlock)
        yield from block.operations[OPERATIONS.index(OPTIONS[option][0])].parameters()
    yield from relaxed.head.parameters()


@pytest.mark.parametrize("how", RELAXATIONS, ids=lambda how: how.words)
def test_a_search_gives_probabilities_that_the_seed_decides(how: Relaxation) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 1, 8, 8)).astype(np.float32)
    recipe = Recipe(batch_size=8)
    first, again, other = (search(x, np.arange(20) % 10, recipe, how, 2, s) for s in (0, 0, 1))
    assert np.allclose(np.exp(first).sum(axis=1), np.ones(BLOCKS))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_best_of_a_few_samples_is_the_mean_over_all_ways_to_draw_them() -> None:
    chosen, judged = [3.0, 1.0, 4.0, 2.0, 5.0], [10.0, 20.0, 50.0, 30.0, 40.0]
    draws = list(combinations(range(5), 3))
    best = [judged[max(draw, key=chosen.__getitem__)] for draw in draws]
    assert expected_best(chosen, judged, 3) == pytest.approx(fmean(best))
    assert expected_best(chosen, judged, 1) == pytest.approx(fmean(judged))


def test_members_of_an_ensemble_are_trained_on_their_own_seeds(bench: DigitsBench) -> None:
    sources = [write(each) for each in draw_samples(bench.spec.problem, 2, 0)]
    members = [Member(source, family, 1) for source, family in zip(sources, "ab", strict=True)]
    kinds = teams([*members, Member(sources[0], "a", 1)])
    assert kinds["two families"] == [(0, 1), (1, 2)]
    assert kinds["three families"] == []
    (alone, _), (both, _) = (scores(bench, members, team, (0, 1)) for team in ((0,), (0, 1)))
    assert alone == bench.score(sources[0], 0)
    pair = bench.probabilities(sources[0], 0) + bench.probabilities(sources[1], 1)
    assert both == bench.accuracy(pair / 2)


def test_a_mean_that_is_resampled_has_its_standard_error() -> None:
    values = [float(place % 7) for place in range(70)]
    said = resampled(lambda places: fmean(values[place] for place in places), len(values))
    mean, error = map(float, said.split(" ± "))
    assert mean == 3.0
    assert error == pytest.approx(2.0 / math.sqrt(70), abs=0.03)
    assert rank_correlation([1.0, 2.0, 3.0], [1.0, 8.0, 9.0]) == pytest.approx(1.0)


def test_rounded_weights_predict_nearly_what_they_did(bench: DigitsBench) -> None:
    source = write((3, 4, 5, 6))
    plain, rounded = (bench.probabilities(source, 0, rounded=how) for how in (False, True))
    assert not np.array_equal(plain, rounded)
    assert np.allclose(plain, rounded, atol=0.02)


@pytest.mark.parametrize("way", WAYS)
def test_a_block_that_is_scored_leaves_the_teacher_as_it_is(bench: DigitsBench, way: str) -> None:
    x, y = bench.train_split()
    scorer = Blockwise(x, y, bench.spec.recipe, steps=40)
    before = [weight.clone() for weight in scorer.teacher.state_dict().values()]
    few, many = (scorer.score(way, 1, TEACHER[1], steps) for steps in (1, 30))
    assert 0 < many < few
    assert scorer.score(way, 3, 0, 1) == scorer.score(way, 3, 0, 9)  # nothing in it is trained
    after = scorer.teacher.state_dict().values()
    assert all(map(torch.equal, before, after))


def test_a_block_is_where_the_written_architecture_has_it() -> None:
    plain, other = layers_of(TEACHER), layers_of((8,) * BLOCKS)
    differ = [str(one) != str(two) for one, two in zip(plain, other, strict=True)]
    assert [place for place, does in enumerate(differ) if does] == list(
        map(place_of, range(BLOCKS))
    )


@pytest.mark.parametrize("change", CHANGES)
def test_the_other_task_is_digits_with_changed_images(tmp_path: Path, change: str) -> None:
    (x, y), (images, classes) = (
        load_task(which).load("train") for which in (write_task(change, tmp_path), "digits")
    )
    assert np.array_equal(y, classes)
    assert np.array_equal(np.sort(x.reshape(150, -1)), np.sort(images.reshape(150, -1)))
    assert not np.array_equal(x, images)


def test_the_lead_of_elites_is_over_the_best_of_as_many_random_draws() -> None:
    first, judged = [5.0, 4.0, 3.0, 2.0, 1.0, 0.0], [9.0, 7.0, 6.0, 5.0, 3.0, 2.0]
    expected = fmean(max(draw) for draw in combinations(judged, 4))
    given = lead(range(6), first=first, chosen=judged, judged=judged)
    assert given == pytest.approx(9.0 - expected)
    worst = lead(range(6), first=first[::-1], chosen=judged, judged=judged)
    assert worst == pytest.approx(6.0 - expected)
