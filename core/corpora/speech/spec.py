"""Speech corpora: utterances as log-mel frames, each with its text; and codebooks of frames."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from core.spec import Spec

SHARD = 1000  # utterances of an artifact of the train split
CODEBOOK_FRAMES = 200_000  # half an hour of speech: of a hundred centers each is a mean of many
ITERATIONS = 50  # of k-means

Units = Literal[50, 100]  # of a codebook


class SpeechSpec(Spec):
    """A speech corpus by what it is made from; the audio itself is read when it is computed.

    name and place (the folder of recordings) are only for people and for reading; they change
    nothing. content: of synthetic speech the hash of its recipe; of recordings the key of the
    artifact that lists them (`core.corpora.speech.listing`), which is its hash. train, dev, test:
    utterances of each split; one that cannot be read is left out. voices: speakers of synthetic
    speech. mels: bands of a frame.
    """

    kind: Literal["speech"] = "speech"
    name: str
    source: Literal["synthetic", "librispeech", "kaldi", "wsj", "transcripts"]
    place: str = ""
    content: str = Field(pattern=r"^[0-9a-f]{64}$")
    train: int = Field(ge=1)
    dev: int = Field(ge=1)
    test: int = Field(ge=1)
    voices: int = Field(default=1, ge=1)
    seed: int = 0
    mels: int = Field(default=40, ge=8, le=80)
    table: ClassVar[str] = "corpora"
    stages: ClassVar[tuple[str, ...]] = ("speech",)
    pace: ClassVar[tuple[str, ...]] = ("source",)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.train + self.dev + self.test:,} utterances"

    def identity(self) -> dict[str, Any]:
        identity = super().identity()
        del identity["name"], identity["place"]
        return identity

    def needs(self) -> list[str]:
        return [] if self.source == "synthetic" else [self.content]

    @property
    def shards(self) -> list[str]:
        """Keys of the artifacts of the train split, `SHARD` utterances each."""
        return [f"{self.key}/train/{number:05}" for number in range(-(-self.train // SHARD))]

    @property
    def parts(self) -> list[str]:
        """Keys of all artifacts that a model of this corpus needs: put them into its `needs()`."""
        return [*self.shards, self.part("dev"), self.part("test")]

    def part(self, split: Literal["dev", "test"]) -> str:
        """Key of the artifact of a held-out split."""
        return f"{self.key}/{split}"

    def audio(self, split: Literal["dev", "test"]) -> str:
        """Key of the artifact with the first recordings of a held-out split, to listen to."""
        return f"{self.key}/audio/{split}"

    @property
    def frames(self) -> float:
        """About how many frames an utterance has."""
        return 120.0 if self.source == "synthetic" else 900.0

    def work(self) -> float:
        each = 0.15 if self.source == "synthetic" else 0.5  # a phrase, a recorded sentence
        return (self.train + self.dev + self.test) * each


class CodebookSpec(Spec):
    """Discrete units of the sound of a speech corpus: centers of its frames by k-means.

    The unit of a frame is the center nearest to it. units: how many; frames: of the train split
    that the centers are fitted on, at most; seed: of the first centers.
    """

    kind: Literal["codebook"] = "codebook"
    corpus: SpeechSpec
    units: Units = 50
    frames: int = Field(default=CODEBOOK_FRAMES, ge=1)
    seed: int = 0
    table: ClassVar[str] = "codebooks"
    stages: ClassVar[tuple[str, ...]] = ("codebook",)

    @property
    def title(self) -> str:
        return f"{self.units} units of {self.corpus.name}"

    def needs(self) -> list[str]:
        return self.corpus.shards

    def steps(self) -> list[Spec]:
        return [*self.corpus.steps(), self]

    def work(self) -> float:
        frames = min(self.frames, self.corpus.train * self.corpus.frames)
        return ITERATIONS * frames * self.units * self.corpus.mels * 3 / 1e9
