"""A small store with one finished signature and its linear preview, made of invented numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

import core
from core.corpora.speech.spec import SpeechSpec
from core.library import ngram_spec
from core.models.language.spec import ModelSpec
from core.models.las.spec import LasSignatureSpec
from core.models.mixture.spec import MixtureSpec
from core.signatures.spec import DetectorSpec, SignatureSpec
from core.spec import CorpusSpec, Spec
from core.store import Store
from core.text import SYMBOLS

TEXT = "\n".join(
    f"the {word} fox, number {number}, quickly jumps over the lazy dog's {word} bed."
    for number in range(40)
    for word in ("brown", "grey", "red", "old", "young", "quiet", "happy", "small")
)
MADE = datetime(2026, 1, 2, 3, 4, 5)
MACHINE = {"device": "cpu", "threads": 2, "machine": "a test machine", "created": MADE}
RATES = {"cer": 0.023, "wer": 0.061, "monotone": 0.991}  # of recognizers
PLACES = (1, 2, 3, 4, 6, 11, 21)  # in a segment, the first of those counted together
FREQUENT = dict(zip(" etaoinshrdlucmfwygpbvk.,'xjq#z", range(31, 0, -1), strict=True))


def prepare(root: Path, **choices: object) -> SignatureSpec:
    """Fill the store at `root` with a signature of these choices on a small text; its spec."""
    store = Store(root)
    corpus = core.add_corpus(TEXT.encode(), "tiny", "line")
    spec = core.signature_spec(corpus, **({"profile": "smoke"} | choices))
    for part, strength in ((spec.floor, 0.6), (spec.preview(), 0.8), (spec, 1.0)):
        store.take_in(tables(part, strength), {})
    return spec


def several(root: Path) -> list[SignatureSpec]:
    """A store with four signatures to compare: a GRU, an LSTM, a 5-gram, a laptop's GRU."""
    gru = prepare(root)
    lstm = core.signature_spec(gru.corpus, cell="lstm", profile="smoke")
    counted = {"model": ngram_spec(gru.corpus, 5, "smoke"), "state": "context", "decoder": "exact"}
    ngram = gru.model_copy(update=counted)
    other = core.signature_spec(gru.corpus, hidden=40, profile="laptop")
    for spec, strength in ((lstm, 1.3), (ngram, 0.9), (other, 1.1)):
        Store(root).take_in(tables(spec, strength), {})
    Store(root).take_in(_bases(gru), {})
    return [gru, lstm, ngram, other]


def _bases(spec: SignatureSpec) -> dict[str, pl.DataFrame]:
    """A little of an atlas and of a pruning curve, as if that signature's model had bases."""
    pairs = [(first, second) for first in "hex" for second in "thx"]
    firsts, seconds = (list(side) for side in zip(*pairs, strict=True))
    names = {"atlas": ["an atlas"] * 9, "first": firsts, "second": seconds}
    recalled = [0.1 * number for number in range(9)]
    return {
        "bases": pl.DataFrame(
            names
            | {
                "model": [spec.model.key] * 9,
                "bigram": [a + b for a, b in pairs],
                "count_1": range(9),
                "count_2": range(9),
            }
        ),
        "basis_recall": pl.DataFrame(
            names
            | {
                "kernel": ["basis"] * 9,
                "lag": [3] * 9,
                "symbol": ["h"] * 9,
                "n": [100] * 9,
                "accuracy": recalled,
            }
        ),
        "prunings": pl.DataFrame(
            {
                "key": ["a pruning"],
                "atlas": ["an atlas"],
                "model": [spec.model.key],
                "rule": ["norm"],
            }
        ),
        "pruning_curve": pl.DataFrame(
            {
                "pruning": ["a pruning"] * 2,
                "corpus": [spec.corpus.content] * 2,
                "kept": [0, 1156],
                "perplexity": [4.0, 3.5],
                "n": [1000, 1000],
            }
        ),
    }


def computed(root: Path, specs: Iterable[Spec]) -> None:
    """Fill the store at `root` with what a study asks for; each signature a bit stronger."""
    rows: dict[str, list[pl.DataFrame]] = {}
    for number, spec in enumerate(specs):
        if isinstance(spec, SignatureSpec | LasSignatureSpec):
            floor = "log-mel" in spec.title or "untrained" in spec.title
            found = tables(spec, 0.1 if floor else 0.6 + 0.1 * number)
        elif isinstance(spec, DetectorSpec):
            found = _detectors(spec, 0.5 if spec.model.trained else 0.4)
        else:
            found = {"perplexities": pl.DataFrame([_score(spec, 7.0 - 0.5 * number)])}
        for name, table in found.items():
            rows.setdefault(name, []).append(table)
    merged = {name: pl.concat(found, how="diagonal_relaxed") for name, found in rows.items()}
    for name in ("models", "training_curve", "predictions"):
        merged[name] = merged[name].unique(maintain_order=True)
    Store(root).take_in(merged, {})


def _detectors(spec: DetectorSpec, rate: float) -> dict[str, pl.DataFrame]:
    """Hits of two words that fall with every word read since, and false alarms."""
    facts = {name: getattr(spec, name) for name in ("key", "layer", "state", "max_lag")}
    facts["profile"] = spec.effort
    row = MACHINE | facts | {"words": 2, "false_alarms": 0.05, "rising": 0.01, "seconds": 1.0}
    row |= {
        "model": spec.model.key,
        "corpus": spec.corpus.key,
        "untrained": spec.floor.key if spec.floor else None,
        "spec": spec.model_dump_json(),
    }
    hits = []
    for word in ("the", "and", None):
        for ago in (*range(spec.max_lag + 1), None):
            share = 0.06 if ago is None else rate - 0.02 * ago
            n = 1000 * (1 if word else 2)
            spread = {"low": share - 0.01, "high": share + 0.01, "guess": 0.1}
            counted = {"n": n, "yes": round(n * share), "rate": share}
            hits.append({"detectors": spec.key, "word": word, "ago": ago} | counted | spread)
    rows = pl.DataFrame(hits, infer_schema_length=None)
    return {"detectors": pl.DataFrame([row]), "hits": rows}


def _score(spec: MixtureSpec, perplexity: float) -> dict[str, object]:
    count = len(spec.members)
    return MACHINE | {
        "key": spec.key,
        "title": spec.title,
        "corpus": spec.corpus.content,
        "members": [member.key for member in spec.members],
        "weights": [1 / count] * count,
        "dev_perplexity": perplexity - 0.1,
        "test_perplexity": perplexity,
        "test_symbols": 10_000,
        "profile": spec.profile,
        "seconds": 0.5,
        "spec": spec.model_dump_json(),
    }


def tables(spec: SignatureSpec, strength: float) -> dict[str, pl.DataFrame]:
    """The rows of one signature and of its model; more strength, more memory."""
    model, chance = spec.model, random.Random(0)
    symbols = [symbol for symbol in SYMBOLS if symbol in FREQUENT]
    recall, marginal, confusion = [], [], []
    for lag in range(getattr(spec, "min_lag", 0), spec.max_lag + 1, getattr(spec, "stride", 1)):
        rows = [_cell(spec.key, lag, symbol, strength, chance) for symbol in symbols]
        total, right = (sum(row[column] for row in rows) for column in ("n", "correct"))
        whole = _row(spec.key, lag, None, total, right / total)
        rows.append(whole | {"majority": 0.18, "current": 0.3 if lag else 1.0, "bits": 2.0})
        marginal.append(rows[-1])
        recall += [row | {"ms": 80.0 * lag} for row in rows] if _heard(spec) else rows
        for row in rows[:-1]:
            wrong = row["n"] - row["correct"]
            guess = "e" if row["symbol"] != "e" else " "
            third = wrong // 3
            pairs = [(row["symbol"], row["correct"]), (guess, wrong - third), ("t", third)]
            merged: dict[str, int] = {}
            for answer, n in pairs:
                merged[answer] = merged.get(answer, 0) + n
            confusion += [
                {"signature": spec.key, "lag": lag, "truth": row["symbol"], "guess": answer, "n": n}
                for answer, n in merged.items()
                if n
            ]
    forward = [
        {"model": model.key, "corpus": _of(spec.corpus)} | _ahead(symbol, chance)
        for symbol in [*symbols, None]
    ]
    curve = [
        {
            "model": model.key,
            "keep": 1.0,
            "epoch": step / 4,
            "symbols": 10_000 * step,
            "train_bits": 2.4 + 2 / step,
            "dev_perplexity": 6.4 + 9 / step**2 if step % 4 == 0 else None,
            "learning_rate": 0.005,
            "seconds": 2.0 * step,
        }
        for step in range(1, 21)  # five epochs, and the last one gains nothing: it has finished
    ]
    always = {
        "models": pl.DataFrame([_model(spec)]),
        "training_curve": pl.DataFrame(curve),
        "predictions": pl.DataFrame(forward, infer_schema_length=None),
        "signatures": pl.DataFrame([_signature(spec)], schema_overrides={"untrained": pl.String}),
    }
    if spec.decoder == "added":
        return always | {"added": pl.DataFrame([_added(spec, lag) for lag in range(3)])}
    return always | {
        "recall": pl.DataFrame(recall, infer_schema_length=None),
        "draws": pl.DataFrame([_drawn(row, chance) for row in recall]),
        "positions": pl.DataFrame([_placed(row, place) for row in marginal for place in PLACES]),
        "confusion": pl.DataFrame(confusion),
    }


def _of(corpus: CorpusSpec | SpeechSpec) -> str:
    """The corpus by which the tables name it."""
    return corpus.key if isinstance(corpus, SpeechSpec) else corpus.content


def _heard(spec: Spec) -> bool:
    return isinstance(spec, LasSignatureSpec)


def _row(key: str, lag: int, symbol: str | None, n: int, accuracy: float) -> dict[str, object]:
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / n)
    return {
        "signature": key,
        "lag": lag,
        "symbol": symbol,
        "n": n,
        "correct": round(accuracy * n),
        "accuracy": accuracy,
        "low": max(0.0, accuracy - half),
        "high": min(1.0, accuracy + half),
        "bits": None,
        "majority": 0.0,
        "current": 0.0,
        "precision": None,
        "rising": 0.0,
    }


def _cell(key: str, lag: int, symbol: str, strength: float, chance: random.Random) -> dict:
    often = FREQUENT[symbol] / 31
    reach = strength * (2.5 + 2.5 * often + chance.uniform(-0.6, 1.0) + (symbol in "qk"))
    base = {" ": 0.8, "e": 0.25}.get(symbol, 0.02)
    remembered = 1 / (1 + math.exp(1.2 * (abs(lag) - reach - 0.7)))
    row = _row(key, lag, symbol, 20 + 40 * FREQUENT[symbol], base + (0.99 - base) * remembered)
    floors = {"majority": float(symbol == " "), "current": 0.5 * (symbol == " " and lag > 0)}
    return row | floors | {"precision": 0.2 + 0.75 * remembered}


def _drawn(row: dict, chance: random.Random) -> dict[str, object]:
    spread = (row["high"] - row["low"]) / 4
    drawn = [row["accuracy"] + chance.gauss(0, spread) for _ in range(40)]
    return {name: row[name] for name in ("signature", "lag", "symbol")} | {"accuracies": drawn}


def _placed(row: dict, place: int) -> dict[str, object]:
    n = row["n"] // len(PLACES)
    counts = {"place": place, "n": n, "correct": round(row["accuracy"] * n)}
    return {name: row[name] for name in ("signature", "lag", "accuracy")} | counts


def _added(spec: SignatureSpec, lag: int) -> dict[str, object]:
    bits = 0.8 / 2**lag
    interval = {"low": bits - 0.01, "high": bits + 0.01, "rising": 0.0}
    floors = {"n": 6_000, "floor": 0.3, "floor_bits": 2.0, "bits": 2.0 - bits}
    return {"signature": spec.key, "lag": lag, "symbol": None, "added": bits} | floors | interval


def _ahead(symbol: str | None, chance: random.Random) -> dict[str, object]:
    known = {"q": 0.04, "y": 0.74, "k": 0.6, "e": 0.66, ".": 0.58, " ": 0.85, None: 0.5}
    accuracy = known.get(symbol, chance.uniform(0.1, 0.6))
    row = _row("", 0, symbol, 20 + 40 * FREQUENT.get(symbol or "e", 1), accuracy)
    return {k: row[k] for k in ("symbol", "n", "correct", "accuracy", "low", "high")}


def _model(spec: SignatureSpec) -> dict[str, object]:
    model, net = spec.model, isinstance(spec.model, ModelSpec)
    whole = getattr(model, "model", model)  # of which a kernel is part
    rates = RATES | {"cell": "lstm", "layers": 3, "hidden": model.units} if _heard(spec) else {}
    return (
        MACHINE
        | {
            "key": model.key,
            "kind": model.kind,
            "title": model.title,
            "cell": getattr(model, "cell", None),
            "layers": model.layers if net else None,
            "hidden": getattr(model, "hidden", None),
            "corpus": _of(getattr(model, "corpus", spec.corpus)),
            "ngram_order": getattr(model, "order", None),
            "parent": model.init_from.key if net and model.init_from else None,
            "trained": getattr(model, "trained", True),
            "profile": whole.profile,
            "seed": whole.seed,
            "parameters": 30_000,
            "keep": 1.0,
            "dev_perplexity": 6.4,
            "test_perplexity": 6.52,
            "train_symbols": 160_000,
            "epochs": 5.0,
            "seconds": 61.0,
            "spec": model.model_dump_json(),
        }
        | rates
    )


def _signature(spec: SignatureSpec) -> dict[str, object]:
    linear = spec.decoder == "linear"
    named = ("min_lag", "half", "alignment")
    layer = {name: getattr(spec, name) for name in named} if _heard(spec) else {}
    layer |= {"part": spec.layer} if layer else {"layer": spec.layer}
    layer |= {"codebook": book.key} if (book := getattr(spec, "codebook", None)) else {}
    return (
        MACHINE
        | layer
        | {
            "key": spec.key,
            "model": spec.model.key,
            "state": spec.state,
            "corpus": _of(spec.corpus),
            "decoder": spec.decoder,
            "width": None if linear else 240,
            "depth": 0 if linear else spec.budget.depth,
            "max_lag": spec.max_lag,
            "keeps": [1.0] * (spec.max_lag + 1),
            "profile": getattr(spec, "effort", spec.profile),
            "target": getattr(spec, "target", "symbol"),
            "seed": spec.seed,
            "parameters": 40_000,
            "untrained": spec.floor.key if spec.floor else None,
            "train_states": 10_000,
            "dev_states": 4_000,
            "test_states": 6_000,
            "seconds": 31.0,
            "spec": spec.model_dump_json(),
        }
    )
