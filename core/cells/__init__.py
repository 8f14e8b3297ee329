"""The recurrent cells a language model can be built of. To add one: a file and its name here.

Their facts are read without torch, which only the functions that compute with a cell load.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

from pydantic import AfterValidator

from core.cells.cell import Cell
from core.errors import BadInput

NAMES = (  # in the order of every list
    "gru",
    "lstm",
    "elman",
    "mingru",
    "minlstm",
    "lru",
    "s6",
    "mlstm",
    "deltanet",
)
CELLS: dict[str, Cell] = {name: import_module(f"{__name__}.{name}").CELL for name in NAMES}


def names(factorizes: bool = False) -> list[str]:
    """The names of all cells, or of those that factorize."""
    return [cell.name for cell in CELLS.values() if cell.factorizes or not factorizes]


def find(name: str, factorizes: bool = False) -> Cell:
    """The cell of that name; factorizes: it must be one that does.

    Raises BadInput with one sentence if there is none.
    """
    fit = names(factorizes)
    if name not in CELLS:
        raise BadInput(f"There is no cell {name!r}; choose one of {', '.join(fit)}.")
    if name not in fit:
        raise BadInput(
            f"The cell {label(name)} has no kernel over input and state, which is needed here; "
            f"choose one of {', '.join(fit)}."
        )
    return CELLS[name]


def label(name: str) -> str:
    """What people call a cell; anything else that has a name goes by that."""
    return CELLS[name].label if name in CELLS else name


CellName = Annotated[str, AfterValidator(lambda name: find(name).name)]
FactorizableName = Annotated[str, AfterValidator(lambda name: find(name, factorizes=True).name)]
