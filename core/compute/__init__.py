"""What a spec needs, and how it becomes rows and bytes.

`run` is a pure function of a spec and the bytes it depends on: it touches no cache, so that it
runs in a worker process here or on any other machine. Each kind of result registers its own part.
"""

from core.compute import atlas, factorized, imported, language, las, pruning, signatures, speech
from core.compute.base import Inputs, Progress, Result, run

__all__ = [
    "Inputs",
    "Progress",
    "Result",
    "atlas",
    "factorized",
    "imported",
    "language",
    "las",
    "pruning",
    "run",
    "signatures",
    "speech",
]
