"""Attention and the speller: which frames to listen to, and what to spell next (paper, section 8).

Everything is batch first. At step i the LSTM reads y_{i-1} and the last context; its state is the
query of the attention, whose weights over the encoder's steps give the new context; query and
context together say y_i.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.text import SYMBOLS

REACH = 7  # encoder steps before and after the one looked at, in location-aware attention


class Encoded(NamedTuple):
    """What the speller attends to: the encoder's last layer of a minibatch.

    values: float [batch, steps, width]; keys: the same on the way to the energies; valid: bool
    [batch, steps], False where padded.
    """

    values: Tensor
    keys: Tensor
    valid: Tensor

    def rows(self, index: Tensor) -> Encoded:
        """These utterances alone."""
        return Encoded(self.values[index], self.keys[index], self.valid[index])


class Memory(NamedTuple):
    """What the speller carries from step to step: h, c, and the last context and weights."""

    h: Tensor
    c: Tensor
    context: Tensor
    weights: Tensor

    def rows(self, index: Tensor) -> Memory:
        return Memory(*(part[index] for part in self))


class Attention(nn.Module):
    """Energies v · tanh(W q + K h_j + L α_{i-1} around j), softmax over the steps j.

    The last term makes it location-aware (Chorowski et al. 2015): it sees where the weights of the
    step before were.
    """

    def __init__(self, values: int, query: int, size: int, location: bool) -> None:
        super().__init__()
        self.key, self.query = nn.Linear(values, size), nn.Linear(query, size, bias=False)
        self.location = nn.Linear(2 * REACH + 1, size, bias=False) if location else None
        self.energy = nn.Linear(size, 1, bias=False)

    def prepare(self, values: Tensor, valid: Tensor) -> Encoded:
        return Encoded(values, self.key(values), valid)

    def forward(self, query: Tensor, before: Tensor, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """(context [batch, width], weights [batch, steps]); before: the weights one step ago."""
        mixed = encoded.keys + self.query(query)[:, None]
        if self.location is not None:
            around = F.pad(before, (REACH, REACH)).unfold(1, 2 * REACH + 1, 1)
            mixed = mixed + self.location(around)
        energies = self.energy(mixed.tanh())[:, :, 0].masked_fill(~encoded.valid, -torch.inf)
        weights = energies.softmax(1)
        return torch.bmm(weights[:, None], encoded.values)[:, 0], weights


class Speller(nn.Module):
    """One LSTM layer of `units` over embedded symbols and the attended context."""

    def __init__(
        self, values: int, embedding: int, units: int, attention: int, location: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(SYMBOLS), embedding)
        self.cell = nn.LSTMCell(embedding + values, units)
        self.attention = Attention(values, units, attention, location)
        self.output = nn.Linear(units + values, len(SYMBOLS))

    def begin(self, encoded: Encoded) -> Memory:
        """The memory before the first step: all zeros."""
        batch, steps, width = encoded.values.shape
        zeros = encoded.values.new_zeros
        units = self.cell.hidden_size
        return Memory(
            zeros(batch, units), zeros(batch, units), zeros(batch, width), zeros(batch, steps)
        )

    def step(self, embedded: Tensor, memory: Memory, encoded: Encoded) -> Memory:
        """One step; embedded: the symbol before, [batch, embedding]."""
        read = torch.cat([embedded, memory.context], 1)
        h, c = self.cell(read, (memory.h, memory.c))
        return Memory(h, c, *self.attention(h, memory.weights, encoded))

    def logits(self, memory: Memory) -> Tensor:
        """Unnormalized log probabilities of the symbol spelled at a step [..., symbols]."""
        return self.output(torch.cat([memory.h, memory.context], -1))

    def forward(self, read: Tensor, encoded: Encoded) -> Memory:
        """Every step of a spelling that is given: each part of the memory [batch, steps, ...].

        read: int64 [batch, steps], `<s>` and then the symbols. Logits wait until after the loop,
        where they are one matrix product.
        """
        memory, steps = self.begin(encoded), []
        for embedded in self.embedding(read).unbind(1):
            memory = self.step(embedded, memory, encoded)
            steps.append(memory)
        return Memory(*(torch.stack(part, 1) for part in zip(*steps, strict=True)))
