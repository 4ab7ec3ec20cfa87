"""What TeX's own commands do while a source is expanded: definitions, environments, acronyms, and
files that it takes in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Final

from archwright.knowledge.papers.latex.commands import KEPT, KEPT_ENVIRONMENTS
from archwright.knowledge.papers.latex.conditions import CHOICES
from archwright.knowledge.papers.latex.definitions import (
    Macro,
    filled,
    read_def,
    read_delimiters,
    read_document_command,
    read_name,
    read_newcommand,
)
from archwright.knowledge.papers.latex.expanding import (
    LETTERS,
    LETTERS_AT,
    Expander,
    Primitive,
    Reel,
)
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.paper import UnreadableError

_PLAIN = re.compile(r"\s*([\w./+-]+)")
_LANGUAGE = re.compile(r"language\s*=\s*\{?(\w+)")
_DRAWN: Final = (".pgf", ".tikz", ".pdf_tex", ".eps_tex", ".pstex_t")
_DEFINITION = re.compile(
    r"^[ \t]*\\(?P<name>(?:re)?newcommand|providecommand|DeclareRobustCommand|"
    r"DeclareMathOperator|newtheorem|def|let|(?:re)?newenvironment|NewDocumentCommand)\*?"
    r"(?=\s*\{?\\?[A-Za-z])",
    re.MULTILINE,
)
_CAPTION_SET = re.compile(r"(?:^|,)\s*(?:caption|cap)\s*=\s*")
_ROW_RULE = re.compile(r"\\FL(?![A-Za-z])")
_ROW_END = re.compile(r"\\(?:ML|NN|LL)(?![A-Za-z])")
_NESTED_AT_MOST: Final = 10
Read = Callable[[Scanner], Macro | None]


# --- definitions ----------------------------------------------------------------------------------


def _defining(read: Read, keep_old: bool = False) -> Primitive:
    """The primitive that defines a command whose arguments and body `read` reads."""

    def define(expander: Expander, _: str) -> None:
        scanner = expander.scanner
        scanner.star()
        name = read_name(scanner)
        macro = read(scanner)
        if name is None or name in KEPT or (keep_old and name in expander.macros):
            return
        expander.aliases.pop(name, None)
        expander.macros.pop(name, None)
        if macro is not None:
            expander.macros[name] = macro

    return define


def _read_operator(scanner: Scanner) -> Macro | None:
    return Macro(f"\\operatorname{{{scanner.group() or ''}}}")


def _let(expander: Expander, _: str) -> None:
    scanner = expander.scanner
    name = read_name(scanner)
    scanner.skip_blank()
    scanner.take("=")
    scanner.skip_blank()
    meaning = read_name(scanner) if scanner.after == "\\" else None
    if name is None or meaning is None or name in KEPT:
        return
    if meaning in expander.macros:
        expander.macros[name] = expander.macros[meaning]
    elif name != meaning:
        expander.macros.pop(name, None)
        expander.aliases[name] = expander.aliases.get(meaning, f"\\{meaning}")


def _new_environment(expander: Expander, _: str) -> None:
    scanner = expander.scanner
    scanner.star()
    name = scanner.group()
    begin = read_newcommand(scanner)
    end = scanner.group()
    if name and begin is not None and end is not None and name not in KEPT_ENVIRONMENTS:
        expander.environments[name] = (begin, end)


def _new_theorem(expander: Expander, _: str) -> None:
    scanner = expander.scanner
    scanner.star()
    name = scanner.group()
    scanner.option()
    words = scanner.group()
    scanner.option()
    if name and words:
        expander.theorems[name] = words


def _acronym(expander: Expander, words: str) -> None:
    """An acronym of the packages glossaries and acronym, by its key."""
    scanner = expander.scanner
    if words == "\\newacronym":
        scanner.option()
    key = scanner.group()
    short = scanner.group() if words == "\\newacronym" else scanner.option() or key
    long = scanner.group()
    if key and short and long:
        expander.acronyms[key] = (short, long)


def _glossary_entry(expander: Expander, _: str) -> None:
    key, said = expander.scanner.group(), expander.scanner.group() or ""
    name = re.search(r"name\s*=\s*\{?([^,{}]+)", said)
    if key and name:
        expander.acronyms[key] = (name[1].strip(), name[1].strip())


def _use_acronym(expander: Expander, words: str) -> None:
    """An acronym where it is used: short, save where its long form is asked for."""
    scanner = expander.scanner
    scanner.star()
    scanner.option()
    key = scanner.group()
    if key is None:
        return
    short, long = expander.acronyms.get(key, (key, key))
    name = words[1:].lower()
    plural = "s" if name.endswith("p") or name.endswith("pl") else ""
    said = f"{short}{plural}"
    if name in ("acf", "acfp", "acrfull"):
        said = f"{long}{plural} ({said})" if long != short else said
    elif name in ("acl", "aclp", "acrlong"):
        said = f"{long}{plural}"
    expander.push(words, said)


def _letter_at(expander: Expander, words: str) -> None:
    expander.letters = LETTERS_AT if words == "\\makeatletter" else LETTERS


# --- environments ---------------------------------------------------------------------------------


def _begin(expander: Expander, words: str) -> None:
    name = expander.scanner.group()
    if name is None:
        return
    expander.documents += name == "document"
    known = expander.environments.get(name)
    if known is not None and expander.may_fill(f"begin {name}"):
        expander.push(f"begin {name}", known[0].filled(expander.values(known[0])))
    else:
        expander.say(f"{words}{{{name}}}")


def _end(expander: Expander, words: str) -> None:
    name = expander.scanner.group()
    if name == "document":
        expander.documents -= 1
        if expander.documents <= 0:  # An example inside the text has an end of its own.
            expander.reels.clear()
    elif name in expander.environments and expander.may_fill(f"end {name}"):
        expander.push(f"end {name}", expander.environments[name][1])
    elif name is not None:
        expander.say(f"{words}{{{name}}}")


# --- changes --------------------------------------------------------------------------------------


def _changed(expander: Expander, words: str) -> None:
    """What a marked change leaves: the new text, and nothing of what was deleted."""
    scanner = expander.scanner
    scanner.option()
    new = scanner.group()
    if words == "\\replaced":
        scanner.group()
    if new is not None and words != "\\deleted":
        expander.push(words, new)


def _ctable(expander: Expander, words: str) -> None:
    """The table of the package ctable, as the usual one that it stands for."""
    scanner = expander.scanner
    said = _CAPTION_SET.search(options := scanner.option() or "")
    columns, _, rows = scanner.group() or "", scanner.group(), scanner.group() or ""
    caption = ""
    if said is not None:
        inside = Scanner(options, said.end())
        caption = inside.group() or options[said.end() :].partition(",")[0]
    rows = _ROW_END.sub(r"\\\\", _ROW_RULE.sub("", rows))
    head = f"\\caption{{{caption}}}" if caption else ""
    table = f"\\begin{{tabular}}{{{columns}}}{rows}\\end{{tabular}}"
    expander.push(words, f"\\begin{{table}}{head}{table}\\end{{table}}")


# --- files ----------------------------------------------------------------------------------------


def _include(expander: Expander, wanted: str, folder: str = "") -> None:
    wanted = filled(expander, wanted)
    name = expander.find_file(wanted, filled(expander, folder))
    if name is None and expander.documents and not wanted.endswith(_DRAWN):
        expander.missing.append(" ".join(wanted.split()))
    if name is None or name.endswith(_DRAWN):
        return
    opened = [reel.file for reel in expander.reels if reel.file is not None]
    if len(opened) > _NESTED_AT_MOST or opened.count(name) > 1:
        raise UnreadableError(f"{name} includes itself: fix its \\input")
    text = expander.verbatim.clean(expander.files[name])
    if "\\begin{document}" in text:
        text = text.partition("\\begin{document}")[2].partition("\\end{document}")[0]
    text = text if text.endswith("\n") else f"{text}\n"  # as TeX reads every file
    expander.open(Reel(Scanner(text), name, folder or expander.reels[-1].folder))


def _input(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    wanted = scanner.group()
    if wanted is None:
        found = _PLAIN.match(scanner.text, scanner.place)
        if found is None:
            return
        scanner.place, wanted = found.end(), found[1]
    if words == "\\InputIfFileExists":
        there = expander.find_file(filled(expander, wanted)) is not None
        yes, no = scanner.group() or "", scanner.group() or ""
        expander.push(words, yes if there else no)
        if not there:
            return
    _include(expander, wanted)


def _import(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    scanner.star()
    folder, wanted = scanner.group(), scanner.group()
    if folder is not None and wanted is not None:
        base = expander.reels[-1].folder if words.startswith("\\sub") else ""
        _include(expander, wanted, posixpath.join(base, folder))


def _end_input(expander: Expander, _: str) -> None:
    """Leave the file that is being read."""
    while expander.reels and expander.reels.pop().file is None:
        pass
    expander.say("\n")


def _listing(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    options = scanner.option() or ""
    stated = _LANGUAGE.search(options)
    language = (scanner.group() or "") if "minted" in words else stated[1] if stated else ""
    name = expander.find_file(filled(expander, scanner.group() or ""))
    if name is not None:
        expander.say(expander.verbatim.listing(expander.files[name], language))


def _package(expander: Expander, _: str) -> None:
    """Learn what the style files that came along define at the beginning of a line."""
    scanner = expander.scanner
    scanner.option()
    for wanted in (scanner.group() or "").split(","):
        name = expander.find_file(f"{wanted.strip()}.sty")
        if name is None:
            continue
        style = Scanner(expander.verbatim.clean(expander.files[name]))
        expander.open(Reel(style))
        while found := _DEFINITION.search(style.text, style.place):
            style.place = found.end()
            expander.primitives[found["name"]](expander, found[0])
        expander.reels.pop()


FILES: Final[dict[str, Primitive]] = {
    **dict.fromkeys(("input", "include", "subfile", "subfileinclude", "InputIfFileExists"), _input),
    **dict.fromkeys(
        ("import", "subimport", "inputfrom", "subinputfrom", "includefrom", "subincludefrom"),
        _import,
    ),
    **dict.fromkeys(("lstinputlisting", "inputminted", "verbatiminput"), _listing),
    "endinput": _end_input,
    **dict.fromkeys(("usepackage", "RequirePackage"), _package),
}

DEFINITIONS: Final[dict[str, Primitive]] = {
    **dict.fromkeys(
        ("newcommand", "renewcommand", "DeclareRobustCommand", "newcommandx"),
        _defining(read_newcommand),
    ),
    "providecommand": _defining(read_newcommand, keep_old=True),
    **dict.fromkeys(("def", "gdef", "edef", "xdef"), _defining(read_def)),
    **dict.fromkeys(
        (f"{how}DocumentCommand" for how in ("New", "Renew", "Provide", "Declare")),
        _defining(read_document_command),
    ),
    "DeclarePairedDelimiter": _defining(read_delimiters),
    "DeclareMathOperator": _defining(_read_operator),
    "let": _let,
    **dict.fromkeys(("newenvironment", "renewenvironment"), _new_environment),
    **dict.fromkeys(("newtheorem", "spnewtheorem"), _new_theorem),
}

_ACRONYMS: Final = (
    "ac", "acp", "acs", "acsp", "acl", "aclp", "acf", "acfp", "Ac", "Acp", "Acl", "Acf",
    "gls", "Gls", "glspl", "Glspl", "acrshort", "acrlong", "acrfull",
)  # fmt: skip

PRIMITIVES: Final[dict[str, Primitive]] = {
    **DEFINITIONS,
    **dict.fromkeys(("newacronym", "newacro", "acrodef", "acro"), _acronym),
    "newglossaryentry": _glossary_entry,
    **dict.fromkeys(_ACRONYMS, _use_acronym),
    **FILES,
    **dict.fromkeys(("added", "replaced", "deleted"), _changed),
    "ctable": _ctable,
    **dict.fromkeys(("makeatletter", "makeatother"), _letter_at),
    "begin": _begin,
    "end": _end,
    **CHOICES,
}
