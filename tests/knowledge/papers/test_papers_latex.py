"""LaTeX as people write it: no command kills a paper, tables keep their spans, the right file."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from archwright.knowledge.papers.paper import Paper, UnreadableError
from archwright.knowledge.papers.reading import read_paper


def document(body: str, head: str = "", title: str = "Keys that fade") -> str:
    return (
        f"\\documentclass{{article}}\n{head}\n\\title{{{title}}}\n\\begin{{document}}\n"
        f"\\maketitle\n\\section{{One}}\n{body}\n\\end{{document}}\n"
    )


def read(folder: Path, files: dict[str, str], main: str | None = None) -> Paper:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return read_paper(folder, main)


def text_of(paper: Paper) -> str:
    return " ".join(section.text for section in paper.sections)


def rows_of(paper: Paper) -> list[tuple[str, ...]]:
    return [row for s in paper.sections for table in s.tables for row in table.rows]


# --- words ----------------------------------------------------------------------------------------

SHOWN = {
    r"See \href{http://a.b/c_d%20e}{the page} now": "See the page now",
    r"in \hyperref[sec:x]{the section} on \textcolor{red}{red words}": "the section on red words",
    r"\colorbox{blue}{boxed} \resizebox{2cm}{!}{fitted} \mbox{kept}": "boxed fitted kept",
    r"\textsc{Keys}fade \texorpdfstring{$x$}{plain}": "Keysfade",
    r"Run \verb+a|b_c+ or \verb*|x y| then": "Run a|b_c or x y then",
    r"with \lstinline!train_it.py! and \texttt{foo\_bar}.": "train_it.py and foo_bar.",
    r"The root is $\sqrt$ and\footnote more words": "more words",
    "Kept.\n\\begin{comment}\nHidden.\n\\end{comment}\n50\\% here % gone": "Kept.\n50% here",
    "\\iffalse Hidden. \\fi Shown.": "Shown.",
    r"\includegraphics[width=\linewidth]{fig/a.png}Under it.": "Under it.",
}


@pytest.mark.parametrize("source", SHOWN)
def test_a_command_leaves_its_words(source: str, tmp_path: Path) -> None:
    text = text_of(read(tmp_path, {"a.tex": document(source + " end.")}))
    assert " ".join(SHOWN[source].split()) in " ".join(text.split())
    assert text.rstrip().endswith("end.") or "gone" in source
    for hidden in ("Hidden", "gone", "linewidth", "fig/a", "sec:x", "http"):
        assert hidden not in text


def test_commands_of_its_own_are_filled_in(tmp_path: Path) -> None:
    head = (
        r"\newcommand{\model}{Keyfade\xspace}\newcommand{\other}[2]{#1 (#2)}"
        r"\newcommand{\opt}[1][3]{value #1}\def\our#1{our #1}\let\same\model"
    )
    body = (
        r"\model{} beats \other{Base}{big}. With \model we use \opt, \opt[2] and \our{one}: \same."
    )
    text = text_of(read(tmp_path, {"a.tex": document(body, head)}))
    said = "Keyfade beats Base (big). With Keyfade we use value 3, value 2 and our one: Keyfade."
    assert said in " ".join(text.split())


BROKEN = [
    r"and { more \textbf{bold",
    r"\begin{itemize} \item x",
    r"\end{foo} words",
    "$ x words",
    "{" * 3000 + "deep" + "}" * 3000,
    r"\left( x \begin{array}{c",
    r"\def\a{\a}\a",
    r"\frac",
    r"\verb",
    r"\begin{tabular}{ll} a & b",
]


@pytest.mark.parametrize("source", BROKEN, ids=lambda source: source[:12])
def test_what_is_broken_does_not_take_the_rest_along(source: str, tmp_path: Path) -> None:
    paper = read(tmp_path, {"a.tex": document(f"Kept words. {source}")})
    assert paper.title == "Keys that fade"
    assert "Kept words." in text_of(paper)


def test_short_names_of_environments_are_many(tmp_path: Path) -> None:
    names = string.ascii_lowercase
    head = "".join(
        f"\\def\\b{c}{{\\begin{{equation}}}}\\newcommand{{\\e{c}}}{{\\end{{equation}}}}\n"
        for c in names
    )
    body = head + "".join(f"Text {c}. \\b{c} x = {c} \\e{c}\n" for c in names)
    (section,) = read(tmp_path, {"a.tex": document(body)}).sections
    assert section.equations == tuple(f"x = {c}" for c in names)
    assert "Text z." in section.text


# --- tables ---------------------------------------------------------------------------------------


def test_cells_are_repeated_over_what_they_span(tmp_path: Path) -> None:
    table = r"""\begin{table}\caption{Results.}\begin{tabular}{lcccc}\toprule
\multirow{2}{*}{Method} & \multicolumn{2}{c}{CIFAR-10} & \multicolumn{2}{c}{CIFAR-100} \\
\cmidrule(lr){2-3}\cmidrule(lr){4-5} & Acc. & Size & Acc. & Size \\ \midrule
\multicolumn{5}{c}{\emph{Small}} \\
\rowcolor{gray!20} \textbf{Ours} & \cellcolor{red!10}\textbf{92.3} & 1M & {\color{blue}73.4} & 2M \\
\bottomrule\end{tabular}\end{table}"""
    assert rows_of(read(tmp_path, {"a.tex": document(table)})) == [
        ("Method", "CIFAR-10", "CIFAR-10", "CIFAR-100", "CIFAR-100"),
        ("Method", "Acc.", "Size", "Acc.", "Size"),
        ("Small",) * 5,
        ("Ours", "92.3", "1M", "73.4", "2M"),
    ]


TABLES = {
    "longtable": (r"\begin{longtable}{ll}\hline A & B \\ \endhead 1 & 2 \\ \end{longtable}", "2"),
    "tabularx": (
        r"\begin{tabularx}{\linewidth}{lX} 1 & \makecell{4 \\ 5} \\ \end{tabularx}",
        "4 5",
    ),
    "tabular*": (
        r"\begin{tabular*}{\textwidth}{@{\extracolsep{\fill}}lr} E & F \\[2pt] 1 & 7 \\"
        r"\end{tabular*}",
        "7",
    ),
    "nested": (
        r"\begin{tabular}{ll} 1 & \begin{tabular}[c]{@{}c@{}}7\\8\end{tabular} \\ \end{tabular}",
        "7 8",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_every_kind_keep_their_cells(name: str, tmp_path: Path) -> None:
    source, cell = TABLES[name]
    assert ("1", cell) in rows_of(read(tmp_path, {"a.tex": document(source)}))


def test_html_cells_are_repeated_over_what_they_span(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<html><body><h1>T</h1><h2>R</h2><table><caption>Table 1: Acc.</caption>"
        '<tr><th rowspan="2">Method</th><th colspan="2">CIFAR</th><th rowspan="x">P</th></tr>'
        "<tr><th>10</th><th>100</th><th>M</th></tr>"
        '<tr><td rowspan="2">Ours</td><td>1</td><td>2</td><td>3</td></tr>'
        '<tr><td colspan="3">4</td></tr></table></body></html>'
    )
    paper = read_paper(tmp_path / "a.html")
    assert [(t.label, t.caption) for s in paper.sections for t in s.tables] == [("Table 1", "Acc.")]
    assert rows_of(paper) == [
        ("Method", "CIFAR", "CIFAR", "P"),
        ("Method", "10", "100", "M"),
        ("Ours", "1", "2", "3"),
        ("Ours", "4", "4", "4"),
    ]


# --- files ----------------------------------------------------------------------------------------


def test_inclusions_are_followed(tmp_path: Path) -> None:
    files = {
        "main.tex": document(
            "\\input{sec/one}\\include{two}\\input sec/three.tex\n\\subimport{sec/}{four}"
        ),
        "sec/one.tex": r"Alpha words. \input{sec/deep}",
        "sec/deep.tex": "Deep words.",
        "two.tex": "Beta words.",
        "sec/three.tex": "Gamma words.",
        "sec/four.tex": "Delta words.",
    }
    text = text_of(read(tmp_path, files))
    for word in ("Alpha", "Deep", "Beta", "Gamma", "Delta"):
        assert f"{word} words." in text


def test_old_encodings_are_read(tmp_path: Path) -> None:
    source = document("Café déjà vu.", r"\usepackage[latin1]{inputenc}", "Clés éphémères")
    (tmp_path / "a.tex").write_bytes(source.encode("latin-1"))
    paper = read_paper(tmp_path / "a.tex")
    assert paper.title == "Clés éphémères"
    assert "Café déjà vu." in text_of(paper)


def test_labels_of_a_bibliography_may_hold_braces(tmp_path: Path) -> None:
    body = (
        r"Words \citep{mul21}.\begin{thebibliography}{1}"
        r"\bibitem[{M{\"u}ller and S{\'a}nchez(2021{\natexlab{a}})M{\"u}ller}]{mul21}"
        r" K.~M{\"u}ller. \href{http://x.y}{Keys}. 2021{\natexlab{a}}.\end{thebibliography}"
    )
    (reference,) = read(tmp_path, {"a.tex": document(body)}).references
    assert reference == "[mul21] K. Müller. Keys. 2021a."


LONG = document("Other words. " * 300, title="Another")
SHORT = document("Short.")
CHOICES = {
    "arXiv's list": {"b.tex": LONG, "z.tex": SHORT, "00README.XXX": "z.tex toplevelfile\n"},
    "arXiv's new list": {
        "b.tex": LONG,
        "z.tex": SHORT,
        "00README.json": '{"sources":[{"filename":"z.tex","usage":"toplevel"}]}',
    },
    "its own bibliography": {
        "response.tex": LONG,
        "z.tex": SHORT,
        "z.bbl": r"\begin{thebibliography}{1}\bibitem{a} A.\end{thebibliography}",
    },
    "a usual name": {"appendix.tex": LONG, "main.tex": SHORT},
    "an article's class": {
        "figure.tex": LONG.replace("{article}", "[tikz]{standalone}"),
        "slides.tex": LONG.replace("{article}", "{beamer}"),
        "z.tex": SHORT,
    },
    "no class file": {"journal.cls": LONG, "z.tex": SHORT},
}


@pytest.mark.parametrize("why", CHOICES)
def test_the_main_file_is_chosen_by_more_than_its_length(why: str, tmp_path: Path) -> None:
    assert read(tmp_path, CHOICES[why]).title == "Keys that fade"


def test_another_main_file_can_be_named(tmp_path: Path) -> None:
    files = {"a1.tex": document("One.", title="First"), "a2.tex": document("Two.", title="Second")}
    chosen = read(tmp_path, files)
    other = {"First": "a2.tex", "Second": "a1.tex"}[chosen.title]
    assert any("--main" in notice for notice in chosen.notices)
    assert read_paper(tmp_path, other).title == {"a1.tex": "First", "a2.tex": "Second"}[other]
    with pytest.raises(UnreadableError, match=r"no file 'none.tex': --main may be one of a1.tex"):
        read_paper(tmp_path, "none.tex")
