"""Predictions of which one sample alone takes more than a message may."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archwright.core import Array, Problem, Recipe, Status, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.inside.frames import BODY_LIMIT_BYTES, PART_BYTES, Sender, encode
from archwright.sandbox.pool.sandbox import CHECK_MEMORY_MB, CHECK_SECONDS, check_limits
from archwright.sandbox.replies import Collected, ReplyReader, Wanted

LARGE = (3, PART_BYTES // 8)
"""The shape of a prediction that takes a part and a half."""


def reader(samples: int) -> tuple[ReplyReader, Collected]:
    kept = Collected()
    return ReplyReader({"validation": Wanted(samples, LARGE)}, kept.receive), kept


def test_a_sample_in_parts_arrives_whole() -> None:
    reading, kept = reader(2)
    rows = np.random.default_rng(0).normal(size=(2, *LARGE)).astype(np.float32)
    sent: list[bytes] = []
    Sender(sent.append).block("validation", 0, rows)
    for message in sent:
        reading.feed(message)
    assert (reading.fault, reading.missing) == ("", "")
    np.testing.assert_array_equal(kept.predictions["validation"], rows)
    assert sum(map(len, sent)) < reading.limit_bytes


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"start": 0, "rows": 1, "at": 4}, "out of order"),
        ({"start": 1, "rows": 1, "at": 0}, "out of order"),
        ({"start": 0, "rows": 2, "at": 0}, "out of order"),
        ({"start": 0, "rows": 1}, "wrong size"),
    ],
)
def test_a_part_that_does_not_follow_is_refused(header: dict[str, int], said: str) -> None:
    reading, kept = reader(2)
    reading.feed(encode({"block": "validation", **header}, bytes(8)))
    assert said in reading.fault
    assert kept.predictions == {}


def test_a_sample_of_which_a_part_is_missing_is_missing() -> None:
    reading, _ = reader(1)
    reading.feed(encode({"block": "validation", "start": 0, "rows": 1, "at": 0}, bytes(8)))
    assert reading.fault == ""
    assert reading.missing


def test_one_sample_larger_than_a_message_is_trained_on_and_scored(
    process_sandbox: Sandbox, tmp_path: Path
) -> None:
    length, vocabulary = 360, 50_257
    problem = Problem(
        "Model", (length,), (length, vocabulary), "cross_entropy", 10_000_000,
        vocabulary=vocabulary, causal=True,
    )  # fmt: skip
    assert 4 * length * vocabulary > BODY_LIMIT_BYTES
    draw = np.random.default_rng(0)
    tokens = draw.integers(vocabulary, size=(2, length))
    for name in ("train_x", "train_y", "validation_x"):
        np.save(tmp_path / f"{name}.npy", tokens)
    source = (
        "from torch import nn\nclass Model(nn.Module):\n    def __init__(self, i, o):\n"
        "        super().__init__()\n"
        "        self.e, self.h = nn.Embedding(o[1], 8), nn.Linear(8, o[1])\n"
        "    def forward(self, x):\n        return self.h(self.e(x))\n"
    )
    blocks: list[Array] = []
    job = TrialJob(source, problem, Recipe(batch_size=1), 1, 0, tmp_path, memory_mb=1024)
    outcome = process_sandbox.train(job, receive=lambda _, __, rows: blocks.append(rows))
    assert outcome.status is Status.OK, outcome.error
    assert [rows.shape for rows in blocks] == 2 * [(1, length, vocabulary)]


def test_checks_of_large_predictions_may_take_more() -> None:
    small, large = (
        Problem("Model", (length,), (length, classes), "cross_entropy", 10_000, vocabulary=9)
        for length, classes in ((64, 256), (1024, 50_257))
    )
    assert check_limits(small) == (CHECK_SECONDS, CHECK_MEMORY_MB)
    assert all(a > b for a, b in zip(check_limits(large), check_limits(small), strict=True))
