"""The frame around every page: navigation, rail, job tray, pins, people, words."""
