"""Where a study's figure is: the page, and the address that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.studies import STUDIES

ROOT = Path(__file__).parents[1]
PAGES = {
    "signature": ("pages/signature.py", {"cell": "gru", "layers": "1", "hidden": "80"}),
    "size": ("pages/sweeps.py", {"sweep": "Kernel size"}),
    "depth": ("pages/sweeps.py", {"sweep": "Depth"}),
    "adaptation": ("pages/adaptation.py", {"adaptation": "Retraining"}),
    "ngram": ("pages/adaptation.py", {"adaptation": "Network against n-gram"}),
    "factorized": ("pages/factorized.py", {}),
    "las": ("pages/las.py", {}),
}


def figure(
    study: str, corpora: Sequence[str], profile: str, seeds: int = 1
) -> tuple[str, dict[str, str]] | None:
    """The page of a study and its query parameters; None for a page that does not exist.

    corpora: the names of the study's corpora, in the order in which the study declares them.
    """
    page, params = PAGES[study]
    if not (ROOT / page).exists():
        return None
    chosen = dict(zip(STUDIES[study].corpora, corpora, strict=True))
    many = {"seeds": str(seeds)} if study == "size" and seeds > 1 else {}
    return page, params | chosen | {"profile": profile} | many
