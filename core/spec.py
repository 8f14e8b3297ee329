"""What every spec is: frozen, nesting, and known by the hash of its whole recipe."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from core.errors import BadInput
from core.text import MOST_SYMBOLS, MOST_WORDS, PAPER, SPECIAL, Alphabet

# The algorithm version of each stage. Bump one when its results change: every key that goes
# through the stage changes with it, so nothing stale is ever shown.
VERSIONS = {
    "corpus": 1,
    "char_lm": 2,
    "ngram": 1,
    "states": 1,
    "mlp": 2,
    "linear": 2,
    "exact": 2,
    "added": 1,
    "mixture": 2,
    "imported": 1,
    "factorized": 2,
    "atlas": 4,
    "pruning": 1,
    "speech": 1,
    "las": 1,
    "las_states": 1,
    "codebook": 1,
    "detectors": 1,
}


WHOLE_CORPUS = 4e6  # about how many symbols a corpus has, for estimates where a budget says "all"


def added(default: Any, **constraints: Any) -> Any:
    """A field that a spec was given after results of it had been computed.

    While it has its default it is left out of the key, so the results made before it stay current.
    """
    return Field(default=default, json_schema_extra={"added": True}, **constraints)


class Frozen(BaseModel):
    """Immutable, hashable, strict about unknown fields; nests in others of its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def identity(self) -> dict[str, Any]:
        """What a key is the hash of: the fields, nested ones by their own identity.

        An `added` field that has its default is not among them.
        """
        return {
            name: _identity(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if not (_is_added(field) and getattr(self, name) == field.get_default())
        }


def _is_added(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and extra.get("added") is True


def _identity(value: Any) -> Any:
    if isinstance(value, Frozen):
        return value.identity()
    return [_identity(part) for part in value] if isinstance(value, tuple) else value


class Spec(Frozen):
    """Something that can be computed."""

    kind: str
    table: ClassVar[str]  # a row of this table under its key means that it has been computed
    pace: ClassVar[tuple[str, ...]] = ()  # the fields that two of a kind share if they run as fast

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words for a person."""

    @property
    @abstractmethod
    def stages(self) -> tuple[str, ...]:
        """The stages of `VERSIONS` that it goes through itself."""

    def needs(self) -> list[str]:
        """Keys of the artifacts it is computed from."""
        return []

    def steps(self) -> list[Spec]:
        """Everything a job for this spec computes, in the order a person wants to see it."""
        return [self]

    @abstractmethod
    def work(self) -> float:
        """Roughly how many 10⁹ floating-point operations computing it takes."""

    def alike(self, other: Spec) -> bool:
        """Whether the other's speed says something about this one's: kind and `pace` are equal."""
        return self.kind == other.kind and all(
            getattr(self, name) == getattr(other, name) for name in self.pace
        )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, which has a key of its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("key", None)
        return copied

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"versions": {stage: VERSIONS[stage] for stage in self.stages}}

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of `identity()`, 64 hex digits."""
        canonical = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class CorpusSpec(Spec):
    """A corpus by the hash of its segments and split; the name is only for people.

    characters: of its alphabet, in order; the hash speaks of them where they are not the paper's.
    words: how many its alphabet has instead of characters (0: none); they are stored with it.
    """

    kind: Literal["corpus"] = "corpus"
    name: str
    content: str = Field(pattern=r"^[0-9a-f]{64}$")
    characters: str = added(PAPER.tokens, min_length=1, max_length=MOST_SYMBOLS - len(SPECIAL))
    words: int = added(0, ge=0, le=MOST_WORDS)
    table: ClassVar[str] = "corpora"
    stages: ClassVar[tuple[str, ...]] = ("corpus",)

    @property
    def title(self) -> str:
        return self.name

    @property
    def alphabet(self) -> Alphabet:
        """Raises BadInput for a corpus of words, whose alphabet is that of the corpus itself."""
        if self.words:
            raise BadInput(
                f"{self.name} is a corpus of words, and this takes a text as characters: add it "
                "again with another alphabet."
            )
        return Alphabet(self.characters)

    @property
    def symbols(self) -> int:
        """How many symbols its alphabet has."""
        return (self.words or len(self.characters)) + len(SPECIAL)

    @property
    def reads(self) -> str:
        """What corpora with one alphabet share: its characters; no two have the same words."""
        return self.content if self.words else self.characters

    def work(self) -> float:
        return 0.0  # it is built when it is looked up, by no job

    @cached_property
    def key(self) -> str:
        """The content hash: the name changes nothing."""
        return self.content

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "content": self.content}
