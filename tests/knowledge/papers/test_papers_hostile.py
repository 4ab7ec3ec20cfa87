"""Files that are no papers, or that mean harm: one line each, which names the fix."""

from __future__ import annotations

import gzip
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF
from paper_files import LATEX, MARKDOWN, make_pdf, make_tar
from PIL import Image

from archwright.core import InputError
from archwright.knowledge.papers.confined import environment, read_confined


def encrypted() -> bytes:
    pdf = make_pdf()
    pdf.set_encryption(owner_password="one", user_password="two")
    return bytes(pdf.output())


def scanned() -> bytes:
    pdf = FPDF()
    for _ in range(3):
        pdf.add_page()
        pdf.image(Image.new("RGB", (40, 40)), 10, 10)
    return bytes(pdf.output())


def long_pdf() -> bytes:
    pdf = FPDF()
    for _ in range(1001):
        pdf.add_page()
    return bytes(pdf.output())


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def make_zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def document(body: str, head: str = "") -> bytes:
    return f"\\documentclass{{a}}{head}\\begin{{document}}{body}\\end{{document}}".encode()


def laughs() -> bytes:
    head = "\\newcommand{\\a}{" + "lol " * 100 + "}"
    head += "".join(
        f"\\newcommand{{\\{b}}}{{" + f"\\{a} " * 100 + "}" for a, b in ("ab", "bc", "cd")
    )
    return document("\\d " * 50, head)


TEX = LATEX.encode()
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "scanned": (scanned, "no text.*ocrmypdf"),
    "encrypted": (encrypted, "encrypted.*qpdf"),
    "broken": (lambda: b"%PDF-1.4\nnothing of the kind", "broken PDF: fetch"),
    "cut in half": (lambda: bytes(make_pdf().output())[:900], "PDF|no text"),
    "too many pages": (long_pdf, "1001 pages, over 1000"),
    "binary": (lambda: os.urandom(5000) + b"\0", "not a paper: add PDF"),
    "empty": (lambda: b"", "empty: fetch"),
    "blank": (lambda: b" \n\n ", "empty: fetch"),
    "too much text": (lambda: b"word " * 4_000_000, "larger than 16 MB: split"),
    "parent path": (lambda: make_tar({"../m.tex": TEX}), "leaves its folder: unpack"),
    "parent path, later": (lambda: make_tar({"a/../../m.tex": TEX}), "leaves its folder"),
    "absolute path": (lambda: make_tar({"/m.tex": TEX}), "leaves its folder"),
    "drive": (lambda: make_zip({"C:\\m.md": b"# A\n\nb"}), "leaves its folder"),
    "zip parent path": (lambda: make_zip({"../m.md": b"# A\n\nb"}), "leaves its folder"),
    "symbolic link": (lambda: make_tar({"m": member("m", tarfile.SYMTYPE, "/etc")}), "a link"),
    "hard link": (lambda: make_tar({"m": member("m", tarfile.LNKTYPE, "/etc/x")}), "a link"),
    "device": (lambda: make_tar({"m": member("m", tarfile.CHRTYPE)}), "a device"),
    "gzip bomb": (lambda: gzip.compress(b"\0" * (300 << 20), 1), "larger than 256 MB"),
    "zip bomb": (lambda: make_zip({"m.md": b" " * (300 << 20)}), "larger than 256 MB"),
    "broken gzip": (lambda: gzip.compress(TEX * 50)[:200], "broken gzip"),
    "broken zip": (lambda: make_zip({"m.md": MARKDOWN.encode()})[:-30], "broken zip"),
    "office": (lambda: make_zip({"[Content_Types].xml": b"x"}), "office document: export"),
    "archive of nothing": (lambda: make_tar({"m.bin": b"\0" * 99}), "not a paper"),
    "includes itself": (lambda: document("\\input{paper}"), "includes itself"),
    "billion laughs": (laughs, "expand to too much text"),
    "deep HTML": (lambda: b"<html><body>" + b"<div>" * 30_000 + b"x", "nested too deep"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_one_line_that_names_the_fix(name: str, tmp_path: Path) -> None:
    make, complaint = HOSTILE[name]
    path = tmp_path / "paper.tex"
    path.write_bytes(make())
    with pytest.raises(InputError) as caught:
        read_confined(path)
    line = str(caught.value)
    assert re.search(complaint, line), line
    assert line.startswith(str(path))
    assert "\n" not in line


def test_patterns_do_not_run_away(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    lines = ["# T", "accuracy " + "a " * 100_000, "|" * 50_000, "-|" * 50_000, "1" * 100_000]
    path.write_text("\n\n".join([*lines, "ignore " + "all " * 50_000, "[" * 50_000, "$" * 49_999]))
    assert read_confined(path).title == "T"


def test_latex_that_is_nested_deep_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.tex"
    path.write_bytes(
        document("{" * 20_000 + "x" + "}" * 20_000 + "\\footnote{" * 300 + "y" + "}" * 300)
    )
    (section,) = read_confined(path).sections
    assert section.text.startswith("x [")


def test_a_reader_is_given_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWRIGHT_API_KEY", "planted")
    assert "planted" not in environment().values()


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory there")
def test_a_reader_cannot_take_all_memory_nor_write_a_file(tmp_path: Path) -> None:
    program = (
        "import sys; from archwright.knowledge.papers.serving import confine; confine()\n"
        "try: bytearray(3 << 30); print('memory')\n"
        "except MemoryError: pass\n"
        "try: open(sys.argv[1], 'w', buffering=1).write('x\\n'); print('file')\n"
        "except OSError: pass\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "written")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode in (0, -signal.SIGXFSZ), done.stderr


def test_a_folder_with_links_reads_none_of_them(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_bytes(document("PLANTED"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "main.tex").write_bytes(document("words \\input{linked}"))
    (folder / "linked.tex").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    assert [s.text for s in read_confined(folder).sections] == ["words"]
