"""`core.measure` against what others would use, on the same states: recall and seconds.

The networks are random, so what they hold is known and nothing has to be trained or downloaded.
Every method reads the same training segments, standardized, and is measured on the same others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from core import machine
from core.bench import here, seconds
from core.probes import linear, rounds
from core.probes.mlp import Decoders
from core.probes.notebook import measurement
from core.probes.states import ArrayStates

SEGMENTS, TIME = 300, 40
LAGS = {"GRU of 32, untrained": (1, 3, 5), "orthogonal network of 30": (5, 10, 20)}
HIDDEN = 128  # of our decoders of these states, so of the peers' too
EPOCHS, BATCH, RATE = 10, 32, 1e-3  # of the plain loop: Adam's usual rate, small minibatches
Data = tuple[
    np.ndarray, np.ndarray
]  # states [N, dim] and targets [N, lags], -1 where there is none


def run() -> dict[str, Any]:
    """Measures all methods, in some minutes on two cores.

    networks: for each `lags`, `positions` (measured), and by method `recall` by lag and `seconds`
    of training a lag (ours trains all from 0 on, a peer those that are listed). worst_deficit: the
    most that the recall of ours lies below that of a peer of its kind (linear or with a hidden
    layer), at any lag. speedup: of each peer, its seconds over those of ours, the smallest over the
    networks. not_installed: peers that were left out (pip install scikit-learn himalaya).
    """
    device = machine.settle()
    networks = [_compare(name, device) for name in LAGS]
    peers = [peer for peer, (_, package, _) in PEERS.items() if _installed(package)]
    ours = {peer: "ours, linear" if plain else "ours" for peer, (_, _, plain) in PEERS.items()}
    deficits = [
        theirs - own
        for network in networks
        for peer in peers
        for theirs, own in zip(
            network["methods"][peer]["recall"],
            network["methods"][ours[peer]]["recall"],
            strict=True,
        )
    ]
    return {
        "networks": networks,
        "worst_deficit": max(deficits),
        "speedup": {
            peer: min(
                network["methods"][peer]["seconds"] / network["methods"][ours[peer]]["seconds"]
                for network in networks
            )
            for peer in peers
        },
        "not_installed": [peer for peer in PEERS if peer not in peers],
        **here(),
    }


def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _compare(name: str, device: str) -> dict[str, Any]:
    """All methods on the states of one network."""
    states, symbols = networks()[name]
    lags = list(LAGS[name])
    sources, budgets = measurement(states, symbols, max(lags))
    train, dev, test = sources
    fitted, held_out = (_standardized(source, train, lags) for source in (train, test))
    methods: dict[str, dict[str, Any]] = {}

    def add(method: str, predict: Callable[[], np.ndarray], trained: int) -> None:
        guesses: list[np.ndarray] = []
        took = seconds(lambda: guesses.append(predict())) / trained
        methods[method] = {"recall": _recall(guesses[0], held_out[1]), "seconds": took}

    def ours(decoders: Decoders) -> np.ndarray:
        chunks = [decoders.logits(chunk.states).argmax(2).cpu().numpy() for chunk in test.chunks()]
        return np.concatenate(chunks)[:, lags]

    width = max(HIDDEN, 4 * train.dim)
    add(
        "ours",
        lambda: ours(rounds.train(train, dev, width, budgets["mlp"], 0, device).decoders),
        train.lags,
    )
    add(
        "ours, linear",
        lambda: ours(linear.train(train, dev, budgets["linear"], 0, device).decoders),
        train.lags,
    )
    for peer, (fit, package, _) in PEERS.items():
        if _installed(package):
            add(peer, lambda fit=fit: fit(fitted, held_out[0]), len(lags))  # type: ignore[misc]
    positions = int((held_out[1] >= 0).sum())
    return {"name": name, "lags": lags, "positions": positions, "methods": methods}


def networks() -> dict[str, Data]:
    """States [segments, time, dim] of networks at their initial weights, and what they read."""
    generator = np.random.default_rng(0)
    torch.manual_seed(0)
    symbols = generator.integers(0, 10, (SEGMENTS, TIME))
    gru = nn.GRU(10, 32, batch_first=True)
    with torch.no_grad():
        read = functional.one_hot(torch.from_numpy(symbols), 10).float()
        of_gru = gru(read)[0].numpy()
    # White, Lee and Sompolinsky, "Short-term memory in orthogonal neural networks" (2004).
    signs = generator.integers(0, 2, (SEGMENTS, TIME))
    turn, _ = np.linalg.qr(generator.normal(size=(30, 30)))
    into = generator.normal(size=30) / np.sqrt(30)
    states, state = [], np.zeros((SEGMENTS, 30))
    for step in range(TIME):
        noise = generator.normal(scale=0.1, size=state.shape) / np.sqrt(30)
        state = 0.97 * state @ turn + (2 * signs[:, step, None] - 1) * into + noise
        states.append(state)
    linear_states = np.stack(states, axis=1).astype(np.float32)
    return dict(zip(LAGS, ((of_gru, symbols), (linear_states, signs)), strict=True))


def _standardized(source: ArrayStates, train: ArrayStates, lags: list[int]) -> Data:
    """All states and targets of a source, the states by the mean and deviation of train."""
    reference = np.concatenate([chunk.states for chunk in train.chunks()])
    states = np.concatenate([chunk.states for chunk in source.chunks()])
    targets = np.concatenate([chunk.targets for chunk in source.chunks()])
    return (states - reference.mean(0)) / reference.std(0), targets[:, lags]


def _recall(guesses: np.ndarray, targets: np.ndarray) -> list[float]:
    hits = (guesses == targets) & (targets >= 0)
    return list((hits.sum(0) / (targets >= 0).sum(0)).tolist())


def _by_lag(train: Data, states: np.ndarray, fit: Callable[[np.ndarray, np.ndarray], Any]) -> Any:
    """The guesses of one classifier for each lag; [N, lags]."""

    def columns() -> Iterator[np.ndarray]:
        for targets in train[1].T:
            known = targets >= 0
            yield fit(train[0][known], targets[known]).predict(states)

    return np.stack([*columns()], axis=1)


def logistic_regression(train: Data, states: np.ndarray) -> np.ndarray:
    """scikit-learn's LogisticRegression with its usual settings, one for each lag."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found]

    return _by_lag(train, states, lambda x, y: LogisticRegression(max_iter=1000).fit(x, y))


def mlp_classifier(train: Data, states: np.ndarray) -> np.ndarray:
    """scikit-learn's MLPClassifier with its usual settings and our width, one for each lag."""
    from sklearn.neural_network import MLPClassifier  # type: ignore[import-not-found]

    width = max(HIDDEN, 4 * states.shape[1])
    return _by_lag(train, states, lambda x, y: MLPClassifier((width,), random_state=0).fit(x, y))


def ridge(train: Data, states: np.ndarray) -> np.ndarray:
    """himalaya's RidgeCV on one-hot symbols, the largest output taken, all lags at once."""
    from himalaya.ridge import RidgeCV  # type: ignore[import-not-found]

    known = (train[1] >= 0).all(1)  # one set of states for all targets
    targets = train[1][known]
    symbols = int(targets.max()) + 1
    one_hot = np.eye(symbols, dtype=np.float32)[targets].reshape(len(targets), -1)
    fitted = RidgeCV(alphas=np.logspace(-3, 5, 9)).fit(train[0][known].astype(np.float32), one_hot)
    outputs = fitted.predict(states.astype(np.float32))
    return np.asarray(outputs.reshape(len(states), -1, symbols).argmax(2))


def torch_loop(train: Data, states: np.ndarray) -> np.ndarray:
    """A linear layer for each lag, trained by a plain loop of Adam over small minibatches."""
    guesses = []
    for targets in train[1].T:
        known = targets >= 0
        x, y = torch.from_numpy(train[0][known]).float(), torch.from_numpy(targets[known])
        torch.manual_seed(0)
        layer = nn.Linear(x.shape[1], int(y.max()) + 1)
        optimizer = torch.optim.Adam(layer.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(layer(x[rows]), y[rows]).backward()
                optimizer.step()
        with torch.no_grad():
            guesses.append(layer(torch.from_numpy(states).float()).argmax(1).numpy())
    return np.stack(guesses, axis=1)


# Of each peer: how it is fitted, the package it needs, and whether it is linear.
PEERS: dict[str, tuple[Callable[[Data, np.ndarray], np.ndarray], str, bool]] = {
    "scikit-learn MLPClassifier": (mlp_classifier, "sklearn", False),
    "scikit-learn LogisticRegression": (logistic_regression, "sklearn", True),
    "himalaya RidgeCV": (ridge, "himalaya", True),
    "torch loop": (torch_loop, "torch", True),
}
