"""A store with a recognizer of invented numbers, that still hears: random weights and decoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch

from core.corpora.speech.spec import CodebookSpec, SpeechSpec
from core.corpora.speech.units import Codebook, describe
from core.corpora.speech.utterances import RATE, Recordings, Utterances
from core.models.las.network import build
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.paper.studies import STUDIES, Choices, Plan
from core.probes.mlp import Decoders
from core.store import Store
from core.text import SYMBOLS, encode
from core.training.checkpoints import pack
from tests.app.prepared import MACHINE, computed

SAID = ("the state of the union", "we must act", "my fellow citizens")


def plan(corpus: SpeechSpec, **choices: object) -> Plan:
    return STUDIES["las"].plan(Choices("smoke", speech=corpus, **choices))


def spoken(root: Path, found: Plan) -> None:
    """Fill the store at `root` with all that the LAS page shows of a study."""
    computed(root, found.specs)
    model = next(iter(found.signatures.values())).model
    store, corpus = Store(root), model.corpus
    row = {
        "key": corpus.key,
        "name": corpus.name,
        "kind": "speech",
        "segment": "utterance",
        "segments": 100,
        "hours": 0.9,
        "skipped": [],
        "sample": "\n".join(SAID),
        "added": MACHINE["created"],
        "machine": MACHINE["machine"],
        "seconds": 1.0,
        "spec": corpus.model_dump_json(),
    }
    store.take_in({"corpora": pl.DataFrame([row])}, sounds(corpus) | weights(model, found))
    for codebook in {spec.codebook for spec in found.signatures.values()} - {None}:
        store.take_in(_units(codebook), {})


def _units(spec: CodebookSpec) -> dict[str, pl.DataFrame]:
    """The rows of a codebook of two units that sound by turns."""
    bands = np.eye(2, spec.corpus.mels, dtype=np.float32)
    rows = describe(Codebook(bands), [np.arange(100) % 2]).with_columns(codebook=pl.lit(spec.key))
    book = {"key": spec.key, "corpus": spec.corpus.key, "units": 2, "explained": 0.75}
    return {"codebooks": pl.DataFrame([book]), "units": rows}


def sounds(corpus: SpeechSpec) -> dict[str, bytes]:
    """Noise that passes for the test split, half a second each."""
    noise = np.random.default_rng(0)
    frames = [noise.normal(-5, 2, (50, corpus.mels)) for _ in SAID]
    words = [np.array([[0, 0]]) for _ in SAID]
    symbols = [encode(text) for text in SAID]
    utterances = Utterances.of(frames, symbols, words, [f"u{i}" for i in range(3)], corpus.mels)
    recordings = Recordings.of([noise.normal(0, 999, RATE // 2).astype(np.int16) for _ in SAID])
    return {corpus.part("test"): utterances.to_bytes(), corpus.audio("test"): recordings.to_bytes()}


def weights(model: LasSpec, found: Plan) -> dict[str, bytes]:
    """The recognizer at its initial weights, and decoders that guess."""
    signatures = [
        spec
        for spec in found.signatures.values()
        if isinstance(spec, LasSignatureSpec) and spec.model == model
    ]
    kept = {spec.key: _decoders(spec).to_bytes() for spec in signatures}
    return kept | {model.key: pack(build(model).state_dict(), {})}


def _decoders(spec: LasSignatureSpec) -> Decoders:
    lags, dim = spec.max_lag - spec.min_lag + 1, spec.dim
    layers = [
        (torch.randn(lags, out, into) / into**0.5, torch.zeros(lags, 1, out))
        for into, out in ((dim, 8), (8, len(SYMBOLS)))
    ]
    facts = ((1.0,) * lags, 8, 1, 100, (0.5,) * lags, (2.0,) * lags)
    return Decoders(torch.zeros(dim), torch.ones(dim), layers, *facts)
