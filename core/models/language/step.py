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
from core.corpora import Corpus, Segments
from core.models import forward
from core.models.language import char_lm
from core.models.language.spec import LanguageModelSpec, MixtureSpec, ModelSpec, NgramSpec
from core.models.las.spec import LasSpec
from core.models.mixture import fit
from core.models.ngram import kneser_ney
from core.probes.intervals import intervals, resampled
from core.probes.measure import DRAWS
from core.spec import CorpusSpec, Spec
from core.step import Inputs, Progress, Result, run, where
from core.text import SYMBOLS
from core.training.batches import sample
from core.training.checkpoints import Checkpoint

# (corpus, split, segments of the split) -> log probability of every predicted symbol of theirs
Scorer = Callable[[Corpus, str, np.ndarray], np.ndarray]
Guesser = Callable[[Segments], np.ndarray]
DRAWN = pl.List(pl.Float32)  # what is kept of the bootstrap replicates

# The steps of a recurrence this narrow are over before a second thread has joined in: on two
# cores one thread trains a GRU of 40 units half as fast again as two do, and at 80 units no slower.
NARROW = 80


@run.register
def _(
    spec: ModelSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    device = machine.settle(1 if spec.hidden <= NARROW else None)
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
    arpa = kneser_ney.estimate(train, spec.order, progress)
    model = kneser_ney.Ngram(arpa)
    progress(1.0, "measuring on the test split")
    dev, test = (
        split.take(sample(split, spec.evaluate, spec.seed)) for split in (corpus.dev, corpus.test)
    )
    row = model_row(spec, "cpu") | {
        "ngram_order": spec.order,
        "trained": True,
        "parameters": kneser_ney.size(arpa),
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
    drawn = {
        split: sample(corpus.splits[split], spec.evaluate, spec.seed) for split in ("dev", "test")
    }
    scored = []
    for number, member in enumerate(spec.members):
        progress(number / len(spec.members), f"scoring {member.title}")
        score = scorer(member, inputs[member.key], device)
        scored.append([score(corpus, split, rows) for split, rows in drawn.items()])
    on_dev, on_test = (np.stack(logs) for logs in zip(*scored, strict=True))
    weights = fit.fit(on_dev)
    test = corpus.test.take(drawn["test"])
    row = {
        "key": spec.key,
        "title": " + ".join(member.title for member in spec.members),
        "corpus": spec.corpus.content,
        "members": [member.key for member in spec.members],
        "weights": weights.tolist(),
        "dev_perplexity": fit.perplexity(on_dev, weights),
        "test_perplexity": fit.perplexity(on_test, weights),
        "test_symbols": on_test.shape[1],
        "profile": spec.profile,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        "draws": redrawn(test, fit.mixed(on_test, weights), spec.seed),
        **where(device),
    }
    tables = {"perplexities": pl.DataFrame([row], schema_overrides={"draws": DRAWN})}
    if len(spec.members) == 1 and (guess := guesser(spec.members[0], inputs, device)):
        counts = forward.count(test, guess(test))
        tables["predictions"] = predictions(spec.members[0], spec.corpus, spec.seed, *counts)
    return Result(tables)


def redrawn(test: Segments, logs: np.ndarray, seed: int) -> list[float]:
    """Perplexity of a text in bootstrap replicates, its segments drawn with replacement.

    logs: log probability of each predicted symbol, segment after segment. All models scored on the
    same text are redrawn alike.
    """
    n = test.lengths + 1  # </s> is predicted, too
    sums = np.add.reduceat(logs, np.cumsum(n) - n)
    means = resampled(n[:, None], sums[:, None], seed)[:DRAWS, 0]
    return np.exp(-means).tolist()


@singledispatch
def guesser(member: Spec, inputs: Inputs, device: str) -> Guesser | None:
    """segments -> the symbol put first at every step, as `forward.count` takes it.

    None for a model trained here: its own job has counted its forward accuracy.
    """
    return None


@singledispatch
def scorer(member: Spec, frozen: bytes, device: str) -> Scorer:
    """A frozen language model as what scores text; rows come ascending."""
    raise TypeError(f"a {type(member).__name__} is no language model")


@scorer.register
def _(member: ModelSpec, frozen: bytes, device: str) -> Scorer:
    return network_scorer(char_lm.load(member, frozen), device)


def network_scorer(model: char_lm.CharLM, device: str) -> Scorer:
    """A network as what scores text, whoever trained it."""
    model = model.to(device)
    return lambda corpus, split, rows: char_lm.score(
        model, corpus.splits[split].take(rows), device
    )[0]


@scorer.register
def _(member: NgramSpec, frozen: bytes, device: str) -> Scorer:
    model = kneser_ney.Ngram(frozen)
    return lambda corpus, split, rows: model.log_probs(corpus.splits[split].take(rows))


def model_row(spec: ModelSpec | NgramSpec | LasSpec, device: str) -> dict[str, Any]:
    """The columns of `models` that every kind of model trained on one corpus fills."""
    return {
        "key": spec.key,
        "kind": spec.kind,
        "title": spec.title,
        "corpus": spec.corpus.key,
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
    rates = resampled(n, correct, seed)
    low, high = intervals(rates, n, correct)
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
                "draws": [None if np.isnan(rate) else rate for rate in rates[:DRAWS, i].tolist()],
            }
            for i, symbol in enumerate([*SYMBOLS, None])
            if total[i]
        ],
        schema_overrides={"symbol": pl.String, "draws": DRAWN},
    )
