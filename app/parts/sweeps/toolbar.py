"""The toolbar of the Sweeps page: its choices give the sweep that is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from app.parts import study
from app.pictures import look, sweeps
from app.shell import choices, pickers
from core.cells import CELLS, label
from core.paper.studies import STUDIES, Choices, Plan
from core.paper.studies.signature import HIDDEN
from core.paper.studies.study import CELLS_OF_PAPER
from core.profiles import find

SIZES_MOST = 8
BOTH = "-".join(CELLS_OF_PAPER)


@dataclass(frozen=True)
class Sweep:
    """Networks that differ in one thing.

    study: its name. columns: of the matrix, each as the values of its rows and its label. note: on
    what the paper has, where that is not what is shown.
    """

    study: str
    choices: Choices
    columns: sweeps.Columns
    note: str

    @cached_property
    def plan(self) -> Plan:
        return STUDIES[self.study].plan(self.choices)

    @property
    def keys(self) -> list[str]:
        """Of all signatures that are drawn; the controls stand beside them in their rows."""
        return [spec.key for spec in self.plan.drawn.values()]

    @property
    def lags(self) -> int:
        return find(self.choices.profile).max_lag

    @property
    def many_seeds(self) -> bool:
        return self.study == "size" and len(self.choices.seeds) > 1

    def file_name(self, what: str) -> str:
        """The name under which something of this sweep is saved."""
        corpus = self.choices.corpus.name if self.choices.corpus else ""
        return look.file_name(what, corpus, self.choices.profile)


def sizes() -> Sweep:
    """Fig. 2: networks of several hidden sizes."""
    selected = _corpus_profile_cells()
    text = choices.typed(
        "sizes",
        "Hidden sizes",
        " ".join(map(str, find(selected.profile).sizes)),
        read_sizes,
        width=170,
        help=f"Up to {SIZES_MOST} numbers up to 4096; what is computed stays.",
    )
    seeds = choices.select(
        "seeds",
        "Seeds",
        range(1, 6),
        1,
        width=80,
        help="Networks of each size; their mean is shown",
    )
    listed = tuple(map(int, text.split()))
    return Sweep(
        "size",
        replace(selected, sizes=listed, seeds=tuple(range(seeds))),
        [({"hidden": hidden}, f"[1,{hidden}]") for hidden in listed],
        "" if listed == find("paper").sizes else "The paper: [1,80] to [1,640].",
    )


def layers() -> Sweep:
    """Fig. 3: the layers of one deep network."""
    selected = _corpus_profile_cells()
    depth, usual = find(selected.profile).deep
    hidden = pickers.hidden_choice("deep", usual, (80, 160, 320, 640))
    return Sweep(
        "depth",
        replace(selected, hidden=hidden),
        [({"layer": layer}, f"layer {layer}") for layer in range(1, depth + 1)],
        "" if (depth, hidden) == find("paper").deep else "The paper: [4,320].",
    )


def compared() -> Sweep:
    """Beyond the paper: every cell, with the numbers of an LSTM of some size."""
    corpus = pickers.corpus_choice("corpus", "Corpus", STUDIES["cells"].corpora["corpus"])
    profile = pickers.profile_choice()
    usual, sizes = find(profile).compared, (16, 24, 40, 80, 160)
    hidden = pickers.hidden_choice("compared", usual, sizes, of="the LSTM that is equaled")
    selected = Choices(profile, corpus=pickers.read(corpus), hidden=hidden)
    return Sweep("cells", selected, [], "The paper has the GRU and the LSTM.")


def targets() -> Sweep:
    """Beyond the paper: what the network of Fig. 1 recalls of larger units than symbols."""
    corpus = pickers.corpus_choice("corpus", "Corpus", STUDIES["targets"].corpora["corpus"])
    profile = pickers.profile_choice()
    hidden = pickers.hidden_choice("recalled", HIDDEN, (16, 40, 80, 160))
    selected = Choices(profile, corpus=pickers.read(corpus), hidden=hidden)
    return Sweep("targets", selected, [], "The paper proposes n-grams, tokens and words.")


def _corpus_profile_cells() -> Choices:
    """The choices of either figure."""
    corpus = pickers.corpus_choice("corpus", "Corpus", study.default_corpus())
    profile = pickers.profile_choice()
    cells = choices.select(
        "cells", "Cells", [BOTH, *CELLS], BOTH, width=125, format_func=_cell_names
    )
    return Choices(profile, corpus=pickers.read(corpus), cells=tuple(cells.split("-")))


def _cell_names(cells: str) -> str:
    """Such as "GRU, LSTM and minGRU"."""
    *others, last = map(label, cells.split("-"))
    return f"{', '.join(others)} and {last}" if others else last


def read_sizes(text: str) -> str | None:
    """Hidden sizes as a person types them, put in order; None for what is not a list of them."""
    parts = "".join(c if c.isdecimal() else " " for c in text).split()
    numbers = sorted({int(part) for part in parts if len(part) < 5})
    allowed = 1 <= len(numbers) <= SIZES_MOST and numbers[0] >= 1 and numbers[-1] <= 4096
    odd = any(c.isalpha() or c == "." for c in text) or any(len(part) > 4 for part in parts)
    return " ".join(map(str, numbers)) if allowed and not odd else None
