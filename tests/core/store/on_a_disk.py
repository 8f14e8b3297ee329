"""What is tried on a disk of its own, read-only or full: `python -m … FOLDER KIND ELSEWHERE`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import core
from core import cli, jobs
from core.errors import BadInput
from core.store import Store, backup
from core.store.sandbox import run_sql
from tests import conftest  # noqa: F401  (one thread, no shipped results: as in the tests)
from tests.app.server import start
from tests.core.store.test_tables import result
from tests.faults.links import visit
from tests.faults.study import TEXT

SAID = {"full": "is full", "read-only": "cannot be written to"}


def spoil(kind: str, folder: Path) -> Callable[[], object]:
    """Makes the disk read-only or full; returns what undoes that."""
    if kind == "read-only":
        remount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
        subprocess.run(["sh", "-c", remount, "sh", str(folder)], check=True)
        writable = ["mount", "-o", "remount,bind,rw", str(folder)]
        return lambda: subprocess.run(writable, check=True)
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    return ballast.unlink


def readers(corpus: core.CorpusSpec, elsewhere: Path) -> None:
    """All that only reads finds what is there."""
    store = Store()
    assert store.query("SELECT count(*) AS n FROM recall")["n"][0] == 6
    assert run_sql("FROM signatures").frame.height == 1
    assert store.artifacts.get("x") == b"x" * 99_000 and store.artifacts.has("x")
    assert store.artifacts.get("y") is None and not store.artifacts.has("y")
    assert core.corpus(corpus).statistics().height and store.status()["signatures"] == 1
    assert len(jobs.listing(store)) == 1
    assert cli.main(["status"]) == cli.main(["sql", "FROM recall"]) == 0
    with (elsewhere / "backup.tar").open("wb") as file:
        backup.save(store, file)
    restored = Store(elsewhere / "restored")
    with (elsewhere / "backup.tar").open("rb") as file:
        backup.load(restored, file)
    assert restored.artifacts.get("x") == b"x" * 99_000


def writers(corpus: core.CorpusSpec, sentence: str) -> None:
    """All that writes says the one sentence."""
    asked, wanted = (core.signature_spec(corpus, hidden=n, profile="smoke") for n in (12, 13))
    for name, write in {
        "rows": lambda: Store().take_in(result("y")),
        "bytes": lambda: Store().artifacts.put("y", b"y" * 99_000),
        "a corpus": lambda: core.add_corpus(TEXT.replace("green", "red").encode(), "red"),
        "a removal": lambda: Store().remove(["x"]),
        "a request": lambda: jobs.request(wanted, "somebody"),
        "a cancellation": lambda: jobs.cancel(asked.key, "somebody"),
        "a note": lambda: jobs.note("key", "title", "somebody", "added"),
    }.items():
        try:
            write()
        except BadInput as refusal:
            assert sentence in str(refusal) and "\n" not in str(refusal), (name, refusal)
        else:
            raise AssertionError(f"{name} could be written")


def publishing(folder: Path) -> None:
    """Rows that are stored and find no room to be published: the older ones stay as they are."""
    store = Store()
    before = {path: path.read_bytes() for path in _published(store)}
    store.tables.take_in(result("z"), publish=False)
    undo = spoil("full", folder)
    try:
        store.tables.publish()
    except BadInput as refusal:
        assert "is full: free about" in str(refusal) and "MB there" in str(refusal), refusal
    else:
        raise AssertionError("there was room")
    assert {path: path.read_bytes() for path in _published(store)} == before
    assert not [*store.root.rglob("*.part*")]
    undo()
    Store().tables.publish()
    assert Store().query("FROM signatures WHERE key = 'z'").height == 1
    Store().remove(["z"])


def _published(store: Store) -> list[Path]:
    return sorted([store.tables.shared, *store.tables.published.iterdir()])


def app(elsewhere: Path) -> None:
    """The app starts, and its pages are drawn."""
    log = elsewhere / "log.txt"
    served, url = start(log)
    try:
        for page in ("", "sql", "library"):
            assert visit(url, page, "") is None
    finally:
        served.terminate()
        served.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()


def main(folder: Path, kind: str, elsewhere: Path) -> None:
    os.environ["MEMSIG_CACHE"] = str(folder / "cache")
    corpus = core.add_corpus(TEXT.encode(), "bottles")
    Store().take_in(result("x"), {"x": b"x" * 99_000})
    publishing(folder)
    jobs.request(core.signature_spec(corpus, hidden=12, profile="smoke"), "somebody")
    undo = spoil(kind, folder)
    readers(corpus, elsewhere)
    writers(corpus, SAID[kind])
    app(elsewhere)
    undo()
    readers(corpus, elsewhere / "again")
    jobs.cancel([job.key for job in jobs.listing()], "the trial")
    Store().take_in(result("y"), {"y": b"y"})
    assert Store().query("SELECT count(*) AS n FROM recall")["n"][0] == 12


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
