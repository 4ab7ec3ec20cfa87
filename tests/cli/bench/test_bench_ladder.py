"""`archwright bench ladder`: what a rung says of the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archwright.benchmarks.mixers.ladder import compare, interval_of
from archwright.benchmarks.mixers.trainings import MixerTraining
from archwright.cli import main
from archwright.tasks.loading import load_task


def test_rungs_are_trained_once_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "trained.jsonl"
    text.write_bytes(b"".join(f"{n} is {n * n}.\n".encode() for n in range(2_000)))
    words = ["bench", "ladder", "--mixers", "linear,retnet", "--rates", "1", "--text", str(text)]
    words += ["--tokens", "17000", "--out", str(out), "--sandbox", "process", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["rungs"]) == ["bytes-64", "bytes-128"]
    for rung in document["rungs"].values():
        assert list(rung["mixers"]) == ["linear", "retnet"]
        assert rung["sd"] > 0
        assert rung["smallest_difference"] > rung["sd"]
        assert 0 <= rung["pairs_told_apart"] <= 1
    (step,) = document["steps"].values()
    assert step == {"rank_correlation": pytest.approx(step["rank_correlation"]), "interval": None}
    lines = out.read_text()
    assert lines.count("\n") == 2 * 2 * 2
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == document
    assert out.read_text() == lines


def test_noise_says_what_can_be_told_apart() -> None:
    spec = next(m.spec for m in load_task("sequence-mixers").spec.members if m.name == "bytes")
    done = {
        MixerTraining(mixer, rung, 0.003, seed, 100): {
            "score": place + noise * (1 if seed else -1),
            "seconds": 1.0,
            "error": "",
        }
        for place, mixer in enumerate(("a", "b", "c", "d", "e", "f"))
        for rung, noise in (("low", 0.01), ("high", 0.6))
        for seed in (0, 1)
    }
    found = compare(done, {"low": spec, "high": spec})
    low, high = found["rungs"]["low"], found["rungs"]["high"]
    assert low["pairs_told_apart"] == 1
    assert high["pairs_told_apart"] < 1
    # Two seeds, six degrees of freedom: 2.447 sd.
    assert high["smallest_difference"] == pytest.approx(2.447 * high["sd"], rel=1e-3)
    assert found["steps"]["low to high"]["rank_correlation"] == pytest.approx(1)


def test_intervals_of_rank_correlations() -> None:
    assert interval_of(1.0, 4) is None
    low, high = interval_of(0.6, 14) or (0, 0)
    assert 0.05 < low < 0.15
    assert 0.85 < high < 0.9
    low, high = interval_of(1.0, 14) or (0, 0)
    assert 0.95 < low < high <= 1


def test_bad_words_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--rungs", "1t"], "--rungs: there is no '1t'"),
        (["--mixers", "best"], "--mixers: there is no 'best'"),
        (["--seeds", "1"], "--seeds must be at least 2"),
        (["--rates", "high"], "--rates must be numbers"),
        (["--tokens", "100"], "--tokens must be at least 8,192 for rung bytes-64"),
        (["--text", str(tmp_path / "none")], "does not exist"),
        (["--text", "a", "--hf", "b"], "two bodies of text"),
    ):
        assert main(["bench", "ladder", *words]) == 2
        assert said in capsys.readouterr().err
