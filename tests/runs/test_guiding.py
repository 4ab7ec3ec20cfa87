"""A person's word: recorded by whoever says it, in order, and the same when a run is repeated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from parts import Parts

from archwright.core import InputError, TaskSpec
from archwright.core.settings import RunSettings
from archwright.runs.guiding import (
    WORD,
    own_architectures,
    read_architecture,
    record_word,
    seeds_of,
    steer_of,
    words_so_far,
)
from archwright.runs.journal import Journal
from archwright.runs.starting import begin
from archwright.tasks.loading import load_task

BROKEN = "class Model:\n    def forward(self, x):\n        return x\n"


def test_settings_come_first_then_the_journal_in_order(parts: Parts) -> None:
    settings = RunSettings(guide="few layers", ban=("attention",), pin="conv")
    record_word(parts.journal, "guide", "no dropout")
    record_word(parts.journal, "guide", "Few  layers")
    record_word(parts.journal, "ban", "gru")
    steer = steer_of(parts.journal, settings)
    assert steer.words == ("few layers", "no dropout")
    assert (steer.banned, steer.pinned) == (("attention", "gru"), ("conv",))


def test_of_a_ban_and_a_pin_of_the_same_the_last_holds(parts: Parts) -> None:
    settings = RunSettings(ban=("attention", "gru"))
    record_word(parts.journal, "pin", "Attention")
    steer = steer_of(parts.journal, settings)
    assert (steer.banned, steer.pinned) == (("gru",), ("Attention",))
    record_word(parts.journal, "ban", "attention")
    steer = steer_of(parts.journal, settings)
    assert (steer.banned, steer.pinned) == (("gru", "attention"), ())


def test_what_was_decided_before_a_word_is_decided_so_again(parts: Parts) -> None:
    assert words_so_far(parts.journal) == 0
    record_word(parts.journal, "guide", "one")
    known = words_so_far(parts.journal)
    record_word(parts.journal, "guide", "two")
    record_word(parts.journal, "seed", "mine", "class Model: pass")
    assert steer_of(parts.journal, RunSettings(), known).words == ("one",)
    assert seeds_of(parts.journal, known) == []
    assert steer_of(parts.journal, RunSettings()).words == ("one", "two")
    assert seeds_of(parts.journal) == [("mine", "class Model: pass")]


def test_no_word_is_lost_whoever_says_them_at_once(parts: Parts) -> None:
    paths = parts.journal.paths

    def say(number: int) -> int:
        with Journal.open(paths) as other:
            return record_word(other, "guide", f"word {number}")

    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(say, range(24)))
    assert sorted(keys) == list(range(1, 25))
    assert len(steer_of(parts.journal, RunSettings()).words) == 24


def test_a_session_that_begins_drops_no_word(parts: Parts) -> None:
    record_word(parts.journal, "ban", "gru")
    parts.journal.begin_session(1)
    (step,) = parts.journal.steps(WORD)
    assert step.key == "1"
    assert {k: step.result[k] for k in ("kind", "words")} == {"kind": "ban", "words": "gru"}
    assert step.result["at"] > 0


# --- architectures of one's own -------------------------------------------------------------------


@pytest.fixture
def spec(spirals: Path) -> TaskSpec:
    return load_task(spirals).spec


@pytest.fixture
def own(tmp_path: Path, spec: TaskSpec) -> Path:
    """A folder with two architectures, and what is none."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("second", "first"):
        (folder / f"{name}.py").write_text(f"# {name}\n{spec.baseline}", encoding="utf-8-sig")
    (folder / "__init__.py").write_text("")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_folder_is_read_by_name(own: Path, spec: TaskSpec) -> None:
    found = own_architectures(RunSettings(seed_from=str(own)), spec)
    assert [name for name, _ in found] == ["first", "second"]
    assert found[0][1] == f"# first\n{spec.baseline}"
    assert own_architectures(RunSettings(), spec) == []


def test_what_cannot_be_used_is_one_line_that_names_the_fix(own: Path, spec: TaskSpec) -> None:
    settings = RunSettings(seed_from=str(own))
    faults = {
        BROKEN.encode(): "bad.py: line 1: Model has no __init__; define class Model",
        b"def": "bad.py: line 1: invalid syntax; correct the syntax",
        b"\xff": "bad.py is not UTF-8 (byte 0): save it as UTF-8",
        b"RECIPE = {'batch': 1}\n" + spec.baseline.encode(): "bad.py: RECIPE has no key 'batch'",
    }
    for content, line in faults.items():
        (own / "bad.py").write_bytes(content)
        with pytest.raises(InputError) as caught:
            own_architectures(settings, spec)
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"cannot be read .*: name a Python file"):
        read_architecture(own / "missing.py", spec)


def test_no_folder_and_an_empty_one_are_named(tmp_path: Path, spec: TaskSpec) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"empty holds no \.py file: put an architecture into each"
    ):
        own_architectures(RunSettings(seed_from=str(tmp_path / "empty")), spec)
    with pytest.raises(InputError, match="missing is not a folder: name one with an architecture"):
        own_architectures(RunSettings(seed_from=str(tmp_path / "missing")), spec)


def test_a_run_keeps_them_as_they_were_at_its_start(parts: Parts, own: Path, spirals: Path) -> None:
    task = load_task(spirals)
    settings = RunSettings(max_trials=40, seed_from=str(own))
    with Journal.open(begin(parts.workspace, task, settings, spirals)) as journal:
        for file in own.iterdir():
            file.unlink()
        record_word(journal, "seed", "third", "class Model: pass")
        found = seeds_of(journal)
        assert [name for name, _ in found] == ["first", "second", "third"]
        assert found[0][1] == f"# first\n{task.spec.baseline}"
        name = journal.run
    again = begin(parts.workspace, task, RunSettings(backend=f"replay:{name}"), spirals)
    with Journal.open(again) as journal:
        assert seeds_of(journal) == found, "a replay has what the run had"
        assert words_so_far(journal) == 1


def test_a_broken_one_is_said_before_there_is_a_run(parts: Parts, own: Path, spirals: Path) -> None:
    (own / "bad.py").write_text(BROKEN)
    before = sorted(parts.workspace.paths.runs.iterdir())
    task = load_task(spirals)
    with pytest.raises(InputError, match=r"bad\.py"):
        begin(parts.workspace, task, RunSettings(seed_from=str(own)), spirals)
    assert sorted(parts.workspace.paths.runs.iterdir()) == before
    other = replace(task.spec, problem=replace(task.spec.problem, entry="Mixer"))
    with pytest.raises(InputError, match="Mixer is not defined"):
        own_architectures(RunSettings(seed_from=str(own)), other)
