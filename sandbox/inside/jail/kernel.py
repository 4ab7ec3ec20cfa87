"""System calls that Python does not wrap, through ctypes. Linux only."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: Any) -> int:
    """Do a system call by number.

    Raises:
        OSError: the kernel refused.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, value: int) -> None:
    """`prctl(option, value, 0, 0, 0)`.

    Raises:
        OSError: the kernel refused.
    """
    zero = ctypes.c_ulong(0)
    _checked(_libc().prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def unshare(flags: int) -> None:
    """Leave namespaces that are shared with the caller's parent.

    Raises:
        OSError: the kernel refused.
    """
    _checked(_libc().unshare(flags))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
