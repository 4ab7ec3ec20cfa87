"""How large a paper may be, and what reading it may take."""

from __future__ import annotations

from typing import Final

FILE_BYTES: Final = 100 * 2**20
"""One file, as it lies on the disk."""
EXPANDED_BYTES: Final = 256 * 2**20
"""An archive or a folder, all files together, unpacked."""
MEMBERS: Final = 10_000
MARKUP_BYTES: Final = 16 * 2**20
"""One file of LaTeX, HTML, Markdown or text; trees of such text take many times as much memory."""
PAGES: Final = 1_000
TEXT_CHARACTERS: Final = 8_000_000
CODE_BYTES: Final = 2**20
"""One file of code beside a paper."""
CODE_FILES: Final = 200

CPU_SECONDS: Final = 60
WALL_SECONDS: Final = 240.0
"""Larger than the processor's, for a machine that is busy with a run."""
MEMORY_BYTES: Final = 2 * 2**30
REPLY_BYTES: Final = 128 * 2**20
