"""The tables, views and macros that can be asked, with their columns."""

from __future__ import annotations

import html

import streamlit as st

from app.shell import queries

TABLES = """
SELECT * FROM (
    SELECT view_name AS name, 'view' AS kind, comment, 0 AS takes
    FROM duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT function_name, 'macro', comment, len(parameters)
    FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal
    UNION ALL
    SELECT table_name, 'table', comment, 0 FROM duckdb_tables() WHERE NOT internal
)
WHERE name <> 'schema_version'
ORDER BY kind = 'table', name"""

COLUMNS = """
SELECT table_name AS name, column_name AS "column", data_type AS "type", comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index"""

MACRO = """
SELECT column_name AS "column", column_type AS "type", NULL AS comment
FROM (DESCRIBE SELECT * FROM {macro}({takes}))"""


def tables() -> None:
    """Each with its columns, from the database's own comments."""
    columns = queries.table(COLUMNS).partition_by("name", as_dict=True)
    parts = []
    for name, kind, comment, parameters in queries.table(TABLES).iter_rows():
        # A macro's columns are known only from what it gives.
        sql = MACRO.format(macro=name, takes=", ".join(["NULL"] * parameters))
        listed = queries.table(sql) if kind == "macro" else columns[(name,)]
        inside = "".join(
            f"<dt>{html.escape(row['column'])} <i>{html.escape(row['type'].lower())}</i></dt>"
            f"<dd>{html.escape(row['comment'] or '')}</dd>"
            for row in listed.iter_rows(named=True)
        )
        text = html.escape(comment or "")
        parts.append(
            f"<details><summary><b>{html.escape(name)}</b> <i>{kind}</i><br>{text}</summary>"
            f"<dl>{inside}</dl></details>"
        )
    st.html(f"<div class='schema'>{''.join(parts)}</div>")
