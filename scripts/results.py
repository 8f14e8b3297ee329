"""Writes the shipped results into docs/: `python scripts/results.py`.

Into docs/claims.md the verdicts; into docs/performance.md the seconds that each study took; there
and in docs/figures.md and docs/findings.md, below every query that is followed by an answer, what
the query answers now.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.paper import shipped  # noqa: E402
from core.paper.reproduce import recorded  # noqa: E402
from core.paper.studies import STUDIES, Choices, Study  # noqa: E402
from core.profiles import NAMES  # noqa: E402
from core.store import Store  # noqa: E402

BEGIN = "<!-- verdicts: written by scripts/results.py from the shipped results -->\n"
END = "<!-- end of verdicts -->\n"
ANSWER = re.compile(
    r"```sql\n([^`]*)```\n\n<!-- answer -->\n.*?<!-- end of answer -->\n", re.DOTALL
)
TIMES = "<!-- times: written by scripts/results.py from the shipped results -->\n"
END_OF_TIMES = "<!-- end of times -->\n"
PARTS = ("networks", "decoders", "rest")  # as the view `times` names them
HEAD = """| claim | verdict | the paper | ours | on |
|---|---|---|---|---|
"""


def verdicts(store: Store) -> str:
    """The section between the two marks: one row for each claim, and its other parts below."""
    rows = store.query("FROM claims")
    lines = [_row(row) for row in rows.iter_rows(named=True)]
    shown = ["claim", "profile", "corpora"]
    parts = store.query("FROM claim_checks ORDER BY substr(claim, 2)::INTEGER, part")
    parts = parts.join(rows.select(shown), on=shown, how="semi", maintain_order="left")
    told = [_part(row) for row in parts.iter_rows(named=True)]
    every = "\nEvery part:\n\n| part | ours | verdict |\n|---|---|---|\n" if told else ""
    return "\n" + HEAD + "".join(lines) + every + "".join(told) + "\n"


def _row(row: dict[str, Any]) -> str:
    seeds = f"{row['seeds']} seeds" if (row["seeds"] or 1) > 1 else None
    on = [row["corpora"], row["stand_in"], row["profile"], seeds, row["note"]]
    said = ", ".join(str(part) for part in on if part)
    return f"| {row['claim']} | {row['verdict']} | {row['paper']} | {_number(row)} | {said} |\n"


def _part(row: dict[str, Any]) -> str:
    verdict = row["verdict"] or "not judged"
    return f"| {row['claim']}.{row['part']} {row['statistic']} | {_number(row)} | {verdict} |\n"


def _number(row: dict[str, Any]) -> str:
    if row["ours"] is None:
        return "–"
    spread = "" if row["low"] is None else f" ({row['low']:.3g} to {row['high']:.3g})"
    return f"{row['ours']:.3g}{spread}"


def claims(text: str, store: Store) -> str:
    """The page of the claims with its verdicts brought up to date."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + verdicts(store) + END + rest.split(END)[1]


def answers(text: str, store: Store) -> str:
    """A page with the answers to its queries brought up to date."""

    def answered(found: re.Match[str]) -> str:
        sql = found[1]
        return f"```sql\n{sql}```\n\n<!-- answer -->\n{_table(store, sql)}<!-- end of answer -->\n"

    return ANSWER.sub(answered, text)


def _table(store: Store, sql: str) -> str:
    rows = store.query(sql)
    if rows.is_empty():
        return "Not computed yet.\n"
    lines = [rows.columns, ["---"] * rows.width, *rows.iter_rows()]
    said = (["" if cell is None else str(cell) for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in said)


def times(text: str, store: Store) -> str:
    """The page of performance with the seconds of every study brought up to date."""
    before, rest = text.split(TIMES)
    folder = shipped.folder()
    assert folder
    lines: list[str] = []
    for profile in sorted(folder.glob("*/manifest.json"), key=lambda p: NAMES.index(p.parent.name)):
        manifest = json.loads(profile.read_text())
        for study, (done, of) in manifest["computed"].items():
            if done:
                lines += _times(study, manifest["profile"], f"{done} of {of}", store)
    head = f"| profile | study | parts | machine | {' | '.join(PARTS)} |\n{'|---' * 7}|\n"
    table = TIMES + head + "".join(lines) + END_OF_TIMES
    return answers(before + table + rest.split(END_OF_TIMES)[1], store)


def _results(study: Study, profile: str, store: Store) -> list[str]:
    """The keys of all that a study computes, with all its seeds."""
    choices = Choices(profile, **recorded(study, profile, store))
    plans = [
        study.plan(replace(choices, seeds=(seed,), **more))
        for seed in range(study.seeds)
        for more in ({}, *study.more)
    ]
    return [step.key for plan in plans for spec in plan.specs for step in spec.steps()]


def _times(study: str, profile: str, parts: str, store: Store) -> list[str]:
    """A row of the table for every machine that computed some of the study's results."""
    keys = _results(STUDIES[study], profile, store)
    sql = """
        SELECT machine, kind, count(*) AS n, count(seconds) AS timed, sum(seconds) AS seconds
        FROM times WHERE key IN (SELECT unnest(?)) GROUP BY ALL"""
    cells: dict[str, dict[str, str]] = {}
    for machine, kind, n, timed, seconds in store.query(sql, [keys]).iter_rows():
        lacking = f", {n - timed} not recorded" if n > timed else ""
        cells.setdefault(machine, {})[kind] = f"{seconds or 0:,.0f} ({n}{lacking})"
    rows = [
        [profile, study, parts, machine, *(row.get(part, "–") for part in PARTS)]
        for machine, row in sorted(cells.items())
    ]
    return [f"| {' | '.join(row)} |\n" for row in rows]


PAGES: dict[str, Callable[[str, Store], str]] = {
    "claims.md": claims,
    "figures.md": answers,
    "findings.md": answers,
    "performance.md": times,
}


def shipped_store(root: Path) -> Store:
    """A store at `root` that has the shipped results and nothing else."""
    store = Store(root)
    shipped.update(store)
    return store


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        store = shipped_store(Path(root))
        for name, write in PAGES.items():
            page = ROOT / "docs" / name
            page.write_text(write(page.read_text(), store))


if __name__ == "__main__":
    main()
