"""The atlas of bases, what leaving one out costs, pruning, and the study at `smoke`."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
import torch

from core.cli import main
from core.corpora import Corpus, from_text
from core.errors import BadInput
from core.library import find_corpus
from core.models.factorized import bases, factorized_lm
from core.models.factorized.builders import (
    atlas_spec,
    bigram,
    factorized_spec,
    kernel_signature,
    pruning_spec,
)
from core.models.factorized.rankone import RankOne, controls
from core.models.factorized.ruler import Ruler, Text, leave_out
from core.models.factorized.spec import (
    AtlasSpec,
    FactorizedSpec,
    KernelSpec,
    PrunedSpec,
    PruningSpec,
)
from core.models.factorized.windows import BASES, Windows, number
from core.models.language.char_lm import CharLM
from core.models.language.states import ModelStates
from core.models.mixture.spec import MixtureSpec
from core.paper.studies import STUDIES, Choices, factorized
from core.probes.measure import best_guess
from core.registry import SPECS, run
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.store import Store
from core.text import N_SYMBOLS, SYMBOLS
from core.training.batches import samples
from core.training.checkpoints import unpack

ONE, OTHER = (CorpusSpec(name=name, content=digit * 64) for name, digit in (("a", "1"), ("b", "2")))


@pytest.fixture(scope="module")
def corpora(text: bytes) -> tuple[Corpus, Corpus]:
    other = text.upper().replace(b"THE", b"those").replace(b"AND", b"or")
    return from_text(text, "one"), from_text(other, "two")


def model_spec(corpora: tuple[Corpus, Corpus], cell: str = "lstm") -> FactorizedSpec:
    made = factorized_spec((corpora[0].spec, corpora[1].spec), cell, hidden=12, profile="smoke")
    return made.model_copy(update={"window": 8})


def model_of(spec: FactorizedSpec, corpora: tuple[Corpus, Corpus]) -> factorized_lm.FactorizedLM:
    """Untrained, with bases strong enough to matter."""
    model = factorized_lm.Mix(spec, corpora, "cpu").build().requires_grad_(False)
    model.left.mul_(60)
    return model.eval()


def ruler(corpus: Corpus, lags: int = 4, steps: int = 60) -> Ruler:
    train, dev, test = (Text(split, lags, "cpu") for split in corpus.splits.values())
    return Ruler(train, dev, test, steps)


# Specs


def test_specs_survive_json_and_know_their_steps() -> None:
    model = factorized_spec((ONE, OTHER))
    pruning = pruning_spec(atlas_spec(model), OTHER, "norm")
    pruned = PrunedSpec(pruning=pruning, keep=40)
    ha = kernel_signature(model, "basis", bigram("ha"))
    mixture = MixtureSpec(members=(pruned, ha.model), corpus=ONE, profile="smoke", evaluate=10)
    for spec in (model, pruning, pruned, ha, mixture, pruning.atlas.rows[3]):
        again = SPECS.validate_json(spec.model_dump_json())
        assert again == spec and again.key == spec.key
        made = {step.key for step in spec.steps()} | {ONE.content, OTHER.content}
        assert set(spec.needs()) <= made
    rows = pruning.atlas.rows
    assert len({row.key for row in rows} | {pruning.atlas.key}) == 35
    assert all(row.whole == pruning.atlas for row in rows)
    assert [step.kind for step in pruning.steps()] == ["factorized", *["atlas"] * 35, "pruning"]


def test_wrong_choices_are_refused() -> None:
    model = factorized_spec((ONE, OTHER))
    for text in ("h", "hex", "hé", ""):
        with pytest.raises(BadInput, match="bigram"):
            bigram(text)
    assert bigram("<s>t") == ("<s>", "t") and bigram("  ") == (" ", " ")
    with pytest.raises(BadInput, match="same"):
        factorized_spec((ONE, ONE))
    with pytest.raises(BadInput, match="rule"):
        pruning_spec(atlas_spec(model), ONE, "best")
    for part, pair in (("basis", None), ("base", ("h", "a")), ("basis", ("h", "é"))):
        with pytest.raises(ValueError):
            KernelSpec(model=model, part=part, bigram=pair)
    elsewhere = CorpusSpec(name="c", content="3" * 64)
    with pytest.raises(ValueError, match="target"):
        PruningSpec(atlas=atlas_spec(model), target=elsewhere, rule="norm")


# Signatures of bases


def test_an_empty_basis_recalls_the_majority_and_a_memoryless_one_the_symbol(
    corpora: tuple[Corpus, Corpus],
) -> None:
    """Known answers: nothing to read leaves the most frequent symbol; a state that holds the last
    symbol alone gives it back, and the best guess from it beyond."""
    n = N_SYMBOLS
    plain = CharLM("lstm", 1, n).requires_grad_(False)
    for weights in plain.parameters():
        weights.zero_()
    values = torch.arange(N_SYMBOLS) / N_SYMBOLS
    plain.embedding.weight[:, 0] = values  # what v reads: another value for each symbol
    # No memory (the forget gate is shut), and units that rise one after the other.
    bias = plain.layers[0].bias_ih_l0
    bias[:n], bias[n : 2 * n], bias[2 * n : 3 * n] = 20, -20, -500 * (values - 0.5 / N_SYMBOLS)
    left, right = torch.zeros(1, 4 * n), torch.zeros(1, 2 * n)
    left[0, 2 * n : 3 * n], right[0, 0] = 500, 1
    measure = ruler(corpora[0])
    both = RankOne(torch.cat([0 * left, left]), torch.cat([right, right]))
    empty, memoryless = (correct[-1] for correct in measure.measure(plain, both))
    seen = measure.train.targets[:, 1]
    majority = torch.bincount(seen[seen >= 0]).argmax()
    assert empty[1].sum() == empty[1, majority] == measure.n[1, majority]
    assert (memoryless[0] == measure.n[0]).all()
    guesses = best_guess(Rows(measure.train.targets))
    for lag in range(1, 5):
        targets = measure.test.targets
        valid = targets[:, lag] >= 0
        floor = (guesses[lag, targets[valid, 0]] == targets[valid, lag]).sum()
        assert memoryless[lag].sum().item() == pytest.approx(floor.item(), rel=0.06)


class Rows:
    """Targets as a source of states, for `best_guess`."""

    first = 0

    def __init__(self, targets: torch.Tensor) -> None:
        self.n_symbols, self.lags, self.targets = N_SYMBOLS, targets.shape[1], targets.numpy()

    def chunks(self) -> list[Rows]:
        return [self]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_atlas_decodes_the_states_of_the_kernel(
    corpora: tuple[Corpus, Corpus], cell: str
) -> None:
    """What the atlas says of a basis and its control is what decoders of their own states say."""
    spec = model_spec(corpora, cell)
    model = model_of(spec, corpora)
    atlas = atlas_spec(spec)
    inputs = {corpus.content: corpus.to_bytes() for corpus in corpora}
    inputs[spec.key] = factorized_lm.save(spec, model)
    row = atlas.rows[SYMBOLS.index("h")]
    result = run(row, inputs, lambda fraction, message: None)
    found = result.tables["basis_recall"]
    texts = samples(corpora[0], atlas.budget, spec.seed)
    fits = Ruler(*(Text(text, atlas.max_lag, "cpu") for text in texts), atlas.budget.steps)
    for kernel in ("basis", "control"):
        own = kernel_signature(spec, kernel, bigram("he")).model
        network = factorized_lm.part(model, own)
        sources = (ModelStates(network, text, 1, own.states[0], atlas.max_lag) for text in texts)
        states = (torch.from_numpy(next(source.chunks()).states) for source in sources)
        _, half, expected = fits.correct(*states).sum(2).numpy()
        mine = found.filter(kernel=kernel, second="e").filter(pl.col("symbol").is_null())
        # States differ by rounding, which decides positions near a tie.
        assert np.abs(mine.sort("lag")["correct"].to_numpy() - expected).max() <= 3
        rising = (mine["rising"] * mine["n"]).to_numpy()
        assert np.abs(rising - (expected - half)).max() <= 6
    assert result.tables["bases"]["second"].to_list() == list(SYMBOLS)
    assert set(result.tables["bases"]["atlas"]) == {atlas.key}


def test_decoders_of_the_atlas_are_near_the_best_linear_ones() -> None:
    """On noisy states of the last symbols, against softmax regression that has converged."""
    letters = np.random.default_rng(0).choice([*"etaoin\n"], 30_000)
    fits = ruler(from_text("".join(letters).encode(), "letters"), 2)
    draws = torch.Generator().manual_seed(0)
    codes = torch.randn(3, N_SYMBOLS, 20, generator=draws)  # of the symbol of each lag

    def states(text: Text) -> torch.Tensor:
        read = [codes[lag][text.targets[:, lag].clamp(min=0)] for lag in range(3)]
        return sum(read) + 1.5 * torch.randn(text.n, 20, generator=draws)

    train, dev, test = (states(text) for text in (fits.train, fits.dev, fits.test))
    quarter, half, correct = fits.correct(train, dev, test).sum(2)
    for lag in range(3):
        seen, truth = fits.train.targets[:, lag], fits.test.targets[:, lag]
        best = converged(train[seen >= 0], seen[seen >= 0])
        right = (best(test).argmax(1) == truth).sum().item()
        assert 0.3 < right / len(truth) < 0.95
        assert correct[lag] > right - 0.005 * len(truth)
        assert quarter[lag] <= half[lag] + 0.005 * len(truth)


def converged(states: torch.Tensor, targets: torch.Tensor) -> torch.nn.Linear:
    """Softmax regression trained to its end, its weights shrunk as scikit-learn does."""
    linear = torch.nn.Linear(states.shape[1], N_SYMBOLS)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        cost = torch.nn.functional.cross_entropy(linear(states), targets)
        cost = cost + linear.weight.square().sum() / (2 * len(states))
        cost.backward()
        return cost

    optimizer.step(loss)
    return linear


def test_a_control_is_random_and_as_large() -> None:
    kernels = RankOne(torch.randn(3, 8), torch.randn(3, 4))
    drawn = controls(kernels, [1, 2, 1])
    assert torch.allclose(drawn.norms, kernels.norms)
    assert torch.allclose(drawn.right[0], drawn.right[2])
    assert not torch.allclose(drawn.right[0], drawn.right[1])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_leaving_out_is_the_model_without(corpora: tuple[Corpus, Corpus], cell: str) -> None:
    spec = model_spec(corpora, cell)
    model = model_of(spec, corpora)
    windows = Windows(spec, corpora[1], "dev")
    rows = windows.sample_rows(400, 0)
    chosen = np.array([number(bigram(text)) for text in ("th", "o ", "zz", "<s>t")])
    found = leave_out(model, windows, rows, chosen, "cpu")
    whole = factorized_lm.score(model, windows, rows, "cpu")[0]
    assert found.n == len(whole)
    assert found.perplexity == pytest.approx(math.exp(-whole.mean()), rel=1e-5)
    for place, basis in enumerate(chosen):
        kept = np.delete(np.arange(BASES), basis)
        without = factorized_lm.score(model.pruned(kept), windows, rows, "cpu")[0]
        rise = math.exp(-without.mean()) - found.perplexity
        assert found.rises[place] == pytest.approx(rise, abs=2e-3 * found.perplexity)
    assert found.rises[2] == 0  # never seen, λ is zero
    assert abs(found.rises[0]) > 1e-3


# What the bases tell together


def test_clusters_are_found_and_stand_together() -> None:
    draws = np.random.default_rng(0)
    kinds = draws.permutation(np.repeat(np.arange(bases.CLUSTERS), 20))
    points = draws.normal(0, 0.1, (len(kinds), 3)) + 9 * np.eye(bases.CLUSTERS)[kinds, :3]
    points[:, 0] += 30 * kinds
    distance = np.abs(points[:, None] - points[None]).sum(2)
    place, cluster = bases.order(distance)
    assert sorted(place) == list(range(len(kinds)))
    for kind in range(bases.CLUSTERS):
        members = np.flatnonzero(kinds == kind)
        assert len(set(cluster[members])) == 1 and np.ptp(place[members]) == 19
    assert list(cluster[np.argsort(place)]) == sorted(cluster)


def test_the_claims_find_what_was_put_there() -> None:
    """Bases that recall their own symbols better are told from bases that do not."""
    draws = np.random.default_rng(0)
    n = draws.integers(50, 400, (4, N_SYMBOLS))
    uses = np.zeros(BASES)
    uses[draws.choice(BASES, 300, replace=False)] = draws.random(300)
    plain = draws.binomial(n, 0.3, (BASES, 4, N_SYMBOLS))
    numbers = np.arange(BASES)
    better = plain.copy()
    for symbols in (numbers // N_SYMBOLS, numbers % N_SYMBOLS):
        better[numbers, :, symbols] = draws.binomial(n[:, symbols].T, 0.5)
    same = np.rint(0.4 * n).astype(int)
    none, some = (
        {c.claim: c for c in bases.claims(kind, plain, same, 2 * same, n, uses)}
        for kind in (draws.binomial(n, 0.3, (BASES, 4, N_SYMBOLS)), better)
    )
    own = "a basis recalls its own symbols"
    assert some[own].p < 1e-3 and some[own].value > 0.9 and some[own].n == 300
    assert none[own].p > 0.01 and none[own].value == pytest.approx(0.5, abs=0.05)
    assert some["W₀ holds the model's recall"].value == pytest.approx(0.5, abs=0.01)
    differ = "bases differ"
    assert some[differ].effect > none[differ].effect == pytest.approx(1, abs=0.02)
    more = "a basis recalls more than chance"
    assert some[more].p < 1e-3 < none[more].p


def test_intervals_are_over_symbols() -> None:
    """An effect that one symbol makes is uncertain, however many bases show it; in all it is not.

    A replicate lacks a symbol with probability (1 - 1/34)^34 = .36: then nothing of it is left.
    """
    draws = np.random.default_rng(0)
    n = np.full((4, N_SYMBOLS), 200)
    controls = draws.binomial(n, 0.3, (BASES, 4, N_SYMBOLS))
    apart = draws.binomial(n, draws.random((BASES, 1, N_SYMBOLS)))
    one = np.full_like(apart, 60)
    one[:, :, 4] = apart[:, :, 4]
    even, single = (
        {c.claim: c for c in bases.claims(kind, controls, n, n // 2, n, np.ones(BASES))}
        for kind in (apart, one)
    )
    differ = "bases differ"
    assert even[differ].high - even[differ].low < 0.1 * even[differ].effect
    assert single[differ].low == 0 < single[differ].effect < single[differ].high
    assert single[differ].high > 2 * single[differ].effect

    # Recall of its own first symbol, by the bases of one half of the first symbols only.
    numbers = np.arange(BASES)
    half = controls.copy()
    better = numbers[numbers // N_SYMBOLS < N_SYMBOLS // 2]
    half[better, :, better // N_SYMBOLS] = 180
    own = {c.claim: c for c in bases.claims(half, controls, n, n // 2, n, np.ones(BASES))}[
        "a basis recalls its own symbols"
    ]
    over_bases = 2 * 1.96 * 0.5 / BASES**0.5  # at most: a rank is between 0 and 1
    assert own.low < own.effect < own.high and own.high - own.low > 2 * over_bases


def test_recall_outside_the_target() -> None:
    """A symbol that both corpora use alike is inside; one that the target lacks is outside."""
    uses = np.array([[50, 50, 0], [50, 25, 25]])
    recall = np.array([[1.0, 0, 0], [0, 0, 1.0], [np.nan, 1.0, 0]])
    assert bases.recall_outside(recall, uses, 0).tolist() == pytest.approx([0, 1, 0])
    assert bases.recall_outside(recall, uses, 1).tolist() == pytest.approx([0, 0, 0.5])


# The study


@pytest.mark.slow
def test_the_study_from_an_empty_cache(
    store: Store,
    text: bytes,
    tmp_path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, target = tmp_path / "one.txt", tmp_path / "two.txt"
    source.write_bytes(text)
    target.write_bytes(text.upper().replace(b"THE", b"those").replace(b"Z", b"s"))
    mix = find_corpus(str(source)), find_corpus(str(target))
    choices = Choices("smoke", source=mix[0], target=mix[1])
    bases = ["'xt'", "'ha'", "'in'", "'ld'", "'po'", "'he'"]
    labels = ["W₀", "full kernel", *bases, "W₀, untrained"]
    assert list(STUDIES["factorized"].plan(choices).signatures) == labels
    # One of the paper's bases and one random order take the same way as all.
    monkeypatch.setattr(factorized, "NAMED_IN_PAPER", ("ha",))
    monkeypatch.setattr(factorized, "DRAWS", 1)
    plan = STUDIES["factorized"].plan(choices)
    atlas = plan.others["atlas"]
    assert isinstance(atlas, AtlasSpec)
    cut = plan.others["pruning by recall"]
    assert isinstance(cut, PruningSpec)
    saved = PrunedSpec(pruning=cut, keep=34)
    filled = []
    for spec in [*plan.specs, saved]:
        for step in spec.steps():
            if store.has_result(step):
                continue
            inputs = {key: store.artifacts.get(key) for key in step.needs()}
            result = run(step, inputs, lambda fraction, message: None)
            store.take_in(result.tables, result.artifacts)
            if isinstance(step, AtlasSpec):
                sql = "SELECT count(*) AS n FROM bases WHERE atlas = ?"
                filled.append(store.query(sql, [atlas.key])["n"][0])
    assert filled == [*range(N_SYMBOLS, BASES + 1, N_SYMBOLS), BASES]  # row by row, then the whole

    arguments = ["--source", str(source), "--target", str(target), "--profile", "smoke", "--json"]
    assert main(["study", "factorized", *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["study", "profile", "seconds", "rows", "perplexities"]
    assert {row["signature"] for row in answer["rows"]} == set(plan.signatures)
    assert set(answer["perplexities"]) == set(plan.perplexities)
    assert all(1 < value < 40 for value in answer["perplexities"].values())

    best = store.query(
        "SELECT first || second AS bigram, accuracy FROM basis_recall WHERE atlas = ? "
        "AND kernel = 'basis' AND symbol = 'h' AND lag = 3 ORDER BY accuracy DESC LIMIT 10",
        [atlas.key],
    )
    assert len(best) == 10
    assert len(store.query("FROM basis_claims")) == 6
    assert len(store.query("FROM basis_order WHERE place IS NOT NULL")) == BASES
    assert set(store.query("FROM basis_recall")["kernel"]) == {"basis", "control", "base", "full"}

    # Pruning keeps what it says, and its ends are W₀ alone and the model itself.
    order = store.query(
        "SELECT first, second FROM pruning_order WHERE pruning = ? ORDER BY place", [cut.key]
    )
    kept = unpack(store.artifacts.get(saved.key))[0]["numbers"].tolist()
    assert kept == sorted(number(pair) for pair in order.rows()[:34])
    curves = store.query("SELECT * FROM pruning_curve")
    ends = curves.filter(curves["kept"].is_in([0, BASES]))
    points = {(row["corpus"], row["kept"], round(row["perplexity"], 6)) for row in ends.to_dicts()}
    assert len(points) == 4  # whatever the rule
    row = store.query("SELECT * FROM models WHERE key = ?", [saved.key]).row(0, named=True)
    assert row["kind"] == "pruned" and row["parent"] == atlas.model.key
    assert (
        row["parameters"]
        < store.query("SELECT parameters FROM models WHERE key = ?", [atlas.model.key])[
            "parameters"
        ][0]
    )
    recall = store.query("SELECT DISTINCT name FROM marginal_recall")["name"].to_list()
    assert "basis 'ha' of factorized LSTM [1,16]" in recall
    assert isinstance(plan.signatures["W₀"], SignatureSpec)
