"""A character model as somebody else writes and trains it: plain torch, symbols of its own."""

from __future__ import annotations

import json

import torch
from safetensors.torch import save
from torch import nn

from core.registry import run
from core.spec import Spec
from core.store import Store

# Another order than ours, two symbols that we lack, and no apostrophe: it is their <unk>.
SYMBOLS = ["</s>", "<s>", *"?zyxwvutsrqponmlkjihgfedcba ", "<unk>", *".,#", "!"]
NUMBER = {symbol: place for place, symbol in enumerate(SYMBOLS)}


class Theirs(nn.Module):
    def __init__(self, cell: str = "lstm", embedding: int = 12, hidden: int = 24, layers: int = 2):
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.encoder = nn.Embedding(len(SYMBOLS), embedding)
        self.rnn = kind(embedding, hidden, layers, batch_first=True)
        self.decoder = nn.Linear(hidden, len(SYMBOLS))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.rnn(self.encoder(numbers))[0])


def numbers(line: str) -> torch.Tensor:
    """A framed line as the numbers that this model reads, one row."""
    framed = ["<s>", *line, "</s>"]
    return torch.tensor([[NUMBER.get(symbol, NUMBER["<unk>"]) for symbol in framed]])


def trained(lines: list[str], **shape: object) -> Theirs:
    """The model after one pass over these lines."""
    torch.manual_seed(1)
    model = Theirs(**shape)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for line in lines:
        row = numbers(line)
        loss = nn.functional.cross_entropy(model(row[:, :-1])[0], row[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def files(model: Theirs, prefix: str = "", **facts: object) -> tuple[bytes, bytes]:
    """The model's state dict as safetensors, and the JSON that describes it."""
    weights = {f"{prefix}{name}": value for name, value in model.state_dict().items()}
    cell = "lstm" if isinstance(model.rnn, nn.LSTM) else "gru"
    said = {"cell": cell, "layers": model.rnn.num_layers, "symbols": SYMBOLS}
    return save(weights), json.dumps(said | facts).encode()


def computed(spec: Spec, store: Store) -> None:
    """Has a spec computed here and now, without a job."""
    for step in spec.steps():
        if not store.has_result(step):
            inputs = {key: store.artifacts.get(key) for key in step.needs()}
            result = run(step, inputs, lambda fraction, message: None)
            store.take_in(result.tables, result.artifacts)
