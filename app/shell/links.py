"""Where a study's figure is: the page, and the address that shows it."""

from __future__ import annotations

from collections.abc import Sequence

from core.paper.studies import STUDIES

HOME = "pages/overview.py"  # of a study that has no page of its own
PAGES = {
    "signature": ("pages/signature.py", {"cell": "gru", "layers": "1", "hidden": "80"}),
    "size": ("pages/sweeps.py", {"sweep": "Kernel size"}),
    "depth": ("pages/sweeps.py", {"sweep": "Depth"}),
    "adaptation": ("pages/adaptation.py", {"adaptation": "Retraining"}),
    "ngram": ("pages/adaptation.py", {"adaptation": "Network against n-gram"}),
    "factorized": ("pages/factorized.py", {}),
    "las": ("pages/las.py", {}),
}
# Where a page's address calls a study's corpus by another name.
CALLED = {"factorized": {"source": "mix1", "target": "mix2"}}


def figure(
    study: str, corpora: Sequence[str], profile: str, seeds: int = 1
) -> tuple[str, dict[str, str]]:
    """The page of a study and its query parameters.

    corpora: the names of the study's corpora, in the order in which the study declares them.
    """
    page, params = PAGES.get(study, (HOME, {}))
    called = CALLED.get(study, {})
    names = [called.get(choice, choice) for choice in STUDIES[study].corpora]
    chosen = dict(zip(names, corpora, strict=True))
    many = {"seeds": str(seeds)} if study == "size" and seeds > 1 else {}
    return page, params | chosen | {"profile": profile} | many
