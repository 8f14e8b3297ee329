"""Results that come with the program: written to Parquet after long runs, read at first start.

    cache/reference/<profile>/manifest.json      what was computed, with what, on which machine
    cache/reference/<profile>/<table>.parquet    the rows
    cache/reference/<profile>/<key>.safetensors  the weights and decoders of `networks`, alone
    cache/reference/<profile>/heard.parquet      utterances to listen to: `core.paper.heard`

They are read from the source tree (or the image), or from beside this module where the program is
installed, wherever MEMSIG_CACHE points. MEMSIG_REFERENCE names another folder, or is `off` for the
empty start.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from core import machine, places
from core.errors import BadInput
from core.library import signature_spec
from core.models.las.spec import LasSignatureSpec
from core.paper.reproduce import parts, recorded
from core.paper.studies import STUDIES
from core.registry import known
from core.signatures.spec import MOST_LONGER, SignatureSpec
from core.spec import VERSIONS, Spec
from core.store import Store
from core.store.files import StoreError, readable_os
from core.store.rows import KEYED, OWNED, owner

log = logging.getLogger(__name__)

# Networks that read a sentence at once: their weights and decoders ship, at one profile.
LIVE_PROFILE, LIVE_CELLS, LIVE_HIDDEN = "laptop", ("gru", "lstm"), 80
BY_SYMBOL = ("signature", "adaptation", "ngram")  # studies whose claims go by symbol
DIGITS = 4  # of a number in a replicate
EVERY_CELL = (
    "recall",
    "added",
    "draws",
    "basis_recall",
)  # tables with many numbers: four bytes each


def folder() -> Path | None:
    """Where the shipped results are; None when they are switched off."""
    chosen = os.environ.get("MEMSIG_REFERENCE", "")
    if chosen == "off":
        return None
    return Path(chosen) if chosen else places.reference()


def networks(store: Store | None = None) -> list[SignatureSpec]:
    """The signatures whose networks and decoders ship."""
    corpus = recorded(STUDIES["signature"], LIVE_PROFILE, store or Store())["corpus"]
    return [
        signature_spec(corpus, cell, 1, LIVE_HIDDEN, profile=LIVE_PROFILE) for cell in LIVE_CELLS
    ]


# Writing


def export(profile: str, place: Path, command: str, store: Store | None = None) -> dict[str, Any]:
    """Writes what is computed of the paper's studies, and `networks`, to `place`/`profile`.

    Previews go without replicates; previews, untrained networks and recognizers without
    confusion; replicates by symbol and of forward accuracy go with the studies that need them.
    Returns the manifest. Raises BadInput if there is nothing.
    """
    store = store or Store()
    asked = parts(profile, store=store)
    found = [part for part in asked if store.has_result(part.spec)]
    if not found:
        raise BadInput(f"Nothing of profile {profile} is computed; run reproduce first.")
    alone = networks(store) if profile == LIVE_PROFILE else []
    rounds = range(MOST_LONGER + 1)
    every = [part.spec for n in rounds for part in parts(profile, store=store, longer=n)]
    wanted = [*filter(store.has_result, every), *alone]
    steps = {step.key: step for spec in wanted for step in spec.steps()}
    steps = {key: step for key, step in steps.items() if store.has_result(step)}
    by_symbol = {p.spec.key for n in rounds for p in parts(profile, BY_SYMBOL, None, store, n)}
    first = [part.spec for part in parts(profile, ["signature"], store=store)]
    ahead = {spec.model.key for spec in first if isinstance(spec, SignatureSpec)}
    frames = _frames(store, steps, by_symbol, ahead)
    target = place / profile
    target.mkdir(parents=True, exist_ok=True)
    for name in (*KEYED, *OWNED):
        (target / f"{name}.parquet").unlink(missing_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(target / f"{name}.parquet", compression="zstd", compression_level=22)
    _write_artifacts(store, target, alone)
    manifest = {
        "profile": profile,
        "command": command,
        "made": datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        "machine": machine.name(),
        "seeds": {part.study: part.seed + 1 for part in found},
        "computed": {
            study: [sum(p.study == study for p in found), sum(p.study == study for p in asked)]
            for study in dict.fromkeys(part.study for part in asked)
        },
        "versions": VERSIONS,
        "packages": _packages(),
        "keys": sorted(
            key for name in KEYED if name in frames for key in frames[name]["key"].to_list()
        ),
    }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _write_artifacts(store: Store, target: Path, specs: list[SignatureSpec]) -> None:
    """Writes the weights and decoders that are stored; those written before stay."""
    keys = {key for spec in specs for key in _pair(spec)}
    for old in target.glob("*.safetensors"):
        if old.stem not in keys:
            old.unlink()
    for key in keys:
        if data := store.artifacts.get(key):
            (target / f"{key}.safetensors").write_bytes(data)


def _pair(spec: SignatureSpec) -> tuple[str, str]:
    """The keys of a network's weights and of its decoders, which go together."""
    return spec.model.key, spec.key


def _frames(
    store: Store, steps: dict[str, Spec], by_symbol: set[str], ahead: set[str]
) -> dict[str, pl.DataFrame]:
    """The rows of every table that belong to these steps, without what no page shows of them.

    by_symbol: signatures whose replicates are needed for every symbol. ahead: models of whose
    forward accuracy replicates are needed.
    """
    previews = [key for key, step in steps.items() if _preview(step)]
    controls = [key for key, step in steps.items() if _control(step)]
    heard = [key for key, step in steps.items() if isinstance(step, LasSignatureSpec)]
    keys = [*steps, *_corpora(store, [*steps])]
    frames = {}
    for name, frame in store.rows(keys).items():
        if name in ("confusion", "draws"):
            frame = frame.filter(~pl.col("signature").is_in(previews))
        if name == "confusion":
            frame = frame.filter(~pl.col("signature").is_in([*controls, *heard]))
        if name == "draws":
            of_symbols = pl.col("signature").is_in([*by_symbol - {*controls}])
            frame = frame.filter(pl.col("symbol").is_null() | of_symbols)
        if name == "predictions":  # only the claim about Fig. 1 compares them with memory
            draws = pl.when(pl.col("model").is_in([*ahead])).then("draws")
            frame = frame.with_columns(draws.alias("draws"))
        for drawn in {"accuracies", "draws"} & {*frame.columns}:
            rounded = pl.col(drawn).list.eval(pl.element().round(DIGITS))
            frame = frame.with_columns(rounded)
        if name in EVERY_CELL:
            frame = frame.cast({pl.Float64: pl.Float32})
        if frame.height:
            frames[name] = frame.sort(
                [c for c in (owner(name), "lag", "symbol", "place") if c in frame.columns]
            )
    return frames


def _preview(step: Spec) -> bool:
    """Whether a step is a preview by linear decoders."""
    return isinstance(step, SignatureSpec | LasSignatureSpec) and step.decoder == "linear"


def _control(step: Spec) -> bool:
    """Whether a step is the signature of a network at its initial weights."""
    if not isinstance(step, SignatureSpec | LasSignatureSpec):
        return False
    return not getattr(step.model, "trained", True)


def _corpora(store: Store, keys: list[str]) -> list[str]:
    """The corpora that these models were trained on, or signatures measured on."""
    return store.query(
        "SELECT DISTINCT corpus FROM (SELECT key, corpus FROM models UNION ALL "
        "SELECT key, corpus FROM signatures UNION ALL SELECT key, corpus FROM perplexities) "
        "WHERE corpus IS NOT NULL AND key IN (SELECT unnest(?))",
        [keys],
    )["corpus"].to_list()


def _packages() -> dict[str, str]:
    """The versions of what requirements.txt names, and of Python."""
    names = [re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in places.requirements()]
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: metadata.version(name) for name in names}


# Reading


def update(store: Store | None = None) -> int:
    """Brings the tables to this version of the program; returns how many results were filled in.

    Shipped results that are not there are filled in, and replace those that came with an earlier
    release; those that an earlier version of some stage has made, shipped or not, are listed in the
    table `earlier`. Quick where nothing is new.
    """
    store = store or Store()
    try:
        return _update(store)
    except StoreError as error:
        # Whoever may not write, or has no room to, still reads what there is.
        if not store.tables.any():
            raise
        log.warning("the tables are not brought to this version: %s", error)
        return 0


def _update(store: Store) -> int:
    place = folder()
    manifests = sorted(place.glob("*/manifest.json")) if place else []
    filled = sum(_fill(store, manifest) for manifest in manifests)
    weights = sorted(place.glob("*/*.safetensors")) if place else []
    marker = store.root / "versions.json"
    versions = json.dumps([VERSIONS, [path.stem for path in weights]], sort_keys=True)
    if filled or not marker.exists() or marker.read_text() != versions:
        _fill_artifacts(store, {path.stem: path for path in weights})
        store.take_in({"earlier": pl.DataFrame({"key": _earlier(store)}, {"key": pl.String})})
        try:
            marker.write_text(versions)
        except OSError as error:
            raise readable_os(error) from error
    return filled


def _fill(store: Store, path: Path) -> int:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        made, keys = datetime.fromisoformat(manifest["made"]), set(manifest["keys"])
        missing = keys - _present(store) | keys & _shipped_before(store, made)
        if not missing:
            return 0
        tables = _read(path.parent, missing)
    except (OSError, ValueError, TypeError, KeyError, pl.exceptions.PolarsError) as error:
        log.warning("the shipped results in %s cannot be read: %s", path.parent, error)
        return 0
    facts = {
        "command": manifest["command"],
        "machine": manifest["machine"],
        "made": made,
        "packages": json.dumps(manifest["packages"]),
    }
    tables["shipped"] = pl.DataFrame([{"key": key} | facts for key in sorted(missing)])
    store.take_in(tables, replace=True)
    return len(missing)


def _fill_artifacts(store: Store, files: dict[str, Path]) -> None:
    """Stores shipped weights with their decoders, unless this machine has trained others.

    files: by the keys of the artifacts.
    """
    for spec in networks(store) if files else []:
        if store.artifacts.has(spec.key) or not {*_pair(spec)} <= files.keys():
            continue
        try:
            weights, decoders = (files[key].read_bytes() for key in _pair(spec))
        except OSError as error:
            log.warning("the shipped weights of %s cannot be read: %s", spec.title, error)
            continue
        if store.artifacts.get(spec.model.key) in (None, weights):
            store.artifacts.put(spec.model.key, weights)
            store.artifacts.put(spec.key, decoders)


def _present(store: Store) -> set[str]:
    union = " UNION ALL ".join(f"SELECT key FROM {name}" for name in KEYED if name != "shipped")
    return set(store.query(union)["key"])


def _shipped_before(store: Store, made: datetime) -> set[str]:
    """What came with an earlier release; what this machine has computed is not among it."""
    return set(store.query("SELECT key FROM shipped WHERE made < ?", [made])["key"])


def _read(place: Path, keys: set[str]) -> dict[str, pl.DataFrame]:
    """The shipped rows of these keys, in tables that this version has."""
    tables = {}
    for name in (*KEYED, *OWNED):
        if (path := place / f"{name}.parquet").exists():
            tables[name] = pl.read_parquet(path).filter(pl.col(owner(name)).is_in([*keys]))
    return tables


def _earlier(store: Store) -> list[str]:
    """The keys of results that this version would compute under another key, or not at all."""
    found: list[str] = []
    for name in KEYED:
        if name not in ("corpora", "shipped"):
            rows = store.query(f"SELECT key, spec FROM {name} WHERE spec IS NOT NULL")
            found += [key for key, spec in rows.iter_rows() if not _current(key, spec)]
    return sorted(set(found))


def _current(key: str, spec: str) -> bool:
    read = known(spec)
    return read is not None and read.key == key


def among(keys: Iterable[str], store: Store | None = None) -> frozenset[str]:
    """Which of these results came with the program."""
    sql = "SELECT key FROM shipped WHERE key IN (SELECT unnest(?))"
    return frozenset((store or Store()).query(sql, [[*keys]])["key"])
