"""Sets for tuning, from a real run."""

from __future__ import annotations

import json
import re

import pytest
from whole_runs import Finished

from archwright.agents.roles import Prompts
from archwright.runs.journal import Journal
from archwright.runs.tuning.examples import proposal_examples
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.source.fingerprint import fingerprint

pytestmark = pytest.mark.xdist_group("finished")


def test_what_a_run_discovered_answers_the_question_it_would_have_been_asked(
    finished: Finished,
) -> None:
    with Journal.open(find_run(Workspace.open(finished.workspace))) as journal:
        examples = list(proposal_examples(journal, Prompts()))
        assert [e.id for e in examples] == [d["candidate"] for d in finished.result["discoveries"]]
        for example in examples:
            candidate = journal.candidate(example.id)
            assert candidate is not None
            (idea,) = re.findall(r"```json\n(.*?)\n```", example.answer, re.S)
            assert json.loads(idea)["title"] == candidate.title
            assert candidate.source.strip() in example.answer
            assert "the baseline reaches" in example.prompt
            assert not re.search(rf"^\W*{candidate.id} \|", example.prompt, re.M)
            assert example.key == fingerprint(candidate.source, candidate.recipe).tree
