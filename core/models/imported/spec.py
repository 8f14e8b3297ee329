"""Networks trained elsewhere."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from core.cells import FactorizableName, label
from core.models.base import LanguageModelSpec
from core.spec import added
from core.text import N_SYMBOLS

MAX_SYMBOLS = 512  # that the network reads and predicts


class ImportedSpec(LanguageModelSpec):
    """A network trained elsewhere, by the hash of its weights; the name is only for people.

    The weights are stored in the order of our symbols, so their hash speaks of that order too.
    weights: None for a network of the same shape at random weights, the untrained floor.
    embedding: units of the symbols' embedding; outputs: its predicted symbols, ours first.
    digits: how many of the last outputs are single digits, which together are our #.
    encoder: it has no projection, so it predicts nothing.
    """

    kind: Literal["imported"] = "imported"
    name: str
    weights: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    cell: FactorizableName  # the layout of whose weights is known
    layers: int = Field(ge=1, le=16)
    hidden: int = Field(ge=1, le=4096)
    embedding: int = Field(ge=1, le=4096)
    outputs: int = Field(ge=1, le=N_SYMBOLS + MAX_SYMBOLS)
    digits: int = added(0, ge=0, le=10)
    encoder: bool = added(False)
    scored_apart: ClassVar[bool] = True
    stages: ClassVar[tuple[str, ...]] = ("imported",)

    @property
    def title(self) -> str:
        untrained = "" if self.trained else "untrained "
        return f"{untrained}{self.name} ({label(self.cell)} [{self.layers},{self.hidden}])"

    @property
    def predicts(self) -> bool:
        return not self.encoder

    @property
    def trained(self) -> bool:
        """False for the same network at random weights."""
        return self.weights is not None

    def untrained(self) -> ImportedSpec | None:
        """A network of the same shape at random weights."""
        if not self.trained:
            return None
        return self.model_copy(update={"weights": None})

    def identity(self) -> dict[str, Any]:
        whole = super().identity()
        del whole["name"]
        return whole

    def work(self) -> float:
        return 0.0  # it is stored, or made at random weights
