"""What a paper claims, as typed values: read from its own file, or refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from paper_texts import BENT, CLAIMS, LINEAR, QUOTE, whole_paper, write_paper

from archwright.core import InputError, TaskSpec
from archwright.knowledge.papers.markdown import read_markdown
from archwright.knowledge.papers.paper import CodeFile
from archwright.papers.experiment import Experiment, read_experiment, written_for
from archwright.tasks.loading import load_task


@pytest.fixture
def spec(spirals: Path) -> TaskSpec:
    return load_task(spirals).spec


def read(text: str, spec: TaskSpec) -> Experiment | None:
    return read_experiment(read_markdown(text), spec)


def test_claims_come_with_their_arms_baselines_first(spec: TaskSpec) -> None:
    experiment = read(whole_paper(), spec)
    assert experiment is not None
    assert [arm.id for arm in experiment.arms] == ["linear", "bent"]
    assert [arm.source for arm in experiment.arms] == [LINEAR, BENT]
    (claim,) = experiment.claims
    assert (claim.method, claim.baseline, claim.direction) == ("bent", "linear", "better")
    assert (claim.margin, claim.quote) == (3.0, QUOTE)
    assert experiment.steps == (45,)
    assert dict(experiment.scale) == {"steps": "a million"}
    assert written_for(read_markdown(whole_paper())) == "spirals"


def test_an_arm_may_take_other_steps_and_follow_another_network(spec: TaskSpec) -> None:
    after = '{ file = "bent.py", steps = 10, after = { file = "linear.py", steps = 20 } }'
    experiment = read(whole_paper(CLAIMS.replace('method = "bent.py"', f"method = {after}")), spec)
    assert experiment is not None
    arm = experiment.arm("bent@10-after-linear@20")
    assert arm.before is not None
    assert (arm.steps, arm.before.steps, arm.total_steps) == (10, 20, 30)
    assert arm.before.source == LINEAR
    assert experiment.steps == (10, 45)
    assert Experiment.from_json(experiment.to_json()) == experiment


def test_a_paper_without_claims_has_no_experiment(spec: TaskSpec) -> None:
    assert read(write_paper(bent_py=BENT), spec) is None


def test_two_files_of_one_name_are_told_apart_or_refused(spec: TaskSpec) -> None:
    paper = read_markdown(whole_paper(CLAIMS.replace('"linear.py"', '"other/bent.py"')))
    other = CodeFile("other/bent.py", LINEAR, "folder")
    with pytest.raises(InputError, match=r"two files are called bent\.py"):
        read_experiment(replace(paper, code=(*paper.code, other)), spec)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"bent.py"', '"gone.py"', "no file 'gone.py'"),
        ('"better"', '"best"', "direction must be one of"),
        ("margin = 3.0", "margin = 0", "margin must be a number above 0"),
        ("margin = 3.0", "margins = 3.0", "no key 'margins'"),
        (QUOTE, "everything got better", "its quote is not in the paper"),
        ('"bent.py"', '{ file = "bent.py", steps = 0 }', "steps must be a whole number"),
        ('"bent.py"', '{ file = "bent.py", after = 3 }', "after must be a table"),
        ('"bent.py"', '{ path = "bent.py" }', "method must be a file"),
        ("[[claim]]", "[[claims]]", "it states no claim"),
        ("margin = 3.0", 'margin = 3.0\nmetric = "bleu"', "it is about bleu"),
        ("margin = 3.0", "margin =", "not valid TOML"),
        ('task = "spirals"', "scale = 3", "scale must be a table"),
    ],
)
def test_claims_that_do_not_fit_are_one_line(old: str, new: str, said: str, spec: TaskSpec) -> None:
    claims = CLAIMS.replace("[scale]", "[more]") if "scale" in new else CLAIMS
    text = whole_paper(claims.replace(old, new))
    with pytest.raises(InputError, match=said) as error:
        read(text, spec)
    assert "\n" not in str(error.value)
