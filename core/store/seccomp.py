"""A wall that the kernel keeps (Linux, seccomp): from here on this process opens no file, reaches
no network, starts no program and touches no other process.

The child of core.store.sandbox loads this file by its path, so it imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

# System calls by number on x86-64 and on ARM (None: not there), from the kernel's tables.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "io_uring_setup": (425, 425),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "truncate": (76, 45),
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "bpf": (321, 280),
    "mount": (165, 40),
}
# A new thread is let through, a new process is not: `clone` says which by a flag.
_CLONE, _CLONE3 = (56, 220), (435, 435)
_CLONE_THREAD = 0x00010000
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}

# Instructions of the filter, from linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # places in struct seccomp_data
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1


def wall() -> bool:
    """Forbids these calls (they end in EPERM) to all threads; False where the system cannot."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    column, machine, seccomp = _MACHINES[platform.machine()]
    code = b"".join(struct.pack("HBBI", *line) for line in _filter(column, machine))
    lines = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(lines))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return bool(system.syscall(seccomp, _SET_FILTER, _ALL_THREADS, program) == 0)


def _filter(column: int, machine: int) -> list[tuple[int, int, int, int]]:
    """The filter's lines: (instruction, lines to skip if so, if not, its number)."""
    calls = [numbers[column] for numbers in _CALLS.values()]
    denied = (_RETURN, 0, 0, _ERROR | errno.EPERM)
    lines = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # the x32 names of the same calls
        denied,
        # The C library falls back on `clone`, whose flags can be seen.
        (_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
    ]
    for call in calls:
        lines += [(_EQUAL, 0, 1, call), denied] if call is not None else []
    return [
        *lines,
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        denied,
        (_RETURN, 0, 0, _ALLOW),
    ]
