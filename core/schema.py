"""The schema of the result tables: its SQL files, filled with the facts that the program has.

In the SQL files a line that starts with `---` describes what follows: above a table, view or macro
its first line says what it is, each further one (`column: text`) what a column of it holds, and
`*: view` that its columns are those of another view. A column of a table has its `---` behind it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.cells import CELLS
from core.profiles import PROFILES

_CREATE = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW|MACRO) (?:IF NOT EXISTS )?(\w+)")
_COLUMN = re.compile(r'    "?(\w+)"? .*?--- (.+)')


class Comment(NamedTuple):
    """What a table, view or macro is (`column` is None), or what one of its columns holds."""

    kind: str  # TABLE, VIEW or MACRO
    name: str
    column: str | None
    text: str


def comments(sql: str) -> Iterator[Comment]:
    """The descriptions in a schema's SQL, in their order."""
    kind = name = ""
    above: list[str] = []
    columns: dict[str, list[tuple[str, str]]] = {}
    for line in sql.splitlines():
        if line.startswith("--- "):
            above.append(line.removeprefix("--- "))
        elif created := _CREATE.match(line):
            kind, name = created.groups()
            columns[name] = [(c, text) for c, _, text in (a.partition(": ") for a in above[1:])]
            if columns[name] and columns[name][0][0] == "*":
                columns[name] = columns[columns[name][0][1]]
            yield from (Comment(kind, name, None, text) for text in above[:1])
            yield from (Comment(kind, name, column, text) for column, text in columns[name])
            above = []
        elif described := _COLUMN.match(line):
            yield Comment(kind, name, described[1], described[2])


def _statement(comment: Comment) -> str:
    """The statement that stores a comment; DuckDB keeps none on the columns of a macro."""
    text = comment.text.replace("'", "''")
    if comment.column is None:
        kind = "MACRO TABLE" if comment.kind == "MACRO" else comment.kind
        return f"COMMENT ON {kind} {comment.name} IS '{text}';\n"
    if comment.kind == "MACRO":
        return ""
    return f"COMMENT ON COLUMN {comment.name}.\"{comment.column}\" IS '{text}';\n"


def _rows() -> dict[str, str]:
    """The rows of the views that hold facts of the program, by their mark in the SQL files."""
    cells = (
        (cell.name, cell.label, place, cell.states[0])
        for place, cell in enumerate(CELLS.values(), start=1)
    )
    profiles = (
        (name, place, [*profile.sizes], *profile.deep, profile.hidden, profile.factorized)
        for place, (name, profile) in enumerate(PROFILES.items(), start=1)
    )
    return {"{cells}": ", ".join(map(str, cells)), "{profiles}": ", ".join(map(str, profiles))}


def _schema() -> tuple[str, list[Comment]]:
    here = Path(__file__).parent
    files = (here / "store" / "schema.sql", here / "paper" / "claims.sql")
    sql = "".join(path.read_text(encoding="utf-8") for path in files)
    for mark, rows in _rows().items():
        sql = sql.replace(mark, rows)
    described = [*comments(sql)]
    return sql + "".join(map(_statement, described)), described


SCHEMA, COMMENTS = _schema()
VERSION = hashlib.sha256(SCHEMA.encode()).hexdigest()[:16]
