"""Listen-Attend-Spell: a speech recognizer whose layers are probed (paper, section 8)."""
