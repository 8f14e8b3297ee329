"""The sentence on networks that were not trained to their end."""

from __future__ import annotations

import pytest

from app.parts import unfinished
from core.paper.studies import STUDIES
from core.store import Store
from tests.core.invented import EVERY, corpora, fill


@pytest.mark.parametrize(
    ("last", "why"),
    [(0.995, None), (0.95, "its error on dev still fell by 5.0% in the last fifth of training")],
)
def test_the_sentence(store: Store, last: float, why: str | None) -> None:
    corpora(store)
    spec = STUDIES["ngram"].plan(EVERY).signatures["GRU"]
    fill(store, [spec], last=lambda model: last)
    expected = f"Unfinished, so it decides no claim: GRU [1,160] ({why})." if why else ""
    for key in (spec.key, spec.model.key):
        assert unfinished.sentence([key]) == expected
    assert unfinished.sentence([]) == ""


def test_networks_of_one_reason_stand_together(store: Store) -> None:
    corpora(store)
    specs = [*STUDIES["size"].plan(EVERY).drawn.values()][:2]
    fill(store, specs, last=lambda model: 0.95)
    names = sorted(f"GRU [1,{spec.model.hidden}]" for spec in specs)
    why = "its error on dev still fell by 5.0% in the last fifth of training"
    assert unfinished.sentence([spec.key for spec in specs]) == (
        f"Unfinished, so they decide no claim: {', '.join(names)} ({why})."
    )
