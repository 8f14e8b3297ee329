"""Decoders: small networks that recall the symbol seen `lag` steps ago from a recurrent state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.probes.bank import Layers, read_out
from core.probes.data import TILE
from core.training.checkpoints import pack, unpack


def width_for(dim: int, n_symbols: int, parameters: int, depth: int = 1) -> int:
    """The paper's rule: the smallest width whose decoder has at least `parameters` parameters.

    dim: size of the state. parameters: the model's kernel and input projection.
    depth: hidden layers of the decoder, all of one width.
    """
    width = 1
    while decoder_parameters(dim, n_symbols, width, depth) < parameters:
        width += 1
    return width


def decoder_parameters(dim: int, n_symbols: int, width: int, depth: int = 1) -> int:
    """Weights and biases of one decoder; one of depth 0 is linear."""
    if not depth:
        return (dim + 1) * n_symbols
    return (dim + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * n_symbols


@dataclass
class Decoders:
    """Trained decoders, one per lag, all of one width.

    mean, scale: [dim], the train statistics that standardize a state.
    layers: (weight [lags, out, in], bias [lags, 1, out]) of each layer, the last one the readout.
    keeps, dev_recall, dev_bits: per lag, as selected and measured on dev (bits: cross-entropy).
    parameters: of one decoder.
    """

    mean: Tensor
    scale: Tensor
    layers: Layers
    keeps: tuple[float, ...]
    width: int
    depth: int
    parameters: int
    dev_recall: tuple[float, ...]
    dev_bits: tuple[float, ...]

    def logits(self, states: np.ndarray | Tensor) -> Tensor:
        """Raw states [N, dim] → unnormalized log probabilities [N, lags, symbols], on the CPU."""
        states = torch.as_tensor(states, dtype=torch.float32).to(self.mean.device)
        inputs = (states - self.mean) / self.scale
        out = torch.empty(len(inputs), len(self.keeps), self.layers[-1][0].shape[1])
        with torch.inference_mode():
            for start in range(0, len(inputs), TILE):
                tile = slice(start, start + TILE)
                for lag in range(len(self.keeps)):
                    out[tile, lag] = read_out(inputs[tile], self.layers, lag)
        return out

    def to_bytes(self) -> bytes:
        """The decoders as safetensors, their layers in float16: half the room, the same answers."""
        tensors = {"mean": self.mean, "scale": self.scale}
        for number, (weight, bias) in enumerate(self.layers):
            tensors |= {f"{number}.weight": weight.half(), f"{number}.bias": bias.half()}
        facts = ("keeps", "width", "depth", "parameters", "dev_recall", "dev_bits")
        return pack(tensors, {name: getattr(self, name) for name in facts})

    @classmethod
    def from_bytes(cls, data: bytes) -> Decoders:
        """The decoders of `to_bytes`, in float32 on the CPU."""
        read, facts = unpack(data)
        tensors = {name: tensor.float() for name, tensor in read.items()}
        numbers = range(facts["depth"] + 1)
        layers = [(tensors[f"{n}.weight"], tensors[f"{n}.bias"]) for n in numbers]
        return cls(mean=tensors["mean"], scale=tensors["scale"], layers=layers, **facts)
