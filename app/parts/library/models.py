"""The models of the Library page: the table, adding one, its training, how well it predicts."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.typing import UploadedFile

import core
from app import access, pace
from app.parts import unfinished
from app.parts.library import deleting
from app.parts.library.tables import select_row
from app.pictures import curves, look
from app.shell import export, people, pickers, queries, words
from app.shell.errors import explained
from app.shell.queries import MODEL, STANDING
from core.cells import label, names
from core.errors import BadInput
from core.library import model_notes, perplexity_spec
from core.models.base import LanguageModelSpec
from core.models.imported import packages
from core.registry import known

HEIGHT = 260  # pixels: of the table of models
CURVELESS = {"imported": "was trained elsewhere", "ngram": "was counted in one pass"}
CELLS = " or ".join(map(label, names(factorizes=True)))
GUIDE = (
    f"The weights: a torch state dict (embedding, {CELLS}, projection) as safetensors. Beside "
    'them a JSON: `{"cell": "lstm", "layers": 2, "symbols": ["a", "b", …, "<s>", "</s>"]}`, the '
    "symbols in the network's own order. docs/own-model.md shows how to write both."
)


MODELS = f"""
SELECT m.key, {MODEL} AS model, m.cell, m.layers, m.hidden, c.name AS corpus, m.profile, m.seed,
       m.parameters, m.dev_perplexity, m.test_perplexity, m.epochs, m.seconds, m.device, m.created,
       m.key IN (SELECT key FROM unfinished) AS unfinished,
       {STANDING.format(row="m")}, m.kind, m.spec
FROM models m LEFT JOIN corpora c ON c.key = m.corpus
WHERE m.trained IS NOT FALSE
ORDER BY m.created DESC"""

CURVE = """
SELECT keep, epoch, symbols, train_bits, dev_perplexity, dev_cer, learning_rate, seconds
FROM training_curve
WHERE model = {key}
ORDER BY keep, epoch"""

# How well one model predicts each text that it was scored on.
SCORES = """
SELECT c.name AS corpus, p.profile, p.test_perplexity, p.dev_perplexity, p.test_symbols, p.seconds
FROM perplexities p LEFT JOIN corpora c ON c.key = p.corpus
WHERE p.members = [{key}]
ORDER BY corpus, p.profile"""


def select() -> dict[str, Any] | None:
    """The table of models; the chosen one, else the newest, if there is any."""
    table = queries.table(MODELS)
    export.heading("Models", "models", MODELS.strip())
    if not table.height:
        st.caption("No model has been trained yet; the Signature page trains what it needs.")
        return None
    row = select_row(table.drop("key", "kind", "spec"), "models-table", HEIGHT) or 0
    model = table.row(row, named=True)
    deleting.button([(model["key"], f"model {model['model']}")], "model")
    return model


def add() -> None:
    """A form that adds a model that was trained elsewhere, for members."""
    st.html("<div class='pane-title'>Add a model</div>")
    if not people.member():
        st.caption(people.ADDING)
        return
    limit = access.settings().upload_mb
    with st.form("add-model", clear_on_submit=True, border=False):
        files = st.columns(2)
        weights = files[0].file_uploader(
            "Weights", ["safetensors"], max_upload_size=limit, key="model-weights", help=GUIDE
        )
        description = files[1].file_uploader(
            "Description", ["json"], max_upload_size=1, key="model-description", help=GUIDE
        )
        name = st.text_input("Name", placeholder="the file's name", key="model-name")
        if st.form_submit_button("Add", type="primary") and _added(weights, description, name):
            st.rerun()
    for package in packages.installed():
        if st.button(f"Add {package}", key=f"add-{package}", help="A network you already have"):
            with explained():
                if _take(*packages.files(package), package):
                    st.rerun()
    if message := st.session_state.pop("model-said", None):
        st.success(words.plain(message))


def _added(weights: UploadedFile | None, description: UploadedFile | None, name: str) -> bool:
    """Add what the form holds; whether that went well."""
    if weights is None or description is None:
        st.warning("Choose the weights and their description first, then press Add.")
        return False
    return _take(
        weights.getvalue(), description.getvalue(), name.strip() or Path(weights.name).stem
    )


def _take(weights: bytes, description: bytes, name: str) -> bool:
    """Add a network; whether that went well."""
    try:
        added = core.add_model(weights, description, name)
    except BadInput as refusal:
        st.warning(words.plain(str(refusal)))
        return False
    people.note(added.key, f"model {added.title}", "added")
    message = f"{added.title} is ready; choose it as the model on the Signature page."
    st.session_state["model-said"] = " ".join([message, *model_notes(added)])
    return True


def training(model: dict[str, Any]) -> None:
    """How the model learned."""
    sql = queries.fill(CURVE, key=model["key"])
    title, curve = model["model"], queries.table(sql)
    profile = f", {model['profile']}" if model["profile"] else ""
    export.heading(f"Training of {html.escape(title)}{profile}", "curve", sql)
    if not curve.height:
        how = CURVELESS.get(model["kind"], "was not trained by itself")
        st.caption(f"This model {how}, so it has no curve.")
        return
    name = look.file_name("training", title, model["profile"])
    if curve["dev_cer"].null_count() == curve.height:
        figure, what = (
            export.drawn(curves.training, curve, export.colors()),
            "Perplexity while training",
        )
    else:
        figure = export.drawn(curves.recognizer_training, curve, export.colors())
        what = "Character error rate in training"
    export.chart(figure, "curve", name, what)
    if note := unfinished.sentence([model["key"]]):
        st.html(f"<div class='note'>{note}</div>")


def perplexities(model: dict[str, Any]) -> None:
    """How well the model predicts each text that it was scored on, and a way to ask for one."""
    spec = known(model["spec"])
    if not (isinstance(spec, LanguageModelSpec) and spec.predicts):
        return
    sql = queries.fill(SCORES, key=spec.key)
    export.heading("Perplexity on a corpus", "scores", sql)
    with st.container(horizontal=True, key="scored", gap="small", vertical_alignment="bottom"):
        corpus = pickers.corpus_choice("corpus", "Corpus", "shakespeare", 150)
        profile = pickers.profile_choice()
        if st.button("Measure", key="measure", disabled=not people.member()):
            people.start(perplexity_spec(profile, pickers.read(corpus), spec))
    st.fragment(explained()(_scores), run_every=pace.every(2))(sql)


def _scores(sql: str) -> None:
    table = queries.table(sql)
    if table.height:
        export.table(table, "scores", height=export.table_height(min(table.height, 5)))
    else:
        st.caption("It has not been scored on any text by itself yet.")
