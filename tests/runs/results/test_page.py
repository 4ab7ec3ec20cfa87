"""The page: complete, self-contained, small, and safe with texts from strangers."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from page_journals import fill_journal

from archwright.core import METRICS, RunError
from archwright.runs.journal import Journal
from archwright.runs.results.evidence import Evidence, gather_evidence
from archwright.runs.results.observing import observe
from archwright.runs.results.page import render_page, write_page
from archwright.runs.results.snapshot import Baseline, Snapshot
from archwright.runs.results.summary import discoveries

HOSTILE = (
    "\"'><script>pwn()</script><img src=x onerror=pwn()></style></title>{{ 7*7 }}{% raw %}"
    "</details></svg><svg onload=pwn()>&lt;b&gt;$\\frac{1}{2}$\u202eabc\x1b[31m\x00"
)
VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def tables(self) -> dict[str, list[list[str]]]:
        """The CSV behind each data link, by file name."""
        links = {a["download"]: a["href"] for tag, a in self.tags if tag == "a"}
        return {
            name: list(csv.reader(io.StringIO(unquote(link.partition(",")[2]))))
            for name, link in links.items()
        }


def render(journal: Journal) -> str:
    snapshot = observe(journal)
    return render_page(snapshot, gather_evidence(journal, snapshot))


@pytest.fixture(params=[0, 3, 40, 2000])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with fill_journal(tmp_path, request.param) as filled:
        yield filled


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Journal]:
    with fill_journal(tmp_path, 40) as filled:
        yield filled


def test_a_run_of_any_size_gives_a_whole_and_small_page(journal: Journal) -> None:
    html = render(journal)
    page = Page(html)
    assert page.open == []
    assert len(html) < 2_000_000
    assert len([tag for tag, _ in page.tags if tag == "tr"]) < 60
    assert "not measured" in page.text


def test_the_page_needs_nothing_else_and_forbids_the_rest(journal: Journal) -> None:
    html = render(journal)
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "form", "base"}
    assert "http-equiv" in html
    for _, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        for key in ("href", "src", "xlink:href"):
            assert attributes.get(key, "#").startswith(("#", "data:"))
    (policy,) = (a["content"] for tag, a in page.tags if "http-equiv" in a)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style[1]


def test_ids_are_unique_and_references_resolve(small: Journal) -> None:
    page = Page(render(small))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = [a.get("href", "#") for tag, a in page.tags if tag == "use"]
    wanted += [a["clip-path"][4:-1] for _, a in page.tags if "clip-path" in a]
    assert wanted
    assert {name.removeprefix("#") for name in wanted} <= set(ids)


def test_drawings_take_every_colour_from_the_page(small: Journal) -> None:
    html = render(small)
    body = html.partition("</style>")[2]
    assert not re.search(r"#[0-9a-fA-F]{6}\b", body)
    drawn = [a for tag, a in Page(html).tags if tag == "svg" and a.get("role") == "img"]
    assert len(drawn) == 10
    assert all(a["aria-label"] for a in drawn)


def test_what_was_found_stands_first_and_in_words(small: Journal) -> None:
    text = Page(render(small)).text
    found = discoveries(observe(small))[0].candidate
    for words in (
        f"1 discovery Candidate {found} (widen to {found}) scores 94.00 %: over the baseline",
        "it gains +2.50 points (+1.00 to +4.00), p 0.02 on the sealed test split, with 5 seeds",
        "sealed test split +3.00 points +1.00 to +4.00 0.01",
        "Shrunk for having been selected, the gain is +1.25 points.",
        "To settle it: more seeds.",
        "Suspicion: too good too early",
        "it must land in 92 to 96 %",
        f"archwright review digits-one accept {found} --reason WHY",
        "The sealed test split was opened for 1 of them.",
        "reads are not confined",
    ):
        assert words in text
    assert text.index("What to do next") < text.index("The search") < text.index("Scorecard")


def test_every_chart_has_its_data(small: Journal) -> None:
    tables = Page(render(small)).tables()
    snapshot = observe(small)
    top = [r for r in snapshot.candidates if r.rung == 1]
    assert [row[1:] for row in tables["best.csv"][1:]] == [[r.id, r.arm, str(r.score)] for r in top]
    assert [row[:3] for row in tables["parameters.csv"][1:]] == [
        [r.id, r.arm, str(r.parameters)] for r in top
    ]
    assert [int(row[1]) for row in tables["funnel.csv"][1:]] == [40, 34, 28, 23, 14, 3, 1]
    assert len(tables["verdicts.csv"]) == 1 + 6
    assert len(tables["candidates.csv"]) == 1 + 40
    assert sum(int(row[2]) for row in tables["failures.csv"][1:]) == 17
    ((found, seconds),) = tables["compute.csv"][1:]
    assert found == discoveries(snapshot)[0].candidate
    assert 0 < float(seconds) < snapshot.spend.training_seconds
    assert len(tables["curve-1.csv"]) == 1 + 2 * 15
    gained = tables["gains.csv"][1:]
    assert sorted(row[1] for row in gained) == sorted(r.id for r in top if r.gain is not None)
    for arm in ("search", "control"):
        mine = [r for r in top if r.arm == arm and r.gain is not None]
        clear = sum((r.gain or 0.0) / (2 / r.seeds) ** 0.5 > 2 for r in mine)
        shown = [row for row in gained if row[0] == arm]
        assert int(shown[-1][3]) == clear
        assert [float(row[2]) for row in shown] == sorted(float(row[2]) for row in shown)


def test_texts_from_strangers_change_nothing_but_text(tmp_path: Path) -> None:
    with fill_journal(tmp_path / "plain", 40, "words") as plain:
        expected = Page(render(plain))
    with fill_journal(tmp_path / "hostile", 40, HOSTILE) as hostile:
        html = render(hostile)
    page = Page(html)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in expected.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in expected.tags]
    assert "{{ 7*7 }}" in page.text
    assert not set(html) & {"\u202e", "\x1b", "\x00"}


def test_what_utf_8_cannot_write_is_left_out(small: Journal) -> None:
    seen = observe(small)
    rows = tuple(replace(row, title="a\ud800b", source="x = '\ud800'") for row in seen.candidates)
    html = render_page(replace(seen, candidates=rows), gather_evidence(small, seen))
    assert html.encode().decode() == html
    assert "· ab" in html


def test_a_formula_in_a_title_is_text_in_the_data(tmp_path: Path) -> None:
    with fill_journal(tmp_path, 3) as journal:
        first = journal.candidate("1")
        assert first is not None
        journal.update(replace(first, title="=cmd|' /C calc'!A0"))
        rows = Page(render(journal)).tables()["candidates.csv"]
    assert rows[1][1] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("state", "metric"),
    [
        ("running", "accuracy"),
        ("stopped", "bits_per_character"),
        ("interrupted", "mean_squared_error"),
        ("finished", "bits_per_character"),
        ("failed", "mean_squared_error"),
    ],
)
def test_any_state_and_metric_can_be_shown(small: Journal, state: str, metric: str) -> None:
    seen = observe(small)
    evidence = gather_evidence(small, seen)
    shown = replace(seen, state=state, metric=METRICS[metric])  # type: ignore[arg-type]
    assert Page(render_page(shown, evidence)).open == []
    bare = replace(shown, baseline=None, best=None, verdicts=(), control=None, candidates=())
    assert Page(render_page(bare, Evidence())).open == []


def test_numbers_that_are_not_finite_can_be_shown(small: Journal) -> None:
    seen = observe(small)
    odd, none = float("inf"), float("nan")
    verdict = seen.verdicts[0]
    compared = tuple(replace(c, interval=(-odd, odd), p=none) for c in verdict.comparisons)
    verdicts = (replace(verdict, interval=(-odd, odd), comparisons=compared), *seen.verdicts[1:])
    baseline = Baseline(91.0, none, (91.0,), 9_000)
    curve = ((10, none), (20, odd), (30, 1.0))
    evidence = replace(gather_evidence(small, seen), curves={verdict.candidate: (curve,)})
    shown: Snapshot = replace(seen, verdicts=verdicts, baseline=baseline)
    assert Page(render_page(shown, evidence)).open == []


def test_the_page_is_written_whole_beside_the_journal(small: Journal, tmp_path: Path) -> None:
    snapshot = observe(small)
    default = write_page(small, snapshot)
    assert default == small.paths.root / "report.html"
    assert write_page(small, snapshot, tmp_path / "other.html").read_text() == default.read_text()
    assert not list(tmp_path.rglob("*.part"))
    with pytest.raises(RunError, match="--html FILE"):
        write_page(small, snapshot, tmp_path / "missing" / "page.html")
    with pytest.raises(RunError, match="--html FILE"):
        write_page(small, snapshot, tmp_path)
    with pytest.raises(RunError, match="--html FILE"):
        write_page(small, snapshot, default / "page.html")


def test_the_same_run_gives_the_same_page(small: Journal) -> None:
    assert render(small) == render(small)
