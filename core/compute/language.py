"""Language models: recurrent networks, n-grams, and mixtures of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import polars as pl

from core import machine
from core.batches import sample
from core.checkpoints import Checkpoint
from core.compute.base import Inputs, Progress, Result, run, where
from core.corpora import Corpus, Segments
from core.models import char_lm, forward, mixture, ngram
from core.specs import (
    CorpusSpec,
    LanguageModelSpec,
    MixtureSpec,
    ModelSpec,
    NgramSpec,
    Spec,
)
from core.statistics import bootstrap
from core.text import SYMBOLS

Scorer = Callable[[Segments], np.ndarray]
Guesser = Callable[[Segments], np.ndarray]


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
    row = model_row(spec, device) | {
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
        "predictions": predictions(spec, spec.corpus, spec.seed, *forward.count(test, first)),
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
    row = model_row(spec, "cpu") | {
        "ngram_order": spec.order,
        "trained": True,
        "parameters": ngram.size(arpa),
        "dev_perplexity": model.perplexity(dev),
        "test_perplexity": model.perplexity(test),
        "train_symbols": train.total + len(train),
        "epochs": 1.0,
        "seconds": time.monotonic() - started,
    }
    ahead = predictions(spec, spec.corpus, spec.seed, *forward.count(test, model.first(test)))
    return Result({"models": pl.DataFrame([row]), "predictions": ahead}, {spec.key: arpa})


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
        score = scorer(member, inputs[member.key], device)
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
        **where(device),
    }
    tables = {"perplexities": pl.DataFrame([row])}
    if len(spec.members) == 1 and (guess := guesser(spec.members[0], inputs, device)):
        counts = forward.count(test, guess(test))
        tables["predictions"] = predictions(spec.members[0], spec.corpus, spec.seed, *counts)
    return Result(tables)


@singledispatch
def guesser(member: Spec, inputs: Inputs, device: str) -> Guesser | None:
    """segments -> the symbol put first at every step, as `forward.count` takes it.

    None for a model trained here: its own job has counted its forward accuracy.
    """
    return None


@singledispatch
def scorer(member: Spec, frozen: bytes, device: str) -> Scorer:
    """A frozen language model as a function: segments -> log probability of every symbol."""
    raise TypeError(f"a {type(member).__name__} is no language model")


@scorer.register
def _(member: ModelSpec, frozen: bytes, device: str) -> Scorer:
    model = char_lm.load(member, frozen).to(device)
    return lambda segments: char_lm.score(model, segments, device)[0]


@scorer.register
def _(member: NgramSpec, frozen: bytes, device: str) -> Scorer:
    return ngram.Ngram(frozen).log_probs


def model_row(spec: ModelSpec | NgramSpec, device: str) -> dict[str, Any]:
    """The columns of `models` that every kind of model trained here fills."""
    return {
        "key": spec.key,
        "kind": spec.kind,
        "title": spec.title,
        "corpus": spec.corpus.content,
        "profile": spec.profile,
        "seed": spec.seed,
        "spec": spec.model_dump_json(),
        **where(device),
    }


def predictions(
    model: LanguageModelSpec, corpus: CorpusSpec, seed: int, n: np.ndarray, correct: np.ndarray
) -> pl.DataFrame:
    """Forward accuracy by symbol (paper, Fig. 1b); n, correct: int [segments, symbols]."""
    n = np.concatenate([n, n.sum(1, keepdims=True)], 1)
    correct = np.concatenate([correct, correct.sum(1, keepdims=True)], 1)
    low, high = bootstrap(n, correct, seed)
    total, hits = n.sum(0), correct.sum(0)
    return pl.DataFrame(
        [
            {
                "model": model.key,
                "corpus": corpus.content,
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
