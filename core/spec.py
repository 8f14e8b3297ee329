"""What every spec is: frozen, nesting, and known by the hash of its whole recipe."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

# The algorithm version of each stage. Bump one when its results change: every key that goes
# through the stage changes with it, so nothing stale is ever shown.
VERSIONS = {
    "corpus": 1,
    "char_lm": 1,
    "ngram": 1,
    "states": 1,
    "mlp": 1,
    "linear": 1,
    "exact": 1,
    "mixture": 2,
    "imported": 1,
    "factorized": 1,
    "atlas": 1,
    "pruning": 1,
    "speech": 1,
    "las": 1,
    "las_states": 1,
}


class Frozen(BaseModel):
    """Immutable, hashable, strict about unknown fields; nests in others of its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def identity(self) -> dict[str, Any]:
        """Every field, nested ones by their own identity: what a key is the hash of."""
        return {name: _identity(getattr(self, name)) for name in type(self).model_fields}


def _identity(value: Any) -> Any:
    if isinstance(value, Frozen):
        return value.identity()
    return [_identity(part) for part in value] if isinstance(value, tuple) else value


class Spec(Frozen):
    """Something that can be computed."""

    kind: str
    table: ClassVar[str]  # whose row says that it has been computed

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

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"versions": {stage: VERSIONS[stage] for stage in self.stages}}

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of `identity()`, 64 hex digits."""
        canonical = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class CorpusSpec(Spec):
    """A corpus by the hash of its segments and split; the name is only for people."""

    kind: Literal["corpus"] = "corpus"
    name: str
    content: str = Field(pattern=r"^[0-9a-f]{64}$")
    table: ClassVar[str] = "corpora"

    @property
    def title(self) -> str:
        return self.name

    @property
    def stages(self) -> tuple[str, ...]:
        return ("corpus",)

    @property
    def key(self) -> str:
        """The content hash: the name changes nothing."""
        return self.content

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "content": self.content}
