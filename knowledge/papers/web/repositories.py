"""Repositories of code: their text files as a paper's code, without running anything of theirs.

A folder is read as it lies there, without git. An address is cloned bare and shallow, so that no
file of it is ever checked out: hooks, filters (LFS among them), links and submodules have no place
to act, and what is wanted is read from git's objects.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from archwright.core import InputError
from archwright.knowledge.papers.bundles import CODE_ENDINGS, walk
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.paper import CODE_BYTES, CODE_FILES, CodeFile
from archwright.knowledge.papers.reading import decode
from archwright.knowledge.papers.text import letters_of
from archwright.knowledge.papers.web.addresses import arxiv_ids

_HOSTS: Final = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "huggingface.co")
_CLONE_BYTES: Final = 512 * 2**20
_CLONE_SECONDS: Final = 180.0
_TITLE_LETTERS: Final = 12
"""A title with fewer is found anywhere."""
_OFF: Final = (
    f"core.hooksPath={os.devnull}", "http.followRedirects=false", "submodule.recurse=false",
    "credential.helper=", "core.askPass=", "gc.auto=0", "protocol.ext.allow=never",
)  # fmt: skip
_FIX: Final = "clone it yourself and add the folder"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's code, Python first and at most as many files as a paper may have, and the
    text of its README."""

    name: str
    code: tuple[CodeFile, ...]
    readme: str


def is_repository(word: str) -> bool:
    """Whether a word names a git repository: a folder with `.git` and Python in it that is no
    paper's, or an address of one."""
    path = Path(word)
    if path.is_dir():
        return (path / ".git").exists() and _holds_code(path)
    return bool(_address(word))


def _holds_code(folder: Path) -> bool:
    endings = {path.suffix.lower() for path in folder.iterdir() if path.is_file()}
    papers = {".pdf", ".tex"} & endings
    return not papers and any(name.endswith(".py") for name, _ in walk(folder))


def _address(word: str) -> str:
    """The address for git; empty for what is none."""
    word = word.removeprefix("git+")
    if re.match(r"file://\S+$", word):
        return word
    hosts = "|".join(map(re.escape, _HOSTS))
    if re.match(rf"https?://\S+\.git/?$|https?://(?:{hosts})/[\w.-]+/[\w.-]+/?$", word):
        return word.rstrip("/")
    return ""


def read_repository(word: str) -> Repository:
    """The code of the repository that a word names.

    Raises:
        InputError: it cannot be read, or holds no code; one line that names the fix.
    """
    path = Path(word)
    if path.is_dir() and not _is_bare(path):
        files: Iterable[tuple[str, bytes]] = _from_folder(path)
        found = _sorted_out(path.resolve().name, files)
    else:
        with tempfile.TemporaryDirectory(prefix="archwright-clone-") as scratch:
            address = f"file://{path.resolve()}" if path.is_dir() else _address(word)
            if not address:
                raise InputError(
                    f"{word[:200]}: it is not a repository: name a folder, or an address that "
                    "begins with https:// or file://"
                )
            clone = Path(scratch) / "clone"
            _clone(address, clone)
            found = _sorted_out(_name(address), _from_objects(clone))
    if not any(file.path.endswith(".py") for file in found.code):
        raise InputError(f"{word[:200]}: it holds no Python: name the repository of the code")
    return found


def _is_bare(path: Path) -> bool:
    return not (path / ".git").exists() and (path / "HEAD").is_file() and (path / "refs").is_dir()


def _name(address: str) -> str:
    return PurePosixPath(address).name.removesuffix(".git") or "repository"


def _from_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    wanted = [name for name, path in walk(folder) if path.stat().st_size <= CODE_BYTES]
    return ((name, (folder / name).read_bytes()) for name in _chosen(wanted))


def _chosen(names: Iterable[str]) -> list[str]:
    """The code and the README, as many files as a paper may have: Python and the top first."""
    code = [n for n in names if n.endswith(CODE_ENDINGS) or _is_readme(n)]
    code.sort(key=lambda n: (not _is_readme(n), not n.endswith(".py"), n.count("/"), n))
    return code[: CODE_FILES + 1]


def _is_readme(name: str) -> bool:
    return "/" not in name and name.lower().partition(".")[0] == "readme"


def _sorted_out(name: str, files: Iterable[tuple[str, bytes]]) -> Repository:
    code: list[CodeFile] = []
    readme = ""
    for path, data in files:
        text = decode(data)
        if text is None:
            continue
        if _is_readme(path):
            readme = readme or text
        elif len(code) < CODE_FILES:
            code.append(CodeFile(f"{name}/{path}", text, "repository"))
    return Repository(name, tuple(code), readme)


# --- git ------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    """What git gets: no settings of anybody's, no questions, only transports that run nothing."""
    passed = ("PATH", "LANG", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy",
              "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")  # fmt: skip
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }


def _git(*words: str) -> list[str]:
    return ["git", *(part for setting in _OFF for part in ("-c", setting)), *words]


def _clone(address: str, to: Path) -> None:
    """Clone bare and shallow, within limits of time and of size on the disk."""
    words = _git(
        "clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template=",
        "--no-recurse-submodules", "--", address, str(to),
    )  # fmt: skip
    started = time.monotonic()
    with tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaint,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            while process.poll() is None:
                if time.monotonic() - started > _CLONE_SECONDS:
                    raise InputError(f"{_safe(address)}: cloning takes too long: {_FIX}")
                if _bytes_in(to / "objects" / "pack") > _CLONE_BYTES:
                    raise InputError(f"{_safe(address)}: it is over 512 MB: {_FIX}")
                time.sleep(0.05)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        complaint.seek(0)
        said = complaint.read(20_000).decode(errors="replace")
    if process.returncode:
        raise InputError(f"{_safe(address)}: {_why(said)}")


def _bytes_in(folder: Path) -> int:
    """How large the files of a folder are, which come and go."""
    size = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                size += entry.stat().st_size
    return size


def _why(said: str) -> str:
    if re.search(r"could not resolve|failed to connect|couldn't connect|unable to connect", said,
                 re.IGNORECASE):  # fmt: skip
        return f"it cannot be reached: is there a network? without one, {_FIX}"
    last = next((line for line in said.splitlines() if line.startswith("fatal:")), "it failed")
    return f"git could not clone it ({last.removeprefix('fatal: ')[:200]}): {_FIX}"


def _safe(address: str) -> str:
    """An address without a password in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)[:200]


def _from_objects(clone: Path) -> Iterator[tuple[str, bytes]]:
    """The files of the only commit, read from git's objects."""
    listed = _output(clone, "ls-tree", "-r", "-l", "-z", "HEAD")
    blobs: dict[str, str] = {}
    for line in listed.decode(errors="replace").split("\0"):
        about, _, name = line.partition("\t")
        # A link is a blob too, of another mode; a submodule is a commit.
        if (found := about.split()) and found[0] in ("100644", "100755"):
            hidden = any(part.startswith(".") for part in name.split("/"))
            if not hidden and found[3].isdigit() and int(found[3]) <= CODE_BYTES:
                blobs[name] = found[2]
    return ((name, _output(clone, "cat-file", "blob", blobs[name])) for name in _chosen(blobs))


def _output(clone: Path, *words: str) -> bytes:
    try:
        return subprocess.run(
            _git(f"--git-dir={clone}", *words), stdin=subprocess.DEVNULL, capture_output=True,
            env=_environment(), check=True, timeout=_CLONE_SECONDS,
        ).stdout  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise InputError(f"{clone.name}: the repository is empty or broken: {_FIX}") from None


# --- whose it is ----------------------------------------------------------------------------------


def paper_of(repository: Repository, folder: PaperFolder) -> Kept:
    """The known paper that a repository's README names, by its arXiv id or its title.

    Raises:
        InputError: it names none of them, or several.
    """
    ids = arxiv_ids(repository.readme)
    said = letters_of(repository.readme)
    papers = folder.list()
    named = [kept for kept in papers if ids & _ids_of(kept, folder)]
    named = named or [
        kept
        for kept in papers
        if len(title := letters_of(kept.paper.title)) >= _TITLE_LETTERS and title in said
    ]
    if len(named) != 1:
        several = f"its README names several papers ({', '.join(k.id for k in named)})"
        none = "its README names no paper that is known here"
        raise InputError(
            f"{repository.name}: {several if named else none}: say whose code it is with "
            "--for PAPER-ID (`archwright paper list`)"
        )
    return named[0]


def _ids_of(kept: Kept, folder: PaperFolder) -> set[str]:
    """The arXiv ids that a paper has: its address, and the stamp on its first page."""
    first = kept.paper.sections[0].text.partition("\f")[0] if kept.paper.sections else ""
    stamps = re.findall(r"^arXiv:\S+(?=v\d)|\barXiv:\S+v\d+ \[[\w.-]+\]", first, re.MULTILINE)
    return arxiv_ids(" ".join((folder.address(kept.id), *stamps)))
