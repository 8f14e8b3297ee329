"""The result tables survive kills, damage, a full disk and other programs at their files."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core.errors import BadInput
from core.store import Store
from tests.core.store.test_tables import counts, result

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def flip(path: Path, share: float) -> None:
    """Turn bits of the last block of a file that no process has open."""
    data = bytearray(path.read_bytes())
    place = int(len(data) * share)
    for i in range(place, min(place + 64, len(data))):
        data[i] ^= 0xFF
    path.write_bytes(bytes(data))


def newest_file(store: Store) -> Path:
    """The newest generation, without opening it: what is open is not read again."""
    return max((store.root / "published").glob("*.duckdb"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_damaged_live_database_is_rebuilt(store: Store, share: float) -> None:
    store.take_in(result("x"))
    flip(store.tables.live, share)
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)
    again.take_in(result("z"))
    assert counts(again) == (3, 18, 3)


def test_a_truncated_live_database_is_rebuilt(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.take_in(result("x"))
    os.truncate(store.tables.live, 20_000)
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)
    assert "damaged and is rebuilt" in caplog.text
    assert (store.root / "live" / "damaged.duckdb").exists()


def test_a_broken_log_of_the_live_database_is_set_aside(store: Store) -> None:
    store.take_in(result("x"))
    Path(f"{store.tables.live}.wal").write_bytes(os.urandom(5_000))
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_damaged_generation_is_published_again(store: Store, share: float) -> None:
    store.take_in(result("x"))
    path = newest_file(store)
    flip(path, share)
    again = Store(store.root)
    assert counts(again) == (1, 6, 1)
    assert again.query("SELECT sum(accuracy) AS a FROM recall")["a"][0] == pytest.approx(4.5)
    # Only what was read can be found damaged; the header always is.
    assert again.tables.newest() != path or share > 0


def test_all_is_rebuilt_when_live_and_newest_are_damaged(store: Store) -> None:
    store.take_in(result("x"))
    store.take_in(result("y"))
    flip(newest_file(store), 0.0)
    flip(store.tables.live, 0.0)
    again = Store(store.root)
    assert counts(again) == (1, 6, 1)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


def test_a_lost_live_database_comes_from_the_newest_generation(store: Store) -> None:
    store.take_in(result("x"))
    store.tables.live.unlink()
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 2)


def test_a_lost_shared_copy_is_made_again(store: Store) -> None:
    store.take_in(result("x"))
    store.tables.shared.unlink()
    store.query("SELECT 1")
    with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
        assert len(connection.sql("FROM signatures").fetchall()) == 1


def test_an_older_schema_gains_what_is_new_and_keeps_its_rows(store: Store) -> None:
    store.take_in(result("x") | {"corpora": pl.DataFrame({"key": ["c"], "name": ["old"]})})
    with duckdb.connect(str(store.tables.live)) as live:
        live.execute("ALTER TABLE corpora DROP COLUMN kind")
        live.execute("ALTER TABLE signatures DROP COLUMN target")
        live.execute("DROP VIEW marginal_recall")
        live.execute("DROP TABLE confusion")
        live.execute("ALTER TABLE recall DROP COLUMN precision")
        live.execute("ALTER TABLE signatures DROP COLUMN machine")
        live.execute("CREATE OR REPLACE VIEW schema_version AS SELECT 'old' AS version")
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again) == (2, 12, 1)
    assert store.query("SELECT precision, untrained FROM signature_matrix('x')").height == 4
    assert store.query("SELECT machine FROM signatures")["machine"].to_list() == [None, None]
    assert store.query("SELECT kind FROM corpora").item() == "text"  # there was nothing else
    assert store.query("SELECT target FROM signatures")["target"].to_list() == ["symbol"] * 2


def test_tables_that_an_older_version_published_are_read_in_todays_schema(store: Store) -> None:
    store.take_in(result("x"))
    newest = store.tables.newest()
    older = newest.with_name(f"{int(newest.stem) + 1:020d}.duckdb")
    shutil.copyfile(newest, older)
    for path in (store.tables.live, older):
        with duckdb.connect(str(path)) as database:
            database.execute("DROP TABLE draws")
            database.execute("CREATE OR REPLACE VIEW schema_version AS SELECT 'old' AS version")
    again = Store(store.root)
    assert again.query("SELECT * FROM draws").is_empty()
    assert counts(again) == (1, 6, 1)


def test_a_published_file_of_an_older_schema_is_published_anew(store: Store) -> None:
    store.take_in(result("x"))
    newest = store.tables.newest()
    older = newest.with_stem(f"{int(newest.stem) + 1:020d}")
    older.write_bytes(newest.read_bytes())
    with duckdb.connect(str(older)) as old:
        old.execute("DROP VIEW claims")
        old.execute("DROP TABLE confusion")
        old.execute("CREATE OR REPLACE VIEW schema_version AS SELECT 'old' AS version")
    again = Store(store.root)
    assert again.query("FROM claims").height == 15
    assert again.query("SELECT key FROM signatures")["key"].to_list() == ["x"]


WRITER = """
import sys
from pathlib import Path
from core.store import Store
from tests.core.store.test_tables import result
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000):
    store.take_in(result(f"{sys.argv[2]}-{number}"), {f"{sys.argv[2]}-{number}": b"w" * 50_000})
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_nothing_half(store: Store) -> None:
    done = 0
    for kill in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root), str(kill)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(0.1 + 0.07 * kill)
        writer.send_signal(signal.SIGKILL)
        reported = len(writer.stdout.read().split())
        writer.wait()
        done += reported
        again = Store(store.root)
        again.take_in(result(f"after-{kill}"))
        done += 1
        signatures, recalls, confusions = counts(again)
        assert recalls == 6 * signatures and confusions == signatures
        assert signatures >= done
        assert not list(store.root.rglob("*.part*"))
        done = signatures
        for key in again.query("SELECT key FROM signatures WHERE key NOT LIKE 'after%'")["key"]:
            assert again.artifacts.get(key) is not None


def test_a_full_disk_is_one_sentence_and_loses_nothing(store: Store) -> None:
    store.take_in(result("x"))
    script = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from core.store import Store
from core.errors import BadInput
store = Store(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
keys = [str(hash(str(i))) * 9 for i in range(100_000)]
big = pl.DataFrame({"signature": keys, "lag": [0] * 100_000, "truth": keys, "guess": keys,
                    "n": [1] * 100_000})
try:
    store.take_in({"confusion": big})
except BadInput as error:
    print(error)
"""
    command = [sys.executable, "-c", script, str(store.root)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert "is full: free some space" in run.stdout, run.stderr
    again = Store(store.root)
    again.take_in(result("y"))
    assert counts(again)[:2] == (2, 12)


@pytest.mark.parametrize("trouble", ["full", "held"])
def test_readers_never_fail_for_a_writers_reason(
    store: Store, trouble: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker was killed before it published, and now the disk is full or the live file held."""
    store.take_in(result("x"))
    store.take_in(result("y"), publish=False)
    left = store.root / "live" / "unpublished"
    os.utime(left, (0, 0))
    reader = Store(store.root)
    if trouble == "full":

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("core.store.live.shutil.copyfile", full)
        assert counts(reader) == (1, 6, 1) and left.exists()
        with pytest.raises(BadInput, match="is full"):
            reader.take_in(result("z"))  # only writers fail
        monkeypatch.undo()
    else:
        with process(HOLDER, str(store.tables.live)) as holder:
            assert holder.stdout is not None and holder.stdin is not None
            assert holder.stdout.readline() == "2\n"
            monkeypatch.setattr("core.store.live.LOCK_SECONDS", 1e9)  # nobody waits for it
            assert counts(reader) == (1, 6, 1) and left.exists()
            holder.communicate("\n")
        monkeypatch.undo()
    assert caplog.text.count("cannot be read yet") == 1  # tried once, not by every query
    reader.tables._try_after = 0.0
    if left.exists():
        os.utime(left, (0, 0))
    assert counts(reader)[0] >= 2


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    for work in (lambda: store.query("SELECT 1"), lambda: store.artifacts):
        with pytest.raises(BadInput, match="cannot be written"):
            work()


# Others at the shared file

READER = """
import os, sys, time
import duckdb
path, stop, hold = sys.argv[1], sys.argv[2], float(sys.argv[3])
seen, slowest, last = 0, 0.0, False
while not last:
    last = os.path.exists(stop)
    start = time.monotonic()
    connection = duckdb.connect(path, read_only=True)
    rows = connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0]
    slowest = max(slowest, time.monotonic() - start)
    if not seen:
        print("ready", flush=True)
    if not last:
        time.sleep(hold)
    assert connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0] == rows
    assert connection.execute("SELECT count(*) FROM recall").fetchall()[0][0] == 6 * rows
    connection.close()
    assert rows >= seen
    seen = rows
print(seen, slowest, flush=True)
"""

HOLDER = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM signatures").fetchall()[0][0], flush=True)
connection.execute("CREATE OR REPLACE TABLE mine AS SELECT * FROM signatures")
print("wrote", flush=True)
sys.stdin.readline()
connection.execute("INSERT INTO mine SELECT * FROM mine")
connection.close()
print("closed", flush=True)
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_outside_readers_never_wait_and_see_what_is_new(store: Store, tmp_path: Path) -> None:
    store.take_in(result("first"))
    shared, stop = str(store.tables.shared), tmp_path / "stop"
    with (
        process(READER, shared, str(stop), "0") as quick,
        process(READER, shared, str(stop), "0.2") as slow,
        process(READER, shared, str(stop), "2") as holder,
    ):
        readers = [quick, slow, holder]
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        end, taken, slowest = time.monotonic() + 1.3, 1, 0.0
        while time.monotonic() < end or taken <= 3:
            start = time.monotonic()
            store.take_in(result(f"x{taken}"))
            slowest = max(slowest, time.monotonic() - start)
            taken += 1
            assert counts(store)[0] == taken
        stop.touch()
        for reader in readers:
            seen, waited = (reader.communicate()[0] or "0 0").split()
            assert reader.returncode == 0
            assert int(seen) == taken and float(waited) < 2
    assert taken > 3 and slowest < 2


def test_a_shell_that_writes_to_the_shared_copy_disturbs_nobody(store: Store) -> None:
    store.take_in(result("first"))
    with process(HOLDER, str(store.tables.shared)) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "1\n"
        assert holder.stdout.readline() == "wrote\n"
        store.take_in(result("second"))
        assert counts(store) == (2, 12, 2)
        with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
            assert connection.execute("SELECT count(*) FROM signatures").fetchall() == [(2,)]
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "closed\n"
    store.take_in(result("third"))
    with duckdb.connect(str(store.tables.shared), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM signatures").fetchall() == [(3,)]


def test_one_who_looks_at_the_live_file_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.take_in(result("x"))
    with process(HOLDER, str(store.tables.live)) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "1\n"
        assert holder.stdout.readline() == "wrote\n"
        timer = threading.Timer(0.3, lambda: holder.communicate("\n"))
        timer.start()
        store.take_in(result("y"))
        timer.join()
    assert counts(store) == (2, 12, 2)
    monkeypatch.setattr("core.store.live.LOCK_SECONDS", 0.1)
    with process(HOLDER, str(store.tables.live)) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "2\n"
        with pytest.raises(BadInput, match="Another program holds"):
            store.take_in(result("z"))
        assert counts(store) == (2, 12, 2)
