"""From typed words to a command: every setting is an option, and a slip is one line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any, get_type_hints

import pytest

import archwright
from archwright.agents.roles import RUN_ROLES
from archwright.api import discover
from archwright.cli import BENCHES, COMMANDS, main
from archwright.cli.options import given
from archwright.cli.reading import open_app, read
from archwright.core import InputError
from archwright.core.groups.group import keywords
from archwright.core.settings import RunSettings, option_name
from archwright.keywords import Keywords
from archwright.sandbox.opening import CHOICES
from archwright.search.policies import POLICIES
from archwright.tasks.scaffold.ladder import RUNGS

SAMPLES: Mapping[str, tuple[str, Any]] = {
    "objectives": ("latency,flops", ("flops", "latency")),
    "models": ("toy", ("toy",)),
    "or_models": ("spare", ("spare",)),
    "proposer": ("one-call", "one-call"),
    "proposals": ("3", 3),
    "model_share": ("0.8", 0.8),
    "control": ("0.2", 0.2),
    "temperature": ("0.5", 0.5),
    "top_p": ("0.9", 0.9),
    "reasoning_effort": ("low", "low"),
    "prices": ("1,2", ("1,2",)),
    "gpus": ("1,0", (1, 0)),
    "sandbox": ("docker", "docker"),
    "on": ("ray", "ray"),
    "knowledge": ("/lab", "/lab"),
    "gpu_share": ("0.5", 0.5),
    "job_time": ("8:00:00", "8:00:00"),
    "partition": ("short", "short"),
    "account": ("group", "group"),
    "sbatch": ("qos=night", ("qos=night",)),
    "address": ("here:7000", "here:7000"),
    "fallback": ("symbolic", "symbolic"),
    "policy": ("greedy", "greedy"),
    "backend": ("llm", "llm"),
    "base_url": ("http://here", "http://here"),
    "image": ("mine", "mine"),
    "runtime": ("runsc", "runsc"),
    "guide": ("few layers", "few layers"),
    "ban": ("linear attention", ("linear attention",)),
    "pin": ("conv", ("conv",)),
    "seed_from": ("mine", "mine"),
    "proxies": ("", True),
    "screen_seeds": ("5", 5),
    "deciding_seeds": ("9", 9),
}


def settings_of(words: list[str]) -> dict[str, Any]:
    """What a command would be given as settings."""
    groups = read(words).keywords.values()
    return given(*(g for g in groups if hasattr(g, "given")))


@pytest.mark.parametrize("name", RunSettings.model_fields)
def test_every_setting_is_an_option_of_run(name: str) -> None:
    typed, value = SAMPLES.get(name, ("70", 70))
    words = [typed] if typed else []
    assert settings_of(["run", "digits", f"--{option_name(name)}", *words]) == {name: value}


def test_every_setting_is_a_keyword_of_discover() -> None:
    signature = inspect.signature(discover)
    named = {name for name, _ in keywords(RunSettings) if not iskeyword(name)}
    assert {*Keywords.__annotations__, "backend"} == named
    assert set(signature.parameters) == {"task", "workspace", "backend", "view", "settings"}


def test_a_resumed_run_takes_models_and_what_they_may_cost() -> None:
    words = ["resume", "--model", "a", "--model", "coder=b", "--max-usd", "2"]
    assert settings_of(words) == {"models": ("a", "coder=b"), "max_usd": 2.0}


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["decision", "draft", "--context", "-"], "context", "-"),
        (["review", "reject", "c1", "--reason", "- slow"], "reason", "- slow"),
        (["bench", "fewshot", "--task", "a", "b", "--seed", "1"], "task", ["a", "b"]),
        (["knowledge", "search", "a", "b", "-n", "3"], "count", 3),
        (["run", "digits", "--json"], "json", True),
    ],
)
def test_odd_words_are_read_as_they_are_meant(words: list[str], name: str, value: Any) -> None:
    assert read(words).keywords[name] == value


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["ban", "latest", "w\udcffrd"], "'w\\udcffrd' is not UTF-8: type it, or name the file"),
        (["rum"], 'Unknown command "rum". Did you mean "run"? See `archwright --help`'),
        (["run", "digits", "--hourz", "1"], "Did you mean --hours? See `archwright run --help`"),
        (["run", "digits", "--hours", "long"], "--hours must be of type float, not 'long'"),
        (["run", "digits", "--price"], "--price requires an argument"),
        (["resume", "--policy", "greedy"], "Unknown option: --policy"),
        (["run"], "TASK requires an argument"),
        (["status", "one", "two"], "Unexpected argument: two. See `archwright status --help`"),
        (["task"], "task takes one of list, show, check, new, scale; see `archwright task --help`"),
        (["bench"], "bench takes one of grammar, calibration, fewshot"),
    ],
)
def test_a_slip_is_one_line_that_names_the_fix(words: list[str], line: str) -> None:
    with pytest.raises(InputError) as caught:
        read(words)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_words_a_command_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "archwright: name a command; see `archwright --help`\n"


def test_an_option_that_is_named_stands_for_its_group_of_settings() -> None:
    call = read(["run", "digits", "--workers", "3"])
    hints = get_type_hints(call.func)
    assert call.keywords["containers"].workers == 3
    assert set(call.keywords) <= set(hints)


@pytest.mark.parametrize("name", [*COMMANDS, *(f"bench {name}" for name in BENCHES)])
def test_every_command_of_the_registry_is_there(name: str) -> None:
    place = open_app()
    for word in name.split():
        place = place[word]
    assert place.help


@pytest.mark.parametrize(
    ("command", "known"),
    [
        ("task new", [rung.name for rung in RUNGS]),
        ("prompts show", list(RUN_ROLES)),
        ("run", list(POLICIES)),
        ("run", list(CHOICES)),
    ],
)
def test_help_names_what_can_be_chosen(
    command: str, known: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    open_app()([*command.split(), "--help"], exit_on_error=False, result_action="return_value")
    said = capsys.readouterr().out
    assert [name for name in known if name not in said.lower()] == []


def test_what_is_public_is_there() -> None:
    for name in archwright.__all__:
        assert getattr(archwright, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        archwright.nothing  # noqa: B018


def test_of_an_option_that_comes_twice_the_last_counts_and_lists_grow() -> None:
    words = ["run", "digits", "--workers", "1", "--workers=2", "--json", "--json"]
    called = read([*words, "--model", "one", "--model", "two"]).keywords
    assert called["containers"].workers == 2
    assert called["models"].models == ("one", "two")
    assert called["json"] is True
