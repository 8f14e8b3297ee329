"""A torch state dict in a safetensors file: an embedding, a recurrent network, a projection.

They are recognized by shape, whatever their names and prefix, and every shape is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.cells import CELLS, label
from core.errors import BadInput

MAX_BYTES = 200_000_000
MAX_HEADER = 1_000_000
MAX_NAME = 200
MAX_UNITS = 4096

_KINDS = {"F64", "F32", "F16", "BF16"}
_RECURRENT = re.compile(r"(.*?)(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d{1,3})")
_NUMBERED = re.compile(r"(.*?)(\d{1,3})\.")
_EMBEDS = re.compile(r"emb|encod|wte|lookup", re.IGNORECASE)
_PROJECTS = re.compile(r"proj|decod|linear|head|out|fc", re.IGNORECASE)
_SHOWN = 4  # problems in one message

Layer = dict[str, Tensor]  # weight_ih, weight_hh, and bias_ih, bias_hh where there are any


@dataclass(frozen=True)
class Weights:
    """The weights of a character language model, float32, shapes checked.

    embedding: [symbols, units], the identity where the network reads one-hot symbols; layers:
    gates × hidden rows each; projection: [symbols, hidden], None for an encoder; bias: [symbols],
    None where the projection has none. parameters: how many numbers there are.
    """

    embedding: Tensor
    layers: list[Layer]
    projection: Tensor | None
    bias: Tensor | None
    parameters: int


def weights(
    data: bytes,
    cell: str,
    layers: int,
    symbols: int,
    embedding: str | None = None,
    projection: str | None = None,
    predicts: bool = True,
) -> Weights:
    """The weights in the bytes of a safetensors file.

    cell: one that factorizes. symbols: how many the network reads and predicts. embedding,
    projection: the names of these two where the file leaves it open. predicts: whether there is a
    projection.
    Raises BadInput with a sentence for everything that does not fit.
    """
    tensors = _tensors(data)
    names = _layers(tensors, layers)
    inputs, outputs = _ends(tensors, names, symbols, embedding, projection, predicts)
    bias = _bias(tensors, inputs, outputs)
    used = {inputs, outputs, bias, *(name for layer in names for name in layer.values())}
    _refuse(
        f"The file also holds {name}, which is no part of an embedding, {label(cell)} and "
        "projection: leave it out if the network does not need it."
        for name in tensors
        if name not in used
    )
    hidden, units = (tensors[names[0][part]].shape[1] for part in ("weight_hh", "weight_ih"))
    units = units if inputs is None else tensors[inputs].shape[1]
    if max(hidden, units) > MAX_UNITS:
        raise BadInput(f"The network has more than {MAX_UNITS} units in a layer: give a smaller.")
    wanted: dict[str, tuple[list[int], str]] = {}
    if inputs:
        wanted[inputs] = ([symbols, units], "one row for each symbol of the description")
    if outputs:
        wanted[outputs] = ([symbols, hidden], "symbols of the description × hidden units")
    if bias:
        wanted[bias] = ([symbols], "one for each symbol of the description")
    wanted |= _layer_shapes(names, cell, units, hidden)
    _refuse(
        f"{name} is {list(tensors[name].shape)} and must be {shape} ({why})."
        for name, (shape, why) in wanted.items()
        if list(tensors[name].shape) != shape
    )
    return Weights(
        tensors[inputs] if inputs else torch.eye(symbols),
        [{part: tensors[name] for part, name in layer.items()} for layer in names],
        tensors[outputs] if outputs else None,
        tensors[bias] if bias else None,
        sum(tensor.numel() for tensor in tensors.values()),
    )


def _layer_shapes(
    layers: list[dict[str, str]], cell: str, units: int, hidden: int
) -> dict[str, tuple[list[int], str]]:
    """The shape that each weight of the layers must have, and why, by its name in the file."""
    gates, shapes = CELLS[cell].gates, {}
    for number, layer in enumerate(layers):
        columns = {"weight_ih": [hidden if number else units], "weight_hh": [hidden]}
        why = f"{gates} gates of {hidden} units in {label(cell)} layer {number + 1}"
        for part, name in layer.items():
            shapes[name] = ([gates * hidden, *columns.get(part, [])], why)
    return shapes


def _tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, float32; BadInput where it is not one."""
    if len(data) > MAX_BYTES:
        raise BadInput(
            f"The file is larger than {MAX_BYTES / 1e6:.0f} MB: give the weights alone, as 16-bit "
            "numbers if need be."
        )
    damaged = (
        "This is not a whole safetensors file: write the state dict with "
        "safetensors.torch.save_file and give that file as it is."
    )
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= min(MAX_HEADER, len(data) - 8):
        raise BadInput(damaged)
    try:
        header = json.loads(data[8 : 8 + size])
        kinds = {name: facts["dtype"] for name, facts in header.items() if name != "__metadata__"}
        odd = next((name for name, kind in kinds.items() if kind not in _KINDS), None)
        tensors = {} if odd is not None else safetensors.torch.load(data)
    except (
        safetensors.SafetensorError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as problem:
        raise BadInput(damaged) from problem
    if any(len(name) > MAX_NAME for name in kinds):
        raise BadInput(f"The file has a name of more than {MAX_NAME} characters: rename it.")
    if odd is not None:
        raise BadInput(
            f"{odd} does not hold floating-point numbers: leave it out, or write it as float32."
        )
    plain = {name: tensors[name].float() for name in sorted(tensors)}
    _refuse(
        f"{name} is empty, or holds NaN or infinity: give finite numbers."
        for name, tensor in plain.items()
        if not tensor.numel() or not tensor.isfinite().all()
    )
    return plain


def _layers(tensors: dict[str, Tensor], layers: int) -> list[dict[str, str]]:
    """The names of each layer's weights: of one stacked network, or of a list of one-layer ones."""
    for name in tensors:
        if "_reverse" in name:
            raise BadInput(f"{name} is of a bidirectional network, which sees what it predicts.")
        if "weight_hr_l" in name:
            raise BadInput(
                f"{name} is of an LSTM with a projection inside, which is not supported."
            )
    found: dict[tuple[str, int], dict[str, str]] = {}
    for name in tensors:
        if match := _RECURRENT.fullmatch(name):
            found.setdefault((match[1], int(match[3])), {})[match[2]] = name
    prefixes = {prefix for prefix, _ in found}
    matches = [match for prefix in prefixes if (match := _NUMBERED.fullmatch(prefix))]
    stacked = len(prefixes) == 1
    listed = len(matches) == len(prefixes) and len({match[1] for match in matches}) == 1
    if not stacked and not listed:
        raise BadInput(
            f"The file holds {len(prefixes)} recurrent networks and one is needed, its weights "
            "named as torch names them (rnn.weight_ih_l0, rnn.weight_hh_l0, …)."
        )
    if stacked:
        order = [(prefix, number) for prefix in prefixes for number in range(layers)]
    else:
        matches.sort(key=lambda match: int(match[2]))
        order = [(match[0], 0) for match in matches]
    if set(order) != set(found) or len(order) != layers:
        raise BadInput(
            f"The description says layers: {layers}, and the file has the weights of {len(found)}: "
            "correct the one or complete the other."
        )
    _refuse(
        f"{prefix}weight_{part}_l{number} is missing, or has not two dimensions: give all weights."
        for prefix, number in order
        for part in ("ih", "hh")
        if (given := found[prefix, number].get(f"weight_{part}")) is None
        or tensors[given].dim() != 2
    )
    return [found[place] for place in order]


def _ends(
    tensors: dict[str, Tensor],
    layers: list[dict[str, str]],
    symbols: int,
    embedding: str | None,
    projection: str | None,
    predicts: bool,
) -> tuple[str | None, str | None]:
    """The names of the embedding and of the projection, which may be one and the same if named.

    No embedding: the network reads one-hot symbols. No projection: it predicts nothing.
    """
    tables = [
        name for name in tensors if tensors[name].dim() == 2 and not _RECURRENT.fullmatch(name)
    ]
    _refuse(
        f"The description names {name!r} as a weight, which is no table of the file; it has "
        f"{', '.join(tables[:6]) or 'none'}."
        for name in (embedding, projection)
        if name is not None and name not in tables
    )
    units = tensors[layers[0]["weight_ih"]].shape[1]
    hidden = tensors[layers[0]["weight_hh"]].shape[1]
    one_hot = embedding is None and units == symbols and len(tables) == int(predicts)
    free = [name for name in tables if name not in (embedding, projection)]
    if embedding is None and not one_hot:
        embedding = _pick(tensors, free, units, _EMBEDS, _PROJECTS)
        free = [name for name in free if name != embedding]
    if projection is None and predicts:
        projection = _pick(tensors, free, hidden, _PROJECTS, _EMBEDS)
    if (embedding is None and not one_hot) or (projection is None and predicts):
        raise BadInput(_open_ends(tensors, tables, symbols, units, hidden))
    return embedding, projection


def _open_ends(
    tensors: dict[str, Tensor], tables: list[str], symbols: int, units: int, hidden: int
) -> str:
    """What to do where neither shapes nor names tell the embedding and the projection."""
    columns = {"embedding": units, "projection": hidden}
    fits = {
        what: [name for name in tables if list(tensors[name].shape) == [symbols, count]]
        for what, count in columns.items()
    }
    missing = [what for what in columns if not fits[what]]
    if missing:
        what = missing[0]
        shapes = ", ".join(f"{name} {list(tensors[name].shape)}" for name in tables[:6])
        other = (
            f"a network that reads one-hot symbols has {symbols} columns in weight_ih_l0, not "
            f"{units}"
            if what == "embedding"
            else 'an encoder without one says "projection": null in its description'
        )
        return (
            f"No weight can be the {what}, which is [{symbols}, {columns[what]}] "
            f"({shapes or 'none'} is there): add it to the file; {other}."
        )
    first, last = fits["embedding"][0], fits["projection"][-1]
    return (
        "Which weight is the embedding and which the projection cannot be told from names and "
        f'shapes: say it in the description, as in "embedding": "{first}", "projection": "{last}" '
        '(one weight may be both; "projection": null where there is none).'
    )


def _bias(tensors: dict[str, Tensor], inputs: str | None, outputs: str | None) -> str | None:
    """The name of the projection's bias: beside it or, of a shared weight, the only one."""
    if outputs is None:
        return None
    own = f"{outputs.removesuffix('weight')}bias"
    if outputs.endswith("weight") and own in tensors:
        return own
    others = [name for name in tensors if name.endswith("bias") and not _RECURRENT.fullmatch(name)]
    return others[0] if inputs == outputs and len(others) == 1 else None


def _pick(
    tensors: dict[str, Tensor],
    names: list[str],
    columns: int,
    like: re.Pattern[str],
    unlike: re.Pattern[str],
) -> str | None:
    """The only table that has the columns or, among several, a likely name; None if none does."""
    for fits in (
        lambda name: tensors[name].shape[1] == columns,
        lambda name: not unlike.search(name),
        lambda name: like.search(name),
    ):
        names = [name for name in names if fits(name)] or names
    return names[0] if len(names) == 1 else None


def _refuse(problems: Iterable[str]) -> None:
    """Raises BadInput with the first few of these sentences, if there are any."""
    found = list(problems)
    if found:
        more = [f"And {len(found) - _SHOWN} more like these."] if len(found) > _SHOWN else []
        raise BadInput(" ".join([*found[:_SHOWN], *more]))
