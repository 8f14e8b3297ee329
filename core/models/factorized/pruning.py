"""Pruning of a factorized model: its bases ranked by a rule, and perplexity by how many stay."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core import machine
from core.corpora import Corpus
from core.models.factorized import bases, factorized_lm
from core.models.factorized.atlas import bigram_rows
from core.models.factorized.factorized_lm import FactorizedLM
from core.models.factorized.ruler import WHOLE
from core.models.factorized.spec import PruningSpec
from core.models.factorized.step import mix
from core.models.factorized.windows import BASES, Windows, bigram_counts
from core.step import Inputs, Progress, Result, where
from core.text import N_SYMBOLS
from core.training.checkpoints import Checkpoint, pack, unpack


def rank_bases(
    spec: PruningSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Ranks the bases by the rule and measures perplexity by how many stay."""
    device = machine.settle()
    started = time.monotonic()
    trained = spec.atlas.model
    model = factorized_lm.load(trained, inputs[trained.key]).to(device)
    corpora = mix(trained, inputs)
    scores = _scores(spec, model, corpora, unpack(inputs[spec.atlas.key])[0])
    order = np.argsort(-scores, kind="stable")
    row = {
        "key": spec.key,
        "atlas": spec.atlas.key,
        "model": trained.key,
        "target": spec.target.content,
        "rule": spec.rule,
        "profile": spec.profile,
        "seed": spec.seed,
        "spec": spec.model_dump_json(),
        **where(device),
    }
    ranked = bigram_rows(spec.atlas, order).select(
        pl.lit(spec.key).alias("pruning"),
        "first",
        "second",
        pl.Series("place", np.arange(1, BASES + 1)),
        pl.Series("score", scores[order]),
    )
    curve = _curve(spec, model, corpora, order, device, progress)
    row["seconds"] = time.monotonic() - started
    tables = {"prunings": pl.DataFrame([row]), "pruning_order": ranked, "pruning_curve": curve}
    return Result(tables, {spec.key: pack({"order": torch.from_numpy(order)}, {})})


def _curve(
    spec: PruningSpec,
    model: FactorizedLM,
    corpora: tuple[Corpus, Corpus],
    order: np.ndarray,
    device: str,
    progress: Progress,
) -> pl.DataFrame:
    """Rows of `pruning_curve`: perplexity on each corpus by the number of bases left."""
    trained, budget = spec.atlas.model, spec.atlas.budget
    points = [count for count in budget.curve if count <= BASES]
    curve: list[dict[str, Any]] = []
    for source, corpus in zip(trained.corpora, corpora, strict=True):
        windows = Windows(trained, corpus, "test")
        rows = windows.sample_rows(budget.evaluate, trained.seed)
        for count in points:
            progress(len(curve) / 2 / len(points), f"{count} bases kept, {source.name}")
            logs = factorized_lm.score(model.pruned(order[:count]), windows, rows, device)[0]
            point = {
                "pruning": spec.key,
                "corpus": source.content,
                "kept": count,
                "perplexity": math.exp(-logs.mean()),
                "n": len(logs),
            }
            curve.append(point)
    return pl.DataFrame(curve)


def _scores(
    spec: PruningSpec, model: FactorizedLM, corpora: tuple[Corpus, Corpus], atlas: dict[str, Tensor]
) -> np.ndarray:
    """The scores by which the rule ranks bases: float64 [1156], the lowest are pruned first."""
    place = [corpus.content for corpus in spec.atlas.model.corpora].index(spec.target.content)
    norms = model.bases.norms.double().cpu().numpy()
    if spec.rule == "random":
        return np.random.default_rng(spec.seed).random(BASES)
    if spec.rule == "norm":
        return norms
    if spec.rule == "lambda":
        return np.asarray(model.means[place].cpu().numpy() * norms)
    if spec.rule == "leave-one-out":
        return atlas["drops"][:, place].numpy()
    return -bases.recall_outside(
        bases.symbol_recall(atlas["correct"][:, WHOLE].numpy(), atlas["n"].numpy()),
        np.stack([bigram_counts(corpus.train).reshape(N_SYMBOLS, -1).sum(0) for corpus in corpora]),
        place,
    )
