"""Overview: what a memory signature is, and the paper's seven figures as computed here."""

from __future__ import annotations

import streamlit as st

from app.widgets import gallery, overview, pickers

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    profile = pickers.profile_choice()
    overview.tour()
slot = overview.introduction(profile)
gallery.gallery(profile)
overview.machine_facts(slot, profile)
