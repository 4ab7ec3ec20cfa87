"""LaTeX as journals' samples, manuals and theses hold it: encodings, examples, titles, heads."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.knowledge.papers.paper import Paper
from archwright.knowledge.papers.reading import kind_of, read_paper


def read(folder: Path, body: str, head: str = "", encoding: str = "utf-8") -> Paper:
    text = f"\\documentclass{{article}}{head}\\begin{{document}}{body}\\end{{document}}"
    (folder / "main.tex").write_bytes(text.encode(encoding))
    return read_paper(folder)


def told(folder: Path, body: str, head: str = "", encoding: str = "utf-8") -> str:
    return "\n".join(s.text for s in read(folder, body, head, encoding).sections)


@pytest.mark.parametrize(
    ("name", "encoding", "words"),
    [
        ("latin1", "latin-1", "Müller"),
        ("latin2", "iso8859-2", "Łódź"),
        ("latin5", "iso8859-9", "Şık"),
        ("latin9", "iso8859-15", "Müller, 5 €"),
        ("utf8,latin9", "iso8859-15", "Müller, 5 €"),
        ("ansinew", "cp1252", "Müller"),
        ("cp1251", "cp1251", "Дом"),
        ("koi8-r", "koi8-r", "Дом"),
        ("applemac", "mac-roman", "Müller"),
    ],
)
def test_an_encoding_by_the_name_that_it_has_in_latex(
    name: str, encoding: str, words: str, tmp_path: Path
) -> None:
    assert told(tmp_path, words, f"\\usepackage[{name}]{{inputenc}}", encoding) == words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"\AA ngstr\"om, stra\ss e, Bj\o rn, \L{}\'od\'z", "Ångström, straße, Bjørn, Łódź"),
        (r"\char'134begin \char92end \char\"5Cx \symbol{92}y", "\\begin \\end \\x \\y"),
        (r"\verb+\section{#1}+ is a heading", "\\section{#1} is a heading"),
        ("A\\\\ [1cm] B", "A\nB"),
        (r"A\makebox[0pt][l]{94} B", "A94 B"),
        (r"\fancyhead[LE,RO]{Head}\geometry{a4paper}Words", "Words"),
        (r"Of \method’s gate", "Of Net’s gate"),
        (r"\gls{acc}, \acp{acc} and \acf{acc}; \ac{MAP}", "ACC, ACCs and accuracy (ACC); MAP"),
        (r"\deleted{Old} \SI{3.5}{GPU\text{-}days}", "3.5 GPU-days"),
    ],
)
def test_what_commands_say(source: str, words: str, tmp_path: Path) -> None:
    head = r"\newcommand{\method}{Net\xspace}\newacronym{acc}{ACC}{accuracy}"
    assert told(tmp_path, source.replace('\\"5', '"5'), head) == words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"$91.2\ $", "91.2"),
        (r"$\llap{$-$}0.016$", "-0.016"),
        (r"91\rlap{$^*$}", "91"),
    ],
)
def test_cells_that_are_numbers(source: str, words: str, tmp_path: Path) -> None:
    rows = rf"\begin{{tabular}}{{lc}}Ours & {source} \\\end{{tabular}}"
    (table,) = read(tmp_path, rows).tables
    assert table.rows == (("Ours", words),)


def test_a_document_that_is_shown_inside_of_another_does_not_end_it(tmp_path: Path) -> None:
    shown = r"\begin{sample}\documentclass{a}\begin{document}Shown.\end{document}\end{sample}"
    paper = read(tmp_path, rf"\section{{A}}{shown}\section{{B}}After it.")
    (tmp_path / "main.tex").write_text((tmp_path / "main.tex").read_text() + "Behind the end.")
    assert [s.title for s in read_paper(tmp_path).sections] == ["A", "B"]
    assert paper.sections[-1].text == "After it."
    assert read_paper(tmp_path).sections[-1].text == "After it."


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("", r"{\Huge The \textbf{Key} paper\\ \large more}", "The Key paper"),
        ("", r"\begin{center}\LARGE\scshape The \textsf{key} paper\end{center}", "The key paper"),
        (r"\hypersetup{pdftitle=The key paper, pdfauthor=A}", "", "The key paper"),
        (r"\hypersetup{pdftitle={Keys, in short}}", "", "Keys, in short"),
    ],
)
def test_a_title_without_its_command(head: str, body: str, title: str, tmp_path: Path) -> None:
    assert read(tmp_path, rf"{body}\section{{First}} words", head).title == title


def test_the_head_of_a_table_of_aastex(tmp_path: Path) -> None:
    rows = (
        r"\begin{deluxetable}{lc}\tablenum{1}\tablecaption{Keys}"
        r"\tablehead{\colhead{Name} & \colhead{$V_{\mathrm{max}^{a}}$} \\ \colhead{} &"
        r"\colhead{(d)}}"
        r"\startdata A & 1.5 \\ B & 2.5 \enddata\end{deluxetable}"
    )
    (table,) = read(tmp_path, rows).tables
    assert (table.caption, table.rows[0][0], table.rows[1:]) == (
        "Keys", "Name", (("", "(d)"), ("A", "1.5"), ("B", "2.5")),
    )  # fmt: skip


def test_what_a_file_is_comes_first_in_it() -> None:
    latex = b"% a manual\n\\documentclass{a}\n\\begin{document}Type <body of text> here."
    assert kind_of(latex) == "latex"
    assert kind_of(b"<html><body><pre>\n\\documentclass{a}\n</pre></body></html>") == "html"
