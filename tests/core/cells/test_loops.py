"""The loops in C++ against torch's layers, and how C++ is compiled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core import compiled
from core.cells import CELLS, loops
from core.cells.cell import first

needs_compiler = pytest.mark.skipif(
    compiled.library("cells/loops") is None, reason="no C++ compiler here"
)


# By the cell's name: torch's layer, and the loop that computes the same.
LAYERS = {"gru": (nn.GRU, loops.gru), "lstm": (nn.LSTM, loops.lstm)}
each_cell = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine on which nothing has been compiled, and where that would lie."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiled.library.cache_clear()
    yield tmp_path / "memory-signatures-compiled"
    compiled.library.cache_clear()


def gradients(outputs: Tensor, x: Tensor, *layers: nn.Module) -> list[Tensor]:
    """The outputs, and the gradients of x and of all weights by a loss that weighs every number."""
    weights = [weight for layer in layers for weight in layer.parameters()]
    chance = torch.Generator().manual_seed(1)
    loss = (outputs * torch.randn(outputs.shape, generator=chance)).sum()
    return [outputs.detach(), *torch.autograd.grad(loss, [x, *weights])]


def assert_close(found: list[Tensor], expected: list[Tensor]) -> None:
    """Within 1e-5 of the largest number, 1 at least."""
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine - theirs).abs().max() < 1e-5 * max(1.0, theirs.abs().max().item())


@needs_compiler
@each_cell
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("steps", "batch", "inputs", "hidden"),
    [(1, 1, 3, 1), (1, 9, 8, 16), (40, 1, 7, 13), (23, 8, 5, 33), (60, 19, 40, 80)],
)
def test_values_and_gradients_are_torchs(
    steps: int,
    batch: int,
    inputs: int,
    hidden: int,
    threads: int,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    torchs, loop = LAYERS[name]
    layers = [torchs(inputs, hidden), torchs(hidden, hidden)]
    x = torch.randn(steps, batch, inputs, requires_grad=True)
    monkeypatch.setenv("MEMSIG_THREADS", str(threads))
    found = gradients(loop(layers[1], loop(layers[0], x)), x, *layers)
    again = gradients(loop(layers[1], loop(layers[0], x)), x, *layers)
    assert_close(found, gradients(first(layers[1], first(layers[0], x)), x, *layers))
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))


@needs_compiler
@each_cell
@pytest.mark.filterwarnings("ignore:Input")  # it would rather have float64, which the loop has not
def test_the_gradient_is_that_of_small_differences(name: str) -> None:
    torch.manual_seed(0)
    torchs, loop = LAYERS[name]
    layer, x = torchs(3, 5), torch.randn(6, 2, 3, requires_grad=True)
    inputs = (x, *layer.parameters())
    assert torch.autograd.gradcheck(
        lambda *_: loop(layer, x), inputs, eps=1e-2, atol=2e-3, rtol=2e-2
    )


@needs_compiler
@each_cell
def test_calls_share_nothing(name: str) -> None:
    """Another call between forward and backward, of another shape, changes no gradient."""
    torch.manual_seed(0)
    torchs, loop = LAYERS[name]
    layer, other = torchs(4, 9), torchs(4, 17)
    x = torch.randn(11, 5, 4, requires_grad=True)
    expected = gradients(loop(layer, x), x, layer)
    outputs = loop(layer, x)
    gradients(loop(other, 3 * x), x, other)
    found = gradients(outputs, x, layer)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@needs_compiler
@each_cell
def test_extreme_numbers_are_torchs(name: str) -> None:
    """Gates that are far outside, and what is not a number, which training must notice."""
    torch.manual_seed(0)
    torchs, loop = LAYERS[name]
    layer = torchs(2, 3)
    x = torch.tensor([0.0, 1e3, -1e3, 1e30, -1e30])[:, None, None].expand(-1, 4, 2)
    x = x.clone().requires_grad_()
    assert_close([loop(layer, x).detach()], [first(layer, x).detach()])
    assert loop(layer, x * float("nan")).isnan().all()


def losses(name: str, steps: int = 20) -> list[float]:
    """Of a small network that learns to repeat what it read two steps before."""
    torch.manual_seed(0)
    layer, readout = CELLS[name].layer(4, 12), nn.Linear(12, 4)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=1e-2)
    passed = []
    for _ in range(steps):
        symbols = torch.randint(4, (17, 10))
        h = CELLS[name].output(layer, nn.functional.one_hot(symbols, 4).float())
        logits = readout(h[2:]).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, symbols[:-2].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        passed.append(loss.item())
    return passed


@needs_compiler
@each_cell
def test_training_passes_the_same_losses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "faster", lambda layer: True)
    found = losses(name)
    monkeypatch.setattr(loops, "available", lambda layer, x: False)
    assert found == pytest.approx(losses(name), abs=1e-3)
    assert found[-1] < found[0] - 1e-2


def test_torchs_lstm_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(loops, "available", lambda layer, x: True)
    monkeypatch.setattr(loops, "run", lambda layer, x: taken.append(layer.hidden_size))
    x = torch.randn(2, 1, 4)
    for name in LAYERS:
        for hidden in (80, 96, 640):
            CELLS[name].output(CELLS[name].layer(4, hidden), x)
    assert taken == [80, 96, 640, 96]


def assert_torchs_own() -> None:
    """That GRU and LSTM compute what torch's layers do, to the last bit."""
    for name in LAYERS:
        layer, x = CELLS[name].layer(3, 4), torch.randn(5, 2, 3, requires_grad=True)
        found = gradients(CELLS[name].output(layer, x), x, layer)
        expected = gradients(first(layer, x), x, layer)
        assert compiled.library("cells/loops") is None
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_torchs_layer_where_there_is_no_compiler(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert_torchs_own()
    assert "no C++ compiler" in compiled.describe("cells/loops") and not empty.exists()


def test_torchs_layer_where_the_compiler_fails(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert_torchs_own()
    assert f"with {broken} or loading it fails" in compiled.describe("cells/loops")


@needs_compiler
def test_torchs_layer_where_nothing_can_be_written(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert_torchs_own()


@needs_compiler
def test_two_at_once_compile_to_one_library_and_only_once(empty: Path, tmp_path: Path) -> None:
    compiler, source = compiled._compiler(), tmp_path / "seven.cpp"
    assert compiler is not None
    source.write_text('extern "C" int seven() { return 7; }')
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: compiled._build(compiler, source), range(2)))
    assert made[0] == made[1] and list(empty.iterdir()) == [made[0]]
    assert empty.stat().st_mode & 0o777 == 0o700
    assert CDLL(str(made[0])).seven() == 7
    written = made[0].stat()
    assert compiled._build(compiler, source).stat() == written
    source.write_text('extern "C" int seven() { return 8; }')
    changed = compiled._build(compiler, source)
    assert changed != made[0] and CDLL(str(changed)).seven() == 8
