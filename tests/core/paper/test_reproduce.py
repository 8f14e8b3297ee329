"""Reproducing a study, stopping and going on, shipping its results, and computing them again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.cli import main
from core.corpora.speech.spec import SpeechSpec
from core.library import add_corpus
from core.library import corpus as core_corpus
from core.models.base import StateSelection
from core.paper import reproduce, shipped
from core.paper.studies import STUDIES, signature
from core.probes.mlp import Decoders
from core.registry import known, load_model
from core.signatures.spec import SignatureSpec
from core.spec import VERSIONS
from core.spec import VERSIONS as STAGES
from core.store import Store
from core.training.batches import samples
from tests.core.invented import EVERY, fill

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def small(text: bytes, tmp_path_factory: pytest.TempPathFactory):
    """A cache in which the studies run on one small text, the first with one network of 8 units."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSIG_CACHE", str(tmp_path_factory.mktemp("computed")))
        corpus, other = add_corpus(text, "tiny"), add_corpus(text[: len(text) // 2], "tinier")
        speech = SpeechSpec(
            name="said", source="synthetic", content="0" * 64, train=60, dev=20, test=20
        )
        found = {"corpus": corpus, "source": corpus, "target": other, "speech": speech}

        def corpora(study, profile, named=None, store=None):
            return {choice: found[choice] for choice in study.corpora}

        patch.setattr(reproduce, "corpora_of", corpora)
        patch.setattr(signature, "HIDDEN", 8)
        patch.setitem(STUDIES, "signature", replace(signature.STUDY, seeds=1))
        yield


@pytest.fixture(scope="module")
def computed(small: None) -> Store:
    """The store after `reproduce` of the first study, in two goes."""
    arguments = ["reproduce", "--profile", "smoke", "--study", "signature"]
    store = Store()
    assert main([*arguments, "--max-seconds", "0"]) == 0
    assert store.query("FROM signatures").is_empty()
    assert main(arguments) == 0
    return store


@pytest.fixture(scope="module")
def release(computed: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    assert main(["export-reference", "--profile", "smoke", "--folder", str(folder)]) == 0
    return folder


def wanted() -> dict[str, SignatureSpec]:
    found = reproduce.parts("smoke", ["signature"])
    return {part.label: part.spec for part in found if isinstance(part.spec, SignatureSpec)}


def test_everything_is_there_and_stays(computed: Store, capsys: pytest.CaptureFixture[str]) -> None:
    specs = wanted()
    assert list(specs) == ["added bits", "GRU", "untrained"]
    assert all(not computed.missing(spec) for spec in specs.values())
    arguments = ["reproduce", "--profile", "smoke", "--study", "signature", "--json"]
    assert main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["done"], answer["total"], answer["failed"]) == (3, 3, {})
    assert [row["claim"] for row in answer["claims"]] == [f"C{n}" for n in range(1, 16)]


def test_wrong_choices_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["--study", "nothing"],
        ["--seeds", "0"],
        ["--profile", "huge"],
        ["--longer", "9"],
    ):
        assert main(["reproduce", *wrong]) == 2
        assert "hoose" in capsys.readouterr().err


def test_seeds_and_sharing() -> None:
    three = reproduce.parts("laptop", ["size", "ngram"], seeds=3)
    assert {part.seed for part in three if part.study == "size"} == {0, 1, 2}
    keys = [part.spec.key for part in three]
    # The GRU against the n-gram is one of the sizes, and is not listed again.
    assert len(keys) == len(set(keys))
    signatures = [p for p in three if isinstance(p.spec, SignatureSpec) and p.study == "ngram"]
    assert {part.label for part in signatures} == {"5-gram", "5-gram, exact"}


def test_further_rounds_are_those_of_the_same_signatures() -> None:
    plain, longer = (reproduce.parts("laptop", ["ngram"], longer=n) for n in (0, 2))
    for part, later in zip(plain, longer, strict=True):
        if isinstance(part.spec, SignatureSpec) and part.spec.decoder == "mlp":
            assert later.spec == part.spec.continued().continued()
        else:
            assert later.spec == part.spec  # exact decoders and perplexities know no rounds


def test_shipped_results_fill_an_empty_start(
    computed: Store, release: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped.update(store) == 0  # switched off
    monkeypatch.setenv("MEMSIG_REFERENCE", str(release))
    assert shipped.update(store) > 0
    assert shipped.update(store) == 0  # once
    spec = wanted()["GRU"]
    assert shipped.among([spec.key], store) == {spec.key}
    assert store.query("FROM earlier").is_empty()
    sql = "SELECT lag, symbol, n, correct, accuracy, low, high FROM recall WHERE signature = ? "
    before, after = (s.query(sql + "ORDER BY ALL", [spec.key]) for s in (computed, store))
    assert before.select("lag", "symbol", "n", "correct").equals(
        after.select("lag", "symbol", "n", "correct")
    )
    for column in ("accuracy", "low", "high"):
        assert after[column].to_list() == pytest.approx(before[column].to_list(), abs=1e-6)
    manifest = json.loads((release / "smoke" / "manifest.json").read_text())
    assert manifest["versions"] == VERSIONS and manifest["computed"]["signature"] == [3, 3]
    assert {*manifest["computed"]} == {*STUDIES}
    made = store.query("SELECT DISTINCT command FROM shipped")["command"].to_list()
    assert made == ["python -m core reproduce --profile smoke"]


@pytest.mark.parametrize("own", [False, True])
def test_a_release_replaces_what_came_with_the_one_before(
    release: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    newer = shutil.copytree(release, tmp_path / "newer")
    monkeypatch.setenv("MEMSIG_REFERENCE", str(newer))
    shipped.update(store)
    key = wanted()["GRU"].key
    rows = {
        "signatures": store.query(
            "SELECT * REPLACE (7 AS width) FROM signatures WHERE key = ?", [key]
        )
    }
    rows["recall"] = store.query(
        "SELECT * REPLACE (0.5 AS accuracy) FROM recall WHERE signature = ?", [key]
    )
    marks = store.query("FROM shipped")
    store.take_in(rows, replace=True)  # as if this machine had computed it
    if not own:
        store.take_in({"shipped": marks}, replace=True)
    manifest = json.loads((newer / "smoke" / "manifest.json").read_text())
    later = datetime.fromisoformat(manifest["made"]) + timedelta(days=1)
    (newer / "smoke" / "manifest.json").write_text(json.dumps(manifest | {"made": str(later)}))
    assert shipped.update(store) > 0
    assert shipped.update(store) == 0
    width = store.query("SELECT width FROM signatures WHERE key = ?", [key]).item()
    recalls = store.query("SELECT DISTINCT accuracy FROM recall WHERE signature = ?", [key])
    assert ((width == 7), recalls.height == 1) == (own, own)
    assert shipped.among([key], store) == (set() if own else {key})


def test_a_shipped_result_is_a_table_hit_and_an_artifact_miss(
    release: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMSIG_REFERENCE", str(release))
    shipped.update(store)
    spec = wanted()["GRU"]
    assert store.missing(spec) == []
    assert store.missing(spec.model) == [spec.model]  # whoever asks for it wants its weights
    deeper = spec.model_copy(update={"budget": spec.budget.model_copy(update={"depth": 2})})
    assert store.missing(deeper)[0] == spec.model and store.missing(deeper)[-1] == deeper


def test_computed_again_it_is_the_same(
    computed: Store, release: Path, store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From scratch, in a cache that has nothing but the shipped rows and the text."""
    monkeypatch.setenv("MEMSIG_REFERENCE", str(release))
    shipped.update(store)
    add_corpus(text, "tiny", store=store)
    part = next(p for p in reproduce.parts("smoke", ["signature"]) if p.label == "GRU")
    steps = {step.key for step in part.spec.steps()}
    store.remove(sorted(shipped.among(steps, store)))
    assert not store.has_result(part.spec)
    assert store.query("SELECT * FROM recall WHERE signature = ?", [part.spec.key]).is_empty()
    outcome = reproduce.compute([part], store)
    assert (outcome.done, outcome.failed) == (1, {})
    assert shipped.among([part.spec.key], store) == frozenset()
    sql = "SELECT accuracy FROM recall WHERE signature = ? ORDER BY lag, symbol"
    before, after = (s.query(sql, [part.spec.key])["accuracy"] for s in (computed, store))
    assert after.to_list() == pytest.approx(before.to_list(), abs=0.02)


def test_an_earlier_version_is_told_apart(
    release: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = wanted()["GRU"].key
    monkeypatch.setenv("MEMSIG_REFERENCE", str(release))
    with monkeypatch.context() as patch:
        patch.setitem(STAGES, "mlp", 99)
        known.cache_clear()  # another version is another process
        shipped.update(store)
        assert wanted()["GRU"].key != key
        earlier = set(store.query("FROM earlier")["key"])
        assert key in earlier and wanted()["GRU"].model.key not in earlier
    known.cache_clear()
    shipped.update(store)
    assert store.query("FROM earlier").is_empty()


def test_a_damaged_shipment_is_left_out(
    release: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "smoke"
    broken.mkdir(parents=True)
    monkeypatch.setenv("MEMSIG_REFERENCE", str(broken.parent))
    for manifest in ("{", "[]", (release / "smoke" / "manifest.json").read_text()):
        (broken / "manifest.json").write_text(manifest)
        (broken / "signatures.parquet").write_bytes(b"not a table")
        assert shipped.update(store) == 0
    assert store.query("FROM signatures").is_empty()


def test_weights_ship_with_their_decoders(
    computed: Store, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wanted()["GRU"]
    weights, decoders = (computed.artifacts.get(key) for key in (spec.model.key, spec.key))
    assert weights and decoders
    monkeypatch.setattr(shipped, "networks", lambda store=None: [spec])
    monkeypatch.setattr(shipped, "LIVE_PROFILE", "smoke")
    for _ in range(2):  # what is there stays
        shipped.export("smoke", tmp_path, "a command", computed)
        files = sorted(path.stem for path in tmp_path.glob("smoke/*.safetensors"))
        assert files == sorted([spec.model.key, spec.key])
    monkeypatch.setenv("MEMSIG_REFERENCE", str(tmp_path))
    store.artifacts.put(spec.model.key, b"weights of another machine")
    shipped.update(store)
    assert not store.artifacts.has(spec.key)  # these decoders would read another network
    store.remove([spec.model.key])
    (store.root / "versions.json").unlink()
    shipped.update(store)
    assert store.artifacts.get(spec.model.key) == weights
    assert store.artifacts.get(spec.key) == decoders
    assert store.missing(spec.model) == []


def test_stored_decoders_recall_what_was_measured(computed: Store, text: bytes) -> None:
    """Float16 changes no answer worth a thousandth."""
    spec = wanted()["GRU"]
    corpus = core_corpus(spec.corpus, computed)
    texts = samples(corpus, spec.budget, spec.seed)
    model = load_model(spec.model, computed.artifacts.get(spec.model.key), "cpu")
    selection = StateSelection(spec.layer, spec.state, spec.max_lag)
    test = next(model.states(corpus, texts, selection).test.chunks())
    decoders = Decoders.from_bytes(computed.artifacts.get(spec.key))
    named = decoders.logits(test.states).argmax(2).numpy()
    sql = "SELECT lag, n, accuracy FROM recall WHERE signature = ? AND symbol IS NULL"
    for lag, n, accuracy in computed.query(sql, [spec.key]).iter_rows():
        valid = test.targets[:, lag] >= 0
        assert valid.sum() == n
        right = named[valid, lag] == test.targets[valid, lag]
        assert right.mean() == pytest.approx(accuracy, abs=1e-3)


def test_retraining_computes_the_source_whose_weights_are_gone(store: Store) -> None:
    plan = STUDIES["adaptation"].plan(EVERY)
    source, retrained = plan.signatures["source"], plan.signatures["retrained"]
    fill(store, [source, source.preview()])
    assert store.missing(source) == []
    assert store.missing(retrained) == [*retrained.model.steps(), retrained.preview(), retrained]
    store.artifacts.put(source.model.key, b"weights")
    assert store.missing(retrained)[0] == retrained.model
    again = replace(EVERY, seeds=(1,))
    assert len(store.missing(STUDIES["adaptation"].plan(again).signatures["retrained"])) == 4
