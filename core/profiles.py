"""What the profiles mean: how much data and how many steps a result is computed with.

The numbers are data: they travel inside each spec, so changing one here makes new keys and
leaves old results as they are. Sizes are in symbols (models) and recurrent states (decoders).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.cells import CELLS
from core.errors import BadInput
from core.spec import Frozen, added

# The paper sweeps keep probabilities from 0.5 to 1 in steps of 0.1 (section 4).
KEEPS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class TrainingBudget(Frozen):
    """How long and how a language model is trained.

    symbols: training symbols read in an epoch, other ones each time until all have been read
    (None: all). epochs: how many, at most. batch: symbols a minibatch. learning_rate: the peak.
    keeps: keep probabilities tried, the best on dev wins. patience: epochs without a better dev
    perplexity before it stops. drops: 0 is a one-cycle rate over all epochs; otherwise the rate
    stays at its peak, and where patience ends it is quartered instead, so many times before
    training stops.
    """

    symbols: int | None
    epochs: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    patience: int
    evaluate: int | None  # dev symbols scored after each epoch, and test symbols at the end
    drops: int = added(0, ge=0)

    @property
    def text(self) -> int | None:
        """The most symbols of a corpus that training reads, repeats not counted (None: all)."""
        return None if self.symbols is None else self.symbols * self.epochs


class DecoderBudget(Frozen):
    """How decoders are trained and measured.

    states, dev_states, test_states: recurrent states used of each split (None: all).
    rounds, steps: rounds of training, at most, and minibatches of the first one; each is twice as
    long as the one before (core.probes.rounds).
    batch, learning_rate: states a minibatch, and the rate from which each round goes down to zero.
    keeps: keep probabilities tried, chosen on dev per decoder.
    widths: multiples of the paper's kernel rule that are tried, chosen on dev.
    depth: hidden layers.
    """

    states: int | None
    dev_states: int | None
    test_states: int | None
    rounds: int
    steps: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    widths: tuple[float, ...]
    depth: int

    @property
    def read(self) -> int:
        """States that the decoders of one lag read in training, all of them together.

        After each round half of the keep probabilities and widths is dropped.
        """
        settings, minibatch = len(self.keeps) * len(self.widths), self.steps * self.batch
        return minibatch * sum(-(-settings // 2**n) * 2**n for n in range(self.rounds))

    @property
    def last_round(self) -> int:
        """States that the decoder of one lag reads in the last round."""
        return self.batch * self.steps << (self.rounds - 1)

    @property
    def read_linear(self) -> int:
        """States that linear decoders read in training, which sweep nothing."""
        return self.batch * self.steps * (2**self.rounds - 1)


class AtlasBudget(Frozen):
    """How much text the atlas is measured on.

    states, dev_states, test_states: recurrent states of each split for the linear decoders.
    steps: minibatches of their first round of training (core.models.factorized.ruler).
    left_out: dev symbols of each corpus on which a basis is left out.
    curve: kept bases at which pruning is measured; evaluate: test symbols of each corpus there.
    """

    states: int
    dev_states: int
    test_states: int
    steps: int
    left_out: int
    curve: tuple[int, ...]
    evaluate: int


class LasBudget(Frozen):
    """How long and how a speech recognizer is trained.

    epochs: passes over the train split at most. batch: padded steps of the encoder's last layer in
    a minibatch. learning_rate: the peak. smoothing: of the labels. ctc: weight of the CTC loss at
    the start and at the end (0, 0: no CTC). patience, drops: as of a `TrainingBudget`, by the
    character error rate on dev. evaluate: utterances of dev and of test that are transcribed
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
    drops: int = added(0, ge=0)


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

    sizes: hidden sizes of the size sweep (Fig. 2); deep: (layers, hidden) of the depth figure
    (Fig. 3); hidden: units of retraining and of the network against the n-gram (Figs. 4 and 5);
    factorized: units of the factorized network (Fig. 6); compared, compared_epochs,
    compared_rounds: units of the LSTM that every cell is matched to, epochs and rounds of decoders
    of that study; own_rates:
    whether each cell has its own peak rate there (core.cells); max_lag: Δ;
    long: the largest hidden size whose decoders are trained with all of the budget's steps, those
    of larger ones with half.
    retraining: of a model that starts from another's weights (section 6); atlas: of the bases of a
    factorized kernel; listening: of speech.
    """

    name: str
    about: str
    sizes: tuple[int, ...]
    deep: tuple[int, int]
    hidden: int
    factorized: int
    compared: int
    own_rates: bool
    compared_epochs: int
    compared_rounds: int
    max_lag: int
    long: int
    training: TrainingBudget
    retraining: TrainingBudget
    decoders: DecoderBudget
    atlas: AtlasBudget
    listening: Listening

    def training_for(self, cell: str, layers: int, hidden: int) -> TrainingBudget:
        """The training budget of a network of that cell and shape.

        A GRU that is wider or deeper than [1,80] gets worse at the rate that suits all others, and
        takes half of it (docs/log.md). A network of several layers may train for half as many
        epochs again: it needs longer to finish.
        """
        budget = self.training
        changes: dict[str, Any] = {}
        if layers > 1:
            changes["epochs"] = 3 * budget.epochs // 2
        if cell == "gru" and (layers > 1 or hidden > 80):
            changes["learning_rate"] = budget.learning_rate / 2
        return budget.model_copy(update=changes)

    def compared_for(self, cell: str, hidden: int) -> TrainingBudget:
        """The training budget of a network of the study that compares the cells."""
        budget = self.training_for(cell, 1, hidden)
        rate = self.chosen_rate(cell, hidden) or budget.learning_rate
        epochs = self.compared_epochs
        # The rate goes down by the clock: all networks read equally much.
        fixed = {"epochs": epochs, "patience": epochs, "drops": 0, "learning_rate": rate}
        return budget.model_copy(update=fixed)

    def chosen_rate(self, cell: str, hidden: int) -> float | None:
        """The peak rate chosen on dev for a network of that study; None where none was searched."""
        return CELLS[cell].rates.get(hidden) if self.own_rates else None

    def decoders_for(self, hidden: int) -> DecoderBudget:
        """The decoder budget for a network of that hidden size."""
        steps = self.decoders.steps if hidden <= self.long else self.decoders.steps // 2
        return self.decoders.model_copy(update={"steps": steps})


NAMES = ("smoke", "laptop", "desk", "paper")
ABOUT = (
    "seconds; for tests, too short to mean anything",
    "minutes on two cores; a quarter of the paper's sizes, without its sweeps",
    "days on two cores; the paper's sizes on the whole corpus, without its sweeps",
    "the paper's sizes and sweeps on the whole corpus; wants a GPU",
)
ONE = (1.0,)  # no dropout: nothing is swept

# Setting by setting what each profile takes, in the order of NAMES: smoke, laptop, desk, paper.
# None means all that there is. Smoke is to run every line of the program within seconds, so its
# numbers are just large enough for that; the reasons given are those of the others.
Row = tuple[Any, Any, Any, Any]
_NETWORKS: dict[str, Row] = {
    # The paper's sizes in Figs. 2 and 3. A laptop takes a quarter of each: it cannot train larger
    # networks to their end within the 25 minutes of a figure.
    "sizes": ((16, 32), (20, 40, 80, 160), (80, 160, 320, 640), (80, 160, 320, 640)),
    "deep": ((2, 16), (4, 80), (4, 320), (4, 320)),
    # Of both size sweeps, so that profiles can be compared.
    "hidden": (16, 160, 160, 160),
    "factorized": (16, 80, 160, 160),
    # A memory of 16 numbers a unit is read whole at 16; nine cells, trained and untrained, must not
    # take a laptop longer than a figure. No size of Figs. 2 and 3, as these are trained less.
    "compared": (24, 16, 32, 160),
    "own_rates": (False, True, False, False),  # they were searched with its two epochs
    "compared_epochs": (1, 2, 20, 20),
    "compared_rounds": (1, 2, 3, 4),
    "max_lag": (6, 10, 15, 15),  # about as many as the figures show; recall is near its floor there
    # A step of [1,160] takes a laptop three times as long as one of [1,80].
    "long": (4096, 80, 160, 4096),
}
_TRAINING: dict[str, Row] = {
    # The corpora hold about four million, so a laptop measures on dev four times a pass.
    "symbols": (60_000, 1_000_000, 1_000_000, None),
    "epochs": (1, 30, 40, 20),  # at most: training stops by dev
    # Lines of text are long, so these are 20 to 50 at once; 4,096 are faster and learn less.
    "batch": (2048, 2048, 2048, 4096),
    "learning_rate": (5e-3, 1e-2, 5e-3, 3e-3),
    # Each keep probability is a whole training: on two cores it goes without dropout.
    "keeps": (ONE, ONE, ONE, KEEPS),
    "patience": (1, 1, 2, 3),
    "evaluate": (10_000, 100_000, 200_000, None),
    # A rate that goes down by the clock leaves no network at its end; one that goes down where dev
    # stops falling does (docs/log.md).
    "drops": (0, 3, 4, 0),
}
_RETRAINING = _TRAINING | {
    # A pass over a twentieth of the target is short, and trained weights want smaller steps.
    "epochs": (2, 30, 40, 20),
    "learning_rate": (2e-3, 2e-3, 2e-3, 1e-3),
}
_DECODERS: dict[str, Row] = {
    # More states are worth more than more passes: a laptop's decoders read most of these once.
    "states": (10_000, 600_000, 1_500_000, None),
    "dev_states": (4_000, 16_000, 50_000, 100_000),
    # A recall of one half is known to ±0.4 % at best from 60,000.
    "test_states": (6_000, 60_000, 100_000, None),
    "rounds": (2, 3, 4, 4),
    "steps": (20, 400, 400, 1000),
    "batch": (512, 512, 512, 1024),  # on a CPU memory traffic dominates from 1,024 on
    "learning_rate": (2e-2, 2e-2, 2e-2, 2e-2),
    "keeps": (ONE, ONE, ONE, KEEPS),  # on so many states dropout pays nothing
    "widths": (ONE, ONE, ONE, (0.5, 1.0, 2.0)),  # the paper tried "a variety of decoder sizes"
    "depth": (1, 1, 1, 1),  # Fig. 3's decoders of depth two are asked for by that study
}
_ATLAS: dict[str, Row] = {
    # Each of 1,156 bases and each control runs over all of these, so they are few.
    "states": (600, 15_000, 15_000, 100_000),
    "dev_states": (200, 3_000, 3_000, 20_000),
    "test_states": (600, 15_000, 15_000, 100_000),
    "steps": (4, 60, 60, 400),
    "left_out": (300, 10_000, 10_000, 50_000),  # one pass for each basis
    # From none of the bases to all 1,156.
    "curve": (
        (0, 34, 340, 1156),
        (0, 16, 64, 128, 256, 384, 512, 640, 768, 896, 1024, 1156),
        (0, 16, 64, 128, 256, 384, 512, 640, 768, 896, 1024, 1156),
        (0, 16, 32, 64, 128, 192, 256, 384, 512, 640, 768, 896, 1024, 1156),
    ),
    "evaluate": (1_000, 40_000, 40_000, 200_000),
}
_LISTENING: dict[str, Row] = {
    "utterances": ((60, 20, 20), (3000, 300, 1000), (6000, 500, 1000), (None, None, None)),
    # A laptop takes half of the paper profile's units.
    "units": (16, 128, 256, 256),
    "attention": (16, 128, 128, 128),
    "speller": (32, 256, 512, 512),
    "embedding": (16, 64, 64, 64),
    # Below zero are symbols still to come, which a bidirectional encoder has heard already.
    "min_lag": (-2, -3, -5, -5),
    "max_lag": (5, 10, 15, 15),
}
_LAS: dict[str, Row] = {
    "epochs": (1, 40, 20, 20),  # a laptop's stops by dev
    "batch": (1000, 1000, 1000, 8000),  # padded steps of the encoder's last layer
    "learning_rate": (5e-3, 2e-3, 1e-3, 1e-3),
    "smoothing": (0.05, 0.05, 0.05, 0.05),
    # Heavier at the start, where attention does not go forward yet.
    "ctc": ((0.5, 0.2), (0.5, 0.2), (0.5, 0.2), (0.5, 0.2)),
    "patience": (1, 2, 4, 4),
    "drops": (0, 3, 0, 0),
    "evaluate": (20, 300, 300, None),  # spelling goes symbol by symbol, which takes long
    "aligned": (1000, 4000, 8000, 20_000),
}
_LAS_DECODERS: dict[str, Row] = {
    "states": (4_000, 60_000, 120_000, 1_000_000),
    "dev_states": (1_000, 10_000, 10_000, 100_000),
    "test_states": (1_000, 20_000, 20_000, None),
    "rounds": (2, 3, 4, 4),
    "steps": (40, 100, 200, 500),
    "batch": (256, 512, 512, 1024),
    "learning_rate": (2e-2, 2e-2, 2e-2, 2e-2),
    "keeps": (ONE, (0.9,), (0.9,), KEEPS),
    "widths": ((0.25,), (0.5, 1.0), (0.5, 1.0), (0.5, 1.0, 2.0, 4.0)),  # multiples of 128 units
    "depth": (1, 1, 1, 1),
}

TRIED_RATES = (
    1e-2,
    2e-2,
    4e-2,
    8e-2,
    1.6e-1,
    3.2e-1,
)  # the peak rates among which a cell's are chosen


def at_end(rate: float) -> bool:
    """Whether it is the lowest or the highest rate tried, so that one beyond might be better."""
    return rate in (TRIED_RATES[0], TRIED_RATES[-1])


def _profile(place: int) -> Profile:
    """The profile in that column of the tables."""

    def column(table: dict[str, Row]) -> dict[str, Any]:
        return {setting: values[place] for setting, values in table.items()}

    return Profile(
        name=NAMES[place],
        about=ABOUT[place],
        **column(_NETWORKS),
        training=TrainingBudget(**column(_TRAINING)),
        retraining=TrainingBudget(**column(_RETRAINING)),
        decoders=DecoderBudget(**column(_DECODERS)),
        atlas=AtlasBudget(**column(_ATLAS)),
        listening=Listening(
            **column(_LISTENING),
            training=LasBudget(**column(_LAS)),
            decoders=DecoderBudget(**column(_LAS_DECODERS)),
        ),
    )


PROFILES = {name: _profile(place) for place, name in enumerate(NAMES)}


def find(name: str) -> Profile:
    """The profile of that name. Raises BadInput for an unknown one."""
    if name not in PROFILES:
        raise BadInput(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
