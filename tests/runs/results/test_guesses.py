"""What training-free guesses were worth, from a journal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from page_journals import fill_journal

from archwright.core import Candidate
from archwright.runs.journal import Journal
from archwright.runs.results.guesses import FEWEST, guess_words, judge_guesses
from archwright.search.predict.ranks import rank_correlation


def add_candidates(journal: Journal, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Candidates whose `snip` sees most of their quality and whose parameters see none."""
    draw = np.random.default_rng(0)
    scores = draw.normal(90.0, 2.0, size=count)
    snips = scores + draw.normal(size=count)
    for number, (score, snip) in enumerate(zip(scores, snips, strict=True), start=100):
        name = str(number)
        journal.propose(
            Candidate(
                name,
                sequence=number * 1000,
                proxies={"snip": snip, "naswot": float(draw.normal())},
                parameters=int(draw.integers(10**4)),
                flops=int(draw.integers(10**6)),
            )
        )
        asked = {"candidate": name, "purpose": "search", "rung": 0, "steps": 100, "seed": 0}
        journal.once("trial", f"{name}/search", name, asked, lambda s=score: {"score": s})
    return snips, scores


def test_guesses_are_judged_beside_the_parameter_count(tmp_path: Path) -> None:
    with fill_journal(tmp_path, 0) as journal:
        snips, scores = add_candidates(journal, 60)
        found = judge_guesses(journal)
    assert found is not None
    assert found["candidates"] == 60
    assert found["snip"] == pytest.approx(rank_correlation(snips, scores))
    assert set(found) == {"candidates", "parameters", "flops", "combined", "snip", "naswot"}
    assert found["combined"] > 0.6 > abs(found["parameters"])
    assert "parameters" in guess_words(found)


def test_few_candidates_say_nothing(tmp_path: Path) -> None:
    with fill_journal(tmp_path, 12) as journal:
        add_candidates(journal, FEWEST - 1)
        assert judge_guesses(journal) is None
