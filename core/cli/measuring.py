"""The commands that measure: `signature`, `sentence`, `import-model`, `study` and `speech`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import polars as pl

from core import reading
from core.cli.output import added_bits, marginal, print_json, print_table, sentence_rows
from core.cli.work import obtain
from core.corpora.speech.listing import Listing, left_out
from core.corpora.speech.spec import Units
from core.errors import BadInput
from core.library import (
    add_model,
    beside,
    find_corpus,
    find_model,
    find_speech,
    letters_kept,
    model_notes,
    query,
    signature_spec,
)
from core.paper.reproduce import corpora_of
from core.paper.studies import STUDIES, Choices, Plan, Study
from core.spec import CorpusSpec
from core.store import Store
from core.text import PAPER

UNITS: Units = 50  # that a study recalls where --units is left out


def signature(options: argparse.Namespace) -> None:
    """Computes the signatures of a network's layers and prints recall by lag."""
    started = time.monotonic()
    model = find_model(options.model) if options.model else None
    corpus = find_corpus(options.corpus, options.segment, alphabet=options.alphabet)
    network = options.cell, options.layers, options.hidden
    how = options.state, options.profile, options.decoder, options.seed
    layers = range(1, max(model.layers if model else options.layers, 1) + 1)
    what = {"model": model, "target": options.target}
    specs = [signature_spec(corpus, *network, layer, *how, **what) for layer in layers]
    others = {other.key: other for spec in specs for other in beside(spec)}
    fresh = obtain([*specs, *others.values()])
    rows_of = added_bits if options.decoder == "added" else marginal
    rows = rows_of([spec.key for spec in specs]).drop("signature", "model")
    perplexities = query(
        "SELECT test_perplexity FROM models WHERE key = $model AND test_perplexity IS NOT NULL "
        "UNION ALL SELECT test_perplexity FROM perplexities WHERE key IN (SELECT unnest($beside))",
        {"model": specs[0].model.key, "beside": list(others)},
    )["test_perplexity"]
    perplexity = perplexities[0] if len(perplexities) else None  # an encoder has none
    if options.json:
        print_json(
            {
                "key": specs[0].key,
                "keys": [spec.key for spec in specs],
                "target": options.target,
                "cached": not fresh,
                "seconds": round(time.monotonic() - started, 3),
                "perplexity": perplexity,
                "added" if options.decoder == "added" else "marginal": rows.to_dicts(),
            }
        )
        return
    if (kept := letters_kept(corpus)) is not None and kept < 1:
        print(coverage(corpus, kept))
    predicts = "predicts nothing" if perplexity is None else f"test perplexity {perplexity:.3f}"
    print(f"{specs[0].model.title}, profile {options.profile}: {predicts}")
    print_table(rows)


def coverage(corpus: CorpusSpec, kept: float) -> str:
    """How much of a text its alphabet has, in words. kept: the share, 0 to 1."""
    if corpus.words:
        return f"{kept:.1%} of the words of {corpus.name} are among its {corpus.words:,}."
    if corpus.alphabet == PAPER:
        return f"{kept:.1%} of the letters of {corpus.name} are in the alphabet or spelled in it."
    size = corpus.alphabet.size
    return f"{kept:.1%} of the characters of {corpus.name} are among its {size} symbols."


def sentence(options: argparse.Namespace) -> None:
    """Prints what the state of a network holds of a sentence, and what the network expects."""
    network = options.cell, options.layers, options.hidden, options.layer
    corpus = find_corpus(options.corpus, alphabet=options.alphabet)
    spec = signature_spec(corpus, *network, options.state, options.profile)
    symbols, changes = reading.to_symbols(options.text, spec.corpus.alphabet)
    if not reading.ready(spec):
        obtain([spec], again=True)
    table = reading.read(spec, symbols)
    if options.json:
        print_json({"key": spec.key, "text": symbols, "changes": changes, "rows": table.to_dicts()})
        return
    print(f"{spec.title}: probability of the true symbol, by how many symbols ago it was read")
    print_table(sentence_rows(table, symbols))
    if changes:
        print(changes)


def import_model(options: argparse.Namespace) -> None:
    """Adds a network trained elsewhere."""
    config = options.config or options.file.with_suffix(".json")
    spec = add_model(_read(options.file), _read(config), options.name or options.file.stem)
    notes = model_notes(spec)
    if options.json:
        print_json({"key": spec.key, "title": spec.title, "notes": notes})
        return
    print(f"{spec.title} is added.", *notes, sep="\n")
    print(f"Its signature: python -m core signature shakespeare --model {spec.key[:12]}")


def study(options: argparse.Namespace) -> None:
    """Computes one of the paper's figures and prints its numbers."""
    started = time.monotonic()
    plan = STUDIES[options.name].plan(_choices(options))
    obtain(plan.specs)
    rows = _recalls(plan)
    perplexities = _perplexities(plan)
    recognizers = query(
        "SELECT title AS model, cer, wer, monotone FROM models WHERE kind = 'las' AND trained "
        "AND key IN (SELECT unnest(?))",
        [[spec.model.key for spec in plan.signatures.values()]],
    )
    hits = _hits(plan)
    if options.json:
        answer = {
            "study": options.name,
            "profile": options.profile,
            "seconds": round(time.monotonic() - started, 3),
            "rows": rows,
            "perplexities": perplexities,
        }
        if len(recognizers):
            answer["recognizers"] = recognizers.to_dicts()
        if len(hits):
            answer["hits"] = hits.to_dicts()
        print_json(answer)
        return
    recalls = pl.DataFrame(rows).pivot("lag", index="signature", values="recall")
    print_table(recalls.with_columns(pl.exclude("signature").round(3)))
    scores = pl.DataFrame({"model": perplexities.keys(), "perplexity": perplexities.values()})
    print_table(scores.with_columns(pl.col("perplexity").round(3)))
    if len(recognizers):
        print_table(recognizers)
    if len(hits):
        print_table(hits.with_columns(pl.exclude("detectors", "ago", "n").round(3)))


def options_of(study: Study) -> tuple[str, ...]:
    """The options of the command `study` that make a choice for this study, beside the profile."""
    corpora = ("corpus" if choice == "speech" else choice for choice in study.corpora)
    return (*corpora, *study.options)


def _choices(options: argparse.Namespace) -> Choices:
    """What the options choose. Raises BadInput for one that would change nothing."""
    declared = STUDIES[options.name]
    used = options_of(declared)
    every = {name for study in STUDIES.values() for name in options_of(study)}
    for name in sorted(every.difference(used)):
        if getattr(options, name) is not None:
            takes = ", ".join(f"--{other}" for other in used)
            raise BadInput(
                f"Leave out --{name}: `study {options.name}` takes {takes} and --profile."
            )
    fraction = Choices.fraction if options.fraction is None else options.fraction
    if not 0 < fraction <= 1:
        raise BadInput("Choose a fraction above 0 and at most 1, such as 0.05.")
    units = _units(options) if "units" in used else None
    named = {name: getattr(options, name) for name in ("corpus", "source", "target")}
    corpora = corpora_of(declared, options.profile, named | {"speech": options.corpus})
    return Choices(options.profile, fraction=fraction, units=units, **corpora)


def _units(options: argparse.Namespace) -> Units | None:
    """How many units of sound a study of speech recalls; None: symbols."""
    if options.target not in (None, "symbol", "unit"):
        raise BadInput("Of speech, symbol or unit is recalled: give one of them as --target.")
    if options.target == "unit":
        return options.units or UNITS
    if options.units is not None:
        raise BadInput("Give --target unit with --units: without it, symbols are recalled.")
    return None


def _recalls(plan: Plan) -> list[dict[str, Any]]:
    """The recall of a study's signatures by lag, each under its label, in the figure's order."""
    labels = {spec.key: label for label, spec in plan.signatures.items()}
    recalled = marginal(list(labels)).to_dicts()
    rows = [row | {"signature": labels[row["signature"]]} for row in recalled]
    return sorted(rows, key=lambda row: list(labels.values()).index(row["signature"]))


def _perplexities(plan: Plan) -> dict[str, float]:
    """The perplexities of a study by label, and of its other trained models by title."""
    scored = dict(query("SELECT key, test_perplexity FROM perplexities").iter_rows())
    perplexities = {label: scored[spec.key] for label, spec in plan.perplexities.items()}
    for model in dict.fromkeys(spec.model for spec in plan.drawn.values()):
        row = query("SELECT test_perplexity FROM models WHERE key = ?", [model.key])
        if row["test_perplexity"][0] is not None:
            perplexities.setdefault(model.title, row["test_perplexity"][0])
    return perplexities


def _hits(plan: Plan) -> pl.DataFrame:
    """Of a study's detectors the hits of all words together, under their labels."""
    labels = {spec.key: label for label, spec in plan.others.items() if spec.kind == "detectors"}
    found = query(
        "SELECT detectors, ago, n, rate, low, high, guess FROM hits "
        "WHERE word IS NULL AND detectors IN (SELECT unnest(?)) ORDER BY detectors, ago",
        [list(labels)],
    )
    return found.with_columns(pl.col("detectors").replace(labels))


def speech(options: argparse.Namespace) -> None:
    """Lists a speech corpus and, unless only checked, computes it."""
    limits = options.train, options.dev, options.test
    spec = find_speech(options.name, *limits, options.voices, options.seed, options.vp)
    facts: dict[str, Any] = {"key": spec.key, "train": spec.train, "dev": spec.dev}
    facts |= {"test": spec.test, "layout": "eSpeak NG", "skipped": []}
    if listed := Store().artifacts.get(spec.content):
        listing = Listing.from_bytes(listed)
        facts |= {"layout": listing.layout, "skipped": listing.skipped}
    if not options.check:
        obtain([spec])
        row = query("SELECT hours, skipped FROM corpora WHERE key = ?", [spec.key])
        facts |= row.row(0, named=True)
    if options.json:
        print_json(facts)
        return
    for name in ("layout", "train", "dev", "test", "hours"):
        if name in facts:
            print(f"{name:8} {facts[name]:.4g}" if name == "hours" else f"{name:8} {facts[name]}")
    if facts["skipped"]:
        print(f"skipped  {left_out(facts['skipped'], 'utterance')}")


def _read(path: Path) -> bytes:
    """A file's bytes, or as many of them as show that it is too large."""
    from core.models.imported.state_dict import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
