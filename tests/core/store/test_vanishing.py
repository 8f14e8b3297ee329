"""Sizes and backups while files and folders vanish: jobs end, and tables are published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.store import Store, backup

Vanish = Callable[[Path], None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "cache")
    store.tables.publish()
    (store.jobs / "running").mkdir(parents=True)
    (store.jobs / "running" / "request.json").write_text("{}")
    return store


@pytest.fixture
def after_a_look(monkeypatch: pytest.MonkeyPatch) -> Vanish:
    """Removes a file right after somebody has asked for its facts, once."""
    stat, doomed = Path.stat, set[Path]()

    def look(path: Path, **options: Any) -> os.stat_result:
        facts = stat(path, **options)
        if path in doomed:
            doomed.remove(path)
            path.unlink()
        return facts

    monkeypatch.setattr(Path, "stat", look)
    return doomed.add


@pytest.fixture
def before_a_listing(monkeypatch: pytest.MonkeyPatch) -> Vanish:
    """Removes a folder right before somebody lists it, after its parent was listed."""
    scandir, doomed = os.scandir, set[str]()

    def listing(place: Any) -> Iterator[os.DirEntry[str]]:
        if str(place) in doomed:
            doomed.remove(str(place))
            shutil.rmtree(place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", listing)
    return lambda folder: doomed.add(str(folder))


def test_the_size_of_tables_that_publish_meanwhile(store: Store, after_a_look: Vanish) -> None:
    part = store.tables.published / "1.duckdb.part"
    part.write_bytes(b"x" * 1000)
    after_a_look(part)
    assert store.tables.size() > 1000
    assert not part.exists()


def test_the_size_of_a_job_that_ends_meanwhile(store: Store, before_a_listing: Vanish) -> None:
    (store.jobs / "waiting").mkdir()
    (store.jobs / "waiting" / "request.json").write_text("{ }")
    before_a_listing(store.jobs / "running")
    assert store.status()["bytes"]["jobs"] == 3


def test_a_backup_while_a_job_ends(store: Store, before_a_listing: Vanish, tmp_path: Path) -> None:
    before_a_listing(store.jobs / "running")
    with (tmp_path / "backup.tar").open("wb") as file:
        assert backup.save(store, file) >= 2
