"""Imported at the start of Python (tests/core/test_another_system.py): a system as macOS is."""

import fcntl
import os
import resource
import select
import signal

for module, names in {
    os: (
        *("sched_getaffinity", "sched_setaffinity", "sched_getscheduler", "sched_setscheduler"),
        *("sched_getparam", "sched_setparam", "sched_rr_get_interval"),
        *("posix_fadvise", "posix_fallocate", "fdatasync", "pipe2", "copy_file_range", "splice"),
        *("memfd_create", "eventfd", "eventfd_read", "eventfd_write", "pidfd_open", "getrandom"),
        *("getxattr", "setxattr", "listxattr", "removexattr", "getresuid", "getresgid"),
        *("setresuid", "setresgid", "O_TMPFILE", "O_DIRECT", "O_PATH", "O_NOATIME"),
    ),
    fcntl: ("F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_NOTIFY"),
    resource: ("prlimit", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE"),
    select: ("epoll",),
    signal: ("sigtimedwait", "sigwaitinfo", "SIGPWR", "SIGSTKFLT"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
