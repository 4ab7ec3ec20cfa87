"""The page in a real browser: nothing executes, nothing is fetched, it fits a phone, it is dark."""

from __future__ import annotations

import html
import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from page_journals import fill_journal

from archwright.runs.results.observing import observe
from archwright.runs.results.page import write_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--allow-file-access-from-files"),
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: `apt-get install chromium`")

Browse = Callable[..., str]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Opens a file in a fresh headless browser; returns the document as it stands then."""

    def open_page(page: Path, *more: str) -> str:
        words = [str(CHROMIUM), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *more]
        if not any(word.startswith("--screenshot") for word in more):
            words.append("--dump-dom")
        done = subprocess.run(
            [*words, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    return open_page


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def attack(address: str) -> str:
    """Texts that would mark the document, or fetch something, were they taken for markup."""
    mark = "document.documentElement.setAttribute(`data-owned`,`yes`)"
    return (
        f"\"'></title></style></pre></svg><script>{mark}</script>"
        f"<img src={address}/image onerror={mark}><svg onload={mark}></svg>"
        f"<link rel=stylesheet href={address}/style><iframe src={address}/frame></iframe>"
        f"<details open ontoggle={mark}></details>{{{{ 7*7 }}}}"
    )


def test_hostile_texts_do_nothing(
    tmp_path: Path, browse: Browse, asked: tuple[str, list[str]]
) -> None:
    address, paths = asked
    with fill_journal(tmp_path, 40, attack(address)) as journal:
        page = write_page(journal, observe(journal), tmp_path / "page.html")
    assert "data-owned=" not in browse(page)
    # The policy alone is not what holds: without it nothing happens either.
    source = page.read_text()
    tag = source[source.index("<meta http-equiv") :].partition("\n")[0]
    page.write_text(source.replace(tag, ""))
    assert "data-owned=" not in browse(page)
    assert paths == []
    # And the attack is one: as markup it marks the document and reaches the server.
    page.write_text(f"<!doctype html><title>x{attack(address)}")
    assert 'data-owned="yes"' in browse(page)
    assert "/image" in paths


def test_the_policy_blocks_what_would_slip_through(
    tmp_path: Path, browse: Browse, asked: tuple[str, list[str]]
) -> None:
    address, paths = asked
    with fill_journal(tmp_path, 3) as journal:
        page = write_page(journal, observe(journal), tmp_path / "page.html")
    page.write_text(page.read_text().replace("<main>", f"<main>{attack(address)}"))
    assert "data-owned=" not in browse(page)
    assert paths == []


@pytest.mark.parametrize("count", [3, 2000])
def test_the_page_fits_a_phone(tmp_path: Path, browse: Browse, count: int) -> None:
    with fill_journal(tmp_path, count, "Averylongtitle" * 12) as journal:
        page = write_page(journal, observe(journal), tmp_path / "page.html")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"<!doctype html><iframe src='{html.escape(page.as_uri())}' width=360 height=9000 "
        "onload='document.title = this.contentDocument.documentElement.scrollWidth'></iframe>"
    )
    assert "<title>360</title>" in browse(frame)


def test_the_page_follows_the_colour_scheme_of_its_reader(tmp_path: Path, browse: Browse) -> None:
    from matplotlib.image import imread

    with fill_journal(tmp_path, 40) as journal:
        page = write_page(journal, observe(journal), tmp_path / "page.html")
    shades: list[float] = []
    for scheme in (1, 0):
        picture = tmp_path / f"{scheme}.png"
        browse(
            page,
            f"--screenshot={picture}",
            "--window-size=1000,3000",
            f"--blink-settings=preferredColorScheme={scheme}",
        )
        pixels = imread(picture)[..., :3]
        shades.append(float(np.median(pixels)))
        # The drawings are seen on either ground: their colour is on the picture.
        accent = np.array([(10, 108, 116), (76, 195, 204)][1 - scheme]) / 255
        assert (np.abs(pixels - accent).max(axis=-1) < 0.02).sum() > 1000
    light, dark = shades
    assert light > 0.9
    assert dark < 0.2
