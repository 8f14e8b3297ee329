"""A sentence read by a computed network: what its state holds of it, symbol by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load

from core.child import Child, Died
from core.errors import BadInput
from core.models.imported.spec import ImportedSpec
from core.models.language.spec import ModelSpec
from core.signatures.spec import SignatureSpec
from core.store import Store
from core.text import PAPER, Alphabet, replaced

MOST = 200  # symbols of a sentence
GUESSES = 3  # of a decoder, the most probable ones
NEXT = -1  # the lag of the symbol that comes next
# Of the process that reads; a few milliseconds once it has loaded torch.
SECONDS, MEMORY_MB = 60, 4_000

_reader = Child("core.models.language.sentence:answer", MEMORY_MB)


def table(
    symbols: str, expected: np.ndarray, recalled: np.ndarray, alphabet: Alphabet = PAPER
) -> pl.DataFrame:
    """How a network read n symbols, the rows that `sentence` describes.

    expected: float32 [n + 1, symbols], the probability that the network gave each symbol to come
    next, at the start and after each symbol ([0, symbols] of one that predicts none). recalled:
    float32 [n, lags, symbols], the probability that the decoder of each lag gives each symbol to be
    the one so many steps back, 0 the one just read.
    """
    codes, names, rows = alphabet.encode(symbols), alphabet.symbols, []
    for position in range(len(codes) + 1):
        if len(expected):
            follows = codes[position] if position < len(codes) else None
            rows.append((position, NEXT, *_named(follows, expected[position], names)))
        for lag in range(min(position, recalled.shape[1])):
            given = recalled[position - 1, lag]
            rows.append((position, lag, *_named(codes[position - 1 - lag], given, names)))
    return pl.DataFrame(rows, _SCHEMA, orient="row")


_SCHEMA: dict[str, Any] = {
    "position": pl.Int32,
    "lag": pl.Int32,
    "truth": pl.String,
    "probability": pl.Float64,
    "guesses": pl.List(pl.String),
    "chances": pl.List(pl.Float64),
}


def _named(
    truth: int | None, given: np.ndarray, names: Sequence[str]
) -> tuple[str | None, float | None, list[str], list[float]]:
    """The truth with its probability, and the most probable symbols with theirs."""
    best = np.argsort(-given, kind="stable")[:GUESSES]
    guesses = [names[number] for number in best], [float(given[number]) for number in best]
    return (
        (None, None, *guesses) if truth is None else (names[truth], float(given[truth]), *guesses)
    )


def to_symbols(text: str, alphabet: Alphabet = PAPER) -> tuple[str, str]:
    """A sentence over the alphabet, at most `MOST` symbols, and what of it was changed, in words.

    Characters that an alphabet of a text's own lacks stay, and are read as <unk>. Raises BadInput
    where nothing of it is in the alphabet.
    """
    start = text[: 10 * MOST]  # what is dropped needs room too
    symbols = alphabet.written(start)
    letters = set(filter(str.isalpha, symbols))
    if not symbols or (letters and letters.isdisjoint(alphabet.tokens)):
        own = f"letters such as {''.join(''.join(alphabet.tokens[:12]).split())}"
        like = "Latin letters" if alphabet == PAPER else own
        raise BadInput(f"Nothing of this text is in the alphabet: type {like}.")
    changes = []
    if alphabet == PAPER and any(letter.isdigit() for letter in start):
        changes.append("every digit is read as #")
    lacking = [c for c in dict.fromkeys(symbols) if c not in alphabet.tokens]
    lost = replaced(start) if alphabet == PAPER else lacking
    if lost:
        shown = " ".join(filter(str.isprintable, lost[:10]))
        instead = "a space" if alphabet == PAPER else "<unk>"
        changes.append(
            f"{instead} stands for {shown}" if shown else "control characters are dropped"
        )
    if len(symbols) > MOST or len(text) > len(start):
        changes.append(f"only the first {MOST} symbols are read")
    note = ", ".join(changes)
    return symbols[:MOST].rstrip(), f"{note[0].upper()}{note[1:]}." if note else ""


def readable(spec: SignatureSpec) -> bool:
    """Whether sentences can be read with a signature's decoders, once these are stored."""
    decoders = spec.decoder == "mlp" and spec.target == "symbol" and not spec.corpus.words
    return decoders and isinstance(spec.model, ModelSpec | ImportedSpec)


def ready(spec: SignatureSpec, store: Store | None = None) -> bool:
    """Whether the network of a signature and its decoders are stored."""
    artifacts = (store or Store()).artifacts
    return readable(spec) and artifacts.has(spec.model.key) and artifacts.has(spec.key)


def start() -> None:
    """Starts the process that reads, so that the first sentence does not wait for all of that."""
    _reader.start()


def read(spec: SignatureSpec, symbols: str, store: Store | None = None) -> pl.DataFrame:
    """How the network of a signature reads a sentence, by the signature's decoders, as `table`.

    symbols: as `to_symbols` gives them. It runs in a process of its own, which stays: torch takes
    seconds to load. Raises BadInput where the weights are not stored or cannot be read.
    """
    artifacts = (store or Store()).artifacts
    weights, decoders = artifacts.get(spec.model.key), artifacts.get(spec.key)
    if not (readable(spec) and weights and decoders):
        raise BadInput(f"The decoders of {spec.title} are not stored: compute it again.")
    about = {"spec": spec.model_dump_json(), "weights": len(weights), "text": symbols}
    try:
        answer = _reader.ask(weights + decoders, seconds=SECONDS, **about)
    except Died as problem:
        raise BadInput(f"The sentence cannot be read, because {problem}.") from problem
    return table(symbols, **load(answer), alphabet=spec.corpus.alphabet)


def sentence(text: str, spec: SignatureSpec, store: Store | None = None) -> pl.DataFrame:
    """What the state of a network holds of a sentence, and what the network expects next.

    spec: a computed signature, such as `core.signature_spec("shakespeare")`; text: any, of which
    the first 200 symbols of the alphabet are read.

    Returns a row for every position and lag: position, lag, truth, probability, guesses, chances.
    position: how many symbols have been read. lag: which symbol is named, 0 the one just read, −1
    the next one, by the network itself, whose truth is null after the last symbol. probability: of
    the truth. guesses, chances: the three most probable symbols, and how probable.

    Raises BadInput where nothing of the text is in the alphabet, or the signature's decoders are
    not stored.
    """
    return read(spec, to_symbols(text, spec.corpus.alphabet)[0], store)
