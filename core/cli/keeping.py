"""The commands on the cache and on this machine: `sql`, `status`, `backup`, `pack-job` …"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO

import polars as pl

from core import compiled, jobs
from core.cli.output import print_json, print_table
from core.cli.work import obtain
from core.errors import BadInput
from core.jobs import packed
from core.store import Store
from core.store import backup as archives
from core.store.sandbox import run_sql

# What a machine computes in C++ where it can, and where that is in `core`.
COMPILED = {"recurrences": "cells/loops", "decoders": "probes/decoder"}


def sql(options: argparse.Namespace) -> None:
    """Prints the rows of a query."""
    rows, truncated = run_sql(options.query)
    if options.json:
        print_json(rows.to_dicts())
    else:
        print_table(rows)
    if truncated:
        print(f"Only the first {len(rows)} rows are shown.", file=sys.stderr)


def status(options: argparse.Namespace) -> None:
    """Prints what the cache holds and which jobs are live."""
    store = Store()
    facts = store.status()
    facts |= {name: compiled.describe(source) for name, source in COMPILED.items()}
    shown = ("key", "title", "status", "who", "fraction", "eta")
    live = [job for job in jobs.listing(store) if job.live]
    facts["jobs"] = [{name: getattr(job, name) for name in shown} for job in live]
    if options.json:
        print_json(facts)
        return
    size = sum(facts["bytes"].values()) / 1e6
    print(f"cache       {facts['place']} ({size:.1f} MB)")
    for name in ("corpora", "models", "signatures"):
        print(f"{name:11} {facts[name]}")
    for name in COMPILED:
        print(f"{name:11} {facts[name]}")
    for job in facts["jobs"]:
        print(f"{job['status']:11} {job['fraction']:4.0%} {job['title']} (asked by {job['who']})")
    if not facts["jobs"]:
        print("jobs        none running")


def backup(options: argparse.Namespace) -> None:
    """Writes the cache to a tar archive."""
    with _opened(options.file, "wb") as out:
        count = archives.save(Store(), out)
    print(f"{count} files are in the backup.", file=sys.stderr)


def restore(options: argparse.Namespace) -> None:
    """Unpacks a backup into an empty cache folder."""
    store = Store()
    with _opened(options.file, "rb") as source:
        archives.load(store, source)
    facts = store.status()
    counts = ", ".join(f"{facts[name]} {name}" for name in ("corpora", "models", "signatures"))
    print(f"Restored to {facts['place']}: {counts}.", file=sys.stderr)


def pack_job(options: argparse.Namespace) -> None:
    """Packs an unfinished job into one file."""
    with packed.packing(Store(), options.key) as job, _opened(options.out, "wb") as out:
        job.write(out)
    checkpoints = sum(name.startswith("checkpoints/") for name in job.files)
    print(f"Packed; {checkpoints} of its steps are half way.", file=sys.stderr)


def unpack_job(options: argparse.Namespace) -> None:
    """Takes a packed job into the cache and goes on with it."""
    store = Store()
    with _opened(options.file, "rb") as source:
        spec, again = packed.load(store, source)
    obtain([spec], again)
    print(f"Done: {spec.title}.", file=sys.stderr)


@contextmanager
def _opened(file: str, mode: str) -> Iterator[IO[bytes]]:
    """A file by its name, or for '-' standard input or output."""
    if file == "-":
        yield sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
        return
    try:
        opened = open(file, mode)  # noqa: SIM115  (what fails later is not the opening)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}.") from error
    with opened:
        yield opened


BENCH_OPTIONS = {
    "pages": ("rows",),
    "stages": ("corpus", "cell", "layers", "hidden", "profile"),
    "cost": ("profile",),
}


def bench(options: argparse.Namespace) -> None:
    """Runs one of the benchmarks of `core.bench`."""
    named = {name: getattr(options, name) for names in BENCH_OPTIONS.values() for name in names}
    more = {name: value for name, value in named.items() if value is not None}
    for name in more:
        if name not in BENCH_OPTIONS.get(options.name, ()):
            owners = [f"`bench {owner}`" for owner, names in BENCH_OPTIONS.items() if name in names]
            raise BadInput(f"--{name} is an option of {' and '.join(owners)} only.")
    figures = import_module(f"core.bench.{options.name}").run(**more)
    if options.json:
        print_json(figures)
        return
    for name, value in figures.items():
        if isinstance(value, list):
            print_table(pl.DataFrame(value))
        else:
            print(f"{name:22} {value:.4g}" if isinstance(value, float) else f"{name:22} {value}")
