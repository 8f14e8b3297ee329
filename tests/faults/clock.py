"""A clock that jumps back and forth while jobs run, for every process of the product alike."""

from __future__ import annotations

import random
import struct
import subprocess
import time
from pathlib import Path

import pytest

from core import jobs
from tests.app.server import start
from tests.faults import study
from tests.faults.tally import Tally

# Seconds to add to the clock are in a file, which all processes map and the suite writes.
SHIFTED = r"""
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *shift;

__attribute__((constructor)) static void open_shift(void) {
    shift = (long *)mmap(0, 8, PROT_READ, MAP_SHARED, open(getenv("CLOCK_SHIFT"), O_RDONLY), 0);
}

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept {
    static auto real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && clock == CLOCK_REALTIME && shift) now->tv_sec += *shift;
    return failed;
}

extern "C" int gettimeofday(struct timeval *now, void *) noexcept {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

extern "C" time_t time(time_t *at) noexcept {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (at) *at = precise.tv_sec;
    return precise.tv_sec;
}
"""


def jumps(folder: Path, tries: int, seed: int) -> Tally:
    """While a study runs, the clock goes back by up to two days, then ahead."""
    tally, chance = Tally(), random.Random(seed)
    source, library, shift = (folder / name for name in ("clock.cpp", "clock.so", "shift"))
    source.write_text(SHIFTED)
    shift.write_bytes(struct.pack("q", 0))
    build = ["c++", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(build, check=True)
    done = []
    with study.cache(folder / "cache") as store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(library))
            patch.setenv("CLOCK_SHIFT", str(shift))
            app, _ = start(folder / "log.txt")
        try:
            while tally.tried < tries:
                wanted = study.specs(store, tally.tried)
                for spec in wanted:
                    jobs.request(spec, "a visitor", store)
                for direction in (-1, 1)[: tries - tally.tried]:
                    while not study.pid(wanted, store):
                        time.sleep(0.05)
                    time.sleep(chance.uniform(0, 3))
                    _move(shift, direction * chance.choice((60, 3_600, 86_400, 172_800)))
                    tally.tried += 1
                tally.lost += study.wait(wanted, store)
                done += wanted
        finally:
            app.terminate()
            app.wait(30)
        early = store.query("SELECT count(*) AS n FROM jobs WHERE seconds < 0 OR seconds > 300")
        if early["n"][0]:
            tally.lost.append(f"{early['n'][0]} jobs took less than no time, or hours")
        tally.lost += study.differences(done, store, folder / "calm")
    tally.note = f"{len(done)} signatures meanwhile"
    return tally


def _move(shift: Path, seconds: int) -> None:
    """Puts the clock of every process ahead by so much."""
    with shift.open("r+b") as file:
        (now,) = struct.unpack("q", file.read(8))
        file.seek(0)
        file.write(struct.pack("q", now + seconds))
