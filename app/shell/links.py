"""Where a study's figure is: the page, and the address that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from core.paper.studies import STUDIES

HOME = "pages/overview.py"  # of a study that has no page of its own


def figure(
    study: str, corpora: Sequence[str], profile: str, seeds: int = 1
) -> tuple[str, dict[str, str]]:
    """The page of a study and its query parameters.

    corpora: the names of the study's corpora, in the order in which the study declares them.
    """
    page, _, query = STUDIES[study].address.partition("?")
    values = dict(zip(STUDIES[study].corpora, corpora, strict=True)) | {"seeds": str(seeds)}
    params = {name: value.format(**values) for name, value in parse_qsl(query)}
    if seeds == 1:
        params.pop("seeds", None)
    return f"pages/{page}.py" if page else HOME, params | {"profile": profile}
