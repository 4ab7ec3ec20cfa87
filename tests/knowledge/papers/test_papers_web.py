"""Papers by address, against a server on this machine that answers as arXiv and others do."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from paper_files import HTML, INTRO, LATEX, make_pdf, make_tar

from archwright.core import InputError
from archwright.knowledge.papers.given import find_given, one_of_each
from archwright.knowledge.papers.web.addresses import Address, arxiv_ids, parse_address
from archwright.knowledge.papers.web.fetching import Fetcher
from archwright.knowledge.papers.web.library import Sites, WebLibrary

SOURCE = make_tar({"main.tex": LATEX.encode(), "parts/intro.tex": INTRO.encode()})
PDF = bytes(make_pdf().output())
LOGIN = b"<!DOCTYPE html><html><form><input type='password'></form></html>"
PUBLIC = "93.184.216.34"


@dataclass
class Site:
    """What a server holds, by path, and what it was asked.

    A reply is a body, or a body with its status and headers; `None` as a body: nothing comes.
    """

    port: int = 0
    replies: dict[str, bytes | tuple[bytes | None, int, dict[str, str]]] = field(
        default_factory=dict
    )
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.agents.add(self.headers["User-Agent"])
            reply = site.replies.get(self.path, (b"<html>nothing</html>", 404, {}))
            body, status, headers = reply if isinstance(reply, tuple) else (reply, 200, {})
            self.send_response(status)
            if body is not None and "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body is None:
                site.ended.wait()
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def library(
    folder: Path,
    site: Site,
    waits: list[float] | None = None,
    resolve: Callable[[str], Sequence[str]] = lambda host: [host],
    silence: float = 30.0,
    most: int = 1 << 20,
) -> WebLibrary:
    wait = [].append if waits is None else waits.append
    fetcher = partial(Fetcher, wait=wait, resolve=resolve, silence=silence, most=most)
    return WebLibrary(folder / "fetched", Sites(arxiv=site.url, doi=f"{site.url}/doi"), fetcher)


def refused(library: WebLibrary, word: str) -> str:
    address = parse_address(word)
    assert address is not None
    with pytest.raises(InputError) as caught:
        library.fetch(address)
    assert "\n" not in str(caught.value)
    kept = [p.name for p in library.folder.rglob("*") if p.is_file()]
    assert set(kept) <= {"lock", "last"}, "nothing that failed is kept"
    return str(caught.value)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("arxiv:2501.00089", Address("arxiv", "2501.00089")),
        ("arXiv:2501.00089v2", Address("arxiv", "2501.00089v2")),
        ("arxiv:cs/9802040", Address("arxiv", "cs/9802040")),
        ("arxiv:math.GT/0309136v1", Address("arxiv", "math.GT/0309136v1")),
        ("https://arxiv.org/abs/2501.00089", Address("arxiv", "2501.00089")),
        ("https://arxiv.org/pdf/2501.00089v3.pdf", Address("arxiv", "2501.00089v3")),
        ("http://www.arxiv.org/pdf/cs/9802040", Address("arxiv", "cs/9802040")),
        ("https://doi.org/10.48550/arXiv.2501.00089", Address("arxiv", "2501.00089")),
        ("doi:10.1038/nature14539", Address("doi", "10.1038/nature14539")),
        ("https://dx.doi.org/10.1038/nature14539", Address("doi", "10.1038/nature14539")),
        ("https://example.org/a.pdf", Address("url", "https://example.org/a.pdf")),
        ("papers/a.pdf", None),
        ("10.1038", None),
    ],
)
def test_what_an_address_is(word: str, address: Address | None) -> None:
    assert parse_address(word) == address


@pytest.mark.parametrize("word", ["arxiv:", "arxiv:250.1", "https://arxiv.org/abs/x", "doi:9.1/a"])
def test_what_is_nearly_an_address_is_one_line(word: str) -> None:
    with pytest.raises(InputError, match="write it as"):
        parse_address(word)


def test_ids_are_found_in_words() -> None:
    text = "[Paper](https://arxiv.org/abs/2501.00089v2), arXiv:cs/9802040; 2501.00090 is a number"
    assert arxiv_ids(text) == {"2501.00089", "cs/9802040"}


# --- arXiv ----------------------------------------------------------------------------------------


def test_the_source_is_fetched_before_the_pdf_and_once(site: Site, tmp_path: Path) -> None:
    site.replies = {"/e-print/2501.00089": SOURCE, "/pdf/2501.00089": PDF}
    web = library(tmp_path, site)
    first, again = (web.fetch(Address("arxiv", "2501.00089")) for _ in range(2))
    assert first.path.read_bytes() == SOURCE
    assert (first.known, again.known, again.path) == (False, True, first.path)
    assert site.asked == ["/e-print/2501.00089"]
    assert all(agent.startswith("archwright/") for agent in site.agents)


def test_requests_keep_the_pause_that_arxiv_asks_for(site: Site, tmp_path: Path) -> None:
    site.replies = {f"/e-print/2501.0000{n}": SOURCE for n in range(3)}
    waits: list[float] = []
    web = library(tmp_path, site, waits)
    for n in range(3):
        web.fetch(Address("arxiv", f"2501.0000{n}"))
    assert len(waits) == 2
    assert all(0 < seconds <= 3 for seconds in waits)


@pytest.mark.parametrize(
    "reply", [(b"", 404, {}), b"<html>no source</html>", PDF], ids=["none", "page", "pdf alone"]
)
def test_without_a_source_the_pdf_is_taken(
    reply: bytes | tuple[bytes, int, dict[str, str]], site: Site, tmp_path: Path
) -> None:
    site.replies = {"/e-print/cs/9802040": reply, "/pdf/cs/9802040": PDF}
    fetched = library(tmp_path, site).fetch(Address("arxiv", "cs/9802040"))
    assert fetched.path.read_bytes() == PDF
    assert fetched.path.name == "cs_9802040.pdf"


def test_a_source_that_cannot_be_read_gives_way_to_the_pdf(site: Site, tmp_path: Path) -> None:
    broken = gzip.compress(LATEX.encode())[:-200]
    site.replies = {"/e-print/2501.00089": broken, "/pdf/2501.00089": PDF}
    (given,) = find_given(["arxiv:2501.00089"], library(tmp_path, site), str)
    read = given.read()
    assert read.paper.kind == "pdf"
    assert any("source could not be read" in notice for notice in read.paper.notices)


def test_a_lone_source_is_read(site: Site, tmp_path: Path) -> None:
    alone = gzip.compress(LATEX.replace("\\input{parts/intro}", INTRO).encode())
    site.replies = {"/e-print/2501.00089v2": alone}
    (given,) = find_given(["arxiv:2501.00089v2"], library(tmp_path, site), str)
    assert given.read().paper.title == "The DeltaMix paper"


WITHDRAWN = gzip.compress(b"%auto-ignore\nThis paper has been withdrawn by the author.")


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({}, "no such paper"),
        ({"/e-print/2501.00089": WITHDRAWN}, "withdrawn: name an earlier version"),
        ({"/pdf/2501.00089": LOGIN}, "no PDF of it"),
        ({"/e-print/2501.00089": (b"", 403, {})}, "login"),
        ({"/e-print/2501.00089": (b"", 503, {"Retry-After": "90"})}, "try in 90 seconds"),
        ({"/e-print/2501.00089": (b"", 500, {})}, "answers 500"),
        ({"/e-print/2501.00089": (SOURCE, 200, {"Content-Length": "99999"})}, "transfer failed"),
        ({"/e-print/2501.00089": (b"x" * (2 << 20), 200, {})}, "larger than 1 MB"),
    ],
)
def test_what_arxiv_does_not_give_is_one_line(
    replies: dict[str, bytes | tuple[bytes | None, int, dict[str, str]]],
    words: str,
    site: Site,
    tmp_path: Path,
) -> None:
    site.replies = replies
    assert words in refused(library(tmp_path, site), "arxiv:2501.00089")


def test_a_silent_server_is_left(site: Site, tmp_path: Path) -> None:
    site.replies = {"/e-print/2501.00089": (None, 200, {"Content-Length": "10"})}
    web = library(tmp_path, site, silence=0.2)
    assert "takes too long" in refused(web, "arxiv:2501.00089")


def test_without_a_network_one_line_says_so(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    assert "is there a network?" in refused(library(tmp_path, gone), "arxiv:2501.00089")


# --- other addresses ------------------------------------------------------------------------------


def test_addresses_of_a_pdf_a_page_and_an_archive(site: Site, tmp_path: Path) -> None:
    site.replies = {"/a.pdf": PDF, "/b": HTML.encode(), "/c.tar.gz": SOURCE}
    words = [f"{site.url}/{name}" for name in ("a.pdf", "b", "c.tar.gz")]
    given = list(find_given(words, library(tmp_path, site), str))
    assert [g.read().paper.kind for g in given] == ["pdf", "html", "latex"]


def test_a_doi_leads_to_the_pdf_that_its_page_names(site: Site, tmp_path: Path) -> None:
    page = f'<!DOCTYPE html><html><meta name="citation_pdf_url" content="{site.url}/x.pdf"></html>'
    site.replies = {
        "/doi/10.1000/x": (b"", 302, {"Location": "/landing"}),
        "/landing": page.encode(),
        "/x.pdf": PDF,
    }
    web = library(tmp_path, site)
    assert web.fetch(Address("doi", "10.1000/x")).path.read_bytes() == PDF
    assert site.asked == ["/doi/10.1000/x", "/landing", "/x.pdf"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/p.pdf", LOGIN, "login page"),
        ("/p.pdf", HTML.encode(), "web page in place of a PDF"),
        ("/p", LOGIN, "login page"),
        ("/p", b"\x89PNG\r\n" + bytes(range(256)), "not a paper"),
    ],
)
def test_what_is_no_paper_is_one_line(
    path: str, body: bytes, words: str, site: Site, tmp_path: Path
) -> None:
    site.replies = {path: body}
    assert words in refused(library(tmp_path, site), site.url + path)


def test_redirects_end(site: Site, tmp_path: Path) -> None:
    site.replies = {"/p": (b"", 301, {"Location": "/p"})}
    assert "redirects over 5 times" in refused(library(tmp_path, site), f"{site.url}/p")
    site.replies = {"/p": (b"", 301, {"Location": "file:///etc/passwd"})}
    assert "sends to file:" in refused(library(tmp_path, site), f"{site.url}/p")
    site.replies = {"/p": (b"", 301, {"Location": "http://["})}
    assert "not an address" in refused(library(tmp_path, site), f"{site.url}/p")
    assert "not an address" in refused(library(tmp_path, site), "http://[x")


def as_public(host: str) -> list[str]:
    """`localhost` passes for a public site here."""
    return [PUBLIC] if host == "localhost" else [host]


def test_a_public_site_cannot_send_to_a_private_address(site: Site, tmp_path: Path) -> None:
    public = f"http://localhost:{site.port}"
    link = f'<html><meta name="citation_pdf_url" content="{site.url}/secret.pdf"></html>'
    site.replies = {
        "/sends": (b"", 302, {"Location": f"{site.url}/secret.pdf"}),
        "/names": link.encode(),
        "/secret.pdf": PDF,
        "/here": (b"", 302, {"Location": "/paper.pdf"}),
        "/paper.pdf": PDF,
    }
    web = library(tmp_path, site, resolve=as_public)
    for path in ("/sends", "/names"):
        assert "private address" in refused(web, public + path)
    assert "/secret.pdf" not in site.asked
    assert web.fetch(Address("url", f"{public}/here")).path.read_bytes() == PDF
    # What the user names is the user's business.
    assert web.fetch(Address("url", f"{site.url}/secret.pdf")).path.read_bytes() == PDF


# --- a PDF and its source -------------------------------------------------------------------------


def test_a_pdf_with_its_source_is_one_paper_from_the_source(site: Site, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "arXiv-2501.00089.tar.gz").write_bytes(SOURCE)
    (tmp_path / "in" / "2501.00089.pdf").write_bytes(PDF)
    (tmp_path / "other.pdf").write_bytes(bytes(make_pdf("The DeltaMix paper").output()))
    (tmp_path / "third.pdf").write_bytes(PDF)
    words = [str(tmp_path / name) for name in ("in", "other.pdf", "third.pdf")]
    given = list(find_given(words, library(tmp_path, site), str))
    found = [f.paper for _, f in one_of_each([(g, g.read()) for g in given])]
    assert [paper.kind for paper in found] == ["latex", "pdf"]
    assert [n for n in found[0].notices if "left aside" in n] == [
        "read from the LaTeX source; 2501.00089.pdf was left aside",
        "read from the LaTeX source; other.pdf was left aside",
    ]
