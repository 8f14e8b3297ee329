"""Keys: results that are stored under them must be found again by every later version."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
from pydantic import create_model

from core.library import ngram_spec, perplexity_spec, signature_spec
from core.models.imported.spec import ImportedSpec
from core.registry import KINDS, SPECS, known
from core.spec import CorpusSpec, Frozen, Spec, added

CORPUS = CorpusSpec(name="anything", content="0" * 64)


def specs() -> dict[str, Spec]:
    """One of every kind, by the first digits of the key it has always had."""
    signature = signature_spec(CORPUS, "lstm", 2, 160, layer=2)
    model, gram = signature.model, ngram_spec(CORPUS)
    exact = {"model": gram, "state": "context", "decoder": "exact", "layer": 1}
    return {
        "000000000000": CORPUS,
        "7e1746492c82": signature,
        "bdf1689a9612": signature.floor,
        "dcc90419da42": signature.preview(),
        "c86d255a11c1": model,
        "71de6f5c29c6": model.model_copy(update={"init_from": model, "fraction": 0.05}),
        "15c98f93d487": gram,
        "36690bb044e6": signature.model_copy(update=exact),
        "5f7620acf492": perplexity_spec("laptop", CORPUS, model, gram),
    }


def imported(name: str = "mine", **facts: object) -> ImportedSpec:
    shape = {"cell": "lstm", "layers": 2, "hidden": 24, "embedding": 12, "outputs": 36}
    return ImportedSpec(**({"name": name, "weights": "1" * 64} | shape | facts))


def test_a_key_never_changes_by_itself() -> None:
    assert {key: spec.key[:12] for key, spec in specs().items()} == {key: key for key in specs()}


def test_every_spec_survives_json() -> None:
    signature = signature_spec(CORPUS, model=imported())
    listed = [
        *specs().values(),
        imported(),
        signature,
        perplexity_spec("smoke", CORPUS, imported()),
    ]
    for spec in listed[1:]:  # a corpus is computed from its text, not from a spec
        read = SPECS.validate_json(spec.model_dump_json())
        assert read == spec and read.key == spec.key


def test_an_imported_model_is_its_weights_and_not_its_name() -> None:
    assert imported("one").key == imported("other").key
    assert imported(weights="2" * 64).key != imported().key
    assert imported("one").untrained().key == imported("other", weights="2" * 64).untrained().key
    floor = signature_spec(CORPUS, model=imported()).floor
    assert floor is not None and not floor.model.trained and floor.floor is None


def frozen() -> list[type[Frozen]]:
    """Every class of specs and budgets."""
    found, rest = [], [Frozen]
    while rest:
        one = rest.pop()
        rest += one.__subclasses__()
        found.append(one)
    return [one for one in found if not one.__abstractmethods__ and one.model_fields]


@cache
def shipped() -> dict[str, str]:
    """The specs of all results that come with the program, by the key they were computed under."""
    folder = Path(__file__).parents[2] / "cache" / "reference"
    tables = [pl.read_parquet(path) for path in folder.glob("*/*.parquet")]
    named = [table for table in tables if {"key", "spec"} <= {*table.columns}]
    return {
        key: text
        for table in named
        for key, text in table.select("key", "spec").iter_rows()
        if text is not None
    }


@cache
def examples() -> dict[type[Frozen], Frozen]:
    """One of every class that the shipped results hold, nested ones included."""
    found: dict[type[Frozen], Frozen] = {}

    def look(value: object) -> None:
        if isinstance(value, Frozen):
            found.setdefault(type(value), value)
            for name in type(value).model_fields:
                look(getattr(value, name))
        elif isinstance(value, tuple):
            for part in value:
                look(part)

    for text in shipped().values():
        look(SPECS.validate_json(text))
    return found


@cache
def later_version(kind: type[Frozen]) -> type[Frozen]:
    """The class as a later version has it: with a field more."""
    return create_model("Grown", __base__=kind, added_later=(str, added("symbol")))


def test_every_shipped_result_is_under_the_key_that_its_spec_has_today() -> None:
    """They were computed by earlier versions of the program."""
    specs = shipped()
    folder = Path(__file__).parents[2] / "cache" / "reference"
    listed = {
        key
        for path in folder.glob("*/manifest.json")
        for key in json.loads(path.read_text())["keys"]
    }
    tables = [pl.read_parquet(path) for path in folder.glob("*/corpora.parquet")]
    corpora = pl.concat(tables, how="diagonal")  # one that shipped earlier has fewer columns
    assert {*specs} == listed - {*corpora.filter(pl.col("spec").is_null())["key"]} != set()
    for key, text in specs.items():
        spec = SPECS.validate_json(text)
        # Without the fields that later versions have added, the same text.
        assert spec.key == key and spec.model_dump_json(exclude_unset=True) == text, spec.title


def test_a_shipped_result_is_read_the_same_by_a_version_with_one_more_field() -> None:
    for key, text in shipped().items():
        grown = later_version(type(SPECS.validate_json(text)))
        read = grown.model_validate_json(text)
        assert read.added_later == "symbol" and read.key == key
        assert read.model_dump_json(exclude_unset=True) == text, read.title


@pytest.mark.parametrize("kind", frozen(), ids=lambda kind: kind.__name__)
def test_a_field_added_later_changes_no_key_until_it_is_set(kind: type[Frozen]) -> None:
    example = examples().get(kind)
    if example is None:  # nothing shipped has one: any values will do for an identity
        example = kind.model_construct(**{name: None for name in kind.model_fields})
    values = {name: getattr(example, name) for name in kind.model_fields}
    later = later_version(kind).model_construct(**values, added_later="symbol")
    assert Frozen.identity(later) == Frozen.identity(example)
    changed = later.model_copy(update={"added_later": "bigram"})
    assert Frozen.identity(changed) == Frozen.identity(example) | {"added_later": "bigram"}
    if isinstance(example, Spec):
        assert later.key == example.key
        if type(example).identity is Spec.identity:
            assert changed.key != example.key


def test_a_nested_field_added_later_changes_no_key_until_it_is_set() -> None:
    spec = next(s for s in map(SPECS.validate_json, shipped().values()) if s.kind == "signature")
    grown = create_model("Grown", __base__=type(spec.budget), warmup=(int, added(0)))
    budget = grown(**spec.budget.model_dump())
    assert spec.model_copy(update={"budget": budget}).key == spec.key
    longer = budget.model_copy(update={"warmup": 5})
    assert spec.model_copy(update={"budget": longer}).key != spec.key


def test_a_nested_model_is_read_by_its_kind_and_an_unknown_kind_is_refused() -> None:
    text = next(t for t in shipped().values() if '"kind":"signature"' in t and "ngram" in t)
    spec = SPECS.validate_json(text)
    assert type(spec.model) is KINDS[spec.model.kind].spec
    assert known(text.replace('"kind":"ngram"', '"kind":"unheard"')) is None
    assert known(text.replace('"kind":"ngram"', '"kind":"speech"')) is None


def test_every_kind_can_be_computed_and_estimated() -> None:
    for kind in KINDS.values():
        for path in filter(None, (kind.step, kind.model)):
            module, name = path.split(":")
            assert callable(getattr(import_module(f"core.{module}"), name))
    for text in shipped().values():
        spec = SPECS.validate_json(text)
        assert spec.work() >= 0 and spec.alike(spec)
