"""How a computed recognizer transcribes an utterance, and whether its figures may be drawn.

It listens in a process of its own, which stays: torch takes seconds to load, and while it loads, a
server that loaded it would answer nobody.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core import profiles
from core.child import Child, Died
from core.corpora.speech.spec import SpeechSpec
from core.errors import BadInput
from core.library import find_speech
from core.models.las.builders import las_signature, layers
from core.models.las.heard import Inspection
from core.models.las.spec import LasSpec
from core.store import Store

# With a smaller share of attention's moves that do not go back, no frame belongs to a grapheme.
MONOTONE = 0.9
# Of the process that listens; a second or so once it has loaded torch.
SECONDS, MEMORY_MB = 120, 4_000

_listener = Child("core.models.las.inspection:answer", MEMORY_MB)


def speech(name: str, profile: str = "laptop", store: Store | None = None) -> SpeechSpec:
    """The spec of a speech corpus, as much of it as the profile takes; see `find_speech`."""
    return find_speech(name, *profiles.find(profile).listening.utterances, store=store)


def refusal(model: LasSpec, store: Store | None = None) -> str | None:
    """Why the signatures of a computed recognizer must not be drawn, in one sentence, or None."""
    rows = (store or Store()).query("SELECT monotone, cer FROM models WHERE key = ?", [model.key])
    if rows.is_empty() or rows["monotone"][0] >= MONOTONE:
        return None
    return (
        f"This model's attention follows the speech in only {rows['monotone'][0]:.0%} of its moves "
        f"(character error rate {rows['cer'][0]:.0%}), so its frames cannot be paired with "
        "graphemes: choose a larger profile or more speech."
    )


def frames_of(samples: np.ndarray, mels: int) -> np.ndarray:
    """What a recognizer reads of audio at `RATE`: float32 [frames, mels], see `logmel.log_mel`.

    samples: float32 [samples] in −1..1.
    """
    data = np.ascontiguousarray(samples, np.float32).tobytes()
    frames = np.frombuffer(_ask(data, question="frames", mels=mels), np.float16)
    return frames.reshape(-1, mels).astype(np.float32)


def listen(
    model: LasSpec, frames: np.ndarray, reference: str | None = None, store: Store | None = None
) -> Inspection:
    """How a recognizer transcribes an utterance, and what each layer with decoders recalls.

    frames: log-mel [frames, mels] as `frames_of` gives them; reference: the true text, normalized,
    where it is known. Raises BadInput if the model is not computed.
    """
    artifacts = (store or Store()).artifacts
    weights = artifacts.get(model.key)
    if weights is None:
        raise BadInput("This recognizer has not been computed yet; ask for it first.")
    specs = [las_signature(model, layer) for layer in layers(model)]
    stored = {spec: data for spec in specs if (data := artifacts.get(spec.key))}
    parts = [weights, np.ascontiguousarray(frames, np.float32).tobytes(), *stored.values()]
    answer = _ask(
        b"".join(parts),
        question="inspection",
        spec=model.model_dump_json(),
        sizes=[len(part) for part in parts],
        signatures=[spec.model_dump_json() for spec in stored],
        reference=reference,
    )
    return Inspection.from_bytes(answer)


def _ask(data: bytes, **about: Any) -> bytes:
    try:
        return _listener.ask(data, seconds=SECONDS, **about)
    except Died as problem:
        raise BadInput(f"This cannot be listened to, because {problem}.") from problem
