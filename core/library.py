"""Corpora by name or file, added models, specs from a few choices, and rows by SQL."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from core import cells, corpora, profiles
from core.corpora import Corpus, wsj
from core.corpora.assembly import AlphabetName
from core.corpora.speech import recordings, synthetic
from core.corpora.speech.spec import SpeechSpec
from core.corpora.textfile import check_name
from core.corpora.wsj import Punctuation
from core.errors import BadInput
from core.models.base import LanguageModelSpec, check_alphabet
from core.models.imported.network import notes, read_apart, result_of
from core.models.imported.spec import ImportedSpec
from core.models.language.spec import ModelSpec
from core.models.mixture.spec import MixtureSpec
from core.models.ngram.spec import NgramSpec
from core.signatures.spec import OF_WORDS, Decoder, SignatureSpec, State, Target, signature_of
from core.spec import VERSIONS, CorpusSpec, Spec
from core.store import Store
from core.text import PAPER

_MAY_LACK = {"kept": pl.Float64, "characters": pl.String, "words": pl.Int32}
NAME_MOST = 80  # characters of a corpus's or a model's name


def find_corpus(
    name: str,
    segment: str | None = None,
    store: Store | None = None,
    alphabet: AlphabetName | None = None,
) -> CorpusSpec:
    """The spec of a corpus, which is built and stored if it is not stored yet.

    name: a named corpus, the name or content hash of a stored one, or the path of a UTF-8 text.
    segment: 'line', 'sentence', ... (None: the source's own default). alphabet: 'paper', 'text' or
    'words' (None: of a file the paper's, else that of the corpus).
    Raises BadInput with one sentence if there is no such corpus or its text cannot be used.
    """
    found = _found(name, segment, alphabet, store or Store())
    has = "words" if found.words else "paper" if found.alphabet == PAPER else "text"
    if alphabet not in (None, has):
        raise BadInput(
            f"The corpus {found.name} has the alphabet {has!r}: give the path of a text file to "
            f"read it with the alphabet {alphabet!r}."
        )
    return found


def _found(
    name: str, segment: str | None, alphabet: AlphabetName | None, store: Store
) -> CorpusSpec:
    """What `find_corpus` finds, with whatever alphabet a stored corpus has."""
    check_name(name)
    if name in corpora.NAMES:
        return _named(name, segment, store)
    path = Path(name)
    if path.is_file():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{name} cannot be read: {error.strerror}.") from error
        return add_corpus(data, path.name, segment or "line", store, alphabet or "paper")
    known = _stored_corpus(name, "text", store)
    if known is None:
        raise BadInput(
            f"There is no corpus or text file {name!r}; choose one of "
            f"{', '.join(corpora.NAMES)}, or give the path of a UTF-8 text file."
        )
    has = {column: known[column] for column in ("characters", "words") if known[column]}
    return CorpusSpec.model_validate({"name": known["name"], "content": known["key"]} | has)


def add_corpus(
    data: bytes,
    name: str,
    segment: str = "line",
    store: Store | None = None,
    alphabet: AlphabetName = "paper",
) -> CorpusSpec:
    """Stores a user's UTF-8 text as a corpus. Raises BadInput if it cannot be one.

    alphabet: 'paper', the 34 symbols, or the most frequent characters ('text') or words ('words')
    of the text.
    """
    built = corpora.read_apart(data, _checked_name(name), segment, alphabet)
    return _keep(built, store or Store())


def find_speech(
    name: str,
    train: int | None = None,
    dev: int | None = None,
    test: int | None = None,
    voices: int = 1,
    seed: int = 0,
    vp: Punctuation = "keep",
    store: Store | None = None,
) -> SpeechSpec:
    """The spec of a speech corpus; the audio is read when the spec is computed, by a job.

    name: 'synthetic-speech'; 'wsj-speech', where MEMSIG_WSJ names the discs' folder; a folder of
    recordings; or the name or key of a computed one. train, dev, test: utterances at most (None:
    all). voices: number of those of synthetic speech. vp: verbalized punctuation of WSJ.
    Raises BadInput with one sentence if there is no such corpus or its folder is incomplete.
    """
    check_name(name)
    store = store or Store()
    limits = {"train": train, "dev": dev, "test": test}
    given = {split: limit for split, limit in limits.items() if limit is not None}
    if min(given.values(), default=1) < 1:
        raise BadInput("Each split needs at least one utterance.")
    if name == synthetic.NAME:
        return synthetic.spec(**given, voices=voices, seed=seed)
    discs = os.environ.get(wsj.FOLDER)
    folder = Path(discs) if name == wsj.SPEECH and discs else Path(name)
    if folder.is_dir():
        return _recorded(folder.absolute(), given, seed, vp, store)
    known = _stored_corpus(name, "speech", store)
    if known is None:
        raise BadInput(
            f"There is no speech corpus or folder {name!r}; choose {synthetic.NAME}, or give a "
            "folder with LibriSpeech's parts, a Kaldi data directory or the WSJ discs."
        )
    stored = SpeechSpec.model_validate_json(known["spec"])
    sizes = {split: min(limit, getattr(stored, split)) for split, limit in given.items()}
    return stored.model_copy(update=sizes)


def _stored_corpus(name: str, kind: str, store: Store) -> dict[str, Any] | None:
    """The row of the newest corpus of that name or key."""
    rows = store.query(
        "SELECT name, key, spec, characters, words FROM corpora "
        "WHERE (name = $name OR key = $name) AND kind = $kind ORDER BY added DESC LIMIT 1",
        {"name": name, "kind": kind},
    )
    return None if rows.is_empty() else rows.row(0, named=True)


def letters_kept(spec: CorpusSpec) -> float | None:
    """The share of the letters of a user's text that the paper's alphabet has, or of its
    characters or words that its own has; None for other corpora."""
    rows = Store().query("SELECT kept FROM corpora WHERE key = ?", [spec.key])
    return None if rows.is_empty() else rows["kept"][0]


def corpus(spec: CorpusSpec, store: Store | None = None) -> Corpus:
    """The stored corpus of a spec.

    Its `train`, `dev` and `test` are segments: `train[0]` is the first one, uint8 [symbols] (of
    words uint16), as numbers of the symbols of `train.alphabet`, without `<s>` and `</s>`.
    Raises BadInput if its text is no longer in the cache.
    """
    return Corpus.from_bytes(artifact(spec.content, store))


def artifact(key: str, store: Store | None = None) -> bytes:
    """The bytes under a key; a packaged corpus that is missing is built again.

    Raises BadInput if there are none.
    """
    store = store or Store()
    data = store.artifacts.get(key)
    if data is not None:
        return data
    for name, segment in store.query(
        "SELECT name, segment FROM corpora WHERE key = ?", [key]
    ).iter_rows():
        if name in corpora.NAMES and _named(name, segment, store).content == key:
            data = store.artifacts.get(key)
        if data is None:
            raise BadInput(f"The text of corpus {name!r} is gone from the cache; add it again.")
        return data
    raise BadInput("Something this needs is gone from the cache; ask for it again.")


def add_model(
    data: bytes, description: bytes, name: str, store: Store | None = None
) -> ImportedSpec:
    """Stores a network trained elsewhere: a safetensors state dict and the JSON that describes it.

    Raises BadInput with a sentence for everything that does not fit; see docs/own-model.md.
    """
    network = read_apart(data, description, _checked_name(name))
    result = result_of(network)
    (store or Store()).take_in(result.tables, result.artifacts)
    return network.spec


def model_notes(spec: ImportedSpec, store: Store | None = None) -> list[str]:
    """How an added model reads our text where its symbols are not ours, a sentence each."""
    frozen = (store or Store()).artifacts.get(spec.key)
    return notes(frozen) if frozen else []


def find_model(name: str, store: Store | None = None) -> ImportedSpec:
    """The added model of that name, or whose key begins so; the newest where there are several.

    Raises BadInput if there is none.
    """
    for key, text in added_models(store).items():
        spec = ImportedSpec.model_validate_json(text)
        if spec.name == name or (len(name) >= 8 and key.startswith(name)):
            return spec
    raise BadInput(f"There is no added model {name!r}: add one with `import-model`.")


def added_models(store: Store | None = None) -> dict[str, str]:
    """The specs of all added models as JSON by their keys, the newest first."""
    rows = (store or Store()).query(
        "SELECT key, spec FROM models WHERE kind = 'imported' AND trained ORDER BY created DESC"
    )
    return dict(rows.iter_rows())


def signature_spec(
    corpus: str | CorpusSpec,
    cell: str = "gru",
    layers: int = 1,
    hidden: int = 80,
    layer: int = 1,
    state: State | None = None,
    profile: str = "laptop",
    decoder: Decoder = "mlp",
    seed: int = 0,
    store: Store | None = None,
    model: ImportedSpec | None = None,
    target: Target = "symbol",
) -> SignatureSpec:
    """The spec of one signature from a few choices; everything else comes from the profile.

    corpus: as `find_corpus` takes or returns it. cell, profile: as `memsig signature --help` lists
    them. layer: the one that is read, 1 nearest the input. state: one of the cell's (None: its
    first, c_t of an LSTM and h_t of a GRU). decoder: 'added' for added bits, which are those of
    symbols. model: an added one, which brings its own cell, layers and hidden size. target: what
    is recalled.
    Raises BadInput with one sentence for a choice that does not exist.
    """
    if model:
        cell, layers, hidden = model.cell, model.layers, model.hidden
    states = cells.find(cell).states
    chosen = state or states[0]
    if chosen not in states:
        raise BadInput(f"The cell {cells.label(cell)} has no state {state!r}; use {states[0]!r}.")
    if not 1 <= layers <= 16 or not 1 <= hidden <= 4096:
        raise BadInput("Choose 1 to 16 layers of 1 to 4096 units.")
    if not 1 <= layer <= layers:
        raise BadInput(f"There is no layer {layer} in a network of {layers} layers.")
    budget = profiles.find(profile)
    where = corpus if isinstance(corpus, CorpusSpec) else find_corpus(corpus, store=store)
    trained_here = ModelSpec(
        corpus=where,
        cell=cell,
        layers=layers,
        hidden=hidden,
        profile=profile,
        budget=budget.training_for(cell, layers, hidden),
        seed=seed,
    )
    if where.words and (target != "symbol" or decoder in ("exact", "added")):
        raise BadInput(OF_WORDS.format(where.name))
    if target != "symbol" and decoder in ("exact", "added"):
        raise BadInput(f"The decoder {decoder!r} recalls symbols only; choose 'mlp' or 'linear'.")
    how = layer, chosen, decoder, seed
    return signature_of(model or trained_here, where, profile, *how, target=target)


def ngram_spec(
    corpus: CorpusSpec, order: int = 5, profile: str = "laptop", fraction: float = 1.0
) -> NgramSpec:
    """The spec of an n-gram on the text that a network of that profile is trained on.

    Raises BadInput for a corpus of words.
    """
    if corpus.words:
        raise BadInput(f"{corpus.name} is a corpus of words, and n-grams here are of characters.")
    budget = profiles.find(profile).training
    return NgramSpec(
        corpus=corpus,
        order=order,
        profile=profile,
        symbols=budget.text,
        evaluate=budget.evaluate,
        fraction=fraction,
    )


def perplexity_spec(profile: str, corpus: CorpusSpec, *members: LanguageModelSpec) -> MixtureSpec:
    """The perplexity of one model, or of several interpolated, by the profile's budget."""
    encoder = next((member for member in members if not member.predicts), None)
    if encoder is not None:
        raise BadInput(f"{encoder.title} predicts no symbols, so it has no perplexity.")
    for member in members:
        check_alphabet(member, corpus)
    evaluate = profiles.find(profile).training.evaluate
    return MixtureSpec(members=members, corpus=corpus, profile=profile, evaluate=evaluate)


def beside(spec: SignatureSpec) -> list[Spec]:
    """What a signature is shown with: the untrained network's signature and, of a model that was
    not trained here, its perplexity and forward accuracy on the text."""
    floor: list[Spec] = [spec.floor] if spec.floor else []
    if spec.model.scored_apart and spec.model.predicts and spec.floor:
        return [*floor, perplexity_spec(spec.profile, spec.corpus, spec.model)]
    return floor


def _checked_name(name: str) -> str:
    """The name as it is; BadInput for one that is too long or has control characters."""
    if len(name) > NAME_MOST or not name.isprintable():
        raise BadInput(f"A name has at most {NAME_MOST} characters, and no control characters.")
    return name


def query(sql: str, params: Sequence[Any] | dict[str, Any] | None = None) -> pl.DataFrame:
    """The rows of a query on the newest published tables, docs/tables.md.

    params: what stands for each ? or $name of it.
    """
    return Store().query(sql, params)


def connect() -> duckdb.DuckDBPyConnection:
    """A read-only DuckDB connection to the published tables, docs/tables.md.

    It sees the results of this moment; connect again to see newer ones.
    """
    return Store().connect()


def _named(name: str, segment: str | None, store: Store) -> CorpusSpec:
    """A named corpus, found by a hash of its source, so that it is built once per release."""
    source = corpora.source(name)
    recipe = f"{name} {segment or source.segments[0]} {source.requirement} {VERSIONS['corpus']}"
    key = "recipe/" + hashlib.sha256(recipe.encode()).hexdigest()
    content = store.artifacts.get(key)
    if content and store.artifacts.has(content.decode()):
        return CorpusSpec(name=name, content=content.decode())
    spec = _keep(corpora.build(name, segment), store)
    store.artifacts.put(key, spec.content.encode())
    return spec


def _recorded(
    folder: Path, limits: dict[str, int], seed: int, vp: Punctuation, store: Store
) -> SpeechSpec:
    """The spec of a folder of recordings, whose listing is stored."""
    layout, listing = recordings.find(folder, vp)
    store.artifacts.put(listing.content, listing.to_bytes())
    sizes = {
        split: min(len(utterances), limits.get(split, len(utterances)))
        for split, utterances in listing.splits.items()
    }
    return SpeechSpec(
        name=wsj.SPEECH if layout == "wsj" else folder.name,
        source=layout,
        place=str(folder),
        content=listing.content,
        seed=seed,
        train=sizes["train"],
        dev=sizes["dev"],
        test=sizes["test"],
    )


def _keep(built: Corpus, store: Store) -> CorpusSpec:
    """Stores a corpus and its row."""
    spec = built.spec
    row = {
        "key": built.content,
        "name": built.name,
        "kind": "text",
        "segment": built.segment,
        "segments": len(built),
        "symbols": built.symbols,
        **{f"{split}_symbols": part.total for split, part in built.splits.items()},
        "sample": built.sample(),
        "kept": built.kept,
        "characters": None if spec.words or built.alphabet == PAPER else spec.characters,
        "words": spec.words or None,
        "added": datetime.now(UTC).replace(tzinfo=None),
    }
    store.take_in(
        {"corpora": pl.DataFrame([row], schema_overrides=_MAY_LACK)},
        {built.content: built.to_bytes()},
    )
    return spec
