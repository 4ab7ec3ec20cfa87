"""How long the import of LEMUR takes and how much memory, as ratios to the limits.

    python benchmarks/knowledge/lemur_import.py DIR

DIR is an unpacked `nn-dataset` (`pip install --no-deps --target DIR nn-dataset==2.1.2`). All of its
networks are read, adapted, compared and written into a knowledge base; none is run. The memory is
what this process and its workers hold together, sampled. The time that the processor worked is
given beside the clock's, for other programs do not change it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from archwright.knowledge.lemur.importing import PROCESSES, read_networks
from archwright.knowledge.store import Knowledge

SECONDS, BYTES = 300.0, 1e9
SAMPLE_SECONDS = 0.1


class Peak:
    """The most memory that this process and those below it held together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._done.wait(SAMPLE_SECONDS):
            held = 0
            for process in [own, *own.children(recursive=True)]:
                try:
                    held += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, held)


def main() -> None:
    """Import once and print the ratios."""
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        started = time.perf_counter()
        found = read_networks(Path(sys.argv[1]))
        with Knowledge(Path(folder) / "knowledge.db") as knowledge:
            knowledge.record_all(found.entries)
        seconds = time.perf_counter() - started
    used = os.times()
    worked = used.user + used.system + used.children_user + used.children_system
    print(
        f"{found.networks:,} networks: {len(found.entries):,} imported, {found.duplicates:,}"
        f" duplicates, {sum(found.left_out.values()):,} left out"
    )
    print(f"{seconds:.0f} s: {seconds / SECONDS:.2f} of the limit of {SECONDS:.0f} s")
    print(f"{worked:.0f} s of the processor, by {PROCESSES} workers and this process")
    print(
        f"{peak.bytes / 1e6:.0f} MB: {peak.bytes / BYTES:.2f} of the limit of {BYTES / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
