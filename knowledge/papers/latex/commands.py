"""What is known of LaTeX's commands and environments: how many arguments they take, what they are.

A specification reads arguments that say nothing: `s` a star, `o` one in brackets, `-` one in
braces, `a` one in braces or a single token, `p` one in round brackets. What comes after them is
text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final


def _by_name(table: Mapping[str, str]) -> dict[str, str]:
    return {name: value for value, names in table.items() for name in names.split()}


SILENT: Final = _by_name({
    "o": """tmark Xhline addlinespace bottomrule enlargethispage footnotemark hdashline hyperref
        linebreak makecell midrule nolinebreak nopagebreak onecolumn pagebreak
        shortstack subfloat thead toprule""",
    "-": """Eprint IEEEauthorblockN adjustbox bibfield bibinfo emailAdd fontfamily fontseries
        fontshape foreignlanguage href href@noop hyperlink hypertarget selectlanguage
        sout st xout""",
    "o-": """Block RequirePackage SetCell affil affiliation arrayrulecolor author
        captionsetup color colorbox columncolor cortext documentclass documentstyle ead fntext
        footnotetext marginnote marginpar missingfigure rotatebox tablenotetext textcolor todo
        usepackage chead fancyfoot fancyhead fancyhf geometry lfoot lhead newgeometry rfoot
        rhead cfoot""",
    "o--": "PassOptionsToPackage fcolorbox pdfbookmark rule",
    "o-oo": "cellcolor rowcolor",
    "oaoao": "multirow",
    "aa": "addtolength multicolumn setlength settoheight settowidth",
    "op-": "cmidrule",
    "-o": "multirowcell scalebox",
    "-oo": "raisebox",
    "oo": "framebox makebox savebox",
    "ooo-": "parbox",
    "soo-": "includegraphics",
    "so-": "epsfig includepdf includesvg pgfimage psfig",
    "s-": """AtBeginDocument AtEndDocument DeclareGraphicsExtensions IEEEauthorblockA IEEEmembership
        IEEEpubid IEEEspecialpapernotice accepted acmArticle acmBooktitle acmCodeLink
        acmConference acmDOI acmDataLink acmISBN acmJournal acmMonth acmNumber acmPrice
        abovestrut acmSubmissionID acmVolume acmYear addbibresource address affiliations
        altaffilmark authornote authornotemark authorrunning belowstrut bibliography
        bibliographystyle ccsdesc cdashline cdashlinelr city cline
        copyrightyear corauth cormark corref country curraddr date dedication dedicatory
        definecolorset department doublerulesepcolor editor editors email emails
        graphicspath hhline hphantom hypersetup
        hyphenation icmlkeywords keywords icmlsetsymbol icmltitlerunning includeonly index inst
        institute institution label linespread lstset newcounter newlength
        newsavebox noalign nocite nomenclature orcid orcidID orcidlink pacs
        pagenumbering pagestyle phantom position postcode preprint
        printAffiliationsAndNotice received refstepcounter revised
        setcopyright setlist setstretch settopmatter shortauthors shorttitle sisetup
        state stepcounter streetaddress subjclass tablecolumns tablenotemark
        tabletypesize tablewidth
        thanks theoremstyle thispagestyle tikzset titlerunning tnote tnotemark tnoteref
        tnotetext urladdr urlstyle usecounter vphantom vspace""",
    "s--": """DeclareCaptionFormat DeclareUnicodeCharacter acrodef addtocontents addtocounter
        altaffiltext colorlet counterwithin fontsize icmlaffiliation
        icmlauthor icmlcorrespondingauthor markboth newacro numberwithin
        resizebox setcounter""",
    "---": "addcontentsline definecolor newglossaryentry rowcolors specialrule titlespacing",
    "o---": "newacronym",
    "o-o-": "newcolumntype",
    "so--": "DeclareSIUnit",
})  # fmt: skip
"""Commands whose first arguments are no text."""

DROPPED_ENVIRONMENTS: Final = frozenset((
    "tikzpicture", "pgfpicture", "picture", "pspicture", "CCSXML", "axis", "forest", "asy",
    "thebibliography", "circuitikz", "tikzcd", "psfrags", "overpic", "IEEEbiography",
    "IEEEbiographynophoto", "filecontents", "acronym",
))  # fmt: skip

MATHEMATICS: Final = frozenset(name + star for star in ("", "*") for name in (
    "equation", "align", "gather", "multline", "eqnarray", "displaymath", "math", "flalign",
    "alignat", "dmath", "xalignat", "IEEEeqnarray", "dgroup", "empheq",
))  # fmt: skip

FLOATS: Final = frozenset(name + star for star in ("", "*") for name in (
    "table", "wraptable", "sidewaystable", "SCtable", "margintable", "floatingtable",
))  # fmt: skip

PARTS_OF_FLOATS: Final = frozenset(["subtable", "subfigure", "subcaptionblock", "subcaptiongroup"])

TABULARS: Final = {
    **dict.fromkeys(("tabular", "array", "supertabular", "xtabular", "longtable", "longtable*",
                     "tabu", "longtabu", "deluxetable", "deluxetable*"), "oo-"),
    **dict.fromkeys(("tabular*", "tabularx", "tabulary", "xltabular", "NiceTabular*",
                     "NiceTabularX", "tabularew"), "-oo-"),
    **dict.fromkeys(("NiceTabular", "tblr", "longtblr", "talltblr"), "o-o"),
    "tabulate": "",
}  # fmt: skip
"""Environments of rows, and what they take before the first."""

ENVIRONMENTS: Final = _by_name({
    "o": """itemize enumerate description compactitem compactenum figure figure* table table*
        sidewaystable sidewaystable* algorithm algorithm* algorithmic algorithm2e tablenotes
        tcolorbox mdframed proof inparaenum threeparttable quote wraptable* multicols* frame
        center* displayquote letterspace abstract""",
    "o-": "subtable subfigure minipage* wraptable* SCfigure* subcaptionblock",
    "ooo-": "minipage",
    "o-o-": "wrapfigure wraptable floatingfigure",
    "-": "multicols adjustbox adjustwidth* spacing turn rotate framed* otherlanguage IEEEkeywords*",
    "--": "list changemargin adjustwidth adjustwidth*",
})  # fmt: skip
"""Environments whose first arguments are no text."""

SECTIONS: Final = {
    "part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3, "paragraph": 4,
}  # fmt: skip

ALGORITHMS: Final = {
    "state": "\n", "statex": "\n", "require": "\nRequire: ", "ensure": "\nEnsure: ", "if": "\nif ",
    "elsif": "\nelse if ", "else": "\nelse ", "endif": "\nend if", "for": "\nfor ",
    "forall": "\nfor all ", "foreach": "\nfor each ", "endfor": "\nend for", "while": "\nwhile ",
    "endwhile": "\nend while", "repeat": "\nrepeat ", "until": "\nuntil ", "loop": "\nloop",
    "endloop": "\nend loop", "return": "\nreturn ", "comment": " // ", "procedure": "\nprocedure ",
    "endprocedure": "\nend procedure", "function": "\nfunction ", "endfunction": "\nend function",
    "kwin": "\nInput: ", "kwout": "\nOutput: ", "kwdata": "\nData: ", "kwresult": "\nResult: ",
    "kwret": "\nreturn ", "input": "\nInput: ", "output": "\nOutput: ", "print": "\nprint ",
}  # fmt: skip
"""What commands of algorithms say, whatever their capitals."""

WORDS: Final = {
    "eg": "e.g.", "ie": "i.e.", "etal": "et al.", "etc": "etc.", "cf": "cf.", "wrt": "w.r.t.",
    "vs": "vs.", "Eg": "E.g.", "Ie": "I.e.", "textbackslash": "\\", "ldots": "...", "dots": "...",
    "xmark": "✗", "cmark": "✓", "checkmark": "✓", "times": "×", "pm": "±", "textpm": "±",
    "texttimes": "×", "uparrow": "↑", "downarrow": "↓", "textuparrow": "↑", "textdownarrow": "↓",
    "textasciitilde": "~", "textasciicircum": "^", "textunderscore": "_", "textless": "<",
    "textgreater": ">", "textbar": "|", "textmu": "µ", "textminus": "−", "slash": "/", "quad": " ",
    "qquad": " ", "enspace": " ", "thinspace": " ", "space": " ", "enskip": " ", "par": "\n\n",
    "newline": "\n", "and": " ", "And": " ", "AND": " ", "item": "\n- ", "tabularnewline": "\n",
    "textquotesingle": "'", "textquotedblleft": "“", "lbrack": "[", "rbrack": "]",
    "textquotedblright": "”", "textendash": "–", "textemdash": "—", "percent": "%", "hfill": " ",
    "hfil": " ", "cdots": "...", "vdots": "...", "nobreakspace": " ", "today": "",
    "LaTeX": "LaTeX", "TeX": "TeX", "LaTeXe": "LaTeX", "BibTeX": "BibTeX", "sym": "", "i": "i",
    "j": "j", "approx": "≈", "sim": "~", "geq": "≥", "leq": "≤", "ge": "≥", "le": "≤", "gg": "≫",
    "ll": "≪", "to": "→", "rightarrow": "→", "leftarrow": "←", "cdot": "·", "newblock": " ",
    "maketitle": "", "appendix": "",
}  # fmt: skip
"""What commands say that take no argument."""

SMALL: Final = frozenset((
    "tiny", "scriptsize", "footnotesize", "small", "normalsize", "large", "Large", "LARGE",
    "huge", "Huge",
))  # fmt: skip

UNITS: Final = {
    "percent": "%", "milli": "m", "micro": "µ", "nano": "n", "kilo": "k", "mega": "M", "giga": "G",
    "tera": "T", "second": "s", "minute": "min", "hour": "h", "day": "d", "meter": "m",
    "metre": "m", "gram": "g", "byte": "B", "bit": "bit", "hertz": "Hz", "watt": "W", "joule": "J",
    "per": "/", "degree": "°", "celsius": "°C", "volt": "V", "ampere": "A", "kelvin": "K",
    "kibi": "Ki", "mebi": "Mi", "gibi": "Gi", "flop": "FLOP", "centi": "c", "ms": "ms", "us": "µs",
    "ns": "ns", "GB": "GB", "MB": "MB", "kB": "kB", "GHz": "GHz", "MHz": "MHz", "W": "W", "s": "s",
    "m": "m", "g": "g", "h": "h", "J": "J", "squared": "^2", "cubed": "^3",
}  # fmt: skip

ACCENTS: Final = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "d": "\u0323",
    "b": "\u0331", "k": "\u0328", "r": "\u030a",
}  # fmt: skip

CONDITIONS: Final = frozenset(f"if{name}" for name in (
    "true", "false", "x", "num", "dim", "cat", "odd", "case", "mmode", "vmode", "hmode",
    "inner", "defined", "csname", "void", "eof", "pdf", "xetex", "luatex", "hbox", "vbox",
    "ptex",
)) | {"if"}  # fmt: skip

KEPT: Final = frozenset((
    "begin", "end", "input", "include", "documentclass", "usepackage", "title", "author",
    "section", "subsection", "subsubsection", "paragraph", "chapter", "part", "caption",
    "label", "ref", "eqref", "cite", "citep", "citet", "footnote", "thanks", "item",
    "bibitem", "bibliography", "textbf", "emph", "textit", "texttt", "textsc", "url",
    "href", "verb", "multicolumn", "multirow", "hline", "toprule", "midrule", "bottomrule",
    "cmidrule", "includegraphics", "maketitle", "newcommand", "renewcommand", "def", "let",
    "abstract", "frac", "sqrt", "text", "mathrm", "mathbf", "textsuperscript",
    "footnotetext", "footnotemark", "appendix", "xspace", "makecell", "multirowcell",
    "tabular", "protect", "par", "textsubscript", "left", "right",
))  # fmt: skip
"""Commands whose meaning is known here, however a style sets them."""

KEPT_ENVIRONMENTS: Final = frozenset((
    "document", "abstract", "figure", "itemize", "enumerate", "thebibliography", "minipage",
    "tikzpicture", "center", *FLOATS, *TABULARS, *MATHEMATICS,
))  # fmt: skip


@cache
def symbol(name: str) -> str | None:
    """What a command without arguments is set as; None where that is unknown."""
    if name in WORDS:
        return WORDS[name]
    from pylatexenc.latex2text import get_default_latex_context_db

    known: Any = _database(get_default_latex_context_db).get_macro_spec(name)
    said = getattr(known, "simplify_repl", None)
    return said if isinstance(said, str) and "%" not in said and len(said) < 12 else None


@cache
def _database(make: Any) -> Any:
    return make()
