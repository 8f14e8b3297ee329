"""How far the decoders of profile `laptop` are from what longer training would recall.

Trained and untrained networks on Shakespeare, their states decoded with the budget of the profile,
and with rounds beyond it, each of which doubles the work: the reference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from core import machine, profiles
from core.bench import here
from core.corpora import Corpus, build
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.models.language.states import ModelStates
from core.probes import rounds
from core.probes.mlp import Decoders, decoder_parameters, width_for
from core.text import N_SYMBOLS
from core.training.batches import samples

NETWORKS = (("gru", 80), ("lstm", 80), ("gru", 160), ("lstm", 160))
LAGS = 10
LAPTOP = profiles.find("laptop")
MORE_ROUNDS = 2  # of the reference


def run() -> dict[str, Any]:
    """Trains and decodes all networks, which takes hours on two cores.

    networks: for each `lags`, and by lag `recall` on test, `rising` (what the last doubling of the
    work added), `reference` and `reference_rising`; `seconds` and `gigaflop` (10⁹ floating-point
    operations) of both. worst_gap: the largest amount, over networks and lags from 1 up, that
    recall lies below its reference.
    """
    networks = list(_networks(torch.device(machine.settle()).type))
    return {
        "networks": networks,
        "worst_gap": max(
            longer - short
            for network in networks
            for longer, short in zip(network["reference"][1:], network["recall"][1:], strict=True)
        ),
        "rounds": LAPTOP.decoders.rounds,
        "reference_rounds": LAPTOP.decoders.rounds + MORE_ROUNDS,
        **here(),
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
            budget=LAPTOP.training_for(cell, 1, hidden),
        )
        for spec in (trained, trained.model_copy(update={"trained": False})):
            weights, _ = char_lm.train(spec, corpus, device=device)
            yield {"name": spec.title, "trained": spec.trained} | _figures(
                char_lm.load(spec, weights).to(device), spec, corpus, device
            )


def _figures(model: char_lm.CharLM, spec: ModelSpec, corpus: Corpus, device: str) -> dict[str, Any]:
    """Recall by lag of one network by each budget, what it rose by last, and what it took."""
    today = LAPTOP.decoders_for(spec.hidden)
    longer = today.model_copy(update={"rounds": today.rounds + MORE_ROUNDS})
    train, dev, test = (
        ModelStates(model, text, 1, spec.states[0], LAGS, device)
        for text in samples(corpus, today, 0)
    )
    width = width_for(train.dim, N_SYMBOLS, model.kernel_parameters())
    step = 6e-9 * today.batch * decoder_parameters(train.dim, N_SYMBOLS, width)
    figures: dict[str, Any] = {"lags": list(range(LAGS + 1)), "steps": today.steps}
    for name, prefix, budget in (("recall", "", today), ("reference", "reference_", longer)):
        started = time.monotonic()
        decoders, before, done = rounds.train(train, dev, width, budget, 0, device)
        seconds = time.monotonic() - started
        steps = int(done.group_by("lag", "keep", "width").max()["steps"].sum())
        assert before is not None  # there are two rounds at least
        now, then = recall(decoders, test), recall(before, test)
        figures |= {
            name: now,
            f"{prefix}rising": [new - old for new, old in zip(now, then, strict=True)],
            f"{prefix}seconds": seconds,
            f"{prefix}gigaflop": step * steps,
        }
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
