"""Decoders trained longer than their profile says, where recall still rises."""

from __future__ import annotations

from app import watching
from app.shell import queries
from core.signatures.spec import SignatureSpec

RISING = """
SELECT lag, rising
FROM recall
WHERE signature = {key} AND symbol IS NULL AND lag >= 1
ORDER BY rising DESC NULLS LAST, lag
LIMIT 1"""
HALF_A_POINT = 0.005  # of recall: a smaller rise changes no picture


def longest(spec: SignatureSpec) -> SignatureSpec:
    """The signature whose decoders were trained longest, of what is computed of this one."""
    every = [spec]
    while later := every[-1].continued():
        every.append(later)
    computed = watching.computed_keys(every)
    return next((each for each in reversed(every) if each.key in computed), spec)


def how_converged(spec: SignatureSpec) -> str:
    """How far the recall of trained decoders still rose when their training ended."""
    rise = _rise(spec)
    if rise is None:
        return (
            "A recall is at least what is shown: these decoders were trained for a fixed time, and "
            "longer training finds more."
        )
    lag, rising = rise
    if rising <= HALF_A_POINT:
        return "Doubling the decoders' training added less than half a point at every lag."
    return (
        "A recall is at least what is shown: when the decoders' training was last doubled, "
        f"it still rose by {100 * rising:.1f} points at lag {lag}."
    )


def offer(spec: SignatureSpec) -> None:
    """A button that trains the decoders for another round, where the last one added enough."""
    rise, later = _rise(spec), spec.continued()
    if rise and later and rise[1] > HALF_A_POINT:
        watching.offer("longer", [later], "Train decoders longer")


def _rise(spec: SignatureSpec) -> tuple[int, float] | None:
    """The lag at which the last doubling added most to recall, and how much; None if unknown."""
    for lag, rising in queries.table(queries.fill(RISING, key=spec.key)).iter_rows():
        return None if rising is None else (lag, rising)
    return None
