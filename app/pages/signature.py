"""Signature (the paper's Fig. 1): one network's memory, symbol by lag."""

from __future__ import annotations

from app import watching
from app.parts.signature import panes
from app.shell import pickers

selected = pickers.signature_toolbar()
there = watching.watch_signature(selected.spec, selected.changed)
if selected.opened:
    panes.opened_by_key()
panes.draw(selected.spec, there)
