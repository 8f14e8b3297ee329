"""What the layers of a speech recognizer remember (paper, section 8 and Fig. 7)."""

from __future__ import annotations

from typing import Literal

from core.corpora.speech.spec import Units
from core.models.las.builders import las_signature, las_spec, layers
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.paper.studies.study import Choices, Plan, Study, required


def plan(choices: Choices) -> Plan:
    """What its layers recall: symbols, as in Fig. 7, or units of sound."""
    speech, seed = required(choices.speech), choices.seeds[0]
    model = las_spec(speech, choices.profile, choices.reduction, seed)
    if choices.units:
        return _of_units(model, choices.state, choices.units)
    return _of_symbols(model, choices.state)


def _of_symbols(model: LasSpec, state: Literal["c", "h"]) -> Plan:
    """The first and last encoder layer and the query, as in Fig. 7; then layers, controls, checks.

    Attention reads the speller's output h, so that is there too; last come the added bits of the
    three. The linear previews of the three come before anything is trained on a state.
    """
    encoders = [layer for layer in layers(model) if layer.startswith("encoder")]
    figure = [encoders[0], encoders[-1], "query"]
    rest = [layer for layer in layers(model) if layer not in figure]
    signatures = {layer: las_signature(model, layer, state) for layer in [*figure, *rest]}
    if state == "c":
        signatures["query (h)"] = las_signature(model, "query", "h")
    signatures |= _untrained(signatures)
    signatures["log-mel"] = las_signature(model, "log-mel")
    signatures |= {
        f"{layer}, forward half": las_signature(model, layer, state, half="forward")
        for layer in encoders
    }
    if any(model.budget.ctc):
        signatures |= {
            f"{layer}, by CTC": las_signature(model, layer, state, alignment="ctc")
            for layer in encoders
        }
    if model.corpus.source == "synthetic":
        signatures |= {
            f"{layer}, by word times": las_signature(model, layer, state, alignment="words")
            for layer in encoders
        }
    signatures |= {f"{layer}, added bits": signatures[layer].added() for layer in figure}
    return Plan(signatures, previews=tuple(signatures[layer].preview() for layer in figure))


def _of_units(model: LasSpec, state: Literal["c", "h"], units: Units) -> Plan:
    """The encoder layers, the window of the sound itself, untrained layers, forward halves."""
    encoders = [layer for layer in layers(model) if layer.startswith("encoder")]
    signatures = {layer: las_signature(model, layer, state, units=units) for layer in encoders}
    controls = _untrained(signatures)
    signatures["log-mel"] = las_signature(model, "log-mel", units=units)
    signatures |= controls
    signatures |= {
        f"{layer}, forward half": las_signature(model, layer, state, half="forward", units=units)
        for layer in encoders
    }
    previews = (signatures[layer].preview() for layer in (encoders[0], encoders[-1]))
    return Plan(signatures, previews=tuple(previews))


def _untrained(signatures: dict[str, LasSignatureSpec]) -> dict[str, LasSignatureSpec]:
    """The controls of these signatures: the same of the network at its initial weights."""
    controls = {f"{label}, untrained": spec.floor for label, spec in signatures.items()}
    return {label: spec for label, spec in controls.items() if spec}


STUDY = Study(
    "las",
    "Listen-Attend-Spell",
    "Fig. 7",
    plan,
    {"speech": "wsj-speech"},
    address="las?speech={speech}",
    more=({"units": 50},),
    options=("target", "units"),
)
