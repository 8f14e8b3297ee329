"""Listen-Attend-Spell: encoder, attention and speller as one network (paper, section 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.models.las.batches import Minibatch
from core.models.las.encoder import Encoder
from core.models.las.spec import LasSpec
from core.models.las.speller import Encoded, Memory, Speller
from core.text import SYMBOLS
from core.training.checkpoints import unpack

BLANK = len(SYMBOLS)  # CTC's symbol for "nothing here"
CTC_RATE = 4  # frames to a CTC step at most: fewer steps than that cannot hold every symbol


class Las(nn.Module):
    """Reads raw log-mel frames; mean and scale, [mels], standardize them."""

    mean: Tensor
    scale: Tensor

    def __init__(self, spec: LasSpec) -> None:
        super().__init__()
        width, mels = 2 * spec.units, spec.corpus.mels
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("scale", torch.ones(mels))
        self.reduction = spec.reduction
        self.encoder = Encoder(mels, spec.layers, spec.units, spec.reduction)
        self.speller = Speller(width, spec.embedding, spec.speller, spec.attention, spec.location)
        # CTC reads the deepest layer that still has enough steps for the symbols.
        self.ctc_layer = max(i for i, rate in enumerate(self.encoder.rates) if rate <= CTC_RATE)
        self.ctc = nn.Linear(width, BLANK + 1) if any(spec.budget.ctc) else None

    def standardized(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Frames [time, batch, mels] with mean 0 and deviation 1, and 0 where padded."""
        valid = torch.arange(len(frames), device=frames.device)[:, None] < lengths
        return (frames - self.mean) / self.scale * valid[:, :, None]

    def whole(self, lengths: Tensor) -> Tensor:
        """Frames of each utterance, silence added up to a multiple of the reduction."""
        return -(-lengths // self.reduction) * self.reduction

    def listen(self, batch: Minibatch) -> tuple[list[Tensor], Encoded]:
        """The outputs of the encoder's layers, and the last of them as the speller reads it."""
        lengths = self.whole(batch.lengths)
        layers = self.encoder(self.standardized(batch.frames, batch.lengths), lengths)
        values = layers[-1].transpose(0, 1).contiguous()
        steps = torch.arange(values.shape[1], device=lengths.device)
        valid = steps < lengths[:, None] // self.reduction
        return layers, self.speller.attention.prepare(values, valid)

    def forward(self, batch: Minibatch) -> tuple[Memory, Tensor | None]:
        """The speller at every step of the true spelling, and CTC's log probabilities.

        Returns (memory, each part [batch, symbols + 1, ...]; [steps, batch, symbols + 1] or None).
        """
        layers, encoded = self.listen(batch)
        return self.speller(batch.read, encoded), self.ctc_log_probs(layers)

    def ctc_log_probs(self, layers: list[Tensor]) -> Tensor | None:
        return None if self.ctc is None else self.ctc(layers[self.ctc_layer]).log_softmax(2)

    @property
    def ctc_rate(self) -> int:
        """Frames to a step of `ctc_log_probs`."""
        return self.encoder.rates[self.ctc_layer]

    def encoder_states(self, batch: Minibatch, layer: int) -> dict[str, Tensor]:
        """c_t and h_t of an encoder layer (1-based): [time / rate, batch, 2 · units]."""
        frames = self.standardized(batch.frames, batch.lengths)
        return self.encoder.states(frames, self.whole(batch.lengths), layer)


def build(spec: LasSpec) -> Las:
    """The network of a spec at its initial weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return Las(spec)


def load(spec: LasSpec, weights: bytes) -> Las:
    """The frozen network from the bytes that training returned."""
    model = build(spec)
    model.load_state_dict(unpack(weights)[0])
    return model.eval().requires_grad_(False)
