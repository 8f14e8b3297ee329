"""Documents: what every number means, and how to run and extend the program."""

from __future__ import annotations

from app.shell import documents

documents.show()
