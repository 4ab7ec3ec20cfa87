"""A system-call filter: what computing needs is allowed, all else is refused.

The filter is a classic BPF program (`man 2 seccomp`). It inherits to threads, cannot be removed,
and needs no privilege once `no_new_privs` is set.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Final

from .kernel import system_call

# name: (x86-64, aarch64); -1 where an architecture has no such call
_ALLOWED: Final[dict[str, tuple[int, int]]] = {
    "read": (0, 63), "write": (1, 64), "open": (2, -1), "close": (3, 57), "stat": (4, -1),
    "fstat": (5, 80), "lstat": (6, -1), "poll": (7, -1), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67),
    "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, -1),
    "pipe": (22, -1), "select": (23, -1), "sched_yield": (24, 124), "mremap": (25, 216),
    "msync": (26, 227), "mincore": (27, 232), "madvise": (28, 233), "dup": (32, 23),
    "dup2": (33, -1), "nanosleep": (35, 101), "getpid": (39, 172), "exit": (60, 93),
    "uname": (63, 160), "fcntl": (72, 25), "fsync": (74, 82), "fdatasync": (75, 83),
    "truncate": (76, 45), "ftruncate": (77, 46), "getdents": (78, -1), "getcwd": (79, 17),
    "chdir": (80, 49), "fchdir": (81, 50), "rename": (82, -1), "mkdir": (83, -1),
    "rmdir": (84, -1), "unlink": (87, -1), "readlink": (89, -1), "umask": (95, 166),
    "gettimeofday": (96, 169), "getrlimit": (97, 163), "getrusage": (98, 165),
    "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176),
    "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173), "getgroups": (115, 158),
    "getpgid": (121, 155), "getsid": (124, 156), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132),
    "statfs": (137, 43), "fstatfs": (138, 44), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "arch_prctl": (158, -1), "gettid": (186, 178),
    "futex": (202, 98), "sched_getaffinity": (204, 123), "getdents64": (217, 61),
    "set_tid_address": (218, 96), "restart_syscall": (219, 128), "fadvise64": (221, 223),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "exit_group": (231, 94), "epoll_wait": (232, -1), "epoll_ctl": (233, 21),
    "get_mempolicy": (239, 236), "openat": (257, 56), "mkdirat": (258, 34),
    "newfstatat": (262, 79), "unlinkat": (263, 35), "renameat": (264, 38), "readlinkat": (267, 78),
    "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "utimensat": (280, 88),
    "epoll_pwait": (281, 22), "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "dup3": (292, 24), "pipe2": (293, 59), "preadv": (295, 69), "pwritev": (296, 70),
    "getcpu": (309, 168), "renameat2": (316, 276), "getrandom": (318, 278),
    "membarrier": (324, 283), "statx": (332, 291), "rseq": (334, 293), "openat2": (437, 437),
    "faccessat2": (439, 439),
}  # fmt: skip

# What a GPU's driver may call on top of that.
_ALLOWED_WITH_GPU: Final[dict[str, tuple[int, int]]] = {
    "ioctl": (16, 29), "flock": (73, 32), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "mlock": (149, 228), "munlock": (150, 229),
    "sched_setaffinity": (203, 122), "mbind": (237, 235), "set_mempolicy": (238, 237),
    "fallocate": (285, 47), "memfd_create": (319, 279), "mlock2": (325, 284),
}  # fmt: skip

# Calls that are allowed for some arguments only.
_CLONE, _PRCTL, _KILL, _TGKILL = (56, 220), (157, 167), (62, 129), (234, 131)
_PRLIMIT, _IOCTL, _CLONE3, _SECCOMP = (302, 261), (16, 29), (435, 435), (317, 277)

_COLUMN: Final = {"x86_64": 0, "aarch64": 1}
_AUDIT_ARCH: Final = (0xC000003E, 0xC00000B7)
_CLONE_THREAD: Final = 0x00010000
_PR_SET_NAME, _PR_GET_NAME = 15, 16

# The few BPF operations that a filter needs, and the offsets of what it may look at.
_LOAD, _RETURN, _JUMP_EQUAL, _JUMP_ANY_BIT = 0x20, 0x06, 0x15, 0x45
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_PERMIT, _REFUSE = 0x7FFF0000, 0x00050000

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def filter_system_calls(gpu: bool = False) -> None:
    """Install the filter for this process and all its threads; with `gpu` its driver can work.

    Raises:
        OSError: no seccomp filters here, or an architecture whose calls are not listed.
    """
    column = _COLUMN.get(platform.machine())
    if column is None:
        raise OSError(errno.ENOSYS, f"no system-call table for {platform.machine()}")
    code = b"".join(struct.pack("=HBBI", *i) for i in compile_filter(column, os.getpid(), gpu))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    set_mode_filter, all_threads = ctypes.c_uint(1), ctypes.c_uint(1)
    system_call(_SECCOMP[column], set_mode_filter, all_threads, ctypes.byref(program))


def compile_filter(column: int, pid: int, gpu: bool = False) -> list[Instruction]:
    """The filter for a process `pid` on the architecture of `column`, as BPF instructions."""
    refuse = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[column]),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
    ]
    for numbers in (_ALLOWED | (_ALLOWED_WITH_GPU if gpu else {})).values():
        if numbers[column] >= 0:
            program += _answer(numbers[column], _PERMIT)
    # The C library falls back to clone, whose flags a filter can see, and to no terminal.
    program += _answer(_CLONE3[column], _REFUSE | errno.ENOSYS)
    program += _answer(_IOCTL[column], _REFUSE | errno.ENOTTY)
    program += _permit_if(_CLONE[column], 0, [(_JUMP_ANY_BIT, _CLONE_THREAD)])
    program += _permit_if(
        _PRCTL[column], 0, [(_JUMP_EQUAL, _PR_SET_NAME), (_JUMP_EQUAL, _PR_GET_NAME)]
    )
    program += _permit_if(_KILL[column], 0, [(_JUMP_EQUAL, pid)])
    program += _permit_if(_TGKILL[column], 0, [(_JUMP_EQUAL, pid)])
    program += _permit_if(_PRLIMIT[column], 2, [(_JUMP_EQUAL, 0)])  # reading limits, not setting
    return [*program, refuse]


def _answer(number: int, action: int) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]


def _permit_if(number: int, argument: int, tests: list[tuple[int, int]]) -> list[Instruction]:
    """Permit `number` where the low half of `argument` passes any of `tests`; else refuse."""
    body: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
    for jump, value in tests:
        body += [(jump, 0, 1, value), (_RETURN, 0, 0, _PERMIT)]
    body.append((_RETURN, 0, 0, _REFUSE | errno.EPERM))
    return [(_JUMP_EQUAL, 0, len(body), number), *body]
