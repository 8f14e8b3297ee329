"""How long the 5-gram of a whole corpus takes to estimate, and how much memory.

The estimate runs in a fresh process that does nothing else, so that the peak is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from core import machine, places
from core.bench import here, peak_gb
from core.corpora import Corpus, build
from core.models.ngram.kneser_ney import Ngram, estimate

ORDER = 5


def run() -> dict[str, Any]:
    """Estimates the 5-gram of Shakespeare's train split, in seconds.

    symbols: of the train split. seconds: from its segments to ARPA text. peak_gb: the largest
    resident memory, in 10^9 bytes, that the process ever had, libraries and corpus included.
    perplexity: on the test split.
    """
    child = subprocess.run(
        [sys.executable, "-m", __name__],
        input=build("shakespeare").to_bytes(),
        stdout=subprocess.PIPE,
        env={**os.environ, "POLARS_MAX_THREADS": str(machine.threads())},
        cwd=places.ROOT,
        check=True,
    )
    figures: dict[str, Any] = json.loads(child.stdout)
    return figures | here()


def _measure() -> dict[str, Any]:
    """The figures of this process, which reads the corpus from standard input."""
    corpus = Corpus.from_bytes(sys.stdin.buffer.read())
    started = time.perf_counter()
    arpa = estimate(corpus.train, ORDER)
    seconds = time.perf_counter() - started
    return {
        "symbols": corpus.train.total,
        "order": ORDER,
        "seconds": seconds,
        "peak_gb": peak_gb(),
        "perplexity": Ngram(arpa).perplexity(corpus.test),
    }


if __name__ == "__main__":
    print(json.dumps(_measure()))
