"""The doctor, on this machine as it is and with parts of it hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from archwright.cli import main
from archwright.cli.doctor import KEY_NAMES, PROVIDERS, find_packages
from archwright.core import SandboxError
from archwright.sandbox.docker.engine import Engine

NAMES = {"python", "torch", "threads", "accelerators", "memory", "disk", "git", "sandbox", "docker"}
SECRET = "sk-do-not-print-4711"


Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask_doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Exit code, stdout and stderr of `archwright doctor` in an environment with changes."""

    def ask(*words: str, **environment: str) -> tuple[int, str, str]:
        for name in KEY_NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in {"COLUMNS": "200", **environment}.items():
            monkeypatch.setenv(name, value)
        code = main(["doctor", *words])
        return code, *capsys.readouterr()

    return ask


def findings(out: str) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(out)["findings"]}


def test_a_run_is_possible_here_and_keys_are_named_only(ask_doctor: Ask, tmp_path: Path) -> None:
    code, out, err = ask_doctor("--json", "--workspace", str(tmp_path), OPENAI_API_KEY=SECRET)
    assert code == 0, err
    assert json.loads(out)["possible"]
    found = findings(out)
    assert found.keys() >= NAMES | {"models"}
    needed = [f for f in found.values() if f["level"] == "needed"]
    assert {f["name"] for f in needed} == {"python", "torch", "disk", "git", "sandbox"}
    assert all(f["ok"] for f in needed)
    assert all(f["detail"] for f in found.values())
    assert found["models"]["detail"] == "keys set: OPENAI_API_KEY"
    versions = (f"{name} {metadata.version(name)}" for name in PROVIDERS)
    assert found["packages"]["detail"] == ", ".join(versions)
    assert SECRET not in out + err


def test_a_missing_package_comes_with_its_fix() -> None:
    found = find_packages(("litellm", "nothing-like-this"))
    assert not found.ok
    assert found.detail.endswith(", nothing-like-this is missing")
    assert found.fix == "pip install nothing-like-this"


def test_people_get_one_row_per_finding(ask_doctor: Ask, tmp_path: Path) -> None:
    code, out, err = ask_doctor("--workspace", str(tmp_path), GEMINI_API_KEY=SECRET)
    assert code == 0
    assert out.splitlines()[-1] == "a run is possible"
    rows = [line.split()[1] for line in out.splitlines() if line.startswith(("ok ", "weaker "))]
    assert set(rows) >= NAMES | {"models"}
    assert "keys set: GEMINI_API_KEY" in out
    assert SECRET not in out + err


def test_what_is_missing_comes_with_its_fix(ask_doctor: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "no where"
    nowhere = {"PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    code, out, _ = ask_doctor("--json", "--workspace", str(folder), **nowhere)
    assert code == 2
    assert not json.loads(out)["possible"]
    found = findings(out)
    assert (found["git"]["ok"], found["git"]["detail"]) == (False, "not installed")
    assert "install git" in found["git"]["fix"]
    assert found["docker"]["detail"].startswith("docker is not installed")
    assert found["models"]["detail"] == "no key set"
    assert found["disk"]["fix"] == f"archwright init '{folder}'"
    assert all(f["fix"] for f in found.values() if not f["ok"])


def test_an_engine_that_is_down_is_told_from_an_image_that_is_missing(
    ask_doctor: Ask, tmp_path: Path
) -> None:
    try:
        with Engine() as engine:
            engine.version()
    except SandboxError as error:
        pytest.skip(f"no engine to leave out: {error}")
    (tmp_path / "archwright.toml").write_text('[run]\nimage = "archwright-sandbox:no-such"\n')
    _, out, _ = ask_doctor("--json", "--workspace", str(tmp_path))
    missing = findings(out)["sandbox docker"]
    assert "has no image archwright-sandbox:no-such" in missing["detail"]
    assert "sandbox build (--base IMAGE" in missing["fix"]
    assert "install" not in missing["fix"]
    socket = f"unix://{tmp_path}/none.sock"
    _, out, _ = ask_doctor("--json", "--workspace", str(tmp_path), DOCKER_HOST=socket)
    down = findings(out)["sandbox docker"]
    assert "no Docker Engine answers" in down["detail"]
    assert "start it" in down["fix"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("words", [[], ["--gpus", "0"]])
def test_a_gpu_that_is_not_there_is_named_in_one_line(
    ask_doctor: Ask, tmp_path: Path, words: list[str]
) -> None:
    """Named in the workspace's settings, or on the command line."""
    if not words:
        (tmp_path / "archwright.toml").write_text("[run]\ngpus = [0]\n")
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    code, out, _ = ask_doctor("--json", "--workspace", str(tmp_path), *words, **nowhere)
    found = findings(out)
    assert code == 2
    assert found["sandbox process"]["detail"].startswith("GPU 0 was asked for, but the process")
    assert found["sandbox"]["detail"] == "no sandbox works here with gpus 0"
    assert found["sandbox"]["fix"].endswith("or leave gpus out")
    assert "auto took the process sandbox" in found["sandbox auto"]["detail"]


def test_gpus_are_indices(ask_doctor: Ask) -> None:
    for words in ("x", "0,", "-1"):
        code, _, err = ask_doctor(f"--gpus={words}")
        assert (code, "--gpus must be indices with commas" in err) == (2, True)
