"""What a user may call a paper on the web: an arXiv id, a DOI, an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from archwright.core import InputError

ARXIV_ID: Final = (
    r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]+(?:\.[A-Z]{2})?/\d{7})"  # since April 2007, and before
)
_ARXIV = re.compile(rf"(?P<id>{ARXIV_ID})(?P<version>v\d+)?")
_ARXIV_ADDRESS = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)?arxiv\.org/(?:abs|pdf|src|e-print|format|html|ps)/(?P<id>[^?#]+)",
    re.IGNORECASE,
)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_DOI_ADDRESS = re.compile(
    r"(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s*)(?P<doi>.*)", re.IGNORECASE
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A paper on the web: an arXiv id (with or without a version), a DOI, or a URL."""

    kind: Literal["arxiv", "doi", "url"]
    name: str

    def __str__(self) -> str:
        prefix = {"arxiv": "arxiv:", "doi": "doi:", "url": ""}[self.kind]
        return f"{prefix}{self.name}"


def parse_address(word: str) -> Address | None:
    """The address that a word is; None for the path of a file.

    Raises:
        InputError: it begins as an arXiv id or a DOI, and is none.
    """
    word = word.strip()
    if word.lower().startswith("arxiv:"):
        return _arxiv(word[len("arxiv:") :], word)
    if found := _ARXIV_ADDRESS.fullmatch(word):
        return _arxiv(found["id"].removesuffix("/").removesuffix(".pdf"), word)
    if found := _DOI_ADDRESS.fullmatch(word):
        doi = found["doi"].strip()
        if arxiv := _ARXIV_DOI.fullmatch(doi):
            return _arxiv(arxiv["id"], word)
        if not _DOI.fullmatch(doi):
            raise InputError(f"{word[:200]}: it is not a DOI: write it as doi:10.1234/name")
        return Address("doi", doi)
    if re.match(r"https?://\S+$", word, re.IGNORECASE):
        return Address("url", word)
    return None


def _arxiv(id: str, word: str) -> Address:
    found = _ARXIV.fullmatch(id.strip())
    if not found:
        raise InputError(
            f"{word[:200]}: it is not an arXiv id: write it as arxiv:2501.00089 or arxiv:cs/9802040"
        )
    return Address("arxiv", found[0])


def arxiv_ids(text: str) -> set[str]:
    """The arXiv ids that a text names, without their versions."""
    pattern = rf"arxiv(?:\.org/(?:abs|pdf|html)/|:\s?|\.)(?P<id>{ARXIV_ID})"
    return {found["id"] for found in re.finditer(pattern, text, re.IGNORECASE)}
