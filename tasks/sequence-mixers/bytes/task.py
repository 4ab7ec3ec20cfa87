"""A byte language model on what every machine with Archwright has: Python's documentation and code,
that of torch and numpy, and `/usr/share/doc` where it is there.

All is read in place and none of it is kept. Another machine has other versions and so other bytes:
scores compare on one machine, and the task's digest tells whether two have the same.
"""

import hashlib
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

LENGTH = 128
WINDOWS = {"train": 4_096, "validation": 160, "test": 320}
TENTHS = {"train": range(8), "validation": (8,), "test": (9,)}
BYTES = 2 << 20  # of each source
LARGEST = 200_000  # of one document
SKIPPED = {"site-packages", "test", "tests", "__pycache__", "encodings", "idlelib", "lib2to3"}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows int64 (N, 128) and, for each place, the byte after it, int64 (N, 128).

    A document belongs to one split as a whole. The windows of training begin where the seed draws.
    """
    text = stretches()[split]
    last = len(text) - LENGTH - 1
    if split == "train":
        starts = np.random.RandomState(seed).randint(last, size=WINDOWS[split])
    else:
        starts = np.linspace(0, last, WINDOWS[split]).astype(np.int64)
    windows = text[starts[:, None] + np.arange(LENGTH + 1)].astype(np.int64)
    return windows[:, :-1], windows[:, 1:]


@cache
def stretches() -> dict[str, np.ndarray]:
    """The bytes of each split, uint8: whole documents by the digest of their text, each paragraph
    once, since licences and headers stand in many files."""
    seen: set[bytes] = set()
    parts: dict[str, list[bytes]] = {split: [] for split in TENTHS}
    for source in (topic_texts(), *map(file_texts, source_files())):
        left = BYTES
        for text in source:
            fresh = [p for p in dict.fromkeys(text.split(b"\n\n")) if p not in seen]
            seen.update(fresh)
            document = b"\n\n".join(fresh) + b"\n\n"
            tenth = int(hashlib.sha256(text).hexdigest(), 16) % 10
            split = next(s for s, tenths in TENTHS.items() if tenth in tenths)
            parts[split].append(document)
            left -= len(document)
            if left <= 0:
                break
    return {s: np.frombuffer(b"".join(texts), dtype=np.uint8) for s, texts in parts.items()}


def topic_texts() -> Iterator[bytes]:
    """The topics of Python's reference manual."""
    return (topics[name].encode() for name in sorted(topics))


def source_files() -> Iterator[list[Path]]:
    """The files of each source, in an order that their names alone decide."""
    library = Path(sysconfig.get_path("stdlib"))
    specs = [find_spec(name) for name in ("torch", "numpy")]
    packages = [Path(spec.origin).parent for spec in specs if spec and spec.origin]
    for folder, pattern in (*((p, "*.py") for p in (library, *packages)), (DOC, "*")):
        found = [f for f in folder.rglob(pattern) if not SKIPPED & {*f.relative_to(folder).parts}]
        yield sorted(found, key=lambda f: digest_of(f.relative_to(folder)))


DOC = Path("/usr/share/doc")


def digest_of(path: Path) -> str:
    """What puts files in an order: that of their names would take the first letters alone."""
    return hashlib.sha256(path.as_posix().encode()).hexdigest()


def file_texts(files: list[Path]) -> Iterator[bytes]:
    """The content of those that are text of some length."""
    for file in files:
        if file.suffix in (".gz", ".png") or file.is_symlink() or not file.is_file():
            continue
        content = file.read_bytes() if file.stat().st_size <= LARGEST else b""
        if len(content) > LENGTH and b"\0" not in content:
            yield content
