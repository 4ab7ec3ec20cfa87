"""`decision draft`, `supersede`, `check` and `import`, and `knowledge import`, by command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.core import Floor
from archwright.runs.journal import Journal
from archwright.runs.workspace.workspace import Workspace, init

RECORD = """\
---
status: {status}
date: 2026-01-31
---

# {title}

## Context and Problem Statement

Which mixer remembers keys?

## Considered Options

* {title}
* Nothing

## Decision Outcome

Chosen option: "{title}", because it works.
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return init(tmp_path / "place").root


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "adr"
    folder.mkdir()
    for number, (title, status) in enumerate(
        [("attention mixer", "accepted"), ("gru mixer", "rejected")], start=1
    ):
        text = RECORD.format(title=title, status=status)
        (folder / f"000{number}-{title.replace(' ', '-')}.md").write_text(text)
    return folder


def ask(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> Any:
    assert main([*map(str, words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_check_names_file_and_line_and_exits_with_two(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decision", "check", str(theirs)]) == 0
    assert capsys.readouterr().out == "2 records, no fault\n"
    path = theirs / "0001-attention-mixer.md"
    path.write_text(path.read_text().replace("accepted", "blue"))
    assert main(["decision", "check", str(theirs)]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{path}:2: no status 'blue'")
    assert captured.err.splitlines()[-1].startswith("archwright: 1 faults in 1 of 2 records")
    document = ask(capsys, "decision", "check", theirs, code=2)
    assert (document["records"], document["faults"][0]["line"]) == (2, 2)


def test_imported_records_are_listed_found_and_known(
    place: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = ask(capsys, "decision", "import", theirs, "--workspace", place)
    assert [d["number"] for d in document["imported"]] == [1, 2]
    assert ask(capsys, "decision", "import", theirs, "--workspace", place)["imported"] == []
    (hit, *_) = ask(capsys, "knowledge", "search", "gru mixer", "--workspace", place)
    assert (hit["kind"], hit["status"], hit["candidate"]) == ("decision", "rejected", "ADR-0002")
    assert main(["decision", "import", str(theirs), "--workspace", str(place)]) == 0
    assert "1 accepted, 1 rejected; later runs are warned of 1" in capsys.readouterr().out


def test_records_in_folders_below_are_pointed_at(
    place: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.rename(theirs.with_name("backend"))
    above, below = theirs.parent / "decisions", theirs.parent / "decisions" / "backend"
    above.mkdir()
    (theirs.parent / "backend").rename(below)
    (above / "assets").mkdir()
    words = ["decision", "import", str(above), "--workspace", str(place)]
    assert main(words) == 2
    assert capsys.readouterr().err.endswith("name one of those below it: backend\n")
    (above / "0001-all.md").write_text(RECORD.format(title="all", status="accepted"))
    document = ask(capsys, *words)
    assert len(document["imported"]) == 1
    (left,) = document["left_out"]
    assert (left["file"], "import it by itself" in left["message"]) == (str(below), True)


def test_supersede_by_command_line(
    place: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(capsys, "decision", "import", theirs, "--workspace", place)
    code = ["decision", "supersede", "1", "2", "--workspace", str(place)]
    assert main(code) == 2
    assert "decision 2 is rejected" in capsys.readouterr().err
    (theirs / "0003-delta.md").write_text(RECORD.format(title="delta rule", status="accepted"))
    ask(capsys, "decision", "import", theirs, "--workspace", place)
    document = ask(capsys, "decision", "supersede", "1", "3", "--workspace", place)
    assert (document["old"], document["new"]) == (1, 3)
    folder = Workspace.open(place).paths.decisions
    assert ask(capsys, "decision", "check", folder)["faults"] == []


def test_a_draft_strikes_what_no_journal_holds(
    place: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(capsys, "decision", "import", theirs, "--workspace", place)
    paths = Workspace.open(place).paths.run("recall-20261124-182856")
    with Journal.create(paths, {"noise": [Floor(60, 71.25, 0.5, (71.25,), 9)]}):
        pass
    context = tmp_path / "context.md"
    context.write_text("# A mixer for keys\n\nThe mixer reached 71.2 and then 88.8 %.\n")
    document = ask(capsys, "decision", "draft", "--context", context, "--workspace", place)
    assert document["unknown"] == ["88.8"]
    assert (document["number"], document["status"], document["from"]) == (3, "proposed", [1])
    text = Path(document["file"]).read_text()
    assert "The mixer reached 71.2 and then ~~88.8~~ %." in text
    assert 'Chosen option: "attention mixer", because ADR-0001 chose it' in text
    folder = Workspace.open(place).paths.decisions
    assert ask(capsys, "decision", "check", folder)["faults"] == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["draft", "--context", "/nowhere.md"], "cannot be read"),
        (["draft", "--context", "{empty}"], "the context is empty"),
        (["draft"], "--context"),
        (["draft", "--context", "{empty}", "-k", "-1"], "at least 0"),
        (["import", "/nowhere"], "not a folder"),
        (["supersede", "1", "2"], "no decision 1"),
    ],
)
def test_bad_words_are_one_line(
    place: Path, tmp_path: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.md").write_text("")
    filled = [w.format(empty=tmp_path / "empty.md") for w in words]
    assert main(["decision", *filled, "--workspace", str(place)]) == 2
    captured = capsys.readouterr()
    assert part in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err


# --- with a model -------------------------------------------------------------------------------

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

SAID = {"title": "Use the delta rule", "options": [{"name": "delta rule", "why": "exact"}],
        "chosen": "delta rule", "because": "it scored 99.9 in run x-20250101-000000",
        "consequences": ["slower"]}

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = asked["messages"][0]["content"]
        text = "```json\\n" + json.dumps(SAID) + "\\n```" if "attention mixer" in prompt else "no"
        chunks = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                  {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5,
                                            "total_tokens": 15}}]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for chunk in chunks:
            head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            self.wfile.write(b"data: " + json.dumps({**head, **chunk}).encode() + b"\\n\\n")
        self.wfile.write(b"data: [DONE]\\n\\n")

    def log_message(self, *words):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_a_model_drafts_and_is_checked(
    place: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    ask(capsys, "decision", "import", theirs, "--workspace", place)
    context = tmp_path / "context.md"
    context.write_text("Which mixer remembers keys?\n")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        words = ["--model", "m", "--base-url", url, "--price", "0,0", "--workspace", place]
        document = ask(capsys, "decision", "draft", "--context", context, *words)
    finally:
        server.kill()
        server.communicate()
    assert (document["title"], document["author"]) == ("Use the delta rule", "m")
    assert document["unknown"] == ["99.9", "x-20250101-000000"]
    assert document["spend"]["tokens"] == 15
    text = Path(document["file"]).read_text()
    assert "because it scored ~~99.9~~ in run ~~x-20250101-000000~~" in text


# --- networks that others measured --------------------------------------------------------------

NET = """\
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * {size}, out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, size in (("Good", 1024), ("Wrong", 7)):
        path = root / "ab/nn/nn" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NET.format(size=size))
        folder = root / f"ab/nn/stat/img-classification_cifar-10_acc_{name}"
        folder.mkdir(parents=True)
        trial = {"accuracy": 0.5 if name == "Good" else 0.9, "transform": "norm_32"}
        (folder / "3.json").write_text(json.dumps([trial]))
    return root


def test_networks_are_imported_checked_and_shown_to_runs(
    place: Path, wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--path", wheel, "--check", "all", "--sandbox", "process", "--workspace", place]
    document = ask(capsys, "knowledge", "import", "lemur", *words)
    counts = {k: document[k] for k in ("networks", "imported", "duplicates", "checked", "ran")}
    assert counts == {"networks": 2, "imported": 2, "duplicates": 0, "checked": 2, "ran": 1}
    assert document["failures"] == {"fails the check shapes": 1}
    prompt = ask(capsys, "prompts", "show", "researcher", "digits", "--workspace", place)["prompt"]
    assert "Good: 50.00 % on cifar-10 after 3 epochs, transform norm_32" in prompt
    assert "Wrong" not in prompt
    sequence = ask(capsys, "prompts", "show", "researcher", "recall", "--workspace", place)
    assert "Good: 50.00 %" not in sequence["prompt"]


def test_an_import_of_nothing_is_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["knowledge", "import", "lemur", "--path", str(tmp_path), "--workspace", str(place)]
    assert main(words) == 2
    assert "pip install --no-deps" in capsys.readouterr().err
    assert main([*words, "--check", "some"]) == 2
    assert "--check some is not a number" in capsys.readouterr().err
