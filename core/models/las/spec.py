"""Listen-Attend-Spell and the signatures of its layers (paper, section 8)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from core.corpora.speech.spec import SHARD, CodebookSpec, SpeechSpec
from core.profiles import DecoderBudget, LasBudget
from core.spec import Spec, added
from core.text import N_SYMBOLS

BASE_WIDTH = 128  # hidden units of a decoder, before its budget's multiples
SYMBOLS_PER_FRAME = 0.15  # of speech, for estimates
WINDOW = 7  # log-mel frames before and after the one at the moment, in the control without network

Half = Literal["both", "forward"]
Alignment = Literal["attention", "ctc", "words"]


class LasSpec(Spec):
    """A speech recognizer: bidirectional LSTM encoder, attention, and an LSTM that spells.

    layers, units: of the encoder, units for each direction. reduction: 10 ms frames to a step of
    its last layer. attention: size of the attention's hidden layer; location: whether it sees its
    own last weights. speller, embedding: units of the speller, and of a symbol in it.
    trained: False is the same network at its initial weights, the untrained floor.
    """

    kind: Literal["las"] = "las"
    corpus: SpeechSpec
    layers: int = Field(default=3, ge=3, le=8)
    units: int = Field(default=128, ge=1, le=2048)
    reduction: Literal[4, 8] = 4
    attention: int = Field(default=128, ge=1, le=2048)
    location: bool = True
    speller: int = Field(default=256, ge=1, le=4096)
    embedding: int = Field(default=64, ge=1, le=1024)
    profile: str
    budget: LasBudget
    seed: int = 0
    trained: bool = True
    table: ClassVar[str] = "models"
    stages: ClassVar[tuple[str, ...]] = ("las",)
    pace: ClassVar[tuple[str, ...]] = ("units", "trained")

    @property
    def title(self) -> str:
        untrained = "" if self.trained else "untrained "
        return f"{untrained}LAS [{self.layers},{self.units}] on {self.corpus.name}"

    def needs(self) -> list[str]:
        return self.corpus.parts

    def steps(self) -> list[Spec]:
        return [*self.corpus.steps(), self]

    def untrained(self) -> LasSpec:
        """The same network at its initial weights."""
        return self.model_copy(update={"trained": False})

    @property
    def aligner(self) -> LasSpec:
        """The model that places the symbols in time: itself, or the trained one like it.

        So a trained and an untrained network are measured at the same moments.
        """
        return self.model_copy(update={"trained": True})

    @property
    def alignment(self) -> str:
        """Key of the artifact with the moment of each symbol."""
        return f"{self.key}/alignment"

    @property
    def aligned(self) -> list[str]:
        """Keys of the parts of the train split whose symbols are placed in time."""
        return self.corpus.shards[: -(-self.budget.aligned // SHARD)]

    def work(self) -> float:
        budget, corpus = self.budget, self.corpus
        encoder = 8 * self.units * (2 * corpus.mels + self.units) / 2
        encoder += (self.layers - 1) * 8 * self.units * 4 * self.units / self.reduction
        speller = 4 * self.speller * (self.embedding + 2 * self.units + self.speller)
        weights = encoder + SYMBOLS_PER_FRAME * speller
        passes = 3 * budget.epochs * corpus.train if self.trained else 0
        passes += (budget.epochs + 2) * (budget.evaluate or corpus.dev)
        passes += min(budget.aligned, corpus.train)
        return passes * corpus.frames * 2 * weights / 1e9


class LasSignatureSpec(Spec):
    """The memory signature of one layer of a speech recognizer.

    layer: 'encoder 1' up to the last, 'query' (the speller's LSTM, which reads y_{i-1}), 'context'
    (what attention gives it), or 'log-mel' (no network at all: the frames around). state: 'c' or
    'h' of an LSTM, None of the others. half: of a bidirectional layer. alignment: how a symbol
    is placed in time; the query and the context have a state for each symbol and need none.
    min_lag, max_lag: the first and the last lag; below zero the decoder names a symbol that is
    still to come. codebook: what is recalled instead of symbols, units of sound; they need no
    alignment. Their lags are counted in frames, and there is a decoder for every `stride`-th.
    """

    kind: Literal["las_signature"] = "las_signature"
    model: LasSpec
    layer: str = Field(pattern=r"^(encoder [1-8]|query|context|log-mel)$")
    state: Literal["c", "h"] | None = "c"
    half: Half = "both"
    alignment: Alignment = "attention"
    decoder: Literal["mlp", "linear", "added"] = "mlp"
    min_lag: int = Field(ge=-64, le=0)
    max_lag: int = Field(ge=1, le=128)
    profile: str
    budget: DecoderBudget
    seed: int = 0
    codebook: CodebookSpec | None = added(None)
    table: ClassVar[str] = "signatures"
    pace: ClassVar[tuple[str, ...]] = ("decoder", "dim")

    @model_validator(mode="after")
    def _exists(self) -> LasSignatureSpec:
        encoder = self.encoder_layer
        if encoder and encoder > self.model.layers:
            raise ValueError(f"{self.layer} of an encoder of {self.model.layers} layers")
        if (self.state is None) != (self.layer in ("context", "log-mel")):
            raise ValueError(f"the {self.layer} has no state {self.state}")
        if not encoder and self.half != "both":
            raise ValueError(f"the {self.layer} is not bidirectional")
        if self.layer in ("query", "context") and self.alignment != "attention":
            raise ValueError(f"the {self.layer} needs no alignment")
        if self.alignment == "ctc" and not any(self.model.budget.ctc):
            raise ValueError("a model without CTC has no CTC alignment")
        return self

    @model_validator(mode="after")
    def _has_units(self) -> LasSignatureSpec:
        if not self.codebook:
            return self
        if self.codebook.corpus != self.corpus:
            raise ValueError(f"the units are those of {self.codebook.corpus.name}")
        if self.layer in ("query", "context"):
            raise ValueError(f"the {self.layer} goes by symbols, so it has no state at each frame")
        if self.alignment != "attention":
            raise ValueError("units need no alignment")
        if self.decoder == "added":
            raise ValueError("decoder 'added' recalls symbols, not units")
        if self.min_lag % self.stride or self.max_lag % self.stride:
            raise ValueError(f"lags of units are multiples of {self.stride} frames")
        return self

    @property
    def corpus(self) -> SpeechSpec:
        """What it is measured on."""
        return self.model.corpus

    @property
    def target(self) -> Literal["symbol", "unit"]:
        """What is recalled."""
        return "unit" if self.codebook else "symbol"

    @property
    def stride(self) -> int:
        """From one lag to the next: of units the frames of a step of the last encoder layer."""
        return self.model.reduction if self.codebook else 1

    @property
    def encoder_layer(self) -> int | None:
        """The number of an encoder layer, 1 being nearest the sound; None elsewhere."""
        return int(self.layer.split()[1]) if self.layer.startswith("encoder") else None

    @property
    def dim(self) -> int:
        """Numbers of a state."""
        model = self.model
        if self.layer == "query":
            return model.speller
        if self.layer == "log-mel":
            return (2 * WINDOW + 1) * self.corpus.mels
        return model.units * (1 if self.half == "forward" else 2)

    @property
    def stages(self) -> tuple[str, ...]:
        return ("las_states", self.decoder)

    @property
    def title(self) -> str:
        how = {"mlp": "signature", "linear": "linear preview", "added": "added bits"}[self.decoder]
        how += f" of {self.codebook.units} units" if self.codebook else ""
        half = " forward half" if self.half == "forward" else ""
        state = f" ({self.state})" if self.state else ""
        by = "" if self.alignment == "attention" else f", aligned by {self.alignment}"
        return f"{how}: {self.model.title}, {self.layer}{half}{state}{by}"

    def needs(self) -> list[str]:
        model = self.model
        parts = [*model.aligned, self.corpus.part("dev"), self.corpus.part("test")]
        return [*parts, model.key, self.codebook.key if self.codebook else model.aligner.alignment]

    def steps(self) -> list[Spec]:
        """The model, its aligner or the units, the linear preview of trained decoders, itself."""
        own = [self.preview(), self] if self.decoder == "mlp" else [self]
        if self.codebook:
            return [*self.model.steps(), self.codebook, *own]
        untrained = [] if self.model.trained else [self.model]
        return [*self.model.aligner.steps(), *untrained, *own]

    def preview(self) -> LasSignatureSpec:
        """The same signature by the linear decoder."""
        return self.model_copy(update={"decoder": "linear"})

    def added(self) -> LasSignatureSpec:
        """Its memory beyond inference: decoders that start from the recent floor."""
        return self.model_copy(update={"decoder": "added"})

    @property
    def floor(self) -> LasSignatureSpec | None:
        """The same decoders on the untrained network, at the same moments."""
        if not self.model.trained or self.layer == "log-mel":
            return None
        return self.model_copy(update={"model": self.model.untrained()})

    def work(self) -> float:
        budget, lags = self.budget, (self.max_lag - self.min_lag) // self.stride + 1
        labels = self.codebook.units if self.codebook else N_SYMBOLS
        if self.decoder == "linear":
            return budget.read_linear * 6 * self.dim * lags * labels / 1e9
        width = BASE_WIDTH * sum(budget.widths) / len(budget.widths)
        return budget.read * lags * width * 6 * (self.dim + labels) / 1e9
