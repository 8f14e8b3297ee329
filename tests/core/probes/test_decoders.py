"""The bank against separately trained decoders."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from core.probes import data
from core.probes.bank import POOL, REFRESH, Bank, MaskPool
from core.probes.data import Chunk
from core.probes.mlp import Decoders, decoder_parameters, width_for
from core.profiles import DecoderBudget

CPU = torch.device("cpu")
BUDGET = DecoderBudget(
    states=None,
    dev_states=None,
    test_states=None,
    rounds=3,
    steps=40,
    batch=128,
    learning_rate=2e-2,
    keeps=(1.0,),
    widths=(1.0,),
    depth=1,
)


class Arrays:
    """A source of arrays, in chunks of `size` states."""

    def __init__(self, states: np.ndarray, targets: np.ndarray, n_symbols: int, size: int) -> None:
        self.states, self.targets, self.n_symbols, self.size = states, targets, n_symbols, size
        self.dim, self.lags = states.shape[1], targets.shape[1]

    def chunks(self, order: int | None = None) -> Iterator[Chunk]:
        starts = np.arange(0, len(self.states), self.size)
        if order is not None:
            starts = np.random.default_rng(order).permutation(starts)
        for start in starts:
            part = slice(start, start + self.size)
            states, targets = self.states[part], self.targets[part]
            places = self.lags + np.arange(len(states))
            yield Chunk(states, targets, np.full(len(states), start), places)


def delay_line(n: int, slots: int, lags: int, seed: int, n_symbols: int = 6) -> Arrays:
    """States that hold exactly the last `slots` symbols of segments of 25, one-hot."""
    symbols = np.random.default_rng(seed).integers(0, n_symbols, n)
    step = np.arange(n) % 25
    targets = np.stack([np.where(step >= d, np.roll(symbols, d), -1) for d in range(lags)], 1)
    held = np.stack([np.where(step >= d, np.roll(symbols, d), n_symbols) for d in range(slots)], 1)
    states = np.eye(n_symbols + 1, dtype=np.float32)[held][..., :n_symbols].reshape(n, -1)
    return Arrays(states, targets, n_symbols, 400)


def noise(n: int, dim: int, lags: int, seed: int, n_symbols: int = 5) -> Arrays:
    """States that know a little about lag 0, with a fifth of all targets missing."""
    rng = np.random.default_rng(seed)
    states = rng.normal(2.0, 3.0, (n, dim)).astype(np.float32)
    targets = rng.integers(0, n_symbols, (n, lags))
    states[:, 0] += targets[:, 0]
    targets[rng.random(targets.shape) < 0.2] = -1
    return Arrays(states, targets, n_symbols, 300)


def as_modules(bank: Bank, width: int) -> list[nn.Sequential]:
    """Each decoder of the bank as ordinary layers with the same weights, padding left out."""
    modules = []
    for index in range(len(bank.members)):
        parts: list[nn.Module] = []
        for number, (weight, bias) in enumerate(bank.layers):
            last = number == len(bank.layers) - 1
            outer = weight.shape[1] if last else width
            inner = weight.shape[2] if number == 0 else width
            layer = nn.Linear(inner, outer)
            layer.load_state_dict(
                {"weight": weight[index, :outer, :inner], "bias": bias[index, 0, :outer]}
            )
            parts += [layer] if last else [layer, nn.ReLU()]
        modules.append(nn.Sequential(*parts))
    return modules


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("keep", [1.0, 0.7])
def test_bank_equals_separately_trained_decoders(
    depth: int, keep: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    dim, width, n_symbols, lags, batch = 12, 21, 5, 3, 64
    bank = Bank(dim, n_symbols, width, depth, {keep: list(range(lags))}, batch, 3, CPU)
    masks: list[torch.Tensor] = []
    take = MaskPool.take

    def recorded(pool: MaskPool, *shape: int) -> torch.Tensor:
        mask = take(pool, *shape)
        # In C++ a panel of states lies along the last dimension: [panels, width, panel].
        masks.append((mask.mT.flatten(0, 1) if mask.dim() == 3 else mask).clone())
        return mask

    monkeypatch.setattr(MaskPool, "take", recorded)
    modules = as_modules(bank, width)
    template = modules[0]
    stacked, _ = stack_module_state(modules)
    optimizer = torch.optim.Adam(stacked.values())

    def loss(
        values: dict[str, torch.Tensor],
        index: int,
        inputs: torch.Tensor,
        truth: torch.Tensor,
        used: list[torch.Tensor],
    ) -> torch.Tensor:
        hidden = inputs * used[0]
        for number, layer in enumerate(template):
            own = {k.split(".")[1]: v[index] for k, v in values.items() if k[0] == str(number)}
            hidden = functional_call(layer, own, (hidden,)) if own else layer(hidden)
            if isinstance(layer, nn.ReLU):
                hidden = hidden * used[number // 2 + 1]
        return functional.cross_entropy(hidden, truth, ignore_index=-1)

    source = noise(batch * 6, dim, lags, 1)
    for start in range(0, len(source.states), batch):
        inputs = torch.from_numpy(source.states[start : start + batch])
        truth = torch.from_numpy(source.targets[start : start + batch])
        rate = 1e-3 * (1 + start)
        masks.clear()
        bank.step(inputs, truth, rate)
        optimizer.zero_grad()
        for index in range(lags):
            used = masks[index * (depth + 1) :][: depth + 1]
            used = [used[0], *(mask[:, :width] for mask in used[1:])] if used else []
            used = used or [torch.ones(())] * (depth + 1)
            loss(stacked, index, inputs, truth[:, index], used).backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    assert len(masks) == (0 if keep == 1 else lags * (depth + 1))
    for number, (weight, bias) in enumerate(bank.layers):
        expected = stacked[f"{2 * number}.weight"], stacked[f"{2 * number}.bias"]
        outer, inner = expected[0].shape[1:]
        torch.testing.assert_close(weight[:, :outer, :inner], expected[0], rtol=1e-3, atol=2e-5)
        torch.testing.assert_close(bias[:, 0, :outer], expected[1], rtol=1e-3, atol=2e-5)
        assert not weight[:, outer:].any() and not weight[:, :, inner:].any()


def delay_line_recall(decoders: Decoders, check: Arrays) -> list[float]:
    """Recall of each lag, after what decoders say of themselves on dev has been checked."""
    logits, recalls = decoders.logits(check.states), []
    assert logits.shape == (*check.targets.shape, check.n_symbols)
    for lag in range(check.lags):
        valid = check.targets[:, lag] >= 0
        of_lag, truth = logits[valid, lag], torch.from_numpy(check.targets[valid, lag])
        recalls.append((of_lag.argmax(1) == truth).double().mean().item())
        bits = functional.cross_entropy(of_lag, truth).item() / math.log(2)
        assert recalls[-1] == pytest.approx(decoders.dev_recall[lag])
        assert bits == pytest.approx(decoders.dev_bits[lag], abs=1e-4)
    layers = decoders.layers
    assert decoders.parameters == sum(w[0].numel() + b[0].numel() for w, b in layers)
    return recalls


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_masks_are_independent_draws(keep: float) -> None:
    pool = MaskPool(keep, POOL, 0, CPU)
    shape, n = (512, 352), 512 * 352
    first = pool.take(*shape).clone()
    assert first.unique().tolist() == pytest.approx([0.0, 1 / keep])
    spread = (keep * (1 - keep) / n) ** 0.5
    steps = [first]
    for _ in range(REFRESH):
        pool.refresh()
        steps.append(pool.take(*shape).clone())
    kept = torch.stack(steps).gt(0).double()
    assert kept.mean().item() == pytest.approx(keep, abs=5 * spread)
    for mask in kept:
        assert mask.mean().item() == pytest.approx(keep, abs=5 * spread)
    unit = (kept - keep) / (keep * (1 - keep)) ** 0.5  # mean 0, variance 1
    for a, b in [
        (unit[0][:, :-1], unit[0][:, 1:]),  # neighboring units
        (unit[0][:-1], unit[0][1:]),  # neighboring samples
        (unit[0], unit[1]),  # consecutive steps
        (unit[0], unit[-1]),  # before and after the pool was drawn anew
    ]:
        assert (a * b).mean().abs().item() < 5 * a.numel() ** -0.5
    # A unit is dropped in as many samples as chance allows, and a sample in as many units.
    assert unit[0].mean(0).abs().max().item() < 5 * 512**-0.5
    assert unit[0].mean(1).abs().max().item() < 5 * 352**-0.5


def test_pool_is_drawn_anew() -> None:
    pool = MaskPool(0.5, 1 << 16, 0, CPU)
    before = pool.bits.clone()
    for _ in range(REFRESH):
        pool.refresh()
    assert (pool.bits == before).double().mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("parameters", [1, 38_400, 207_360])
def test_width_is_the_smallest_that_has_the_parameters(depth: int, parameters: int) -> None:
    width = width_for(80, 34, parameters, depth)
    assert decoder_parameters(80, 34, width, depth) >= parameters
    assert width == 1 or decoder_parameters(80, 34, width - 1, depth) < parameters
    layers = as_modules(Bank(80, 34, width, depth, {1.0: [0]}, 8, 0, CPU), width)[0]
    assert sum(p.numel() for p in layers.parameters()) == decoder_parameters(80, 34, width, depth)


def test_a_hidden_layer_that_lies_transposed_is_where_training_begins() -> None:
    """As `rounds.go_on` hands it over."""
    source = noise(64, 12, 1, 0)
    inputs, truth = torch.from_numpy(source.states), torch.from_numpy(source.targets)
    weight, bias = torch.randn(1, 32, 12), torch.randn(1, 1, 32)
    transposed = weight.mT.contiguous().mT
    assert not transposed.is_contiguous()
    banks = [
        Bank(12, 5, 32, 1, {1.0: [0]}, 64, 0, CPU, [(each, bias)]) for each in (weight, transposed)
    ]
    for bank in banks:
        bank.step(inputs, truth, 1e-2)
    for mine, other in zip(*(bank.layers for bank in banks), strict=True):
        assert all(map(torch.equal, mine, other))


def test_missing_targets_do_not_train_their_lag() -> None:
    source = noise(256, 8, 2, 0)
    inputs, truth = torch.from_numpy(source.states), torch.from_numpy(source.targets)
    banks = [Bank(8, 5, 16, 1, {1.0: [0, 1]}, 256, 0, CPU) for _ in range(2)]
    replaced = inputs.clone()
    replaced[truth[:, 1] < 0] = 100.0
    for _ in range(3):
        banks[0].step(inputs, truth, 1e-2)
        banks[1].step(replaced, truth, 1e-2)
    for (weight, bias), (other, other_bias) in zip(banks[0].layers, banks[1].layers, strict=True):
        torch.testing.assert_close(weight[1], other[1])
        torch.testing.assert_close(bias[1], other_bias[1])
        assert not torch.allclose(weight[0], other[0])


def test_a_split_that_is_not_in_memory_streams_the_same_states(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = noise(1000, 8, 2, 0)
    loaded = data.Split(source, CPU)
    monkeypatch.setattr(data, "MEMORY_BYTES", 0)
    streamed = data.Split(source, CPU)
    assert loaded.in_memory and not streamed.in_memory
    for split in (loaded, streamed):
        batches = split.minibatches(128, 0)
        rows = torch.cat([next(batches)[0] for _ in range(1000 // 128 * 8)])[:1000]
        known = torch.cat([states for states, _ in loaded.tiles()])
        # One pass hands out every state once, in another order than they stand.
        assert torch.equal(rows[:, 0].sort().values, known[:, 0].sort().values)
        assert not torch.equal(rows, known)
