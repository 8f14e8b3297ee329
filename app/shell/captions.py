"""How what is shown was computed, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from app.shell import queries, words
from core.paper import shipped
from core.spec import Spec


def of_all(specs: Sequence[Spec]) -> str:
    """How long a study took in all, where, and how much of it came with the program."""
    keys = list({step.key for spec in specs for step in spec.steps()})
    row = queries.table(queries.fill(queries.TOOK, keys=keys)).row(0, named=True)
    from_release = len(shipped.among(spec.key for spec in specs))
    computed = f"computed, {from_release} came with the program" if from_release else "computed"
    machines = row["machines"] or "no machine"
    return f"{computed} · {words.seconds(row['seconds'])} of computing, on {machines}"


def of_signature(key: str) -> str:
    """What the pictures of a signature show and how they were made, in one line."""
    row = queries.table(queries.fill(queries.CAPTION, key=key)).row(0, named=True)
    keeps = sorted({keep for keep in row["keeps"] or [] if keep is not None})
    kept = " or ".join(f"{keep:.0%}" for keep in keeps)
    dropout = "without dropout" if keeps == [1] else f"of which dropout keeps {kept}"
    decoders = f"decoders of {row['width']} hidden units, {dropout}"
    perplexity = row["test_perplexity"]
    learned = row["model"].endswith(f" on {row['corpus']}")
    return " · ".join(
        [
            f"{row['model']}{'' if learned else ' on ' + row['corpus']}, "
            f"layer {row['layer']} ({row['state']})",
            *([] if perplexity is None else [f"test perplexity {perplexity:.3f}"]),
            f"profile {row['profile']}, seed {row['seed']}",
            f"{words.number(row['test_states'])} test states",
            *([decoders] if row["width"] else []),
            f"{words.seconds((row['seconds'] or 0) + (row['model_seconds'] or 0))} on "
            f"{row['device']}, {row['machine']}",
        ]
    )
