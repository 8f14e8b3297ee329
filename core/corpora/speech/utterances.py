"""Speech in memory: utterances as log-mel frames with their symbols, and how they are stored."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.corpora.corpus import metadata
from core.errors import BadInput
from core.text import decode

if TYPE_CHECKING:  # specs take long to load, which every process that reads a sound would wait
    from core.corpora.speech.spec import SpeechSpec
    from core.step import Inputs

RATE = 16_000  # samples a second, of all audio
HOP_MS = 10  # milliseconds from one frame to the next
HELD_BYTES = 1 << 30  # a train split smaller than this is held in memory, a larger one streams


@dataclass(frozen=True, eq=False)
class Utterances:
    """Utterances laid end to end.

    frames: float16 [all frames, mels], log-mel energies every `HOP_MS`. symbols: uint8 [all
    symbols], numbers of `core.text.SYMBOLS`; <s> and </s> are not stored. frame_offsets,
    symbol_offsets: int64 [n + 1], utterance i is offsets[i] : offsets[i + 1]. words: int32
    [words, 3], of every word its utterance, its first symbol (counted within the utterance) and
    its onset in milliseconds; empty where no word times are known. ids: a name of each utterance.
    skipped: what was listed and could not be read, as "id: why".
    """

    frames: np.ndarray
    frame_offsets: np.ndarray
    symbols: np.ndarray
    symbol_offsets: np.ndarray
    words: np.ndarray
    ids: list[str]
    skipped: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        frames: Sequence[np.ndarray],
        symbols: Sequence[np.ndarray],
        words: Sequence[np.ndarray],
        ids: Sequence[str],
        mels: int,
        skipped: Sequence[str] = (),
    ) -> Utterances:
        """Utterances from parts of each: frames [T, mels], symbols [S], words [W, 2].

        words: of every word its first symbol and its onset in milliseconds.
        """
        numbered = [
            np.concatenate([np.full((len(part), 1), i), part], 1) for i, part in enumerate(words)
        ]
        return cls(
            _laid([np.zeros((0, mels)), *frames], np.float16),
            _offsets(frames),
            _laid([np.zeros(0), *symbols], np.uint8),
            _offsets(symbols),
            _laid([np.zeros((0, 3)), *numbered], np.int32),
            list(ids),
            list(skipped),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def mels(self) -> int:
        return int(self.frames.shape[1])

    @property
    def hours(self) -> float:
        """Hours of speech in all utterances together."""
        return len(self.frames) * HOP_MS / 3_600_000

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each utterance: int64 [n]."""
        return np.diff(self.frame_offsets)

    def features(self, i: int) -> np.ndarray:
        """Log-mel frames of utterance i: float32 [frames, mels]."""
        return self.stored(i).astype(np.float32)

    def stored(self, i: int) -> np.ndarray:
        """The same as stored: float16 [frames, mels]."""
        return self.frames[self.frame_offsets[i] : self.frame_offsets[i + 1]]

    def spelling(self, i: int) -> np.ndarray:
        """Symbols of utterance i: uint8 [symbols]."""
        return self.symbols[self.symbol_offsets[i] : self.symbol_offsets[i + 1]]

    def text(self, i: int) -> str:
        """The text of utterance i."""
        return decode(self.spelling(i))

    def onsets(self, i: int) -> np.ndarray:
        """Word times of utterance i: int32 [words, 2], the first symbol and the onset in ms."""
        first, last = np.searchsorted(self.words[:, 0], [i, i + 1])
        return self.words[first:last, 1:]

    def take(self, indices: Sequence[int] | np.ndarray) -> Utterances:
        """These utterances alone, in this order."""
        rows = [int(index) for index in indices]
        return _gathered([(self, i) for i in rows], self.mels)

    def to_bytes(self) -> bytes:
        """The utterances as safetensors, their ids and what was skipped as metadata."""
        arrays = {name: getattr(self, name) for name in _KINDS}
        # One entry: safetensors writes several in an order that changes from call to call.
        names = json.dumps({"ids": self.ids, "skipped": self.skipped})
        return save(arrays, metadata={"names": names})

    @classmethod
    def from_bytes(cls, data: bytes) -> Utterances:
        """The utterances of `to_bytes`; BadInput if they are damaged."""
        try:
            arrays, names = load(data), json.loads(metadata(data)["names"])
            ids, skipped = names["ids"], names["skipped"]
            if {name: array.dtype for name, array in arrays.items()} != _KINDS:
                raise ValueError("parts of another kind")
            found = cls(**arrays, ids=ids, skipped=skipped)
            for offsets, laid in (("frame_offsets", "frames"), ("symbol_offsets", "symbols")):
                bounds = arrays[offsets]
                if len(bounds) != len(ids) + 1 or bounds[-1] != len(arrays[laid]):
                    raise ValueError(f"{laid} out of bounds")
        except (SafetensorError, KeyError, TypeError, ValueError) as problem:
            raise BadInput("This stored speech is damaged: compute it again.") from problem
        return found


def join(parts: Sequence[Utterances]) -> Utterances:
    """The utterances of one or more parts, in their order, as one."""
    each = [(part, i) for part in parts for i in range(len(part))]
    return _gathered(each, parts[0].mels, [name for part in parts for name in part.skipped])


def _gathered(
    each: list[tuple[Utterances, int]], mels: int, skipped: Sequence[str] = ()
) -> Utterances:
    """These utterances, each given as (the part that has it, its number there), as one."""
    return Utterances.of(
        [part.stored(i) for part, i in each],
        [part.spelling(i) for part, i in each],
        [part.onsets(i) for part, i in each],
        [part.ids[i] for part, i in each],
        mels,
        skipped,
    )


class SpeechCorpus:
    """The splits of a computed corpus, each read on first use.

    artifacts: the bytes of `spec.parts`, as `core.corpora.speech.step` made them.
    """

    def __init__(self, spec: SpeechSpec, artifacts: Inputs) -> None:
        self.spec, self._artifacts = spec, artifacts
        self._held: dict[str, Utterances] = {}
        self._bytes = 0

    @cached_property
    def train(self) -> Utterances:
        """The whole train split; `shards` is for corpora of any size."""
        return join([self._shard(key) for key in self.spec.shards])

    @cached_property
    def dev(self) -> Utterances:
        return Utterances.from_bytes(self._artifacts[self.spec.part("dev")])

    @cached_property
    def test(self) -> Utterances:
        return Utterances.from_bytes(self._artifacts[self.spec.part("test")])

    def shards(self, seed: int | None = None) -> Iterator[Utterances]:
        """The train split once in random parts, shuffled by the seed; one at a time in memory."""
        keys = np.array(self.spec.shards)
        if seed is not None:
            np.random.default_rng(seed).shuffle(keys)
        shards = (self._shard(str(key)) for key in keys)
        return (shard for shard in shards if len(shard))

    def _shard(self, key: str) -> Utterances:
        if key in self._held:
            return self._held[key]
        shard = Utterances.from_bytes(self._artifacts[key])
        if self._bytes + shard.frames.nbytes <= HELD_BYTES:
            self._held[key] = shard
            self._bytes += shard.frames.nbytes
        return shard


@dataclass(frozen=True, eq=False)
class Recordings:
    """The first recordings of a split, in its order: int16 [samples] at `RATE`, laid end to end."""

    samples: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, recordings: Sequence[np.ndarray]) -> Recordings:
        """Recordings from their samples: int16 [samples] each."""
        return cls(_laid([np.zeros(0), *recordings], np.int16), _offsets(recordings))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        return self.samples[self.offsets[i] : self.offsets[i + 1]]

    def wav(self, i: int) -> bytes:
        """Recording i as a WAV file."""
        return wav(self[i])

    def to_bytes(self) -> bytes:
        return save({"samples": self.samples, "offsets": self.offsets})

    @classmethod
    def from_bytes(cls, data: bytes) -> Recordings:
        """The recordings of `to_bytes`; BadInput if they are damaged."""
        try:
            found = cls(**load(data))
            if found.samples.dtype != np.int16 or found.offsets[-1] != len(found.samples):
                raise ValueError("samples out of bounds")
        except (SafetensorError, TypeError, ValueError, IndexError) as problem:
            raise BadInput("These stored recordings are damaged: compute them again.") from problem
        return found


def wav(samples: np.ndarray) -> bytes:
    """A WAV file of mono samples at `RATE`: int16, or float32 in −1..1."""
    if samples.dtype != np.int16:
        samples = (samples.clip(-1, 1) * 32767).round().astype(np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


_KINDS = {
    "frames": np.float16,
    "frame_offsets": np.int64,
    "symbols": np.uint8,
    "symbol_offsets": np.int64,
    "words": np.int32,
}


def _laid(parts: Sequence[np.ndarray], kind: type[np.generic]) -> np.ndarray:
    return np.concatenate(parts, dtype=kind, casting="unsafe")


def _offsets(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)
