"""The step that estimates an n-gram and measures it."""

from __future__ import annotations

import time

import polars as pl

from core.corpora import Corpus
from core.models.ngram.kneser_ney import Ngram, estimate, size
from core.models.ngram.spec import NgramSpec
from core.models.rows import count_first, model_row, predictions
from core.step import Inputs, Progress, Result
from core.training.batches import sample
from core.training.checkpoints import Checkpoint


def estimate_ngram(
    spec: NgramSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Estimates an n-gram and measures it on the test split."""
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    train = corpus.train.take(sample(corpus.train, spec.symbols, spec.seed, spec.fraction))
    arpa = estimate(train, spec.order, progress)
    model = Ngram(arpa, corpus.alphabet)
    progress(1.0, "measuring on the test split")
    dev, test = (
        split.take(sample(split, spec.evaluate, spec.seed)) for split in (corpus.dev, corpus.test)
    )
    row = model_row(
        spec,
        "cpu",
        corpus=spec.corpus.key,
        profile=spec.profile,
        seed=spec.seed,
        ngram_order=spec.order,
        trained=True,
        parameters=size(arpa),
        dev_perplexity=model.perplexity(dev),
        test_perplexity=model.perplexity(test),
        train_symbols=train.total + len(train),
        epochs=1.0,
        seconds=time.monotonic() - started,
    )
    ahead = predictions(spec, spec.corpus, spec.seed, *count_first(test, model.first(test)))
    return Result({"models": pl.DataFrame([row]), "predictions": ahead}, {spec.key: arpa})
