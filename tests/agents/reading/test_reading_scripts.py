"""Proposals for a script: the files that a model writes, and the rest as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_task import SETTINGS, TRAIN_PY, make_script_task

from archwright.agents.proposers.campaign import (
    CampaignQuestion,
    Proposals,
    Proposed,
    ShownWork,
    Suggestion,
)
from archwright.agents.questions import Brief, CodeAnswer, CodeQuestion, Idea, problem_of
from archwright.agents.reading import FormatError, parse_file, parse_proposals, read_answer
from archwright.agents.roles import Prompts
from archwright.core import Problem, read_bundle
from archwright.tasks.loading import load_task

WIDER = '# ==== file: settings.json ====\n#| {\n#|   "width": 16\n#| }\n'
FASTER = "# ==== file: train.py ====\nprint('fast')\n"


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> CampaignQuestion:
    spec = load_task(make_script_task(tmp_path_factory.mktemp("task") / "moons", 30)).spec
    parent = spec.baseline.replace("LEARNING_RATE = 0.01", "LEARNING_RATE = 0.03")
    return CampaignQuestion(
        brief=Brief.of(spec),
        number=3,
        count=3,
        baseline=ShownWork(id="baseline", title="", source=spec.baseline, score=1.0, gain=None),
        works=(ShownWork(id="2", title="faster", source=parent, score=0.9, gain=1.0),),
        suggestion=Suggestion(operator="draft"),
    )


def proposals(question: CampaignQuestion, words: str) -> tuple[Proposed, ...]:
    return read_answer(words, Proposals, question, parse_proposals).proposals


def test_files_that_are_left_out_are_the_first_parents(question: CampaignQuestion) -> None:
    words = (
        '```json\n{"title": "wider", "parents": ["2"]}\n```\n'
        f"```python\n{WIDER}```\n"
        '```json\n{"title": "both", "parents": []}\n```\n'
        f"```python\n{FASTER}\n{WIDER}```\n"
    )
    wider, both = proposals(question, words)
    assert (wider.parents, wider.fault) == (("2",), "")
    files = read_bundle(wider.source)
    assert files["settings.json"] == '{\n  "width": 16\n}\n'
    assert files["train.py"] == TRAIN_PY.replace("0.01", "0.03")
    assert read_bundle(both.source) == {**files, "train.py": "print('fast')\n"}


def test_a_block_for_each_file_is_one_proposal(question: CampaignQuestion) -> None:
    words = f'```json\n{{"title": "both"}}\n```\n```python\n{FASTER}```\n\n```python\n{WIDER}```\n'
    (one,) = proposals(question, words)
    assert read_bundle(one.source)["train.py"] == "print('fast')\n"
    assert "16" in one.source


def test_a_file_that_is_no_python_may_stand_as_it_is(question: CampaignQuestion) -> None:
    plain = WIDER.replace("#| ", "")
    (one,) = proposals(question, f'```json\n{{"title": "wider"}}\n```\n```python\n{plain}```\n')
    assert read_bundle(one.source)["settings.json"] == '{\n  "width": 16\n}\n'


def test_a_diff_is_against_the_bundle_of_the_parent(question: CampaignQuestion) -> None:
    diff = '@@\n #| {\n-#|   "width": 8\n+#|   "width": 24\n #| }\n'
    words = f'```json\n{{"title": "wider", "parents": ["2"]}}\n```\n```diff\n{diff}```\n'
    (one,) = proposals(question, words)
    assert read_bundle(one.source)["settings.json"] == SETTINGS.replace("8", "24")
    assert "0.03" in one.source


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('which file is this?')\n", "a bundle begins with a line"),
        ("# ==== file: model.py ====\nx = 1\n", "model.py may not change"),
    ],
)
def test_what_cannot_be_used_says_why(question: CampaignQuestion, code: str, said: str) -> None:
    words = f'```json\n{{"title": "odd"}}\n```\n```python\n{code}```\n'
    words += f'```json\n{{"title": "wider"}}\n```\n```python\n{WIDER}```\n'
    odd, wider = proposals(question, words)
    assert said in odd.fault
    assert wider.fault == ""


def test_the_coder_writes_files_too(question: CampaignQuestion) -> None:
    asked = CodeQuestion(
        brief=question.brief, idea=Idea(operator="", title="", rationale=""), works=question.works
    )
    answer = read_answer(f"Wider.\n```python\n{WIDER}```\n", CodeAnswer, asked, parse_file)
    assert "0.03" in answer.source
    code = "```python\n# ==== file: x.py ====\nx = 1\n```"
    with pytest.raises(FormatError, match="may not change"):
        read_answer(code, CodeAnswer, asked, parse_file)


def test_a_prompt_shows_the_files_and_no_path_of_this_machine(
    question: CampaignQuestion, tmp_path: Path
) -> None:
    prompt = Prompts(tmp_path).render("researcher", question)
    script = problem_of(question.brief).script
    assert script is not None
    for words in ("# ==== file: settings.json ====", "def make(width)", "out/validation.npy"):
        assert words in prompt
    assert not any(place in prompt for _, place in script.reads)


def test_a_brief_tells_the_whole_problem(question: CampaignQuestion) -> None:
    again = Brief.model_validate_json(question.brief.model_dump_json())
    found = problem_of(again)
    assert isinstance(found, Problem)
    assert found == problem_of(question.brief)
    assert found.script is not None
    assert found.script.files == ("train.py", "settings.json")
