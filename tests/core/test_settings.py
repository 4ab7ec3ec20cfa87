"""Settings: typed, in groups, with unknown keys refused in one line that names the nearest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from archwright.core import InputError
from archwright.core.groups.group import keywords
from archwright.core.settings import (
    DEFAULT_MAX_TRIALS,
    GROUPS,
    ModelUse,
    RunSettings,
    SandboxSettings,
    settings_template,
    table_of,
)
from archwright.search.policies import DEFAULT, POLICIES


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "archwright.toml"
    file.write_text(text)
    return file


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = _file(tmp_path, "[run]\nseed = 5\nexamples = 1\n")
    settings = RunSettings.load(file, {"seed": 7, "hours": None})
    assert (settings.seed, settings.examples, settings.repairs) == (7, 1, 3)


def test_each_group_is_a_table(tmp_path: Path) -> None:
    text = (
        "[budget]\nhours = 2\nmax_usd = 1.5\n[search]\npolicy = 'greedy'\n[models]\nmodel = 'a'\n"
        "[sandbox]\ngpus = [0, 1]\n[verification]\nfinalists = 1\n"
    )
    settings = RunSettings.load(_file(tmp_path, text), {})
    assert (settings.hours, settings.max_usd, settings.policy) == (2.0, 1.5, "greedy")
    assert (settings.models, settings.backend) == (("a",), "llm")
    assert (settings.gpus, settings.finalists) == ((0, 1), 1)


def test_with_gpus_there_is_a_worker_for_each(tmp_path: Path) -> None:
    assert RunSettings(gpus=(0, 1, 2)).workers == 3
    assert RunSettings(gpus=(0, 1, 2), workers=6).workers == 6
    assert RunSettings(gpus=(0,), on="ray").workers == RunSettings().workers
    assert SandboxSettings(gpus=(0,)).given() == {"gpus": (0,)}
    file = _file(tmp_path, "[sandbox]\nworkers = 2\n")
    assert RunSettings.load(file, {"gpus": (0,)}).workers == 2
    again = RunSettings(**RunSettings(gpus=(0, 1, 2)).to_json())
    assert again.changed(hours=1.0).workers == 3


def test_every_setting_has_one_table_and_a_word_of_explanation() -> None:
    for name, field in RunSettings.model_fields.items():
        assert table_of(name) in {group.table for group in GROUPS}
        assert (field.description or "").endswith("."), name
    tables = [name for group in GROUPS for name in group.model_fields if table_of(name)]
    assert sorted(set(tables)) == sorted(RunSettings.model_fields)


def test_the_template_names_every_setting_in_its_table() -> None:
    text = settings_template()
    for name in RunSettings.model_fields:
        table = text.partition(f"[{table_of(name)}]")[2].partition("\n[")[0]
        assert f"\n# {name} = " in table, name


def test_a_run_without_any_limit_gets_one(tmp_path: Path) -> None:
    assert RunSettings.load(tmp_path / "none", {}).max_trials == DEFAULT_MAX_TRIALS
    assert RunSettings.load(tmp_path / "none", {"hours": 2.0}).max_trials is None


def test_settings_go_through_json() -> None:
    settings = RunSettings(max_trials=9, hours=1.5)
    assert RunSettings(**settings.to_json()) == settings


def test_old_journals_hold_lists_and_lack_newer_settings() -> None:
    kept = {"max_trials": 9, "models": ["a"], "gpus": [0], "objectives": ["quality", "latency"]}
    settings = RunSettings(**kept)
    assert (settings.models, settings.gpus, settings.backend) == (("a",), (0,), "llm")
    assert settings.objectives == ("quality", "latency")


def test_what_was_given_is_told_from_what_was_left_out() -> None:
    assert ModelUse(models=("a",)).given() == {"models": ("a",)}
    assert dict(keywords(ModelUse))["price"] == "prices"


def test_a_changed_copy_is_checked_like_any_other() -> None:
    assert RunSettings(hours=1.0).changed(models=("a",)).backend == "llm"
    with pytest.raises(InputError, match="workers must be at least 1, not 0"):
        RunSettings().changed(workers=0)


def test_the_policies_that_settings_speak_of_are_those_that_there_are() -> None:
    assert RunSettings().policy == DEFAULT
    said = RunSettings.model_fields["policy"].description or ""
    assert all(name in said for name in POLICIES)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[run\n", "not valid TOML"),
        ("[runs]\n", r"no table 'runs'; did you mean \[run\]\?"),
        ("[other]\n", r"no table 'other'; it takes \[budget\], \[search\]"),
        ("seed = 1\n", r"'seed' outside of a table: put it into \[search\]"),
        ("nonsense = 1\n", "'nonsense' outside of a table: there is no such setting"),
        ("[run]\nsede = 1\n", r"\[run\] has no key 'sede'; did you mean seed\?"),
        ("[sandbox]\nworker = 1\n", r"no key 'worker'; did you mean workers\?"),
        ("[sandbox]\nzz = 1\n", "no key 'zz'; it takes sandbox, workers, image, runtime, gpus"),
        ("[budget]\nseed = 1\n", r"\[budget\] has no key 'seed'; it belongs in \[search\]"),
        ("[run]\nseed = 1\n[search]\nseed = 2\n", "sets seed for the second time"),
        ("[models]\nmodel = 'a'\nmodels = ['b']\n", "sets models for the second time"),
        ("[run]\nseed = 'one'\n", "must be of type int"),
        ("[run]\nseed = true\n", "must be of type int"),
        ("[run]\nhours = 'long'\n", "hours must be of type float, not 'long'"),
        ("[run]\nmodels = 1\n", "models must be of type list, not 1"),
        ("[run]\ngpus = [-1]\n", "gpus must be a list of indices such as"),
        ("[run]\nworkers = 0\n", "workers must be at least 1"),
        ("[budget]\nhours = inf\n", "hours must be a finite number, not inf"),
        ("[run]\nhours = 1e999\n", "hours must be a finite number, not inf"),
        ("[run]\nhours = 1e9\n", "hours must be at most 87600, not 1000000000"),
        ("[search]\ncontrol = nan\n", "control must be a finite number, not nan"),
        ("[search]\ncontrol = 2\n", "control must be at most 1, not 2"),
        ("[search]\nislands = 1000000\n", "islands must be at most 100"),
        ("[cluster]\nqueue_minutes = 0\n", "queue_minutes must be more than 0, not 0"),
        (f"[run]\nmodels = {'[' * 3000}", "not valid TOML: its brackets are nested too deeply"),
        (f"[run]\nseed = {'9' * 5000}\n", "not valid TOML: a number has thousands of digits"),
        ("[run]\nsandbox = 'chroot'\n", "sandbox must be auto, process or docker, not 'chroot'"),
        ("[run]\nfallback = 'me'\n", "fallback must be symbolic or left out, not 'me'"),
        ("[run]\nobjectives = ['speed']\n", "no objective 'speed': choose from quality"),
    ],
)
def test_broken_settings_are_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        RunSettings.load(_file(tmp_path, text), {})
    assert "\n" not in str(caught.value)
    assert "archwright.toml" in str(caught.value)


@pytest.mark.parametrize("what", ["folder", "link to nothing", "pipe"])
def test_what_is_called_as_the_file_and_cannot_be_read_is_named(tmp_path: Path, what: str) -> None:
    file = tmp_path / "archwright.toml"
    if what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("nothing")
    with pytest.raises(InputError, match="is not a file that can be read: replace it, or remove"):
        RunSettings.load(file, {})


def test_bytes_of_another_encoding_are_told_from_broken_toml(tmp_path: Path) -> None:
    file = tmp_path / "archwright.toml"
    file.write_bytes('[search]\nguide = "gr\u00fc\u00df"\n'.encode("latin-1"))
    with pytest.raises(InputError, match=r"archwright\.toml is not UTF-8: .* at byte 20"):
        RunSettings.load(file, {})


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"sede": 1}, "no setting 'sede'; did you mean seed?"),
        ({"lag": 0}, "lag must be at least 1"),
    ],
)
def test_wrong_keywords_are_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as caught:
        RunSettings(**given)
    assert line in str(caught.value)
