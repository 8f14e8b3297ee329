"""Networks that other packages hold: the encoder of g2p-en, where it is installed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.models.imported import packages, reader
from core.models.imported.network import notes
from core.text import encode


def put(folder: Path, **tensors: np.ndarray) -> Path:
    """A package of that name as pip lays it down, with these tensors in its file."""
    data = io.BytesIO()
    np.savez(data, **tensors)
    (folder / "g2p_en").mkdir()
    (folder / "g2p_en" / "checkpoint20.npz").write_bytes(data.getvalue())
    facts = folder / "g2p_en-2.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: g2p-en\nVersion: 2.1.0\n")
    return folder


def test_a_package_is_read_as_data_and_reads_a_word_as_its_own_equations_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    shapes = {"enc_emb": (29, 8), "enc_w_ih": (36, 8), "enc_w_hh": (36, 12)}
    shapes |= {"enc_b_ih": (36,), "enc_b_hh": (36,)}
    held = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    monkeypatch.syspath_prepend(put(tmp_path, **held))
    assert "g2p-en" in packages.installed()
    network = reader.read(*packages.files("g2p-en"), "g2p-en")
    assert network.spec.encoder and (network.spec.hidden, network.spec.embedding) == (12, 8)
    assert any("a space is read as its </s>" in note for note in notes(network.weights))
    model = reader.load(network.spec, network.weights)
    states = model.states(torch.from_numpy(encode("memory").astype(np.int64))[:, None], 1)["h"]
    h = np.zeros(12)
    for letter in "memory":  # g2p_en/g2p.py, `grucell`
        of_x = held["enc_w_ih"] @ held["enc_emb"][ord(letter) - ord("a") + 3] + held["enc_b_ih"]
        of_h = held["enc_w_hh"] @ h + held["enc_b_hh"]
        r, z = np.split(1 / (1 + np.exp(-(of_x[:24] + of_h[:24]))), 2)
        h = (1 - z) * np.tanh(of_x[24:] + r * of_h[24:]) + z * h
    assert np.allclose(states[-1, 0].numpy(), h, atol=1e-5)


def test_a_package_that_is_missing_or_another_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"no network known in a package 'torch'.*g2p-en\.$"):
        packages.files("torch")
    monkeypatch.syspath_prepend(put(tmp_path, other=np.zeros(3)))
    with pytest.raises(BadInput, match=r"does not hold the network that g2p-en==2\.1\.0 holds"):
        packages.files("g2p-en")
