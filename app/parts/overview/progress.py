"""How far the studies are computed at a profile, and what their claims say."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st

from app import watching
from app.shell import export, queries, words
from core import machine
from core.paper import shipped
from core.paper.reproduce import left, recorded
from core.paper.studies import STUDIES, Choices, Plan
from core.store import Store

BADGES = {
    "holds": ":green-badge[:material/check: {}]",
    "fails": ":red-badge[:material/close: {}]",
    "not computed": ":gray[{}]",
}
UNDECIDED = ":gray-badge[{}]"


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is at a profile. seconds: estimated for what is missing."""

    done: int
    total: int
    shipped: int
    seconds: float


def of_study(study: str, profile: str) -> None:
    """What the claims of a figure say, and what is missing of it."""
    claims = queries.table(queries.fill(queries.CLAIMS_OF, profile=profile))
    verdicts = claims.filter(pl.col("study") == study).select("claim", "verdict")
    badges = [BADGES.get(v, UNDECIDED).format(claim) for claim, v in verdicts.iter_rows()]
    now = _progress(study, profile)
    missing = f" · about {words.seconds(now.seconds)} to go" if now.done < now.total else ""
    results = f":small[{now.done} of {now.total} results{missing}]"
    st.markdown("&ensp;".join([*badges, results]))


def of_all(profile: str) -> None:
    """What is computed, what is missing, where it would run and how long that takes."""
    each = [_progress(study, profile) for study in STUDIES]
    done, total = sum(p.done for p in each), sum(p.total for p in each)
    seconds = words.seconds(sum(p.seconds for p in each))
    facts = {
        f"computed at profile {profile}": f"{done} of {total} results",
        "came with the program": words.number(sum(p.shipped for p in each)),
        "missing, on this machine": f"about {seconds}" if done < total else "nothing",
        "this machine": machine.name(),
    }
    st.html(export.facts(facts))
    if done < total:
        st.caption("Every page has a button for what it misses; everything at once:")
        st.code(
            f".venv/bin/python -m core reproduce --profile {profile}",
            language="sh",
            wrap_lines=True,
        )


def drawn(study: str, profile: str) -> list[str]:
    """The keys of the signatures that the figure of a study shows."""
    plan = _plan(study, profile, str(Store().tables.newest()))
    return [spec.key for spec in plan.drawn.values()]


def _progress(study: str, profile: str) -> StudyProgress:
    """Looked up once for every state of the tables."""
    return _progress_of(study, profile, str(Store().tables.newest()))


@st.cache_resource(max_entries=100, show_spinner=False)
def _plan(study: str, profile: str, generation: str) -> Plan:
    choices = Choices(profile, **recorded(STUDIES[study], profile, Store()))
    return STUDIES[study].plan(choices)


@st.cache_data(max_entries=100, show_spinner=False)
def _progress_of(study: str, profile: str, generation: str) -> StudyProgress:
    store, specs = Store(), _plan(study, profile, generation).specs
    computed = watching.computed_keys(specs)
    keys = {spec.key for spec in specs}
    missing = [spec for spec in specs if spec.key not in computed]
    n_shipped = len(shipped.among(keys, store))
    seconds = left(missing, store) if missing else 0.0
    return StudyProgress(len(computed), len(keys), n_shipped, seconds)
