"""From sound to spelling: greedy for many utterances at once, a beam for one, and error rates."""

from __future__ import annotations

from typing import NamedTuple

import jiwer
import numpy as np
import torch
from torch import Tensor

from core.corpora.speech.utterances import Utterances
from core.models.las.batches import passes
from core.models.las.network import Las
from core.models.las.speller import Encoded
from core.text import BOS, EOS, decode

FRAMES_PER_SYMBOL, MORE = 4, 10  # no speech has more symbols: a longer spelling is cut off
BEAM = 8


class Spelling(NamedTuple):
    """A transcript: symbols, uint8 [n], and the mean log probability of a step, </s> included."""

    symbols: np.ndarray
    score: float


class ErrorRates(NamedTuple):
    """Edits by the length of the reference, of characters and of words."""

    cer: float
    wer: float


@torch.no_grad()
def greedy(model: Las, encoded: Encoded, lengths: Tensor) -> list[Spelling]:
    """The most probable symbol at every step, for each utterance of a minibatch.

    lengths: frames of each, which limit how long its spelling may be.
    """
    speller, device = model.speller, encoded.values.device
    memory = speller.begin(encoded)
    limits = lengths // FRAMES_PER_SYMBOL + MORE
    last = torch.full_like(lengths, BOS)
    over = torch.zeros_like(lengths, dtype=torch.bool)
    total = torch.zeros(len(lengths), device=device)
    steps = []
    for step in range(int(limits.max())):
        memory = speller.step(speller.embedding(last), memory, encoded)
        log_p = speller.logits(memory).log_softmax(1)
        score, last = log_p.max(1)
        last = torch.where(over, EOS, last)
        total += torch.where(over, 0, score)
        steps.append(last)
        over = over | (last == EOS) | (step + 1 >= limits)
        if over.all():
            break
    spelled = torch.stack(steps, 1).cpu().numpy().astype(np.uint8)
    ended = spelled == EOS
    longest = np.minimum(limits.cpu().numpy(), spelled.shape[1])
    counts = np.where(ended.any(1), ended.argmax(1), longest)
    return [
        Spelling(row[:count], float(score) / (count + 1))
        for row, count, score in zip(spelled, counts, total, strict=True)
    ]


@torch.no_grad()
def beam(model: Las, encoded: Encoded, length: int, width: int = BEAM) -> Spelling:
    """The best spelling of one utterance among the `width` most probable ones at each step.

    Spellings are compared by their mean log probability a step, so that short ones are not
    preferred; never worse than `greedy` by that measure. length: frames.
    """
    speller = model.speller
    best = greedy(model, encoded, torch.tensor([length], device=encoded.values.device))[0]
    memory, totals = speller.begin(encoded), torch.zeros(1, device=encoded.values.device)
    last = torch.full((1,), BOS, device=encoded.values.device)
    spelled = torch.empty(1, 0, dtype=torch.int64, device=encoded.values.device)
    limit = length // FRAMES_PER_SYMBOL + MORE
    for step in range(limit):
        # No step adds to a total, so this is the most that anything unfinished can still reach.
        if totals.max() / limit < best.score:
            break
        some = encoded.rows(torch.zeros_like(last))
        memory = speller.step(speller.embedding(last), memory, some)
        log_p = speller.logits(memory).log_softmax(1)
        ended = (totals + log_p[:, EOS]) / (step + 1)
        if ended.max() > best.score:
            row = ended.argmax()
            best = Spelling(spelled[row].cpu().numpy().astype(np.uint8), float(ended[row]))
        log_p[:, EOS] = -torch.inf
        totals, best_of = (totals[:, None] + log_p).flatten().topk(width)
        before, last = best_of // log_p.shape[1], best_of % log_p.shape[1]
        memory, spelled = memory.rows(before), torch.cat([spelled[before], last[:, None]], 1)
    return best


def transcribe(model: Las, utterances: Utterances, device: str = "cpu") -> list[Spelling]:
    """The transcript of each utterance, by greedy decoding."""
    found: dict[int, Spelling] = {}
    for rows, batch in passes(utterances, np.arange(len(utterances)), model.reduction):
        batch = batch.to(device)
        _, encoded = model.listen(batch)
        found |= zip(rows.tolist(), greedy(model, encoded, batch.lengths), strict=True)
    return [found[row] for row in range(len(utterances))]


def error_rates(utterances: Utterances, spellings: list[Spelling]) -> ErrorRates:
    """Character and word error rate over all utterances together."""
    truth = [utterances.text(i) for i in range(len(utterances))]
    texts = [decode(spelling.symbols) for spelling in spellings]
    return ErrorRates(float(jiwer.cer(truth, texts)), float(jiwer.wer(truth, texts)))
