"""Reads HTML: mathematics first, hidden elements out, then as the Markdown that it comes to."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import replace
from typing import Any, Final

from bs4 import BeautifulSoup, Comment
from markdownify import MarkdownConverter

from archwright.knowledge.papers.markdown import lowered, raised, read_markdown
from archwright.knowledge.papers.paper import Paper

_DROPPED: Final = "script, style, noscript, template, nav, iframe, object, svg, button, form"
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)

_SPAN_AT_MOST: Final = 100
_GROUPS: Final = ("thead", "tbody", "tfoot", "caption", "colgroup")
_INSIDE: Final = {
    **dict.fromkeys(("thead", "tbody", "tfoot"), _GROUPS),
    "tr": ("tr", "caption", "colgroup"),
    **dict.fromkeys(("td", "th"), ("td", "th")),
}
"""What ends before each part of a table, whether a tag says so or not."""
_BLOCKS: Final = ("td", "th", "p", "li", "div", "section", "article", "figcaption", "caption")
_CITED = re.compile(r"#.*(?:ref|bib|cit|CR)\w*", re.IGNORECASE)


def read_html(text: str) -> Paper:
    """The paper in an HTML page."""
    soup = BeautifulSoup(text, "html.parser")
    for table in soup.find_all("table"):
        _close_cells(table)
    title = _title(soup)
    hidden = _drop(soup)
    _show_mathematics(soup)
    for element in soup.find_all(["sup", "sub"]):
        element.replace_with(_set_off(element))
    soup.smooth()
    for table in soup.find_all("table"):
        _lift_caption(table)
        _fill_spans(table)
    body = soup.find("article") or soup.body or soup
    converter = MarkdownConverter(
        heading_style="ATX", strip=["a", "img"], escape_misc=False, escape_asterisks=False,
        escape_underscores=False, code_language_callback=_language, bullets="-",
    )  # fmt: skip
    paper = read_markdown(converter.convert_soup(body))
    notices = (f"text that the page hides was left out: {hidden[:80]!r}",) if hidden else ()
    return replace(paper, kind="html", title=title or paper.title, notices=notices)


def _title(soup: Any) -> str:
    cited = soup.find("meta", attrs={"name": "citation_title"})
    heading = soup.find("h1")
    if cited is not None and cited.get("content"):
        return str(cited["content"]).strip()
    found = heading if heading is not None else soup.title
    return " ".join(found.get_text(" ").split()) if found is not None else ""


def _drop(soup: Any) -> str:
    """Take out what is no text of the page; returns what of it was hidden text."""
    for comment in soup.find_all(string=lambda s: isinstance(s, Comment)):
        comment.extract()
    for element in soup.select(_DROPPED):
        element.decompose()
    hidden = []
    for element in soup.find_all(_is_hidden):
        if not element.decomposed:
            hidden.append(element.get_text(" "))
            element.decompose()
    return " ".join(" ".join(hidden).split())


def _is_hidden(element: Any) -> bool:
    return element.has_attr("hidden") or bool(_HIDDEN.search(element.get("style") or ""))


def _show_mathematics(soup: Any) -> None:
    """`<math>` as `$...$`: its `alttext`, or the TeX that is annotated in it."""
    for math in soup.find_all("math"):
        note = math.find("annotation", attrs={"encoding": "application/x-tex"})
        tex = math.get("alttext") or (note.get_text() if note is not None else math.get_text(" "))
        mark = "$$" if math.get("display") == "block" else "$"
        math.replace_with(f"{mark}{' '.join(tex.split())}{mark}")
    for table in soup.select("table.ltx_equation, table.ltx_equationgroup"):
        table.name = "div"
        for cell in table.find_all(["tbody", "tr", "td", "th"]):
            cell.name = "span"


def _set_off(element: Any) -> str:
    """What is set higher or lower, in a line of text; a superscript that links to a reference is a
    citation."""
    said = " ".join(element.get_text().split())
    link = element.find("a")
    if link is not None and _CITED.search(link.get("href") or ""):
        return f" [{said.strip('[]()')}]"
    return (raised if element.name == "sup" else lowered)(said, _before(element))


def _before(element: Any) -> str:
    """The text right before an element, in its own paragraph or cell."""
    text = element.find_previous(string=True)
    here = text is not None and text.find_parent(_BLOCKS) is element.find_parent(_BLOCKS)
    return str(text) if here else ""


def _close_cells(table: Any) -> None:
    """Put cells, rows and groups of rows side by side where their end tags are left out, as HTML
    allows: the parser has each inside of the one before it."""
    for element in table.find_all(list(_INSIDE)):
        if not _is_of(table, element):
            continue
        holders = [h for h in element.find_parents(_INSIDE[element.name]) if _is_of(table, h)]
        if element.name in ("td", "th"):
            holders = [h for h in holders if h.find_parent("tr") is element.find_parent("tr")]
        if holders:
            holders[-1].insert_after(element.extract())
    for group in table.find_all(["tbody", "tfoot"]):
        group.unwrap()  # else the first row of each would pass for a header
    for columns in table.find_all(["colgroup", "col"]):
        columns.extract()  # else the first row would pass for none


def _is_of(table: Any, element: Any) -> bool:
    return element.find_parent("table") is table


def _lift_caption(table: Any) -> None:
    """Put a caption before its table: within it, the row below would not pass for the header."""
    if table.caption is not None:
        caption = table.caption.extract()
        caption.name = "p"
        table.insert_before(caption)


def _fill_spans(table: Any) -> None:
    """Repeat a cell in every column and row that it spans, so that each stands under its heads."""
    open_spans: dict[int, tuple[Any, int]] = {}  # by column: the cell, and rows that it goes on for
    for row in table.find_all("tr"):
        if row.find_parent("table") is not table:
            continue
        cells, filled = list(row.find_all(["td", "th"], recursive=False)), list[Any]()
        spans = {c: span for c, span in open_spans.items() if span[1] > 0}
        open_spans = {c: (cell, left - 1) for c, (cell, left) in spans.items()}
        while cells or len(filled) in spans:
            column = len(filled)
            if column in spans:
                filled.append(copy(spans[column][0]))
                continue
            cell = cells.pop(0)
            rows = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                open_spans[len(filled)] = (cell, rows - 1)
                filled.append(copy(cell))
        row.clear()
        row.extend(filled)


def _span(cell: Any, name: str) -> int:
    """How many columns or rows a cell takes; what is not a number is 1."""
    said = str(cell.attrs.pop(name, "1")).strip()
    return min(max(int(said), 1), _SPAN_AT_MOST) if said.isdecimal() else 1


def _language(element: Any) -> str:
    names = " ".join([*element.get("class", []), *_classes_of_code(element)])
    found = re.search(r"(?:language|lang|highlight)-(\w+)", names)
    return found[1] if found else "python" if re.search(r"\b(?:def|import)\b", element.text) else ""


def _classes_of_code(element: Any) -> list[str]:
    inner = element.find("code")
    return list(inner.get("class", [])) if inner is not None else []
