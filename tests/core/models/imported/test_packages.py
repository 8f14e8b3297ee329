"""Networks that other packages hold: the encoder of g2p-en, and textgenrnn."""

from __future__ import annotations

import io
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load

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
    return known(folder, "g2p-en", "2.1.0")


def known(folder: Path, name: str, version: str) -> Path:
    """The folder, with what pip writes of an installed package."""
    facts = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
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
    with pytest.raises(BadInput, match=r"no network known in .* 'torch'.*g2p-en, textgenrnn\.$"):
        packages.files("torch")
    monkeypatch.syspath_prepend(put(tmp_path, other=np.zeros(3)))
    with pytest.raises(BadInput, match=r"does not hold the network that g2p-en==2\.1\.0 holds"):
        packages.files("g2p-en")


UNITS, WIDTH = 6, 5  # of each layer, of the embedding
ENGLISH = "I just found out that my best friend has been living in the same house for 20 years"
CHARACTERS = [*"abcdefghijklmnopqrstuvwxyz .,'#0123456789T", "<s>"]


def put_textgenrnn(folder: Path, held: dict[str, np.ndarray]) -> Path:
    """A package textgenrnn with these arrays in its HDF5 file, and CHARACTERS."""
    h5py: Any = pytest.importorskip("h5py")
    (folder / "textgenrnn").mkdir()
    with h5py.File(folder / "textgenrnn" / "textgenrnn_weights.hdf5", "w") as file:
        for name, values in held.items():
            file[name] = values
    numbers = {character: number for number, character in enumerate(CHARACTERS, 1)}
    (folder / "textgenrnn" / "textgenrnn_vocab.json").write_text(json.dumps(numbers))
    return known(folder, "textgenrnn", "2.0.0")


def keras_lstm(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> Any:
    """A step of the LSTM that Keras loads from weights of a CuDNNLSTM, by its own equations.

    First what `_convert_rnn_weights` of Keras (saving/legacy/hdf5_format.py) makes of the weights.
    """
    kernel = np.hstack([gate.T.reshape(gate.shape, order="F") for gate in np.hsplit(kernel, 4)])
    recurrent = np.hstack([gate.T for gate in np.hsplit(recurrent, 4)])
    bias = np.sum(np.split(bias, 2), axis=0)

    def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i, f, new, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(new)
        return o * np.tanh(c), c

    return step


def test_textgenrnn_has_the_states_of_the_equations_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    shapes = {"embedding/embedding/embeddings:0": (len(CHARACTERS) + 1, WIDTH)}
    for layer, inputs in ((1, WIDTH), (2, UNITS)):
        shapes[f"rnn_{layer}/rnn_{layer}/kernel:0"] = (inputs, 4 * UNITS)
        shapes[f"rnn_{layer}/rnn_{layer}/recurrent_kernel:0"] = (UNITS, 4 * UNITS)
        shapes[f"rnn_{layer}/rnn_{layer}/bias:0"] = (8 * UNITS,)
    held = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    monkeypatch.syspath_prepend(put_textgenrnn(tmp_path, held))
    assert "textgenrnn" in packages.installed()
    network = reader.read(*packages.files("textgenrnn"), "textgenrnn")
    assert network.spec.encoder and (network.spec.layers, network.spec.hidden) == (2, UNITS)
    assert "Every digit is read as 0." in notes(network.weights)
    model = reader.load(network.spec, network.weights)
    read = torch.from_numpy(encode("in # words").astype(np.int64))[:, None]
    mine = [model.states(read, layer) for layer in (1, 2)]
    names = [f"rnn_{layer}/rnn_{layer}" for layer in (1, 2)]
    parts = ("kernel:0", "recurrent_kernel:0", "bias:0")
    steps = [keras_lstm(*(held[f"{name}/{part}"] for part in parts)) for name in names]
    states = [(np.zeros(UNITS), np.zeros(UNITS)) for _ in steps]
    for place, character in enumerate("in 0 words"):
        x = held["embedding/embedding/embeddings:0"][CHARACTERS.index(character) + 1]
        for layer, step in enumerate(steps):
            states[layer] = step(x, *states[layer])
            x, c = states[layer]
            assert np.allclose(mine[layer]["h"][place, 0].numpy(), x, atol=1e-5)
            assert np.allclose(mine[layer]["c"][place, 0].numpy(), c, atol=1e-5)


def test_an_hdf5_file_that_is_none_or_lacks_a_weight_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(put_textgenrnn(tmp_path, {"other": np.zeros(3)}))
    refusal = pytest.raises(BadInput, match=r"does not hold the network that textgenrnn==2\.0\.0")
    with refusal:
        packages.files("textgenrnn")
    (tmp_path / "textgenrnn" / "textgenrnn_weights.hdf5").write_bytes(bytes(1000))
    with refusal:
        packages.files("textgenrnn")


@pytest.mark.skipif("textgenrnn" not in packages.installed(), reason="pip install textgenrnn")
def test_the_readout_of_textgenrnn_predicts_english_from_the_states() -> None:
    """Its attention over embedding and states of 40 steps, as trained, and its projection."""
    h5py: Any = pytest.importorskip("h5py")
    weights, description = packages.files("textgenrnn")
    tensors, symbols = load(weights), json.loads(description)["symbols"]
    numbers = torch.tensor([symbols.index(character) for character in f"{ENGLISH} "])
    windows = numbers.unfold(0, 41, 1)
    outputs = [tensors["embedding.weight"][windows[:, :40]]]
    for number, inputs in enumerate((100, 128)):
        layer = torch.nn.LSTM(inputs, 128, batch_first=True)
        own = {name: tensors[f"rnn.{name[:-1]}{number}"] for name in layer.state_dict()}
        layer.load_state_dict(own)
        outputs.append(layer(outputs[-1])[0].detach())
    path = Path(str(metadata.distribution("textgenrnn").locate_file("textgenrnn")))
    with h5py.File(path / "textgenrnn_weights.hdf5") as file:
        names = ("attention/attention/attention_W", "output/output/kernel", "output/output/bias")
        attention, kernel, bias = (torch.from_numpy(file[f"{name}:0"][()]) for name in names)
    x = torch.cat(outputs, 2)
    logits = ((x @ attention).softmax(1) * x).sum(1) @ kernel + bias
    perplexity = torch.nn.functional.cross_entropy(logits, windows[:, 40]).exp().item()
    assert perplexity < 5  # of 465 symbols; 2,233 if kernels are transposed instead
