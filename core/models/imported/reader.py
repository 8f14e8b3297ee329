"""A network trained elsewhere, checked against its description and brought to our symbols."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from core.cells import FactorizableName
from core.errors import BadInput
from core.models.imported.spec import ImportedSpec
from core.models.imported.state_dict import Weights, weights
from core.models.language.char_lm import CharLM
from core.text import BOS, SYMBOLS
from core.training.checkpoints import pack, unpack

MAX_DESCRIPTION = 100_000  # bytes
MAX_SYMBOLS = 256 - len(SYMBOLS)  # what a network predicts is kept in one byte


class Description(BaseModel):
    """What weights cannot say of themselves: the JSON beside them.

    symbols: what each number that the network reads and predicts stands for, in order: single
    characters, `<s>`, `</s>`, `<unk>`. embedding, projection: the names of these two weights,
    where the names and shapes in the file leave it open.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    cell: FactorizableName  # the layout of whose weights is known
    layers: int = Field(ge=1, le=16)
    symbols: list[Annotated[str, Field(min_length=1, max_length=20)]] = Field(
        min_length=2, max_length=MAX_SYMBOLS
    )
    embedding: str | None = Field(default=None, max_length=200)
    projection: str | None = Field(default=None, max_length=200)


@dataclass(frozen=True)
class Network:
    """A checked network: its spec, its weights as `load` takes them, its size as it came."""

    spec: ImportedSpec
    weights: bytes
    parameters: int


def read(data: bytes, description: bytes, name: str) -> Network:
    """The network in a safetensors file, by the JSON that describes it.

    The file is a torch state dict with an embedding, one nn.LSTM or nn.GRU (or a list of one-layer
    ones) and a projection, under any names and behind any prefix, and nothing else.
    Raises BadInput with a sentence for everything that is not so.
    """
    if not name.strip():
        raise BadInput("The model has no name: give it one.")
    said = describe(description)
    places = _places(said.symbols)
    theirs = weights(
        data, said.cell, said.layers, len(said.symbols), said.embedding, said.projection
    )
    ours = _ours(theirs, *places)
    spec = ImportedSpec(
        name=name.strip(),
        weights=_digest(ours),
        cell=said.cell,
        layers=said.layers,
        hidden=theirs.projection.shape[1],
        embedding=theirs.embedding.shape[1],
        outputs=len(ours["projection.bias"]),
    )
    return Network(spec, pack(ours, {"symbols": said.symbols}), theirs.parameters)


def describe(data: bytes) -> Description:
    """The description in a JSON file's bytes; BadInput where it is none."""
    if len(data) > MAX_DESCRIPTION:
        raise BadInput("The description has more than 100 kB: give the small JSON of the model.")
    try:
        said = Description.model_validate_json(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"][:2]))
        reason = first["msg"].removeprefix("Value error, ")
        what = f"{where}: {reason}" if where else reason
        raise BadInput(
            f"The description cannot be used ({what[:200]}): give JSON such as "
            '{"cell": "lstm", "layers": 2, "symbols": ["a", "b", "<s>", "</s>"]}.'
        ) from problem
    doubled = next((s for s in said.symbols if said.symbols.count(s) > 1), None)
    if doubled is not None:
        raise BadInput(f"The description has the symbol {doubled!r} twice: give each once.")
    return said


def build(spec: ImportedSpec) -> CharLM:
    """The network of a spec at random weights, as torch draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CharLM(spec.cell, spec.layers, spec.hidden, spec.embedding, spec.outputs)


def load(spec: ImportedSpec, frozen: bytes) -> CharLM:
    """The frozen network from the bytes that `read` gave."""
    model = build(spec)
    model.load_state_dict(unpack(frozen)[0])
    return model.eval().requires_grad_(False)


def _ours(theirs: Weights, read: list[int], predicted: list[int | None]) -> dict[str, Tensor]:
    """The weights of a CharLM over our symbols; those that only they have are predicted behind."""
    others = [place for place in range(len(theirs.embedding)) if place not in predicted]
    rows, biases = [], []
    for place in [*predicted, *others]:
        if place is None:
            rows.append(torch.zeros_like(theirs.projection[0]))
            biases.append(-math.inf)
        else:
            rows.append(theirs.projection[place])
            bias = 0.0 if theirs.bias is None else float(theirs.bias[place])
            # Symbols that are one to the network share its probability.
            biases.append(bias - math.log(max(1, predicted.count(place))))
    ours = {
        "embedding.weight": theirs.embedding[read],
        "projection.weight": torch.stack(rows),
        "projection.bias": torch.tensor(biases),
    }
    for number, layer in enumerate(theirs.layers):
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            given = layer.get(part)
            none = torch.zeros(len(layer["weight_hh"]))
            ours[f"layers.{number}.{part}_l0"] = none if given is None else given
    return ours


def _places(symbols: list[str]) -> tuple[list[int], list[int | None]]:
    """As which of their symbols each of ours is read, and as which it is predicted.

    A character they lack is their `<unk>`. A line break frames segments where `<s>` and `</s>` are
    missing, and one of these may do for both. None: a symbol that is never predicted.
    Raises BadInput where their symbols cannot stand for our text.
    """
    known = {symbol: place for place, symbol in enumerate(symbols)}
    unknown = known.get("<unk>")
    missing = [symbol for symbol in SYMBOLS[:BOS] if symbol not in known]
    if missing and unknown is None:
        listed = " ".join("space" if symbol == " " else symbol for symbol in missing)
        raise BadInput(
            f"The symbols lack {listed} and there is no <unk> to read them as: name what the "
            "network has for them (text is in lower case, and # is any digit)."
        )
    start = next((known[symbol] for symbol in ("<s>", "\n", "</s>") if symbol in known), None)
    end = next((known[symbol] for symbol in ("</s>", "\n", "<s>") if symbol in known), None)
    if start is None or end is None:
        raise BadInput(
            "The symbols lack <s> and </s>, which begin and end a segment: name those that the "
            "network has for them, or its line break."
        )
    characters = [known.get(symbol, unknown or 0) for symbol in SYMBOLS[:BOS]]
    # A <s> that also ends segments counts as </s>, and an <unk> that stands for characters as
    # these: neither occurs in normalized text.
    first = known.get("<s>") if known.get("<s>") != end else None
    rest = [first, end, None if missing else unknown]
    return [*characters, start, end, unknown or 0], [*characters, *rest]


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over the tensors' names, shapes and numbers: 64 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {list(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
