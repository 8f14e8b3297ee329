"""The step that measures the perplexity of language models, alone or interpolated."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from core import machine
from core.corpora import Corpus
from core.models.mixture import fit
from core.models.mixture.spec import MixtureSpec
from core.models.rows import DRAWN, count_first, predictions, redrawn
from core.registry import load_model
from core.step import Inputs, Progress, Result, where
from core.training.batches import sample
from core.training.checkpoints import Checkpoint


def measure_mixture(
    spec: MixtureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Scores dev and test by every member, fits the weights on dev, measures on test."""
    device = machine.settle()
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    drawn = {
        split: sample(corpus.splits[split], spec.evaluate, spec.seed) for split in ("dev", "test")
    }
    scored = []
    for number, member in enumerate(spec.members):
        progress(number / len(spec.members), f"scoring {member.title}")
        model = load_model(member, inputs[member.key], device)
        scored.append([model.score(corpus, split, rows) for split, rows in drawn.items()])
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
    if len(spec.members) == 1 and spec.members[0].scored_apart:
        counts = count_first(test, model.first(corpus, "test", drawn["test"]))
        tables["predictions"] = predictions(spec.members[0], spec.corpus, spec.seed, *counts)
    return Result(tables)
