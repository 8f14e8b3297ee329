"""Signatures: decoders trained on the states of a frozen model and measured on its test split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from core import machine
from core.corpora import Corpus, Segments
from core.errors import BadInput
from core.models.base import StateSelection
from core.models.las.spec import LasSignatureSpec
from core.models.ngram.exact import ExactDecoders
from core.probes import linear, rounds
from core.probes.added import Floors
from core.probes.added import evaluate as evaluate_added
from core.probes.given import RecentFloor
from core.probes.measure import evaluate
from core.probes.mlp import Decoders, width_for
from core.probes.rounds import Training
from core.probes.states import Relabelled, StatesBySplit
from core.probes.targets import Target, frequent, kinds_of, target_of
from core.registry import load_model
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.step import Inputs, Progress, Result, where
from core.text import PAPER, SYMBOLS
from core.training.batches import sample, samples
from core.training.checkpoints import Checkpoint

AnyDecoders = Decoders | ExactDecoders


def measure_signature(
    spec: SignatureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains and measures the decoders of one layer of a language model."""
    device = machine.settle(machine.worth(spec.dim))
    started = time.monotonic()
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    texts = samples(corpus, spec.budget, spec.seed)
    if spec.decoder == "exact":
        texts[0] = corpus.train  # counting is cheap: the best guess from all of the text
    selection = StateSelection(spec.layer, spec.state, spec.max_lag, exact=spec.decoder == "exact")
    model = load_model(spec.model, inputs[spec.model.key], device)
    states = model.states(corpus, texts, selection)
    # By the symbols whatever the target: more labels do not make the hidden layer narrower.
    symbols = corpus.alphabet.size
    rule = width_for(states.train.dim, symbols, states.parameters, spec.budget.depth)
    target = target_in(corpus, spec.target)
    if spec.target != "symbol" or spec.corpus.words:
        states = _relabelled(states, texts, target)
    floors = _floors(spec, corpus, states) if spec.decoder == "added" else None
    earlier = Decoders.from_bytes(inputs[spec.shorter.key]) if spec.longer else None
    bank, tables = measured(
        spec, spec.layer, states, rule, device, progress, started, floors, earlier, target.names
    )
    if isinstance(bank, Decoders) and spec.decoder == "mlp":
        return Result(tables, {spec.key: bank.to_bytes()})
    return Result(tables)


def target_in(corpus: Corpus, name: str) -> Target:
    """What is recalled of a corpus, by the name of a target.

    Letters of other scripts have classes of their own. Of a corpus of words it is the most
    frequent ones: decoders with a class for each word would have more weights than the network.
    """
    text, symbols = corpus.train, corpus.alphabet.symbols
    if corpus.alphabet.of_words:
        return frequent(text.symbols, symbols)
    if corpus.alphabet == PAPER:
        return target_of(name, text.symbols, text.positions, symbols)
    kinds = kinds_of(symbols)
    letters = {"'", *(c for c, kind in kinds.items() if kind in ("letter", "mark"))}
    return target_of(name, text.symbols, text.positions, symbols, kinds, letters)


def _relabelled(states: StatesBySplit, texts: list[Segments], target: Target) -> StatesBySplit:
    """The states of the texts of train, dev and test with the labels of a target."""
    splits = {}
    for split, text in zip(("train", "dev", "test"), texts, strict=True):
        size = int((target.labels(text.symbols, text.positions) >= 0).sum())
        if not size:
            raise BadInput(
                "The text has nothing of what should be recalled: its segments are short."
            )
        splits[split] = Relabelled(getattr(states, split), target, size)
    return StatesBySplit(**splits, parameters=states.parameters)


def _floors(spec: SignatureSpec, corpus: Corpus, states: StatesBySplit) -> Floors:
    """The recent floors that the decoders start from.

    They are estimated from the training text that no decoder reads, if there is as much of it.
    """
    text = corpus.train
    read = sample(text, spec.budget.states, spec.seed)
    rest = text.take(np.setdiff1d(np.arange(len(text)), read))
    if rest.total < states.train.size:
        return Floors.crossed(states.train, spec.seed)
    starts, lags, size = rest.offsets[:-1], spec.max_lag + 1, text.alphabet.size
    return Floors.of_other_text(RecentFloor.from_text(rest.symbols, starts, size, 0, lags))


def measured(
    spec: SignatureSpec | LasSignatureSpec,
    layer: int | None,
    states: StatesBySplit,
    width: int,
    device: str,
    progress: Progress,
    started: float,
    floors: Floors | None = None,
    earlier: Decoders | None = None,
    names: Sequence[str] = SYMBOLS,
) -> tuple[AnyDecoders, dict[str, pl.DataFrame]]:
    """Trains the decoders of a signature and measures them: the decoders, and the rows.

    layer: its number in the model, where it has one. width: the base width of a decoder. started:
    when the work began, by the monotonic clock. floors: what decoders that measure added bits start
    from (None: cross-fitted on the text of the states). earlier: decoders that go on for a round.
    names: of what is recalled, by number.
    """
    if spec.decoder == "added" and not floors:
        floors = Floors.crossed(states.train, spec.seed)
    bank, training = _trained(spec, states, width, device, progress, floors, earlier)
    progress(1.0, "measuring on the test split")
    before = training.before if training else None
    if floors:
        added = evaluate_added(bank, floors, states.test, spec.seed, before)
        tables = {"added": _named(spec, added, names, "symbol")}
    else:
        found = evaluate(bank, states.train, states.test, spec.seed, before)
        tables = {
            "recall": _named(spec, found.recall, names, "symbol"),
            "positions": _of(spec, found.positions),
            "draws": _named(spec, found.draws, names, "symbol"),
            "confusion": _named(spec, found.confusion, names, "truth", "guess"),
        }
    if training:
        # Up to here lags were columns of targets.
        lag = pl.col("lag") + states.train.first
        tables["decoder_rounds"] = _of(spec, training.rounds.with_columns(lag))
    row = _row(spec, layer, states, bank) | {"seconds": time.monotonic() - started, **where(device)}
    missing = {"untrained": pl.String, "layer": pl.Int32, "state": pl.String}
    return bank, {"signatures": pl.DataFrame([row], schema_overrides=missing), **tables}


def _row(
    spec: SignatureSpec | LasSignatureSpec,
    layer: int | None,
    states: StatesBySplit,
    bank: AnyDecoders,
) -> dict[str, Any]:
    """The row of `signatures`, without where and how long it was computed."""
    return {
        "key": spec.key,
        "model": spec.model.key,
        "layer": layer,
        "state": spec.state,
        "corpus": spec.corpus.key,
        "decoder": spec.decoder,
        "width": bank.width,
        "depth": bank.depth,
        "max_lag": spec.max_lag,
        "keeps": list(bank.keeps),
        "profile": spec.profile,
        "seed": spec.seed,
        "parameters": bank.parameters,
        "untrained": spec.floor.key if spec.floor else None,
        "train_states": states.train.size,
        "dev_states": states.dev.size,
        "test_states": states.test.size,
        "target": spec.target,
        "spec": spec.model_dump_json(),
    } | ({"profile": spec.effort} if isinstance(spec, SignatureSpec) else {})


def _trained(
    spec: SignatureSpec | LasSignatureSpec,
    states: StatesBySplit,
    width: int,
    device: str,
    progress: Progress,
    floors: Floors | None,
    earlier: Decoders | None,
) -> tuple[AnyDecoders, Training | None]:
    """The decoders of a signature, and how their training went, if they needed any."""
    train, dev, budget = states.train, states.dev, spec.budget
    if spec.decoder == "exact":
        return ExactDecoders.fit(train), None
    if spec.decoder == "linear":
        training = linear.train(train, dev, budget, spec.seed, device, progress)
    elif earlier and isinstance(spec, SignatureSpec):
        number = budget.rounds + spec.longer - 1
        training = rounds.go_on(earlier, number, train, dev, budget, spec.seed, device, progress)
    else:
        training = rounds.train(train, dev, width, budget, spec.seed, device, progress, floors)
    return training.decoders, training


def _of(spec: Spec, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the signature that they belong to."""
    return rows.with_columns(pl.lit(spec.key).alias("signature"))


def _named(spec: Spec, rows: pl.DataFrame, names: Sequence[str], *columns: str) -> pl.DataFrame:
    """The rows of one signature with symbols, or other labels, instead of their indices."""
    symbols = dict(enumerate(names))
    return _of(spec, rows).with_columns(
        *(pl.col(c).replace_strict(symbols, return_dtype=pl.String) for c in columns)
    )
