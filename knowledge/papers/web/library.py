"""Papers by their address: the source before the PDF, each fetched once and kept."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archwright.core import InputError, WorkspaceError
from archwright.core.files import write_whole
from archwright.knowledge.papers.bundles import is_archive
from archwright.knowledge.papers.paper import UnreadableError
from archwright.knowledge.papers.reading import is_pdf, kind_of
from archwright.knowledge.papers.web.addresses import Address, arxiv_ids
from archwright.knowledge.papers.web.fetching import BY_HAND, AbsentError, Fetcher, WebReply

ARXIV_PAUSE: Final = 3.0
"""Seconds between two requests, which arXiv asks of programs."""
_ABOUT: Final = "about.json"
_PDF_LINK = re.compile(
    rb"""<meta\s+(?:name=["']citation_pdf_url["']\s+content=["'](?P<a>[^"']+)["']|"""
    rb"""content=["'](?P<b>[^"']+)["']\s+name=["']citation_pdf_url["'])""",
    re.IGNORECASE,
)
_LOGIN = re.compile(rb"""type=["']?password""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sites:
    """Where arXiv and the resolver of DOIs are. arXiv asks programs to use its export site."""

    arxiv: str = "https://export.arxiv.org"
    doi: str = "https://doi.org"


@dataclass(frozen=True, slots=True)
class FetchedPaper:
    """A paper's file. `known` says that it was fetched before; `source` that it is not a PDF yet
    one may be had, for a source that cannot be read."""

    path: Path
    url: str
    known: bool
    source: bool = False


@dataclass(frozen=True, slots=True)
class WebLibrary:
    """The papers that were fetched for a workspace, in `folder`, which is made when it is needed.

    <folder>/<hash of the address>/     the file, and about.json: its address, and when
    """

    folder: Path
    sites: Sites = Sites()
    fetcher: Callable[[Path], Fetcher] = Fetcher

    def fetch(self, address: Address) -> FetchedPaper:
        """The paper at an address, from the folder where it was fetched before.

        Raises:
            InputError: it cannot be had; one line that names the fix.
            WorkspaceError: the folder cannot be written.
        """
        if address.kind == "arxiv":
            return self._once(str(address), lambda get: self._arxiv(address, get))
        if address.kind == "doi":
            url = f"{self.sites.doi}/{address.name}"
            return self._once(str(address), lambda get: _linked(get, url, page=False))
        pdf = address.name.lower().partition("?")[0].endswith(".pdf")
        return self._once(str(address), lambda get: _linked(get, address.name, page=not pdf))

    def fetch_pdf(self, address: Address) -> FetchedPaper:
        """The PDF of a paper on arXiv, where its source is of no use.

        Raises:
            InputError: as `fetch`.
        """
        return self._once(f"{address} pdf", lambda get: self._arxiv_pdf(address, get))

    def _once(self, key: str, fetch: Callable[[Fetcher], WebReply]) -> FetchedPaper:
        home = self.folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        with contextlib.suppress(OSError, ValueError, KeyError):
            about = json.loads((home / _ABOUT).read_text(encoding="utf-8"))
            file = home / about["file"]
            if file.is_file():
                return FetchedPaper(file, about["url"], True, about["source"])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            reply = fetch(self.fetcher(self.folder))
            file = home / _file_name(key, reply)
            source = key.startswith("arxiv:") and not is_pdf(reply.body)
            about = {"address": key, "url": reply.url, "file": file.name, "source": source}
            home.mkdir(exist_ok=True)
            write_whole(file, reply.body)
            write_whole(home / _ABOUT, json.dumps({**about, "at": time.time()}))
        except OSError as error:
            raise WorkspaceError(
                f"{self.folder} cannot be written ({error.strerror}): fix its rights or free space"
            ) from error
        return FetchedPaper(file, reply.url, False, source)

    def _arxiv(self, address: Address, fetcher: Fetcher) -> WebReply:
        try:
            reply = fetcher.get(f"{self.sites.arxiv}/e-print/{address.name}", ARXIV_PAUSE)
        except AbsentError:
            return self._arxiv_pdf(address, fetcher)
        if _is_withdrawn(reply):
            raise InputError(_withdrawn(address))
        if reply.is_page or _kind(reply) is None:
            return self._arxiv_pdf(address, fetcher)
        return reply

    def _arxiv_pdf(self, address: Address, fetcher: Fetcher) -> WebReply:
        try:
            reply = fetcher.get(f"{self.sites.arxiv}/pdf/{address.name}", ARXIV_PAUSE)
        except AbsentError:
            raise InputError(
                f"{address}: arXiv has no such paper, or it was withdrawn: check the id"
            ) from None
        if _is_withdrawn(reply):
            raise InputError(_withdrawn(address))
        if not is_pdf(reply.body):
            raise InputError(f"{address}: arXiv gives no PDF of it: {BY_HAND}")
        return reply


def _linked(fetcher: Fetcher, url: str, page: bool) -> WebReply:
    """What is at an address, or the PDF that the page there names.

    Args:
        page: whether the page itself may be the paper.
    """
    reply = fetcher.get(url)
    if reply.is_page and (link := _PDF_LINK.search(reply.body)):
        target = html.unescape((link["a"] or link["b"]).decode("utf-8", "replace"))
        reply = fetcher.get(target, origin=reply.url)
        page = False
    if reply.is_page and _LOGIN.search(reply.body):
        raise InputError(f"{url}: it gives a login page: {BY_HAND}")
    if reply.is_page and not page:
        raise InputError(f"{url}: it gives a web page in place of a PDF: {BY_HAND}")
    if _kind(reply) is None:
        raise InputError(
            f"{url}: it is not a paper ({reply.type or 'of no type'}): name the address of a PDF, "
            "HTML, or an archive of LaTeX"
        )
    return reply


def _kind(reply: WebReply) -> str | None:
    if reply.type.startswith(("image/", "video/", "audio/")):
        return None
    if is_archive(reply.body):
        return "archive"
    try:
        return kind_of(reply.body)
    except UnreadableError:
        return "text"  # too long a one, which is said when it is read


def _is_withdrawn(reply: WebReply) -> bool:
    """Whether arXiv holds nothing more than the word that it was withdrawn."""
    body = reply.body
    if body.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(31).decompress(body, 4096)
    said = body[:4096].lower()
    return said.lstrip().startswith(b"%auto-ignore") or (reply.is_page and b"withdrawn" in said)


def _withdrawn(address: Address) -> str:
    name = re.sub(r"v\d+$", "", address.name)
    return f"{address}: it was withdrawn: name an earlier version, e.g. arxiv:{name}v1"


def _file_name(key: str, reply: WebReply) -> str:
    ids = arxiv_ids(key)
    last = re.sub(r"[^\w.-]+", "_", reply.url.partition("?")[0].rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^\w.]+", "_", min(ids)) if ids else (last.lstrip(".")[:80] or "paper")
    ending = ".pdf" if is_pdf(reply.body) else ".gz" if reply.body[:2] == b"\x1f\x8b" else ""
    return name if name.endswith(ending) or not ending else name + ending
