"""Settings: typed, with unknown keys refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.core import InputError
from archwright.runs.settings import DEFAULT_MAX_TRIALS, RunSettings


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "archwright.toml"
    file.write_text(text)
    return file


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = _file(tmp_path, "[run]\nseed = 5\nexamples = 1\n")
    settings = RunSettings.load(file, {"seed": 7, "hours": None})
    assert (settings.seed, settings.examples, settings.repairs) == (7, 1, 3)


def test_a_run_without_any_limit_gets_one(tmp_path: Path) -> None:
    assert RunSettings.load(tmp_path / "none", {}).max_trials == DEFAULT_MAX_TRIALS
    assert RunSettings.load(tmp_path / "none", {"hours": 2.0}).max_trials is None


def test_settings_go_through_json() -> None:
    settings = RunSettings(max_trials=9, hours=1.5)
    assert RunSettings(**settings.to_json()) == settings


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[run\n", "not valid TOML"),
        ("[runs]\n", "no table 'runs'"),
        ("[run]\nsede = 1\n", "no key 'sede'"),
        ("[run]\nseed = 'one'\n", "must be of type int"),
        ("[run]\nseed = true\n", "must be of type int"),
        ("[run]\nworkers = 0\n", "workers must be at least 1"),
        ("[run]\nsandbox = 'chroot'\n", "auto, process or docker"),
    ],
)
def test_broken_settings_are_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        RunSettings.load(_file(tmp_path, text), {})
    assert "\n" not in str(caught.value)
