"""Pictures for a paper or a notebook, the same as the app's: of a signature, a study or a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from core.errors import BadInput
from core.library import query
from core.models.language.spec import ModelSpec
from core.paper.reproduce import corpora_of
from core.paper.studies import STUDIES, Choices, Plan
from core.profiles import find
from core.queries import DIFFERENCE, FORWARD, MARGINAL, MATRIX, NAMED, SIGNATURE, fill
from core.signatures.spec import SignatureSpec
from core.text import SYMBOLS, Alphabet

COLUMN = 3.25  # inches: of a paper with two columns
NARROWEST, WIDEST = 1.5, 20.0  # inches
SWEEPS = {"size": "hidden", "depth": "layer"}  # studies drawn by lag alone, and what is across
LEFT_OUT = ("full kernel",)  # of Fig. 6
FIRST = {"las": 3}  # how many of a study's signatures are its figure; all where not given


@dataclass(frozen=True)
class Picture:
    """A picture with its title; a notebook shows it by itself. figure: of plotly."""

    figure: Any
    title: str

    def save(self, file: str | Path, width: float = COLUMN) -> None:
        """Write it as a PDF, an SVG or a PNG, whichever the file's name ends with.

        width: in inches. Raises BadInput for another ending or a width that no paper has.
        """
        path = Path(file)
        data = self.to_bytes(path.suffix.removeprefix(".").lower(), width)
        path.write_bytes(data)

    def to_bytes(self, form: str, width: float = COLUMN) -> bytes:
        """The same as bytes. form: 'pdf', 'svg' or 'png'."""
        from app.pictures import files

        if form not in files.FORMATS:
            raise BadInput(f"A picture is one of {', '.join(files.FORMATS)}, not {form!r}.")
        if not NARROWEST <= width <= WIDEST:
            raise BadInput(f"Give the width as {NARROWEST} to {WIDEST} inches, not {width}.")
        return files.save(self.figure, form, width, self.title)

    def _repr_png_(self) -> bytes:
        return self.to_bytes("png", 6.75)


def plot(what: str | pl.DataFrame, profile: str = "laptop", title: str = "") -> Picture:
    """The picture of a signature, a study or a table.

    what: the key of a computed signature, or its first 8 digits or more; the name of a study, such
    as 'size'; or the rows of `core.measure`, symbol by lag. profile: of a study.
    title: what stands above it, instead of what it shows in words.

    Returns a picture that a notebook shows by itself. Its `save("recall.pdf", width=3.25)` writes a
    PDF, an SVG or a PNG so many inches wide; `to_bytes("svg", width=3.25)` returns the same.

    Raises BadInput if there is no such signature or study, or not all of it is computed.
    """
    if isinstance(what, pl.DataFrame):
        return _of_table(what, title)
    if what in STUDIES:
        return _of_study(what, profile, title)
    return _of_key(what, title)


def _of_table(table: pl.DataFrame, title: str) -> Picture:
    """The heat map of a table with lag, symbol, n and accuracy."""
    from app.pictures import heatmaps, look

    if missing := {"lag", "symbol", "n", "accuracy"} - set(table.columns):
        raise BadInput(f"The table has no column {min(missing)!r}; give the rows of core.measure.")
    cells = table.filter(pl.col("symbol").is_not_null() & (pl.col("lag") >= 1))
    if cells.is_empty():
        raise BadInput("The table has no row with a symbol and a lag of 1 or more.")
    figure = heatmaps.side_by_side([heatmaps.Pane("", cells)], 1, heatmaps.SIDE[1], look.LIGHT)
    return Picture(figure, title or "Recall by lag and symbol")


def _of_key(key: str, title: str) -> Picture:
    from app.pictures import heatmaps, look
    from app.pictures.symbols import MOST, most_frequent

    if not re.fullmatch("[0-9a-f]{8,64}", key):
        raise BadInput(f"There is no study {key!r}, and a key is 8 to 64 digits from 0 to f.")
    columns = f"s.key, {SIGNATURE} AS name, measured.characters, measured.words"
    named = query(f"SELECT {columns}{NAMED}\nWHERE starts_with(s.key, ?)", [key])
    if named.height != 1:
        raise BadInput(
            f"Several signatures begin with {key}; give more digits."
            if named.height
            else f"No signature is computed that begins with {key}."
        )
    whole, name, characters, words = named.row(0)
    symbols = Alphabet(characters).symbols if characters else SYMBOLS
    matrix, forward = (query(fill(sql, key=whole)) for sql in (MATRIX, FORWARD))
    if words:
        symbols = most_frequent(matrix)
    if characters or words:  # as many as a picture can show, the most frequent
        shown = pl.col("symbol").is_in(symbols[:MOST])
        matrix, forward = matrix.filter(shown), forward.filter(shown)
    figure = heatmaps.signature(matrix, forward, look.LIGHT, symbols=symbols)
    return Picture(figure, title or f"Recall by lag and symbol\n{name}")


def _of_study(name: str, profile: str, title: str) -> Picture:
    study = STUDIES[name]
    corpora = corpora_of(study, profile, {})
    plan = study.plan(Choices(profile, **corpora))
    drawn = {label: spec for label, spec in plan.drawn.items() if label not in LEFT_OUT}
    keys = {label: spec.key for label, spec in [*drawn.items()][: FIRST.get(name)]}
    computed = query(
        "SELECT key FROM signatures WHERE key IN (SELECT unnest(?))", [list(keys.values())]
    )
    if missing := [label for label, key in keys.items() if key not in set(computed["key"])]:
        raise BadInput(
            f"{missing[0]} of this study is not computed with profile {profile}: run "
            f"`python -m core study {name} --profile {profile}`."
        )
    on = " and ".join(spec.name for spec in corpora.values())
    if name in SWEEPS:
        figure = _sweep(plan, SWEEPS[name], profile)
    elif name == "ngram":
        figure = _difference(keys["GRU"], keys["5-gram"])
    elif len(keys) == 1:
        return _of_key(next(iter(keys.values())), title)
    else:
        figure = _side_by_side(keys, green=name == "adaptation")
    what = "GRU less 5-gram" if name == "ngram" else study.title
    return Picture(figure, title or f"{what}\nafter {study.figures} of the paper, {on}")


def _sweep(plan: Plan, column: str, profile: str) -> Any:
    """Figs. 2 and 3: marginal recall by lag, a pane each cell."""
    from app.pictures import look, sweeps

    depth = find(profile).decoders.depth
    tables, places = [], {}
    for spec in plan.drawn.values():
        model = spec.model
        if not isinstance(spec, SignatureSpec) or not isinstance(model, ModelSpec):
            continue
        if spec.budget.depth == depth:
            place = {"cell": model.cell, "hidden": model.hidden, "layer": spec.layer}
            rows = query(fill(MARGINAL, key=spec.key))
            tables.append(rows.with_columns(seeds=1, **{n: pl.lit(v) for n, v in place.items()}))
            by_size = f"[{model.layers},{model.hidden}]"
            places[place[column]] = by_size if column == "hidden" else f"layer {spec.layer}"
    table = pl.concat(tables, how="diagonal_relaxed")
    columns = [({column: value}, label) for value, label in sorted(places.items())]
    cells = table["cell"].unique(maintain_order=True).to_list()
    return sweeps.matrices(table, cells, columns, table["lag"].max(), look.LIGHT)


def _difference(first: str, second: str) -> Any:
    """Fig. 5: the network's recall less the n-gram's."""
    from app.pictures import heatmaps, look

    table = query(fill(DIFFERENCE, a=first, b=second))
    end = look.scale_end(table["difference"].abs().max())
    return heatmaps.difference(table, "AB", end, look.LIGHT)


def _side_by_side(keys: dict[str, str], green: bool) -> Any:
    """Figs. 4, 6 and 7: signatures under their labels."""
    from app.pictures import heatmaps, look

    panes = [heatmaps.Pane(label, query(fill(MATRIX, key=key))) for label, key in keys.items()]
    across, scale = (3, look.GREEN) if green else (min(len(panes), 3), look.PURPLE)
    height = 320 * -(-len(panes) // across)
    return heatmaps.side_by_side(panes, across, height, look.LIGHT, font=9, scale=scale)
