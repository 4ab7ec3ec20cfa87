"""Papers as they are kept: once each, with their original and code, found by what they say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from paper_files import INTRO, LATEX, MARKDOWN, save_pdf

from archwright.core import InputError
from archwright.knowledge.papers.folder import PaperFolder
from archwright.knowledge.papers.given import find_papers
from archwright.knowledge.papers.paper import Paper, Section
from archwright.knowledge.papers.passages import PASSAGE_CHARACTERS, passages, record_passages
from archwright.knowledge.retrieval import find_passages, passage_id, shared_words
from archwright.knowledge.store import Entry, Knowledge


@pytest.fixture
def folder(tmp_path: Path) -> PaperFolder:
    return PaperFolder(tmp_path / "papers")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_paper_is_kept_with_its_original_and_its_code(
    folder: PaperFolder, tmp_path: Path
) -> None:
    path = write(tmp_path / "in" / "p.md", MARKDOWN)
    kept = folder.add(path)
    assert not kept.known
    home = folder.home(kept.id)
    assert (home / "original" / "p.md").read_text() == MARKDOWN
    assert (home / "code" / "mixer.py").read_text() == "import torch\n"
    assert folder.get(kept.id) == kept.paper
    assert folder.find(kept.id[:5]).id == kept.id
    assert [k.id for k in folder.list()] == [kept.id]
    assert sorted(p.name for p in folder.path.iterdir()) == [kept.id], "nothing is left aside"


def test_the_same_paper_twice_is_one(folder: PaperFolder, tmp_path: Path) -> None:
    first = folder.add(write(tmp_path / "a" / "p.md", MARKDOWN))
    again = folder.add(write(tmp_path / "b" / "q.txt", MARKDOWN.replace("\n\n", "\n\n\n")))
    assert (again.id, again.known) == (first.id, True)
    other = folder.add(write(tmp_path / "b" / "q.txt", MARKDOWN.replace("99.0", "99.1")))
    assert other.id != first.id
    assert len(folder.list()) == 2


def test_two_pdfs_of_one_paper_are_one(folder: PaperFolder, tmp_path: Path) -> None:
    one, two = save_pdf(tmp_path / "1.pdf"), save_pdf(tmp_path / "2.pdf")
    two.write_bytes(two.read_bytes().replace(b"/CreationDate (D:2", b"/CreationDate (D:3"))
    assert one.read_bytes() != two.read_bytes()
    assert folder.add(one).id == folder.add(two).id


def test_code_that_comes_later_is_taken_and_what_was_made_stays(
    folder: PaperFolder, tmp_path: Path
) -> None:
    path = write(tmp_path / "in" / "p.md", MARKDOWN)
    kept = folder.add(path)
    write(folder.home(kept.id) / "calls" / "x.json", "{}")
    write(tmp_path / "in" / "code" / "train.py", "steps = 1\n")
    again = folder.add(path)
    assert again.id == kept.id
    assert [c.path for c in folder.get(kept.id).code] == ["mixer.py", "train.py"]
    assert (folder.home(kept.id) / "code" / "train.py").is_file()
    assert (folder.home(kept.id) / "calls" / "x.json").is_file()


def test_several_at_once_leave_one(folder: PaperFolder, tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "p.md", MARKDOWN)
    with ThreadPoolExecutor(4) as threads:
        ids = {kept.id for kept in threads.map(folder.add, [path] * 4)}
    assert len(ids) == 1
    assert [k.paper.title for k in folder.list()] == ["Linear attention forgets"]
    assert len(list(folder.path.iterdir())) == 1


def test_several_put_in_place_at_once_do_not_meet(folder: PaperFolder, tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "p.md", MARKDOWN)
    kept = folder.add(path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: folder._keep(kept.id, kept.paper, path), range(40)))
    assert folder.get(kept.id) == kept.paper
    assert len(list(folder.path.iterdir())) == 1


def test_code_is_written_inside_its_folder_whatever_it_is_called(
    folder: PaperFolder, tmp_path: Path
) -> None:
    text = MARKDOWN.replace('title="mixer.py"', 'title="../../../escaped.py"')
    kept = folder.add(write(tmp_path / "in" / "p.md", text))
    found = list(tmp_path.rglob("escaped.py"))
    assert found == [folder.home(kept.id) / "code" / "escaped.py"]


def test_a_latex_folder_is_kept_whole(folder: PaperFolder, tmp_path: Path) -> None:
    write(tmp_path / "in" / "main.tex", LATEX)
    write(tmp_path / "in" / "parts" / "intro.tex", INTRO)
    kept = folder.add(tmp_path / "in")
    assert (folder.home(kept.id) / "original" / "parts" / "intro.tex").is_file()


@pytest.mark.parametrize("prefix", ["", "zz", "../.."])
def test_a_paper_that_is_not_there_is_one_line(folder: PaperFolder, prefix: str) -> None:
    with pytest.raises(InputError, match="paper list"):
        folder.find(prefix)


def test_a_broken_store_is_one_line(folder: PaperFolder, tmp_path: Path) -> None:
    kept = folder.add(write(tmp_path / "in" / "p.md", MARKDOWN))
    (folder.home(kept.id) / "paper.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match="add the paper again"):
        folder.get(kept.id)
    (folder.home(kept.id) / "paper.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="newer"):
        folder.get(kept.id)


def test_a_folder_is_one_paper_or_holds_several(tmp_path: Path) -> None:
    write(tmp_path / "a.md", MARKDOWN)
    write(tmp_path / "tex" / "main.tex", LATEX)
    write(tmp_path / "code" / "x.md", "no paper")
    write(tmp_path / "picture.png", "no paper")
    save_pdf(tmp_path / "named-anything")
    found = find_papers(tmp_path)
    assert [p.name for p in found.papers] == ["a.md", "named-anything", "tex"]
    assert [p.name for p in found.skipped] == ["picture.png"]
    assert find_papers(tmp_path / "tex").papers == (tmp_path / "tex",)


# --- passages -------------------------------------------------------------------------------------


def long_paper() -> Paper:
    words = "Decaying states forget what convolution windows keep. " * 100
    return Paper(
        "A long paper",
        "text",
        0,
        (
            Section("1", "Gating", 1, words),
            Section("2", "Pooling", 1, "Pyramid pooling averages regions at several scales."),
            Section("", "References", 1, "[1] Convolution windows. 1990."),
        ),
    )


def test_sections_become_passages_that_hold_all_of_their_text() -> None:
    found = list(passages("abc", long_paper()))
    assert {e.candidate.partition(".")[0] for e in found} == {"0", "1"}, "references are none"
    assert all(0 < len(e.lesson) <= PASSAGE_CHARACTERS for e in found)
    joined = " ".join(e.lesson for e in found if e.candidate.startswith("0."))
    assert joined.split() == long_paper().sections[0].text.split()
    assert found[0].title == "A long paper, section 1 Gating"
    assert passage_id(found[0]) == "paper:abc/0.0"


def test_passages_are_found_by_what_bears_on_them(tmp_path: Path) -> None:
    with Knowledge(tmp_path / "k.db") as knowledge:
        record_passages(knowledge, "abc", long_paper())
        before = knowledge.high_water()
        record_passages(knowledge, "abc", long_paper())
        assert knowledge.high_water() == before, "a second time changes nothing"
        found = find_passages(knowledge, "average pooling over regions of the image", 3)
        assert [e.candidate for e in found] == ["1.0"]
        assert find_passages(knowledge, "an optimizer with momentum", 3) == []
        assert find_passages(knowledge, "pooling regions", 3, until=0) == []


def test_passages_are_no_lessons_and_no_examples(tmp_path: Path) -> None:
    with Knowledge(tmp_path / "k.db") as knowledge:
        record_passages(knowledge, "abc", long_paper())
        knowledge.record(Entry(run="r", candidate="1", task="t", lesson="Pool regions early."))
        assert knowledge.lessons("t", "pooling regions", 5) == ["Pool regions early."]
        assert knowledge.examples("t", 5) == []


def test_words_are_shared_by_their_roots() -> None:
    assert shared_words("a ConvolutionalBlock", "convolution windows") == {"convol"}
    assert shared_words("the model and its layers", "these layers of a model") == set()
