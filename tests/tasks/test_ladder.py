"""Rungs of the ladder: what their tasks read, and what stands in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from archwright.cli import main
from archwright.core import TaskError
from archwright.source.counting import count_parameters
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import SPLITS, load_task
from archwright.tasks.readers import HubCorpus, MachineCorpus, TextCorpus
from archwright.tasks.scaffold import Sources, new_task_from
from archwright.tasks.scaffold.ladder import RUNGS, draft_of_rung, rung_of

SMALL = {"length": 16, "tokens": 2_000, "scored": 300}


def documents(folder: Path, count: int = 60) -> Path:
    folder.mkdir()
    for number in range(count):
        words = hashlib.sha256(str(number).encode()).hexdigest()
        (folder / f"{number}.txt").write_text(f"{number}: {words * 4}\n")
    return folder


def windows(corpus: TextCorpus | HubCorpus | MachineCorpus, split: str) -> np.ndarray:
    batches = list(corpus.batches(split, 7))
    for x, y in batches:
        assert np.array_equal(x[:, 1:], y[:, :-1])
        assert y.dtype == np.int64
    return np.concatenate([x for x, _ in batches])


def test_documents_of_a_folder_are_in_one_split_at_every_rung(tmp_path: Path) -> None:
    folder = documents(tmp_path / "texts")
    corpus, larger = TextCorpus(folder, **SMALL), TextCorpus(folder, **{**SMALL, "tokens": 8_000})
    for split in SPLITS:
        few = windows(corpus, split)
        assert len(few) == corpus.count(split) > 0
        assert np.array_equal(windows(larger, split)[: len(few)], few)
    assert corpus.count("train") == 2_000 // 16
    assert corpus.stored == np.uint8
    train = windows(larger, "train").tobytes()
    for split in SPLITS[1:]:
        assert not any(row.tobytes() in train for row in windows(larger, split)[:, 4:])


def test_one_text_is_split_by_position(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(bytes(range(200)) * 10)
    corpus = TextCorpus(file, **SMALL)
    assert windows(corpus, "train")[0].tolist() == list(range(16))
    assert windows(corpus, "validation")[0].tolist() == [n % 200 for n in range(1_400, 1_416)]
    with pytest.raises(TaskError, match="give more of them"):
        TextCorpus(file, length=600, tokens=10, scored=10).count("train")


def test_rows_of_a_data_set_are_documents(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    texts = [path.read_text() for path in documents(tmp_path / "texts").iterdir()]
    datasets.Dataset.from_dict({"text": texts}).save_to_disk(str(tmp_path / "set"))
    corpus = HubCorpus(str(tmp_path / "set"), **SMALL)
    assert len(windows(corpus, "train")) == 2_000 // 16


def test_tokens_of_a_tokenizer(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    folder = documents(tmp_path / "texts")
    made = tokenizers.ByteLevelBPETokenizer()
    made.train([str(path) for path in folder.iterdir()], vocab_size=300)
    made.save(str(tmp_path / "tokens.json"))
    sources = Sources(ladder="bytes-64", text=folder, tokenizer=tmp_path / "tokens.json", length=8)
    made_in, said = new_task_from(tmp_path / "made", sources, count_parameters)
    spec = load_task(made_in).spec
    assert spec.metric.name == "perplexity"
    assert spec.problem.vocabulary == 300
    assert spec.problem.input_shape == (8,)
    assert any("those of tokens.json" in line for line in said)


def test_the_machine_gives_the_same_bytes_twice() -> None:
    corpus, again = (MachineCorpus(length=64, tokens=50_000, scored=4_000) for _ in range(2))
    assert np.array_equal(windows(corpus, "train"), windows(again, "train"))
    assert corpus.count("train") == 50_000 // 64


def test_a_rung_is_a_sound_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "climb"
    assert main(["task", "new", str(folder), "--ladder", "bytes-128", "--json"]) == 0
    assert "rung bytes-128" in json.loads(capsys.readouterr().out)["assumed"][0]
    assert check_folder(folder) == []
    spec, rung = load_task(folder).spec, rung_of("bytes-128")
    assert spec.rungs == rung.budgets
    assert spec.problem == rung.problem(256, spec.problem.max_params)
    assert spec.recipe == rung.recipe
    assert spec.training == rung.training
    assert "self.heads, each = 4, 32" in spec.baseline
    assert len(load_task(folder).load("validation")[0]) == rung.scored // rung.length


def test_rungs_rise_and_go_where_they_can_be_trained() -> None:
    sizes = [rung.tokens * rung.width**2 * rung.layers for rung in RUNGS]
    assert sizes == sorted(sizes)
    assert [rung.name for rung in RUNGS if rung.training.device == "cuda"] == [
        "20m",
        "340m",
        "340m-15b",
    ]
    assert {rung.name: round(rung.tokens / 1e6) for rung in RUNGS[2:]} == {
        "2m": 20,
        "20m": 400,
        "340m": 1_000,
        "340m-15b": 15_000,
    }


def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (["--ladder", "1t"], "the rungs are bytes-64, bytes-128"),
        (["--ladder", "2m", "--csv", "t.csv", "--target", "a"], "give --text or --hf, not --csv"),
        (["--ladder", "2m", "--module", "torch.nn:Linear"], "--ladder has one: give one"),
        (["--ladder", "2m", "--text", "none"], "none does not exist"),
        (["--tokenizer", "t.json"], "--tokenizer goes with --text or --ladder"),
    ):
        assert main(["task", "new", str(tmp_path / "made"), *words]) == 2
        assert said in capsys.readouterr().err


def test_a_rung_on_a_gpu_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = documents(tmp_path / "texts", 400)
    draft = draft_of_rung(rung_of("20m"), text)
    assert draft.sections["training"] == {"precision": "bf16", "accumulate": 2, "device": "cuda"}
    folder, _ = new_task_from(
        tmp_path / "made", Sources(ladder="20m", text=text, length=64), count_parameters
    )
    baseline = str(folder / "baseline.py")
    assert main(["try", baseline, "--task", str(folder)]) == 2
    assert "is trained on cuda: give it a GPU (--gpus 0" in capsys.readouterr().err
    assert main(["try", baseline, "--task", str(folder), "--gpus", "first"]) == 2
    assert "--gpus must be indices" in capsys.readouterr().err
