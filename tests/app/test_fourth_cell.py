"""To add a cell takes one file and one line: shown on a copy of the program."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
RNN = '''"""The plain recurrent cell."""

from core.cells.cell import Cell, first


def layer(inputs, hidden):
    from torch import nn

    return nn.RNN(inputs, hidden)


def unroll(layer, x):
    return {"h": first(layer, x)}


CELL = Cell("rnn", "RNN", ("h",), 1, layer, first, unroll)
'''


@pytest.mark.slow
def test_a_cell_is_one_file_and_one_line(tmp_path: Path) -> None:
    for folder in ("core", "app", "tests"):
        unneeded = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=unneeded)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / "core" / "cells" / "rnn.py").write_text(RNN)
    names = tmp_path / "core" / "cells" / "__init__.py"
    before = names.read_text()
    names.write_text(before.replace('"deltanet",\n', '"deltanet",\n    "rnn",\n', 1))
    assert names.read_text() != before
    files = ("app/fourth_cell.py", "core/cells/test_cells.py", "core/probes/test_states.py")
    command = [sys.executable, "-m", "pytest", *(f"tests/{name}" for name in files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
