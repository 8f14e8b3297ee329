"""When each symbol is spoken: by the attention's peak, by CTC, or by the times of the words.

An alignment is a moment in milliseconds for every symbol, float32 [symbols], NaN where there is
none. Whatever its own frame rate, a layer's state at a symbol is the one whose frames hold that
moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.corpora.speech.utterances import HOP_MS, Utterances
from core.models.las.batches import Minibatch, passes, places
from core.models.las.network import BLANK, Las

STUCK = 0.5  # attention that travels over a smaller share of an utterance does not follow it


def peaks(weights: Tensor) -> np.ndarray:
    """Where attention [batch, symbols, steps] peaks: int64 [batch, symbols]."""
    return weights.argmax(2).cpu().numpy()


def monotone_steps(peak: np.ndarray, steps: int) -> int:
    """How many of the moves from a symbol to the next do not go back in time.

    peak: int [symbols]; steps: encoder steps of the utterance. Attention that hardly moves does not
    follow the speech: none of its moves count.
    """
    if len(peak) > 1 and peak.max() - peak.min() < STUCK * (steps - 1):
        return 0
    return int((np.diff(peak) >= 0).sum())


def place_by_ctc(
    log_probs: np.ndarray, lengths: np.ndarray, symbols: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The step at which CTC's most probable path emits each symbol: int64 [batch, symbols].

    log_probs: [steps, batch, symbols + 1], the last one blank. lengths: steps of each utterance.
    symbols: int [batch, most], counts: how many each has. A path may stay on a symbol for several
    steps: the one where it is most probable is taken. −1 where there is no symbol, and all along
    an utterance that has too few steps for its symbols.
    """
    steps, batch, _ = log_probs.shape
    most = symbols.shape[1]
    # The states of a path: blank, first symbol, blank, second symbol, ..., blank.
    states = np.full((batch, 2 * most + 1), BLANK)
    states[:, 1::2] = symbols
    skips = np.zeros(states.shape, dtype=bool)  # a blank between unlike symbols may be left out
    skips[:, 3::2] = symbols[:, 1:] != symbols[:, :-1]
    column = np.arange(batch)
    emitted = log_probs[:, column[:, None], states]
    best = np.full(states.shape, -np.inf)
    best[:, :2] = emitted[0, :, :2]
    moves = np.zeros((steps, *states.shape), dtype=np.int8)
    for step in range(1, steps):
        one = np.pad(best, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]
        two = np.pad(best, ((0, 0), (2, 0)), constant_values=-np.inf)[:, :-2]
        ways = np.stack([best, one, np.where(skips, two, -np.inf)])
        moves[step] = ways.argmax(0)
        going = (step < lengths)[:, None]
        best = np.where(going, ways.max(0) + emitted[step], best)

    end = 2 * counts - 1  # the last symbol; the path may end on the blank behind it
    state = np.where(best[column, end + 1] > best[column, end], end + 1, end)
    possible = np.isfinite(best[column, state])
    places = np.full((batch, most), -1)
    heights = np.full((batch, most), -np.inf)
    for step in reversed(range(steps)):
        valid = possible & (step < lengths)
        on_symbol = valid & (state % 2 == 1)
        rows, which = column[on_symbol], state[on_symbol] // 2
        height = emitted[step, rows, state[on_symbol]]
        higher = height >= heights[rows, which]
        places[rows[higher], which[higher]] = step
        heights[rows[higher], which[higher]] = height[higher]
        state = np.where(valid, state - moves[step, column, state], state)
    return places


def place_by_words(utterances: Utterances) -> np.ndarray:
    """Each symbol inside its word, spread evenly: float32 [symbols], NaN without word times.

    A word reaches to the next one's onset, the space between them included.
    """
    moments = np.full(len(utterances.symbols), np.nan, dtype=np.float32)
    for i in range(len(utterances)):
        onsets, start = utterances.onsets(i), utterances.symbol_offsets[i]
        if not len(onsets):
            continue
        end = len(utterances.spelling(i)), int(utterances.lengths[i]) * HOP_MS
        firsts, times = np.concatenate([onsets, [end]]).astype(np.float64).T
        place = np.arange(firsts[0], firsts[-1]) + 0.5
        moments[start + int(firsts[0]) : start + int(firsts[-1])] = np.interp(place, firsts, times)
    return moments


@torch.no_grad()
def align(
    model: Las, utterances: Utterances, device: str = "cpu"
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Every alignment of some utterances, and how well the model follows them.

    Returns ({"attention", "ctc" (of a model with CTC)}: float32 [symbols]; facts: `monotone`, the
    share of attention's moves that do not go back, and `nats`, the summed cross-entropy of every
    symbol and `</s>`, with `predicted`, how many that are).
    """
    names = ("attention", "ctc") if model.ctc else ("attention",)
    placed = {n: np.full(len(utterances.symbols), np.nan, dtype=np.float32) for n in names}
    forward = moves = predicted = 0
    nats = 0.0
    for rows, batch in passes(utterances, np.arange(len(utterances)), model.reduction):
        batch = batch.to(device)
        memory, log_probs = model(batch)
        place, valid = places(utterances.symbol_offsets, rows)
        counts = valid.sum(1)
        peak = peaks(memory.weights[:, :-1])
        placed["attention"][place[valid]] = moment(peak[valid], model.reduction)
        steps = (model.whole(batch.lengths) // model.reduction).tolist()
        for row, count, length in zip(peak, counts, steps, strict=True):
            forward += monotone_steps(row[:count], length)
            moves += int(count) - 1
        log_p = model.speller.logits(memory).log_softmax(2)
        mask = batch.predict >= 0
        nats -= float(log_p[mask].gather(1, batch.predict[mask][:, None]).sum())
        predicted += int(mask.sum())
        if log_probs is not None:
            placed["ctc"][place[valid]] = _by_ctc(model, log_probs, batch, counts)[valid]
    facts = {"monotone": forward / max(1, moves), "nats": nats, "predicted": predicted}
    return placed, facts


def _by_ctc(model: Las, log_probs: Tensor, batch: Minibatch, counts: np.ndarray) -> np.ndarray:
    symbols = batch.predict[:, :-1].clamp(min=0).cpu().numpy()
    steps = (model.whole(batch.lengths) // model.ctc_rate).cpu().numpy()
    return moment(place_by_ctc(log_probs.cpu().numpy(), steps, symbols, counts), model.ctc_rate)


def moment(steps: np.ndarray, rate: int) -> np.ndarray:
    """The middle of a step of so many frames, in ms; NaN for −1."""
    middle = (steps + 0.5) * rate * HOP_MS
    return np.where(steps < 0, np.nan, middle).astype(np.float32)
