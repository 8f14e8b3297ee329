"""A network trained elsewhere as a language model: as one of our own."""

from __future__ import annotations

from core.models.imported import reader
from core.models.imported.spec import ImportedSpec
from core.models.language.model import RecurrentModel


def load(spec: ImportedSpec, weights: bytes, device: str) -> RecurrentModel:
    """The network of a spec from its artifact."""
    return RecurrentModel(reader.load(spec, weights), device)
