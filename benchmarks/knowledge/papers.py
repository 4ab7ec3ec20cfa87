"""How fast papers are read and searched: 100 made-up PDFs of 30 pages by default.

Reading is timed as `archwright paper add` does it, in limited processes beside each other, with
passages recorded; beside it stands plain text extraction by pdfium, in this process and in one
thread. Searches run over all of them.

    python benchmarks/knowledge/papers.py [--papers N] [--pages N] [--json]

Exit code 1 when reading takes longer than the limit, or a search's 95th percentile does.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS_PER_PAPER = 0.6
LIMIT_SEARCH_MS = 50.0
LINES_PER_PAGE = 54
SEARCHES = 60
VOCABULARY = 4000
SYLLABLES = (
    "at",
    "con",
    "vo",
    "lu",
    "tion",
    "gate",
    "del",
    "ta",
    "rule",
    "re",
    "call",
    "to",
    "ken",
)
WORDS = [
    "".join(random.Random(n).choices(SYLLABLES, k=3)) + "s" * (n % 2) for n in range(VOCABULARY)
]
# Few words are said often and many seldom, as in any text (Zipf).
WEIGHTS = [1 / (1 + rank) for rank in range(VOCABULARY)]


def main() -> int:
    parser = argparse.ArgumentParser(description="time reading and searching papers")
    parser.add_argument("--papers", type=int, default=100)
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), args.papers, args.pages)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"{result['papers']} papers of {result['pages']} pages: {result['seconds']:.1f} s, "
            f"{result['papers_a_minute']:.0f} a minute ({result['share_of_limit']:.2f} of the time "
            f"allowed), {result['ratio_to_plain']:.1f} times plain pdfium in one thread\n"
            f"search over {result['passages']} passages: median {result['search_ms']:.1f} ms, "
            f"95th percentile {result['search_p95_ms']:.1f} ms"
        )
    slow = result["share_of_limit"] > 1 or result["search_p95_ms"] > LIMIT_SEARCH_MS
    return 1 if slow else 0


def measure(folder: Path, papers: int, pages: int) -> dict[str, float]:
    """Times in seconds or, where it says so, milliseconds."""
    source = folder / "papers"
    source.mkdir()
    for number in range(papers):
        (source / f"{number:03}.pdf").write_bytes(make_pdf(random.Random(number), pages))
    workspace = folder / "workspace"
    subprocess.run(["git", "init", "--quiet", str(workspace)], check=True)
    plain = time_plain(source)
    started = time.perf_counter()
    added = add(source, workspace)
    seconds = time.perf_counter() - started
    if added != papers:
        raise SystemExit(f"only {added} of {papers} papers were read")
    count, times = time_searches(workspace)
    return {
        "papers": papers,
        "pages": pages,
        "seconds": seconds,
        "papers_a_minute": 60 * papers / seconds,
        "share_of_limit": seconds / (LIMIT_SECONDS_PER_PAPER * papers),
        "ratio_to_plain": seconds / plain,
        "passages": count,
        "search_ms": 1000 * statistics.median(times),
        "search_p95_ms": 1000 * sorted(times)[int(0.95 * len(times))],
    }


def add(source: Path, workspace: Path) -> int:
    """Read a folder of papers as the command does; returns how many distinct ones it took."""
    from archwright.cli import main as archwright

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        archwright(["paper", "add", str(source), "--workspace", str(workspace), "--json"])
    return len({row["id"] for row in json.loads(said.getvalue()) if row["id"]})


def time_plain(source: Path) -> float:
    """Seconds in which pdfium alone gives the text of all papers."""
    import pypdfium2

    started = time.perf_counter()
    for path in source.iterdir():
        document = pypdfium2.PdfDocument(path)
        for page in document:
            page.get_textpage().get_text_range()
        document.close()
    return time.perf_counter() - started


def time_searches(workspace: Path) -> tuple[int, list[float]]:
    """How many passages there are, and the seconds of each search; the first one only warms up."""
    from archwright.knowledge.store import Knowledge
    from archwright.runs.workspace.paths import WorkspacePaths

    rng = random.Random(0)
    times = []
    with Knowledge(WorkspacePaths(workspace).knowledge) as knowledge:
        for _ in range(SEARCHES + 1):
            query = " ".join(rng.choices(WORDS[20:], WEIGHTS[20:], k=4))
            started = time.perf_counter()
            knowledge.search(query, kind="paper", n=10)
            times.append(time.perf_counter() - started)
        return knowledge.stats()["kinds"]["paper"], times[1:]


# --- a PDF --------------------------------------------------------------------------------------


def make_pdf(rng: random.Random, pages: int) -> bytes:
    """A PDF with a title, a heading on each page and made-up text."""
    bodies = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(pages))
    bodies.append(f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode())
    for font in ("Helvetica", "Helvetica-Bold"):
        bodies.append(f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} >>".encode())
    for number in range(pages):
        bodies.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>" % (6 + 2 * number)
        )
        text = page_text(rng, number).encode()
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
    return join(bodies)


def page_text(rng: random.Random, number: int) -> str:
    """The content stream of a page."""
    title = " ".join(rng.choices(WORDS, WEIGHTS, k=5)).title()
    size, heading = (18, title) if number == 0 else (12, f"{number} {title}")
    lines = [f"BT /F2 {size} Tf 60 740 Td ({heading}) Tj /F1 10 Tf 0 -24 Td 12 TL"]
    for _ in range(LINES_PER_PAGE):
        words = rng.choices(WORDS, WEIGHTS, k=9)
        words[rng.randrange(9)] = f"{rng.uniform(0, 100):.1f}"
        lines.append(f"({' '.join(words)}.) '")
    return "\n".join([*lines, "ET"])


def join(bodies: list[bytes]) -> bytes:
    """The objects with the table of where they are."""
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(bodies) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % size
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + head + table + tail


if __name__ == "__main__":
    sys.exit(main())
