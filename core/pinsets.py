"""Named sets of pinned signatures with a note, each of one person, that a link can name."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass

from core.errors import BadInput
from core.store import Store
from core.store.files import exclusive

KEY = "pin-sets"  # of the artifact that holds all of them
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
    data = (store or Store()).artifacts.get(KEY)
    return [PinSet(**row) for row in json.loads(data)] if data else []


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


def _write(sets: list[PinSet], store: Store) -> None:
    store.artifacts.drop(KEY)
    store.artifacts.put(KEY, json.dumps([asdict(one) for one in sets]).encode())
