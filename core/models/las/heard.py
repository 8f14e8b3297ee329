"""How a recognizer transcribes one utterance, as a record that is read without torch."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from safetensors.numpy import load, save


class Edit(NamedTuple):
    """A piece of the comparison: 'equal', 'substitute', 'delete' (missed) or 'insert' (made up)."""

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Inspection:
    """How a recognizer transcribes one utterance. Steps are the symbols of the hypothesis.

    score: mean log probability of a step, `</s>` included. edits: against the reference, in order;
    empty without one. attention: float32 [steps, encoder steps], rows sum to 1; encoder step j
    covers j · step_ms to (j + 1) · step_ms. moments: float32 [steps], where each row peaks, in ms.
    recalled: a row for every layer, step and lag: part, step, lag, truth, guess, probability (of
    the guess), chance (that the decoder gave to the truth); truth is the hypothesis's symbol.
    """

    hypothesis: str
    reference: str | None
    score: float
    edits: list[Edit]
    attention: np.ndarray
    step_ms: int
    moments: np.ndarray
    recalled: pl.DataFrame

    def to_bytes(self) -> bytes:
        """A line of JSON, the arrays as safetensors, the rows as Parquet."""
        arrays = save({"attention": self.attention, "moments": self.moments})
        facts = {name: getattr(self, name) for name in _FACTS} | {"arrays": len(arrays)}
        rows = io.BytesIO()
        self.recalled.write_parquet(rows)
        return b"".join([json.dumps(facts).encode(), b"\n", arrays, rows.getvalue()])

    @classmethod
    def from_bytes(cls, data: bytes) -> Inspection:
        """The inverse of `to_bytes`."""
        line, _, rest = data.partition(b"\n")
        facts: dict[str, Any] = json.loads(line)
        size = facts.pop("arrays")
        facts["edits"] = [Edit(*edit) for edit in facts["edits"]]
        facts |= load(rest[:size])
        return cls(**facts, recalled=pl.read_parquet(rest[size:]))


_FACTS = ("hypothesis", "reference", "score", "edits", "step_ms")
