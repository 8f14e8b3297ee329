"""One sentence read by a recurrent network and by the decoders of one of its layers."""

from __future__ import annotations

import numpy as np
import torch
from safetensors.numpy import save

from core.corpora import Segments
from core.models.language.char_lm import CharLM
from core.models.language.model import RecurrentModel
from core.models.language.states import ModelStates
from core.probes.mlp import Decoders
from core.registry import load_model
from core.signatures.spec import SignatureSpec
from core.text import PAPER, Alphabet
from core.training.batches import padded

ALONE = np.array([0])  # the only segment


@torch.no_grad()
def read(
    network: CharLM,
    decoders: Decoders,
    layer: int,
    state: str,
    text: str,
    alphabet: Alphabet = PAPER,
) -> dict[str, np.ndarray]:
    """What the network expects next, and what its state holds, as in training: from zero, by `<s>`.

    text: n characters as the alphabet writes them, at least one. Returns `expected`, float32
    [n + 1, symbols], and `recalled`, float32 [n, lags, symbols]: probabilities; see
    `core.reading.table`.
    """
    segment = Segments.of([text], alphabet)
    lags = len(decoders.keeps)
    states = ModelStates(network, segment, layer, state, lags - 1).chunk(ALONE).states
    inputs, _ = padded(segment, ALONE)
    expected = network(inputs)[:, 0].softmax(1)[:, : alphabet.size]
    return {
        "expected": expected.contiguous().numpy(),
        "recalled": decoders.logits(states).softmax(2).numpy(),
    }


def answer(data: bytes, spec: str, weights: int, text: str) -> bytes:
    """What the process of `core.reading` answers: `read`, as safetensors.

    data: the network's artifact, of so many bytes as `weights` says, then that of its decoders.
    spec: the signature's, as JSON.
    """
    signature = SignatureSpec.model_validate_json(spec)
    model = load_model(signature.model, data[:weights], "cpu")
    assert isinstance(model, RecurrentModel)
    decoders = Decoders.from_bytes(data[weights:])
    where = signature.layer, signature.state
    found = read(model.network, decoders, *where, text, signature.corpus.alphabet)
    if not signature.model.predicts:
        found["expected"] = found["expected"][:0]
    return save(found)
