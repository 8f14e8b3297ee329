"""Pieces that pages share: choices, job tray, panes, export, the shell around them."""
