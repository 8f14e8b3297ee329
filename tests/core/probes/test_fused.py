"""Training steps of decoders in C++ against torch's operations and torch's own gradient."""

from __future__ import annotations

import pytest
import torch

from core.probes import fused
from core.probes.bank import MaskPool
from core.probes.fused import Fused
from core.probes.operations import Examples, Masks, Operations, Sizes, Views
from tests.core.cells.test_loops import assert_close, needs_compiler
from tests.core.probes import test_decoders

Layer = tuple[torch.Tensor, torch.Tensor]


def decoder(dim: int, width: int, n_symbols: int) -> list[Layer]:
    """Weights and biases of a hidden layer and a readout."""
    shapes = (width, dim), (n_symbols, width)
    return [
        (torch.randn(rows, columns) * columns**-0.5, torch.randn(1, rows))
        for rows, columns in shapes
    ]


def views(layers: list[Layer]) -> list[Views]:
    return [(w, b, torch.empty_like(w), torch.empty_like(b)) for w, b in layers]


def flat(layers: list[Views], first: int) -> list[torch.Tensor]:
    """Values (first = 0) or gradients (first = 2) of all layers."""
    return [each for layer in layers for each in layer[first : first + 2]]


def engine(
    kind: type[Fused] | type[Operations], layers: list[Views], batch: int
) -> Fused | Operations:
    width, dim = layers[0][0].shape
    sizes = Sizes(1, batch, dim, width, len(layers[1][0]), 1)
    return kind(sizes, flat(layers, 0), flat(layers, 2))


# Sizes around those of a panel, of a block of rows and of a group of panels; 70 symbols are several
# panels of the readout's gradient, 300 states no whole panel.
@needs_compiler
@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize(
    ("batch", "dim", "width", "n_symbols"),
    [(1, 1, 1, 2), (7, 3, 16, 5), (300, 33, 48, 34), (512, 80, 112, 34), (65, 16, 64, 70)],
)
def test_gradients_are_those_of_torch(
    batch: int, dim: int, width: int, n_symbols: int, offset: bool
) -> None:
    torch.manual_seed(0)
    layers = views(decoder(dim, width, n_symbols))
    states, truth = torch.randn(batch, dim), torch.randint(-1, n_symbols, (batch,))
    added = torch.randn(batch, n_symbols) if offset else None
    engine(Fused, layers, batch).differentiate(layers, Examples(states, truth, added, None))

    leaves = [value.clone().requires_grad_() for value in flat(layers, 0)]
    hidden = torch.relu(states @ leaves[0].T + leaves[1])
    logits = hidden @ leaves[2].T + leaves[3] + (0 if added is None else added)
    total = torch.nn.functional.cross_entropy(logits, truth, ignore_index=-1, reduction="sum")
    (total / max(1, int((truth >= 0).sum()))).backward()
    assert_close(flat(layers, 2), [leaf.grad for leaf in leaves])


@needs_compiler
def test_without_any_target_nothing_is_learned() -> None:
    layers = views(decoder(4, 16, 5))
    truth = torch.full((30,), -1)
    minibatch = Examples(torch.randn(30, 4), truth, None, None)
    engine(Fused, layers, 30).differentiate(layers, minibatch)
    assert not any(gradient.any() for gradient in flat(layers, 2))


@needs_compiler
def test_what_is_no_symbol_is_refused_and_what_is_no_number_is_passed_on() -> None:
    layers = views(decoder(4, 16, 5))
    works, states = engine(Fused, layers, 30), torch.randn(30, 4)
    truth = torch.zeros(30, dtype=torch.int64)
    truth[7] = 5
    with pytest.raises(IndexError):
        works.differentiate(layers, Examples(states, truth, None, None))
    states[3, 1] = torch.nan
    works.differentiate(layers, Examples(states, truth.clamp(max=4), None, None))
    assert flat(layers, 2)[2].isnan().any()


@needs_compiler
def test_training_does_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, with dropout, and however the other engine's rounding goes on to differ."""
    monkeypatch.setattr(fused, "SHARE", 1.0)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("MEMSIG_THREADS", threads)
        results.append(trained(Fused))
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@needs_compiler
def test_steps_are_those_of_torchs_operations() -> None:
    for mine, theirs in zip(trained(Fused, keep=1), trained(Operations, keep=1), strict=True):
        # Adam's first steps have their full size even where a gradient is little but rounding.
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=2e-4)


def trained(kind: type[Fused] | type[Operations], keep: float = 0.8) -> list[torch.Tensor]:
    """The values of a decoder after twenty steps."""
    torch.manual_seed(0)
    layers = views(decoder(20, 64, 34))
    works, pool = engine(kind, layers, 200), MaskPool(0.8, 1 << 18, 0, torch.device("cpu"))
    masks = Masks(keep, pool.take) if keep < 1 else None
    for step in range(20):
        states, truth = torch.randn(200, 20), torch.randint(-1, 34, (200,))
        works.differentiate(layers, Examples(states, truth, None, masks))
        works.update(1e-2 / (1 + step))
    return flat(layers, 0)


@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_without_a_compiler_torchs_operations_train(
    keep: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "available", lambda: False)
    test_decoders.test_bank_equals_separately_trained_decoders(1, keep, monkeypatch)
