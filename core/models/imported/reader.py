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
from core.models.imported.network import Network
from core.models.imported.spec import MAX_SYMBOLS, ImportedSpec
from core.models.imported.state_dict import Weights, weights
from core.models.language.char_lm import CharLM
from core.text import BOS, N_SYMBOLS, SYMBOLS
from core.training.checkpoints import pack, unpack

MAX_DESCRIPTION = 100_000  # bytes
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # before the JSON of some Windows programs
DIGITS = "0123456789"
HASH = SYMBOLS.index("#")


class Description(BaseModel):
    """What weights do not tell, from the JSON file beside them.

    symbols: what each number that the network reads and predicts stands for, in order: single
    characters, `<s>`, `</s>`, `<unk>`. embedding, projection: the names of these two weights,
    where the names and shapes in the file leave it open; projection null: the network is an
    encoder, which predicts nothing.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    cell: FactorizableName  # the layout of whose weights is known
    layers: int = Field(ge=1, le=16)
    symbols: list[Annotated[str, Field(min_length=1, max_length=20)]] = Field(min_length=2)
    embedding: str | None = Field(default=None, max_length=200)
    projection: str | None = Field(default=None, max_length=200)

    @property
    def predicts(self) -> bool:
        return "projection" not in self.model_fields_set or self.projection is not None


@dataclass(frozen=True)
class Reading:
    """Which of the network's symbols stand for ours.

    read, predicted: the number of its symbol that each of ours is read and predicted as; None:
    never predicted. digits: the numbers of the digits that together are our #, or none.
    unknown: those of ours that it reads as `<unk>`. folded: it reads letters as capitals.
    """

    read: list[int]
    predicted: list[int | None]
    digits: list[int]
    unknown: list[str]
    folded: bool


class ImportedLM(CharLM):
    """A CharLM over our symbols and those we lack; the last `digits` of these together are #."""

    def __init__(self, spec: ImportedSpec) -> None:
        super().__init__(spec.cell, spec.layers, spec.hidden, spec.embedding, spec.outputs)
        self.digits = spec.digits

    def forward(self, read: Tensor, keep: float = 1.0) -> Tensor:
        logits = super().forward(read, keep)
        if self.digits:
            logits, digits = logits[..., : -self.digits], logits[..., -self.digits :]
            logits[..., HASH] = digits.logsumexp(-1)
        return logits


def read(data: bytes, description: bytes, name: str) -> Network:
    """The network in a safetensors file, by the JSON that describes it.

    The file is a torch state dict with an embedding, one nn.LSTM or nn.GRU (or a list of one-layer
    ones) and a projection, under any names and behind any prefix, and nothing else. Without the
    embedding it reads one-hot symbols; an encoder has no projection.
    Raises BadInput with a sentence for everything that is not so.
    """
    if not name.strip():
        raise BadInput("The model has no name: give it one.")
    described = describe(description)
    reading = _reading(described.symbols, described.predicts)
    theirs = weights(
        data,
        described.cell,
        described.layers,
        len(described.symbols),
        described.embedding,
        described.projection,
        described.predicts,
    )
    ours = _ours(theirs, reading)
    spec = ImportedSpec(
        name=name.strip(),
        weights=_digest(ours),
        cell=described.cell,
        layers=described.layers,
        hidden=theirs.layers[0]["weight_hh"].shape[1],
        embedding=theirs.embedding.shape[1],
        outputs=len(ours["projection.bias"]),
        digits=len(reading.digits) if described.predicts else 0,
        encoder=not described.predicts,
    )
    facts = {"symbols": described.symbols, "notes": _notes(reading, described)}
    return Network(spec, pack(ours, facts), theirs.parameters)


def answer(data: bytes, name: str, described: int) -> bytes:
    """What the process of `network.read_apart` answers: `read`, as bytes.

    data: the description, of so many bytes as `described` says, then the safetensors file.
    """
    return read(data[described:], data[:described], name).to_bytes()


def _notes(reading: Reading, described: Description) -> list[str]:
    """How the network reads our text where its symbols are not ours, and what it cannot do."""
    notes = []
    if reading.folded:
        notes.append("It has capitals only, so letters are read as these.")
    if reading.digits:
        digit = described.symbols[reading.read[HASH]]
        predicted = "; # is predicted when any digit is" if described.predicts else ""
        notes.append(f"Every digit is read as {digit}{predicted}.")
    if reading.unknown:
        notes.append(f"These are read as its <unk>: {' '.join(reading.unknown)}")
    if not described.predicts and " " not in described.symbols:
        notes.append("It reads single words: a space is read as its </s>.")
    if not described.predicts:
        notes.append("It has no projection, so it has no perplexity and no forward accuracy.")
    return notes


def describe(data: bytes) -> Description:
    """The description in a JSON file's bytes; BadInput where it is none."""
    if len(data) > MAX_DESCRIPTION:
        raise BadInput("The description has more than 100 kB: give the small JSON of the model.")
    try:
        described = Description.model_validate_json(data.removeprefix(BYTE_ORDER_MARK))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"][:2]))
        reason = first["msg"].removeprefix("Value error, ")
        what = f"{where}: {reason}" if where else reason
        raise BadInput(
            f"The description cannot be used ({what[:200]}): give JSON such as "
            '{"cell": "lstm", "layers": 2, "symbols": ["a", "b", "<s>", "</s>"]}.'
        ) from problem
    symbols = described.symbols
    if len(symbols) > MAX_SYMBOLS:
        raise BadInput(
            f"The description has {len(symbols):,} symbols and {MAX_SYMBOLS} is the limit: "
            "what can be added is a model of characters or bytes, not of words."
        )
    doubled = next((symbol for symbol in symbols if symbols.count(symbol) > 1), None)
    if doubled is not None:
        raise BadInput(f"The description has the symbol {doubled!r} twice: give each once.")
    return described


def build(spec: ImportedSpec) -> CharLM:
    """The network of a spec at random weights, as torch draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ImportedLM(spec)


def load(spec: ImportedSpec, frozen: bytes) -> CharLM:
    """The frozen network from the bytes that `read` returned."""
    model = build(spec)
    model.load_state_dict(unpack(frozen)[0])
    return model.eval().requires_grad_(False)


def _ours(theirs: Weights, reading: Reading) -> dict[str, Tensor]:
    """The weights of a CharLM over our symbols; symbols that we lack are predicted after ours."""
    ours = {"embedding.weight": theirs.embedding[reading.read]}
    if theirs.projection is None:
        ours["projection.weight"] = torch.zeros(N_SYMBOLS, theirs.layers[0]["weight_hh"].shape[1])
        ours["projection.bias"] = torch.zeros(N_SYMBOLS)
    else:
        ours |= _predictions(theirs.projection, theirs.bias, reading)
    for number, layer in enumerate(theirs.layers):
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            given = layer.get(part)
            none = torch.zeros(len(layer["weight_hh"]))
            ours[f"layers.{number}.{part}_l0"] = none if given is None else given
    return ours


def _predictions(projection: Tensor, bias: Tensor | None, reading: Reading) -> dict[str, Tensor]:
    """The projection onto our symbols, then onto those that we lack, digits last."""
    predicted, digits = reading.predicted, reading.digits
    others = [n for n in range(len(projection)) if n not in predicted and n not in digits]
    rows, biases = [], []
    for place in [*predicted, *others, *digits]:
        if place is None:
            rows.append(torch.zeros_like(projection[0]))
            biases.append(-math.inf)
        else:
            rows.append(projection[place])
            own = 0.0 if bias is None else float(bias[place])
            # Symbols that are one to the network share its probability.
            biases.append(own - math.log(max(1, predicted.count(place))))
    return {"projection.weight": torch.stack(rows), "projection.bias": torch.tensor(biases)}


def _reading(symbols: list[str], predicts: bool) -> Reading:
    """Which of the network's symbols stand for each of ours, when it reads and when it predicts.

    Capitals stand for letters where there are no small ones, the digits for #, `<unk>` for a mark
    that is missing. A line break frames segments where `<s>` and `</s>` are missing, and one of
    these may stand for both. An encoder of words without a space reads `</s>` for it.
    Raises BadInput where its symbols cannot represent our text.
    """
    known = {symbol: place for place, symbol in enumerate(symbols)}
    if not predicts and " " not in known and "</s>" in known:
        known[" "] = known["</s>"]
    letters = SYMBOLS[:26]
    folded = not any(letter in known for letter in letters)
    if folded := folded and any(letter.upper() in known for letter in letters):
        known |= {x: known[x.upper()] for x in letters if x.upper() in known}
    digits = [known[digit] for digit in DIGITS if digit in known] if "#" not in known else []
    unknown = known.get("<unk>")
    missing = [s for s in SYMBOLS[:BOS] if s not in known and not (s == "#" and digits)]
    needed = [symbol for symbol in missing if symbol in letters or symbol == " "]
    if missing and (unknown is None or needed):
        listed = " ".join("space" if s == " " else s for s in (needed or missing))
        why = "which most text consists of" if needed else "and there is no <unk> to read them as"
        raise BadInput(
            f"The symbols lack {listed} {why}: write these in the description in place of what "
            "the network has for them (text is in lower case, # is any digit)."
        )
    start = next((known[symbol] for symbol in ("<s>", "\n", "</s>") if symbol in known), None)
    end = next((known[symbol] for symbol in ("</s>", "\n", "<s>") if symbol in known), None)
    if start is None or end is None:
        raise BadInput(
            "The symbols lack <s> and </s>, which begin and end a segment: write these in the "
            "description in place of what the network has for them, or its line break."
        )
    read = [known.get(symbol, unknown or 0) for symbol in SYMBOLS[:BOS]]
    predicted: list[int | None] = [*read]
    if digits:
        read[HASH], predicted[HASH] = digits[0], None
    # A <s> that also ends segments counts as </s>, and an <unk> that stands for characters as
    # these: neither occurs in normalized text.
    first = known.get("<s>") if known.get("<s>") != end else None
    rest = [first, end, None if missing else unknown]
    return Reading([*read, start, end, unknown or 0], [*predicted, *rest], digits, missing, folded)


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over the tensors' names, shapes and numbers: 64 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {list(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
