"""What decoders name in utterances, label by label with its moment: symbols, or units of sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.corpora.speech.units import Codebook
from core.corpora.speech.utterances import Utterances
from core.models.las.alignment import moment
from core.models.las.batches import places
from core.text import SYMBOLS


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of utterances, laid end to end.

    labels: int [all], by number, those of utterance i from offsets[i] to offsets[i + 1].
    moments: float32 [all], when each is heard, in ms; NaN where that is not known.
    names: of the labels by number.
    """

    labels: np.ndarray
    offsets: np.ndarray
    moments: np.ndarray
    names: Sequence[str]

    @property
    def owners(self) -> np.ndarray:
        """The utterance of each label: int64 [all]."""
        counts = np.diff(self.offsets)
        return np.repeat(np.arange(len(counts)), counts)

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and moments of these utterances: int64 and float32 [rows, labels of the longest].

        Behind the end of an utterance the label is -1.
        """
        place, valid = places(self.offsets, rows)
        return np.where(valid, self.labels[place].astype(np.int64), -1), self.moments[place]


def symbols(utterances: Utterances, moments: np.ndarray) -> Labels:
    """The spelling. moments: float32 [symbols], of an alignment."""
    return Labels(utterances.symbols, utterances.symbol_offsets, moments, SYMBOLS)


def units(utterances: Utterances, codebook: Codebook, stride: int) -> Labels:
    """For each whole step of the last encoder layer, the unit of the step's last frame.

    stride: the frames of such a step. One that the end of an utterance cuts short has no label. The
    moment of a label is the middle of its frame. In every encoder layer a step ends with this
    frame, and it is the step that is read at this moment; so a forward half has read the frame and
    none after it.
    """
    newest = slice(stride - 1, None, stride)
    labels = [codebook.label(utterances.stored(i)[newest]) for i in range(len(utterances))]
    counts = np.array([len(each) for each in labels])
    frames = np.concatenate([np.arange(n) * stride + stride - 1 for n in counts])
    offsets = np.concatenate([[0], counts.cumsum()])
    moments = moment(frames, 1)
    return Labels(np.concatenate(labels), offsets, moments, codebook.names)
