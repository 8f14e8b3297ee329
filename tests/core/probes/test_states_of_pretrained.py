"""`core.states` of recurrent models of transformers, of random weights, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import core
from core.cells import scan
from core.errors import BadInput
from core.probes import pretrained

transformers = pytest.importorskip("transformers")

SYMBOLS = np.random.default_rng(0).integers(0, 6, (70, 9))
SMALL = {"vocab_size": 6, "num_hidden_layers": 2}
MAMBA = {**SMALL, "hidden_size": 16, "state_size": 4}
SIZES: dict[str, dict[str, Any]] = {
    "Mamba": MAMBA,
    "Mamba2": {**MAMBA, "num_heads": 4, "head_dim": 8, "n_groups": 1, "chunk_size": 4},
    "xLSTM": {**SMALL, "hidden_size": 128, "num_heads": 4},
    "Rwkv": {**SMALL, "hidden_size": 16, "context_length": 32},
    "RecurrentGemma": {
        **SMALL,
        **{"num_hidden_layers": 3, "hidden_size": 16, "lru_width": 16},
        **{"intermediate_size": 48, "num_attention_heads": 2, "attention_window_size": 32},
    },
}


def model(name: str, kind: str = "Model") -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SIZES[name])
    built = getattr(transformers, f"{name}{kind}")(config).eval()
    with torch.no_grad():  # weights of zero, as some begin, would hide the symbols
        for weight in built.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return built


@torch.no_grad()
def after(built: Any, symbols: np.ndarray) -> list[torch.Tensor]:
    """What transformers itself holds of each layer after one run over the symbols [1, time]."""
    done = built(torch.from_numpy(symbols), use_cache=True)
    kind = built.config.model_type
    if kind == "rwkv":
        layers = [[part[..., layer] for part in done.state[2:]] for layer in range(2)]
    elif kind == "xlstm":
        layers = [list(parts) for parts in done.cache.rnn_state.values()]
    elif kind == "recurrent_gemma":
        layers = [[block.temporal_block.rg_lru.recurrent_states] for block in built.layers[:2]]
    else:
        layers = [[done.cache.get_recurrent_state(layer)] for layer in range(2)]
    return [torch.cat([part.flatten(1) for part in parts], 1) for parts in layers]


def apart(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The largest difference of each state, in standard deviations of all numbers."""
    return np.abs(one - two).max(-1) / two.std()


@pytest.mark.parametrize("name", SIZES)
def test_the_states_are_those_that_the_library_holds_after_each_symbol(name: str) -> None:
    built = model(name)
    layers = core.states(built, SYMBOLS, batch=9)
    for segment, step in ((0, 0), (0, 8), (1, 1), (69, 4)):
        held = after(built, SYMBOLS[segment : segment + 1, : step + 1])
        for mine, theirs in zip(layers, held, strict=True):
            assert mine["h"].shape[:2] == SYMBOLS.shape and mine["h"].dtype == np.float32
            assert apart(mine["h"][segment, step], scan.read(theirs).numpy()).max() < 1e-3


@pytest.mark.parametrize("name", SIZES)
def test_a_symbol_changes_its_own_state_and_those_after_it_only(name: str) -> None:
    other = SYMBOLS.copy()
    other[:, 5] = (other[:, 5] + 1) % 6
    built = model(name)
    for one, two in zip(core.states(built, SYMBOLS), core.states(built, other), strict=True):
        difference = apart(one["h"], two["h"])
        assert difference[:, :5].max() < 1e-4 and difference[:, 5:].min() > 1e-2


@torch.no_grad()
def test_mamba_follows_its_recurrence() -> None:
    """c_t = exp(Δ A) ∘ c_{t−1} + Δ u B of the first layer, from the model's own weights."""
    built = model("Mamba")
    block = built.layers[0]
    mixer = block.mixer
    x = block.norm(built.embeddings(torch.from_numpy(SYMBOLS)))
    u = mixer.in_proj(x)[..., :32]
    past = functional.pad(u, (0, 0, 3, 0))  # the convolution reads four steps
    taps = mixer.conv1d.weight[:, 0]
    u = sum(past[:, tap : tap + 9] * taps[:, tap] for tap in range(4)) + mixer.conv1d.bias
    u = u * torch.sigmoid(u)
    pace, enter, _ = (u @ mixer.x_proj.weight.T).split([1, 4, 4], 2)
    pace = functional.softplus(pace @ mixer.dt_proj.weight.T + mixer.dt_proj.bias)
    c, rate = torch.zeros(70, 32, 4), -mixer.A_log.exp()
    first, _ = core.states(built, SYMBOLS)
    for step in range(9):
        now = pace[:, step, :, None]
        c = (now * rate).exp() * c + now * u[:, step, :, None] * enter[:, step, None, :]
        assert apart(first["h"][:, step], c.flatten(1).numpy()).max() < 1e-3


def test_a_large_memory_is_projected_and_a_probe_takes_a_model_with_its_readout() -> None:
    (first, _) = core.states(model("xLSTM"), SYMBOLS)  # 4 heads of 16 × 32 numbers, n and m
    assert first["h"].shape == (70, 9, 512)
    table = core.probe(model("Mamba", "ForCausalLM"), SYMBOLS, 1, "linear", rounds=2)
    assert table["layer"].unique().sort().to_list() == [1, 2]


def test_what_cannot_be_read_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="cannot read int64"):
        core.states(model("Mamba"), SYMBOLS + 6)
    sizes = {"vocab_size": 6, "n_layer": 1, "n_embd": 8, "n_head": 2}
    attention = transformers.GPT2Model(transformers.GPT2Config(**sizes))
    with pytest.raises(BadInput, match="holds 0 recurrent networks"):
        core.states(attention, SYMBOLS)
    monkeypatch.setattr(pretrained, "OLDEST", (99, 0))
    with pytest.raises(BadInput, match=r"transformers 5\.\S+ is installed, .* from 99\.0 on"):
        core.states(model("Mamba"), SYMBOLS)
