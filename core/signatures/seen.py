"""The step that finds out whether a network's state tells which words it has read."""

from __future__ import annotations

import time
from typing import Any

import polars as pl

from core import machine
from core.corpora import Corpus
from core.errors import BadInput
from core.models.base import StateSelection
from core.probes import seen
from core.probes.mlp import width_for
from core.probes.targets import OTHER
from core.registry import load_model
from core.signatures.spec import DetectorSpec
from core.signatures.step import target_in
from core.step import Inputs, Progress, Result, where
from core.training.batches import samples
from core.training.checkpoints import Checkpoint


def measure_detectors(
    spec: DetectorSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains the detectors of one layer of a language model and measures them."""
    device = machine.settle()
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    target = target_in(corpus, "word")
    names = [name for name in target.names if name != OTHER][: seen.WORDS]
    model = load_model(spec.model, inputs[spec.model.key], device)
    selection = StateSelection(spec.layer, spec.state, spec.max_lag)
    states = model.states(corpus, samples(corpus, spec.budget, spec.seed), selection)
    train, dev, test = (
        seen.read(source, target, len(names)) for source in (states.train, states.dev, states.test)
    )
    if not min(map(len, (train.states, dev.states, test.states))):
        raise BadInput("No segment of the text has a whole word; choose longer segments.")
    # As wide as a signature's decoders.
    width = width_for(states.train.dim, corpus.alphabet.size, states.parameters)
    of_states = seen.fit(
        train, dev, width, spec.budget, spec.seed, lambda done, what: progress(done / 2, what)
    )
    guess = seen.fit(
        seen.without_states(train),
        seen.without_states(dev),
        width,
        spec.budget,
        spec.seed,
        lambda done, what: progress(0.5 + done / 2, f"without states: {what}"),
    )
    hits = seen.evaluate(of_states, guess, test, names, spec.max_lag, spec.seed)
    row = _row(spec, train, dev, test) | {
        "words": len(names),
        "width": width,
        "rising": of_states.rising,
        "seconds": time.monotonic() - started,
        **where(device),
    }
    schema = {"rising": pl.Float64, "untrained": pl.String}
    owned = hits.with_columns(pl.lit(spec.key).alias("detectors"))
    return Result({"detectors": pl.DataFrame([row], schema_overrides=schema), "hits": owned})


def _row(
    spec: DetectorSpec, train: seen.WordStates, dev: seen.WordStates, test: seen.WordStates
) -> dict[str, Any]:
    """What the row of `detectors` has of the spec and of the texts."""
    return {
        "key": spec.key,
        "model": spec.model.key,
        "layer": spec.layer,
        "state": spec.state,
        "corpus": spec.corpus.key,
        "false_alarms": seen.FALSE_ALARMS,
        "max_lag": spec.max_lag,
        "untrained": spec.floor.key if spec.floor else None,
        "train_states": len(train.states),
        "dev_states": len(dev.states),
        "test_states": len(test.states),
        "profile": spec.effort,
        "seed": spec.seed,
        "spec": spec.model_dump_json(),
    }
