"""Bundles: several files as one text, read back, checked and told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_task import make_script_task

from archwright.core import (
    Recipe,
    SourceError,
    TaskSpec,
    is_bundle,
    read_bundle,
    write_bundle,
)
from archwright.source.code import parse
from archwright.source.fingerprint import fingerprint, read_source, without_constants
from archwright.tasks.loading import load_task

BUNDLE = write_bundle({"train.py": "RATE = 0.1\nprint(RATE)\n", "a/b.yaml": "x: 1\n\ny: [2]\n"})


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    return load_task(make_script_task(tmp_path_factory.mktemp("task") / "moons", 30)).spec


def test_a_bundle_is_python_and_reads_back() -> None:
    assert is_bundle(BUNDLE)
    assert not is_bundle("RATE = 0.1\n")
    parse(BUNDLE)
    assert list(read_bundle("# ==== file: a b/c ==== d.py ====\n")) == ["a b/c ==== d.py"]
    assert read_bundle(BUNDLE)["a/b.yaml"] == "x: 1\n\ny: [2]\n"
    assert write_bundle(read_bundle(BUNDLE)) == BUNDLE


@given(st.dictionaries(st.sampled_from(["a.py", "b/c.txt"]), st.text("ab#| =\n"), min_size=1))
def test_files_come_back_but_for_empty_lines_at_their_ends(files: dict[str, str]) -> None:
    stripped = {path: text.strip("\n") + "\n" for path, text in files.items()}
    assert read_bundle(write_bundle(files)) == stripped


@pytest.mark.parametrize("text", ["", "x = 1\n", "x = 1\n# ==== file: a.py ====\n"])
def test_what_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="a bundle begins with"):
        read_bundle(text)


def test_a_candidate_has_the_files_that_may_change_and_no_other(spec: TaskSpec) -> None:
    files = read_bundle(spec.baseline)
    for changed, said in (
        ({"train.py": files["train.py"]}, "settings.json is missing"),
        ({**files, "model.py": "x = 1\n"}, "model.py may not change"),
        ({**files, "train.py": "def f(:\n"}, "train.py, line 1: "),
    ):
        with pytest.raises(SourceError, match=said):
            read_source(write_bundle(changed), spec.problem, spec.recipe)
    assert read_source(spec.baseline, spec.problem, spec.recipe).recipe == spec.recipe


def test_a_fingerprint_covers_every_file_and_forgives_layout() -> None:
    same, files = fingerprint(BUNDLE, Recipe()), read_bundle(BUNDLE)

    def level(name: str, **changed: str) -> bool:
        other = fingerprint(write_bundle(files | changed), Recipe())
        return bool(getattr(other, name) == getattr(same, name))

    assert level("text", **{"train.py": "# words\nRATE = 0.1\n\nprint( RATE )\n"})
    assert not level("tree", **{"a/b.yaml": "x: 2\n"})
    assert not level("tree", **{"train.py": "RATE = 0.2\nprint(RATE)\n"})
    assert not level("tree", **{"train.py": "RATIO = 0.1\nprint(RATIO)\n"})  # another may import it
    moved = dict(reversed(files.items()))
    assert fingerprint(write_bundle(moved), Recipe()) == same
    assert same.graph == ""


def test_constants_are_told_from_the_rest_of_a_bundle() -> None:
    assert without_constants(BUNDLE) == without_constants(BUNDLE.replace("0.1", "0.7"))
    assert without_constants(BUNDLE) != without_constants(BUNDLE.replace("print", "repr"))
