"""HTML and Markdown as people write them: superscripts, omitted tags, short rules, comments."""

from __future__ import annotations

import pytest

from archwright.knowledge.papers.html import read_html
from archwright.knowledge.papers.markdown import read_markdown
from archwright.knowledge.papers.paper import Paper, Table

SET_OFF = [
    ("88.6<sup>3</sup>", "88.6"),
    ("88<sup>12</sup>", "88"),
    ("88.6%<sup>a</sup>", "88.6%"),
    ("88.6<sup>a, b</sup>", "88.6"),
    ("88.6<sup>[2]</sup>", "88.6"),
    ("88.6<sup>†</sup>", "88.6"),
    ("Barnet<sup>*</sup>", "Barnet"),
    ("Barnet<sup>2</sup>", "Barnet^{2}"),
    ("10<sup>-4</sup>", "10^{-4}"),
    ("2.5 × 10<sup>19</sup>", "2.5 × 10^{19}"),
    ("2<sup>16</sup>", "2^{16}"),
    ("x<sup>2</sup>", "x^{2}"),
    ("384<sup>2</sup> pixels", "384^{2} pixels"),
    ("the 3<sup>rd</sup>", "the 3rd"),
    ("AP<sup>box</sup>", "APbox"),
    ("AP<sub>75</sub>", "AP75"),
    ("CO<sub>2</sub>", "CO2"),
    ("88.6<sub>1</sub>", "88.6_{1}"),
    ("88.6<sub>±0.4</sub>", "88.6 ±0.4"),
    ("88.6<sup>±0.4</sup>", "88.6 ±0.4"),
]


def words(paper: Paper) -> str:
    return "\n".join(s.text for s in paper.sections)


def tables(paper: Paper) -> list[Table]:
    return [table for section in paper.sections for table in section.tables]


@pytest.mark.parametrize(("source", "said"), SET_OFF)
def test_what_is_set_higher_or_lower_is_no_digit(source: str, said: str) -> None:
    for text in (f"<h1>T</h1><p>It is {source} here.</p>", f"# T\n\nIt is {source} here."):
        paper = (read_html if text[0] == "<" else read_markdown)(text)
        assert f"It is {said} here." in words(paper)
    cell = f"<table><tr><th>a</th><th>b</th></tr><tr><td>x</td><td>{source}</td></tr></table>"
    (table,) = tables(read_html(f"<h1>T</h1>{cell}"))
    assert table.rows[1] == ("x", said)


def test_a_mark_behind_emphasis_and_marks_that_are_links() -> None:
    links = "<sup><a href='#fn3'>3</a></sup> of VGG<sup><a href='#bib4'>4</a></sup>"
    assert "**88.6** of VGG [4]" in words(read_html(f"<h1>T</h1><p><b>88.6</b>{links}</p>"))
    assert "It is 88.6 here." in words(read_markdown("# T\n\nIt is 88.6[^1] here."))


OPEN = {
    "cells and rows": "<tr><th>a<th>b<tr><td>1<td>2<tr><td>3<td>4",
    "groups": "<thead><tr><th>a<th>b<tbody><tr><td>1<td>2<tr><td>3<td>4",
    "a foot": "<thead><tr><th>a<th>b<tbody><tr><td>1<td>2<tfoot><tr><td>3<td>4",
    "two bodies": "<tr><th>a<th>b<tbody><tr><td>1<td>2<tbody><tr><td>3<td>4",
    "some of them": "<tr><th>a</th><th>b</tr><tr><td>1<td>2</td></tr><tr><td>3</td><td>4",
    "columns": "<colgroup><col><col><tr><th>a<th>b<tr><td>1<td>2<tr><td>3<td>4",
    "none": "<tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr><tr><td>3<td>4</td></tr>",
}


@pytest.mark.parametrize("name", OPEN)
def test_end_tags_may_be_left_out(name: str) -> None:
    (table,) = tables(read_html(f"<h1>T</h1><table>{OPEN[name]}</table>"))
    assert table.rows == (("a", "b"), ("1", "2"), ("3", "4"))


def test_a_long_table_without_end_tags_is_read() -> None:
    rows = "".join(f"<tr><td>{n}<td>x" for n in range(500))
    (table,) = tables(read_html(f"<h1>T</h1><table><tr><th>a<th>b{rows}</table>"))
    assert len(table.rows) == 501


@pytest.mark.parametrize(
    "rule", ["|-|-|", "|:-|-:|", "| :-: | - |", "-|-", ":-- | -:", "|---|---|", "| - | --- |"]
)
def test_a_rule_of_a_table_may_be_short(rule: str) -> None:
    (table,) = tables(read_markdown(f"# T\n\n| a | b |\n{rule}\n| 1 | 2 |\n| - | - |\n"))
    assert table.rows == (("a", "b"), ("1", "2"), ("-", "-"))


@pytest.mark.parametrize(
    "source",
    [
        "One <!-- secret --> two.",
        "One <!-- secret\n\nsecret -->two.",
        "One two.\n\n```\nsecret\n```",
        "One two.\n\n~~~text\nsecret\n~~~",
        "One two.\n\n```console\nsecret\n```",
    ],
)
def test_comments_and_fenced_blocks_are_no_text(source: str) -> None:
    paper = read_markdown(f"# T\n\n{source}")
    assert "secret" not in words(paper)
    assert "One two." in " ".join(words(paper).split())
    assert any("secret" in c.text for c in paper.code) or "secret" in paper.notices[0]


def test_a_comment_in_code_is_code() -> None:
    paper = read_markdown("# T\n\n```html\n<!-- kept -->\n```\n\nSee `<!--` here.")
    assert paper.code[0].text == "<!-- kept -->\n"
    assert "See `<!--` here." in words(paper)
    assert not paper.notices
