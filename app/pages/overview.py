"""Overview: what a memory signature is, and the paper's seven figures as computed here."""

from __future__ import annotations

import streamlit as st

from app.parts import sentence
from app.parts.overview import gallery, introduction, progress
from app.shell import pickers

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    profile = pickers.profile_choice()
    introduction.words_of_the_product()

if live := introduction.networks_that_read():
    sentence.of_networks(live)
left, right = st.columns([9, 16], gap="large")
with left:
    introduction.sentences()
    computed_and_missing = st.container(gap="xsmall")
with right:
    introduction.live_signature(profile)

# The pictures first; how far each figure is computed takes longer to find out.
states = gallery.tiles(profile)
for study, state in states.items():
    with state:
        progress.of_study(study, profile)
with computed_and_missing:
    progress.of_all(profile)
