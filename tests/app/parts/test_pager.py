"""Pages of symbols."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def paged() -> None:
    import polars as pl
    import streamlit as st

    from app.parts import pager

    labels = [chr(0x400 + number) for number in range(100)]
    pager.buttons(labels)
    shown = pager.cells(pl.DataFrame({"symbol": labels}), labels)
    st.text("".join(shown["symbol"]))
    st.text("".join(pager.cells(pl.DataFrame({"symbol": ["a"]}), labels[:40])["symbol"]))


def test_pages_hold_40_symbols_in_their_order_and_turn_round() -> None:
    page = AppTest.from_function(paged, default_timeout=60).run()
    pages = [range(0x400 + start, min(0x400 + start + 40, 0x400 + 100)) for start in (0, 40, 80)]
    counts = ["1–40 of 100", "41–80 of 100", "81–100 of 100"]
    for number in (0, 1, 2, 0):
        assert page.caption[0].value == counts[number]
        assert page.text[0].value == "".join(map(chr, pages[number]))
        assert page.text[1].value == "a"  # one page shows all
        page.button(key="page-after").click().run()
    page.button(key="page-before").click().run()
    page.button(key="page-before").click().run()
    assert page.caption[0].value == counts[2]
