"""What the layers of a speech recognizer remember (paper, section 8 and Fig. 7)."""

from __future__ import annotations

from core.models.las.builders import las_signature, las_spec, layers
from core.paper.studies.study import Choices, Plan, Study, required


def plan(choices: Choices) -> Plan:
    """The first and last encoder layer and the query, as in Fig. 7; then layers, controls, checks.

    Attention reads the speller's output h, so that is there too; last come the added bits of the
    three. The linear previews of the three come before anything is trained on a state.
    """
    seed = choices.seeds[0]
    model = las_spec(required(choices.speech), choices.profile, choices.reduction, seed)
    state = choices.state
    encoders = [layer for layer in layers(model) if layer.startswith("encoder")]
    figure = [encoders[0], encoders[-1], "query"]
    rest = [layer for layer in layers(model) if layer not in figure]
    signatures = {layer: las_signature(model, layer, state) for layer in [*figure, *rest]}
    if state == "c":
        signatures["query (h)"] = las_signature(model, "query", "h")
    controls = {f"{label}, untrained": spec.floor for label, spec in signatures.items()}
    signatures |= {label: spec for label, spec in controls.items() if spec}
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


STUDY = Study(
    "las",
    "Listen-Attend-Spell",
    "Fig. 7",
    plan,
    {"speech": "wsj-speech"},
    address="las?speech={speech}",
)
