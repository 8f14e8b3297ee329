"""What strangers' names, links and many jobs may not do to the pages."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import core
from app.parts.library.runs import RUNS
from app.parts.overview import gallery
from app.shell import choices, links, people, queries, words
from app.shell.shell import PAGES
from core import jobs
from core.errors import BadInput
from core.paper.studies import STUDIES
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.app.prepared import MACHINE, TEXT, tables
from tests.app.test_pages import opened, said, spec

__all__ = ["spec"]
PICTURE = "![x](http://127.0.0.1:9/picture.png)"


def test_the_perplexity_is_that_of_the_corpus_measured_on(spec: SignatureSpec) -> None:
    other = core.add_corpus(TEXT.replace("fox", "hen").encode(), "hens")
    abroad = spec.model_copy(update={"corpus": other})
    Store().take_in(tables(abroad, 1.0))
    sql = queries.fill(queries.PINNED, pins=[abroad.key[:12]])
    assert queries.table(sql)["perplexity"].to_list() == [None]  # 6.52 is that of the other text
    scored = {"key": "p", "corpus": other.content, "members": [spec.model.key]}
    scored |= {"test_perplexity": 7.25, "profile": "smoke"}
    Store().take_in({"perplexities": pl.DataFrame([MACHINE | scored])})
    assert queries.table(sql)["perplexity"].to_list() == [7.25]
    listed = queries.table(RUNS)
    assert listed.filter(key=abroad.key)["perplexity"].to_list() == [7.25]
    assert listed.filter(key=spec.key)["perplexity"].to_list() == [6.52]
    page = opened(signature=abroad.key)
    assert "test perplexity 7.250" in said(page) and abroad.key in page.code[0].value


def test_a_key_opens_its_signature_and_a_changed_choice_leaves_it(spec: SignatureSpec) -> None:
    other = spec.model_copy(update={"seed": 7})
    Store().take_in(tables(other, 1.0))
    page = opened(signature=other.key)
    assert "seed 7" in said(page) and "Opened by its key" in said(page)
    assert page.selectbox(key="choice-corpus").value == spec.corpus.content
    page.run()
    assert "seed 7" in said(page)
    page.selectbox(key="choice-cell").select("lstm").run()
    assert "Opened by its key" not in said(page) and "signature" not in page.query_params
    plain = opened(signature=spec.key)
    assert "seed 0" in said(plain) and "Opened by its key" not in said(plain)


@pytest.mark.parametrize("key", ["f" * 64, "../../etc", "", "9" * 5000])
def test_an_unknown_key_falls_back_to_the_choices(spec: SignatureSpec, key: str) -> None:
    page = opened(corpus=spec.corpus.content, signature=key)
    assert not page.exception and not page.error and "seed 0" in said(page)


def test_numbers_of_any_length_are_read_or_refused() -> None:
    read = choices.whole(1, 64)
    assert [read(text) for text in ("7", "64", "65", "9" * 5000, "-1", "x")] == [
        7,
        64,
        None,
        None,
        None,
        None,
    ]


def test_many_jobs_are_listed_in_short(spec: SignatureSpec) -> None:
    for hidden in range(1, 16):
        wanted = core.signature_spec(spec.corpus, hidden=hidden, profile="smoke")
        jobs.request(wanted, "test@example.com")
    page = opened(corpus=spec.corpus.content)
    cancels = [b for b in page.sidebar.button if str(b.key).startswith("tray-cancel-")]
    assert len(cancels) == 12 and "… and 3 more" in said(page)


def test_all_sessions_share_one_listing(
    spec: SignatureSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(jobs, "listing", lambda: looked.append(1) or [])
    people._listing.clear()
    for _ in range(20):
        people._listing("a cache")
    assert len(looked) < 20


def test_foreign_text_is_shown_as_it_stands(spec: SignatureSpec) -> None:
    assert words.plain("a_b *c* [d](e) :red[f] $g$") == (r"a\_b \*c\* \[d\]\(e\) \:red\[f\] \$g\$")
    # An escaped address is still one to the browser's Markdown; a broken one is none.
    for address in ("https://a.example", "HTTP://a", "www.a.example", "mailto:me@a.example"):
        shown = words.plain(address).replace("\\", "")
        assert shown != address and shown.replace("\u2060", "") == address
        assert not re.search(r"https?://|www\.|[-.\w+]@", shown, re.IGNORECASE)
    named = core.add_corpus(TEXT.replace("fox", "cat").encode(), PICTURE)
    wanted = core.signature_spec(named, profile="smoke")
    jobs.request(wanted, "ada@lab.org")
    page = opened(corpus=named.content)
    labels = [str(link.proto.label) for link in page.get("page_link")]
    assert any(words.plain(PICTURE) in label for label in labels)
    page.query_params.clear()
    page.switch_page("pages/sql.py")
    page.query_params["sql"] = f"SELECT '{PICTURE}' FROM nowhere"
    page.run()
    shown = [*(button.label for button in page.button), *(w.value for w in page.warning), *labels]
    assert any("picture" in text for text in shown)
    assert not any(PICTURE in text for text in shown)


@pytest.mark.parametrize("name", ["x" * 81, "two\nlines", "a\x00b"])
def test_names_are_short_and_printable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MEMSIG_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="at most 80 characters"):
        core.add_corpus(TEXT.encode(), name)
    with pytest.raises(BadInput, match="at most 80 characters"):
        core.add_model(b"", b"{}", name)


def test_an_eighth_study_has_a_tile_and_an_eleventh_page_no_key() -> None:
    eight = [*STUDIES, "an eighth"]
    assert [tile.study for tile in gallery.tiles_of(eight)] == eight
    files = {file for _, file, _ in PAGES} - {links.HOME}
    for name, study in STUDIES.items():
        page, params = links.figure(name, list(study.corpora.values()), "smoke")
        assert page in files and {"smoke", *study.corpora.values()} <= set(params.values())
    keys = [key for key, _ in zip(people.PAGE_KEYS, [*PAGES, *PAGES], strict=False)]
    assert len(set(keys)) == len(keys) == 10
