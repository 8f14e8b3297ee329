"""The recurrent cells a language model can be built of. To add one: a file and a line here."""

from core.cells import gru, lstm
from core.cells.cell import Cell

CELLS: dict[str, Cell] = {cell.name: cell for cell in (gru.CELL, lstm.CELL)}
