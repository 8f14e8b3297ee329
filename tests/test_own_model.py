"""The examples of docs/own-model.md do what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
import torch

from core import cli
from core.library import find_model
from core.models.imported import packages, reader
from core.store import Store
from tests.core.elsewhere import files, trained

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "own-model.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_lines_turn_a_state_dict_into_a_model(
    store: Store,
    tmp_path: Path,
    text: bytes,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = trained(text.decode().splitlines()[:5])
    torch.save(model.state_dict(), tmp_path / "model.pt")
    convert, *_ = blocks("python")
    assert len([line for line in convert.splitlines() if line]) == 3
    run(convert, tmp_path)
    (tmp_path / "model.json").write_bytes(files(model)[1])
    monkeypatch.chdir(tmp_path)
    commands = [line.split()[3:] for line in blocks("sh")[0].strip().splitlines()]
    assert [command[0] for command in commands] == ["import-model", "signature"]
    assert cli.main(commands[0]) == 0
    said = json.loads(blocks("json")[0])
    assert set(said) <= {"cell", "layers", "symbols", "embedding", "projection"}
    assert len(reader.describe(blocks("json")[0].encode()).symbols) == 32
    assert find_model("model", store).key[:12] in capsys.readouterr().out


def test_the_notebook_forgets_what_it_need_not_know(tmp_path: Path) -> None:
    _, train, draw, _, _ = blocks("python")
    shown = run(train + draw + "print(marginal['lag'].to_list())", tmp_path)
    assert "loss 0.0" in shown and "[0, 1, 2, 3, 4, 5, 6]" in shown
    assert "plotly" in (tmp_path / "signature.html").read_text()


@pytest.mark.skipif(find_spec("transformers") is None, reason="pip install transformers")
def test_a_model_of_transformers_is_read_as_it_is(tmp_path: Path) -> None:
    *_, pretrained, _ = blocks("python")
    assert run(pretrained, tmp_path).strip() == "[(100, 12, 512), (100, 12, 512)]"


@pytest.mark.skipif("g2p-en" not in packages.installed(), reason="pip install --no-deps g2p-en")
def test_an_encoder_of_words_recalls_more_ten_back_because_it_holds_the_first_letter(
    store: Store, tmp_path: Path
) -> None:
    *_, encoder = blocks("python")
    shown = run(encoder + "places.write_csv('places.csv'); print(recall[5], recall[10])", tmp_path)
    five, ten = map(float, shown.split()[-2:])
    assert ten > five + 0.03
    places = pl.read_csv(tmp_path / "places.csv").filter(pl.col("lag") == 10).sort("place")
    first, second, *_ = places["accuracy"]
    assert first > 0.45 and first > second + 0.15
