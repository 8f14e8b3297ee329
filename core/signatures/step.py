"""Signatures: decoders trained on the states of a frozen model and measured on its test split."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import singledispatch

import polars as pl

from core import machine
from core.corpora import Corpus, Segments
from core.models.language import char_lm
from core.models.language.char_lm import CharLM
from core.models.language.spec import ModelSpec, NgramSpec
from core.models.language.states import ModelStates
from core.models.las.spec import LasSignatureSpec
from core.models.ngram import kneser_ney
from core.models.ngram.exact import ExactDecoders
from core.models.ngram.states import NgramStates
from core.probes import mlp
from core.probes.measure import evaluate
from core.probes.mlp import Decoders, width_for
from core.probes.ridge import LinearDecoders, train_linear
from core.probes.states import Chunked
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.step import Inputs, Progress, Result, run, where
from core.text import SYMBOLS
from core.training.batches import samples
from core.training.checkpoints import Checkpoint

AnyDecoders = Decoders | LinearDecoders | ExactDecoders


@dataclass(frozen=True)
class Sources:
    """The states of each split, and the parameters that a decoder must at least have (or none)."""

    train: Chunked
    dev: Chunked
    test: Chunked
    parameters: int = 0


@run.register
def _(
    spec: SignatureSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    device = machine.settle()
    started = time.monotonic()
    states = sources(spec.model, spec, inputs, device)
    train, depth = states.train, spec.budget.depth
    rule = width_for(train.dim, train.n_symbols, states.parameters, depth)
    return Result(measured(spec, spec.layer, states, rule, device, progress, started)[1])


def measured(
    spec: SignatureSpec | LasSignatureSpec,
    layer: int | None,
    states: Sources,
    width: int,
    device: str,
    progress: Progress,
    started: float,
) -> tuple[AnyDecoders, dict[str, pl.DataFrame]]:
    """Trains the decoders of a signature and measures them: the decoders, and the rows.

    layer: its number in the model, where it has one. width: the base width of a decoder. started:
    when the work began, by the monotonic clock.
    """
    budget, train, dev, test = spec.budget, states.train, states.dev, states.test
    bank: AnyDecoders
    if spec.decoder == "linear":
        bank = train_linear(train, dev, device, progress)
    elif spec.decoder == "exact":
        bank = ExactDecoders.fit(train)
    else:
        bank = mlp.train(train, dev, width, budget, spec.seed, device, progress)
    progress(1.0, "measuring on the test split")
    found = evaluate(bank, train, test, spec.seed)
    row = {
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
        "train_states": train.size,
        "dev_states": dev.size,
        "test_states": test.size,
        "seconds": time.monotonic() - started,
        "spec": spec.model_dump_json(),
        **where(device),
    }
    missing = {"untrained": pl.String, "layer": pl.Int32, "state": pl.String}
    return bank, {
        "signatures": pl.DataFrame([row], schema_overrides=missing),
        "recall": _named(spec, found.recall, "symbol"),
        "draws": _named(spec, found.draws, "symbol"),
        "confusion": _named(spec, found.confusion, "truth", "guess"),
    }


@singledispatch
def sources(model: Spec, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    """The states that the decoders of a signature read, for one kind of model."""
    raise TypeError(f"a {type(model).__name__} has no states")


@sources.register
def _(model: ModelSpec, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    return network_sources(char_lm.load(model, inputs[model.key]), spec, inputs, device)


def network_sources(network: CharLM, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    """The states of a frozen network's layer."""
    network.to(device)
    train, dev, test = (
        ModelStates(network, split, spec.layer, spec.state, spec.max_lag, device)
        for split in _text(spec, inputs)
    )
    return Sources(train, dev, test, network.kernel_parameters())


@sources.register
def _(model: NgramSpec, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    gram, hot = kneser_ney.Ngram(inputs[model.key]), spec.decoder != "exact"
    train, dev, test = (
        NgramStates(gram, split, spec.max_lag, hot) for split in _text(spec, inputs)
    )
    # An n-gram has no kernel; the rule then asks for one layer as wide as its one-hot state.
    return Sources(train, dev, test, train.dim * train.dim)


def _text(spec: SignatureSpec, inputs: Inputs) -> list[Segments]:
    """The text of train, dev and test that the signature is measured on."""
    return samples(Corpus.from_bytes(inputs[spec.corpus.content]), spec.budget, spec.seed)


def _named(spec: Spec, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows of one signature with symbols instead of their indices."""
    symbols = dict(enumerate(SYMBOLS))
    return rows.with_columns(
        pl.lit(spec.key).alias("signature"),
        *(pl.col(c).replace_strict(symbols, return_dtype=pl.String) for c in columns),
    )
