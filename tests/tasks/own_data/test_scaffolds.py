"""New tasks from one's own data or architecture: what is refused, and one's own network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archwright.cli import main
from archwright.source.counting import count_parameters
from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task
from archwright.tasks.scaffold import Sources, new_task_from

Refused = Callable[..., str]


def images(folder: str, *classes: str, count: int = 8) -> None:
    rng = np.random.default_rng(len(folder))
    for name in classes:
        place = Path(folder) / name
        place.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (5, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")


def table(*lines: str, count: int = 30) -> None:
    made = [line.format(n=n, m=n % 2) for n in range(count) for line in lines[1:]]
    Path("t.csv").write_text("\n".join([lines[0], *made]) + "\n")


def test_images_are_refused_with_the_reason(refused: Refused) -> None:
    images("one", "a")
    assert "has 1 sub-folders, and each is a class" in refused("--images", "one")
    images("two", "a", "b")
    (Path("two") / "c").mkdir()
    assert "class 'c' is empty" in refused("--images", "two")
    images("few", "a", count=8)
    images("few", "b", count=3)
    assert "class 'b' has 3 images" in refused("--images", "few")
    Path("two/a/0.png").write_text("no image")
    (Path("two") / "c").rmdir()
    assert "0.png is not a readable image" in refused("--images", "two")
    images("masks", "")
    Path("masks/3.png").unlink()
    images("photos", "")
    assert "3.png has no mask of the same name" in refused("--images", "photos", "--masks", "masks")
    Path("photos/3.png").unlink()
    Path("photos/4.png").unlink()
    assert "4.png has no image of the same name" in refused(
        "--images", "photos", "--masks", "masks"
    )
    assert "--masks goes with --images" in refused("--masks", "masks")
    assert "none does not exist" in refused("--images", "none")


def test_tables_are_refused_with_the_reason(refused: Refused) -> None:
    table("size,price,name", "{n}.5,{n}.25,x{m}")
    assert "did you mean 'price'?" in refused("--csv", "t.csv", "--target", "prize")
    assert "needs --target" in refused("--csv", "t.csv")
    assert "need" in refused("--csv", "t.csv", "--target", "price", "--forecast", "9")
    assert "--window goes with --forecast" in refused(
        "--csv", "t.csv", "--target", "price", "--window", "9"
    )
    assert "did you mean 'name'?" in refused(
        "--csv", "t.csv", "--target", "price", "--group", "nam"
    )
    table("size,price", "{n}.5,{n}.25", "{n},nan")
    assert "'nan' is not a number, and a target must have one" in refused(
        "--csv", "t.csv", "--target", "price"
    )
    Path("t.csv").write_text("a,b\n" + "1.5,x\n2.5,y\n" * 20 + "7.5,z\n")
    assert "has 1 line of the class 'z'" in refused("--csv", "t.csv", "--target", "b")
    Path("t.csv").write_text("a,b\n" + "1.5,x\n2.5,x\n" * 20)
    assert "holds the class 'x' alone" in refused("--csv", "t.csv", "--target", "b")
    Path("t.csv").write_text("a,b\n1,2,3\n")
    assert "line 2 has 3 columns, the first has 2" in refused("--csv", "t.csv", "--target", "b")


def test_the_rest_is_refused_with_the_reason(refused: Refused) -> None:
    np.savez("data.npz", first=np.zeros(3), second=np.zeros(3))
    assert "holds first, second: name the inputs x" in refused("--npz", "data.npz")
    np.savez("data.npz", x=np.zeros((9, 2)), y=np.full(9, np.nan))
    assert "9 values that are not finite numbers" in refused("--npz", "data.npz")
    np.savez("data.npz", edges=np.array([[0], [9]]), labels=np.zeros(3))
    assert "names the node 9" in refused("--npz", "data.npz")
    Path("text.txt").write_text("short")
    assert "take a longer text" in refused("--text", "text.txt")
    assert "not a file of the package tokenizers" in refused(
        "--text", "text.txt", "--tokenizer", "text.txt"
    )
    assert "are two tasks" in refused("--text", "text.txt", "--npz", "data.npz")
    assert "--script takes the folder" in refused("--script", "text.txt")


X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 2


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (X[:0], Y[:0], "data.npz holds no samples"),
        (X, np.int64(1), "data.npz holds no samples"),
        (X.astype(np.complex64), Y, "data.npz is of the type complex64: store it as numbers"),
        (X.astype("datetime64[s]"), Y, "is of the type datetime64[s]"),
        (np.where(X.max() == X, np.nan, X), Y, "data.npz has 1 values that are not finite numbers"),
        (X.astype(np.float64) * 1e300, Y, "beyond 3.40282e+38, the limit of float32: scale it"),
        (np.int64(9 * X) * 10**9, Y, "which are not tokens: store it as float32"),
        (X, np.eye(2)[Y], "store its classes, y.argmax(1), or say --kind labels"),
    ],
)
def test_arrays_are_refused_with_the_reason(refused: Refused, x: Any, y: Any, said: str) -> None:
    np.savez("data.npz", x=x, y=y)
    assert said in refused("--npz", "data.npz")


def test_a_target_that_is_held_out_is_looked_at_too(refused: Refused) -> None:
    scores = np.linspace(0, 1, 40)
    np.savez("data.npz", x_train=X, y_train=scores, x_test=X, y_test=np.append(scores[1:], np.nan))
    said = refused("--npz", "data.npz")
    assert said.startswith("y_test in ")
    assert said.endswith("data.npz has 1 values that are not finite numbers: fill them in")


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04 no archive"])
def test_what_is_no_archive_is_refused_with_what_makes_one(
    refused: Refused, content: bytes
) -> None:
    Path("data.npz").write_bytes(content)
    assert "is not a .npz file of arrays: write one with numpy.savez" in refused(
        "--npz", "data.npz"
    )


@pytest.mark.parametrize(
    ("x", "y"),
    [(X, Y[:, None]), (X.astype(object), Y), (X.astype(">f8"), Y.astype(">i4"))],
    ids=["a column of classes", "numbers as objects", "big-endian"],
)
def test_arrays_in_another_form_are_the_same_task(x: Any, y: Any) -> None:
    np.savez("data.npz", x=x, y=y)
    folder, _ = new_task_from("made", Sources(npz=Path("data.npz")), count_parameters)
    assert check_folder(folder) == []
    problem = load_task(folder).spec.problem
    assert (problem.input_shape, problem.output_shape) == ((3,), (2,))


@pytest.mark.parametrize("cell", ["$1200.{n:02}", "1,2{n:02}.00", "3,{n:02}", "{n}.5 %"])
def test_numbers_for_people_are_refused_as_such(refused: Refused, cell: str) -> None:
    lines = [f'{n}.25,"{cell.format(n=n)}"' for n in range(40)]
    Path("t.csv").write_text("\n".join(["size,price", *lines]) + "\n")
    assert "write numbers with digits and a point alone" in refused(
        "--csv", "t.csv", "--target", "price"
    )


def test_text_in_another_encoding_is_refused_with_what_to_do(refused: Refused) -> None:
    Path("t.csv").write_text("größe,price\n1,2\n", encoding="latin-1")
    assert "save it as CSV in UTF-8" in refused("--csv", "t.csv", "--target", "price")


def test_images_in_folders_of_splits_and_lost_ones_are_refused(refused: Refused) -> None:
    for split in ("train", "val", "test"):
        images(f"parted/{split}", "a", "b")
    assert "a sub-folder for each split (test, train, val)" in refused("--images", "parted")
    images("linked", "a", "b")
    Path("linked/a/9.png").symlink_to("gone.png")
    assert "9.png cannot be read (No such file" in refused("--images", "linked")


def test_a_tokenizer_gives_the_vocabulary() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {"[UNK]": 0, **{f"w{n}": n + 1 for n in range(20)}}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save("words.json")
    drawn = np.random.default_rng(0).integers(25, size=4_000)
    Path("text.txt").write_text(" ".join(f"w{number}" for number in drawn))
    sources = Sources(text=Path("text.txt"), tokenizer=Path("words.json"), length=16)
    folder, _ = new_task_from("lm", sources, count_parameters)
    assert check_folder(folder) == []
    spec = load_task(folder).spec
    assert spec.problem.vocabulary == 21
    assert spec.metric.name == "perplexity"


def test_a_data_set_on_disk_is_read_by_its_columns() -> None:
    datasets = pytest.importorskip("datasets")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (60, 9, 9), dtype=np.uint8)
    pictures = [Image.fromarray(one) for one in pixels]
    labels = [("cat", "dog")[n % 2] for n in range(60)]
    datasets.Dataset.from_dict({"image": pictures, "label": labels}).save_to_disk("hub")
    folder, assumed = new_task_from("animals", Sources(hf="hub"), count_parameters)
    assert check_folder(folder) == []
    assert load_task(folder).spec.problem.input_shape == (1, 9, 9)
    assert any("images, brought to 9 x 9" in line for line in assumed)


# --- a network of one's own -----------------------------------------------------------------------

LAYERS = """\
from torch import nn


def block(width, wide):
    return nn.Sequential(nn.Linear(width, wide), nn.ReLU())
"""
NETS = """\
raise_if_run = 1 / 0 if __name__ == "never" else 1

from torch import nn

from mine.parts.layers import block as make_block


class SmallNet(nn.Module):
    def __init__(self, in_features, depth, num_classes, hidden=16):
        super().__init__()
        layers = [make_block(in_features if n == 0 else hidden, hidden) for n in range(depth)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, num_classes))

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be run to be read."""
    folder = Path("mine")
    (folder / "parts").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('it was run')\n")
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "layers.py").write_text(LAYERS)
    (folder / "nets.py").write_text(NETS)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return folder


@pytest.mark.usefixtures("package")
def test_a_network_of_ones_own_is_the_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["task", "new", "own", "--module", "mine.nets:SmallNet", "--map", "depth=2"]
    assert main(words) == 0
    text = Path("own/baseline.py").read_text()
    assert "in_features=input_shape[-1], depth=2, num_classes=output_shape[-1])" in text
    capsys.readouterr()
    assert main(["task", "check", "own", "--json"]) == 0, capsys.readouterr().out
    assert json.loads(capsys.readouterr().out)["parameters"] == 48 + 272 + 51


@pytest.mark.usefixtures("package")
def test_a_network_is_refused_with_the_reason(refused: Refused, package: Path) -> None:
    assert "needs an argument 'depth'" in refused("--module", "mine.nets:SmallNet")
    assert "did you mean SmallNet?" in refused("--module", "mine.nets:SmalNet")
    assert "no module 'mine.net'" in refused("--module", "mine.net:SmallNet")
    assert "PACKAGE.MODULE:CLASS" in refused("--module", "mine.nets")
    assert "did you mean depth?" in refused("--module", "mine.nets:SmallNet", "--map", "dept=2")
    (package / "nets.py").write_text("import mine.parts.layers\n" + NETS)
    assert "nets.py line 1 imports mine.parts.layers as a module" in refused(
        "--module", "mine.nets:SmallNet", "--map", "depth=2"
    )
