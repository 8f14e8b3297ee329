"""What a spec needs, and how it becomes rows and bytes.

`run` is a pure function of a spec and the bytes it depends on: it touches no cache, so that it
runs in a worker process here or on any other machine.
"""

from __future__ import annotations

import datetime
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
from core.corpora import Corpus
from core.decoders import Decoders, width_for
from core.linear import LinearDecoders, train_linear
from core.models import char_lm
from core.specs import ModelSpec, SignatureSpec, Spec
from core.states import ModelStates
from core.statistics import bootstrap
from core.text import SYMBOLS

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Result:
    """Rows for the tables, and bytes for the artifact store by key."""

    tables: dict[str, pl.DataFrame]
    artifacts: dict[str, bytes] = field(default_factory=dict)


@singledispatch
def run(
    spec: Spec,
    inputs: dict[str, bytes],
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Computes one spec. inputs: the bytes of everything in `spec.needs()`, by key."""
    raise TypeError(f"nothing computes a {type(spec).__name__}")


@run.register
def _(
    spec: ModelSpec,
    inputs: dict[str, bytes],
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Result:
    device = machine.settle()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    weights, facts = char_lm.train(spec, corpus, progress, checkpoint, device)
    model = char_lm.load(spec, weights).to(device)
    progress(1.0, "measuring on the test split")
    chosen = sample(corpus.test, spec.budget.evaluate, spec.seed)
    perplexity, n, correct = char_lm.evaluate(model, corpus.test, chosen, device)
    row = {
        "key": spec.key,
        "kind": spec.kind,
        "cell": spec.cell,
        "layers": spec.layers,
        "hidden": spec.hidden,
        "corpus": spec.corpus.content,
        "parent": None,
        "trained": spec.trained,
        "profile": spec.profile,
        "seed": spec.seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "keep": facts["keep"],
        "dev_perplexity": facts["perplexity"],
        "test_perplexity": perplexity,
        "train_symbols": facts["symbols"],
        "epochs": float(len(facts["curve"])),
        "seconds": facts["seconds"],
        "spec": spec.model_dump_json(),
        **_where(device),
    }
    curve = [{"model": spec.key, **point} for point in facts["curve"]]
    tables = {
        "models": pl.DataFrame([row], schema_overrides={"parent": pl.String}),
        "predictions": _predictions(spec, n.numpy(), correct.numpy()),
    }
    if curve:
        tables["training_curve"] = pl.DataFrame(curve)
    return Result(tables, {spec.key: weights})


@run.register
def _(
    spec: SignatureSpec,
    inputs: dict[str, bytes],
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Result:
    device = machine.settle()
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    model = char_lm.load(spec.model, inputs[spec.model.key]).to(device)
    budget = spec.budget
    train, dev, test = (
        ModelStates(model, segments, spec.layer, spec.state, spec.max_lag, limit, spec.seed, device)
        for segments, limit in (
            (corpus.train, budget.states),
            (corpus.dev, budget.dev_states),
            (corpus.test, budget.test_states),
        )
    )
    bank: Decoders | LinearDecoders
    if spec.decoder == "linear":
        bank = train_linear(train, dev, device, progress)
    else:
        rule = width_for(train.dim, train.n_symbols, model.kernel_parameters(), budget.depth)
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
        "untrained": spec.untrained().key if spec.model.trained else None,
        "train_states": train.size,
        "dev_states": dev.size,
        "test_states": test.size,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        **_where(device),
    }
    return Result(
        {
            "signatures": pl.DataFrame([row], schema_overrides={"untrained": pl.String}),
            "recall": _named(spec, measured.recall, "symbol"),
            "confusion": _named(spec, measured.confusion, "truth", "guess"),
        }
    )


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


def _predictions(spec: ModelSpec, n: np.ndarray, correct: np.ndarray) -> pl.DataFrame:
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
