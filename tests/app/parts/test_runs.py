"""The Library's table of runs: what is in it, its filters, and what is done with a job."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from app.parts.library import runs
from app.shell import people, queries
from core import jobs
from core.store import Store
from tests.app.prepared import several

ANY = dict.fromkeys(runs.FILTERS, runs.ANY)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Four signatures, a job that waits and one that was cancelled."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    gru, *_ = several(tmp_path)
    for seed in (8, 9):
        jobs.request(gru.model_copy(update={"seed": seed}), "ada")
    jobs.cancel(gru.model_copy(update={"seed": 9}).key, "ada")
    monkeypatch.setattr(people, "listing", jobs.listing)
    return runs.listed()


def test_signatures_and_jobs_are_in_one_table(listed: pl.DataFrame) -> None:
    counts = dict(listed["status"].value_counts().iter_rows())
    # The preview of the first is a signature too; those of untrained networks are no runs.
    assert counts == {"queued": 1, "cancelled": 1, "computed": 5}
    assert listed["status"][0] == "queued"
    assert listed.filter(status="cancelled")["reason"].to_list() == ["cancelled by ada"]


def test_filters_and_every_word_of_the_search_leave_fewer(listed: pl.DataFrame) -> None:
    def left(wanted: str, **chosen: str) -> int:
        return runs.matching(listed, wanted, ANY | chosen).height

    assert left("") == 7 and left("lstm TINY") == 1 and left("lstm gru") == 0
    assert left("", profile="laptop") == 1 and left("80", model="gru", status="computed") == 2
    assert left(".*") == 0  # no pattern


def test_a_deleted_job_is_listed_no_more(listed: pl.DataFrame) -> None:
    key = listed.filter(status="cancelled")["key"].item()
    people.delete([(key, "a job")])
    assert key not in queries.table(runs.RUNS)["key"]
    assert jobs.find(key) is None and not Store().query("FROM jobs WHERE who = 'ada'").is_empty()
