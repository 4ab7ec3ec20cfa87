"""Landlock: the process gives up the file system, TCP, and signals to others.

An allow-list, enforced by the kernel for this process and all it will ever start (Linux 5.13 and
later; `man 7 landlock`). It cannot be undone, and needs no privilege.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Final

from .kernel import system_call

_CREATE_RULESET: Final = 444  # these three numbers are the same on every architecture
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_PATH_BENEATH: Final = 1

# Rights over files, by bit; later kernels know more of them.
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE, _MAKE_DIR, _MAKE_FILE, _REFER, _TRUNCATE = 3 << 4, 1 << 7, 1 << 8, 1 << 13, 1 << 14
_DEVICE_IOCTL: Final = 1 << 15
_RIGHTS_BY_ABI: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_NOW: Final = 16

_TCP_FROM_ABI, _SCOPES_FROM_ABI = 4, 6
_BIND_AND_CONNECT: Final = 3
_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_files(
    readable: Iterable[str], writable: Iterable[str], devices: Iterable[str] = ()
) -> None:
    """Deny all files but `readable` (files, or folders with all below), the folders `writable`, and
    `devices`, which may be read, written and asked for more.

    Needs `no_new_privs`. Paths that do not exist are passed over.

    Raises:
        OSError: this kernel has no Landlock, or it is switched off.
    """
    abi = system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    known = (1 << _RIGHTS_BY_ABI.get(abi, _RIGHTS_NOW)) - 1
    rules = _Ruleset(
        known,
        _BIND_AND_CONNECT if abi >= _TCP_FROM_ABI else 0,
        _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _SCOPES_FROM_ABI else 0,
    )
    size = 8 if abi < _TCP_FROM_ABI else 16 if abi < _SCOPES_FROM_ABI else 24
    ruleset = system_call(
        _CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    read = _READ_FILE | _READ_DIR
    write = read | _WRITE_FILE | _REMOVE | _MAKE_DIR | _MAKE_FILE | _REFER | _TRUNCATE
    for path in readable:
        _allow(ruleset, path, read & known)
    for path in writable:
        _allow(ruleset, path, write & known)
    for path in devices:
        _allow(ruleset, path, (_READ_FILE | _WRITE_FILE | _DEVICE_IOCTL) & known)
    _allow(ruleset, os.devnull, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & known)
    system_call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        target = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not _is_folder(target):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE | _DEVICE_IOCTL
        rule = _PathBeneath(rights, target)
        system_call(
            _ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(target)


def _is_folder(target: int) -> bool:
    return os.fstat(target).st_mode & 0o170000 == 0o040000
