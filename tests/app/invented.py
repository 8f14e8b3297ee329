"""Rows of a factorized model, its atlas and its prunings, made of invented numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.models.factorized.builders import atlas_spec, factorized_spec, pruning_spec
from core.models.factorized.spec import RULES, AtlasSpec, FactorizedSpec, PrunedSpec, PruningSpec
from core.spec import CorpusSpec
from core.store import Store
from core.text import SYMBOLS
from tests.app.prepared import FREQUENT, MACHINE

SEEN = [symbol for symbol in SYMBOLS if symbol in FREQUENT]
WIDTH = len(SYMBOLS)
OFTEN = np.array([FREQUENT.get(symbol, 0.0) for symbol in SYMBOLS]) / 31


def model_of(corpora: tuple[CorpusSpec, CorpusSpec], profile: str = "smoke") -> FactorizedSpec:
    return factorized_spec(corpora, profile=profile)


def model_row(model: FactorizedSpec | PrunedSpec) -> dict[str, object]:
    """A row of `models`."""
    whole = model.model if isinstance(model, PrunedSpec) else model
    return MACHINE | {
        "key": model.key,
        "kind": model.kind,
        "title": model.title,
        "cell": model.cell,
        "layers": 1,
        "hidden": model.hidden,
        "trained": True,
        "profile": whole.profile,
        "seed": whole.seed,
        "parameters": 800_000,
        "dev_perplexity": 5.5,
        "test_perplexity": 5.6,
        "seconds": 400.0,
        "spec": model.model_dump_json(),
    }


def atlas_row(atlas: AtlasSpec) -> dict[str, object]:
    """A row of `atlases`, of the whole or of a row of the map."""
    first, second = atlas.model.corpora
    return MACHINE | {
        "key": atlas.key,
        "model": atlas.model.key,
        "corpus": atlas.corpus.content,
        "first": atlas.first,
        "corpus_1": first.content,
        "corpus_2": second.content,
        "bases": WIDTH if atlas.first else WIDTH**2,
        "strength": 1.0,
        "max_lag": atlas.max_lag,
        "profile": atlas.profile,
        "seed": 0,
        "train_states": 20_000,
        "dev_states": 5_000,
        "test_states": 20_000,
        "seconds": 8.0,
        "spec": atlas.model_dump_json(),
    }


class Invented:
    """The numbers of one atlas; frequent bigrams remember more, most of all their own symbols."""

    def __init__(self, atlas: AtlasSpec) -> None:
        self.atlas, chance = atlas, np.random.default_rng(0)
        self.lags = np.arange(atlas.max_lag + 1)
        often = np.sqrt(np.outer(OFTEN, OFTEN)).ravel()
        self.counts = np.floor(20_000 * often**2 * chance.lognormal(0, 1.5, (2, WIDTH**2)))
        self.lambdas = self.counts / np.linalg.norm(self.counts, axis=1, keepdims=True)
        self.norm = 0.4 + np.log1p(self.counts.sum(0)) / 6 + chance.uniform(0, 0.3, WIDTH**2)
        own = np.zeros((WIDTH**2, WIDTH))
        numbers = np.arange(WIDTH**2)
        own[numbers, numbers // WIDTH] = own[numbers, numbers % WIDTH] = 1
        likes = own + (chance.random((WIDTH**2, WIDTH)) < 0.06)
        reach = 0.3 + self.norm[:, None] * (0.4 + 0.9 * likes) * chance.uniform(0.5, 1.5, own.shape)
        lags = self.lags[None, None]
        self.recall = (
            0.02
            + 0.2 * OFTEN[None, :, None] ** 2
            + 0.8 / (1 + np.exp(2.2 * (lags - reach[..., None])))
        )
        self.n = np.maximum(20_000 * OFTEN / OFTEN.sum(), 0).astype(int)
        self.share = self.n / self.n.sum()
        self.marginal = (self.recall * self.share[None, :, None]).sum(1)
        self.control = 0.85 * self.marginal.mean(0) * chance.uniform(0.9, 1.1, (WIDTH**2, 1))
        self.total, self.random = self.marginal[:, 1:].mean(1), self.control[:, 1:].mean(1)
        both = np.stack([numbers // WIDTH, numbers % WIDTH], 1)
        self.own = self.recall[numbers[:, None], both, 1:].mean((1, 2))
        drop = 0.004 * self.norm * chance.standard_normal((2, WIDTH**2)) + 0.02 * self.lambdas
        self.drop = np.where(self.counts > 0, drop, 0.0)

    def bases(self, numbers: Sequence[int]) -> pl.DataFrame:
        at = np.asarray(numbers)
        first, second = _symbols(numbers)
        return pl.DataFrame(
            {
                "atlas": self.atlas.whole.key,
                "model": self.atlas.model.key,
                "first": first,
                "second": second,
                "bigram": [a + b for a, b in zip(first, second, strict=True)],
                "number": at,
                "norm": self.norm[at],
                **{f"count_{c + 1}": self.counts[c, at].astype(int) for c in range(2)},
                **{f"lambda_{c + 1}": self.lambdas[c, at] for c in range(2)},
                "recall": self.total[at],
                "control": self.random[at],
                "above_control": self.total[at] - self.random[at],
                "own": self.own[at],
                **{f"drop_{c + 1}": self.drop[c, at] for c in range(2)},
                **{f"drop_n_{c + 1}": 10_000 for c in range(2)},
            }
        )

    def recalls(self, numbers: Sequence[int]) -> pl.DataFrame:
        """The `basis_recall` rows of some bases and of their controls."""
        at = np.asarray(numbers)
        names = _symbols(numbers)
        return pl.concat(
            [
                self._rows("basis", names, SEEN, self.recall[at][:, self.n > 0]),
                self._rows("basis", names, [None], self.marginal[at][:, None]),
                self._rows("control", names, [None], self.control[at][:, None]),
            ]
        )

    def whole(self) -> dict[str, pl.DataFrame]:
        """What comes at the end: the order, the claims, W₀ and the full kernel."""
        lags = self.lags[None]
        strong = 0.02 + 0.97 / (1 + np.exp(1.1 * (lags - 3.2 - 3 * OFTEN[:, None])))
        parts = []
        for kernel, cells in (("base", 0.97 * strong), ("full", strong)):
            marginal = (cells * self.share[:, None]).sum(0)
            parts += [
                self._rows(kernel, ([None], [None]), SEEN, cells[None, self.n > 0]),
                self._rows(kernel, ([None], [None]), [None], marginal[None, None]),
            ]
        place = np.empty(WIDTH**2, int)
        place[np.lexsort((self.total, self.own))] = np.arange(WIDTH**2)
        first, second = _symbols(range(WIDTH**2))
        rank = np.clip(0.62 + 0.25 * np.random.default_rng(1).standard_normal(WIDTH**2), 0, 1)
        key = {"atlas": self.atlas.key}
        order = key | {
            "first": first,
            "second": second,
            "place": place,
            "cluster": 1 + place * 8 // WIDTH**2,
            "own_others": self.own * 0.8,
            "own_rank": rank,
        }
        claims = [
            key | dict(zip(CLAIM, row, strict=True))
            for row in (
                (
                    "base_holds",
                    "share of the full model's recall that W₀ alone holds",
                    0.93,
                    1.0,
                    None,
                    None,
                    1,
                ),
                (
                    "distance",
                    "mean distance of the signatures of two bases, against that of two controls",
                    0.081,
                    0.034,
                    1.4,
                    1e-12,
                    667_590,
                ),
                (
                    "own_symbols",
                    "share of other bases that recall a bigram's own symbols worse than its basis",
                    0.62,
                    0.5,
                    0.24,
                    3e-21,
                    961,
                ),
            )
        ]
        return {
            "atlases": pl.DataFrame([atlas_row(self.atlas)]),
            "basis_recall": pl.concat(parts),
            "basis_order": pl.DataFrame(order),
            "basis_claims": pl.DataFrame(claims, infer_schema_length=None),
        }

    def _rows(
        self,
        kernel: str,
        names: tuple[list, list],
        symbols: Sequence[str | None],
        recall: np.ndarray,
    ) -> pl.DataFrame:
        """Rows of kernels by symbols by lags. recall: [kernels, symbols, lags]."""
        kernels, _, lags = recall.shape
        n = [self.n[SYMBOLS.index(s)] if s else self.n.sum() for s in symbols]
        frame = pl.DataFrame(
            {
                "atlas": self.atlas.key,
                "kernel": kernel,
                **{
                    column: [name for name in found for _ in range(len(symbols) * lags)]
                    for column, found in zip(("first", "second"), names, strict=True)
                },
                "lag": np.tile(self.lags, kernels * len(symbols)),
                "symbol": [s for s in symbols for _ in range(lags)] * kernels,
                "n": np.tile(np.repeat(n, lags), kernels),
                "accuracy": recall.ravel(),
            },
            schema_overrides={
                "first": pl.String,
                "second": pl.String,
                "symbol": pl.String,
                "n": pl.Int64,
            },
        )
        right = (pl.col("n") * pl.col("accuracy")).round().cast(pl.Int64)
        return frame.with_columns(correct=right).with_columns(pl.col("accuracy").cast(pl.Float32))


CLAIM = ("claim", "meaning", "value", "reference", "effect", "p", "n")


def fill(root: Path, atlas: AtlasSpec, rows: int = WIDTH) -> None:
    """Fill the store at `root` with a model and the first rows of its map; all 34: the whole."""
    invented = Invented(atlas)
    numbers = range(rows * WIDTH)
    tables = {
        "models": pl.DataFrame([model_row(atlas.model)]),
        "atlases": pl.DataFrame([atlas_row(row) for row in atlas.rows[:rows]]),
        "bases": invented.bases(numbers),
        "basis_recall": invented.recalls(numbers),
    }
    if rows == WIDTH:
        for name, found in invented.whole().items():
            tables[name] = (
                pl.concat([tables[name], found], how="diagonal_relaxed")
                if name in tables
                else found
            )
    Store(root).take_in(tables, {})


def prunings(atlas: AtlasSpec, target: CorpusSpec) -> list[PruningSpec]:
    """One of each rule, and three seeds of the baseline."""
    rules = [pruning_spec(atlas, target, rule) for rule in RULES if rule != "random"]
    return [*rules, *(pruning_spec(atlas, target, "random", seed) for seed in range(3))]


def prune(root: Path, specs: Sequence[PruningSpec]) -> None:
    """Fill the store with prunings: a rule costs less than chance."""
    rows, curves, orders = [], [], []
    for number, spec in enumerate(specs):
        rows.append(
            MACHINE
            | {
                "key": spec.key,
                "atlas": spec.atlas.key,
                "model": spec.atlas.model.key,
                "target": spec.target.content,
                "rule": spec.rule,
                "profile": spec.profile,
                "seed": spec.seed,
                "seconds": 12.0,
                "spec": spec.model_dump_json(),
            }
        )
        chance = np.random.default_rng(number)
        order = chance.permutation(WIDTH**2)
        first, second = _symbols(order.tolist())
        orders.append(
            pl.DataFrame(
                {
                    "pruning": spec.key,
                    "first": first,
                    "second": second,
                    "place": np.arange(1, WIDTH**2 + 1),
                    "score": np.linspace(1, 0, WIDTH**2),
                }
            )
        )
        steep = 1.0 if spec.rule == "random" else 2.0 + 0.5 * number
        for corpus in spec.atlas.model.corpora:
            worse = 1.0 if corpus == spec.target else 1.2
            curves += [
                {
                    "pruning": spec.key,
                    "corpus": corpus.content,
                    "kept": kept,
                    "perplexity": 5.6
                    + worse * (1 - kept / WIDTH**2) ** steep
                    + (0.02 * math.sin(9 * kept + spec.seed) if 0 < kept < WIDTH**2 else 0),
                    "n": 40_000,
                }
                for kept in spec.atlas.budget.curve
            ]
    tables = {"prunings": pl.DataFrame(rows), "pruning_curve": pl.DataFrame(curves)}
    Store(root).take_in(tables | {"pruning_order": pl.concat(orders)}, {})


def _symbols(numbers: Sequence[int]) -> tuple[list[str], list[str]]:
    return [SYMBOLS[n // WIDTH] for n in numbers], [SYMBOLS[n % WIDTH] for n in numbers]


def atlas_of(corpora: tuple[CorpusSpec, CorpusSpec], profile: str = "smoke") -> AtlasSpec:
    return atlas_spec(model_of(corpora, profile))
