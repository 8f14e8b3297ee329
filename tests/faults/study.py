"""A small study for the faults that hit running jobs, and what it must come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from core import jobs
from core.jobs import queue
from core.library import add_corpus, signature_spec
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.core.elsewhere import computed

TEXT = "\n".join(f"{n} green bottles, hanging on the wall. and {n + 1} more" for n in range(500))


@contextmanager
def cache(folder: Path) -> Iterator[Store]:
    """A store that processes started from here use, too."""
    store = Store(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(folder))
        try:
            yield store
        finally:
            for job in jobs.listing(store):
                jobs.cancel(job.key, "the suite", store)


def specs(store: Store, seed: int) -> list[SignatureSpec]:
    """Two signatures of two models."""
    corpus = add_corpus(TEXT.encode(), "bottles", store=store)
    return [
        signature_spec(corpus, hidden=hidden, profile="smoke", seed=seed, store=store)
        for hidden in (12, 16)
    ]


def wait(wanted: list[SignatureSpec], store: Store, seconds: float = 300) -> list[str]:
    """Waits until every one of these jobs has ended; what went wrong with them."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = {spec.title: jobs.find(spec.key, store) for spec in wanted}
        if all(job is not None and not job.live for job in found.values()):
            return [
                f"{title} ended as {job.status}: {job.reason}"
                for title, job in found.items()
                if job is not None and job.status != "done"
            ]
        time.sleep(0.05)
    return [f"{spec.title} was not done after {seconds:.0f} s" for spec in wanted]


def pid(wanted: list[SignatureSpec], store: Store) -> int | None:
    """Of the process that computes one of these, if one does."""
    for spec in wanted:
        place = queue.folder(store, spec.key)
        if queue.is_locked(place / "alive"):
            return int((place / "alive").read_text() or 0) or None
    return None


def differences(wanted: list[SignatureSpec], store: Store, calm: Path) -> list[str]:
    """Compares each result with that of an undisturbed computation, row by row."""
    undisturbed, lost = Store(calm), []
    add_corpus(TEXT.encode(), "bottles", store=undisturbed)
    for spec in wanted:
        computed(spec, undisturbed)
        for what in ("recall", "confusion"):
            rows = f"SELECT * FROM {what} WHERE signature = ? ORDER BY ALL"
            there, here = undisturbed.query(rows, [spec.key]), store.query(rows, [spec.key])
            if not _same(there, here):
                lost.append(f"{spec.title}: rows of {what} are not those of a calm run")
        for table, key in (("models", spec.model.key), ("signatures", spec.key)):
            count = store.query(f"SELECT count(*) AS n FROM {table} WHERE key = ?", [key])["n"][0]
            if count != 1:
                lost.append(f"{spec.title}: {count} rows in {table}")
        if store.artifacts.get(spec.model.key) is None:
            lost.append(f"{spec.title}: its model's weights are lost")
    return lost


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    try:
        assert_frame_equal(one, other, abs_tol=1e-6)
    except AssertionError:
        return False
    return True
