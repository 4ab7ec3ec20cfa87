"""`archwright bench mixers`: published mixers on a suite, and what is said of their order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from archwright.benchmarks.mixers.costs import LiveMemory, differences, measure_costs
from archwright.benchmarks.mixers.published import summarise
from archwright.benchmarks.mixers.trainings import MixerTraining
from archwright.cli import main
from archwright.core import TaskError
from archwright.search.mixers import sized
from archwright.tasks.loading import load_task, task_folder


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The suite of mixers with budgets of a few steps."""
    folder = shutil.copytree(task_folder("sequence-mixers"), tmp_path / "short")
    for file in folder.glob("*/task.toml"):
        lines = file.read_text().splitlines()
        changed = ("rungs = [2, 4]" if line.startswith("rungs") else line for line in lines)
        file.write_text("\n".join(changed))
    return folder


def test_mixers_are_trained_once_and_compared(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trained.jsonl"
    words = ["bench", "mixers", "--task", str(short), "--mixers", "linear,gru", "--out", str(out)]
    words += ["--problems", "copy,track", "--sandbox", "process", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["mixers"]) == ["linear", "gru"]
    for row in document["mixers"].values():
        assert list(row) == ["copy", "track"]
        for cell in row.values():
            assert set(cell["rates"]) == {"0.001", "0.003"}
            assert cell["mean"] == pytest.approx(cell["rates"][f"{cell['learning_rate']:g}"])
            assert cell["sd"] >= 0
            assert cell["seconds"] > 0
    assert sorted(document["order"]) == ["gru", "linear"]
    costs = document["costs"]
    assert costs["linear"]["memory"] == 64 * 32 + 64
    assert costs["gru"]["state_bytes"] == 4 * 2 * (51 + 3 * 64)
    assert list(document["unequal"]["memory"]) == ["gru"]
    assert document["order_at_equal_state"] == ["linear"]
    lines = out.read_text()
    assert lines.count("\n") == 2 * 2 * 2 * 2
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == document
    assert out.read_text() == lines


def test_costs_are_measured_in_turns_and_states_are_equal() -> None:
    spec = next(m.spec for m in load_task("sequence-mixers").spec.members if m.name == "copy")
    names = ("gated-deltanet", "linear", "mamba-2", "softmax")
    costs = measure_costs({name: sized(name, 64, 4) for name in names}, spec, repeats=1)
    assert {name: cost["memory"] for name, cost in costs.items()} == {
        "gated-deltanet": 64 * 16,
        "linear": 64 * 16 + 64,
        "mamba-2": 96 * 10,
        "softmax": 160 * 32,
    }
    for cost in costs.values():
        assert cost["tokens_a_second"] > 0
        assert cost["step_microseconds"] > 0
        weights = 4 * cost["parameters"] / 1e6
        assert cost["training_mb"] > 4 * weights
        assert weights < cost["decoding_mb"] < cost["training_mb"]
    found = differences(costs, costs["gated-deltanet"])
    assert list(found["memory"]) == ["linear", "mamba-2", "softmax"]
    assert found["memory"]["softmax"] == pytest.approx(4.0)


def test_live_memory_is_that_of_tensors_that_are_held() -> None:
    with LiveMemory() as memory:
        kept = torch.zeros(1000)
        for _ in range(3):
            kept = kept + 1
    assert memory.peak == 8_000
    assert memory.now == 4_000
    del kept
    assert memory.now == 0


def test_the_better_rate_counts_and_published_pairs_are_looked_up() -> None:
    members = [m for m in load_task("sequence-mixers").spec.members if m.name in ("mix", "bytes")]
    scores = {"gated-deltanet": (90.0, 2.5), "mamba-2": (60.0, 2.4), "deltanet": (95.0, 3.9)}
    done = {
        MixerTraining(mixer, member.name, rate, seed, 100): {
            "score": score + (member.name == "mix") * seed - 5 * (rate == 0.001) * sign,
            "seconds": 1.0,
            "error": "",
        }
        for mixer, pair in scores.items()
        for member, score, sign in zip(members, pair, (1, -1), strict=True)
        for rate in (0.001, 0.003)
        for seed in (0, 1)
    }
    found = summarise(done, members, 0)
    assert {c["learning_rate"] for row in found["mixers"].values() for c in row.values()} == {0.003}
    assert found["mixers"]["deltanet"]["mix"]["mean"] == pytest.approx(95.5)
    assert found["rank_correlation_of_seeds"] == pytest.approx(1.0)
    assert [(p["worse"], p["reproduced"]) for p in found["published"]] == [
        ("mamba-2", found["order"].index("mamba-2") > found["order"].index("gated-deltanet")),
        ("deltanet", True),
    ]
    failed = {one: row | {"score": None, "error": "no room"} for one, row in done.items()}
    with pytest.raises(TaskError, match="at every learning rate: no room"):
        summarise(failed, members, 0)


def test_bad_words_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "trained.jsonl"
    broken.write_text("{}\n")
    for words, said in (
        (["--mixers", "best"], "--mixers: there is no 'best'"),
        (["--problems", "all"], "--problems: there is no 'all'"),
        (["--task", "digits"], "--task digits is not a suite"),
        (["--seeds", "1"], "--seeds must be at least 2"),
        (["--rung", "7"], "--rung must be from 0 to 1"),
        (["--rates", "high"], "--rates must be numbers"),
        (["--mixers", "gru", "--out", str(broken)], "holds a line that is not one of ours"),
    ):
        assert main(["bench", "mixers", *words]) == 2
        assert said in capsys.readouterr().err
