"""The Factorized page, run by streamlit's own test driver; no job runner is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.factorized import toolbar
from core import jobs
from core.models.factorized.builders import kernel_signature, pruning_spec
from core.models.factorized.spec import AtlasSpec, PrunedSpec
from core.paper.studies import STUDIES, Choices, Plan
from core.spec import CorpusSpec
from tests.app import invented
from tests.app.parts.test_studies import corpora
from tests.app.prepared import computed
from tests.app.test_pages import MAIN, charts, said

PAGE = "pages/factorized.py"


def study() -> Plan:
    source, target = corpora()
    return STUDIES["factorized"].plan(Choices("smoke", source=source, target=target))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the whole study, for tests that only read."""
    root = tmp_path_factory.mktemp("factorized")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(root))
        plan = study()
        atlas, target = invented.atlas_of(corpora()), corpora()[1]
        invented.fill(root, atlas)
        invented.prune(root, invented.prunings(atlas, target))
        computed(root, [*plan.signatures.values(), *plan.perplexities.values()])
    return root


@pytest.fixture
def done(full: Path, monkeypatch: pytest.MonkeyPatch) -> AtlasSpec:
    monkeypatch.setenv("MEMSIG_CACHE", str(full))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    return invented.atlas_of(corpora())


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtlasSpec:
    """A store with the first two rows of the map."""
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    atlas = invented.atlas_of(corpora())
    invented.fill(tmp_path, atlas, rows=2)
    return atlas


def opened(**address: object) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(PAGE)
    first, second = corpora()
    usual = {"mix1": first.content, "mix2": second.content}
    app.query_params.update({name: str(v) for name, v in (usual | address).items()})
    app.run()
    assert not app.exception and not app.error
    return app


@pytest.mark.parametrize(
    ("address", "pictures"),
    [
        ({}, 4),
        ({"basis": "he"}, 5),
        ({"basis": "he", "decoders": "linear"}, 5),
        ({"factorized": "Pruning"}, 2),
        ({"factorized": "Numbers"}, 2),
    ],
)
def test_a_finished_study_is_drawn_and_shows_sql_that_runs(
    done: AtlasSpec, address: dict[str, str], pictures: int
) -> None:
    app = opened(**address)
    assert charts(app) == pictures
    for code in app.code:
        assert core.query(code.value).height
    assert not jobs.listing()


def test_fig_6_is_shown_by_trained_decoders_once_they_are_there(done: AtlasSpec) -> None:
    app = opened()
    assert "Fig. 6, trained decoders" in said(app) and "10 of 10" in said(app)
    assert "Fig. 6, linear decoders" in said(opened(decoders="linear"))


def test_the_map_fills_while_its_rows_are_measured(begun: AtlasSpec) -> None:
    app = opened()
    assert "68 of 1,156 bases" in said(app)
    assert "Fig. 6, linear decoders" in said(app)
    assert "0 of 10" in said(app) and "Known when all bases are measured" in said(app)
    assert not jobs.listing()
    app.button(key="begin").click().run()
    assert begun.key in {job.key for job in jobs.listing()}


def test_a_basis_is_searched_by_its_bigram(
    done: AtlasSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The search is in a fragment, and AppTest runs one without the navigation that links need.
    monkeypatch.setattr("app.parts.study.compare", lambda *_: None)
    monkeypatch.setattr("app.shell.export.LINK", 0)
    app = opened()
    app.text_input(key="basis-search").input("␣t").run()
    assert not app.exception and app.query_params["basis"] == " t"
    assert "basis '␣t' beside W₀" in said(app)
    app.text_input(key="basis-search").input("nonsense").run()
    assert app.text_input(key="basis-search").value == " t"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("he", "he"), ("<s>t", "<s>t"), ("␣t", " t"), ("h", None), ("hé", None), ("the", None)],
)
def test_bigrams_are_read_as_people_type_them(text: str, kept: str | None) -> None:
    assert toolbar.read_bigram(text) == kept


def test_a_basis_never_seen_is_called_that(done: AtlasSpec) -> None:
    app = opened(basis="<unk></s>")
    assert "never seen in training" in said(app)
    app = opened(basis="he")
    row = core.query("SELECT count_1 FROM bases WHERE bigram = 'he'").item()
    assert f"seen {row:,} times" in said(app)


def test_other_views_of_a_basis_wait_for_a_click(done: AtlasSpec) -> None:
    app = opened(basis="he", view="Left out", decoders="trained")
    assert "not computed yet" in said(app) and not jobs.listing()


def test_a_view_is_computed_on_demand(begun: AtlasSpec) -> None:
    app = opened(basis="he", view="Left out", decoders="trained")
    app.button(key="begin-basis").click().run()
    model, asked = begun.model, {job.key for job in jobs.listing()}
    assert kernel_signature(model, "without", ("h", "e")).key in asked
    assert kernel_signature(model, "full").key in asked and len(asked) == 2


def test_the_table_is_filtered_and_a_row_picks_its_basis(done: AtlasSpec) -> None:
    app = opened(having="q", seen=1)
    shown = app.dataframe[0].value
    assert 0 < len(shown) < 67 and all("q" in bigram for bigram in shown["bigram"])
    assert shown["count"].min() >= 1


def test_pruning_keeps_as_many_as_the_slider_says(done: AtlasSpec) -> None:
    app = opened(factorized="Pruning", keep=100)
    assert "The 100 that are kept" in said(app) and "4 of 4" in said(app)
    app.slider(key="choice-keep").set_value(300).run()
    assert not app.exception and "The 300 that are kept" in said(app)
    assert app.query_params["keep"] == "300"


def test_a_pruned_model_is_saved_like_any_other(
    done: AtlasSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("core.jobs.request", lambda spec, who, **_: asked.append(spec))
    app = opened(factorized="Pruning", keep=100, rule="norm")
    app.button(key="begin-pruned").click().run()
    saved = PrunedSpec(pruning=pruning_spec(done, done.model.corpora[1], "norm"), keep=100)
    assert [spec.key for spec in asked] == [saved.key]


def test_what_the_paper_says_is_told_in_numbers(done: AtlasSpec) -> None:
    app = opened(factorized="Numbers")
    for part in ("own_symbols", "&lt; 0.0001", "0.24", "667,590", "Test perplexity on each corpus"):
        assert part in said(app)
    assert app.dataframe[0].value["label"].to_list() == list(study().perplexities)


def test_the_cell_of_the_study_can_be_chosen() -> None:
    corpora = tuple(CorpusSpec(name=name, content=name * 64) for name in ("a", "b"))
    asked = {"source": corpora[0], "target": corpora[1]}
    for cells, cell in ((("gru",), "gru"), (("gru", "lstm"), "lstm")):
        plan = STUDIES["factorized"].plan(Choices("smoke", cells=cells, **asked))
        assert plan.signatures["W₀"].model.cell == cell
