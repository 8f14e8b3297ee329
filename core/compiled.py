"""C++ that lies beside what uses it, compiled for this machine when it is first needed.

A compiler takes two seconds over a file, once: what it made stays in a folder that belongs to the
user alone, because loading a library runs what is in it. Where there is no compiler, or one that
fails, `library` returns None, and its caller computes by other means.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from core import places

HEADER = Path(__file__).with_name("products.h")
COMPILERS = ("c++", "g++", "clang++")
_PROCESSOR = "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"
# The first lets a product and a sum be one instruction, the others let `floor` be one. None lets
# the compiler reorder sums.
_NUMBERS = ("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
_FLAGS = ("-std=c++17", "-O3", _PROCESSOR, *_NUMBERS, "-fPIC", "-shared", "-pthread")
_SECONDS = 120  # a busy machine may take so long


@lru_cache
def library(name: str) -> ctypes.CDLL | None:
    """The functions of core/`name`.cpp, or None where it cannot be compiled or loaded."""
    compiler = _compiler()
    if compiler is None:
        return None
    try:
        return ctypes.CDLL(str(_build(compiler, HEADER.parent / f"{name}.cpp")))
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: no home folder
        return None


def describe(name: str) -> str:
    """What to tell a user about core/`name`.cpp on this machine; compiles it if need be."""
    compiler = _compiler()
    if compiler is None:
        return "by torch, as there is no C++ compiler"
    if library(name) is None:
        return f"by torch, as compiling the faster code with {compiler} or loading it fails"
    return f"in C++, compiled here by {compiler}"


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def _build(compiler: str, source: Path) -> Path:
    """The library of a source, compiled unless that was done before.

    What the compiler predefines says which version it is and which processor it compiles for, so
    that a home folder can serve several machines.
    """
    command = [compiler, *_FLAGS]
    about = _run([*command, "-dM", "-E", "-x", "c++", os.devnull])
    text = HEADER.read_bytes() + source.read_bytes()
    key = hashlib.sha256(repr(command).encode() + about + text).hexdigest()
    folder = places.compiled()
    target = folder / f"{source.stem}-{key[:16]}.so"
    if not target.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two processes may compile at once: each renames a file of its own when it is whole.
        with tempfile.TemporaryDirectory(dir=folder) as own:
            made = Path(own) / target.name
            _run([*command, str(source), "-o", str(made)])
            made.replace(target)
    return target


def _run(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS).stdout
