"""What a PDF looks like and how it is read: columns, tables, running heads, titles, scans."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF
from PIL import Image

from archwright.knowledge.papers.paper import Paper, UnreadableError
from archwright.knowledge.papers.pdf import read_pdf

LEFT = "This left column line talks about recall {}"
RIGHT = "And the right column line goes on here {}"
HEBREW_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def at(pdf: FPDF, x: float, y: float, text: str, size: int = 10, style: str = "") -> None:
    """Text at a place in millimetres."""
    pdf.set_font("Helvetica", style, size)
    pdf.text(x, y, text)


def read(pdf: FPDF) -> Paper:
    return read_pdf(bytes(pdf.output()))


def words(paper: Paper) -> str:
    return "\n".join(f"{s.name}\n{s.text}" for s in paper.sections)


def two_columns(pdf: FPDF, top: float, lines: int = 20) -> None:
    """Two columns whose lines stand in the file by turns."""
    for i in range(lines):
        at(pdf, 20, top + 5 * i, LEFT.format(i))
        at(pdf, 112, top + 5 * i, RIGHT.format(i))


def test_two_columns_are_read_one_after_the_other() -> None:
    pdf = FPDF()
    pdf.set_title("Microsoft Word - draft_v3.docx")
    for page in range(3):
        pdf.add_page()
        at(pdf, 80, 10, "A running head", 8)
        at(pdf, 105, 290, str(page + 1), 8)
        if page == 0:
            at(pdf, 50, 20, "Decaying States for Long", 18)
            at(pdf, 60, 28, "Sequences of Tokens", 18)
            for i in range(3):
                at(
                    pdf,
                    20,
                    44 + 5 * i,
                    "The abstract is set over the whole width of the page, " * 2,
                )
        two_columns(pdf, 70)
        at(pdf, 20, 174, f"* A note at the foot of page {page}", 8)
    paper = read(pdf)
    assert paper.title == "Decaying States for Long Sequences of Tokens"
    lines = [line for line in words(paper).replace("\f", "").splitlines() if line]
    assert "A running head" not in lines
    assert not any(line.isdigit() for line in lines)
    first = lines.index(LEFT.format(0))
    assert lines[first : first + 20] == [LEFT.format(i) for i in range(20)]
    assert lines[first + 20].startswith("* A note")
    assert lines[first + 21 : first + 41] == [RIGHT.format(i) for i in range(20)]
    assert "The abstract" in lines[first - 1]


BLEU = (
    ("", "BLEU", "BLEU", "Training cost", "Training cost"),
    ("Model", "EN-DE", "EN-FR", "EN-DE", "EN-FR"),
    ("ByteNet [18]", "23.75", "", "", ""),
    ("GNMT + RL", "24.6", "39.92", "2.3e19", "1.4e20"),
    *(("Our own models",) * 5,),
    ("Ours (big)", "28.4", "41.8", "2.3e19", ""),
)


def table(pdf: FPDF, top: float) -> None:
    """`BLEU`, with what spans two columns set over their middle."""
    columns = (20, 65, 88, 125, 150)
    at(pdf, 76, top, "BLEU")
    at(pdf, 131, top, "Training cost")
    for row, cells in enumerate(BLEU[1:], start=1):
        for x, cell in zip(columns, cells[:1] if len(set(cells)) == 1 else cells, strict=False):
            at(pdf, x, top + 5 * row, cell)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("over", [True, False], ids=["caption over it", "caption under it"])
def test_a_table_has_its_numbers_as_cells(columns: int, over: bool) -> None:
    pdf = FPDF()
    pdf.add_page()
    table(pdf, 32)
    caption = "Table 1: BLEU of the models on both test sets, over all seeds that were run."
    at(pdf, 40, 25 if over else 67, caption)
    if columns == 2:
        two_columns(pdf, 80)
    else:
        for i in range(20):
            at(pdf, 20, 80 + 5 * i, "Running text over the width of the page follows. " * 2)
    paper = read(pdf)
    (found,) = paper.tables
    assert (found.label, found.caption) == ("Table 1", caption.removeprefix("Table 1: "))
    assert found.rows == BLEU
    assert "GNMT + RL | 24.6 | 39.92 | 2.3e19 | 1.4e20" in words(paper)


def test_what_stands_in_a_figure_is_no_heading() -> None:
    pdf = FPDF()
    pdf.add_page()
    at(pdf, 20, 20, "A Paper with a Figure in It", 18)
    at(pdf, 20, 30, "1 Introduction", 12, "B")
    for i in range(6):
        at(pdf, 20, 36 + 5 * i, "Running text over the width of the page goes on here. " * 2)
    at(pdf, 40, 80, "2 Encoder", 12, "B")
    at(pdf, 120, 80, "3 Decoder", 12, "B")
    at(pdf, 60, 95, "Figure 1: The parts of it.")
    at(pdf, 20, 110, "2 Method", 12, "B")
    for i in range(6):
        at(pdf, 20, 116 + 5 * i, "Running text over the width of the page goes on here. " * 2)
    titles = [s.title for s in read(pdf).sections if s.title]
    assert titles == ["Introduction", "Method"]


def test_words_that_a_lines_end_cuts_are_whole() -> None:
    pdf = FPDF()
    pdf.add_page()
    lines = ["A Title of This Paper", "A plain line with a state-of-the-", "art result and atten-",
             "tion over long se-", "quences. A state-of-the-art result."]  # fmt: skip
    for i, line in enumerate(lines):
        at(pdf, 20, 30 + 5 * i, line, 10 if i else 18)
    said = words(read(pdf))
    for whole in ("a state-of-the-art\n", "attention\n", "sequences.\n"):
        assert whole in said


# --- titles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    ["", "untitled", "Microsoft Word - x.doc", "arXiv:2501.00089v2", "main.tex", "þÿ\x00T\x00i",
     "Formatting Instructions for ICLR 2025 Conference Submissions"],
)  # fmt: skip
def test_a_title_that_is_none_gives_way_to_the_largest_type(said: str) -> None:
    pdf = FPDF()
    pdf.set_title(said)
    pdf.add_page()
    at(pdf, 20, 15, "Journal of Machine Learning", 22)
    at(pdf, 20, 30, "States That Decay, and", 16)
    at(pdf, 20, 37, "What They Forget", 16)
    at(pdf, 20, 50, "A. Author", 11)
    at(pdf, 20, 60, "We train the network on tokens and look at what it recalls.")
    assert read(pdf).title == "States That Decay, and What They Forget"


@pytest.mark.parametrize("sizes", [(24, 18), (14, 14)])
def test_the_title_of_a_thesis(sizes: tuple[int, int]) -> None:
    university, title = sizes
    pdf = FPDF()
    pdf.add_page()
    at(pdf, 30, 30, "UNIVERSITY OF SOMEWHERE", university)
    at(pdf, 30, 40, "Faculty of Informatics", university)
    at(pdf, 30, 80, "On the Memory of Recurrent", title)
    at(pdf, 30, 88, "Networks with Gates", title)
    at(pdf, 30, 110, "by", title)
    at(pdf, 30, 120, "Ada Author", title)
    at(pdf, 30, 150, "A dissertation submitted in partial fulfilment", title)
    at(pdf, 30, 158, "of the requirements for the degree of Doctor of Philosophy", title)
    assert read(pdf).title == "On the Memory of Recurrent Networks with Gates"


# --- scans ----------------------------------------------------------------------------------------


def scan(pdf: FPDF) -> None:
    pdf.add_page()
    pdf.image(Image.new("RGB", (40, 56)), 0, 0, 210, 297)


def test_pages_of_one_word_are_no_scan() -> None:
    pdf = FPDF()
    for word in ("Silence", "Attention", "Recall"):
        pdf.add_page()
        at(pdf, 90, 140, word, 24)
    paper = read(pdf)
    assert paper.pages == 3
    assert "Recall" in words(paper)


def test_pages_that_pictures_cover_are_scans_whatever_a_scanner_wrote_on_them() -> None:
    pdf = FPDF()
    for number in range(3):
        scan(pdf)
        at(pdf, 20, 290, f"scan {number}")
    with pytest.raises(UnreadableError, match=r"scanned.*ocrmypdf"):
        read(pdf)


def test_a_scanned_page_among_others_is_named() -> None:
    pdf = FPDF()
    pdf.add_page()
    at(pdf, 20, 30, "A Title of This Paper", 18)
    for i in range(6):
        at(pdf, 20, 40 + 5 * i, "Running text over the width of the page goes on here.")
    scan(pdf)
    (notice,) = read(pdf).notices
    assert "scanned): 2" in notice


@pytest.mark.skipif(not HEBREW_FONT.is_file(), reason="no font with Hebrew letters")
def test_right_to_left_text_is_read_in_its_order() -> None:
    line = "שלום לכל העולם הזה פעמים"
    pdf = FPDF()
    pdf.add_font("D", "", str(HEBREW_FONT))
    pdf.add_page()
    pdf.set_font("D", "", 18)
    # In a PDF letters stand as they look, from left to right.
    pdf.text(60, 20, "כותרת המאמר"[::-1])
    pdf.set_font("D", "", 10)
    for i in range(4):
        pdf.text(60, 40 + 6 * i, line[::-1])
    paper = read(pdf)
    assert paper.title == "כותרת המאמר"
    assert words(paper).count(line) == 4
