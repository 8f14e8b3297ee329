"""A backup that is taken while the cache is written to holds together when it is restored."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core import cli, jobs
from core.errors import BadInput
from core.jobs import queue
from core.library import add_corpus, signature_spec
from core.store import Store, backup

pytestmark = pytest.mark.slow


def test_every_row_of_a_backup_has_its_artifact(store: Store, tmp_path: Path, text: bytes) -> None:
    corpus = add_corpus(text, "words", store=store)
    stop = threading.Event()

    def one(number: int) -> None:
        key = f"{number:064d}"
        row = {"key": key, "kind": "char_lm"}
        store.take_in({"models": pl.DataFrame([row])}, {key: key.encode() * 2000})

    def write() -> None:
        number = 0
        while not stop.is_set():
            one(number := number + 1)

    one(0)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for again in range(3):
            archive = io.BytesIO()
            assert backup.save(store, archive) > 2
            archive.seek(0)
            other = Store(tmp_path / f"restored-{again}")
            backup.load(other, archive)
            keys = other.query("SELECT key FROM models")["key"].to_list()
            assert keys and all(other.artifacts.get(k) == k.encode() * 2000 for k in keys)
            assert other.artifacts.get(corpus.content) == store.artifacts.get(corpus.content)
            assert (other.root / "signatures.duckdb").exists()
    finally:
        stop.set()
        writer.join()


def test_a_waiting_job_is_waiting_where_it_is_restored(
    store: Store, tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = signature_spec(add_corpus(text, "words", store=store), profile="smoke", store=store)
    jobs.request(spec, "ada", store)
    place = queue.folder(store, spec.key)
    (place / "half.checkpoint").write_bytes(b"half")
    (place / "alive").touch()
    file = str(tmp_path / "backup.tar")
    assert cli.main(["backup", file]) == 0
    assert cli.main(["restore", file]) == 2  # into what is there already
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path / "other"))
    assert cli.main(["restore", file]) == 0
    [job] = jobs.listing()
    assert (job.key, job.who, job.status) == (spec.key, "ada", "queued")
    assert (tmp_path / "other" / "jobs" / spec.key / "half.checkpoint").read_bytes() == b"half"
    assert not (tmp_path / "other" / "jobs" / spec.key / "alive").exists()


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    for number, name in enumerate(("../outside", "/etc/passwd", "jobs/../../outside", "notes.txt")):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        archive.seek(0)
        with pytest.raises(BadInput, match="no backup of a cache"):
            backup.load(Store(tmp_path / str(number)), archive)
    with pytest.raises(BadInput, match="damaged"):
        backup.load(Store(tmp_path / "noise"), io.BytesIO(b"noise" * 500))


def test_a_backup_that_cannot_be_opened_leaves_nothing_behind(
    store: Store, tmp_path: Path, text: bytes
) -> None:
    add_corpus(text, "words", store=store)
    whole = io.BytesIO()
    backup.save(store, whole)
    whole.seek(0)
    with tarfile.open(fileobj=whole) as tar:
        members = {entry.name: tar.extractfile(entry).read() for entry in tar}
    [generation] = [name for name in members if name.startswith("published/")]
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as database:
        database.execute("CREATE TABLE t (a INTEGER)")
    for changed in (
        {generation: b"garbage" * 1000},
        {generation: members[generation][:5000]},
        {generation: other.read_bytes()},
        {generation: None},
        {"artifacts/cache.db": b"garbage" * 1000},
    ):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, content in (members | changed).items():
                if content is not None:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
        archive.seek(0)
        target = Store(tmp_path / "target")
        with pytest.raises(BadInput, match="archive holds"):
            backup.load(target, archive)
        assert [*target.root.iterdir()] == []
    whole.seek(0)
    backup.load(target, whole)
    assert target.status()["corpora"] == 1


def test_a_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("jobs/a"), io.BytesIO())
    archive.seek(0)
    with pytest.raises(BadInput, match="it holds 'jobs/a'"):
        backup.load(Store(tmp_path / "cache"), archive)
