"""What the profiles mean: how much data and how many steps a result is computed with.

The numbers are data: they travel inside each spec, so changing one here makes new keys and
leaves old results as they are. Sizes are in symbols (models) and recurrent states (decoders).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import BadInput
from core.spec import Frozen

# The paper sweeps keep probabilities from 0.5 to 1 in steps of 0.1 (section 4).
KEEPS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class TrainingBudget(Frozen):
    """How long and how a language model is trained.

    symbols: training symbols used of the corpus (None: all). epochs: passes at most.
    batch: symbols a minibatch. keeps: keep probabilities tried, the best on dev wins.
    patience: epochs without a better dev perplexity before it stops.
    """

    symbols: int | None
    epochs: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    patience: int
    evaluate: int | None  # dev symbols scored after each epoch, and test symbols at the end


class DecoderBudget(Frozen):
    """How decoders are trained and measured.

    states, dev_states, test_states: recurrent states used of each split (None: all).
    epochs, batch, learning_rate: passes over the states, states a minibatch, the one-cycle peak.
    keeps: keep probabilities swept, chosen on dev per decoder.
    widths: multiples of the paper's kernel rule that are swept, chosen on dev.
    depth: hidden layers.
    """

    states: int | None
    dev_states: int | None
    test_states: int | None
    epochs: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    widths: tuple[float, ...]
    depth: int


class AtlasBudget(Frozen):
    """How much text the atlas is measured on.

    states, dev_states, test_states: recurrent states of each split for the linear decoders.
    left_out: dev symbols of each corpus on which a basis is left out.
    curve: kept bases at which pruning is measured; evaluate: test symbols of each corpus there.
    """

    states: int
    dev_states: int
    test_states: int
    left_out: int
    curve: tuple[int, ...]
    evaluate: int


class LasBudget(Frozen):
    """How long and how a speech recognizer is trained.

    epochs: passes over the train split at most. batch: padded steps of the encoder's last layer in
    a minibatch. learning_rate: the one-cycle peak. smoothing: of the labels. ctc: weight of the
    CTC loss at the start and at the end (0, 0: no CTC). patience: epochs without a better character
    error rate on dev before it stops. evaluate: utterances of dev and of test that are transcribed
    (None: all). aligned: training utterances whose symbols get a place in time, for signatures.
    """

    epochs: int
    batch: int
    learning_rate: float
    smoothing: float
    ctc: tuple[float, float]
    patience: int
    evaluate: int | None
    aligned: int


@dataclass(frozen=True)
class Listening:
    """The budget of a speech recognizer and of the signatures of its layers (section 8).

    utterances: of train, dev and test at most (None: all). units: of an encoder layer, each
    direction; attention, speller, embedding: sizes. decoders: their widths are multiples of 128
    hidden units. min_lag, max_lag: symbols ahead (below zero) and back.
    """

    utterances: tuple[int | None, int | None, int | None]
    units: int
    attention: int
    speller: int
    embedding: int
    training: LasBudget
    decoders: DecoderBudget
    min_lag: int
    max_lag: int


@dataclass(frozen=True)
class Profile:
    """A named budget.

    retraining: of a model that starts from another's weights (section 6); sizes: hidden sizes of
    the size sweep (Fig. 2); deep: (layers, hidden) of the depth figure (Fig. 3); max_lag: Δ;
    swept: the largest hidden size whose decoders sweep the keep probabilities, larger ones take
    the last of them. atlas: of the bases of a factorized kernel; factorized: its hidden size;
    listening: of speech.
    """

    name: str
    about: str
    training: TrainingBudget
    retraining: TrainingBudget
    decoders: DecoderBudget
    sizes: tuple[int, ...]
    deep: tuple[int, int]
    max_lag: int
    swept: int
    atlas: AtlasBudget
    factorized: int
    listening: Listening

    def decoders_for(self, hidden: int) -> DecoderBudget:
        """The decoder budget for a network of that hidden size."""
        keeps = self.decoders.keeps if hidden <= self.swept else self.decoders.keeps[-1:]
        return self.decoders.model_copy(update={"keeps": keeps})


_SMOKE = TrainingBudget(
    symbols=60_000,
    epochs=1,
    batch=2048,
    learning_rate=5e-3,
    keeps=(1.0,),
    patience=1,
    evaluate=10_000,
)
_LAPTOP = TrainingBudget(
    symbols=1_200_000,
    epochs=3,
    batch=2048,
    learning_rate=5e-3,
    keeps=(1.0,),
    patience=2,
    evaluate=100_000,
)
_PAPER = TrainingBudget(
    symbols=None, epochs=20, batch=4096, learning_rate=3e-3, keeps=KEEPS, patience=3, evaluate=None
)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            about="seconds; for tests, too short to mean anything",
            training=_SMOKE,
            retraining=_SMOKE.model_copy(update={"epochs": 2, "learning_rate": 2e-3}),
            decoders=DecoderBudget(
                states=10_000,
                dev_states=4_000,
                test_states=6_000,
                epochs=2,
                batch=512,
                learning_rate=3e-3,
                keeps=(1.0,),
                widths=(1.0,),
                depth=1,
            ),
            sizes=(16, 32),
            deep=(2, 16),
            max_lag=6,
            swept=4096,
            atlas=AtlasBudget(
                states=600,
                dev_states=200,
                test_states=600,
                left_out=300,
                curve=(0, 34, 340, 1156),
                evaluate=1_000,
            ),
            factorized=16,
            listening=Listening(
                utterances=(60, 20, 20),
                units=16,
                attention=16,
                speller=32,
                embedding=16,
                training=LasBudget(
                    epochs=1,
                    batch=1000,
                    learning_rate=5e-3,
                    smoothing=0.05,
                    ctc=(0.5, 0.2),
                    patience=1,
                    evaluate=20,
                    aligned=1000,
                ),
                decoders=DecoderBudget(
                    states=4_000,
                    dev_states=1_000,
                    test_states=1_000,
                    epochs=20,
                    batch=256,
                    learning_rate=1e-2,
                    keeps=(1.0,),
                    widths=(0.25,),
                    depth=1,
                ),
                min_lag=-2,
                max_lag=5,
            ),
        ),
        Profile(
            name="laptop",
            about="minutes on two cores; part of the corpus",
            training=_LAPTOP,
            retraining=_LAPTOP.model_copy(update={"epochs": 12, "learning_rate": 2e-3}),
            decoders=DecoderBudget(
                states=100_000,
                dev_states=16_000,
                test_states=60_000,
                epochs=3,
                batch=512,
                learning_rate=5e-3,
                keeps=(0.8, 0.9, 1.0),
                widths=(1.0,),
                depth=1,
            ),
            sizes=(40, 80, 160, 320),
            deep=(4, 160),
            max_lag=10,
            swept=80,
            atlas=AtlasBudget(
                states=15_000,
                dev_states=3_000,
                test_states=15_000,
                left_out=10_000,
                curve=(0, 16, 64, 128, 256, 384, 512, 640, 768, 896, 1024, 1156),
                evaluate=40_000,
            ),
            factorized=160,
            listening=Listening(
                utterances=(3000, 300, 1000),
                units=128,
                attention=128,
                speller=256,
                embedding=64,
                training=LasBudget(
                    epochs=8,
                    batch=1000,
                    learning_rate=2e-3,
                    smoothing=0.05,
                    ctc=(0.5, 0.2),
                    patience=4,
                    evaluate=300,
                    aligned=4000,
                ),
                decoders=DecoderBudget(
                    states=60_000,
                    dev_states=10_000,
                    test_states=20_000,
                    epochs=4,
                    batch=512,
                    learning_rate=5e-3,
                    keeps=(0.9,),
                    widths=(0.5, 1.0),
                    depth=1,
                ),
                min_lag=-3,
                max_lag=10,
            ),
        ),
        Profile(
            name="paper",
            about="the paper's sizes and sweeps on the whole corpus; wants a GPU",
            training=_PAPER,
            retraining=_PAPER.model_copy(update={"learning_rate": 1e-3}),
            decoders=DecoderBudget(
                states=None,
                dev_states=100_000,
                test_states=None,
                epochs=4,
                batch=1024,
                learning_rate=3e-3,
                keeps=KEEPS,
                widths=(0.5, 1.0, 2.0),
                depth=1,
            ),
            sizes=(80, 160, 320, 640),
            deep=(4, 320),
            max_lag=15,
            swept=4096,
            atlas=AtlasBudget(
                states=100_000,
                dev_states=20_000,
                test_states=100_000,
                left_out=50_000,
                curve=(0, 16, 32, 64, 128, 192, 256, 384, 512, 640, 768, 896, 1024, 1156),
                evaluate=200_000,
            ),
            factorized=160,
            listening=Listening(
                utterances=(None, None, None),
                units=256,
                attention=128,
                speller=512,
                embedding=64,
                training=LasBudget(
                    epochs=20,
                    batch=8000,
                    learning_rate=1e-3,
                    smoothing=0.05,
                    ctc=(0.5, 0.2),
                    patience=4,
                    evaluate=None,
                    aligned=20_000,
                ),
                decoders=DecoderBudget(
                    states=1_000_000,
                    dev_states=100_000,
                    test_states=None,
                    epochs=4,
                    batch=1024,
                    learning_rate=3e-3,
                    keeps=KEEPS,
                    widths=(0.5, 1.0, 2.0, 4.0),
                    depth=1,
                ),
                min_lag=-5,
                max_lag=15,
            ),
        ),
    )
}


def find(name: str) -> Profile:
    """The profile of that name. Raises BadInput for an unknown one."""
    if name not in PROFILES:
        raise BadInput(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
