"""The benchmark of a GPU, on the processor: what it counts, and its refusal without a GPU."""

from __future__ import annotations

import pytest
import torch

from core import cli, machine
from core.bench import decoders, gpu


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.main(["bench", "gpu"]) == 2
    assert "torch can use none on this machine" in capsys.readouterr().err


def test_shares_are_of_the_same_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    small = dict(TRAIN_STATES=3000, DEV_STATES=500, TEST_STATES=500, TURNS=2, STEPS=2, LM_STEPS=2)
    for name, value in (small | dict(HIDDEN=32, BATCH=64)).items():
        monkeypatch.setattr(decoders, name, value)
    monkeypatch.setattr(gpu, "SIZES", ((1, 16), (2, 16)))
    monkeypatch.setattr(gpu, "ROUNDS", 1)
    monkeypatch.setattr(gpu, "STEPS", 1)
    monkeypatch.setattr(machine, "matmul_gflops", lambda device: 100.0)
    found = gpu.measure("cpu")
    assert [row["network"] for row in found["networks"]] == [
        "gru [1,16]",
        "lstm [1,16]",
        "gru [2,16]",
        "lstm [2,16]",
    ]
    for row in found["networks"]:
        assert row["share_of_peak"] == pytest.approx(row["gflops"] / 100)
    # An LSTM of 16 units on 16: four gates of 16 units, each with 32 weights.
    first = found["networks"][1]
    assert first["gflops"] == pytest.approx(
        first["symbols_per_second"] * 6 * (4 * 16 * 32 + 16 * 34) / 1e9
    )
    (lstm,) = found["states"]
    assert lstm["share_of_peak"] == pytest.approx(
        lstm["states_per_second"] * 2 * 4 * 16 * 32 / 1e9 / 100
    )
    (bank,) = found["decoders"]
    assert len(bank["recall_bank"]) == decoders.LAGS and found["device"] == "cpu"
    (trained,) = found["rounds"]
    assert trained["share_of_peak"] == pytest.approx(
        trained["minibatches_per_second"] * 512 * 32 * (4 * 160 + 6 * 34) / 1e9 / 100
    )
