"""`archwright guide`, `pin`, `ban` and `seed`, while another process holds the run and on one that
was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.core.settings import RunSettings
from archwright.runs.guiding import record_word, seeds_of, steer_of
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.page import write_page
from archwright.runs.starting import begin
from archwright.runs.workspace.control import hold
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task

WHERE = "--workspace"


@pytest.fixture
def journal(workspace: Path, spirals: Path) -> Iterator[Journal]:
    """Of a run that has begun, with words in its settings."""
    settings = RunSettings(max_trials=40, guide="few layers", ban="attention")
    paths = begin(Workspace.open(workspace), load_task(spirals), settings, spirals)
    with Journal.open(paths) as opened:
        yield opened


@pytest.fixture
def said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command prints, as its JSON with --json."""

    def run(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, WHERE, str(workspace)]) == 0
        out = capsys.readouterr().out
        return json.loads(out) if "--json" in words else out.strip()

    return run


def steer(journal: Journal) -> dict[str, Any]:
    return steer_of(journal, RunSettings(**journal.facts.settings)).model_dump()


def test_a_word_reaches_a_run_that_another_process_holds(journal: Journal, said: Any) -> None:
    with hold(journal.paths):
        line = said("guide", journal.run, "try", "gated  units")
        assert line == "guide try gated units: shown to every proposal from now on"
        line = said("ban", "latest", "GRU")
        assert line.startswith("ban GRU: kept away from by every proposal from now on")
        assert line.endswith("the symbolic engine follows it as words")
        assert said("pin", "latest", "conv").endswith("follows it as a family")
        assert said("ban", "latest", "change norm").endswith("follows it as an operator")
    assert steer(journal) == {
        "words": ("few layers", "try gated units"),
        "banned": ("attention", "GRU", "change norm"),
        "pinned": ("conv",),
    }


def test_on_a_run_that_stands_it_says_how_it_goes_on(
    journal: Journal, said: Any, workspace: Path
) -> None:
    document = said("pin", journal.run, "attention", "--json")
    assert (document["kind"], document["words"], document["read"]) == ("pin", "attention", "family")
    assert f"once the run continues: archwright resume {journal.run}" in document["holds"]
    assert str(workspace) in document["holds"]
    assert document["steer"]["pinned"] == ["attention"]
    assert document["steer"]["banned"] == []


@pytest.mark.parametrize("command", ["guide", "pin", "ban", "seed"])
def test_without_words_it_says_what_holds(journal: Journal, said: Any, command: str) -> None:
    record_word(journal, "seed", "mine", "class Model: pass")
    assert said(command).splitlines() == [
        "shown to every proposal: few layers",
        "kept away from: attention",
        "your own architectures: mine",
    ]
    assert said(command, journal.run, "--json") == {
        "run": journal.run,
        "steer": {
            "words": ["few layers"],
            "banned": ["attention"],
            "pinned": [],
            "seeds": ["mine"],
        },
    }


def test_of_a_run_that_was_told_nothing_no_report_speaks(
    workspace: Path, spirals: Path, said: Any, tmp_path: Path
) -> None:
    place = Workspace.open(workspace)
    with Journal.open(begin(place, load_task(spirals), RunSettings(), spirals)) as journal:
        assert said("guide") == f"{journal.run} has no guide, ban, pin or seed yet"
        assert "Your word" not in said("report")
        assert "Your word" not in write_page(journal, observe(journal), tmp_path / "p").read_text()


def test_a_file_is_read_before_it_is_taken(
    journal: Journal, said: Any, workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Model: pass\n")
    where = [WHERE, str(workspace)]
    assert main(["seed", journal.run, str(file), *where]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{file}: line 1: Model has no __init__; define class Model(nn.Module)" in line
    assert main(["seed", journal.run, str(tmp_path / "none.py"), *where]) == 2
    assert "none.py cannot be read (No such file or directory): name a" in capsys.readouterr().err
    assert seeds_of(journal) == []
    source = load_task(journal.facts.task_from).spec.baseline
    file.write_text(source)
    with hold(journal.paths):
        line = said("seed", journal.run, str(file))
    assert line == "seed mine: trained as one of the next candidates from now on"
    assert seeds_of(journal) == [("mine", source)]


def test_nothing_said_and_no_such_run_are_one_line(
    journal: Journal, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ban", journal.run, " ", WHERE, str(workspace)]) == 2
    assert f'give the words: `archwright ban {journal.run} "WORDS"`' in capsys.readouterr().err
    assert main(["guide", "few layers", WHERE, str(workspace)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no run is called 'few layers'; runs here: spirals-" in line


def test_the_report_shows_it_everywhere(journal: Journal, said: Any, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[2J"
    record_word(journal, "guide", hostile)
    assert said("report", journal.run, "--json")["steer"]["words"] == ["few layers", hostile]
    snapshot = observe(journal)
    text = said("report", journal.run)
    assert "Your word" in text
    assert "kept away from: attention" in text
    assert "\x1b" not in text
    page = write_page(journal, snapshot, tmp_path / "page.html").read_text()
    assert "shown to every proposal: &lt;script&gt;" in page


def test_options_and_the_file_say_the_same(
    spirals: Path, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = workspace / "archwright.toml"
    file.write_text('[search]\nguide = "few layers"\nban = ["attention"]\npin = "conv"\n')
    settings = RunSettings.load(file, {"guide": None, "ban": ("gru",)})
    assert (settings.guide, settings.ban, settings.pin) == ("few layers", ("gru",), ("conv",))
    words = ["run", str(spirals), "--guide", "few layers", "--ban", "gru", "--ban", "conv"]
    missing = str(tmp_path / "missing")
    assert main([*words, "--seed-from", missing, "--yes", WHERE, str(workspace)]) == 2
    assert f"--seed-from {missing} is not a folder" in capsys.readouterr().err
