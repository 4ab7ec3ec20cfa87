"""All that ever runs in the jail: `jail/` closes it, `model/` works on the candidate's network.

The modules here import the standard library, numpy, torch, each other and `contract.py`, never the
rest of Archwright, which is out of reach in a worker: there, `LOADER` makes a package `walled` of
this folder and the contract beside it.
"""

from __future__ import annotations

from typing import Final

LOADER: Final = (
    "import sys, types; walled = sys.modules['walled'] = types.ModuleType('walled'); "
    "walled.__path__ = [sys.argv.pop(1)]; "
)
"""Python that a worker starts with. Its first argument is the folder of `contract.py`."""
