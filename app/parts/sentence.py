"""A sentence that networks read: what their states hold of it, and what they expect next."""

from __future__ import annotations

import html
from collections.abc import Sequence

import polars as pl
import streamlit as st

from app import watching
from app.pictures import sentence as pictures
from app.shell import choices, export, queries
from app.shell.errors import explained
from core import reading
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.store import Store
from core.text import PAPER

SENTENCES = {
    "Hamlet": "To be, or not to be, that is the question.",
    "Pangram": "The quick brown fox jumps over the lazy dog.",
    "Alphabet": "Abcdefghijklmnopqrstuvwxyz, xyz, xyz, xyz.",
}
LONGEST = 2 * reading.MOST  # characters that can be typed
HELP = "Any text in the letters of the corpus, up to 200 symbols; Enter has it read."
SAMPLE = "SELECT sample FROM corpora WHERE key = {key}"
HOW_TO_READ = (
    "Under each letter stand those before it, as the state holds them after reading it: dark "
    "purple where a decoder is sure of the right one, white where it is forgotten. The row "
    "“expected” is the network's own guess before it read the letter, red where it was wrong, ↵ "
    "the end of the line."
)


def of_signature(spec: SignatureSpec) -> None:
    """A sentence for one signature, or a button that computes the decoders that read it."""
    if reading.ready(spec):
        of_networks([spec])
    elif reading.readable(spec):
        st.html(
            "<div class='pane-title'>Your sentence</div><div class='note'>The decoders of this "
            "signature are not stored. Computed once more, they stay and read any sentence.</div>"
        )
        watching.recompute([spec], "decoders", "Compute its decoders", "Asks, and says how long")


@st.fragment
def of_networks(specs: Sequence[SignatureSpec]) -> None:
    """A line of text, some to choose from, and the picture of what each network makes of it.

    specs: signatures that are `ready`, all of one alphabet.
    """
    corpus = specs[0].corpus
    with explained():
        line = st.container(horizontal=True, key="sentence-line", vertical_alignment="bottom")
        with line:
            symbols, changes = reading.to_symbols(_typed(_samples(corpus)), corpus.alphabet)
        version = str(Store().tables.newest())
        tables = [(spec.model.title, _read(spec.key, symbols, version, spec)) for spec in specs]
        with line:
            export.saves_in(st.container(width="content"), "Your sentence")
        figure = export.drawn(pictures.triangles, tables, symbols, export.colors())
        about = f"What a state holds of each earlier letter of: {symbols}"
        export.chart(figure, "sentence", "sentence", about)
        st.html(f"<div class='note'>{HOW_TO_READ} {html.escape(changes)}</div>")
        with line, st.popover("Numbers"):
            _numbers(tables)


def _samples(corpus: CorpusSpec) -> dict[str, str]:
    """Sentences to choose from; in another alphabet the first ones of the corpus."""
    if corpus.alphabet == PAPER:
        return SENTENCES
    found = queries.table(queries.fill(SAMPLE, key=corpus.key))["sample"][0].splitlines()[:3]
    return {f"Sample {number}": line[: reading.MOST] for number, line in enumerate(found, start=1)}


def _typed(samples: dict[str, str]) -> str:
    """The sentence, typed or chosen."""
    first = next(iter(samples.values()))
    choice = "text" if samples is SENTENCES else "own-text"
    text = choices.typed(choice, "Your sentence", first, _parse, max_chars=LONGEST, help=HELP)
    for name, sample in samples.items():
        set_text = {"on_click": choices.set_value, "args": (choice, sample)}
        st.button(name, key=f"sentence-{name}", type="tertiary", **set_text)
    return text


def _numbers(tables: Sequence[tuple[str, pl.DataFrame]]) -> None:
    """All that the picture shows, its hovers too, as a table."""
    named = [table.select(pl.lit(name).alias("network"), pl.all()) for name, table in tables]
    everything = pl.concat(named)
    st.caption("lag −1: the symbol that comes next, as the network itself expects it")
    export.numbers(everything, "sentence-numbers", 260, "sentence")


def _parse(typed: str) -> str | None:
    return typed[:LONGEST] if typed.strip() else None


@st.cache_resource(max_entries=200, show_spinner=False)
def _read(key: str, symbols: str, version: str, _spec: SignatureSpec) -> pl.DataFrame:
    """Read once for all who look. version: of the tables; other decoders come with other rows."""
    return reading.read(_spec, symbols)
