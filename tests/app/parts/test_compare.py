"""The Compare page and the pins, run by streamlit's own test driver; no job runner is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core
from app.parts.compare.distances import square
from app.parts.compare.pinned import measured_differently
from core import pinsets
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.app.test_pages import MAIN, charts, said

COMPARE = "pages/compare.py"


def pins(*specs: SignatureSpec) -> str:
    return "-".join(spec.key[:12] for spec in specs)


def opened(page: str = COMPARE, **address: str) -> AppTest:
    """A page of the app at an address; the Signature page in front of it is not waited for."""
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(page)
    app.query_params.update(address)
    return app.run()


def test_compare_draws_whatever_is_pinned(specs: list[SignatureSpec]) -> None:
    page = opened(pins=pins(*specs))
    assert not page.exception and not page.error
    assert charts(page) == 6
    for part in ("GRU [1,80] on tiny", "LSTM [1,80] on tiny", "5-gram on tiny", "GRU [1,40]"):
        assert part in said(page)
    assert "different profiles" in page.warning[0].value
    assert "D laptop" in page.warning[0].value and "C exact" in page.warning[0].value


def test_every_picture_shows_sql_that_runs_as_it_is(specs: list[SignatureSpec]) -> None:
    page = opened(pins=pins(*specs[:2]))
    shown = [code.value for code in page.code]
    assert len(shown) == 2 + 1 + 2 + 2 + 1 + 1
    for sql in shown:
        assert core.query(sql).height
    assert not page.warning


def test_the_pair_and_its_direction_are_in_the_url(specs: list[SignatureSpec]) -> None:
    page = opened(pins=pins(*specs[:3]), pair="CA")
    assert "Difference C − A" in said(page)
    page.button(key="swap").click().run()
    assert "Difference A − C" in said(page)
    assert page.query_params["pair"] == "AC"
    again = opened(**{name: str(page.query_params[name]) for name in ("pins", "pair")})
    assert "Difference A − C" in said(again)


def test_pins_are_added_moved_and_taken_away(specs: list[SignatureSpec]) -> None:
    gru, lstm, ngram, _ = specs
    page = opened()
    assert "Choose two to four signatures" in said(page)
    page.selectbox(key="add").select(gru.key).run()
    assert charts(page) == 2 and page.query_params["pins"] == pins(gru)
    page.selectbox(key="add").select(lstm.key).run()
    page.selectbox(key="add").select(ngram.key).run()
    page.button(key="forward-2").click().run()
    assert page.query_params["pins"] == pins(gru, ngram, lstm)
    page.sidebar.button(key="unpin-0").click().run()
    assert page.query_params["pins"] == pins(ngram, lstm)
    page.button(key="clear-pins").click().run()
    assert "pins" not in page.query_params and charts(page) == 0


def test_the_picker_is_filtered_and_full_at_four(specs: list[SignatureSpec]) -> None:
    page = opened(**{"of-cell": "lstm"})
    assert page.selectbox(key="add").options == ["LSTM [1,80] on tiny (c) · smoke"]
    page = opened(pins=pins(*specs))
    assert page.selectbox(key="add").disabled


def test_pins_go_along_to_every_page(specs: list[SignatureSpec]) -> None:
    gru, lstm, *_ = specs
    page = opened("pages/signature.py", corpus=gru.corpus.content)
    page.button(key="pin-matrix").click().run()
    assert page.query_params["pins"] == pins(gru)
    for other in ("pages/library.py", "pages/sql.py"):
        page.query_params.clear()
        page.switch_page(other).run()
        assert page.query_params["pins"] == pins(gru)
        assert any("GRU [1,80] on tiny (h)" in part.value for part in page.sidebar.get("html"))
    page.query_params["pins"] = pins(lstm)
    page.switch_page(COMPARE).run()
    assert page.query_params["pins"] == pins(lstm)


def test_distances_of_a_whole_profile(specs: list[SignatureSpec]) -> None:
    page = opened(pins=pins(specs[0]), among="smoke")
    assert not page.exception and not page.error
    assert charts(page) == 3


def test_a_pin_that_is_not_here_is_one_sentence(specs: list[SignatureSpec]) -> None:
    page = opened(pins=f"{'0' * 12}-zz top-{pins(specs[0])}")
    assert not page.exception and not page.error
    assert "Not in this database: 000000000000 and zz top." in page.warning[0].value
    assert charts(page) == 2


def test_a_set_of_pins_is_saved_and_opened_by_its_link(specs: list[SignatureSpec]) -> None:
    page = opened(pins=pins(*specs[:2]))
    page.text_input(key="set-name").set_value("two cells")
    page.text_area(key="set-note").set_value("GRU forgets <sooner>")
    next(button for button in page.button if button.label.startswith("Save what")).click().run()
    assert not page.exception and not page.error
    (saved,) = pinsets.listing()
    assert (saved.name, saved.pins) == ("two cells", pins(*specs[:2]))
    other = opened(set=saved.id)
    assert "GRU forgets &lt;sooner&gt;" in said(other) and "Difference A − B" in said(other)
    other.button(key="swap").click().run()
    other.button(key="clear-pins").click().run()
    assert "set" not in other.query_params and "two cells" not in said(other)
    other.button(key=f"set-{saved.id}").click().run()
    assert other.query_params["pins"] == pins(*specs[:2])
    other.button(key=f"unset-{saved.id}").click().run()
    assert pinsets.listing() == []


def test_the_answers_of_both_networks_are_those_of_the_selected_cell(
    specs: list[SignatureSpec],
) -> None:
    page = opened(pins=pins(*specs[:2]), lag="2", symbol="q")
    for letter in "AB":
        assert f"{letter}: answers where <b>q</b> was read 2 ago" in said(page)


@pytest.mark.parametrize(
    "address",
    [{"pins": "zzz"}, {"pins": "'; DROP TABLE models"}, {"pins": "", "pair": "ZZ", "among": "x"}],
)
def test_an_odd_address_is_an_empty_tray(
    specs: list[SignatureSpec], address: dict[str, str]
) -> None:
    page = opened(**address)
    assert not page.exception and not page.error and not charts(page)


@pytest.mark.parametrize("pair", ["AA", "CD", "A", "B"])
def test_an_odd_pair_is_the_first_pair(specs: list[SignatureSpec], pair: str) -> None:
    page = opened(pins=pins(*specs[:2]), pair=pair)
    assert "Difference A − B" in said(page)


def test_an_empty_database_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    Store(tmp_path)
    page = opened()
    assert not page.exception and not page.error
    assert "open the Signature page for the first" in said(page)


@pytest.mark.parametrize("part", ["Models", "Runs"])
def test_the_library_lists_ngrams_too(specs: list[SignatureSpec], part: str) -> None:
    page = opened("pages/library.py", part=part)
    assert not page.exception and not page.error
    assert "5-gram on tiny" in str(page.dataframe[0].value)


def test_mixing_is_said_only_where_it_happens() -> None:
    rows = [{"profile": "smoke", "decoder": "mlp"}, {"profile": "laptop", "decoder": "mlp"}]
    assert measured_differently(rows[:1] * 2) == ""
    assert measured_differently(rows).startswith(
        "These signatures have different profiles (A smoke, B laptop),"
    )


def test_the_matrix_has_letters_for_pins_and_numbers_for_others(specs: list[SignatureSpec]) -> None:
    table = core.query(
        "SELECT p.key AS a, q.key AS b, p.state AS name_a, q.state AS name_b, d.distance "
        "FROM signatures p, signatures q, similarity(p.key, q.key) d "
        "WHERE p.profile = 'smoke' AND q.profile = 'smoke'"
    )
    names, matrix = square(table, {specs[1].key: "A"})
    others = {str(number) for number in range(2, len(names) + 1)}
    assert "A c" in names and {name.split()[0] for name in names} == {"A", *others}
    assert all(matrix[i][i] == 0 for i in range(len(names)))
    assert all(matrix[i][j] == pytest.approx(matrix[j][i]) for i in range(3) for j in range(3))
