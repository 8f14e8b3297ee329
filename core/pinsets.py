"""Named sets of pinned signatures with a note, each of one person, that a link can name."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import BadInput
from core.store import Store
from core.store.files import exclusive

KEYS = ("pin-sets-0", "pin-sets-1")  # of all sets as they are and as they were a change ago
LOCK_SECONDS = 30.0
NAME_MOST, NOTE_MOST = 80, 2000  # characters


@dataclass(frozen=True)
class PinSet:
    """A set. id: what a link names it by; pins: as the address of a page has them."""

    id: str
    who: str
    name: str
    note: str
    pins: str


def listing(store: Store | None = None) -> list[PinSet]:
    """The sets of everybody, the newest last."""
    return [PinSet(**row) for row in _newest(store or Store())["sets"]]


def save(who: str, name: str, note: str, pins: str, store: Store | None = None) -> PinSet:
    """Saves a set; it replaces this person's set of the same name, and its links go on working.

    Raises BadInput for a name that is empty, or for a name or a note that is too long.
    """
    name, note = name.strip(), note.strip()
    if not name or len(name) > NAME_MOST or len(note) > NOTE_MOST:
        raise BadInput(
            f"Give the set a name of at most {NAME_MOST} characters, and a note of at most "
            f"{NOTE_MOST:,}."
        )
    store = store or Store()
    with exclusive(store.jobs / "pin-sets.lock", LOCK_SECONDS):
        others = listing(store)
        same = next((old for old in others if (old.who, old.name) == (who, name)), None)
        made = PinSet(same.id if same else secrets.token_hex(6), who, name, note, pins)
        _write([old for old in others if old != same] + [made], store)
    return made


def remove(id: str, who: str, store: Store | None = None) -> None:
    """Deletes a set of this person."""
    store = store or Store()
    with exclusive(store.jobs / "pin-sets.lock", LOCK_SECONDS):
        _write([old for old in listing(store) if (old.id, old.who) != (id, who)], store)


def _newest(store: Store) -> dict[str, Any]:
    """All sets as they are, with the number of the change that made them so."""
    stored = [json.loads(data) for data in map(store.artifacts.get, KEYS) if data]
    return max(stored, key=lambda one: one["change"], default={"change": 0, "sets": []})


def _write(sets: list[PinSet], store: Store) -> None:
    """Writes all sets over those of two changes ago, so that the last ones are never lost."""
    change = _newest(store)["change"] + 1
    key = KEYS[change % 2]
    store.artifacts.drop(key)
    data = {"change": change, "sets": [asdict(one) for one in sets]}
    store.artifacts.put(key, json.dumps(data).encode())
