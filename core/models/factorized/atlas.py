"""The atlas of a factorized model's bases, computed by row of its map: by first symbol."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import torch

from core import machine
from core.corpora import Corpus
from core.models.factorized import bases, factorized_lm
from core.models.factorized.factorized_lm import FactorizedLM
from core.models.factorized.rankone import controls
from core.models.factorized.ruler import HALF, WHOLE, LeftOut, Ruler, Text, leave_out
from core.models.factorized.spec import AtlasSpec
from core.models.factorized.step import mix
from core.models.factorized.windows import BASES, Windows
from core.step import Inputs, Progress, Result, where
from core.text import N_SYMBOLS, SYMBOLS
from core.training.batches import samples
from core.training.checkpoints import Checkpoint, pack, unpack

DECODING = 0.8  # share of a row's time that the linear decoders take


def measure_atlas(
    spec: AtlasSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Measures one row of the map, or puts all of its rows together."""
    return _whole(spec, inputs, progress) if spec.first is None else _row(spec, inputs, progress)


def _row(spec: AtlasSpec, inputs: Inputs, progress: Progress) -> Result:
    """One row of the map: signatures of its bases and of their controls, costs of leaving out."""
    device = machine.settle()
    started = time.monotonic()
    model = factorized_lm.load(spec.model, inputs[spec.model.key]).to(device)
    start = SYMBOLS.index(str(spec.first)) * N_SYMBOLS
    numbers = np.arange(start, start + N_SYMBOLS)
    kernels = model.bases.part(slice(start, start + N_SYMBOLS))
    strong = kernels.times(spec.strength)
    plain = model.at(torch.zeros_like(model.means[0]))
    ruler = _ruler(spec, inputs, device)
    counts = []
    for group in (strong, controls(strong, numbers.tolist())):
        for count in ruler.measure(plain, group):
            counts.append(count)
            share, of = len(counts) / 2 / N_SYMBOLS, 2 * N_SYMBOLS
            progress(DECODING * share, f"{len(counts)} of {of} kernels")
    correct, chance = torch.stack(counts).cpu().unflatten(0, (2, N_SYMBOLS)).numpy()
    n = ruler.n.cpu().numpy()
    drops = _drops(spec, model, mix(spec.model, inputs), numbers, device, progress)
    pairs = bigram_rows(spec, numbers)
    table = pairs.with_columns(
        pl.lit(spec.model.key).alias("model"),
        bigram=pl.col("first") + pl.col("second"),
        number=numbers,
        norm=kernels.norms.cpu().numpy(),
        **_recalls(correct, chance[:, WHOLE], n, numbers),
        **_by_corpus(model, numbers, drops),
    )
    cells = [_cells(correct, n, pairs, "basis"), _cells(chance, n, pairs, "control")]
    tables = {
        "atlases": pl.DataFrame([_entry(spec, ruler, N_SYMBOLS, started, device)]),
        "bases": table,
        "basis_recall": pl.concat(cells),
    }
    measured = {
        "correct": correct,
        "control": chance,
        "drops": np.stack([drop.rises for drop in drops], 1),
    }
    tensors = {name: torch.from_numpy(values) for name, values in measured.items()}
    return Result(tables, {spec.key: pack(tensors, {})})


def _recalls(
    correct: np.ndarray, chance: np.ndarray, n: np.ndarray, numbers: np.ndarray
) -> dict[str, pl.Series]:
    """The columns of `bases` about recall.

    correct: [bases, 3, lags, symbols], by length of training; chance: [bases, lags, symbols], of
    the controls.
    """
    recalls = bases.total_recall(correct, n)
    recall, half = recalls[:, WHOLE], recalls[:, HALF]
    control = bases.total_recall(chance, n)
    own = bases.own_recall(bases.symbol_recall(correct[:, WHOLE], n))
    own = own[np.arange(len(numbers)), numbers]
    return {
        "recall": pl.Series(recall),
        "rising": pl.Series(recall - half),
        "control": pl.Series(control),
        "above_control": pl.Series(recall - control),
        "own": pl.Series(own).fill_nan(None),
    }


def _drops(
    spec: AtlasSpec,
    model: FactorizedLM,
    corpora: tuple[Corpus, Corpus],
    numbers: np.ndarray,
    device: str,
    progress: Progress,
) -> list[LeftOut]:
    """What leaving each of these bases out costs on dev, by corpus of the mix."""
    drops: list[LeftOut] = []
    for corpus in corpora:
        progress(DECODING + 0.1 * len(drops), f"leaving bases out on {corpus.name}")
        windows = Windows(spec.model, corpus, "dev")
        rows = windows.sample_rows(spec.budget.left_out, spec.seed)
        drops.append(leave_out(model, windows, rows, numbers, device))
    return drops


def _by_corpus(
    model: FactorizedLM, numbers: np.ndarray, drops: list[LeftOut]
) -> dict[str, np.ndarray]:
    """The columns of `bases` that there are for each corpus of the mix: name_1, name_2."""
    return {
        f"{name}_{place + 1}": values
        for place, drop in enumerate(drops)
        for name, values in {
            "count": model.counts[place, numbers].cpu().numpy(),
            "lambda": model.means[place, numbers].cpu().numpy().astype(float),
            "drop": drop.rises,
            "drop_n": np.full(N_SYMBOLS, drop.n),
        }.items()
    }


def _whole(spec: AtlasSpec, inputs: Inputs, progress: Progress) -> Result:
    """What needs all rows: order, clusters and claims, and the full kernel and W₀ to compare."""
    device = machine.settle()
    started = time.monotonic()
    model = factorized_lm.load(spec.model, inputs[spec.model.key]).to(device)
    parts = [unpack(inputs[row.key])[0] for row in spec.rows]
    merged = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    correct, chance = merged["correct"].numpy(), merged["control"].numpy()
    ruler = _ruler(spec, inputs, device)
    n = ruler.n.cpu().numpy()
    uses = model.means.mean(0)
    references: dict[str, np.ndarray] = {}
    for kernel, factors in {"base": 0 * uses, "full": uses}.items():
        progress(0.2 * len(references), f"measuring the {kernel} kernel")
        references[kernel] = ruler.network(model.at(factors)).cpu().numpy()
    progress(0.5, "ordering the bases")
    order = _order(spec, correct[:, WHOLE], n)
    progress(0.7, "testing the claims")
    signatures = (correct, chance, references["base"], references["full"])
    claims = _claims(spec, signatures, n, uses.cpu().numpy())
    no_bigram = pl.DataFrame(
        {"atlas": [spec.key], "first": [None], "second": [None]},
        schema_overrides={"first": pl.String, "second": pl.String},
    )
    cells = [_cells(correct[None], n, no_bigram, kernel) for kernel, correct in references.items()]
    tables = {
        "atlases": pl.DataFrame(
            [_entry(spec, ruler, BASES, started, device) | _rises(correct, n)],
            schema_overrides={"first": pl.String},
        ),
        "basis_recall": pl.concat(cells),
        "basis_order": order,
        "basis_claims": claims,
    }
    merged["n"] = ruler.n.cpu()
    return Result(tables, {spec.key: pack(merged, {})})


def _claims(
    spec: AtlasSpec, signatures: tuple[np.ndarray, ...], n: np.ndarray, uses: np.ndarray
) -> pl.DataFrame:
    """Rows of `basis_claims`.

    signatures: of bases and controls, [kernels, 3, lags, symbols], of W₀ and the full kernel,
    [3, lags, symbols], by length of training; the rest as of `bases.claims`.
    """

    def measured(length: int) -> list[bases.Claim]:
        correct, chance, base, full = (part[..., length, :, :] for part in signatures)
        return bases.claims(correct, chance, base, full, n, uses, spec.seed)

    rows = [
        {"atlas": spec.key, **asdict(claim), "before": half.effect}
        for claim, half in zip(measured(WHOLE), measured(HALF), strict=True)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _rises(correct: np.ndarray, n: np.ndarray) -> dict[str, float]:
    """What doublings of the training added to total recall, mean over bases.

    correct: [bases, 3, lags, symbols], by length of training.
    """
    quarter, half, whole = bases.total_recall(correct, n).mean(0)
    return {"rising": whole - half, "rising_before": half - quarter}


def _order(spec: AtlasSpec, correct: np.ndarray, n: np.ndarray) -> pl.DataFrame:
    """Rows of `basis_order`: each basis's place and cluster, and its recall of its own bigram."""
    place, cluster = bases.order(bases.distances(correct, n))
    own = bases.own_recall(bases.symbol_recall(correct, n))
    ranks = np.diag(bases.percentiles(own))
    others = (np.nansum(own, 0) - np.nan_to_num(np.diag(own))) / (BASES - 1)
    return bigram_rows(spec, np.arange(BASES)).with_columns(
        place=place,
        cluster=cluster,
        own_others=pl.Series(np.where(np.isnan(ranks), np.nan, others)).fill_nan(None),
        own_rank=pl.Series(ranks).fill_nan(None),
    )


def _ruler(spec: AtlasSpec, inputs: Inputs, device: str) -> Ruler:
    """The same text that a SignatureSpec of this corpus, seed and budget is measured on."""
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    texts = samples(corpus, spec.budget, spec.seed)
    train, dev, test = (Text(text, spec.max_lag, device) for text in texts)
    return Ruler(train, dev, test, spec.budget.steps)


def _entry(
    spec: AtlasSpec, ruler: Ruler, count: int, started: float, device: str
) -> dict[str, Any]:
    """The row of `atlases`."""
    one, other = spec.model.corpora
    return {
        "key": spec.key,
        "model": spec.model.key,
        "corpus": spec.corpus.content,
        "first": spec.first,
        "corpus_1": one.content,
        "corpus_2": other.content,
        "bases": count,
        "strength": spec.strength,
        "max_lag": spec.max_lag,
        "profile": spec.profile,
        "seed": spec.seed,
        "train_states": ruler.train.n,
        "dev_states": ruler.dev.n,
        "test_states": ruler.test.n,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        **where(device),
    }


def bigram_rows(spec: AtlasSpec, numbers: np.ndarray) -> pl.DataFrame:
    """The bigrams of these numbers: atlas, first, second."""
    return pl.DataFrame(
        {
            "atlas": [spec.whole.key] * len(numbers),
            "first": [SYMBOLS[number // N_SYMBOLS] for number in numbers],
            "second": [SYMBOLS[number % N_SYMBOLS] for number in numbers],
        }
    )


def _cells(counts: np.ndarray, n: np.ndarray, owners: pl.DataFrame, kernel: str) -> pl.DataFrame:
    """Rows of `basis_recall`; controls have only the marginal, and only that has its rise.

    counts: of kernels, [k, 3, lags, symbols], by length of training.
    """
    half, correct = counts[:, HALF], counts[:, WHOLE]
    parts: list[tuple[str | None, np.ndarray, np.ndarray]] = [(None, correct.sum(2), n.sum(1))]
    if kernel != "control":
        parts += [(symbol, correct[:, :, i], n[:, i]) for i, symbol in enumerate(SYMBOLS)]
    lags, frames = correct.shape[1], []
    for symbol, right, total in parts:
        rising = (right - half.sum(2)) / np.maximum(total, 1) if symbol is None else None
        count, hits = np.tile(total, len(owners)), right.reshape(-1)
        frame = owners.select(pl.all().repeat_by(lags).explode()).with_columns(
            pl.lit(kernel).alias("kernel"),
            pl.lit(symbol, pl.String).alias("symbol"),
            lag=np.tile(np.arange(lags), len(owners)),
            n=count,
            correct=hits,
            accuracy=(hits / np.maximum(count, 1)).astype(np.float32),
            rising=pl.lit(None) if rising is None else rising.reshape(-1).astype(np.float32),
        )
        frames.append(frame.filter(pl.col("n") > 0))
    return pl.concat(frames)
