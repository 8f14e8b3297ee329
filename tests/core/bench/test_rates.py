"""The search of peak rates, on a network and a text that take seconds."""

from __future__ import annotations

import pytest

from core import profiles
from core.bench import rates
from core.corpora import from_text
from core.profiles import TRIED_RATES


def test_in_a_few_steps_the_highest_rate_is_best_and_marked(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "LAPTOP", profiles.find("smoke"))
    row = rates.search(from_text(text, "tiny"), "gru", 18, "cpu")
    perplexities = [row[f"{rate:g}"] for rate in TRIED_RATES]
    assert perplexities == sorted(perplexities, reverse=True) and perplexities[-1] < 34
    assert row["best"] == TRIED_RATES[-1] and row["end_of_range"]
    assert (row["cell"], row["hidden"]) == ("gru", 18)
