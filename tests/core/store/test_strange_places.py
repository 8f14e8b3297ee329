"""Caches that this user may not write to or not even read, odd paths, and foreign locales."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from core import cli
from core.cli import output
from core.schema import VERSION
from core.store import Store
from core.store.files import StoreError

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
NOBODY = 65534
PYTHON = [sys.executable, "-B"]
WRITE = """
import polars as pl
from core.errors import BadInput
from core.store import Store
try:
    Store().take_in({"corpora": pl.DataFrame({"key": ["l"], "name": ["d"]})}, {"l": b"x"})
except BadInput as error:
    print(error)
"""


@pytest.fixture
def cache() -> Iterator[Path]:
    """A cache with one corpus, below a folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    store = Store(folder / "cache")
    store.take_in({"corpora": pl.DataFrame({"key": ["k"], "name": ["c"]})}, {"k": b"x"})
    assert store.jobs.is_dir()
    yield store.root
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def reader(cache: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command run by a user without the right to write to the cache."""
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.getuid() == 0 else {}
    environment = {
        **os.environ,
        **{"MEMSIG_CACHE": str(cache), "MEMSIG_REFERENCE": "off", "HOME": str(cache.parent)},
        **{"PYTHONPATH": str(REPOSITORY), **more},
    }
    done = subprocess.run(
        [*PYTHON, *command], env=environment, cwd="/", capture_output=True, text=True, **other
    )
    if "No module named core" in done.stderr or "can't open file" in done.stderr:
        pytest.skip("another user may not read this checkout")
    return done


def shut(root: Path, mode: int) -> None:
    for path in (*root.rglob("*"), root):
        path.chmod(mode if path.is_dir() else mode & 0o666)


def test_whoever_may_only_read_a_cache_reads_it(cache: Path) -> None:
    shut(cache, 0o555)
    sql = reader(cache, "-m", "core", "sql", "FROM corpora", "--json")
    assert sql.returncode == 0, sql.stderr
    assert json.loads(sql.stdout)[0]["name"] == "c"
    status = reader(cache, "-m", "core", "status", "--json")
    assert json.loads(status.stdout)["corpora"] == 1, status.stderr
    written = reader(cache, "-c", WRITE)
    assert written.stdout.startswith("The cache folder cannot be written to") and not written.stderr


@pytest.mark.parametrize("room", ["", "published", "artifacts"])
def test_a_cache_that_may_not_be_read_is_named(cache: Path, room: str) -> None:
    shut(cache / room, 0o000)
    for command in (["sql", "SELECT 1"], ["status"]):
        done = reader(cache, "-m", "core", *command)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert f"{cache / room} may not be read by this user" in done.stderr


def test_files_alone_that_may_not_be_read(cache: Path) -> None:
    """What a umask of 077 leaves in folders that were there before."""
    for path in cache.rglob("*"):
        if path.is_file():
            path.chmod(0o000)
    for command in (["sql", "SELECT 1"], ["status"]):
        done = reader(cache, "-m", "core", *command)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


def test_a_path_that_duckdb_cannot_open_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "# %20 *[x]' ä:")
    assert store.query("SELECT 1 AS a")["a"].to_list() == [1]
    with pytest.raises(StoreError, match="question mark"):
        Store(tmp_path / "a?b" / "cache")


def test_a_locale_of_other_letters_changes_nothing(cache: Path) -> None:
    foreign = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    foreign["PYTHONIOENCODING"] = "iso-8859-1"
    schema = reader(cache, "-c", "from core.schema import VERSION; print(VERSION)", **foreign)
    assert schema.stdout.strip() == VERSION
    done = reader(cache, "-m", "core", "sql", "SELECT chr(8594) || 'a' AS v", **foreign)
    assert done.returncode == 0 and "a" in done.stdout, done.stderr


def test_names_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["signature", "\udcff.txt"], ["import-model", "x", "--name", "\udcff"]):
        assert cli.main(command) == 2
        assert "is no text" in capsys.readouterr().err


def test_a_result_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(pl.DataFrame({"a": ["\x1b[31mred\x9b"]}))
    output.print_json([{"a": float("nan"), "b": [float("-inf"), 1.5]}])
    table, line = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "\x1b" not in table and "\x9b" not in table and "red" in table
    assert json.loads(line) == [{"a": "nan", "b": ["-inf", 1.5]}]
