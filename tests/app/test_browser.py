"""The app in a real browser: clicks on cells, keys, links copied from one browser to another."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.AutoRerun_pb2 import AutoRerun
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

import core
from app.parts.sql.examples import EXAMPLES
from app.shell.shell import PAGES
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.text import SYMBOLS
from tests.app import invented
from tests.app.prepared import TEXT, several
from tests.app.server import connected, looking, run_page, start

pytestmark = pytest.mark.slow


def mix(spec: SignatureSpec) -> tuple[CorpusSpec, CorpusSpec]:
    """Two corpora for a factorized model."""
    return spec.corpus, core.add_corpus(TEXT.replace("fox", "hen").encode(), "hens")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SignatureSpec]]:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(cache))
        patch.setenv("MEMSIG_PROFILE", "smoke")
        specs = several(cache)
        invented.fill(cache, invented.atlas_of(mix(specs[0])))
        yield specs


@pytest.fixture(scope="module")
def spec(stored: list[SignatureSpec]) -> SignatureSpec:
    return stored[0]


@pytest.fixture(scope="module")
def address(spec: SignatureSpec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running app, ready to be asked."""
    app, url = start(tmp_path_factory.mktemp("app") / "log.txt")
    yield url
    app.terminate()
    app.wait(20)


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with looking() as page:
        yield page


def test_a_copied_link_opens_the_same_view_in_another_browser(
    page: Page, address: str, stored: list[SignatureSpec]
) -> None:
    # Nobody has opened any other page of this server before.
    pins = "-".join(spec.key[:12] for spec in stored[:3])
    page.goto(f"{address}/compare?pins={pins}&pair=AC")
    heading = ".st-key-head-difference .pane-title"
    page.locator(heading).filter(has_text="A − C").wait_for()
    page.locator(".st-key-swap button").first.click()
    page.locator(heading).filter(has_text="C − A").wait_for()
    page.locator(".st-key-forward-1 button").first.click()
    page.locator("[data-testid=stSidebar] .pinned").first.filter(has_text="LSTM").wait_for()
    page.get_by_text("all smoke", exact=True).click()
    page.wait_for_url("**among=smoke**")
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(viewport={"width": 1280, "height": 900}) as fresh:
        other = fresh.new_page()
        other.goto(page.url)
        other.locator(heading).filter(has_text="C − A").wait_for()
        deadline = time.monotonic() + 60
        while _labels(page) != _labels(other) and time.monotonic() < deadline:
            time.sleep(0.2)
        # Titles of the panes and of the rail's pins, and every text in a picture.
        shown = _labels(other)
        assert shown == _labels(page)
        assert {"Difference C − A", "A LSTM [1,80] on tiny (c)"} < set(shown)
        assert sum("tiny" in text for text in shown) >= 3 + 3 + 3 + 3
        assert other.url == page.url


def test_pins_survive_a_reload_and_ctrl_enter_runs_a_query(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/signature?corpus={spec.corpus.content}")
    page.locator(".st-key-pin-matrix button").first.click()
    page.locator("[data-testid=stSidebar] .pinned").wait_for()
    page.reload()
    page.locator("[data-testid=stSidebar] .pinned").filter(has_text="GRU").wait_for()
    page.locator("[data-testid=stSidebarNav]").get_by_text("SQL").click()
    editor = page.get_by_label("Query", exact=True)
    expect(editor).to_have_value(EXAMPLES[0][1].strip(), timeout=30_000)
    editor.fill("")
    # Digits and capitals are keys of the app elsewhere; here they are only typed.
    editor.press_sequentially("SELECT 1 AS X, 2")
    editor.press("Control+Enter")
    page.locator(".st-key-head-answer .pane-title").filter(has_text="1 row").wait_for()
    assert "/sql?" in page.url and "SELECT" in page.url and spec.key[:12] in page.url


def test_the_editor_completes_marks_a_mistake_lays_out_and_keeps(page: Page, address: str) -> None:
    page.goto(f"{address}/sql")
    editor = page.get_by_label("Query", exact=True)
    editor.fill("")
    editor.press_sequentially("from recall r select r.sy")
    assert page.get_by_role("option").all_inner_texts() == ["symbol\nrecall"]
    editor.press("Tab")
    editor.press_sequentially(", lagg")
    editor.press("Control+Enter")
    page.locator(".stAlert").filter(has_text="Line 1, column 32").wait_for()
    assert page.locator(".wrong").inner_text() == "lagg"
    editor.press_sequentially("lag")  # what is wrong is selected
    editor.press("Escape")
    editor.press("Tab")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "Run"
    page.keyboard.press("Enter")
    page.locator(".stDataFrame").wait_for()
    page.get_by_role("button", name="Format").click()
    page.locator(".editor pre").filter(has_text="from recall r\nselect").wait_for()
    page.get_by_role("tab", name="Queries").click()
    page.get_by_label("Keep this query").first.click()
    page.reload()
    page.get_by_role("tab", name="Queries").click()
    saved = page.locator(".queries section").first
    assert "from recall r select r.symbol, lag" in saved.inner_text()


def test_ctrl_k_goes_to_what_is_typed(page: Page, address: str) -> None:
    page.goto(f"{address}/sql")
    page.get_by_label("Query", exact=True).press("Control+k")
    page.locator(".st-key-goal input:focus").wait_for()
    page.keyboard.type("document method")
    page.keyboard.press("Enter")
    page.locator(".st-key-document h1").filter(has_text="Method").wait_for()
    assert "/documents?document=method" in page.url
    assert page.title() == "Documents · Memory Signatures"


def test_a_click_on_a_cell_shows_its_confusion_row(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/signature?corpus={spec.corpus.content}")
    heading = page.locator(".st-key-head-confusion .pane-title")
    heading.filter(has_text="e was read 3 ago").wait_for()
    # The layer that takes clicks is the trace with the most markers: one a cell.
    layer = page.locator("[class*=st-key-signature-] .scatterlayer .trace").filter(
        has=page.locator("path.point:nth-child(100)")
    )
    layer.first.wait_for(state="attached")
    points = layer.first.locator("path.point")
    assert points.count() == 31 * spec.max_lag
    # Markers are sorted by lag, then symbol; the second row of cells starts after 31.
    box = points.nth(31 + 20).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    heading.filter(has_text="was read 2 ago").wait_for()
    symbol = heading.inner_text().split()[2]
    assert "lag=2" in page.url and f"symbol={symbol}" in page.url
    bars = page.locator(".st-key-confusion .barlayer .point path")
    bars.first.wait_for(state="attached")
    assert bars.count() >= 1


def test_a_click_in_a_sweep_opens_that_signature(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/sweeps?corpus={spec.corpus.content}&sizes=80&profile=smoke")
    points = page.locator(".st-key-size-matrix .scatterlayer path.point")
    points.first.wait_for(state="attached")
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    assert points.count() == 2 * spec.max_lag  # of GRU and LSTM
    box = points.nth(2).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # The page turns the key into its choices at once.
    page.wait_for_url(re.compile(rf"/signature\?.*({spec.key}|cell=gru.*hidden=80)"))
    page.locator(".st-key-head-matrix .pane-title").wait_for()


def test_a_hover_in_one_pane_says_what_all_recall(
    page: Page, address: str, stored: list[SignatureSpec]
) -> None:
    page.goto(f"{address}/compare?pins=" + "-".join(spec.key[:12] for spec in stored[:3]))
    panes = page.locator(".st-key-side .nsewdrag")
    panes.nth(2).wait_for(state="attached")
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    box = panes.nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    label = page.locator(".st-key-side .hoverlayer .hovertext")
    label.wait_for()
    said = label.text_content() or ""
    assert said.startswith("B") and re.search(r"A \d+\.\d%, C \d+\.\d%", said), said


def test_a_click_on_the_map_of_bases_opens_that_basis(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    first, second = mix(spec)
    page.goto(f"{address}/factorized?mix1={first.content}&mix2={second.content}")
    page.locator(".st-key-head-six .pane-title").wait_for()
    points = page.locator(".st-key-kernel-map .scatterlayer path.point")
    points.nth(34**2 - 1).wait_for(state="attached")
    page.locator(".st-key-kernel-scatter .js-plotly-plot").wait_for()
    # What is drawn above may still move the map: a click that misses it says nothing.
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    box = points.nth(SYMBOLS.index("q") * 34 + SYMBOLS.index("u")).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    heading = page.locator(".st-key-head-basis .pane-title")
    heading.filter(has_text="basis 'qu' beside W₀").wait_for()
    assert "basis=qu" in page.url
    # What is typed is marked on the map, which the click did not draw again.
    search = page.locator(".st-key-basis-search input")
    expect(search).to_have_value("qu", timeout=30_000)
    # A run that is still on its way would write the click's basis over what is typed.
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    search.fill("ld")
    search.press("Enter")
    heading.filter(has_text="basis 'ld' beside W₀").wait_for()


def test_a_report_of_an_earlier_value_undoes_no_click(address: str, spec: SignatureSpec) -> None:
    """What redraws itself reports all widgets, as a slow browser knew them before the click."""
    first, second = mix(spec)
    query = f"mix1={first.content}&mix2={second.content}&basis=qu"
    with connected(address) as socket:
        page = [*run_page(socket, ClientState(page_name="factorized", query_string=query))]
        assert "basis 'qu' beside W₀" in _titles(page)
        search = next(m.delta for m in page if "basis-search" in m.delta.new_element.text_input.id)
        widget = search.new_element.text_input.id
        (page_hash,) = {m.new_session.page_script_hash for m in page if m.HasField("new_session")}
        strip = min((m.auto_rerun for m in page if m.HasField("auto_rerun")), key=_interval)

        def report(text: str, part: str) -> str:
            states = WidgetStates(widgets=[WidgetState(id=widget, string_value=text)])
            state = ClientState(
                query_string=query, page_script_hash=page_hash, widget_states=states
            )
            state.fragment_id = part
            return _titles(run_page(socket, state))

        assert "basis" not in report("ld", strip.fragment_id)
        assert "basis 'qu' beside W₀" in report("qu", search.fragment_id)
        # A person's own change runs the part that the widget is in.
        assert "basis 'ld' beside W₀" in report("ld", search.fragment_id)


def test_keys_step_to_the_next_cell_and_to_the_other_page(
    page: Page, address: str, spec: SignatureSpec
) -> None:
    page.goto(f"{address}/signature?corpus={spec.corpus.content}&lag=4&symbol=q")
    heading = page.locator(".st-key-head-confusion .pane-title")
    heading.filter(has_text="q was read 4 ago").wait_for()
    # A key counts from when its button is there and the page is drawn.
    page.locator(".st-key-step-Right button").wait_for(state="attached")
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    page.keyboard.press("Shift+ArrowRight")
    heading.filter(has_text="r was read 4 ago").wait_for()
    page.keyboard.press(str(([title for title, *_ in PAGES].index("Library") + 1) % 10))
    page.wait_for_url("**/library**")


def _interval(part: AutoRerun) -> float:
    return part.interval


def _titles(messages: Iterable[ForwardMsg]) -> str:
    """All the HTML in them."""
    return "\n".join(message.delta.new_element.html.body for message in messages)


def _labels(page: Page) -> list[str]:
    texts = page.locator(".pane-title, .pinned, .note, .js-plotly-plot text").all_text_contents()
    return [text for text in (" ".join(text.split()) for text in texts) if text]
