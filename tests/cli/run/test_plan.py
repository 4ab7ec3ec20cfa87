"""`archwright plan`: costs before a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archwright.cli import main
from archwright.search.mixers import sized

LADDER = ["bytes-64", "bytes-128", "2m", "20m", "340m", "340m-15b"]


def test_every_rung_is_costed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--candidate", "linear", "--price", "H100=2", "--sandbox", "process"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in document["rungs"]}
    assert list(rows) == LADDER
    large = rows["340m-15b"]
    assert 310e6 < large["parameters"] < 345e6
    assert large["tokens"] == pytest.approx(15e9, rel=0.01)
    assert large["flops_6nd"] == 6 * large["parameters"] * large["tokens"]
    assert large["counted"]
    assert 0.8 < large["flops"] / large["flops_6nd"] < 1.5
    assert large["memory_gb"]["parameters"] == 16 * large["parameters"] / 1e9
    assert set(large["fits"]) >= {"H100", "A100-80", "A100-40"}
    least = large["flops"] / (989e12 * document["utilisation"]) / 3600
    assert large["hours"]["H100"] >= least
    assert large["usd"]["H100"] == pytest.approx(2 * large["hours"]["H100"])
    assert rows["bytes-64"]["step_seconds"] > 0
    assert rows["bytes-64"]["state_bytes"] > 0
    assert large["step_seconds"] == 0
    assert large["hours"]["core"] > rows["20m"]["hours"]["core"] > 1


def test_a_task_and_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mixer.py"
    file.write_text(sized("linear", 64, 2))
    words = ["plan", "sequence-mixers/mix", "--candidate", str(file), "--sandbox", "process"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "200 steps" in said
    assert "750 steps" in said
    assert "GFLOP/s in a step here" in said
    assert main(["plan", "digits", "--sandbox", "process", "--json"]) == 0
    assert all(row["parameters"] for row in json.loads(capsys.readouterr().out)["rungs"])


def test_bad_words_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("class Mixer:\n    pass\n")
    for words, said in (
        (["--candidate", "best"], "no such file, and the published mixers are softmax"),
        (["--price", "H100"], "--price takes CARD=USD"),
        (["--price", "abacus=1"], "--price takes CARD=USD"),
        (["--price", "H100=nan"], "--price takes CARD=USD"),
        (["--utilisation", "2"], "--utilisation must be from 0.000001 to 1"),
        (["--utilisation", "1e-320"], "--utilisation must be from 0.000001 to 1"),
        (["--vocabulary", "1"], "--vocabulary must be from 2 to 10,000,000"),
        (["--vocabulary", "9" * 29], "--vocabulary must be from 2 to 10,000,000"),
        (["--candidate", str(broken), "--sandbox", "process"], "does not build"),
        (["nowhere"], "no task 'nowhere'"),
    ):
        assert main(["plan", *words]) == 2
        assert said in capsys.readouterr().err
