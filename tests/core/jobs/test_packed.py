"""A job that was begun on one machine goes on on another and ends with the same numbers."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core import cli, jobs
from core.cli import keeping
from core.errors import BadInput
from core.jobs import packed, queue, worker
from core.jobs.outcome import parquet
from core.library import add_corpus, signature_spec
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.store import Store
from core.store.files import exclusive
from core.training import checkpoints, loop

NUMBERS = {
    "training_curve": "* EXCLUDE (seconds)",
    "predictions": "*",
    "recall": "*",
    "decoder_rounds": "*",
    "models": "key, keep, dev_perplexity, test_perplexity",
}


class Killed(BaseException):
    """Ends a worker as a kill does: nothing is written about it."""


def wanted(store: Store, text: bytes) -> SignatureSpec:
    corpus = add_corpus(text, "words", store=store)
    spec = signature_spec(corpus, hidden=8, profile="smoke", store=store)
    budget = spec.model.budget.model_copy(update={"epochs": 4, "patience": 4})
    return spec.model_copy(update={"model": spec.model.model_copy(update={"budget": budget})})


def numbers(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All that was computed, but for times."""
    store.tables.publish()
    return {
        table: sorted(store.query(f"SELECT {columns} FROM {table}").rows(), key=repr)
        for table, columns in NUMBERS.items()
    }


def begin(spec: Spec, store: Store, until: Callable[[Spec, str], bool]) -> None:
    """Runs a job's worker, which is killed at the first report (step, message) like that."""
    report = worker.Reporter.__call__

    def reported(self: worker.Reporter, fraction: float, message: str) -> None:
        report(self, fraction, message)
        if until(self.steps[self.step], message):
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(worker.Reporter, "__call__", reported)
        worker.work(spec.key, store)
    assert jobs.find(spec.key, store).status == "interrupted"


def pack(store: Store, key: str) -> bytes:
    file = io.BytesIO()
    with packed.packing(store, key) as job:
        job.write(file)
    return file.getvalue()


def head(data: bytes) -> dict[str, Any]:
    """The first line of a packed job."""
    return json.loads(data.partition(b"\n")[0])


def changed(data: bytes, **facts: Any) -> bytes:
    """A packed job with another first line."""
    return json.dumps(head(data) | facts).encode() + b"\n" + data.partition(b"\n")[2]


@pytest.fixture
def job(store: Store, text: bytes) -> tuple[SignatureSpec, bytes]:
    """A packed job with a checkpoint, of which nothing is computed."""
    spec = wanted(store, text)
    jobs.request(spec, "ada", store)
    worker.checkpoint(store, spec.key, spec.model).save(b"half")
    return spec, pack(store, spec.key)


@pytest.mark.slow
def test_a_job_that_moves_twice_ends_with_the_numbers_of_one_that_stays(
    store: Store, text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First while its network trains, then while its decoders do."""
    monkeypatch.setattr(worker, "calibrate", lambda *_: None)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", math.inf)  # one an epoch, on any machine
    epochs: list[int] = []  # of every checkpoint that is saved, in training or by unpacking
    save = worker.FileCheckpoint.save

    def saved(self: worker.FileCheckpoint, data: bytes) -> None:
        epochs.append(checkpoints.facts(data)["epoch"])
        save(self, data)

    monkeypatch.setattr(worker.FileCheckpoint, "save", saved)
    spec = wanted(store, text)
    jobs.request(spec, "ada", store)
    begin(spec, store, lambda step, message: message.startswith("epoch 3 of 4"))
    first = pack(store, spec.key)
    assert epochs == [1, 2] and f"checkpoints/{spec.model.key}" in head(first)["files"]

    second = Store(tmp_path / "second")
    assert packed.load(second, io.BytesIO(first)) == (spec, False)
    jobs.request(spec, "bob", second)
    begin(spec, second, lambda step, message: step == spec and message != "starting")
    assert epochs == [1, 2, 2, 3, 4]

    third = tmp_path / "third"
    monkeypatch.setenv("MEMSIG_CACHE", str(third))
    monkeypatch.setattr(keeping, "obtain", lambda specs, again: None)
    (tmp_path / "file").write_bytes(pack(second, spec.key))
    assert cli.main(["unpack-job", str(tmp_path / "file")]) == 0
    assert Store(third).missing(spec) == [spec]
    jobs.request(spec, "eve", Store(third))
    worker.work(spec.key, Store(third))
    assert len(epochs) == 5

    jobs.cancel(spec.key, "ada", store)
    undisturbed = Store(tmp_path / "undisturbed")
    assert wanted(undisturbed, text) == spec
    jobs.request(spec, "ada", undisturbed)
    worker.work(spec.key, undisturbed)
    assert numbers(Store(third)) == numbers(undisturbed)
    assert all(numbers(undisturbed).values())
    assert Store(third).artifacts.get(spec.key) == undisturbed.artifacts.get(spec.key)


def test_what_cannot_be_packed_is_refused(
    store: Store, text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = wanted(store, text)
    file = tmp_path / "job"

    def refusal(digits: int = 8) -> str:
        assert cli.main(["pack-job", spec.key[:digits], "--out", str(file)]) == 2
        assert not file.exists()
        return capsys.readouterr().err

    assert "first eight digits" in refusal(7)
    assert "There is no job" in refusal()
    jobs.request(spec, "ada", store)
    with exclusive(queue.folder(store, spec.key) / "alive", 0):
        assert "cancel it first" in refusal()
    queue.finish(store, jobs.find(spec.key, store), "done")
    assert "Nothing of that job is left" in refusal()


def test_a_job_that_runs_here_is_not_unpacked(job: tuple[SignatureSpec, bytes]) -> None:
    spec, data = job
    with (
        exclusive(queue.folder(Store(), spec.key) / "alive", 0),
        pytest.raises(BadInput, match="cancel it first"),
    ):
        packed.load(Store(), io.BytesIO(data))


def test_foreign_files_are_refused(job: tuple[SignatureSpec, bytes], tmp_path: Path) -> None:
    spec, data = job
    files = head(data)["files"]
    text, one = f"artifacts/{spec.corpus.content}", {"size": 1, "sha256": "0" * 64}
    large = {f"artifacts/{spec.model.key}/{n}": one | {"size": 2 << 30} for n in range(33)}
    other = Store(tmp_path / "other")
    for bad, reason in (
        (b"noise", "damaged"),
        (b"", "damaged"),
        (data[:-1], "damaged"),
        (data + b"x", "damaged"),
        (data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
        (changed(data, files={text: one | {"size": 1 << 40}}), "damaged"),
        (changed(data, key="0" * 64), "another version"),
        (changed(data, spec=head(data)["spec"] | {"decoder": "of the past"}), "another version"),
        (changed(data, files=files | {"artifacts/../../outside": one}), "does not need"),
        (changed(data, files=files | {f"artifacts/{'0' * 64}": one}), "does not need"),
        (changed(data, files=files | {f"checkpoints/{'0' * 64}": one}), "does not need"),
        (changed(data, files=files | {"tables/jobs.parquet": one}), "does not need"),
        (changed(data, files=large), "larger than 64 GB"),
    ):
        with pytest.raises(BadInput, match=reason):
            packed.load(other, io.BytesIO(bad))
        assert other.missing(spec) == spec.steps() and jobs.listing(other) == []
    packed.load(other, io.BytesIO(data))
    assert worker.checkpoint(other, spec.key, spec.model).load() == b"half"


def test_only_rows_of_the_job_come_in(job: tuple[SignatureSpec, bytes], tmp_path: Path) -> None:
    spec, data = job
    good = pl.DataFrame({"key": [spec.model.key, "0" * 64], "kind": ["char_lm", "char_lm"]})

    def with_rows(rows: bytes) -> io.BytesIO:
        facts = {"size": len(rows), "sha256": hashlib.sha256(rows).hexdigest()}
        line = json.dumps(head(data) | {"files": {"tables/models.parquet": facts}})
        return io.BytesIO(line.encode() + b"\n" + rows)

    other = Store(tmp_path / "other")
    for strange in (
        b"PAR1 noise PAR1",
        parquet(good.rename({"key": "k"})),
        parquet(good.with_columns(key=1)),
        parquet(good.with_columns(unknown=1)),
    ):
        with pytest.raises(BadInput):
            packed.load(other, with_rows(strange))
        assert other.query("SELECT key FROM models").is_empty()
    packed.load(other, with_rows(parquet(good)))
    assert other.query("SELECT key FROM models")["key"].to_list() == [spec.model.key]
