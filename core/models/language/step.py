"""The step that trains a recurrent language model and measures it on the test split."""

from __future__ import annotations

import math

from core import machine
from core.corpora import Corpus
from core.models.base import check_alphabet
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.models.rows import count_first, model_row, next_symbols, predictions, training_tables
from core.probes.targets import frequent
from core.step import Inputs, Progress, Result
from core.training.batches import sample
from core.training.checkpoints import Checkpoint


def train_model(
    spec: ModelSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Trains a network, or makes it at its initial weights, and measures it on the test split."""
    device = machine.settle(machine.worth(spec.hidden))
    corpus = Corpus.from_bytes(inputs[spec.corpus.content])
    if spec.init_from:
        check_alphabet(spec.init_from, spec.corpus)
    init = inputs[spec.init_from.key] if spec.init_from else None
    weights, facts = char_lm.train(spec, corpus, progress, checkpoint, device, init)
    model = char_lm.load(spec, weights).to(device)
    progress(1.0, "measuring on the test split")
    test = corpus.test.take(sample(corpus.test, spec.budget.evaluate, spec.seed))
    logs, first = char_lm.score(model, test, device)
    row = model_row(
        spec,
        device,
        corpus=spec.corpus.key,
        profile=spec.profile,
        seed=spec.seed,
        cell=spec.cell,
        layers=spec.layers,
        hidden=spec.hidden,
        trained=spec.trained,
        parameters=sum(p.numel() for p in model.parameters()),
        keep=facts["keep"],
        dev_perplexity=facts["perplexity"],
        test_perplexity=math.exp(-logs.mean()),
    )
    if spec.init_from:
        row["parent"] = spec.init_from.key
    tables = training_tables(row, facts)
    # Of words the most frequent ones, and all others together.
    names = corpus.alphabet.symbols
    of_words = frequent(next_symbols(corpus.train), names) if corpus.alphabet.of_words else None
    counts = count_first(test, first, of_words)
    named = of_words.names if of_words else names
    tables["predictions"] = predictions(spec, spec.corpus, spec.seed, *counts, named)
    return Result(tables, {spec.key: weights})
