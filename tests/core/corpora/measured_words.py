"""Prints what a network and a signature of 10,000 words take and find, as JSON; see the tests."""

from __future__ import annotations

import json
import resource

from core.corpora import from_text
from core.library import signature_spec
from core.registry import run
from tests.core.corpora import zipf


def main() -> None:
    corpus = from_text(zipf.text(3000), "zipf", alphabet="words")
    spec = signature_spec(corpus.spec, hidden=16, profile="smoke")
    known = {corpus.content: corpus.to_bytes()}
    for step in (spec.model, spec):
        result = run(step, known, lambda fraction, message: None)
        known |= result.artifacts
    recall = result.tables["recall"]
    whole = recall.filter(recall["symbol"].is_null()).sort("lag")
    facts = {
        "symbols": spec.corpus.symbols,
        "labels": recall["symbol"].n_unique(),
        "recall": whole["accuracy"].to_list(),
        "majority": whole["majority"].to_list(),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,  # KiB
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
