"""Mathematics in LaTeX: kept as it is written, save where it only sets numbers and signs."""

from __future__ import annotations

import re
from typing import Final

from archwright.knowledge.papers.latex.commands import symbol

_LABEL = re.compile(
    r"\\label\s*\{[^{}]*\}|\\(?:nonumber|notag|displaystyle|textstyle|xspace)(?![A-Za-z])"
)
_WRAPPER = re.compile(r"\\ensuremath(?![A-Za-z])\s*")
_COLOUR = re.compile(
    r"\\(?:textcolor|color|cellcolor|colorbox|rowcolor)\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}"
)
_FONT = re.compile(
    r"\\(?:math(?:bf|rm|it|sf|tt|bb|cal|normal|frak)|text(?:bf|rm|it|sf|tt|normal|sc)?|bm|"
    r"boldsymbol|pmb|mbox|hbox|underline|uline|emph|bf|rm|it|scriptsize|tiny|small|footnotesize|"
    r"scriptstyle|left|right|[lr]lap|clap|big|Big|limits|phantom\s*\{[^{}]*\}|unboldmath|boldmath)(?![A-Za-z])\s*"
)
_GROUP = re.compile(r"(?<![\^_\\])\{([^{}]*)\}")
_SPACE = re.compile(r"\\[,;:!> ]|~|\\q?quad(?![A-Za-z])")
_SYMBOL = re.compile(r"\\([A-Za-z]+)(?:\{\})?")
_SPREAD = re.compile(r"(?:_\s*\{\s*(?=\(?\s*[±+−-])|\^\s*\{\s*(?=\(?\s*[±+↑↓]))([^{}]*)\}")
_SIGN: Final = r"(?:[†‡§¶*∗⋆★♢♡♣♠✝]|\\(?:dagger|ddagger|ast|star|S|P|diamond))"
_NOTE = re.compile(rf"\^\s*(?:{_SIGN}|\{{\s*(?:{_SIGN}[\s,]*)+\s*\}})")
_BRACES = re.compile(r"([\^_])\{(\w)\}")


def written(tex: str) -> str:
    """A formula as it is written, without its label."""
    tex = " ".join(_WRAPPER.sub("", _LABEL.sub("", tex)).split())
    # A blank that is written as a command is none without its blank.
    return tex + " " if re.search(r"(?<!\\)(?:\\\\)*\\\Z", tex) else tex


def told(tex: str, cell: bool, before: str) -> str:
    """A formula in a line of text.

    Args:
        cell: whether it stands in a cell of a table, where letters need no marks around them.
        before: the character in front of it.
    """
    tex = written(tex)
    plain = _plain(tex)
    alone = plain.startswith("^")
    if alone and re.fullmatch(r"\^\{?(?:st|nd|rd|th)\}?", plain):
        return plain.strip("^{}")
    if not plain:
        return ""
    if "\\" in plain or (not cell and re.search(r"[A-Za-z=_&|]|\^(?!\{?[-−+\d])", plain)):
        return f"${tex}$"
    apart = " " if plain[:1] in "±" and before.isalnum() else ""
    return apart + plain


def _plain(tex: str) -> str:
    """Numbers and signs as one would type them; commands that mean more stay."""
    tex = _FONT.sub("", _COLOUR.sub("", _NOTE.sub("", tex))).replace("$", "")
    tex = re.sub(
        r"(?<=\d)(?:\\,|\{,\})(?=\d{3}(?!\d))",
        lambda m: "," if "," in m[0][1:2] and m[0][0] == "{" else "",
        tex,
    )
    tex = _SPACE.sub(" ", tex)
    tex = _SYMBOL.sub(_name, tex)
    tex = re.sub(r"\\([%#$&_])", r"\1", tex)
    for _ in range(3):
        tex = _GROUP.sub(r"\1", tex)
    tex = _SPREAD.sub(r" \1", tex)
    tex = _BRACES.sub(r"\1{\2}", re.sub(r"\^\s*(\d)(?!\d)", r"^{\1}", tex))
    return " ".join(tex.split())


def _name(found: re.Match[str]) -> str:
    said = symbol(found[1])
    return found[0] if said is None else f" {said} " if said in ("±", "×", "≈") else said
