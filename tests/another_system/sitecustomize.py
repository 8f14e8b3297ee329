"""Read by Python at its start where this folder is on the path: `os` as macOS has it."""

import os

for name in (
    *("sched_getaffinity", "sched_setaffinity", "sched_getscheduler", "sched_setscheduler"),
    *("sched_getparam", "sched_setparam", "sched_rr_get_interval"),
    *("posix_fadvise", "posix_fallocate", "fdatasync", "pipe2", "copy_file_range", "splice"),
    *("memfd_create", "eventfd", "eventfd_read", "eventfd_write", "pidfd_open", "getrandom"),
    *("getxattr", "setxattr", "listxattr", "removexattr", "getresuid", "getresgid"),
    *("setresuid", "setresgid", "O_TMPFILE", "O_DIRECT", "O_PATH", "O_NOATIME"),
):
    if hasattr(os, name):
        delattr(os, name)
