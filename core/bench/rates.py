"""By which peak rate the networks of the study `cells` learn best, at profile `laptop`.

What is best goes to `rates` of the cell's file by hand.
"""

from __future__ import annotations

from typing import Any

from core import machine
from core.bench import here
from core.corpora import Corpus, build
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.paper.studies.cells import networks
from core.profiles import TRIED_RATES, at_end, find

LAPTOP = find("laptop")


def run() -> dict[str, Any]:
    """Trains every network as the study does, once by every rate, in ten minutes on two cores.

    rates: a row a network: cell, hidden, the perplexity on dev by each rate, `best`, the rate with
    the lowest, and `end_of_range`, whether that is the lowest or the highest rate tried.
    """
    device = machine.settle(1)  # networks so narrow gain nothing by a second thread
    corpus = build("shakespeare")
    tried = networks(LAPTOP.compared)
    return {"rates": [search(corpus, *network, device) for network in tried], **here(device)}


def search(corpus: Corpus, cell: str, hidden: int, device: str) -> dict[str, Any]:
    """The row of one network."""
    perplexities = {rate: _perplexity(corpus, cell, hidden, rate, device) for rate in TRIED_RATES}
    best = min(perplexities, key=lambda rate: perplexities[rate])
    return {
        "cell": cell,
        "hidden": hidden,
        **{f"{rate:g}": round(perplexity, 3) for rate, perplexity in perplexities.items()},
        "best": best,
        "end_of_range": at_end(best),
    }


def _perplexity(corpus: Corpus, cell: str, hidden: int, rate: float, device: str) -> float:
    """On dev, after training by that peak rate."""
    budget = LAPTOP.compared_for(cell, hidden)
    spec = ModelSpec(
        corpus=corpus.spec,
        cell=cell,
        layers=1,
        hidden=hidden,
        profile=LAPTOP.name,
        budget=budget.model_copy(update={"learning_rate": rate}),
    )
    _, facts = char_lm.train(spec, corpus, device=device)
    return float(facts["perplexity"])
