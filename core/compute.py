"""What a spec needs, and how it becomes rows and bytes.

`run` is a pure function of a spec and the bytes it depends on: it touches no cache, so that it
runs in a worker process here or on any other machine.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import polars as pl

from core import decoders, machine, signature
from core.batches import sample
from core.checkpoints import Checkpoint
from core.corpora import Corpus, Segments
from core.decoders import Decoders, width_for
from core.exact import ExactDecoders
from core.linear import LinearDecoders, train_linear
from core.models import char_lm, forward, mixture, ngram
from core.specs import MixtureSpec, ModelSpec, NgramSpec, SignatureSpec, Spec
from core.states import Chunked, ModelStates, NgramStates
from core.statistics import bootstrap
from core.text import SYMBOLS

Inputs = dict[str, bytes]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Result:
    """Rows for the tables, and bytes for the artifact store by key."""

    tables: dict[str, pl.DataFrame]
    artifacts: dict[str, bytes] = field(default_factory=dict)


@singledispatch
def run(
    spec: Spec,
    inputs: Inputs,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Computes one spec. inputs: the bytes of everything in `spec.needs()`, by key."""
    raise TypeError(f"nothing computes a {type(spec).__name__}")


@run.register
def _(
    spec: ModelSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    device = machine.settle()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    init = inputs[spec.init_from.key] if spec.init_from else None
    weights, facts = char_lm.train(spec, corpus, progress, checkpoint, device, init)
    model = char_lm.load(spec, weights).to(device)
    progress(1.0, "measuring on the test split")
    test = corpus.test.take(sample(corpus.test, spec.budget.evaluate, spec.seed))
    logs, first = char_lm.score(model, test, device)
    row = _model_row(spec, device) | {
        "cell": spec.cell,
        "layers": spec.layers,
        "hidden": spec.hidden,
        "parent": spec.init_from.key if spec.init_from else None,
        "trained": spec.trained,
        "parameters": sum(p.numel() for p in model.parameters()),
        "keep": facts["keep"],
        "dev_perplexity": facts["perplexity"],
        "test_perplexity": math.exp(-logs.mean()),
        "train_symbols": facts["symbols"],
        "epochs": float(len(facts["curve"])),
        "seconds": facts["seconds"],
    }
    tables = {
        "models": pl.DataFrame([row], schema_overrides={"parent": pl.String}),
        "predictions": _predictions(spec, *forward.count(test, first)),
    }
    if facts["curve"]:
        tables["training_curve"] = pl.DataFrame(
            [{"model": spec.key, **point} for point in facts["curve"]]
        )
    return Result(tables, {spec.key: weights})


@run.register
def _(
    spec: NgramSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    chosen = sample(corpus.train, spec.symbols, spec.seed, spec.fraction)
    train = corpus.train.take(chosen)
    arpa = ngram.estimate(train, spec.order, progress)
    model = ngram.Ngram(arpa)
    progress(1.0, "measuring on the test split")
    dev, test = (
        split.take(sample(split, spec.evaluate, spec.seed)) for split in (corpus.dev, corpus.test)
    )
    row = _model_row(spec, "cpu") | {
        "ngram_order": spec.order,
        "trained": True,
        "parameters": ngram.size(arpa),
        "dev_perplexity": model.perplexity(dev),
        "test_perplexity": model.perplexity(test),
        "train_symbols": train.total + len(train),
        "epochs": 1.0,
        "seconds": time.monotonic() - started,
    }
    predictions = _predictions(spec, *forward.count(test, model.first(test)))
    return Result({"models": pl.DataFrame([row]), "predictions": predictions}, {spec.key: arpa})


@run.register
def _(
    spec: MixtureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    device = machine.settle()
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    dev, test = (
        split.take(sample(split, spec.evaluate, spec.seed)) for split in (corpus.dev, corpus.test)
    )
    scored = []
    for number, member in enumerate(spec.members):
        progress(number / len(spec.members), f"scoring {member.title}")
        score = _scorer(member, inputs[member.key], device)
        scored.append((score(dev), score(test)))
    on_dev, on_test = (np.stack(logs) for logs in zip(*scored, strict=True))
    weights = mixture.fit(on_dev)
    row = {
        "key": spec.key,
        "title": " + ".join(member.title for member in spec.members),
        "corpus": spec.corpus.content,
        "members": [member.key for member in spec.members],
        "weights": weights.tolist(),
        "dev_perplexity": mixture.perplexity(on_dev, weights),
        "test_perplexity": mixture.perplexity(on_test, weights),
        "test_symbols": on_test.shape[1],
        "profile": spec.profile,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        **_where(device),
    }
    return Result({"perplexities": pl.DataFrame([row])})


@run.register
def _(
    spec: SignatureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    device = machine.settle()
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    budget = spec.budget
    splits = [
        split.take(sample(split, limit, spec.seed))
        for split, limit in (
            (corpus.train, budget.states),
            (corpus.dev, budget.dev_states),
            (corpus.test, budget.test_states),
        )
    ]
    train, dev, test, kernel = _sources(spec, inputs[spec.model.key], splits, device)
    bank: Decoders | LinearDecoders | ExactDecoders
    if spec.decoder == "linear":
        bank = train_linear(train, dev, device, progress)
    elif spec.decoder == "exact":
        bank = ExactDecoders.fit(train)
    else:
        rule = width_for(train.dim, train.n_symbols, kernel, budget.depth)
        bank = decoders.train(train, dev, rule, budget, spec.seed, device, progress)
    progress(1.0, "measuring on the test split")
    measured = signature.measure(bank, train, test, spec.seed)
    row = {
        "key": spec.key,
        "model": spec.model.key,
        "layer": spec.layer,
        "state": spec.state,
        "corpus": spec.corpus.content,
        "decoder": spec.decoder,
        "width": bank.width,
        "depth": bank.depth,
        "max_lag": spec.max_lag,
        "keeps": list(bank.keeps),
        "profile": spec.profile,
        "seed": spec.seed,
        "parameters": bank.parameters,
        "untrained": spec.floor.key if spec.floor else None,
        "train_states": train.size,
        "dev_states": dev.size,
        "test_states": test.size,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        **_where(device),
    }
    tables = {
        "signatures": pl.DataFrame([row], schema_overrides={"untrained": pl.String}),
        "recall": _named(spec, measured.recall, "symbol"),
        "confusion": _named(spec, measured.confusion, "truth", "guess"),
    }
    return Result(tables)


def _sources(
    spec: SignatureSpec, frozen: bytes, splits: list[Segments], device: str
) -> tuple[Chunked, Chunked, Chunked, int]:
    """The states of train, dev and test, and the parameters that the decoders must match."""
    train: Chunked
    dev: Chunked
    test: Chunked
    if isinstance(spec.model, NgramSpec):
        gram = ngram.Ngram(frozen)
        hot = spec.decoder != "exact"
        train, dev, test = (NgramStates(gram, split, spec.max_lag, hot) for split in splits)
        # An n-gram has no kernel; the rule then asks for one layer as wide as its one-hot state.
        return train, dev, test, train.dim * train.dim
    model = char_lm.load(spec.model, frozen).to(device)
    train, dev, test = (
        ModelStates(model, split, spec.layer, spec.state, spec.max_lag, device) for split in splits
    )
    return train, dev, test, model.kernel_parameters()


def _scorer(
    member: ModelSpec | NgramSpec, frozen: bytes, device: str
) -> Callable[[Segments], np.ndarray]:
    """A frozen language model as a function: segments -> log probability of every symbol."""
    if isinstance(member, NgramSpec):
        return ngram.Ngram(frozen).log_probs
    model = char_lm.load(member, frozen).to(device)
    return lambda segments: char_lm.score(model, segments, device)[0]


def _model_row(spec: ModelSpec | NgramSpec, device: str) -> dict[str, Any]:
    return {
        "key": spec.key,
        "kind": spec.kind,
        "title": spec.title,
        "corpus": spec.corpus.content,
        "profile": spec.profile,
        "seed": spec.seed,
        "spec": spec.model_dump_json(),
        **_where(device),
    }


def _where(device: str) -> dict[str, Any]:
    return {
        "device": machine.device_name(device),
        "threads": machine.threads(),
        "machine": machine.name(),
        "created": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
    }


def _named(spec: SignatureSpec, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows of one signature with symbols instead of their indices."""
    symbols = dict(enumerate(SYMBOLS))
    return rows.with_columns(
        pl.lit(spec.key).alias("signature"),
        *(pl.col(c).replace_strict(symbols, return_dtype=pl.String) for c in columns),
    )


def _predictions(spec: ModelSpec | NgramSpec, n: np.ndarray, correct: np.ndarray) -> pl.DataFrame:
    """Forward accuracy by symbol (paper, Fig. 1b); n, correct: int [segments, symbols]."""
    n = np.concatenate([n, n.sum(1, keepdims=True)], 1)
    correct = np.concatenate([correct, correct.sum(1, keepdims=True)], 1)
    low, high = bootstrap(n, correct, spec.seed)
    total, hits = n.sum(0), correct.sum(0)
    return pl.DataFrame(
        [
            {
                "model": spec.key,
                "corpus": spec.corpus.content,
                "symbol": symbol,
                "n": int(total[i]),
                "correct": int(hits[i]),
                "accuracy": hits[i] / total[i],
                "low": low[i],
                "high": high[i],
            }
            for i, symbol in enumerate([*SYMBOLS, None])
            if total[i]
        ],
        schema_overrides={"symbol": pl.String},
    )
