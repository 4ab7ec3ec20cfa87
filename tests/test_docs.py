"""The documents: their links lead somewhere, and they quote the command line as it is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as the usual Markdown hosts spell them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", FENCED.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: no such heading"


def load_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_line_page_is_what_the_commands_say() -> None:
    # Python versions break usage lines in different places: only the words are compared.
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split()
    assert written == load_writer().page().split(), "docs/cli.md is stale: run `make docs`"


def test_the_command_line_page_depends_on_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    page = load_writer().page()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert load_writer().page() == page
    assert "\x1b" not in page


def test_the_keywords_of_discover_are_what_the_settings_are() -> None:
    writer = load_writer()
    written = writer.KEYWORDS.read_text(encoding="utf-8")
    assert written == writer.keyword_module(), "archwright/keywords.py is stale: run `make docs`"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_readmes_program_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 12
    program, budgets = re.subn(r"max_trials=\d+", "max_trials=7", program)
    assert budgets == 1
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "trials" in done.stdout
