"""The report: every number comes from the snapshot, every command can be typed."""

from __future__ import annotations

import io
import json
import shlex
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from inspect import signature
from typing import Any

import pytest
from rich.console import Console

from archwright.cli.reading import read
from archwright.core import METRICS, Comparison, Verdict
from archwright.runs.results.report import render_report
from archwright.runs.results.snapshot import Baseline, Control, Snapshot
from archwright.runs.results.summary import (
    examples_used,
    failures,
    next_steps,
    ranked,
    report_document,
)
from archwright.runs.results.wording import clean

Make = Callable[..., Snapshot]
MakeVerdict = Callable[..., Verdict]
STATES = ("running", "stopped", "interrupted", "finished", "failed")


def draw(snapshot: Snapshot, width: int = 100, workspace: str = ".") -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render_report(snapshot, workspace), crop=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def numbers(value: Any) -> Iterator[float]:
    """Every number inside nested data."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)


def test_the_document_has_the_promised_keys(make_snapshot: Make, make_verdict: MakeVerdict) -> None:
    document = report_document(make_snapshot(verdicts=(make_verdict(),), state="finished"))
    counts = {"candidates": 5, "duplicates": 1, "invalid": 1, "crashed": 1, "trials": 31}
    assert {key: document[key] for key in counts} == counts
    assert document["run"] == "digits-20261124-ab12"
    assert document["task"] == "digits"
    assert (document["baseline"]["mean"], document["baseline"]["sd"]) == (92.31, 0.74)
    assert (document["best"]["candidate"], document["best"]["score"]) == ("c0003", 93.0)
    (found,) = document["discoveries"]
    assert found["branch"] == "archwright/digits-20261124-ab12/widen-block-2"
    assert (found["effect"], found["interval"], found["p"]) == (2.31, [1.1, 3.52], 0.004)
    assert (found["candidate"], found["test_gain"]) == ("c0003", 1.9)
    assert {"usd", "tokens", "seconds"} <= document["spend"].keys()


def test_every_number_of_the_document_is_the_snapshots(
    make_snapshot: Make, make_verdict: MakeVerdict
) -> None:
    snapshot = make_snapshot(200, verdicts=(make_verdict(),), state="finished")
    # A rung is the key of what was measured at it.
    known = {*numbers(asdict(snapshot)), *(r.rung for r in snapshot.candidates)}
    assert snapshot.baseline
    gains = {(r.score or 0.0) - snapshot.baseline.mean for r in snapshot.candidates}
    document = report_document(snapshot)
    causes = document.pop("failures")
    assert set(numbers(document)) <= known | gains
    assert sum(item["count"] for item in causes) == sum(
        (snapshot.funnel.duplicate, snapshot.funnel.invalid, snapshot.funnel.crashed)
    )


def test_json_holds_no_number_that_json_lacks(
    make_snapshot: Make, make_verdict: MakeVerdict
) -> None:
    verdict = make_verdict(interval=(float("-inf"), float("inf")), p=float("nan"))
    base = Baseline(92.0, float("nan"), (92.0,), 1)
    document = report_document(make_snapshot(verdicts=(verdict,), baseline=base))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["discoveries"][0]["interval"] == [None, None]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("count", [0, 3, 2000])
def test_any_state_can_be_reported(
    make_snapshot: Make, make_verdict: MakeVerdict, hostile: str, state: str, count: int
) -> None:
    verdict = make_verdict(hostile, reason=hostile)
    empty = make_snapshot(count, hostile, baseline=None, state=state, error=hostile)
    for snapshot in (empty, make_snapshot(count, hostile, state=state, verdicts=(verdict,))):
        text = draw(snapshot, 60)
        strange = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
        assert strange <= {"\n"}
        assert snapshot.run in text


LONG = (
    "Its layers are made anew in every forward, so "
    + "each of them must be looked at, " * 8
    + "all."
)


def test_the_report_says_what_was_found_in_words(
    make_snapshot: Make, make_verdict: MakeVerdict
) -> None:
    lost = make_verdict(candidate="c0008", verdict="no gain", effect=-0.2, branch=None, mean=None)
    baseline = Comparison("the baseline", 30_000, 92.39, 2.31, (1.1, 3.52), 0.004, 1.9)
    scaled = Comparison(
        "the baseline scaled to 33000 parameters", 33_000, 92.2, 2.5, (1.3, 3.7), 0.003, 2.0
    )
    found = make_verdict(
        mean=94.7,
        comparisons=(baseline, scaled),
        shrunk=2.2,
        suspicions=("too good too early", LONG),
        reproduce={"command": "archwright try " + "x" * 200, "interval": [93.0, 96.0]},
    )
    control = Control(6, 92.5, 93.25, 1.5, (0.5, 2.5))
    snapshot = make_snapshot(
        10,
        state="finished",
        verdicts=(lost, found),
        control=control,
        examples={"known:7": "a wide net"},
    )
    text = " ".join(draw(snapshot, 120).split())
    for words in (
        "1 discovery",
        "Better than the baseline beyond noise: 94.70 % on 5 paired seeds",
        "over the baseline (92.39 %): +2.31 points (+1.10 to +3.52), p 0.004 on the sealed test",
        "over the baseline scaled to 33000 parameters (92.20 %): +2.50 points",
        "Not better than the baseline: on 5 paired seeds",
        "over the baseline: -0.20 points",
        "shrunk for having been selected: +2.20 points",
        "suspicion: too good too early",
        f"suspicion: {LONG}",
        "archwright try " + "x" * 200,
        "it must land between 93.00 % and 96.00 %",
        "92.50 % on average, 93.25 % at best, over 6 of them",
        "random draws of the same space, trained as long: +1.50 % (+0.50 to +2.50)",
        "92.31 % over 3 seeds, noise sd 0.74, 30,000 parameters",
        "10 proposed: 2 duplicate, 2 invalid, 2 crashed, 4 trained (2 promoted)",
        "knowledge entry 7 (a wide net), shown to 10 candidates",
        "1 h 06 m of 8 h 00 m, 31 of 40 trials, 50 m 00 s of training, 0.00 USD, 0 tokens",
        "process sandbox: reads are not confined",
    ):
        assert words in text
    assert text.index("candidate c0003, widen") < text.index("candidate c0008, widen")


def test_candidates_are_ranked_within_their_rung(make_snapshot: Make) -> None:
    for name, sign in (("accuracy", -1.0), ("mean_squared_error", 1.0)):
        rows = ranked(make_snapshot(50, metric=METRICS[name]))
        keys = [(-(row.rung or 0), sign * (row.score or 0.0)) for row in rows]
        assert keys == sorted(keys)
        assert len(keys) == 20


def test_failures_of_one_cause_are_one_line(make_snapshot: Make) -> None:
    causes = failures(make_snapshot(100))
    assert [(item["end"], item["count"]) for item in causes] == [
        ("duplicate", 20),
        ("invalid", 20),
        ("crashed", 20),
    ]
    assert causes[0]["candidate"] == "c0001"


def test_examples_are_listed_by_use(make_snapshot: Make) -> None:
    used = examples_used(make_snapshot(4))
    assert [item["entry"] for item in used] == ["known:7", "known:9"]
    assert used[1]["candidates"] == ["c0001", "c0003"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("workspace", [".", "/tmp/a workspace"])
def test_the_next_commands_can_be_typed(
    make_snapshot: Make, make_verdict: MakeVerdict, state: str, workspace: str
) -> None:
    plain = make_snapshot(state=state)
    for snapshot in (plain, replace(plain, verdicts=(make_verdict(),))):
        steps = next_steps(snapshot, workspace)
        assert steps
        text = draw(snapshot, 50, workspace)
        for _, command in steps:
            assert command in text
            program, *words = shlex.split(command)
            if program == "archwright":
                assert signature(read(words)).parameters["workspace"].default == workspace
            else:
                assert program == "git"


def test_what_the_baseline_beats_is_not_offered_to_verification(make_snapshot: Make) -> None:
    shown = make_snapshot(10, state="finished")
    assert shown.best is not None
    assert "archwright verify" in draw(shown, 120)
    assert shown.baseline is not None
    better = replace(shown.baseline, mean=(shown.best.score or 0.0) + 1.0)
    assert "archwright verify" not in draw(replace(shown, baseline=better), 120)


def test_a_run_without_a_best_candidate_says_why(make_snapshot: Make) -> None:
    nobody = make_snapshot(0, state="running", best=None)
    assert "No candidate has a score at the top rung (300 steps) yet." in draw(nobody, 120)
    drawn = tuple(replace(c, operator="control") for c in make_snapshot(10).candidates)
    text = draw(make_snapshot(0, state="finished", best=None, candidates=drawn), 120)
    assert "Only random draws were trained at the top rung (300 steps)" in text
    assert "No candidate" not in text
    assert "points" in text  # their gains stand in the table


def test_an_id_of_the_knowledge_base_is_put_in_words() -> None:
    assert clean("of known:3 (wide), unknown:4") == "of knowledge entry 3 (wide), unknown:4"


def test_text_that_is_too_long_is_cut_between_words() -> None:
    assert clean("one two three", 13) == "one two three"
    assert clean("one two three", 12) == "one two…"
    assert clean("one two three", 8) == "one two…"
    assert clean("incomprehensibilities", 10) == "incompreh…"
