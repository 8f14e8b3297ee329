"""How far decoders are from what much longer training would recall.

Trained and untrained networks on Shakespeare, their states decoded by the first release's trainer,
by today's, and by today's with four times the work, which is the reference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from core import machine, profiles
from core.corpora import Corpus, build
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.models.language.states import ModelStates
from core.probes import mlp, rounds
from core.probes.mlp import Decoders, decoder_parameters, width_for
from core.text import N_SYMBOLS
from core.training.batches import samples

NETWORKS = (("gru", 80), ("lstm", 80), ("gru", 160), ("lstm", 160))
LAGS = 10
LAPTOP = profiles.find("laptop")
FIRST_RELEASE = LAPTOP.decoders.model_copy(update={"keeps": (1.0,)})
TODAY = FIRST_RELEASE.model_copy(
    update={"states": 600_000, "rounds": 3, "steps": 600, "learning_rate": 2e-2}
)
LONGER = TODAY.model_copy(update={"rounds": TODAY.rounds + 2})  # each round doubles the work


def run() -> dict[str, Any]:
    """Trains and decodes all networks, in about two hours on two cores.

    networks: for each `lags`, and by lag `recall` on test, `rising` (what the last doubling of the
    work added), `reference` and the reference's own rise, `first_release`; `seconds` and 10⁹
    floating-point operations of each. worst_gap: the largest amount, over networks and lags from 1
    up, that recall lies below its reference.
    """
    networks = list(_networks(torch.device(machine.settle()).type))
    return {
        "networks": networks,
        "worst_gap": max(
            longer - short
            for network in networks
            for longer, short in zip(network["reference"][1:], network["recall"][1:], strict=True)
        ),
        "steps": TODAY.steps,
        "rounds": TODAY.rounds,
        "threads": machine.threads(),
        "machine": machine.name(),
    }


def _networks(device: str) -> Iterator[dict[str, Any]]:
    corpus = build("shakespeare")
    for cell, hidden in NETWORKS:
        trained = ModelSpec(
            corpus=corpus.spec,
            cell=cell,
            layers=1,
            hidden=hidden,
            profile="laptop",
            budget=LAPTOP.training,
        )
        for spec in (trained, trained.model_copy(update={"trained": False})):
            weights, _ = char_lm.train(spec, corpus, device=device)
            yield {"name": spec.title, "trained": spec.trained} | _figures(
                char_lm.load(spec, weights).to(device), spec, corpus, device
            )


def _figures(model: char_lm.CharLM, spec: ModelSpec, corpus: Corpus, device: str) -> dict[str, Any]:
    """Recall by lag of one network by each trainer, what it rose by last, and what it took."""
    figures: dict[str, Any] = {"lags": list(range(LAGS + 1))}
    trainers = (("first_release", FIRST_RELEASE), ("", TODAY), ("reference", LONGER))
    for name, budget in trainers:
        train, dev, test = (
            ModelStates(model, text, 1, spec.states[0], LAGS, device)
            for text in samples(corpus, budget, 0)
        )
        width = width_for(train.dim, N_SYMBOLS, model.kernel_parameters())
        started = time.monotonic()
        if budget.rounds:
            decoders, before, done = rounds.train(train, dev, width, budget, 0, device)
            steps = int(done.group_by("lag", "keep", "width").max()["steps"].sum())
        else:
            decoders, before = mlp.train(train, dev, width, budget, 0, device), None
            steps = train.lags * budget.epochs * train.size // budget.batch
        prefix = f"{name}_" if name else ""
        flop = 6 * decoder_parameters(train.dim, N_SYMBOLS, width) * budget.batch * steps
        figures |= {
            f"{prefix}seconds": time.monotonic() - started,
            f"{prefix}gigaflop": flop / 1e9,
            name or "recall": recall(decoders, test),
        }
        if before:
            pairs = zip(figures[name or "recall"], recall(before, test), strict=True)
            figures[f"{prefix}rising"] = [now - then for now, then in pairs]
    return figures


def recall(decoders: Decoders, test: ModelStates) -> list[float]:
    """Marginal recall of each lag on held-out states."""
    hits, n = np.zeros(test.lags), np.zeros(test.lags)
    for chunk in test.chunks():
        for start in range(0, len(chunk.states), 8192):
            targets = chunk.targets[start : start + 8192]
            guess = decoders.logits(chunk.states[start : start + 8192]).argmax(2).cpu().numpy()
            hits += ((guess == targets) & (targets >= 0)).sum(0)
            n += (targets >= 0).sum(0)
    return list((hits / n).tolist())
