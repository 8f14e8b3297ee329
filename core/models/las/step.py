"""The steps of the recognizer and of the signatures of its layers (paper, section 8)."""

from __future__ import annotations

import itertools
import math
import time

import polars as pl
import torch
from torch import Tensor

from core import machine
from core.corpora.corpus import SPLITS, Segments
from core.corpora.speech.units import Codebook
from core.corpora.speech.utterances import SpeechCorpus, Utterances, join
from core.models.las import alignment, lesson
from core.models.las.decoding import error_rates, transcribe
from core.models.las.labels import Labels, symbols, units
from core.models.las.network import load
from core.models.las.spec import BASE_WIDTH, LasSignatureSpec, LasSpec
from core.models.las.states import LasStates
from core.models.rows import model_row, training_tables
from core.probes.mlp import Decoders
from core.probes.states import StatesBySplit
from core.signatures.step import measured
from core.step import Inputs, Progress, Result
from core.training.batches import sample
from core.training.checkpoints import Checkpoint, pack, unpack


def train_recognizer(
    spec: LasSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains a recognizer, measures its error rates, and places symbols in time."""
    device = machine.settle()
    corpus = SpeechCorpus(spec.corpus, inputs)
    weights, facts = lesson.train(spec, corpus, progress, checkpoint, device)
    model = load(spec, weights).to(device)
    progress(1.0, "measuring on the test split")
    test = lesson.at_most(corpus.test, spec.budget.evaluate)
    rates = error_rates(test, transcribe(model, test, device))
    perplexity = {}
    moments: dict[str, Tensor] = {}
    for split in SPLITS if spec.trained else SPLITS[1:]:
        progress(1.0, f"placing the symbols of the {split} split in time")
        placed, followed = alignment.align(model, _split(spec, corpus, split), device)
        moments |= {f"{split}.{by}": torch.from_numpy(times) for by, times in placed.items()}
        perplexity[split] = math.exp(followed["nats"] / followed["predicted"])
    row = model_row(
        spec,
        device,
        corpus=spec.corpus.key,
        profile=spec.profile,
        seed=spec.seed,
        cell="blstm",
        layers=spec.layers,
        hidden=spec.units,
        trained=spec.trained,
        parameters=sum(p.numel() for p in model.parameters()),
        dev_perplexity=perplexity["dev"],
        test_perplexity=perplexity["test"],
        cer=rates.cer,
        wer=rates.wer,
        monotone=followed["monotone"],
    )
    artifacts = {spec.key: weights, spec.alignment: pack(moments, {})}
    return Result(training_tables(row, facts), artifacts)


def measure_layer(
    spec: LasSignatureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains and measures the decoders of one layer of a recognizer."""
    device = machine.settle()
    started = time.monotonic()
    progress(0.0, "reading the states")
    train, dev, test = _states(spec, inputs, device)
    bank, tables = measured(
        spec,
        spec.encoder_layer,
        StatesBySplit(train, dev, test),
        width=BASE_WIDTH,
        device=device,
        progress=progress,
        started=started,
        names=test.labels.names,
    )
    tables["signatures"] = tables["signatures"].with_columns(
        part=pl.lit(spec.layer),
        half=pl.lit(spec.half if spec.encoder_layer else None, dtype=pl.String),
        alignment=pl.lit(None if spec.codebook else spec.alignment, dtype=pl.String),
        codebook=pl.lit(spec.codebook.key if spec.codebook else None, dtype=pl.String),
        min_lag=pl.lit(spec.min_lag),
    )
    apart = pl.DataFrame(
        list(test.milliseconds().items()), schema={"lag": pl.Int32, "ms": pl.Float64}, orient="row"
    )
    if "recall" in tables:
        tables["recall"] = tables["recall"].join(apart, "lag", how="left")
    tables = {name: _strided(table, spec.stride) for name, table in tables.items()}
    return Result(tables, {spec.key: bank.to_bytes()} if isinstance(bank, Decoders) else {})


def _strided(table: pl.DataFrame, stride: int) -> pl.DataFrame:
    """The rows with the lags of decoders, which count steps, in frames where labels are units."""
    return table.with_columns(pl.col("lag") * stride) if "lag" in table.columns else table


def _states(spec: LasSignatureSpec, inputs: Inputs, device: str) -> list[LasStates]:
    """The states of each split, as many as the budget asks for."""
    corpus = SpeechCorpus(spec.corpus, inputs)
    model = load(spec.model, inputs[spec.model.key]).to(device)
    limits = (spec.budget.states, spec.budget.dev_states, spec.budget.test_states)
    found = []
    for split, limit in zip(SPLITS, limits, strict=True):
        utterances = _split(spec.model, corpus, split)
        labels = _labels(spec, inputs, split, utterances)
        rows = sample(Segments(labels.labels, labels.offsets), limit, spec.seed)
        found.append(LasStates(model, utterances, rows, labels, spec, device))
    return found


def _labels(spec: LasSignatureSpec, inputs: Inputs, split: str, utterances: Utterances) -> Labels:
    """What is recalled of the utterances of a split."""
    if spec.codebook:
        return units(utterances, Codebook.from_bytes(inputs[spec.codebook.key]), spec.stride)
    if spec.alignment == "words":
        return symbols(utterances, alignment.place_by_words(utterances))
    placed = unpack(inputs[spec.model.aligner.alignment])[0]
    return symbols(utterances, placed[f"{split}.{spec.alignment}"].numpy())


def _split(spec: LasSpec, corpus: SpeechCorpus, split: str) -> Utterances:
    """A split as signatures use it: of train the part whose symbols are placed in time."""
    if split == "train":
        return join(list(itertools.islice(corpus.shards(), len(spec.aligned))))
    return corpus.dev if split == "dev" else corpus.test
