"""docs/api.md: every public name, as it is called and what its docstring says."""

from __future__ import annotations

import runpy
from pathlib import Path

import core

ROOT = Path(__file__).parents[1]
API = runpy.run_path(str(ROOT / "scripts" / "api.py"))


def test_the_document_is_what_the_script_writes() -> None:
    assert API["DOCUMENT"].read_text(encoding="utf-8") == API["document"]()


def test_every_public_name_stands_there_once() -> None:
    names = [name for names in API["SECTIONS"].values() for name in names]
    assert sorted(names) == core.__all__
    assert all((getattr(core, name).__doc__ or "").strip() for name in names)


def test_a_long_call_has_a_line_for_each_parameter() -> None:
    def short(a: int = 1, *, b: str = "x") -> None: ...

    def long(first: Some, *, second: Some | None = None) -> Some: ...

    Some = "of another module"  # an annotation that nothing resolves stays as it is
    assert API["call"]("short", short) == "core.short(a: int = 1, *, b: str = 'x') -> None"
    assert API["call"]("l" * 60, long).splitlines()[1:] == [
        *("    first: Some,", "    *,", "    second: Some | None = None,"),
        ") -> Some",
    ]
