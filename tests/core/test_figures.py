"""`core.plot` and the command `figure`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import core
from core.cli import main
from core.errors import BadInput
from tests.app.prepared import prepare


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEMSIG_REFERENCE", "off")
    return prepare(tmp_path / "cache").key


@pytest.mark.slow
def test_a_signature_is_written_as_its_name_ends(key: str, tmp_path: Path) -> None:
    core.plot(key[:8]).save(tmp_path / "a.PDF")
    assert (tmp_path / "a.PDF").read_bytes().startswith(b"%PDF-")
    assert core.plot(key).title == "Recall by lag and symbol\nGRU [1,80] on tiny (h)"
    with pytest.raises(BadInput, match="pdf, svg, png"):
        core.plot(key).save(tmp_path / "a.gif")
    with pytest.raises(BadInput, match="inches"):
        core.plot(key).save(tmp_path / "a.png", width=0)
    assert not (tmp_path / "a.gif").exists()


def test_a_table_of_ones_own_is_drawn_with_its_own_symbols() -> None:
    table = pl.DataFrame({"lag": [0, 1, 1, 1], "symbol": [3, 7, 100, None], "n": [5, 5, 5, 5]})
    table = table.with_columns(accuracy=0.5)
    data = core.plot(table, title="Mine").to_bytes("svg")
    for text in ("Mine", "7", "100"):
        assert f"<!-- {text} -->".encode() in data
    with pytest.raises(BadInput, match="accuracy"):
        core.plot(table.drop("accuracy"))
    with pytest.raises(BadInput, match="lag of 1"):
        core.plot(table.filter(pl.col("lag") == 0))


def test_what_is_not_computed_is_named(key: str) -> None:
    for what, said in (
        ("0" * 64, "No signature"),
        ("a; DROP", "no study"),
        ("las", "core study las"),
    ):
        with pytest.raises(BadInput, match=said):
            core.plot(what)


@pytest.mark.slow
def test_the_command_writes_a_picture(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "column.svg"
    assert main(["figure", key, "--width", "3.25", "--out", str(out), "--json"]) == 0
    assert f'"bytes": {out.stat().st_size}' in capsys.readouterr().out
    assert b'width="234pt"' in out.read_bytes()
    assert main(["figure", key, "--format", "gif", "--out", str(out)]) == 2
    assert main(["figure", "nothing"]) == 2
