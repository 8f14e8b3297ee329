"""Memory signatures: what a recurrent network still remembers, of which symbols, for how long.

    core.measure(states, symbols)   recall from arrays of one's own
    core.probe(module, segments)    recall from a torch module with an LSTM, GRU or RNN inside
    core.connect()                  the computed signatures, as a read-only DuckDB connection
    core.citations()                BibTeX of the paper and of the methods used

The names below are the public face; nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.9.0"

if TYPE_CHECKING:
    from core.citations import citations
    from core.errors import BadInput
    from core.library import (
        add_corpus,
        add_model,
        connect,
        corpus,
        find_corpus,
        find_model,
        find_speech,
        query,
        signature_spec,
    )
    from core.probes.notebook import measure, probe

_HOME = {
    "BadInput": "core.errors",
    "add_corpus": "core.library",
    "add_model": "core.library",
    "citations": "core.citations",
    "connect": "core.library",
    "corpus": "core.library",
    "find_corpus": "core.library",
    "find_model": "core.library",
    "find_speech": "core.library",
    "measure": "core.probes.notebook",
    "probe": "core.probes.notebook",
    "query": "core.library",
    "signature_spec": "core.library",
}
__all__ = [
    "BadInput",
    "add_corpus",
    "add_model",
    "citations",
    "connect",
    "corpus",
    "find_corpus",
    "find_model",
    "find_speech",
    "measure",
    "probe",
    "query",
    "signature_spec",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
