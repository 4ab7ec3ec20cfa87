"""Code of a repository as a paper's code: from a folder, from an address, without running it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from paper_files import MARKDOWN

from archwright.core import InputError
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.modelfile import model_file
from archwright.knowledge.papers.paper import CODE_BYTES, CODE_FILES
from archwright.knowledge.papers.web.repositories import (
    is_repository,
    paper_of,
    read_repository,
)

MODEL = """\
from torch import nn


class LinearAttention(nn.Module):
    def forward(self, x):
        return x
"""
README = "# Code of *Linear attention forgets*\n\nRun `train.py`.\n"


def git(*words: str, home: Path) -> None:
    names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER")
             for what in ("NAME", "EMAIL")}  # fmt: skip
    subprocess.run(["git", "-C", str(home), *words], check=True, capture_output=True,
                   env={**os.environ, **names})  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a model, a README, a link out of it, a large file and a hook."""
    home = tmp_path / "linear"
    (home / "linear").mkdir(parents=True)
    (home / "README.md").write_text(README)
    (home / "train.py").write_text("from linear.model import LinearAttention\n")
    (home / "linear" / "model.py").write_text(MODEL)
    (home / "linear" / "utils.py").write_text("import os\n")
    (home / "weights.py").write_text("#" * (CODE_BYTES + 1))
    (home / "picture.png").write_bytes(b"\0" * 20)
    (home / "link.py").symlink_to("/etc/hostname")
    (home / ".gitattributes").write_text("*.py filter=evil\n")
    git("init", "-q", home=home)
    git("add", "-A", home=home)
    git("commit", "-qm", "all", home=home)
    return home


@pytest.fixture
def papers(tmp_path: Path) -> PaperFolder:
    return PaperFolder(tmp_path / "papers")


def add(papers: PaperFolder, tmp_path: Path, text: str = MARKDOWN, name: str = "p.md") -> Kept:
    (tmp_path / name).write_text(text)
    return papers.add(tmp_path / name)


PATHS = ["linear/train.py", "linear/linear/model.py", "linear/linear/utils.py"]


@pytest.mark.parametrize("how", ["folder", "file address", "bare"])
def test_the_code_is_the_same_however_it_is_named(
    how: str, repository: Path, tmp_path: Path
) -> None:
    word = str(repository)
    if how == "file address":
        word = f"file://{repository}"
    elif how == "bare":
        word = str(tmp_path / "bare" / "linear.git")
        git("clone", "-q", "--bare", str(repository), word, home=tmp_path)
    found = read_repository(word)
    assert [file.path for file in found.code] == PATHS
    assert {file.origin for file in found.code} == {"repository"}
    assert found.readme == README


def test_nothing_of_a_repository_runs(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git("config", "filter.evil.smudge", f"touch {mark}", home=repository)
    git("config", "core.fsmonitor", f"touch {mark}", home=repository)
    for word in (str(repository), f"file://{repository}"):
        assert read_repository(word).code
    assert not mark.exists()


def test_what_is_a_repository(repository: Path, tmp_path: Path) -> None:
    assert is_repository(str(repository))
    assert is_repository("https://github.com/someone/some-code")
    assert is_repository("git+https://example.org/some/code.git")
    assert not is_repository("https://example.org/a.pdf")
    assert not is_repository("https://github.com/someone/code/blob/main/paper.pdf")
    assert not is_repository(str(tmp_path))
    (repository / "main.tex").write_text("\\documentclass{article}")
    assert not is_repository(str(repository)), "the sources of a paper under git are a paper"


def test_the_readme_names_the_paper_by_title_or_id(
    repository: Path, papers: PaperFolder, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"names no paper.*--for"):
        paper_of(read_repository(str(repository)), papers)
    kept = add(papers, tmp_path)
    other = add(papers, tmp_path, MARKDOWN.replace("Linear attention forgets", "Another thing"))
    assert paper_of(read_repository(str(repository)), papers).id == kept.id
    (repository / "README.md").write_text("See https://arxiv.org/abs/2501.00089v2.")
    papers.keep(other.paper, tmp_path / "p.md", address="arxiv:2501.00089v1")
    assert paper_of(read_repository(str(repository)), papers).id == other.id
    (repository / "README.md").write_text("Linear attention forgets. Another thing. arxiv: none")
    with pytest.raises(InputError, match="several papers"):
        paper_of(read_repository(str(repository)), papers)


def test_linked_code_is_kept_with_the_paper(
    repository: Path, papers: PaperFolder, tmp_path: Path
) -> None:
    kept = add(papers, tmp_path)
    linked = papers.link(kept.id, read_repository(str(repository)).code)
    assert linked.id == kept.id
    assert [c.path for c in papers.get(kept.id).code] == ["mixer.py", *PATHS]
    assert (papers.home(kept.id) / "code" / "linear" / "linear" / "model.py").is_file()
    assert (papers.home(kept.id) / "original" / "p.md").is_file()
    assert [c.path for c in add(papers, tmp_path).paper.code] == ["mixer.py", *PATHS]
    again = papers.link(kept.id, read_repository(str(repository)).code)
    assert len(again.paper.code) == 4, "in place of what was linked before"
    found = model_file(again.paper)
    assert found is not None
    assert found.path == "linear/linear/model.py"


def test_a_large_repository_is_bounded(repository: Path) -> None:
    for number in range(CODE_FILES + 5):
        (repository / f"f{number}.py").write_text("a = 1\n")
    assert len(read_repository(str(repository)).code) == CODE_FILES


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("file:///nowhere/at/all", "git could not clone it"),
        ("ext::sh -c touch% /tmp/x", "not a repository"),
        ("git@example.org:a/b", "not a repository"),
        ("http://127.0.0.1:9/a.git", "is there a network"),
    ],
)
def test_what_cannot_be_cloned_is_one_line(word: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_repository(word)
    assert "\n" not in str(caught.value)


def test_a_repository_without_python_is_one_line(repository: Path) -> None:
    for path in repository.rglob("*.py"):
        path.unlink()
    with pytest.raises(InputError, match="holds no Python"):
        read_repository(str(repository))
