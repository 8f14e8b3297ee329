"""The jump palette: Ctrl + K on every page; typing filters, Enter goes there."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from app.shell import documents, pickers, queries
from app.shell.queries import NAMED, SIGNATURE

SIGNATURES = f"""
SELECT s.key, {SIGNATURE} || ' · ' || s.profile AS name{NAMED}
WHERE s.decoder <> 'added'
ORDER BY s.decoder = 'linear', m.trained IS FALSE, s.created DESC"""

# A dialog opens with the keyboard on itself; here it belongs to the one field, once that is there.
FOCUS = """<script>
const looking = setInterval(() => {
  const field = document.querySelector(".st-key-goal input");
  field?.focus();
  if (field) clearInterval(looking);
}, 50);
setTimeout(() => clearInterval(looking), 5000);
</script>"""


@dataclass(frozen=True)
class Goal:
    """A place to go to: what it is called, its page's file, and the address's parameters."""

    name: str
    page: str
    params: dict[str, str] = field(default_factory=dict, hash=False)


def button(pages: dict[str, str]) -> None:
    """A button that opens the palette. pages: the file of each page by its title."""
    st.fragment(_button)(pages)


def _button(pages: dict[str, str]) -> None:
    if st.button("Go to", icon=":material/search:", shortcut="Ctrl+K", width="stretch", key="jump"):
        _ask(pages)


@st.dialog("Go to", width="large")
def _ask(pages: dict[str, str]) -> None:
    goal = st.selectbox(
        "A page, a signature, a text or a document",
        goals(pages),
        index=None,
        format_func=lambda goal: goal.name,
        placeholder="Type to filter",
        key="goal",
    )
    st.html(FOCUS, unsafe_allow_javascript=True)
    if goal:
        st.switch_page(goal.page, query_params=goal.params)


def goals(pages: dict[str, str]) -> list[Goal]:
    """Pages, then documents, texts and signatures, the newest first."""
    return [
        *(Goal(title, file) for title, file in pages.items()),
        *(
            Goal(f"Document: {title}", documents.PAGE, {documents.CHOICE: name})
            for name, title in documents.titles().items()
        ),
        *(
            Goal(f"Text: {name}", "pages/signature.py", {"corpus": corpus})
            for corpus, name in pickers.corpora().items()
        ),
        *(
            Goal(name, "pages/signature.py", {"signature": key})
            for key, name in queries.table(SIGNATURES).iter_rows()
        ),
    ]
