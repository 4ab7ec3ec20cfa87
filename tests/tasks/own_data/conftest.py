"""A folder of one's own data, and what `task new` says to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from archwright.cli import main

Says = Callable[..., str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Says:
    """What `task new` says when it refuses."""

    def run(*words: str) -> str:
        assert main(["task", "new", "made", *words, "--json"]) == 2
        assert not Path("made").exists()
        said: str = json.loads(capsys.readouterr().out)["error"]
        assert "\n" not in said
        return said

    return run


@pytest.fixture
def assumed(capsys: pytest.CaptureFixture[str]) -> Says:
    """What `task new` assumes, a line each, of data that are sound without training."""

    def run(*words: str) -> str:
        from archwright.tasks.checking import check_folder

        assert main(["task", "new", "made", *words, "--json"]) == 0
        lines: Iterable[str] = json.loads(capsys.readouterr().out)["assumed"]
        assert check_folder("made") == []
        return "\n".join(lines)

    return run
