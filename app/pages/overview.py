"""Overview: what a memory signature is, and the paper's seven figures as computed here."""

from __future__ import annotations

import streamlit as st

from app.parts.overview import gallery, panes
from app.shell import pickers

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    profile = pickers.profile_choice()
    panes.tour()
slot = panes.introduction(profile)
gallery.gallery(profile)
panes.machine_facts(slot, profile)
