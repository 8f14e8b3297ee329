"""From a study to its results: ask for what is missing, show how far it is, say what is there."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Thread

import polars as pl
import streamlit as st

from app import pace, watching
from app.shell import export, people, pins, queries, tray, words
from app.shell.errors import explained
from app.shell.people import ask_first
from core import jobs
from core.corpora import NAMES
from core.jobs.estimate import START_SECONDS, step_seconds
from core.paper import shipped
from core.paper.studies import Choices, Plan
from core.paper.studies.study import STAND_INS, installed
from core.profiles import PROFILES
from core.spec import Spec
from core.store import Store

WSJ = "wsj"
STAND_IN = STAND_INS[WSJ]
SETTLE = 1.5  # seconds that a changed choice must stand before work starts: sliders pass many


@dataclass(frozen=True)
class Watched:
    """What a strip is about.

    label: of the button that starts it; None where short work starts by itself.
    """

    name: str
    specs: list[Spec]
    label: str | None = None

    def key(self, button: str) -> str:
        """The key of a button; those of the page's own study are plain."""
        return button if self.label is None else f"{button}-{self.name}"


def default_corpus() -> str:
    """The paper's corpus, or what stands in for it."""
    return installed(WSJ)


def note(asked: Choices, paper: str = "") -> None:
    """One line: what stands in for the paper's corpus, its sizes, and how much is trained on.

    paper: a sentence on what the paper has, where that is not what is shown.
    """
    corpora = [spec.name for spec in (asked.corpus, asked.target) if spec]
    symbols = PROFILES[asked.profile].training.symbols
    used = "the whole corpus" if symbols is None else f"at most {words.number(symbols)} symbols"
    trained = f"Profile {asked.profile} trains on {used}."
    said = " ".join(part for part in (_stand_in(corpora), paper, trained) if part)
    st.html(f"<div class='note'>{html.escape(said)}</div>")


def _stand_in(corpora: list[str]) -> str:
    """One sentence where the paper's corpus is not the one shown; else nothing."""
    if WSJ in corpora:
        return ""
    if WSJ in NAMES:
        return "The paper's figure is of WSJ."
    if STAND_IN in corpora:
        return f"The paper's WSJ is not installed here; {STAND_IN} stands in for it."
    return f"The paper's figure is of WSJ, which is not installed; its stand-in is {STAND_IN}."


def empty(height: int, said: str = "Not computed yet") -> None:
    """What stands where a picture will be, as high as it."""
    st.html(f"<div class='empty' style='height:{height}px'>{html.escape(said)}</div>")


def watch_plan(name: str, plan: Plan) -> frozenset[str]:
    """Ask for what is missing where allowed; draw the strip; give the keys that are there."""
    with st.container(key="strip"):
        return _watch(Watched(name, plan.specs))


def offer(name: str, specs: list[Spec], label: str) -> frozenset[str]:
    """The same for something beside a page's study: it always waits for a click on `label`."""
    with st.container(key=f"strip-{name}"):
        return _watch(Watched(name, specs, label))


def _watch(watched: Watched) -> frozenset[str]:
    there = _there(watched.specs)
    missing = [spec for spec in watched.specs if spec.key not in there]
    _changed(watched.name, missing)
    if missing:
        st.fragment(_progress, run_every=pace.every(1))(watched, there, _costs(missing))
    else:
        _complete(watched)
    return there


def _complete(watched: Watched) -> None:
    """All is there: where it was computed, and a button where it came with the program."""
    specs = watched.specs
    count = f"{len(specs)} of {len(specs)}"
    from_release = shipped.among(spec.key for spec in specs)
    if not from_release:
        watching.say(count, f"computed · {_machines(specs)}")
        return
    told, button = st.columns([6, 1], vertical_alignment="center", wrap=False)
    with told:
        watching.say(count, f"computed, {len(from_release)} of them shipped · {_machines(specs)}")
    with button.container(horizontal=True, horizontal_alignment="right"):
        watching.recompute(specs, watched.key("recompute"))


def perplexities(plan: Plan, title: str, name: str) -> None:
    """Every score of the plan, with the weights of what is interpolated. title: HTML."""
    sql = queries.fill(
        queries.SCORED,
        labels=list(plan.perplexities),
        keys=[spec.key for spec in plan.perplexities.values()],
    )
    table = queries.table(sql)
    export.heading(title, "scored", sql)
    weights = [
        " + ".join(f"{weight:.2f}" for weight in found) if found and len(found) > 1 else None
        for found in table["weights"].to_list()
    ]
    shown = table.select(
        "label",
        "test_perplexity",
        pl.Series("weights", weights, dtype=pl.String),
        "dev_perplexity",
        "models",
    )
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        shown,
        hide_index=True,
        height=35 * table.height + 38,
        key="scored",
        placeholder="–",
        column_config={
            "label": st.column_config.TextColumn("model", width=150),
            "test_perplexity": number,
            "dev_perplexity": number,
            "weights": st.column_config.TextColumn(help="Fitted on dev", width=130),
        },
    )
    export.downloads(table, name)


def compare(keys: Iterable[str], there: frozenset[str], label: str) -> None:
    """A link that lays the signatures that are there side by side on the Compare page."""
    found = [key[: pins.DIGITS] for key in keys if key in there][: pins.MOST]
    st.page_link(
        "pages/compare.py",
        label=label,
        icon=":material/compare:",
        disabled=len(found) < 2,
        query_params={"pins": "-".join(found)},
        help="On the Compare page, in place of what is pinned now",
    )


def _progress(watched: Watched, before: frozenset[str], costs: dict[str, float]) -> None:
    """The strip while something is missing; the page is run again only when a result arrived."""
    with explained():
        specs = watched.specs
        there = _there(specs)
        if there != before:
            st.rerun(scope="app")
        missing = [spec for spec in specs if spec.key not in there]
        found = {spec.key: jobs.find(spec.key) for spec in missing}
        fresh = [spec for spec in missing if _unasked(found[spec.key])]
        going = [job for job in found.values() if job and (job.live or job.status == "done")]
        wanted = [*fresh, *(job.spec for job in going)]
        left = _left(wanted, costs, next((j for j in going if j.status == "running"), None))
        by_itself = watched.label is None and left <= ask_first()
        if fresh and by_itself and _settled(watched.name) and people.room():
            people.start(*fresh)
            found = {spec.key: jobs.find(spec.key) for spec in missing}
            fresh = [spec for spec in missing if _unasked(found[spec.key])]
            going = [job for job in found.values() if job and job.live]
        ended = [job for job in found.values() if job and job.status in ("failed", "cancelled")]
        done = f"{len(specs) - len(missing)} of {len(specs)}"
        share = sum(job.fraction for job in going) + len(specs) - len(missing)
        _strip(watched, done, share / len(specs), left, by_itself, fresh, going, ended)


def _strip(
    watched: Watched,
    done: str,
    share: float,
    left: float,
    by_itself: bool,
    fresh: list[Spec],
    going: list[jobs.Job],
    ended: list[jobs.Job],
) -> None:
    """One line on the missing, and the buttons for it."""
    told, buttons = st.columns([5, 2], vertical_alignment="center", wrap=False)
    live = [job for job in going if job.live]
    rest = f"about {words.seconds(left)} for the rest"
    with told:
        if going:
            held = f" · {len(fresh)} not asked for" if fresh else ""
            watching.say(done, f"{_doing(going)} · {rest}{held}{_how_ended(ended)}", share)
        elif fresh:
            watching.say(done, f"not computed yet: {len(fresh)} · {rest}", share)
        else:
            failed = any(job.status == "failed" for job in ended)
            watching.say(done, _how_ended(ended).removeprefix(" · "), share, failed)
    with buttons.container(
        horizontal=True, horizontal_alignment="right", gap="xxsmall", wrap=False
    ):
        shown = next((job for job in [*live, *ended] if job.status != "queued"), None)
        if shown:
            tray.log(shown, watched.key("strip"))
        if live:
            st.button(
                "Cancel all",
                key=watched.key("cancel-all"),
                on_click=_cancel,
                args=(live,),
                disabled=not people.member(),
                help="End every job that this figure waits for; what is computed stays",
            )
        again = fresh or [job.spec for job in ended]
        if again and not (fresh and live and by_itself):
            label = watched.label or f"Compute {len(again)}"
            st.button(
                label if fresh else "Try again",
                key=watched.key("begin"),
                type="primary",
                shortcut=None if watched.label else "Shift+S",
                on_click=people.start,
                args=again,
                disabled=not people.member(),
            )


def _doing(going: list[jobs.Job]) -> str:
    """What happens now: the running job, else why none runs."""
    running = next((job for job in going if job.status == "running"), None)
    if running:
        now = (
            f"{running.stage}: {running.message}" if running.stage else f"starting {running.title}"
        )
        return f"{now} · {running.fraction:.0%}"
    if all(job.status == "done" for job in going):
        return "taking the result in"
    obstacles = [job.obstacle for job in going if job.live and job.obstacle]
    if obstacles:
        return obstacles[0]
    if any(job.status == "interrupted" for job in going):
        return "interrupted, goes on by itself"
    mine = {job.key for job in going}
    first = [job.key in mine for job in jobs.listing() if job.live]
    ahead = first.index(True) if True in first else 0
    return f"waiting, {ahead} of other figures ahead" if ahead else "starting"


def _how_ended(ended: list[jobs.Job]) -> str:
    """How many failed or were cancelled, and the first reason, behind a separator."""
    said = ""
    for status in ("failed", "cancelled"):
        of_kind = [job for job in ended if job.status == status]
        if of_kind:
            reason = f" ({of_kind[0].reason})" if of_kind[0].reason else ""
            said += f" · {len(of_kind)} {status}{reason}"
    return said


def _there(specs: Iterable[Spec]) -> frozenset[str]:
    keys = [spec.key for spec in specs]
    return frozenset(queries.table(queries.fill(queries.THERE, keys=keys))["key"])


def _machines(specs: list[Spec]) -> str:
    """How long it all took, and where."""
    keys = list({step.key for spec in specs for step in spec.steps()})
    row = queries.table(queries.fill(queries.TOOK, keys=keys)).row(0, named=True)
    return f"{words.seconds(row['seconds'])} of work in all, on {row['machines'] or 'no machine'}"


def _costs(missing: list[Spec]) -> dict[str, float]:
    """Seconds of every step that is missing; one that several jobs need counts once."""
    store = Store()
    steps = {step.key: step for spec in missing for step in store.missing(spec)}
    return {key: step_seconds(step, store) for key, step in steps.items()}


def _left(wanted: list[Spec], costs: dict[str, float], running: jobs.Job | None) -> float:
    """Seconds for all that is wanted: what the running job says of itself, estimates else."""
    steps = {step.key for spec in wanted for step in spec.steps()} & costs.keys()
    left = START_SECONDS * len(wanted)
    if running and running.eta is not None:
        steps -= {step.key for step in running.spec.steps()}
        left += running.eta - START_SECONDS
    # A shipped row says nothing of the weights that are wanted.
    done = _there_keys(steps) - shipped.among(steps)
    return max(0.0, left + sum(costs[key] for key in steps - done))


def _there_keys(keys: set[str]) -> frozenset[str]:
    if not keys:
        return frozenset()
    sql = queries.fill(queries.THERE, keys=sorted(keys))
    return frozenset(queries.table(sql)["key"])


def _unasked(job: jobs.Job | None) -> bool:
    return job is None or (job.status == "done" and watching.lost(job))


def _cancel(live: list[jobs.Job]) -> None:
    """End all, beside the page: each takes a moment until it stands in the tables."""
    if people.member():
        keys = [job.key for job in live]
        Thread(target=_cancel_each, args=(keys, people.who()), daemon=True).start()


def _cancel_each(keys: list[str], name: str) -> None:
    """The waiting first: else the next would start when the running one ends."""
    for key in reversed(keys):
        jobs.cancel(key, name)


def _changed(name: str, missing: list[Spec]) -> None:
    """Note when the choices of a study last changed; the first look at one is no change."""
    keys = tuple(spec.key for spec in missing)
    known, _ = st.session_state.get(f"study-{name}", (None, 0.0))
    if known is None or not set(keys) <= set(known):
        moment = 0.0 if known is None else time.monotonic()
        st.session_state[f"study-{name}"] = (keys, moment)


def _settled(name: str) -> bool:
    return time.monotonic() - st.session_state[f"study-{name}"][1] >= SETTLE
