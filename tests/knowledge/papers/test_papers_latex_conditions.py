"""Conditions in LaTeX: which branch is the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.knowledge.papers.reading import read_paper


def told(folder: Path, body: str, head: str = "") -> str:
    source = f"\\documentclass{{article}}{head}\\begin{{document}}{body}\\end{{document}}"
    (folder / "main.tex").write_text(source)
    paper = read_paper(folder / "main.tex")
    return " ".join("\n".join(s.text for s in paper.sections).split())


TEX = [
    ("", r"\ifnum1<2 yes\else no\fi"),
    ("", r"\ifnum 7>9 no\else yes\fi"),
    (r"\newcommand{\draft}{3}", r"\ifnum\draft=3 yes\else no\fi"),
    (r"\newcommand{\draft}{\level}\def\level{3}", r"\ifnum\draft=3yes\else no\fi"),
    (r"\def\draft{3}", r"\ifnum2=\draft no\else yes\fi"),
    (r"\newcount\draft \draft=4 ", r"\ifnum\draft>3 yes\else no\fi"),
    (r"\chardef\draft=1 ", r"\ifnum\draft=1 yes\else no\fi"),
    (r"\newcounter{d}\setcounter{d}{2}\addtocounter{d}{3}", r"\ifnum\value{d}=5 yes\else no\fi"),
    (r"\setcounter{d}{2}", r"\makeatletter\ifnum\c@d=2 yes\else no\fi\makeatother"),
    ("", r"\ifodd 3 yes\else no\fi"),
    ("", r"\ifdim 2pt<1.5pt no\else yes\fi"),
    ("", r"\ifcase 1 no\or yes\or no\else no\fi"),
    ("", r"\ifcase 5 no\or no\else yes\fi"),
    ("", r"\ifcase 0 yes\or no\fi"),
    ("", r"\ifx\final\undefined yes\else no\fi"),
    (r"\newcommand{\final}{}", r"\ifx\final\undefined no\else yes\fi"),
    (r"\def\a{x}\def\b{x}", r"\ifx\a\b yes\else no\fi"),
    (r"\def\a{x}\def\b{z}", r"\ifx\a\b no\else yes\fi"),
    (r"\def\a{}", r"\ifx\a\empty yes\else no\fi"),
    (r"\newcommand{\maybe}[1]{\ifx\\#1\\yes\else no\fi}", r"\maybe{}"),
    (r"\newcommand{\maybe}[1]{\ifx\\#1\\no\else yes\fi}", r"\maybe{word}"),
    (r"\let\final\relax", r"\ifx\final\relax yes\else no\fi"),
    (r"\newcommand{\anon}{1}", r"\if1\anon yes\else no\fi"),
    (r"\newcommand{\anon}{0}", r"\if1\anon no\fi \if0\anon yes\fi"),
    (r"\def\anon{y}", r"\if\anon y yes\else no\fi"),
    (r"\newcommand{\anon}{1}", r"\if0\anon{no}\else{yes}\fi"),
    (r"\def\anon{}", r"\ifdefined\anon yes\else no\fi"),
    ("", r"\ifdefined\anon no\else yes\fi"),
    (r"\def\anon{}", r"\ifcsname anon\endcsname yes\else no\fi"),
    ("", r"\unless\ifnum1=2 yes\else no\fi"),
    (r"\newif\iflong", r"\unless\iflong yes\else no\fi"),
    ("", r"\ifnum1=1 \ifnum2=3 no\else yes\fi\else no\fi"),
]
IN_BRACES = [
    (r"\newboolean{long}\setboolean{long}{true}", r"\ifthenelse{\boolean{long}}{yes}{no}"),
    (r"\newboolean{long}", r"\ifthenelse{\boolean{long}}{no}{yes}"),
    (r"\newboolean{long}\setboolean{long}{true}", r"\iflong yes\else no\fi"),
    (r"\newif\iflong\longtrue", r"\ifthenelse{\boolean{long}}{yes}{no}"),
    (r"\newcommand{\venue}{thesis}", r"\ifthenelse{\equal{\venue}{thesis}}{yes}{no}"),
    ("", r"\ifthenelse{\equal{a}{b}}{no}{yes}"),
    ("", r"\ifthenelse{\NOT \equal{a}{b}}{yes}{no}"),
    ("", r"\ifthenelse{\equal{a}{a} \AND \equal{a}{b}}{no}{yes}"),
    ("", r"\ifthenelse{\equal{a}{b} \OR \( \equal{a}{a} \and 1<2 \)}{yes}{no}"),
    (r"\newcommand{\n}{4}", r"\ifthenelse{\n > 3}{yes}{no}"),
    ("", r"\ifthenelse{\isodd{4}}{no}{yes}"),
    ("", r"\ifthenelse{\isundefined{\nothere}}{yes}{no}"),
    (r"\newtoggle{long}\toggletrue{long}", r"\iftoggle{long}{yes}{no}"),
    (r"\newtoggle{long}\settoggle{long}{false}", r"\nottoggle{long}{yes}{no}"),
    (r"\newbool{long}\booltrue{long}", r"\ifbool{long}{yes}{no}"),
    (r"\newbool{long}\setbool{long}{true}\boolfalse{long}", r"\notbool{long}{yes}{no}"),
    (r"\newbool{a}\booltrue{a}\newtoggle{b}", r"\ifboolexpr{bool {a} and not togl {b}}{yes}{no}"),
    (r"\def\a{}", r"\ifdef{\a}{yes}{no}"),
    ("", r"\ifundef{\a}{yes}{no}"),
    (r"\def\a{}", r"\ifcsdef{a}{yes}{no}"),
    (r"\def\a{}", r"\ifdefempty{\a}{yes}{no}"),
    (r"\def\a{z}", r"\ifdefstring{\a}{z}{yes}{no}"),
    ("", r"\ifstrequal{a}{b}{no}{yes}"),
    ("", r"\ifblank{ }{yes}{no}"),
    ("", r"\ifnumgreater{3}{2}{yes}{no}"),
    ("", r"\IfFileExists{other.tex}{no}{yes}"),
    ("", r"\IfStrEq{a}{a}{yes}{no}"),
]


@pytest.mark.parametrize(("head", "source"), TEX + IN_BRACES)
def test_the_branch_that_holds_is_read(head: str, source: str, tmp_path: Path) -> None:
    assert told(tmp_path, source, head) == "yes"


def test_a_blinded_title_page_is_left_out(tmp_path: Path) -> None:
    page = "\\if{}\\anon\n{{\n \\title{{\\bf {}}}\n \\maketitle\n}} \\fi\n"
    body = page.format(1, "A named paper") + page.format(0, "A blind one") + "Words."
    (tmp_path / "main.tex").write_text(
        "\\documentclass{article}\\newcommand{\\anon}{1}\\begin{document}"
        f"{body}\\end{{document}}"
    )
    paper = read_paper(tmp_path / "main.tex")
    assert paper.title == "A named paper"
    assert "blind" not in "".join(s.text for s in paper.sections)


@pytest.mark.parametrize(
    "source",
    [r"\ifnum", r"\ifnum\fi", r"\ifthenelse", r"\ifthenelse{\(}{a}{b}", r"\if\fi", r"\ifcase\fi",
     r"\iftoggle{a}", r"\unless", r"\ifboolexpr{not not}{a}{b}", r"\newcount", r"\ifx\fi"],
)  # fmt: skip
def test_a_broken_condition_stops_nothing(source: str, tmp_path: Path) -> None:
    assert "Before" in told(tmp_path, f"Before. {source}\n\nAfter.")
