"""The doctor, on this machine as it is and with parts of it hidden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from archwright.cli.doctor import KEY_NAMES

NAMES = {"python", "torch", "threads", "accelerators", "memory", "disk", "git", "sandbox", "docker"}
SECRET = "sk-do-not-print-4711"


def ask_doctor(*words: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `archwright doctor` in an environment with changes."""
    kept = {name: value for name, value in os.environ.items() if name not in KEY_NAMES}
    done = subprocess.run(
        [sys.executable, "-m", "archwright", "doctor", *words],
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def findings(out: str) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(out)["findings"]}


def test_a_run_is_possible_here_and_keys_are_named_only(tmp_path: Path) -> None:
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
    assert SECRET not in out + err


def test_people_get_one_row_per_finding(tmp_path: Path) -> None:
    environment = {"COLUMNS": "200", "GEMINI_API_KEY": SECRET}
    code, out, err = ask_doctor("--workspace", str(tmp_path), **environment)
    assert code == 0
    assert out.splitlines()[-1] == "a run is possible"
    rows = [line.split()[1] for line in out.splitlines() if line.startswith(("ok ", "weaker "))]
    assert set(rows) >= NAMES | {"models"}
    assert "keys set: GEMINI_API_KEY" in out
    assert SECRET not in out + err


def test_what_is_missing_comes_with_its_mend(tmp_path: Path) -> None:
    folder = tmp_path / "no where"
    code, out, _ = ask_doctor("--json", "--workspace", str(folder), PATH=str(tmp_path))
    assert code == 2
    assert not json.loads(out)["possible"]
    found = findings(out)
    assert (found["git"]["ok"], found["git"]["detail"]) == (False, "not installed")
    assert "install git" in found["git"]["mend"]
    assert found["docker"]["detail"] == "not installed"
    assert found["models"]["detail"] == "no key set"
    assert found["disk"]["mend"] == f"archwright init '{folder}'"
    assert all(f["mend"] for f in found.values() if not f["ok"])
