"""LaTeX as people write it, one construct a line: commands, own commands, tables, main files."""

# ruff: noqa: E501 - tables: one source a line
from __future__ import annotations

import random
from pathlib import Path

import pytest
from paper_files import LATEX

from archwright.knowledge.papers.mainfile import choose_main
from archwright.knowledge.papers.paper import Paper, Table, UnreadableError
from archwright.knowledge.papers.reading import read_paper


def read(folder: Path, body: str, head: str = "", **files: str) -> Paper:
    """The paper of a folder with this document and these other .tex files."""
    document = f"\\documentclass{{article}}{head}\\begin{{document}}{body}\\end{{document}}"
    for name, text in {"main": document, **files}.items():
        path = folder / f"{name.replace('__', '/')}.tex"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_paper(folder)


def told(folder: Path, body: str, head: str = "", **files: str) -> str:
    paper = read(folder, body, head, **files)
    return "\n".join(s.text for s in paper.sections)


def tables(folder: Path, rows: str, columns: str = "lcccc") -> Table:
    source = f"\\begin{{tabular}}{{{columns}}}{rows}\\end{{tabular}}"
    return next(read(folder, f"\\begin{{table}}\\caption{{On MNIST}}{source}\\end{{table}}").tables)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"See \href{https://e.org/a%20b}{this page}.", "See this page."),
        (r"At \url{https://e.org/a_b}.", "At https://e.org/a_b."),
        (r"A bare \sqrt", "A bare √"),
        (r"Bare \footnote", "Bare"),
        (r"Bare \frac", "Bare"),
        (r"Words\footnote{more} here.", "Words [more] here."),
        (r"\textcolor[rgb]{1,0,0}{Red} {\color{red}and} \colorbox{blue}{blue}", "Red and blue"),
        (r"\resizebox{\textwidth}{!}{Small} \scalebox{.5}{words}", "Small words"),
        (r"Seen\includegraphics[width=3cm]{a.png}.", "Seen."),
        (r"It needs \SI{3.5}{\giga\byte}, \SI{5}{GB}, \num{12}.", "It needs 3.5 GB, 5 GB, 12."),
        (
            r"\setlength\tabcolsep{3pt}\addtolength{\tabcolsep}{-1pt}\vskip 2pt plus 1pt Set.",
            "Set.",
        ),
        (r"\ce{H2O} and \textsc{Caps}\todo{x}", "H2O and Caps"),
        (r"Run \verb|train_all.py| or \verb*+a b+.", "Run train_all.py or a b."),
        (r"\lstinline|x_1 = 3| and \mintinline{python}{y%2}", "x_1 = 3 and y%2"),
        (r"\texorpdfstring{$\beta$}{beta} decay", "beta decay"),
        (r"\parbox[t]{3cm}{A box} \raisebox{1pt}[0pt]{up}", "A box up"),
        (r"As~\citep[see][p.~3]{a,b} say", "As [a,b] say"),
        (r"\hyperref[sec:a]{Words} of \unknownthing[x]{a link}", "Words of a link"),
        (r"M\"uller, na{\"\i}ve, \v{S}ime, \c{C}a", "Müller, naïve, Šime, Ça"),
        (
            r"It is $91.2\%$, $92.1 \pm 0.3$, $10{,}000$, 5\,000.",
            "It is 91.2%, 92.1 ± 0.3, 10,000, 5000.",
        ),
        (r"Kept: $x_1 = 2$ and \ensuremath{y^2}.", "Kept: $x_1 = 2$ and $y^2$."),
        (r"One \iffalse two \ifx a b c \fi \fi three", "One three"),
        ("One\n\\begin{comment}\ntwo {\n\\end{comment}\nthree", "One\n\nthree"),
        (r"100\% % gone" + "\nsure", "100% sure"),
        (r"a \unclosed{ b $ c \begin{thing} d", "a b c d"),
    ],
)
def test_what_commands_say(source: str, words: str, tmp_path: Path) -> None:
    assert told(tmp_path, f"{source}\n").split() == words.split()


@pytest.mark.parametrize(
    ("head", "source", "words"),
    [
        (r"\newcommand{\ours}{\textsc{Keyfade}\xspace}", r"With \ours we; \ours, too", "With Keyfade we; Keyfade, too"),
        (r"\newcommand{\hi}[2][blue]{#2 is #1}", r"\hi{sky}, \hi[red]{rose}", "sky is blue, rose is red"),
        (r"\def\pair#1#2{(#1; #2)}", r"\pair{a}{b}", "(a; b)"),
        (r"\def\at(#1,#2){at #1 and #2}", r"\at(1,2)", "at 1 and 2"),
        (r"\newcommand{\a}{first}\let\b\a\renewcommand{\a}{second}", r"\b{} \a", "first second"),
        (r"\let\old\emph\renewcommand{\strong}[1]{\old{#1}}", r"\strong{x} y", "x y"),
        (r"\DeclareRobustCommand{\x}{robust}\DeclareMathOperator{\am}{arg}", r"\x", "robust"),
        (r"\NewDocumentCommand{\m}{s O{d} m}{\IfBooleanTF{#1}{star }{}#2-#3}", r"\m{x} \m*[y]{z}", "d-x star y-z"),
        (r"\newif\iflong\longtrue", r"\iflong Long\else Short\fi words", "Long words"),
        (r"\newenvironment{note}[1]{Note on #1: }{ ends.}", r"\begin{note}{x}it\end{note}", "Note on x: it ends."),
        (r"\newcommand{\x}{\x again}", r"\x", "again"),
        (r"\newtheorem{thm}{Theorem}", r"\begin{thm}[A] Keys fade.\end{thm}", "Theorem. Keys fade."),
    ],
)  # fmt: skip
def test_own_commands_are_filled_in(head: str, source: str, words: str, tmp_path: Path) -> None:
    assert words in " ".join(told(tmp_path, source, head).split())


def test_definitions_that_open_environments_take_no_time(tmp_path: Path) -> None:
    names = [a + b for a in "abcdefg" for b in "uvwxyz"]
    head = "".join(f"\\def\\b{n}{{\\begin{{th{n}}}}}\\def\\e{n}{{\\end{{th{n}}}}}" for n in names)
    body = (
        "\\title{Short}\\section{One}"
        + head
        + "\\def\\be{\\begin{equation}}\\def\\ee{\\end{equation}}"
    )
    paper = read(tmp_path, body + "\\bau Kept. \\eau \\be y = x \\ee \\section{Two} Done.")
    assert [(s.name, s.equations) for s in paper.sections] == [("1 One", ("y = x",)), ("2 Two", ())]


def test_files_are_joined_however_they_are_taken_in(tmp_path: Path) -> None:
    body = r"\input a \input{parts/b.tex}\include{c}\import{deep/}{d}\InputIfFileExists{none}{x}{no} % \input{z}"
    said = told(
        tmp_path, body, a="A.", parts__b=r"B. \input{b2}", parts__b2="B2.", c=r"C. \endinput gone",
        deep__d=r"D. \subimport{er}{e}", deep__er__e="E.", z="gone",
    )  # fmt: skip
    assert said.split() == ["A.", "B.", "B2.", "C.", "D.", "E.", "no"]


@pytest.mark.parametrize(
    ("head", "source"),
    [
        (r"\newcommand{\parts}{sub}", r"\input{\parts/a}"),
        (r"\def\parts{sub}\def\first{\parts/a}", r"\input{\first}"),
        (r"\newcommand{\parts}{sub}", r"\include{\parts/a}"),
        (r"\newcommand{\parts}{sub/}", r"\import{\parts}{a}"),
        (r"\newcommand{\parts}{sub}", r"\InputIfFileExists{\parts/a}{}{No.}"),
    ],
)
def test_a_path_may_hold_commands(head: str, source: str, tmp_path: Path) -> None:
    assert told(tmp_path, source, head, sub__a="Inside.") == "Inside."


def test_files_that_did_not_come_along_are_named(tmp_path: Path) -> None:
    body = r"A \input{gone} \include{sub/lost} \import{far}{away} \input{plot.pgf} \input{here}"
    paper = read(tmp_path, body, here="More.")
    assert "More." in paper.sections[0].text
    assert paper.notices == ("files that it takes in did not come along: gone, sub/lost, away",)


def test_a_file_that_may_be_absent_is_not_missed(tmp_path: Path) -> None:
    assert not read(tmp_path, r"\InputIfFileExists{gone}{}{Else.}").notices


@pytest.mark.parametrize(
    "source",
    [
        r"A \replaced{new}{old} word",
        r"A \replaced[id=X]{new}{old} word",
        r"A \added{new} \deleted{old}word",
        r"A \added[id=X]{new} \deleted[id=X]{old}word",
        r"A new \sout{old}word",
        r"A new \st{old}word",
    ],
)
def test_what_was_deleted_is_not_said(source: str, tmp_path: Path) -> None:
    assert told(tmp_path, source) == "A new word"


@pytest.mark.parametrize(
    "source",
    [
        r"\ctable[caption={Keys, faded}, label=t]{ll}{\tnote{x}}{\FL a & b \ML 1 & 2 \NN 3\tmark[a] & 4 \LL}",
        r"\ctable[label=t,caption=Keys]{ll}{}{a & b \\ 1 & 2 \\ 3 & 4 \LL}",
        r"\begin{table}\caption{Keys}$\begin{array}{ll}\text{a} & b \\ 1 & 2 \\ 3 & 4\end{array}$\end{table}",
        r"\begin{table}\caption{Keys}$$\begin{array}{ll}a & b\\1 & 2\\3 & 4\end{array}$$ $x$\end{table}",
        r"\begin{table}\caption{Keys}\begin{tabular}{ll}a & b\\1 & \tablenum{2}\\3 & \tablenum[x=1]{4}\end{tabular}\end{table}",
    ],
)
def test_tables_of_other_kinds_keep_their_cells(source: str, tmp_path: Path) -> None:
    (table,) = tables_of(read(tmp_path, source))
    assert table.caption.startswith("Keys")
    assert table.rows == (("a", "b"), ("1", "2"), ("3", "4"))


def tables_of(paper: Paper) -> list[Table]:
    return [table for section in paper.sections for table in section.tables]


def test_the_title_is_without_thanks_and_line_ends(tmp_path: Path) -> None:
    body = r"\title[Short]{\ours: keys\thanks{Home.} that \\ fade}\abstract{We show it.}\section*{\texorpdfstring{$a$}{A} end} x"
    paper = read(tmp_path, body, r"\newcommand{\ours}{Keyfade\xspace}")
    assert paper.title == "Keyfade: keys that fade"
    assert [(s.name, s.text) for s in paper.sections] == [
        ("Abstract", "We show it."),
        ("A end", "x"),
    ]


def test_spans_are_spread_over_their_cells(tmp_path: Path) -> None:
    table = tables(
        tmp_path,
        r"""\toprule \multirow{2}{*}{Model} & \multicolumn{2}{c|}{Params} & \multicolumn{2}{c}{Accuracy $\uparrow$} \\
        \cmidrule(lr){2-3}\cmidrule(l{2pt}r){4-5} & all & active & top-1 & \makecell{top-5\\(val)} \\ \midrule
        \rowcolor{gray!20}\multicolumn{5}{c}{\emph{Small models}} \\[2pt]
        \textbf{Ours}$^\dagger$ & 1{,}200 & \cellcolor[HTML]{FFFFFF}22.5 & \underline{91.2} & $99.1_{\pm 0.2}$ \\
        Wide\footnotemark[1] & -- & \rule{0pt}{2ex}3\hspace{1em}M & {\color{red}9}{\tiny$\pm$1} & \\ \addlinespace \bottomrule""",
        "@{}l*{2}{c}|>{\\bf}c@{\\hspace{2pt}}c",
    )
    assert (table.label, table.caption) == ("Table 1", "On MNIST")
    assert table.rows == (
        ("Model", "Params", "Params", "Accuracy ↑", "Accuracy ↑"),
        ("Model", "all", "active", "top-1", "top-5 (val)"),
        ("Small models",) * 5,
        ("Ours", "1,200", "22.5", "91.2", "99.1 ± 0.2"),
        ("Wide", "–", "3 M", "9 ±1", ""),
    )


def test_a_table_in_a_cell_is_its_words(tmp_path: Path) -> None:
    inner = r"\begin{tabular}[c]{@{}c@{}}Params\\ (M)\end{tabular}"
    assert tables(tmp_path, rf"Model & {inner} & Acc \\ Ours & 12.5 & 91.2", "lcc").rows == (
        ("Model", "Params (M)", "Acc"),
        ("Ours", "12.5", "91.2"),
    )


@pytest.mark.parametrize(
    "source",
    [
        r"\begin{tabular*}{3cm}{@{\extracolsep{\fill}}lc}a & 1 \\ b & 2\end{tabular*}",
        r"\begin{tabularx}{\linewidth}{lX}a & 1 \\ b & 2 \\\end{tabularx}",
        r"\begin{tabulary}{3cm}{LC}a & 1 \\ b & 2\end{tabulary}",
        r"\begin{tabu} to \textwidth {X[l]X}a & 1 \\ b & 2\end{tabu}",
        r"\begin{NiceTabular}{lc}[hvlines]a & 1 \\ b & 2\end{NiceTabular}",
        r"\begin{tblr}{colspec={lc}}a & 1 \\ b & 2\end{tblr}",
        r"\begin{array}{lc}a & 1 \\ b & 2\end{array}",
        r"\begin{longtable}{lc}\caption{L}\\ a & 1 \\ \endfirsthead x & y \\ \endhead z & z\\ \endfoot b & 2 \\\end{longtable}",
        r"\begin{sidewaystable}\begin{tabular}{lc}a & 1 \\ b & 2\end{tabular}\end{sidewaystable}",
        r"\begin{table}\begin{tabular}{lc}\input{rows}\end{tabular}\end{table}",
    ],
)
def test_every_kind_of_table_has_its_rows(source: str, tmp_path: Path) -> None:
    paper = read(tmp_path, f"\\section{{A}} {source}", rows=r"a & 1 \\ b & 2 \\")
    (table,) = paper.tables
    assert table.rows == (("a", "1"), ("b", "2"))


def test_parts_of_a_table_share_its_caption(tmp_path: Path) -> None:
    part = r"\begin{subtable}{.5\linewidth}\caption{%s}\begin{tabular}{lc}a & 1\end{tabular}\end{subtable}"
    paper = read(
        tmp_path, r"\begin{table}\caption{Both.}" + part % "One" + part % "Two" + r"\end{table}"
    )
    assert [(t.label, t.caption) for t in paper.tables] == [
        ("Table 1", "Both. One"),
        ("Table 1", "Both. Two"),
    ]


def test_a_formula_may_follow_a_table_at_once(tmp_path: Path) -> None:
    rows = r"\begin{tabular}{lc}a & 1\end{tabular}"
    body = rf"\begin{{table}}\caption{{C}}{rows}$1\%${rows}\tiny small\end{{table}}"
    assert [t.rows for t in read(tmp_path, body).tables] == [(("a", "1"),)] * 2


def test_references_with_odd_labels(tmp_path: Path) -> None:
    (tmp_path / "main.bbl").write_text(
        r"""\providecommand{\natexlab}[1]{#1}\begin{thebibliography}{9}
        \bibitem[{M{\"u}ller(2020{\natexlab{a}})}]{mueller} J.~M{\"u}ller. \newblock \href{https://e.org}{On keys}.
        \bibitem[Ab [b]] {x} \bibinfo{author}{X. Y.} \emph{Z}. \end{thebibliography}"""
    )
    (tmp_path / "other.bbl").write_text(r"\bibitem{no} Not this.")
    assert read(tmp_path, "Words").references == (
        "[mueller] J. Müller. On keys.",
        "[x] X. Y. Z.",
    )


def test_entries_that_are_cited_are_the_references(tmp_path: Path) -> None:
    entry = '@article{%s, title = {On {K}eys}, author = "A. B", year = 2020}\n'
    (tmp_path / "r.bib").write_text(entry % "one" + entry % "two")
    assert read(tmp_path, r"\cite{two}").references == ("[two] A. B. On Keys. 2020",)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "p.tex"
    text = LATEX.replace("Vaswani", "Vaswäni")
    path.write_bytes(
        (text if encoding == "latin-1" else text.replace("See", "“See”")).encode(encoding)
    )
    assert "Vaswäni" in read_paper(path).references[0]


def test_a_source_that_is_cut_off_anywhere_is_read(tmp_path: Path) -> None:
    dice = random.Random(3)
    for _ in range(40):
        path = tmp_path / "p.tex"
        start = LATEX.index("\\section{Method}")
        path.write_text(LATEX[: dice.randrange(start, len(LATEX))])
        assert read_paper(path).title == "The DeltaMix paper"


# --- which file is the paper ----------------------------------------------------------------------

DOCUMENT = "\\documentclass{article}\\begin{document}\\section{A} b\\end{document}"
LONG = DOCUMENT + "% long" * 99


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"journal.cls": LONG, "a.tex": DOCUMENT}, "a.tex"),
        ({"a.tex": LONG, "main.tex": DOCUMENT}, "main.tex"),
        ({"a.tex": LONG, "b.tex": DOCUMENT, "b.bbl": ""}, "b.tex"),
        ({"a.tex": LONG, "b.tex": DOCUMENT, "00README.XXX": "b.tex toplevelfile"}, "b.tex"),
        ({"a.tex": LONG, "b.tex": DOCUMENT, "00README.json": '{"sources": [{"filename": "b.tex", "usage": "toplevel"}]}'}, "b.tex"),
        ({"a.tex": LONG, "b.tex": DOCUMENT, "00README.yaml": "sources:\n- filename: b.tex\n  usage: toplevel\n"}, "b.tex"),
        ({"supplement.tex": LONG, "x.tex": DOCUMENT}, "x.tex"),
        ({"sup.tex": LONG, "x.tex": DOCUMENT}, "x.tex"),
        ({"a.tex": "\\input{b}\\begin{document}", "b.tex": "\\documentclass{article}"}, "a.tex"),
        ({"main_rebuttal.tex": LONG, "x.tex": DOCUMENT}, "x.tex"),
        ({"talk.tex": LONG.replace("article", "beamer"), "x.tex": DOCUMENT}, "x.tex"),
        ({"main.tex": LONG.replace("article", "standalone"), "x.tex": DOCUMENT}, "x.tex"),
        ({"main.tex": DOCUMENT.replace("b\\end", "\\subfile{x}\\end"), "x.tex": LONG}, "main.tex"),
        ({"old/main.tex": LONG, "x.tex": DOCUMENT}, "x.tex"),
        ({"a.tex": "\\section{A}"}, None),
    ],
)  # fmt: skip
def test_the_main_file(files: dict[str, str], main: str | None) -> None:
    chosen = choose_main(files)
    assert (chosen.name if chosen else None) == main


def test_the_choice_is_said_and_another_file_is_another_paper(tmp_path: Path) -> None:
    paper = read(tmp_path, r"\section{A} main", other=DOCUMENT)
    assert any("read from main.tex" in n and "other.tex" in n for n in paper.notices)
    named = read_paper(tmp_path, "other.tex")
    assert named.id == read_paper(tmp_path, str(tmp_path / "other.tex")).id != paper.id
    with pytest.raises(
        UnreadableError, match=r"no file 'x': --main may be one of main\.tex, other"
    ):
        read_paper(tmp_path, "x")
