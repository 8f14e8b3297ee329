"""The steps of factorized language models, of parts of their kernels, and of pruned ones."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import polars as pl

from core import machine
from core.corpora import Corpus
from core.models.factorized import factorized_lm
from core.models.factorized.factorized_lm import FactorizedLM
from core.models.factorized.spec import FactorizedSpec, KernelSpec, PrunedSpec
from core.models.factorized.windows import Windows
from core.models.language.char_lm import CharLM
from core.models.rows import count_first, model_row, predictions, training_tables
from core.spec import Spec
from core.step import Inputs, Progress, Result
from core.training.checkpoints import Checkpoint, unpack

Mixed = FactorizedSpec | PrunedSpec


def train_factorized(
    spec: FactorizedSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains a factorized model, or the plain one, and measures it on the test splits."""
    device = machine.settle()
    corpora = mix(spec, inputs)
    weights, facts = factorized_lm.train(spec, corpora, progress, checkpoint, device)
    model = factorized_lm.load(spec, weights).to(device)
    progress(1.0, "measuring on the test split")
    row, tables = _measured(spec, spec, model, corpora, device)
    row |= {"keep": facts["keep"], "dev_perplexity": facts["perplexity"]}
    return Result(tables | training_tables(row, facts), {spec.key: weights})


def measure_pruned(
    spec: PrunedSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Leaves the first bases of a pruning's order in a model, and measures it on dev and test."""
    device = machine.settle()
    started = time.monotonic()
    model = factorized_lm.load(spec.model, inputs[spec.model.key]).to(device)
    order = unpack(inputs[spec.pruning.key])[0]["order"].numpy()
    smaller = model.pruned(order[: spec.keep])
    progress(0.2, "measuring on dev and test")
    row, tables = _measured(spec, spec.model, smaller, mix(spec.model, inputs), device)
    row |= {"parent": spec.model.key, "seconds": time.monotonic() - started}
    tables["models"] = pl.DataFrame([row])
    return Result(tables, {spec.key: factorized_lm.save(spec, smaller)})


def take_kernel(
    spec: KernelSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Makes the plain network that has part of a model's kernel."""
    started = time.monotonic()
    model = factorized_lm.load(spec.model, inputs[spec.model.key])
    network = factorized_lm.part(model, spec)
    row = _row(spec, spec.model, network, "cpu") | {
        "parent": spec.model.key,
        "seconds": time.monotonic() - started,
    }
    return Result({"models": pl.DataFrame([row])}, {spec.key: factorized_lm.save(spec, network)})


def mix(spec: FactorizedSpec, inputs: Inputs) -> tuple[Corpus, Corpus]:
    """The two corpora of a mix."""
    one, other = (Corpus.from_bytes(inputs[corpus.content]) for corpus in spec.corpora)
    return one, other


def _row(spec: Spec, model: FactorizedSpec, network: CharLM, device: str) -> dict[str, Any]:
    """The columns of `models` that every kind of model with a factorized kernel fills."""
    return model_row(
        spec,
        device,
        cell=model.cell,
        layers=model.layers,
        hidden=model.hidden,
        trained=True,
        profile=model.profile,
        seed=model.seed,
        parameters=sum(p.numel() for p in network.parameters()),
    )


def _measured(
    spec: Mixed,
    model: FactorizedSpec,
    network: FactorizedLM,
    corpora: tuple[Corpus, Corpus],
    device: str,
) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """The row of `models`, with perplexities over both corpora together, and forward accuracy."""
    row, ahead = _row(spec, model, network, device), []
    for split in ("dev", "test"):
        logs = []
        for named, corpus in zip(model.corpora, corpora, strict=True):
            windows = Windows(model, corpus, split)
            rows = windows.sample_rows(model.budget.evaluate, model.seed)
            log_p, first = factorized_lm.score(network, windows, rows, device)
            logs.append(log_p)
            if split == "test":
                counts = count_first(windows.segments.take(rows), first)
                ahead.append(predictions(spec, named, model.seed, *counts))
        row[f"{split}_perplexity"] = math.exp(-np.concatenate(logs).mean())
    return row, {"predictions": pl.concat(ahead)}
