"""From a study to its results: ask for what is missing, show how far it is, say what is there."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable
from threading import Thread

import streamlit as st

from app.widgets import pins, queries, tray, watch, words
from app.widgets.errors import explained
from app.widgets.people import ask_first, who
from core import jobs
from core.corpora import NAMES
from core.jobs.estimate import START_SECONDS, step_seconds
from core.profiles import PROFILES
from core.specs import Spec
from core.store import Store
from core.studies import Choices, Plan

WSJ, STAND_IN = "wsj", "sotu"
SETTLE = 1.5  # seconds that a changed choice must stand before work starts: sliders pass many


def default_corpus() -> str:
    """The paper's corpus, or what stands in for it."""
    return WSJ if WSJ in NAMES else STAND_IN


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
    there = _there(plan.specs)
    missing = [spec for spec in plan.specs if spec.key not in there]
    _changed(name, missing)
    with st.container(key="strip"):
        if missing:
            st.fragment(_progress, run_every=1)(name, plan, there, _costs(missing))
        else:
            count = len(plan.specs)
            watch.say(f"{count} of {count}", f"computed · {_machines(plan)}")
    return there


def compare(keys: Iterable[str], there: frozenset[str], label: str) -> None:
    """A link that lays the signatures that are there side by side on the Compare page."""
    found = [key[: pins.DIGITS] for key in keys if key in there][: pins.MOST]
    st.page_link(
        "pages/compare.py", label=label, icon=":material/compare:", disabled=len(found) < 2,
        query_params={"pins": "-".join(found)},
        help="On the Compare page, in place of what is pinned now",
    )  # fmt: skip


def _progress(name: str, plan: Plan, before: frozenset[str], costs: dict[str, float]) -> None:
    """The strip while something is missing; the page is run again only when a result arrived."""
    with explained():
        there = _there(plan.specs)
        if there != before:
            st.rerun(scope="app")
        missing = [spec for spec in plan.specs if spec.key not in there]
        found = {spec.key: jobs.find(spec.key) for spec in missing}
        fresh = [spec for spec in missing if _unasked(found[spec.key])]
        going = [job for job in found.values() if job and (job.live or job.status == "done")]
        wanted = [*fresh, *(job.spec for job in going)]
        left = _left(wanted, costs, next((j for j in going if j.status == "running"), None))
        if fresh and left <= ask_first() and _settled(name):
            _ask(fresh)
            found = {spec.key: jobs.find(spec.key) for spec in missing}
            fresh, going = [], [job for job in found.values() if job and job.live]
        ended = [job for job in found.values() if job and job.status in ("failed", "cancelled")]
        done = f"{len(plan.specs) - len(missing)} of {len(plan.specs)}"
        share = sum(job.fraction for job in going) + len(plan.specs) - len(missing)
        _strip(done, share / len(plan.specs), left, fresh, going, ended)


def _strip(
    done: str, share: float, left: float, fresh: list[Spec], going: list[jobs.Job],
    ended: list[jobs.Job],
) -> None:  # fmt: skip
    """One line on the missing, and the buttons for it."""
    told, buttons = st.columns([5, 2], vertical_alignment="center", wrap=False)
    live = [job for job in going if job.live]
    rest = f"about {words.seconds(left)} for the rest"
    with told:
        if going:
            held = f" · {len(fresh)} not asked for" if fresh else ""
            watch.say(done, f"{_doing(going)} · {rest}{held}{_how_ended(ended)}", share)
        elif fresh:
            watch.say(done, f"not computed yet: {len(fresh)} · {rest}", share)
        else:
            failed = any(job.status == "failed" for job in ended)
            watch.say(done, _how_ended(ended).removeprefix(" · "), share, failed)
    with buttons.container(
        horizontal=True, horizontal_alignment="right", gap="xxsmall", wrap=False
    ):
        shown = next((job for job in [*live, *ended] if job.status != "queued"), None)
        if shown:
            tray.log(shown, "strip")
        if live:
            st.button(
                "Cancel all", key="cancel-all", on_click=_cancel, args=(live,),
                help="End every job that this figure waits for; what is computed stays",
            )  # fmt: skip
        again = fresh or [job.spec for job in ended]
        if again and not (fresh and live and not _over(left)):
            st.button(
                f"Compute {len(again)}" if fresh else "Try again", key="begin", type="primary",
                shortcut="Shift+S", on_click=_ask, args=(again,),
            )  # fmt: skip


def _over(left: float) -> bool:
    return left > ask_first()


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


def _machines(plan: Plan) -> str:
    """How long the study took, and where."""
    keys = list({step.key for spec in plan.specs for step in spec.steps()})
    row = queries.table(queries.fill(queries.TOOK, keys=keys)).row(0, named=True)
    return f"{words.seconds(row['seconds'])} of work in all, on {row['machines'] or 'no machine'}"


def _costs(missing: list[Spec]) -> dict[str, float]:
    """Seconds of every step that is missing; one that several jobs need counts once."""
    steps = {step.key: step for spec in missing for step in spec.steps()}
    there, store = _there(steps.values()), Store()
    return {key: step_seconds(step, store) for key, step in steps.items() if key not in there}


def _left(wanted: list[Spec], costs: dict[str, float], running: jobs.Job | None) -> float:
    """Seconds for all that is wanted: what the running job says of itself, estimates else."""
    steps = {step.key for spec in wanted for step in spec.steps()} & costs.keys()
    left = START_SECONDS * len(wanted)
    if running and running.eta is not None:
        steps -= {step.key for step in running.spec.steps()}
        left += running.eta - START_SECONDS
    return max(0.0, left + sum(costs[key] for key in steps - _there_keys(steps)))


def _there_keys(keys: set[str]) -> frozenset[str]:
    if not keys:
        return frozenset()
    sql = queries.fill(queries.THERE, keys=sorted(keys))
    return frozenset(queries.table(sql)["key"])


def _unasked(job: jobs.Job | None) -> bool:
    return job is None or (job.status == "done" and watch.lost(job))


def _ask(specs: list[Spec]) -> None:
    for spec in specs:
        jobs.request(spec, who())


def _cancel(live: list[jobs.Job]) -> None:
    """End all, beside the page: each takes a moment until it stands in the tables."""
    Thread(target=_cancel_each, args=([job.key for job in live], who()), daemon=True).start()


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
