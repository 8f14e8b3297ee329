"""Writes docs/api.md below its mark, from the docstrings: `python scripts/api.py`."""

from __future__ import annotations

import inspect
import re
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import core  # noqa: E402

DOCUMENT = ROOT / "docs" / "api.md"
MARK = "<!-- From here on written by scripts/api.py. -->\n"
SECTIONS = {
    "Measuring a network of your own": ("measure", "added", "detect", "probe", "states"),
    "Reading what is computed": ("signature_spec", "sentence", "plot", "connect", "query"),
    "Texts, speech and networks": (
        *("find_corpus", "corpus", "add_corpus", "find_speech", "find_model", "add_model"),
    ),
    "Errors and references": ("BadInput", "citations"),
}
WIDTH = 88  # of a line of code
CHOICES = re.compile(r"[A-Z]\w+")  # an annotation that may be a name for a choice
DOCS = re.compile(r"\bdocs/([\w-]+\.md)")  # the documents are beside this one


class Bare(str):
    """An annotation that a signature shows without quotes."""

    __repr__ = str.__str__


def document() -> str:
    """docs/api.md as it should be: its own text down to the mark, then every public name."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0] + MARK
    for title, names in SECTIONS.items():
        text += f"\n## {title}\n"
        for name in names:
            thing = getattr(core, name)
            explained = DOCS.sub(r"[\1](\1)", inspect.getdoc(thing) or "")
            text += f"\n### {name}\n\n```python\n{call(name, thing)}\n```\n\n{explained}\n"
    return text


def call(name: str, thing: Any) -> str:
    """How it is called, one parameter a line where one line would be too long."""
    if inspect.isclass(thing):
        return f"class core.{name}({thing.__bases__[0].__name__})"
    signature = inspect.signature(thing)
    parts = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        kind = Bare(CHOICES.sub(partial(_choices, thing), parameter.annotation))
        parts.append(str(parameter.replace(annotation=kind)))
    result = signature.return_annotation
    line = f"core.{name}({', '.join(parts)}) -> {result}"
    if len(line) <= WIDTH:
        return line
    return f"core.{name}(\n" + "".join(f"    {part},\n" for part in parts) + f") -> {result}"


def _choices(thing: Any, found: re.Match[str]) -> str:
    """The values of an annotation that has a name for them, or the type that it stands for."""
    meant = thing.__globals__.get(found[0])
    if get_origin(meant) is Annotated:
        return str(meant.__origin__.__name__)
    return repr(meant).removeprefix("typing.") if get_origin(meant) is Literal else found[0]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
