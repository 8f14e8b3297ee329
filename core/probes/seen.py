"""Whether a word was read earlier in its segment, which a state may hold without when it was.

Decoders of lags name one label each; here one network answers yes or no for every word at once.
What it says is judged as a detector is: by its hits, where the word was read some words ago, at a
threshold that gives as many false alarms on dev as FALSE_ALARMS, where it was not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.probes.data import SHRINKAGE, TILE, Scaling, StateSource, whitened
from core.probes.intervals import intervals, resampled
from core.probes.states import places_of
from core.probes.targets import Target
from core.profiles import DecoderBudget
from core.step import Progress
from core.training.schedule import linear_decay

WORDS = 100  # the most frequent ones, at most, that have a detector
FALSE_ALARMS = 0.05  # of each word on dev
PLACES = 40  # words of a segment that `without_states` tells apart; later ones count as the last


class WordStates(NamedTuple):
    """States at the ends of words.

    states: float32 [N, dim]. ages: int16 [N, words], how many words ago each was last read in the
    segment (0: it has just been read), -1 = it was not. segments: int64 [N].
    """

    states: np.ndarray
    ages: np.ndarray
    segments: np.ndarray


def ages_of(labels: np.ndarray, segments: np.ndarray, words: int) -> np.ndarray:
    """The ages of a `WordStates`.

    labels: int [N], the word that ends at each position, of whole segments one after another;
    those from `words` on count as words but have no column.
    """
    index = np.arange(len(labels))
    begins = index - places_of(segments)
    ages = np.empty((len(labels), words), dtype=np.int16)
    for word in range(words):
        last = np.maximum.accumulate(np.where(labels == word, index, -1))
        ages[:, word] = np.where(last >= begins, index - last, -1)
    return ages


def read(source: StateSource, target: Target, words: int) -> WordStates:
    """The states of a source of whole segments at the ends of words; target: of words."""
    parts = []
    for chunk in source.chunks():
        labels = target.labels(chunk.targets[:, 0], places_of(chunk.segments))
        ends = labels >= 0
        segments = chunk.segments[ends]
        parts.append((chunk.states[ends], ages_of(labels[ends], segments, words), segments))
    return WordStates(*map(np.concatenate, zip(*parts, strict=True)))


def without_states(reading: WordStates) -> WordStates:
    """The same with the place in the segment and the word just read, one-hot, as states.

    Detectors of these know no more than how many words were read and which was the last.
    """
    n, words = reading.ages.shape
    just_read = reading.ages == 0
    last = np.where(just_read.any(1), just_read.argmax(1), words)
    states = np.zeros((n, PLACES + words + 1), dtype=np.float32)
    states[np.arange(n), places_of(reading.segments).clip(max=PLACES - 1)] = 1
    states[np.arange(n), PLACES + last] = 1
    return reading._replace(states=states)


@dataclass(frozen=True)
class Detectors:
    """A network with an output for each word, and the thresholds of these.

    rising: what the last doubling of its training added to the share of hits on dev, mean over
    words; None after a single round.
    """

    inputs: Scaling
    network: nn.Module
    thresholds: Tensor
    rising: float | None

    def answers(self, states: np.ndarray) -> np.ndarray:
        """States [N, dim] -> bool [N, words], whether each word is said to have been read."""
        return (_outputs(self.network, self.inputs, states) > self.thresholds).numpy()


def fit(
    train: WordStates,
    dev: WordStates,
    width: int,
    budget: DecoderBudget,
    seed: int,
    progress: Progress,
) -> Detectors:
    """Trains detectors with one hidden layer for all rounds of the budget; the best on dev win.

    It runs on the CPU whatever the states were computed on, for one network serves all words.
    progress: called with (fraction done, what is being done). The same seed and number of threads
    give the same detectors.
    """
    states = torch.from_numpy(train.states)
    inputs = whitened(states, SHRINKAGE)
    course = _Course(inputs.apply(states), torch.from_numpy(train.ages >= 0), width, budget, seed)
    truth = torch.from_numpy(dev.ages >= 0).float()
    best, least = {}, math.inf
    hits: list[float] = []
    for number in range(budget.rounds):
        for done in course.round(number):
            progress(done, f"detectors, round {number + 1}")
        outputs = _outputs(course.network, inputs, dev.states)
        hits.append(_share_of_hits(outputs, dev.ages))
        loss = functional.binary_cross_entropy_with_logits(outputs, truth).item()
        if loss < least:
            least = loss
            best = {k: v.clone() for k, v in course.network.state_dict().items()}
    course.network.load_state_dict(best)
    thresholds = _thresholds(_outputs(course.network, inputs, dev.states), dev.ages)
    rising = max(hits) - max(hits[:-1]) if len(hits) > 1 else None
    return Detectors(inputs, course.network, thresholds, rising)


class _Course:
    """The training of detectors. inputs: [N, dim]; truth: bool [N, words]."""

    def __init__(
        self, inputs: Tensor, truth: Tensor, width: int, budget: DecoderBudget, seed: int
    ) -> None:
        self.inputs, self.truth, self.budget, self.done = inputs, truth, budget, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = nn.Sequential(
                nn.Linear(inputs.shape[1], width), nn.ReLU(), nn.Linear(width, truth.shape[1])
            )
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.Adam(self.network.parameters(), fused=True)

    def round(self, number: int) -> Iterator[float]:
        """Takes the steps of a round, twice as many as the last had; yields the share of all."""
        budget, n = self.budget, len(self.inputs)
        steps, total = budget.steps << number, budget.steps * (2**budget.rounds - 1)
        for step in range(steps):
            rows = torch.randint(n, (min(budget.batch, n),), generator=self.generator)
            logits = self.network(self.inputs[rows])
            loss = functional.binary_cross_entropy_with_logits(logits, self.truth[rows].float())
            self.optimizer.zero_grad()
            loss.backward()
            rate = linear_decay((step + 1) / (steps + 1), budget.learning_rate)
            self.optimizer.param_groups[0]["lr"] = rate
            self.optimizer.step()
            self.done += 1
            yield self.done / total


def _outputs(network: nn.Module, inputs: Scaling, states: np.ndarray) -> Tensor:
    with torch.inference_mode():
        tiles = torch.from_numpy(states).split(TILE)
        return torch.cat([network(inputs.apply(tile)) for tile in tiles])


def _thresholds(outputs: Tensor, ages: np.ndarray) -> Tensor:
    """Above which each word is said to have been read: [words].

    A word that all positions have read has no false alarms, so it gets the lowest output.
    """
    thresholds = []
    for word in range(outputs.shape[1]):
        unread = outputs[torch.from_numpy(ages[:, word] < 0), word]
        if len(unread):
            thresholds.append(torch.quantile(unread, 1 - FALSE_ALARMS))
        else:
            thresholds.append(outputs[:, word].min())
    return torch.stack(thresholds)


def _share_of_hits(outputs: Tensor, ages: np.ndarray) -> float:
    """Hits among the positions that have read a word, mean over the words that any has read."""
    answers = (outputs > _thresholds(outputs, ages)).numpy()
    seen = ages >= 0
    counts = seen.sum(0)
    return float(((answers & seen).sum(0) / np.maximum(counts, 1))[counts > 0].mean())


def evaluate(
    detectors: Detectors,
    guess: Detectors,
    test: WordStates,
    names: Sequence[str],
    max_age: int,
    seed: int = 0,
) -> pl.DataFrame:
    """How often each word is said to have been read, by how many words ago it was.

    guess: detectors of `without_states`. names: of the words. Returns word (None: all of them),
    ago (0 to max_age; None: the word was not read, so that these are false alarms), n (positions),
    yes, rate, low, high (95 %, bootstrap over segments), guess (the rate of those).
    """
    of_segment = np.unique(test.segments, return_inverse=True)[1]
    words, columns = test.ages.shape[1], max_age + 2
    ages = test.ages.astype(np.int64)
    column = np.where(ages < 0, max_age + 1, ages)
    counted = column < columns - 1
    counted |= ages < 0
    cell = (of_segment[:, None] * words + np.arange(words)) * columns + column
    shape = int(of_segment.max()) + 1, words, columns

    def count(answers: np.ndarray) -> np.ndarray:
        chosen = np.bincount(cell[counted & answers], minlength=math.prod(shape)).reshape(shape)
        return np.concatenate([chosen.sum(1, keepdims=True), chosen], 1).reshape(shape[0], -1)

    n, yes = count(np.ones_like(counted)), count(detectors.answers(test.states))
    guessed = count(guess.answers(without_states(test).states)).sum(0)
    low, high = intervals(resampled(n, yes, seed), n, yes)
    total = n.sum(0)
    rows = pl.DataFrame(
        {
            "word": [name for name in (None, *names) for _ in range(columns)],
            "ago": [*range(max_age + 1), None] * (words + 1),
            "n": total,
            "yes": yes.sum(0),
            "rate": yes.sum(0) / np.maximum(total, 1),
            "low": low,
            "high": high,
            "guess": guessed / np.maximum(total, 1),
        },
        schema_overrides={"ago": pl.Int32, "word": pl.String},
    )
    return rows.filter(pl.col("n") > 0).with_columns(pl.col("low", "high").fill_nan(None))
