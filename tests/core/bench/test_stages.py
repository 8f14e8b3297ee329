"""The benchmark of stages: what it counts, and one job at smoke."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core import cli
from core.bench import stages
from core.places import ROOT


def outer() -> None:
    inner()


def inner() -> None:
    pass


class Built:
    @classmethod
    def new(cls, value: int) -> tuple[str, int]:
        return cls.__name__, value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which stages are counted; CPU seconds are half of it."""
    now = [0.0]
    monkeypatch.setattr(stages, "_now", lambda: (now[0], now[0] / 2))
    return now


def test_stages_within_stages_count_once(clock: list[float]) -> None:
    counted = stages.Stages()
    clock[0] = 1.0
    with counted.stage("decoders"):
        clock[0] = 3.0
        with counted.stage("states"):
            clock[0] = 7.0
        clock[0] = 15.0
    clock[0] = 31.0
    counted.turn()
    assert dict(counted.spent) == {
        "rest": [17.0, 8.5],
        "decoders": [10.0, 5.0],
        "states": [4.0, 2.0],
    }


def test_functions_and_methods_are_watched(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[__name__]
    for owner, name in ((module, "outer"), (module, "inner"), (Built, "new")):
        monkeypatch.setattr(owner, name, vars(owner)[name])  # put back afterwards
    counted, calls = stages.Stages(), []
    for name in ("outer", "inner", "Built.new"):
        counted.watch(f"{__name__}:{name}", name)
    monkeypatch.setattr(counted, "turn", lambda: calls.append(counted._open[-1]))
    outer()
    assert calls == ["rest", "outer", "inner", "outer"]
    assert Built.new(3) == ("Built", 3)
    assert calls[4:] == ["rest", "Built.new"]


def test_rows_are_in_the_order_of_a_job_with_their_sum() -> None:
    spent = {"rest": [1.0, 1.0], "network": [4.0, 6.0], "process": [2.0, 0.5]}
    rows = {row["stage"]: row for row in stages._rows(spent, {"network": 100.0}, 50.0)}
    assert tuple(rows) == (*stages.ORDER, "all")
    assert (rows["all"]["seconds"], rows["all"]["cpu_s"]) == (7.0, 7.5)
    assert (rows["network"]["gflop"], rows["network"]["of_peak"]) == (100.0, 0.5)
    assert rows["decoders"]["seconds"] == 0 and rows["rest"]["of_peak"] is None


def test_options_belong_to_one_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "store", "--hidden", "4"]) == 2
    assert capsys.readouterr().err == "--hidden is an option of `bench stages` only.\n"
    assert cli.main(["bench", "stages", "--rows", "4"]) == 2
    assert capsys.readouterr().err == "--rows is an option of `bench pages` only.\n"


@pytest.mark.slow
def test_a_job_at_smoke(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "words.txt").write_bytes(text)
    command = [sys.executable, "-m", "core", "bench", "stages", "--json", "--profile", "smoke"]
    command += ["--corpus", str(tmp_path / "words.txt"), "--hidden", "16"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    rows = {row["stage"]: row for row in found["stages"]}
    assert all(row["seconds"] > 0 for row in rows.values()), rows
    for name in ("network", "preview", "decoders"):
        rate = rows[name]["gflop"] / rows[name]["seconds"]
        assert rows[name]["of_peak"] == pytest.approx(rate / found["peak_gflops"])
        assert 0 < rows[name]["of_peak"] < 1
    parts = sum(row["seconds"] for name, row in rows.items() if name != "all")
    assert rows["all"]["seconds"] == pytest.approx(parts)
