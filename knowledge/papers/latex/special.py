"""Commands of LaTeX that say something of their own: footnotes, units, raised and lowered text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from archwright.knowledge.papers.latex.commands import UNITS
from archwright.knowledge.papers.latex.formulas import told
from archwright.knowledge.papers.latex.scanning import Scanner

if TYPE_CHECKING:
    from archwright.knowledge.papers.latex.words import Converter

Special = Callable[["Converter", Scanner], None]

_CODE = re.compile(
    r"\{?\s*(?:'(?P<octal>[0-7]{1,3})|\"(?P<hex>[0-9A-F]{1,4})|(?P<decimal>\d{1,5}))\s*\}?"
)
_TEXT: Final = ("text", "textrm", "mathrm", "mbox")
_DINGBATS: Final = {"51": "✓", "52": "✓", "55": "✗", "56": "✗", "53": "✗", "54": "✗"}


def _footnote(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    said = scanner.group()
    if said is not None and not converter.cell:
        converter.say(f" [{converter.line(said, cell=False)}]")


def _xspace(converter: Converter, scanner: Scanner) -> None:
    scanner.skip_blank()
    if scanner.after and scanner.after not in ".,;:!?'’”/)-~}]{" and scanner.after != "\n":
        converter.say(" ")


def _onedot(converter: Converter, scanner: Scanner) -> None:
    converter.say("" if scanner.after == "." else ".")
    _xspace(converter, scanner)


def _quantity(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    number = converter.line(scanner.group() or "")
    scanner.option()
    converter.say(f"{number} {_unit(converter, scanner.group() or '')}".strip())


def _range(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    converter.say(
        f"{scanner.group() or ''}–{scanner.group() or ''} {_unit(converter, scanner.group() or '')}"
    )


def _only_unit(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    converter.say(_unit(converter, scanner.group() or ""))


def _number(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    converter.say(converter.line(scanner.group() or ""))


def _cell_number(converter: Converter, scanner: Scanner) -> None:
    """A number in a cell; outside of one the command numbers the table."""
    scanner.option()
    said = scanner.group() or ""
    if converter.cell:
        converter.say(converter.line(said))


def _unit(converter: Converter, source: str) -> str:
    said = re.sub(
        r"\\([A-Za-z]+)\s*", lambda m: UNITS.get(m[1], m[0] if m[1] in _TEXT else m[1]), source
    )
    return converter.line(said)


def _chemistry(converter: Converter, scanner: Scanner) -> None:
    converter.say((scanner.group() or "").replace("$", ""))


def _raised(converter: Converter, scanner: Scanner) -> None:
    said = converter.line(scanner.argument() or "")
    if re.fullmatch(r"[†‡§¶*∗⋆★✝\s,]*", said):
        return
    converter.say(said if said in ("st", "nd", "rd", "th", "TM") else f"^{{{said}}}")


def _lowered(converter: Converter, scanner: Scanner) -> None:
    said = converter.line(scanner.argument() or "")
    if said:
        converter.say(f" {said}" if said[0] in "±+-−(" else f"_{{{said}}}")


def _two_ways(converter: Converter, scanner: Scanner) -> None:
    """`\\texorpdfstring`: as it is set, and in plain words, which are taken."""
    first, second = scanner.group() or "", scanner.group() or ""
    converter.say(converter.line(second or first, converter.cell))


def _fraction(converter: Converter, scanner: Scanner) -> None:
    above, below = scanner.argument() or "", scanner.argument() or ""
    if above or below:
        converter.say(f"{converter.line(above)}/{converter.line(below)}")


def _drawing(_: Converter, scanner: Scanner) -> None:
    scanner.option()
    if scanner.group() is None:
        end = scanner.text.find(";", scanner.place, scanner.place + 2000)
        scanner.place = end + 1 if end >= 0 else scanner.place


def _ensure(converter: Converter, scanner: Scanner) -> None:
    converter.say(told(scanner.group() or "", converter.cell, converter.before))


def _space(converter: Converter, scanner: Scanner) -> None:
    scanner.star()
    if not (scanner.group() or "").strip().startswith("-"):
        converter.say(" ")


def _dingbat(converter: Converter, scanner: Scanner) -> None:
    converter.say(_DINGBATS.get(scanner.group() or "", ""))


def _character(converter: Converter, scanner: Scanner) -> None:
    """A character by its code: decimal, octal behind a quote, hexadecimal behind a double one."""
    if found := _CODE.match(scanner.text, scanner.place):
        scanner.place = found.end()
        base = 8 if found["octal"] else 16 if found["hex"] else 10
        code = int(found["octal"] or found["hex"] or found["decimal"], base)
        converter.say(chr(code) if 32 < code < 0xD800 else " ")


def _bare_root(converter: Converter, scanner: Scanner) -> None:
    scanner.option()
    converter.say("√")


SPECIAL: Final[dict[str, Special]] = {
    "footnote": _footnote,
    "xspace": _xspace,
    "onedot": _onedot,
    **dict.fromkeys(("SI", "qty"), _quantity),
    **dict.fromkeys(("SIrange", "qtyrange"), _range),
    **dict.fromkeys(("si", "unit"), _only_unit),
    "num": _number,
    "tablenum": _cell_number,
    **dict.fromkeys(("ce", "pu"), _chemistry),
    "textsuperscript": _raised,
    "textsubscript": _lowered,
    "texorpdfstring": _two_ways,
    **dict.fromkeys(("frac", "nicefrac", "sfrac", "tfrac", "dfrac"), _fraction),
    "sqrt": _bare_root,
    **dict.fromkeys(("char", "symbol"), _character),
    "hspace": _space,
    "ding": _dingbat,
    "tikz": _drawing,
    "ensuremath": _ensure,
}
