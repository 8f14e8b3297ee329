"""The commands for the paper as a whole: `reproduce`, `claims`, `figure`, `export-reference`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import polars as pl

from core import places
from core.cli.output import clock, print_json
from core.cli.work import ProgressLine
from core.errors import BadInput
from core.library import query
from core.paper import shipped
from core.paper.reproduce import compute, left, parts
from core.paper.studies import STUDIES
from core.profiles import find
from core.signatures.spec import MOST_LONGER
from core.store import Store


def reproduce(options: argparse.Namespace) -> None:
    """Computes every study of the paper, or one, and prints the claims."""
    started = time.monotonic()
    if options.study is not None and options.study not in STUDIES:
        raise BadInput(f"There is no study {options.study!r}; choose one of {', '.join(STUDIES)}.")
    if options.seeds is not None and not 1 <= options.seeds <= 10:
        raise BadInput("Choose 1 to 10 seeds.")
    names = [options.study] if options.study else None
    if not 0 <= options.longer <= MOST_LONGER:
        raise BadInput(f"Choose 0 to {MOST_LONGER} further rounds.")
    store = Store()
    wanted = parts(options.profile, names, options.seeds, longer=options.longer)
    print(
        f"{len(wanted)} results, about {clock(left([part.spec for part in wanted], store))} of "
        "work to do on this machine.",
        file=sys.stderr,
    )
    line = ProgressLine()
    try:
        outcome = compute(wanted, store, options.max_seconds, line.show)
    finally:
        line.close()
    claims = _claim_rows(options.profile)
    if options.json:
        facts = {"profile": options.profile, "seconds": round(time.monotonic() - started, 3)}
        counts = {"done": outcome.done, "total": outcome.total, "failed": outcome.failed}
        print_json(facts | counts | {"claims": claims.to_dicts()})
    else:
        _print_claims(claims)
        print(f"{outcome.done} of {outcome.total} results are computed.")
    if outcome.failed:
        title, reason = next(iter(outcome.failed.items()))
        raise BadInput(f"{len(outcome.failed)} failed; the first is {title}: {reason}")


def claims(options: argparse.Namespace) -> None:
    """Prints the paper's claims with what is measured here."""
    rows = _claim_rows(options.profile)
    if options.json:
        print_json(rows.to_dicts())
    else:
        _print_claims(rows)


def figure(options: argparse.Namespace) -> None:
    """Writes a signature or a study as a picture."""
    from core.figures import plot

    ending = options.out.suffix.removeprefix(".").lower() if options.out else ""
    form = options.format or ending or "pdf"
    out = options.out or Path(f"{options.what}.{form}")
    data = plot(options.what, options.profile, options.title).to_bytes(form, options.width)
    out.write_bytes(data)
    if options.json:
        print_json({"file": str(out), "format": form, "width": options.width, "bytes": len(data)})
    else:
        print(f"{out}: {len(data) / 1000:.0f} kB")


def export_reference(options: argparse.Namespace) -> None:
    """Writes the computed studies as files that can be shipped."""
    from core.paper import heard

    place = Path(options.folder) if options.folder else places.reference()
    command = f"python -m core reproduce --profile {options.profile}"
    manifest = shipped.export(options.profile, place, command)
    heard.write(options.profile, place / options.profile)
    size = sum(path.stat().st_size for path in (place / options.profile).iterdir())
    if options.json:
        print_json({"folder": str(place / options.profile), "bytes": size} | manifest)
        return
    print(f"{len(manifest['keys'])} results, {size / 1e6:.1f} MB, in {place / options.profile}")
    for study, (done, of) in manifest["computed"].items():
        print(f"{study:12} {done} of {of}")


def _claim_rows(profile: str | None) -> pl.DataFrame:
    if profile is None:
        return query("FROM claims")
    return query("FROM claims_by_profile WHERE profile = ?", [find(profile).name])


def _print_claims(rows: pl.DataFrame) -> None:
    for row in rows.iter_rows(named=True):
        number = "" if row["ours"] is None else f"{row['ours']:.3g}"
        if row["low"] is not None:
            number += f" ({row['low']:.3g} to {row['high']:.3g})"
        line = f"{row['claim']:4}{row['verdict']:10} {number:28} {row['statement']}"
        print(f"{line} [{row['note']}]" if row["note"] else line)
