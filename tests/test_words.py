"""docs/words.md has an entry for every term that a newcomer meets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENTRY = re.compile(r"^\* \*\*(.+?)\*\*( \(.+?\))?: (.*(?:\n  .*)*)", re.MULTILINE)
ENTRIES = {found[1]: found[3] for found in ENTRY.finditer((ROOT / "docs" / "words.md").read_text())}
# What pages and tables say without explaining it, by a name of theirs that means it.
TERMS = {
    "accuracy": "accuracy",
    "added": "added bits",
    "alignment": "alignment",
    "basis": "basis",
    "confusion": "confusion",
    "context": "context",
    "control": "control",
    "current": "current",
    "decoder": "decoder",
    "distance": "distance",
    "encoder": "encoder layer",
    "guess": "guess level",
    "interval": "interval",
    "lag": "lag (δ)",
    "majority": "majority",
    "monotone": "monotone",
    "perplexity": "perplexity",
    "place": "place",
    "precision": "precision",
    "preview": "preview",
    "profile": "profile",
    "query": "query",
    "recall": "recall",
    "recent": "recent floor",
    "rising": "rising",
    "seed": "seed",
    "target": "target",
    "unfinished": "unfinished",
    "untrained": "untrained",
    "W₀": "W₀",
}


@pytest.mark.parametrize("used", TERMS)
def test_a_term_of_the_pages_has_an_entry(used: str) -> None:
    assert TERMS[used] in ENTRIES
    sources = [*(ROOT / "app").rglob("*.py"), *(ROOT / "core").rglob("*.sql")]
    assert any(used in path.read_text(encoding="utf-8") for path in sources), "nothing says it"


def test_entries_stand_in_the_order_of_the_alphabet_and_explain_something() -> None:
    assert len(ENTRIES) > 60
    spoken = {"λ": "lambda", "W₀": "w0"}
    order = [spoken.get(term, term.casefold().replace("-", " ")) for term in ENTRIES]
    assert order == sorted(order)
    assert [term for term, text in ENTRIES.items() if len(text) < 40] == []


def test_all_entries_but_a_button_lead_to_their_definition() -> None:
    assert [term for term, text in ENTRIES.items() if "](" not in text] == ["pin"]
