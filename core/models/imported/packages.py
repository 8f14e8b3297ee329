"""Networks that ordinary Python packages hold, read as data: no package is imported.

Their files are read in a process of its own, within limits, as whatever strangers wrote.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from core.child import Child, Died
from core.errors import BadInput

READER, SECONDS, MEMORY_MB = "core.models.imported.packages:answer", 60, 1_000


def _g2p_en(folder: Path) -> tuple[bytes, bytes]:
    """The encoder of g2p-en (Apache-2.0), which reads English words letter by letter.

    Its gates are in torch's order (g2p_en/g2p.py, `grucell`), so it is an nn.Embedding(29, 256) and
    an nn.GRU(256, 256).
    """
    arrays = np.load(
        io.BytesIO((folder / "g2p_en/checkpoint20.npz").read_bytes()), allow_pickle=False
    )
    tensors = {"embedding.weight": arrays["enc_emb"]}
    for ours, theirs in (("weight", "w"), ("bias", "b")):
        for part in ("ih", "hh"):
            tensors[f"rnn.{ours}_{part}_l0"] = arrays[f"enc_{theirs}_{part}"]
    symbols = ["<pad>", "<unk>", "</s>", *map(chr, range(ord("a"), ord("z") + 1))]
    described = {"cell": "gru", "layers": 1, "symbols": symbols, "projection": None}
    return save(tensors), json.dumps(described).encode()


def _textgenrnn(folder: Path) -> tuple[bytes, bytes]:
    """The two LSTMs of textgenrnn (MIT), trained on posts of Reddit, letter by letter.

    Without its readout, an attention over the last 40 steps. It was trained as Keras' CuDNNLSTM,
    whose weights Keras stores as cuDNN has them: gates in torch's order, i f c o, each gate's input
    kernel as units × inputs under the shape inputs × units, two biases, and the logistic sigmoid.
    """
    try:
        import h5py
    except ImportError as problem:
        raise BadInput(
            "The package textgenrnn keeps its weights in HDF5: `pip install h5py` to read them."
        ) from problem
    held = folder / "textgenrnn"
    numbers = json.loads((held / "textgenrnn_vocab.json").read_bytes())
    with h5py.File(held / "textgenrnn_weights.hdf5") as file:
        tensors = {"embedding.weight": file["embedding/embedding/embeddings:0"][()]}
        for layer in range(2):
            name = f"rnn_{layer + 1}"
            parts = ("kernel", "recurrent_kernel", "bias")
            given = [file[f"{name}/{name}/{part}:0"][()] for part in parts]
            tensors |= {f"rnn.{part}_l{layer}": x for part, x in _of_cudnn(*given).items()}
    # Our # is any digit and is read as its 0; its own # is the number sign, and gets another name.
    # The first row of the embedding is padding.
    symbols = ["<pad>", *sorted(numbers, key=numbers.__getitem__)]
    symbols[numbers["#"]] = "<sign>"
    described = {"cell": "lstm", "layers": 2, "symbols": symbols, "projection": None}
    return save(tensors), json.dumps(described).encode()


def _of_cudnn(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of Keras' CuDNNLSTM as those of an nn.LSTM of one layer.

    kernel: [inputs, 4 units]; recurrent: [units, 4 units]; bias: [8 units].
    """
    inputs, units = len(kernel), len(recurrent)
    gates = [gate.reshape(units, inputs) for gate in np.hsplit(kernel, 4)]
    of_input, of_state = np.split(bias, 2)
    return {
        "weight_ih": np.concatenate(gates),
        "weight_hh": np.concatenate(np.hsplit(recurrent, 4)),
        "bias_ih": of_input,
        "bias_hh": of_state,
    }


PACKAGES: dict[str, Callable[[Path], tuple[bytes, bytes]]] = {
    "g2p-en": _g2p_en,
    "textgenrnn": _textgenrnn,
}
REQUIREMENTS = {"g2p-en": "g2p-en==2.1.0", "textgenrnn": "textgenrnn==2.0.0"}


def installed() -> list[str]:
    """The packages with a network that are installed here."""
    return [name for name in PACKAGES if _folder(name)]


def files(name: str) -> tuple[bytes, bytes]:
    """The weights and the description of a package's network, as `core.add_model` takes them.

    Raises BadInput where the package is not installed, or is another version.
    """
    folder = _folder(name)
    if folder is None:
        needed = REQUIREMENTS.get(name)
        listed = ", ".join(PACKAGES)
        raise BadInput(
            f"The package {name} is not installed: `pip install --no-deps {needed}`."
            if needed
            else f"There is no network known in a package {name!r}; choose one of {listed}."
        )
    try:
        with Child(READER, MEMORY_MB) as child:
            both = child.ask(seconds=SECONDS, name=name, folder=str(folder))
    except Died as problem:
        raise BadInput(f"{_other(name)} It cannot be read, because {problem}.") from problem
    description, _, weights = both.partition(b"\n")
    return weights, description


def answer(data: bytes, name: str, folder: str) -> bytes:
    """What the process of `files` answers: the description, a line break and the weights."""
    try:
        weights, description = PACKAGES[name](Path(folder))
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as problem:
        raise BadInput(_other(name)) from problem
    return description + b"\n" + weights


def _other(name: str) -> str:
    return f"The package {name} does not hold the network that {REQUIREMENTS[name]} holds."


def _folder(name: str) -> Path | None:
    """Where an installed package's files are."""
    try:
        return Path(str(metadata.distribution(name).locate_file(""))) if name in PACKAGES else None
    except metadata.PackageNotFoundError:
        return None
