"""Which file of a LaTeX source the paper begins with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

_CLASS = re.compile(
    r"^[^%\n]*\\document(?:class|style)\s*(?:\[[^\]]*\])?\s*\{([^}]*)\}", re.MULTILINE
)
_BEGINS = re.compile(r"^[^%\n]*\\begin\s*\{document\}", re.MULTILINE)
_INCLUDED = re.compile(
    r"^[^%\n]*?\\(?:input|include|subfile|(?:sub)?import\*?\s*\{[^}]*\})\s*\{?([^}\s]+)",
    re.MULTILINE,
)
_OTHER_CLASSES: Final = (
    "standalone", "beamer", "letter", "ltxdoc", "subfiles", "beamerposter", "tikzposter",
    "moderncv", "a0poster", "exam", "response", "scrlttr2", "docmute", "tufte-handout", "baposter",
)  # fmt: skip
_OTHER = re.compile(
    r"(?:^|[^a-z])(?:si|sup|supp|suppl|supmat|supplement\w*|rebuttal|response|responses|reply|cover|letter|"
    r"coverletter|diff|latexdiff|poster|slides?|talk|template|sample|example|readme|"
    r"appendix|old|backup|bak|archive|previous|figs?|figures?|tables?|tikz|cv|notes|todo|guidelines|"
    r"instructions|doc|docs|manual)(?:[^a-z]|$)"
)
_NAMES: Final = ("main", "ms", "paper", "article", "manuscript", "arxiv", "root")
_NAMED = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(_NAMES)})(?:[^a-z]|$)")
_ENDINGS: Final = ("", ".tex", ".ltx", ".latex")
_README = re.compile(r"(?:^|/)00readme(?:\.(?:xxx|json|ya?ml|txt))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MainFile:
    """The file that was chosen, and the documents that it was chosen before."""

    name: str
    others: tuple[str, ...] = ()


def is_source(name: str) -> bool:
    """Whether a file of this name may be LaTeX that is a paper: no class, style or listing is."""
    return PurePosixPath(name).suffix.lower() in _ENDINGS


def choose_main(files: Mapping[str, str]) -> MainFile | None:
    """The file that a LaTeX paper begins with; None where no file says a document's class.

    arXiv's 00README decides where there is one. Else a whole document comes before a part, an
    article before slides, letters and figures, one with its own .bbl beside it, the one nearest
    the top, one that is called as papers are, and the longest.
    """
    mains = {n: m[1] for n, t in files.items() if is_source(n) and (m := _CLASS.search(t))}
    begun = {n: mains.get(n, "") for n, t in files.items() if is_source(n) and _BEGINS.search(t)}
    # One that begins without a class takes it from a preamble in a file of its own.
    whole = {n: c for n, c in begun.items() if n in mains} or begun or mains
    stated = _stated(files)
    if stated is not None:
        return MainFile(stated)
    if not whole:
        return None
    included = _included(whole, files)
    ranked = sorted(whole, key=lambda n: _rank(n, whole[n], n in included, files))
    others = (n for n in ranked[1:] if n not in included and whole[n] not in _OTHER_CLASSES)
    return MainFile(ranked[0], tuple(others))


def _rank(name: str, kind: str, included: bool, files: Mapping[str, str]) -> tuple[object, ...]:
    path = PurePosixPath(name.lower())
    stem = path.stem
    return (
        kind.strip() in _OTHER_CLASSES,
        included,
        bool(_OTHER.search(str(path.with_suffix("")))),
        str(PurePosixPath(name).with_suffix(".bbl")) not in files,
        len(path.parts),
        stem not in _NAMES,
        not _NAMED.search(stem),
        "\\title" not in files[name],
        -len(files[name]),
        name,
    )


def _included(whole: Mapping[str, str], files: Mapping[str, str]) -> set[str]:
    """The documents that another one takes in."""
    found = set()
    for name in whole:
        folder = PurePosixPath(name).parent
        for wanted in _INCLUDED.findall(files[name]):
            for path in (str(folder / wanted), wanted):
                found |= {p for p in (path, f"{path}.tex") if p in whole and p != name}
    return found


def _stated(files: Mapping[str, str]) -> str | None:
    """The file that arXiv's 00README names as the one that is set: of a line `NAME toplevelfile`,
    or of `sources` with `usage: toplevel`."""
    for readme, text in files.items():
        if not _README.search(readme):
            continue
        found = re.findall(r"^\s*(\S+)\s+toplevelfile", text, re.MULTILINE)
        if readme.lower().endswith(".json"):
            found += _of_json(text)
        for block in re.split(r"^\s*-\s", text, flags=re.MULTILINE)[1:]:
            name = re.search(r"filename:\s*[\"']?([^\"'\n]+)", block)
            if name and re.search(r"usage:\s*[\"']?toplevel", block):
                found.append(name[1].strip())
        for name in found:
            path = str(PurePosixPath(readme).parent / name)
            if path in files:
                return path
    return None


def _of_json(text: str) -> list[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return []
    sources = document.get("sources") if isinstance(document, dict) else None
    return [
        str(source.get("filename", ""))
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, dict) and source.get("usage") == "toplevel"
    ]
