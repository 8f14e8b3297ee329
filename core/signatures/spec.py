"""Decoders and the signature they measure."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from core import profiles
from core.cells import CELLS
from core.errors import BadInput
from core.models.base import AnyLanguageModel, LanguageModelSpec, check_alphabet
from core.probes.targets import MOST
from core.profiles import DecoderBudget
from core.spec import WHOLE_CORPUS, CorpusSpec, Spec, added


def known_state(name: str) -> str:
    """The name of a cell's state, or 'context', an n-gram's; ValueError for any other."""
    if name != "context" and not any(name in cell.states for cell in CELLS.values()):
        raise ValueError(f"no cell has a state {name!r}")
    return name


Decoder = Literal["mlp", "linear", "exact", "added"]
HOW = {  # in titles
    "mlp": "signature",
    "linear": "linear preview",
    "exact": "exact signature",
    "added": "added bits",
}
OF_WORDS = (  # for BadInput
    "{} is a corpus of words: its signatures recall its most frequent words, by the decoders 'mlp' "
    "and 'linear'."
)
MOST_LONGER = 4  # rounds beyond the budget's
Target = Literal["symbol", "class", "bigram", "trigram", "word"]  # of core.probes.targets
RECALLED: dict[Target, str] = {  # in titles
    "symbol": "",
    "class": " of classes",
    "bigram": " of bigrams",
    "trigram": " of trigrams",
    "word": " of words",
}
State = Annotated[str, AfterValidator(known_state)]


def _effort(profile: str, budget: DecoderBudget) -> str:
    """The profile of decoders of these rounds, which may be fewer than it has."""
    fewer = profiles.find(profile).decoders.rounds - budget.rounds
    return f"{profile}, {fewer} fewer" if fewer > 0 else profile


class SignatureSpec(Spec):
    """The memory signature of one layer of one model, measured on one corpus (paper, section 4).

    longer: how many rounds its decoders were trained beyond those of the budget; each is twice as
    long as the one before it, and goes on from where `shorter` stopped.
    target: what is recalled (paper, section 9).
    """

    kind: Literal["signature"] = "signature"
    model: AnyLanguageModel
    corpus: CorpusSpec
    layer: int = Field(ge=1)
    state: State
    decoder: Decoder
    max_lag: int = Field(ge=1, le=64)
    profile: str
    budget: DecoderBudget
    seed: int = 0
    longer: int = added(0, ge=0, le=MOST_LONGER)
    target: Target = added("symbol")
    table: ClassVar[str] = "signatures"

    def needs(self) -> list[str]:
        needs = [self.corpus.content, self.model.key]
        return [*needs, self.shorter.key] if self.longer else needs

    def steps(self) -> list[Spec]:
        """The model, the linear preview of trained decoders, and the signature itself."""
        if self.longer:
            return [*self.shorter.steps(), self]
        own = [self.preview(), self] if self.decoder == "mlp" else [self]
        return [*self.model.steps(), *own]

    @model_validator(mode="after")
    def _layer_exists(self) -> SignatureSpec:
        if self.layer > self.model.layers:
            raise ValueError(f"layer {self.layer} of a network of {self.model.layers} layers")
        return self

    @model_validator(mode="after")
    def _target_has_decoder(self) -> SignatureSpec:
        if self.corpus.words and (self.target != "symbol" or self.decoder in ("exact", "added")):
            raise ValueError(OF_WORDS.format(self.corpus.name))
        if self.target != "symbol" and self.decoder in ("exact", "added"):
            raise ValueError(
                f"decoder {self.decoder!r} recalls symbols, not target {self.target!r}"
            )
        return self

    @property
    def effort(self) -> str:
        """The profile that set the decoder budget, with the rounds beyond or short of it."""
        if self.longer:
            return f"{self.profile}, {self.longer} more"
        return _effort(self.profile, self.budget)

    @property
    def stages(self) -> tuple[str, ...]:
        return ("states", self.decoder)

    @property
    def dim(self) -> int:
        """Numbers of a state."""
        return self.model.dim(self.state)

    @property
    def title(self) -> str:
        how = HOW[self.decoder] + RECALLED[self.target]
        longer = f", decoders trained {2**self.longer} times as long" if self.longer else ""
        return f"{how}: {self.model.title}, layer {self.layer} ({self.state}){longer}"

    def preview(self) -> SignatureSpec:
        """The same signature by the linear decoder."""
        return self.model_copy(update={"decoder": "linear", "longer": 0})

    @property
    def shorter(self) -> SignatureSpec:
        """The same signature a round earlier."""
        return self.model_copy(update={"longer": self.longer - 1})

    def continued(self) -> SignatureSpec | None:
        """The same signature a round later; None where there is none."""
        if self.decoder != "mlp" or self.longer == MOST_LONGER:
            return None
        return self.model_copy(update={"longer": self.longer + 1})

    def added(self) -> SignatureSpec:
        """Its memory beyond inference: decoders that start from the recent floor.

        Raises BadInput for a corpus of words: the floor would not know the rare ones apart.
        """
        if self.corpus.words:
            raise BadInput(OF_WORDS.format(self.corpus.name))
        return self.model_copy(update={"decoder": "added", "longer": 0, "target": "symbol"})

    @property
    def floor(self) -> SignatureSpec | None:
        """The same decoders on the untrained network, the control for what training does."""
        untrained = self.model.untrained()
        return self.model_copy(update={"model": untrained}) if untrained else None

    def work(self) -> float:
        budget, lags, size = self.budget, self.max_lag + 1, self.dim
        symbols = self.corpus.symbols
        labels = symbols if self.target == "symbol" else MOST[self.target]
        if self.corpus.words:  # with as many symbols the hidden layer is about as wide as a state
            labels = MOST["word"]
        if self.decoder == "exact":
            return WHOLE_CORPUS * 2 * size * lags * symbols / 1e9
        if self.decoder == "linear":
            return budget.read_linear * 6 * size * lags * labels / 1e9
        read = budget.last_round << self.longer if self.longer else budget.read
        # The hidden layer is as wide as for symbols: about 4 units for each number of the state.
        weights = self.model.decoder(self.state) + 4 * size * (labels - symbols)
        if self.corpus.words:
            weights = size * (size + labels)
        return read * lags * 6 * max(weights, 1) / 1e9

    def alike(self, other: Spec) -> bool:
        return isinstance(other, SignatureSpec) and (
            (self.decoder, self.target, self.dim, self.corpus.words)
            == (other.decoder, other.target, other.dim, other.corpus.words)
        )


def signature_of(
    model: LanguageModelSpec,
    corpus: CorpusSpec,
    profile: str,
    layer: int = 1,
    state: str | None = None,
    decoder: Decoder = "mlp",
    seed: int = 0,
    hidden: int | None = None,
    target: Target = "symbol",
) -> SignatureSpec:
    """The signature of a model by a profile's budget.

    state: None takes the model's first. hidden: the size that the budget goes by (None: the
    model's own; an n-gram has none and takes that of the network it is compared with). Raises
    BadInput where the corpus has another alphabet than the model reads.
    """
    check_alphabet(model, corpus)
    budget = profiles.find(profile)
    return SignatureSpec(
        model=model,
        corpus=corpus,
        layer=layer,
        state=state or model.states[0],
        decoder=decoder,
        max_lag=budget.max_lag,
        profile=profile,
        budget=budget.decoders_for(hidden or model.hidden),
        seed=seed,
        target=target,
    )


class DetectorSpec(Spec):
    """Detectors of whether each frequent word was read before in the segment (paper, section 9).

    They read one layer of a model on one corpus, as a signature's decoders do. max_lag: up to how
    many words ago hits are counted.
    """

    kind: Literal["detectors"] = "detectors"
    model: AnyLanguageModel
    corpus: CorpusSpec
    layer: int = Field(ge=1)
    state: State
    max_lag: int = Field(ge=1, le=64)
    profile: str
    budget: DecoderBudget
    seed: int = 0
    table: ClassVar[str] = "detectors"
    stages: ClassVar[tuple[str, ...]] = ("states", "detectors")

    @classmethod
    def beside(cls, signature: SignatureSpec) -> DetectorSpec:
        """Detectors of the states that a signature's decoders read, as long trained."""
        facts = {name: getattr(signature, name) for name in cls.model_fields if name != "kind"}
        return cls(**facts)

    @property
    def effort(self) -> str:
        """The profile that set the budget, with the rounds short of it."""
        return _effort(self.profile, self.budget)

    @property
    def title(self) -> str:
        return f"words seen: {self.model.title}, layer {self.layer} ({self.state})"

    def needs(self) -> list[str]:
        return [self.corpus.content, self.model.key]

    def steps(self) -> list[Spec]:
        return [*self.model.steps(), self]

    @property
    def floor(self) -> DetectorSpec | None:
        """The same detectors on the untrained network, the control for what training does."""
        untrained = self.model.untrained()
        return self.model_copy(update={"model": untrained}) if untrained else None

    def work(self) -> float:
        return 2 * self.budget.read_linear * 6 * self.model.decoder(self.state) / 1e9
