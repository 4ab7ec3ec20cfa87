"""The live view: what a frame says, at any width and with hostile titles; and the watching."""

from __future__ import annotations

import io
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from archwright.cli.run.live import render, watch
from archwright.core import METRICS
from archwright.runs.journal import Spend
from archwright.runs.results.snapshot import Baseline, Snapshot

Make = Callable[..., Snapshot]


def draw(renderable: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_frame_says_where_the_run_stands(make_snapshot: Make, now: float) -> None:
    text = draw(render(make_snapshot(), now))
    for words in (
        "running · search · digits · digits-20261124-ab12",
        "baseline 92.31 %, noise sd 0.74 over 3 seeds",
        "best so far: candidate c0003 with 93.00 %, +0.69 points, +0.9 noise sd",
        "5 proposed: 1 duplicate, 1 invalid, 1 crashed, 2 trained (1 promoted)",
        "1 h 06 m, 6 h 53 m left",
        "31, 9 left",
        "widen block 2 (search)",
        "note: process sandbox: reads are not confined",
    ):
        assert words in text
    (trial,) = [line for line in text.splitlines() if "c0099" in line]
    assert trial.split()[-4:] == ["300", "0", "5", "s"]


@pytest.mark.parametrize("count", [0, 3, 2000])
@pytest.mark.parametrize("width", [40, 57, 72, 80, 120, 200])
def test_frames_fit_and_hostile_titles_stay_text(
    make_snapshot: Make, hostile: str, now: float, width: int, count: int
) -> None:
    snapshot = make_snapshot(count, hostile, notices=(hostile,), error=hostile, task=hostile)
    text = draw(render(snapshot, now), width)
    assert max(map(cell_len, text.splitlines())) <= width
    strange = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"}
    assert not strange
    assert "[bold]x[/bold]" in text
    assert len(text.splitlines()) < 80


def test_a_compact_frame_fits_a_small_terminal(make_snapshot: Make, now: float) -> None:
    snapshot = make_snapshot(2000)
    snapshot = replace(snapshot, running=snapshot.running * 16)
    full, compact = (draw(render(snapshot, now, compact=short), 80) for short in (False, True))
    assert len(compact.splitlines()) <= 24 < len(full.splitlines())
    assert "note: process sandbox" in compact
    assert "+13" in compact


def test_a_smaller_score_can_be_the_better_one(make_snapshot: Make, now: float) -> None:
    snapshot = make_snapshot(10, metric=METRICS["bits_per_character"])
    best = snapshot.candidates[8]
    snapshot = replace(snapshot, baseline=Baseline(95.0, 0.0, (95.0,), 1), best=best)
    lines = draw(render(snapshot, now)).splitlines()
    assert "best so far: candidate c0008 with 91 bits, +4 bits  widen block 2" in lines
    ranking = lines[lines.index("best candidates") + 2 :]
    assert [line.split()[0] for line in ranking[:4]] == ["c0008", "c0003", "c0000", "c0005"]


def test_an_empty_run_and_one_without_limits_can_be_drawn(make_snapshot: Make, now: float) -> None:
    snapshot = make_snapshot(0, baseline=None, running=(), budget={}, spend=Spend(), notices=())
    text = draw(render(snapshot, now))
    assert "no limit" in text
    assert "best candidates" not in text


def test_the_surrogates_trust_is_shown(make_snapshot: Make, now: float) -> None:
    trust = {"correlation": 0.62, "parameters_alone": 0.31, "examples": 24, "forest": 0.25}
    text = draw(render(make_snapshot(8, confidence=trust), now), 160)
    assert "surrogate: rank correlation 0.62 held out" in text
    assert "the forest has 25 % of the weight" in text
    del trust["forest"]  # as earlier versions wrote it
    text = draw(render(make_snapshot(8, confidence=trust), now), 160)
    assert "over 24 candidates" in text
    assert "of the weight" not in text
    trust |= {"examples": 0}
    assert "too little measured" in draw(render(make_snapshot(8, confidence=trust), now), 120)


def test_watch_draws_until_it_is_stopped(
    make_snapshot: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = iter([make_snapshot(3), make_snapshot(8, state="finished", phase="done")])
    stop = threading.Event()

    def take() -> Snapshot:
        snapshot = next(frames)
        if snapshot.state == "running":
            stop.set()  # it ends while the first frame is shown: the last one must be drawn still
        return snapshot

    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    watch(take, stop, console)
    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue()
    assert "finished · digits" in last
    assert "phase: done" in last
    assert capsys.readouterr().out == ""
