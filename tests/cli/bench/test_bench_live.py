"""`archwright bench live`: real runs of policies, and what is said of their difference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archwright.benchmarks.search.live import summarise
from archwright.cli import main


@pytest.mark.slow
def test_policies_run_for_real(spirals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tasks", str(spirals), "--policies", "evolution", "--trials", "8", "--seeds", "2"]
    assert main(["bench", "live", *words, "--workers", "2", "--sandbox", "process", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["trials"], document["seeds"]) == (8, 2)
    assert list(document["policies"]) == ["random", "evolution"]
    for row in document["policies"].values():
        (gains,) = row["gains"].values()
        assert len(gains) == 2
        assert any(gain != 0 for gain in gains)
        assert row["seconds"] > 0
    assert "over_random" not in document["policies"]["random"]
    assert "beats_random" in document["policies"]["evolution"]


def test_a_clear_difference_is_called_one_and_an_unclear_one_is_not() -> None:
    found = summarise(
        {
            "random": {"a": [1.0, 2.0, 3.0, 2.0], "b": [10.0, 11.0, 12.0, 13.0]},
            "better": {"a": [2.0, 3.1, 4.0, 3.2], "b": [11.0, 12.2, 13.0, 14.1]},
            "same": {"a": [2.0, 1.0, 2.0, 3.1], "b": [11.0, 10.0, 13.0, 12.0]},
        }
    )
    assert found["random"]["mean"] == pytest.approx((2.0 + 11.5) / 2)
    assert found["better"]["over_random"] == pytest.approx(1.075)
    assert found["better"]["beats_random"]
    assert found["better"]["tasks"]["a"]["over_random"] == pytest.approx(1.075)
    assert found["better"]["tasks"]["b"]["beats_random"]
    # 1.0, 1.1, 1.0 and 1.2 in pairs: 1.075 with a standard error of 0.0479, times 3.182 for 3
    # degrees of freedom.
    assert found["better"]["tasks"]["a"]["interval"] == pytest.approx([0.9227, 1.2273], abs=1e-3)
    low, high = found["same"]["interval"]
    assert low < 0 < high
    assert not found["same"]["beats_random"]


def test_bad_arguments_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--policies", "best"]) == 2
    assert "no policy 'best'" in capsys.readouterr().err
    assert main(["bench", "live", "--seeds", "1"]) == 2
    assert "--seeds must be at least 2" in capsys.readouterr().err
    assert main(["bench", "live", "--minutes", "0"]) == 2
    assert "--minutes must be at least 0.1" in capsys.readouterr().err
