"""Hostile candidates, run for real in every sandbox that isolates.

After each of them the same worker trains a good candidate, whose predictions must be the same bits
as before: whatever was tried, nothing of it reached the next trial.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_candidates import (
    CONTRACT,
    ENDS,
    FILES,
    FORGERIES,
    FUTURE,
    LATE_LEAK,
    NEIGHBOURS,
    NETWORK,
    OK_REPLY,
    POISONS,
    PROCESSES,
    TEXTS,
    WALKING,
    WRITES,
    Attempt,
    Trial,
    before,
    block,
    building,
    forging,
)

from archwright.core import METRICS, Outcome, Problem, Status, TrialJob
from archwright.sandbox import Sandbox

Jobs = Callable[..., TrialJob]


def accuracy_of(outcome: Outcome, labels: Any) -> float:
    scorer = METRICS["accuracy"].scorer(Problem("Model", (8,), (3,), "cross_entropy", 1))
    scorer.add(outcome.predictions["validation"], labels)
    return scorer.score()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """What a candidate might want of the host, by the names that stand in its source."""
    folder = tmp_path_factory.mktemp("host")
    folder.chmod(0o755)
    (folder / ".archwright").mkdir()
    (folder / ".archwright" / "journal.db").write_text("s3cret")
    (folder / "secret").write_text("s3cret")
    np.save(folder / "validation_y.npy", np.zeros(90, dtype=np.int64))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield {
            "folder": folder,
            "secret": folder / "secret",
            "port": listener.getsockname()[1],
            "home": Path.home(),
            "pid": os.getpid(),
        }
    assert (folder / "secret").read_text() == "s3cret"
    assert sorted(p.name for p in folder.iterdir()) == [".archwright", "secret", "validation_y.npy"]


@pytest.fixture(scope="module")
def reference(process_sandbox: Sandbox, make_job: Jobs) -> Outcome:
    """How a good candidate does when nothing happened before."""
    return process_sandbox.train(make_job())


@pytest.fixture(autouse=True)
def unharmed(jail: Sandbox, make_job: Jobs, reference: Outcome) -> Iterator[None]:
    """The next trial is bit for bit the same."""
    yield
    after = jail.train(make_job())
    assert after.status is Status.OK
    assert after.curve == reference.curve
    assert np.array_equal(after.predictions["validation"], reference.predictions["validation"])


def require(jail: Sandbox, limitation: str) -> None:
    """Skip what this sandbox says it does not hold here; a container holds all."""
    limitations = {found.name: found.detail for found in jail.limitations()}
    assert jail.name != "docker" or not limitations
    if limitation in limitations:
        pytest.skip(f"the {jail.name} sandbox does not hold it here: {limitations[limitation]}")


def named(candidate: Attempt | Trial) -> str:
    return candidate.name


@pytest.mark.parametrize("attempt", FILES + WRITES + NETWORK + PROCESSES, ids=named)
def test_an_attempt_finds_nothing(
    jail: Sandbox, problem: Problem, host: dict[str, object], attempt: Attempt
) -> None:
    require(jail, attempt.limitation)
    report = jail.check(building(attempt.body.format(**host)), problem)
    assert report.status is Status.INVALID
    end = report.error.rpartition("\n")[2]
    assert re.search(attempt.must, end), report.error
    assert "s3cret" not in report.error


@pytest.mark.parametrize("trial", ENDS + TEXTS + FORGERIES + CONTRACT, ids=named)
def test_a_trial_ends_as_it_must(
    jail: Sandbox, make_job: Jobs, host: dict[str, object], trial: Trial
) -> None:
    require(jail, trial.limitation)
    source = trial.source.replace("{folder}", str(host["folder"])).replace("{{", "{")
    source = source.replace("}}", "}")
    limits = {"seconds_limit": trial.seconds, "memory_mb": trial.memory_mb}
    outcome = jail.train(make_job(source, **limits))
    assert outcome.status.value in trial.statuses.split(), outcome.error
    assert re.search(trial.must, outcome.error), outcome.error
    assert len(outcome.error) <= 2000
    assert all(c.isprintable() or c == "\n" for c in outcome.error)
    assert outcome.status is Status.OK or not outcome.predictions


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_a_poison_harms_its_own_trial_at_most(
    jail: Sandbox, make_job: Jobs, data: Path, poison: str
) -> None:
    """It may end anyhow, but time is measured outside, and no score is gained without learning."""
    outcome = jail.train(make_job(before(poison), seconds_limit=20.0))
    assert outcome.status in (Status.OK, Status.INVALID, Status.CRASHED)
    used = outcome.resources
    assert 0 <= used.start_seconds <= used.seconds
    assert used.seconds > 0
    assert used.cpu_seconds > 0
    if outcome.status is Status.OK:
        labels = np.load(data / "validation_x.npy")[:, :3].argmax(1)
        assert accuracy_of(outcome, labels) < 95.0


def test_forged_predictions_are_worth_what_they_predict(
    jail: Sandbox, make_job: Jobs, data: Path
) -> None:
    """A reply can be forged by the process that writes it; without the labels it gains nothing."""
    body = "struct.pack('<270f', *[float(n % 3 == 0) for n in range(270)])"
    outcome = jail.train(make_job(forging(block(), OK_REPLY, body=body)))
    assert outcome.status is Status.OK
    labels = np.load(data / "validation_x.npy")[:, :3].argmax(1)
    share = 100 * float(np.mean(labels == 0))
    assert accuracy_of(outcome, labels) == pytest.approx(share)


def test_frames_modules_and_the_collector_lead_to_no_label(jail: Sandbox, make_job: Jobs) -> None:
    """All that a trial's process holds is its training set, and the inputs that are scored."""
    outcome = jail.train(make_job(WALKING))
    found = set(re.findall(r"'(\w+)'", outcome.error.rpartition("found: ")[2]))
    assert {"train", "validation"} <= found
    assert not {name for name in found if name.startswith("test")}


def test_a_leak_from_batch_neighbours_is_found(jail: Sandbox, problem: Problem) -> None:
    report = jail.check(NEIGHBOURS, problem)
    assert report.status is Status.INVALID
    assert "batch_independence" in report.error


def test_a_leak_from_the_future_is_found(jail: Sandbox, sequences: Problem) -> None:
    report = jail.check(FUTURE, sequences)
    assert report.status is Status.INVALID
    assert "causality" in report.error


def test_a_leak_that_waits_for_the_scored_data_is_found(
    jail: Sandbox, sequences: Problem, token_data: Path, make_job: Jobs
) -> None:
    assert jail.check(LATE_LEAK, sequences).status is Status.OK
    outcome = jail.train(make_job(LATE_LEAK, problem=sequences, data=token_data))
    assert outcome.status is Status.INVALID
    assert "of the scored data" in outcome.error
