"""Whether a network's state tells which words it has read in the segment."""

from __future__ import annotations

import streamlit as st

from app.parts.sweeps.toolbar import Sweep
from app.pictures import detected
from app.shell import export, queries
from core.paper.studies.targets import SEEN

# Without a word: all of them together.
HITS = """
SELECT h.ago, h.n, h.rate, h.low, h.high, h.guess, u.rate AS untrained, u.low AS untrained_low,
       u.high AS untrained_high, d.words, d.rising
FROM detectors d
JOIN hits h ON h.detectors = d.key
LEFT JOIN hits u ON u.detectors = d.untrained AND u.word IS NULL
 AND u.ago IS NOT DISTINCT FROM h.ago
WHERE d.key = {key} AND h.word IS NULL
ORDER BY h.ago"""

# Of words read some words ago, not just now, which the last state of any network holds.
WORDS = """
SELECT h.word, sum(h.n) AS n, sum(h.yes) / sum(h.n) AS rate,
       sum(u.yes) / sum(u.n) AS untrained, sum(h.guess * h.n) / sum(h.n) AS guess,
       (SELECT f.rate FROM hits f
        WHERE f.detectors = {key} AND f.word = h.word AND f.ago IS NULL) AS false_alarms
FROM detectors d
JOIN hits h ON h.detectors = d.key AND h.ago >= 1
LEFT JOIN hits u ON u.detectors = d.untrained AND (u.word, u.ago) = (h.word, h.ago)
WHERE d.key = {key}
GROUP BY h.word
HAVING sum(h.n) >= 50
ORDER BY sum(h.yes - h.guess * h.n) / sum(h.n) DESC"""


PERCENT = {"format": "percent"}
COLUMNS = {
    "n": st.column_config.NumberColumn("read before", help="Positions that have read the word."),
    "rate": st.column_config.NumberColumn("hits", **PERCENT),
    "untrained": st.column_config.NumberColumn("hits, untrained", **PERCENT),
    "guess": st.column_config.NumberColumn("without a state", **PERCENT),
    "false_alarms": st.column_config.NumberColumn("false alarms", **PERCENT),
}


def hits(sweep: Sweep) -> None:
    """How often a word that was read some words ago is noticed, of all words together."""
    sql = queries.fill(HITS, key=sweep.plan.others[SEEN].key)
    table = queries.table(sql)
    export.heading("Was a word read at all", "seen", sql)
    if not table.height:
        export.empty(detected.HEIGHT)
        return
    alarms = table.filter(table["ago"].is_null())["rate"].item()
    by_age = table.filter(table["ago"] >= 1)
    figure = export.drawn(detected.hits, by_age, alarms, sweep.lags, export.colors())
    export.chart(figure, "seen", sweep.file_name("seen"), "Hits by words ago")
    words, rising = table["words"][0], table["rising"][0]
    rose = "" if rising is None else f" Hits on dev rose by {100 * rising:.1f} points when the "
    rose += "training was last doubled." if rose else ""
    st.html(
        f"<div class='note'>Detectors of the {words} most frequent words say at the end of every "
        "word which of them were read earlier in the segment. Each has a threshold that makes "
        "5 % false alarms on dev. Without a state: the same, from how many words were read and "
        "the last of them; a state that does not tell how many there were may do worse."
        f"{rose}</div>"
    )


def words(sweep: Sweep) -> None:
    """The words one by one, those first that the state holds best."""
    sql = queries.fill(WORDS, key=sweep.plan.others[SEEN].key)
    export.heading("Word by word", "seen-words", sql)
    table, name = queries.table(sql), sweep.file_name("seen-words")
    export.numbers(table, "seen-words", detected.HEIGHT, name, COLUMNS)
