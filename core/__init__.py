"""Memory signatures: what a recurrent network still remembers, of which symbols, for how long.

    core.measure(states, symbols)   recall from arrays of one's own
    core.added(states, symbols)     what the states hold beyond what recent symbols tell
    core.detect(states, symbols, alphabet)   which words the states tell that they have read
    core.probe(module, segments)    recall from a torch module with a recurrence inside
    core.states(module, segments)   every state of every layer of such a module, as arrays
    core.sentence(text, spec)       what a network holds of a sentence, and what it expects next
    core.plot(table)                a picture of any of these, for a paper
    core.connect()                  the computed signatures, as a read-only DuckDB connection
    core.citations()                BibTeX of the paper and of the methods used

The names below are the public face; nothing heavy is imported before it is used. Import core before
torch: it asks torch's threads to wait without spinning, which leaves the machine to others.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# torch's threads spin while they wait for each other, which beside a busy process costs most of
# the speed (`bench neighbour`). This counts only if it is set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "1.0.0"

if TYPE_CHECKING:
    from core.bibliography import citations as citations
    from core.errors import BadInput as BadInput
    from core.figures import plot as plot
    from core.library import add_corpus as add_corpus
    from core.library import add_model as add_model
    from core.library import connect as connect
    from core.library import corpus as corpus
    from core.library import find_corpus as find_corpus
    from core.library import find_model as find_model
    from core.library import find_speech as find_speech
    from core.library import query as query
    from core.library import signature_spec as signature_spec
    from core.probes.module import probe as probe
    from core.probes.module import states as states
    from core.probes.notebook import added as added
    from core.probes.notebook import detect as detect
    from core.probes.notebook import measure as measure
    from core.reading import sentence as sentence

_HOME = {
    "core.bibliography": ("citations",),
    "core.errors": ("BadInput",),
    "core.figures": ("plot",),
    "core.library": (
        *("add_corpus", "add_model", "connect", "corpus", "find_corpus", "find_model"),
        *("find_speech", "query", "signature_spec"),
    ),
    "core.probes.module": ("probe", "states"),
    "core.probes.notebook": ("added", "detect", "measure"),
    "core.reading": ("sentence",),
}
__all__ = sorted(name for names in _HOME.values() for name in names)


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'core' has no attribute {name!r}")
