"""docs/development.md is a map: its route and its tables lead to files that are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_architecture import imports

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")


def module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def test_the_route_of_fig_1_is_short_and_each_file_is_read_once() -> None:
    route = re.findall(r"^\d+\. `(.+?)`", PAGE, re.MULTILINE)
    assert route[0].startswith("core/corpora/") and route[-1].startswith("app/pictures/")
    assert len(route) == len(set(route)) <= 18
    for path in route:
        assert (ROOT / path).exists(), path


def test_each_file_of_the_route_is_a_step_from_another_of_it() -> None:
    """By an import in either direction; cells are loaded by name, tables are reached by jobs."""
    route = re.findall(r"^\d+\. `(.+?)`", PAGE, re.MULTILINE)
    for path in route:
        if path.startswith(("core/cells/", "core/store/", "app/pages/")):
            continue
        used = {name for other in route if other != path for name in imports(other)}
        own = imports(path)
        linked = any(name == module(path) or name.startswith(f"{module(path)}.") for name in used)
        linked |= any(name.startswith(module(other)) for other in route for name in own)
        assert linked, path


def test_every_path_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:core|app|tests|scripts|docs)/[\w/.-]*)`", PAGE)
    missing = [path for path in named if not (ROOT / path.replace("/x/", "/sql/")).exists()]
    assert len(named) > 30 and missing == []
