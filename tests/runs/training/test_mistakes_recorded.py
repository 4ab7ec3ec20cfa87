"""Where predictions went wrong: said of each training, kept in the journal, of the first seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from parts import Parts

from archwright.core import Candidate, RunError, TrialSpec
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.training.trainer import Trainer
from archwright.tasks.loading import Task


def test_each_training_says_where_it_went_wrong(parts: Parts) -> None:
    spec = TrialSpec(replace(parts.context.baseline, id="1"), 0, 0)
    trial = parts.context.trainer.train(spec)
    assert "→" in trial.errors
    assert "worst classes: " in trial.errors
    assert parts.journal.trials("1")[0].errors == trial.errors


def test_one_that_fails_says_nothing_of_it(parts: Parts) -> None:
    broken = replace(parts.context.baseline, id="1", source="raise ValueError")
    trial = parts.context.trainer.train(TrialSpec(broken, 0, 0))
    assert (trial.score, trial.errors) == (None, "")


def test_a_measurement_has_the_line_of_its_first_seed(parts: Parts) -> None:
    candidate = replace(parts.context.baseline, id="1", sequence=1000)
    parts.journal.propose(candidate)
    halving = SuccessiveHalving(
        parts.context.metric, parts.context.settings, parts.context.trainer, parts.context.floors
    )
    ended = halving.run(candidate, 9, lambda _: (), parts.journal.update)
    parts.journal.update(ended)
    lines = {t.rung: t.errors for t in parts.journal.trials("1") if t.seed == 0}
    stored = parts.journal.candidate("1")
    assert stored is not None
    assert {rung: shown.errors for rung, shown in stored.rungs.items()} == lines
    assert Candidate.from_json(ended.to_json()).rungs[0].errors == lines[0]


def test_the_size_of_the_validation_split_is_known(parts: Parts) -> None:
    task = Task(parts.context.spec)
    labels = task.load("validation", 0)[1]
    trainer = Trainer(task, parts.context.sandbox, parts.journal)
    assert trainer.validation_size() == (len(labels), labels.size)


def test_predictions_that_an_earlier_version_sealed_are_one_line(parts: Parts) -> None:
    trainer = Trainer(Task(parts.context.spec), parts.context.sandbox, parts.journal)
    folder = parts.journal.paths.predictions
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "1-decide-15-7.npy", np.zeros((30, 10), np.float32))
    spec = TrialSpec(replace(parts.context.baseline, id="1"), rung=0, seed=7, purpose="decide")
    with pytest.raises(RunError, match="begin a new one with `archwright run spirals`") as caught:
        trainer.open_sealed(spec)
    assert "\n" not in str(caught.value)
    assert "1-decide-15-7" in str(caught.value)
