"""Rows as the worker makes them, from invented recalls and perplexities: truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import polars as pl

from core.models.factorized.spec import KernelSpec
from core.models.las.spec import LasSignatureSpec
from core.models.mixture.spec import MixtureSpec
from core.paper.studies import Choices
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec, Spec
from core.store import Store

SHAKESPEARE = CorpusSpec(name="shakespeare", content="1" * 64)
SOTU = CorpusSpec(name="sotu", content="2" * 64)
EVERY = Choices("laptop", corpus=SOTU, source=SHAKESPEARE, target=SOTU)
SYMBOLS = [*"abceklmquyz", " ", "."]
DRAWS = 40
MAJORITY = 0.1
MADE = {"created": datetime(2026, 1, 1)}

Signed = SignatureSpec | LasSignatureSpec
Recall = Callable[[Any, int, str], float]
Score = Callable[[Any], float]
Tables = dict[str, list[dict[str, Any]]]


def corpora(store: Store, *specs: Spec) -> None:
    """The rows of corpora: the two of `EVERY`, and others."""
    names = {spec.key: spec.title for spec in (SHAKESPEARE, SOTU)}
    names |= {spec.key: getattr(spec, "name", "") for spec in specs}
    store.take_in({"corpora": pl.DataFrame({"key": names.keys(), "name": names.values()})})


def fading(spec: Any, lag: int, symbol: str) -> float:
    """Recall that falls with lag, and rises with the size of what remembers."""
    size = getattr(spec.model, "hidden", 100) / 400
    better = 0.02 * (getattr(spec.model, "cell", "") == "lstm") + 0.01 * (spec.budget.depth - 1)
    return 0.9 - 0.05 * lag + 0.1 * size + better - 0.04 * spec.layer


def smaller_is_worse(spec: Any) -> float:
    return 5 - getattr(spec, "hidden", 0) / 300


def fill(
    store: Store,
    specs: Iterable[Signed | MixtureSpec],
    recall: Recall = fading,
    score: Score = smaller_is_worse,
    noise: float = 0.001,
    ahead: Callable[[str], float] = lambda symbol: 0.5,
    monotone: float = 1.0,
    rising: Callable[[Any], float | None] = lambda spec: 0.0,
    last: Callable[[Any], float] = lambda model: 1.0,
    positions: Callable[[str], int] = lambda symbol: 100,
) -> None:
    """Takes the results of these specs in.

    recall: of a signature by lag and symbol; score: perplexity of a model, or of a mixture of
    several; ahead: forward accuracy of a symbol; noise: of every number in the replicates;
    monotone: of a recognizer's attention; rising: of the recalls of a signature; last: the dev
    perplexity of a model after its last epoch, as a share of that after the four before;
    positions: test positions of a symbol.
    """
    chance = random.Random(0)
    tables: Tables = {}

    def add(table: str, *rows: dict[str, Any]) -> None:
        tables.setdefault(table, []).extend(rows)

    def drawn(value: float) -> list[float]:
        return [value + chance.gauss(0, noise) for _ in range(DRAWS)]

    for spec in specs:
        if isinstance(spec, MixtureSpec):
            value = score(spec if len(spec.members) > 1 else spec.members[0])
            add("perplexities", _scored(spec, value) | {"draws": drawn(value)})
        else:
            add("signatures", _signature(spec))
            for lag in range(1, spec.max_lag + 1):
                cells = [recall(spec, lag, symbol) for symbol in SYMBOLS]
                mean = sum(cells) / len(cells)
                for symbol, value in [*zip(SYMBOLS, cells, strict=True), (None, mean)]:
                    n = positions(symbol) if symbol else 100 * len(SYMBOLS)
                    cell = {"signature": spec.key, "lag": lag, "symbol": symbol}
                    facts = {"n": n, "accuracy": value, "majority": MAJORITY, "current": 0.0}
                    facts["rising"] = rising(spec)
                    add("recall", cell | facts | {"low": value - 0.01, "high": value + 0.01})
                    add("draws", cell | {"accuracies": drawn(value)})
        for model in spec.members if isinstance(spec, MixtureSpec) else (spec.model,):
            add("models", known(model) | {"test_perplexity": score(model), "monotone": monotone})
            add("training_curve", *curve(model, last(model)))
            for symbol in SYMBOLS:
                owner = {"model": model.key, "corpus": spec.corpus.key, "symbol": symbol}
                value = ahead(symbol)
                add("predictions", owner | {"n": 100, "accuracy": value, "draws": drawn(value)})
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    once = {name: frames[name].unique(maintain_order=True) for name in ("models", "training_curve")}
    store.take_in(frames | once)


def curve(model: Any, last: float = 1.0) -> list[dict[str, Any]]:
    """Five epochs of training; last: dev perplexity after the fifth, as a share of the others'."""
    return [
        {"model": model.key, "epoch": float(n), "dev_perplexity": 4.0 * (last if n == 5 else 1.0)}
        for n in range(1, 6)
    ]


def known(model: Any) -> dict[str, Any]:
    """The row of a model, but for what is measured of it."""
    whole = model.model if isinstance(model, KernelSpec) else model
    parent = whole if isinstance(model, KernelSpec) else getattr(model, "init_from", None)
    return MADE | {
        "key": model.key,
        "kind": model.kind,
        "cell": getattr(model, "cell", None),
        "layers": model.layers,
        "hidden": getattr(model, "hidden", None),
        "ngram_order": getattr(model, "order", None),
        "corpus": model.corpus.key if hasattr(model, "corpus") else None,
        "parent": parent.key if parent else None,
        "trained": getattr(model, "trained", True),
        "profile": whole.profile,
        "seed": whole.seed,
        "spec": model.model_dump_json(),
    }


def _scored(spec: MixtureSpec, value: float) -> dict[str, Any]:
    return MADE | {
        "key": spec.key,
        "corpus": spec.corpus.key,
        "profile": spec.profile,
        "members": [member.key for member in spec.members],
        "test_perplexity": value,
        "spec": spec.model_dump_json(),
    }


def _signature(spec: Signed) -> dict[str, Any]:
    listening = isinstance(spec, LasSignatureSpec)
    return MADE | {
        "key": spec.key,
        "model": spec.model.key,
        "layer": None if listening else spec.layer,
        "part": spec.layer if listening else None,
        "half": spec.half if listening and spec.encoder_layer else None,
        "alignment": getattr(spec, "alignment", None),
        "state": spec.state,
        "corpus": spec.corpus.key,
        "decoder": spec.decoder,
        "depth": spec.budget.depth,
        "profile": getattr(spec, "effort", spec.profile),
        "seed": spec.seed,
        "untrained": spec.floor.key if spec.floor else None,
        "spec": spec.model_dump_json(),
    }
