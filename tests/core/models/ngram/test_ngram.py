"""N-grams: the estimate against the rules in exact fractions, kenlm's scores and states, recall."""

from __future__ import annotations

import copy
import math
from collections import Counter, defaultdict
from fractions import Fraction
from types import SimpleNamespace

import kenlm
import numpy as np
import pytest

from core.corpora import Segments
from core.errors import BadInput
from core.models.ngram import exact
from core.models.ngram.exact import ExactDecoders
from core.models.ngram.kneser_ney import NONE, Ngram, estimate, one_hot, size
from core.models.ngram.states import targets
from core.models.rows import count_first
from core.probes.data import Chunk
from core.text import BOS, EOS, N_SYMBOLS, SYMBOLS, decode, encode

ORDERS = (2, 3, 4, 5, 6)
WORDS = ["▁" if symbol == " " else symbol for symbol in SYMBOLS]
Gram = tuple[str, ...]


def drawn(seed: int, segments: int, letters: str = "abcdefg ,", longest: int = 14) -> Segments:
    """Text in which each symbol leans on the one before it, so that n-grams repeat."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(segments):
        at, text = 0, ""
        for _ in range(rng.integers(1, longest)):
            at = (at + int(rng.geometric(0.45))) % len(letters)
            text += letters[at]
        texts.append(text)
    return Segments.of(texts)


def words(segments: Segments) -> list[Gram]:
    return [("<s>", *(WORDS[symbol] for symbol in segment), "</s>") for segment in segments]


def parsed(arpa: bytes) -> tuple[dict[int, int], dict[Gram, tuple[float, float | None]]]:
    """The counts of the header, and n-gram -> (log10 p, log10 back-off)."""
    counts, grams = {}, {}
    for line in arpa.decode().splitlines():
        if line.startswith("ngram "):
            order, count = line[6:].split("=")
            counts[int(order)] = int(count)
        elif "\t" in line:
            p, gram, *backoff = line.split("\t")
            grams[tuple(gram.split(" "))] = (float(p), float(backoff[0]) if backoff else None)
    return counts, grams


class ByTheRules:
    """Modified Kneser-Ney straight from its rules, slowly and in exact fractions."""

    def __init__(self, segments: Segments, order: int) -> None:
        raw: Counter[Gram] = Counter()
        left: defaultdict[Gram, set[str]] = defaultdict(set)
        for sentence in words(segments):
            for n in range(1, order + 1):
                for start in range(len(sentence) - n + 1):
                    gram = sentence[start : start + n]
                    raw[gram] += 1
                    if start:
                        left[gram].add(sentence[start - 1])
        self.adjusted = {
            gram: count if len(gram) == order or gram[0] == "<s>" else len(left[gram])
            for gram, count in raw.items()
        }
        self.fallbacks: set[int] = set()
        self.discounts = {n: self.discounts_of(n) for n in range(1, order + 1)}
        self.vocabulary = {gram[0] for gram in raw if len(gram) == 1} - {"<s>"} | {"<unk>"}
        self.following: defaultdict[Gram, list[int]] = defaultdict(list)
        for gram, count in self.adjusted.items():
            if gram != ("<s>",):
                self.following[gram[:-1]].append(count)

    def discounts_of(self, order: int) -> list[Fraction]:
        n = [0] * 5
        for gram, count in self.adjusted.items():
            if len(gram) == order and gram != ("<s>",) and count <= 4:
                n[count] += 1
        if all(n[1:4]):
            y = Fraction(n[1], n[1] + 2 * n[2])
            found = [j - (j + 1) * y * Fraction(n[j + 1], n[j]) for j in (1, 2, 3)]
            if all(0 <= d <= j for j, d in enumerate(found, 1)):
                return [Fraction(0), *found]
        self.fallbacks.add(order)
        return [Fraction(0), Fraction(1, 2), Fraction(1), Fraction(3, 2)]

    def backoff(self, context: Gram) -> Fraction:
        if context not in self.following:
            return Fraction(1)
        d = self.discounts[len(context) + 1]
        counts = self.following[context]
        return sum((d[min(a, 3)] for a in counts), Fraction(0)) / sum(counts)

    def p(self, gram: Gram) -> Fraction:
        context = gram[:-1]
        lower = self.p(gram[1:]) if context else Fraction(1, len(self.vocabulary))
        a = self.adjusted.get(gram, 0)
        seen = a and (a - self.discounts[len(gram)][min(a, 3)]) / sum(self.following[context])
        return seen + self.backoff(context) * lower


@pytest.mark.parametrize("order", ORDERS)
def test_estimate_equals_the_rules_in_exact_fractions(order: int) -> None:
    segments = drawn(order, 120)
    rules = ByTheRules(segments, order)
    assert 1 in rules.fallbacks  # nine letters are too few
    assert set(range(2, order + 1)) - rules.fallbacks  # and both kinds of order are there
    arpa = estimate(segments, order)
    counts, grams = parsed(arpa)
    assert grams.keys() == rules.adjusted.keys() | {("<unk>",)}
    assert counts == Counter(map(len, grams))
    assert size(arpa) == len(grams)
    for gram, (p, backoff) in grams.items():
        if gram == ("<s>",):
            assert p == -99
        else:
            assert p == pytest.approx(math.log10(rules.p(gram)), abs=1e-7)
        if len(gram) == order:
            assert backoff is None
        else:
            assert backoff == pytest.approx(math.log10(rules.backoff(gram)), abs=1e-7)


def test_a_small_example_worked_by_hand() -> None:
    # Adjusted counts: a 1 (behind <s>), b 1 (behind a), </s> 2 (behind b and a); <s> a 2, a b 1,
    # a </s> 1, b </s> 1. No n-gram has 3, so the discounts are 1/2 and 1 in both orders. Order 1
    # gives away (1/2 + 1/2 + 1) / 4 = 1/2, over a, b, </s> and <unk> 1/8 each.
    counts, grams = parsed(estimate(Segments.of(["ab", "a"]), 2))
    assert counts == {1: 5, 2: 4}
    by_hand = {
        ("a",): (2 / 8, 1 / 2),
        ("b",): (2 / 8, 1 / 2),
        ("</s>",): (3 / 8, 1),
        ("<unk>",): (1 / 8, 1),
        ("<s>", "a"): (1 / 2 + 1 / 2 * 2 / 8, None),
        ("a", "b"): (1 / 4 + 1 / 2 * 2 / 8, None),
        ("a", "</s>"): (1 / 4 + 1 / 2 * 3 / 8, None),
        ("b", "</s>"): (1 / 2 + 1 / 2 * 3 / 8, None),
    }
    assert grams.pop(("<s>",)) == (-99, pytest.approx(math.log10(1 / 2), abs=1e-7))
    assert grams.keys() == by_hand.keys()
    for gram, (p, backoff) in by_hand.items():
        assert 10 ** grams[gram][0] == pytest.approx(p)
        assert grams[gram][1] == (backoff and pytest.approx(math.log10(backoff), abs=1e-7))


def test_perplexity_is_what_one_computes_by_hand() -> None:
    model = Ngram(estimate(Segments.of(["ab", "a"]), 2))
    held_out = Segments.of(["ab", "b", "x"])
    # x is <unk>, which is no context: </s> after it has only its unigram.
    p = [5 / 8, 3 / 8, 11 / 16, 1 / 2 * 2 / 8, 11 / 16, 1 / 2 * 1 / 8, 3 / 8]
    assert np.exp(model.log_probs(held_out)) == pytest.approx(p)
    assert model.perplexity(held_out) == pytest.approx(math.prod(p) ** (-1 / 7))


def test_perplexity_is_the_exponential_of_the_mean_surprise() -> None:
    model, held_out = Ngram(estimate(drawn(0, 300), 4)), drawn(1, 50)
    log_probs = model.log_probs(held_out)
    assert log_probs.dtype == np.float64
    assert len(log_probs) == held_out.total + len(held_out)
    assert model.perplexity(held_out) == math.exp(-log_probs.mean())
    whole = sum(model.model.score(" ".join(sentence[1:-1])) for sentence in words(held_out))
    assert log_probs.sum() == pytest.approx(whole * math.log(10), rel=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_probabilities_sum_to_one_after_seen_and_unseen_contexts(order: int) -> None:
    segments = drawn(order, 150)
    model = Ngram(estimate(segments, order)).model
    vocabulary = [*(w for w in WORDS if w in model), "<unk>"]
    vocabulary.remove("<s>")
    assert len(vocabulary) == 9 + 2
    rng = np.random.default_rng(0)
    unseen = [rng.choice(vocabulary, order - 1).tolist() for _ in range(60)]
    seen = [list(sentence[: rng.integers(1, len(sentence))]) for sentence in words(segments)[:60]]
    after = kenlm.State()
    for context in [[], *unseen, *seen]:
        state = kenlm.State()
        if context[:1] == ["<s>"]:
            model.BeginSentenceWrite(state)
            context = context[1:]
        else:
            model.NullContextWrite(state)
        for word in context:
            model.BaseScore(state, word, after)
            state, after = after, state
        total = sum(10 ** model.BaseScore(state, word, after) for word in vocabulary)
        assert total == pytest.approx(1, abs=2e-6)


def test_arpa_lists_every_suffix_and_prefix_and_its_sections_in_order() -> None:
    arpa = estimate(drawn(0, 200), 5)
    _, grams = parsed(arpa)
    for gram in grams:
        assert len(gram) == 1 or (gram[1:] in grams and gram[:-1] in grams)
    contexts = {gram[:-1] for gram in grams}
    assert any(gram not in contexts for gram in grams if len(gram) == 4)
    for gram, (_, backoff) in grams.items():
        if len(gram) < 5 and gram not in contexts:
            assert backoff == 0
    places = [[WORDS.index(word) for word in gram] for gram in grams]
    assert places == sorted(places, key=lambda place: (len(place), place))
    assert arpa.startswith(b"\\data\\\nngram 1=")
    assert arpa.endswith(b"\n\n\\end\\\n")


def test_estimate_is_the_same_bytes_whatever_the_order_of_segments() -> None:
    texts = [decode(segment) for segment in drawn(0, 200)]
    assert estimate(Segments.of(texts), 4) == estimate(Segments.of(texts[::-1]), 4)


def test_every_symbol_of_the_alphabet_is_a_word() -> None:
    alphabet = "".join(SYMBOLS[:BOS])
    _, grams = parsed(estimate(Segments.of([alphabet, alphabet[::-1]]), 2))
    assert {gram[0] for gram in grams if len(gram) == 1} == set(WORDS)


@pytest.mark.parametrize("order", [-1, 0, 1, 7, 100])
def test_orders_outside_two_to_six_are_refused(order: int) -> None:
    with pytest.raises(BadInput, match="choose 2 to 6"):
        estimate(drawn(0, 5), order)


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(BadInput, match="lower order"):
        estimate(Segments.of(["ab", "a"]), 5)
    with pytest.raises(BadInput, match="lower order"):
        estimate(Segments.of([]), 2)


def test_the_longest_segment_decides_whether_an_order_exists() -> None:
    model = Ngram(estimate(Segments.of(["a", "abc", "b"]), 5))
    assert model.order == 5
    assert model.contexts(Segments.of(["abc"])).tolist()[-1] == [2, 1, 0, BOS]


@pytest.mark.parametrize("arpa", [b"", b"not ARPA", estimate(Segments.of(["ab"]), 2)[:60]])
def test_damaged_arpa_is_refused_without_naming_a_path(arpa: bytes) -> None:
    with pytest.raises(BadInput, match=r"^This n-gram model is damaged: estimate it again\.$"):
        Ngram(arpa)


@pytest.mark.parametrize("order", ORDERS)
def test_contexts_are_equal_exactly_where_kenlm_states_are(order: int) -> None:
    model = Ngram(estimate(drawn(0, 80), order))
    held_out = drawn(1, 150, letters="abgf,cd #e")  # another habit, and # was never seen
    contexts = model.contexts(held_out)
    assert contexts.dtype == np.uint8
    assert contexts.shape == (held_out.total, order - 1)
    by_context: dict[tuple[int, ...], kenlm.State] = {}
    by_state: dict[kenlm.State, tuple[int, ...]] = {}
    row = 0
    for segment in held_out:
        state, after = kenlm.State(), kenlm.State()
        model.model.BeginSentenceWrite(state)
        for t, symbol in enumerate(segment):
            model.model.BaseScore(state, WORDS[symbol], after)
            state, after = after, state
            context = tuple(contexts[row].tolist())
            held = len([s for s in context if s != NONE])
            read = [BOS, *segment[: t + 1].tolist()][::-1]
            assert list(context) == read[:held] + [NONE] * (order - 1 - held)
            assert by_context.setdefault(context, copy.copy(state)) == state
            assert by_state.setdefault(copy.copy(state), context) == context
            assert model.state(context) == state
            row += 1
    lengths = (contexts != NONE).sum(1)
    assert set(lengths) == set(range(order))  # every length occurs, <unk> leaves nothing
    assert (lengths[held_out.symbols == SYMBOLS.index("#")] == 0).all()


@pytest.mark.parametrize("order", [2, 5])
def test_predictions_count_the_exact_argmax_at_every_position(order: int) -> None:
    model = Ngram(estimate(drawn(0, 80), order))
    held_out = drawn(1, 40, letters="abgf,cd #e")
    n, correct = count_first(held_out, model.first(held_out))
    assert n.dtype == correct.dtype == np.int64
    expected_n, expected = np.zeros((2, len(held_out), len(SYMBOLS)), dtype=np.int64)
    for row, segment in enumerate(held_out):
        for t, truth in enumerate([*segment, EOS]):
            prefix = [WORDS[symbol] for symbol in segment[:t]]
            scores = []
            for word in WORDS:
                *_, last = model.model.full_scores(" ".join([*prefix, word]), eos=False)
                scores.append(last[0] if word != "<s>" else -math.inf)
            expected_n[row, truth] += 1
            expected[row, truth] += np.argmax(scores) == truth
    assert (n == expected_n).all()
    assert (correct == expected).all()
    assert 0 < correct.sum() < n.sum()


def test_predictions_start_from_the_beginning_of_the_segment() -> None:
    segments = Segments.of(["q" + decode(segment) for segment in drawn(0, 100)])
    model = Ngram(estimate(segments, 3))
    null, after, q = kenlm.State(), kenlm.State(), SYMBOLS.index("q")
    model.model.NullContextWrite(null)
    assert model.model.BaseScore(null, "a", after) > model.model.BaseScore(null, "q", after)
    assert model.first(segments)[0] == q
    held_out = Segments.of(["qa", "ba"])
    n, correct = count_first(held_out, model.first(held_out))
    assert n[:, q].tolist() == correct[:, q].tolist() == [1, 0]
    assert n.sum(1).tolist() == [3, 3]


def test_targets_look_back_within_the_segment() -> None:
    found = targets(Segments.of(["ab", "cde"]), 2)
    assert found.tolist() == [[0, -1, -1], [1, 0, -1], [2, -1, -1], [3, 2, -1], [4, 3, 2]]


def test_one_hot_marks_what_is_retained_and_nothing_else() -> None:
    contexts = np.array([[4, 0, BOS], [7, NONE, NONE]], dtype=np.uint8)
    hot = one_hot(contexts)
    assert hot.dtype == np.float32
    assert hot.shape == (2, 3 * 34)
    assert np.argwhere(hot).tolist() == [[0, 4], [0, 34], [0, 68 + BOS], [1, 7]]


def fitted(contexts: np.ndarray, truth: np.ndarray) -> ExactDecoders:
    """Exact decoders of these contexts as the only chunk of a source."""
    chunk = Chunk(contexts, truth, np.arange(len(truth)), np.ones(len(truth)))
    return ExactDecoders.fit(
        SimpleNamespace(dim=contexts.shape[1], n_symbols=N_SYMBOLS, chunks=lambda: [chunk])
    )


def test_recall_of_a_5_gram_is_perfect_exactly_while_the_symbol_is_in_its_context() -> None:
    # Symbols without any habit: outside the context there is nothing to go by.
    rng = np.random.default_rng(0)
    train, held_out = (
        Segments(rng.integers(0, 5, 60_000).astype(np.uint8), np.arange(0, 60_001, 30))
        for _ in range(2)
    )
    model = Ngram(estimate(train, 5))
    decoders = fitted(model.contexts(train), targets(train, 7))
    contexts, truth = model.contexts(held_out), targets(held_out, 7)
    guess = decoders.logits(contexts).argmax(2).numpy()
    for lag in range(8):
        valid = truth[:, lag] >= 0
        accuracy = (guess[valid, lag] == truth[valid, lag]).mean()
        assert accuracy == 1 if lag < 4 else 0.19 < accuracy < 0.21


def test_recall_copies_what_kenlm_retains_and_guesses_where_it_shortened_the_context() -> None:
    train, held_out = drawn(0, 400), drawn(1, 200, letters="abgf,cd #e")
    model = Ngram(estimate(train, 5))
    contexts, truth = model.contexts(held_out), targets(held_out, 6)
    log_p = fitted(model.contexts(train), targets(train, 6)).logits(contexts).numpy()
    guess = log_p.argmax(2)
    assert np.exp(log_p).sum(2) == pytest.approx(1, abs=1e-5)
    retained = contexts != NONE
    assert not retained.all()
    inside = retained & (truth[:, :4] >= 0)
    assert (guess[:, :4][inside] == truth[:, :4][inside]).all()
    assert (np.take_along_axis(log_p[:, :4], guess[:, :4, None], 2)[..., 0][retained] == 0).all()
    assert np.isfinite(log_p[:, :4][~retained]).all()
    assert np.isfinite(log_p[:, 4:]).all()


def smoothed(pairs: list[tuple[Gram, int]], context: Gram, symbol: int, s: list[float]) -> float:
    """P(symbol | context) by the recursion over ever longer contexts, from all the pairs."""
    p = 1 / 34
    for newest in range(len(context) + 1):
        near = [x for c, x in pairs if c[:newest] == context[:newest]]
        p = (near.count(symbol) + s[newest] * p) / (len(near) + s[newest])
    return p


def test_what_is_outside_the_context_is_the_smoothed_count_of_the_train_split() -> None:
    train = drawn(2, 40, letters="abcd")
    model = Ngram(estimate(train, 3))
    contexts, truth = model.contexts(train), targets(train, 3)
    decoders = fitted(contexts, truth)
    pairs = [(tuple(c), int(t)) for c, t in zip(contexts.tolist(), truth[:, 3], strict=True)]
    pairs = [(context, symbol) for context, symbol in pairs if symbol >= 0]
    strengths = [level.strength for level in decoders.tables[3]]
    asked = np.array([[0, 1], [3, 3], [2, NONE], [9, 9], [NONE, NONE]], dtype=np.uint8)
    log_p = decoders.logits(asked)
    for row, context in enumerate(asked.tolist()):
        for symbol in range(34):
            p = smoothed(pairs, tuple(context), symbol, strengths)
            assert log_p[row, 3, symbol].item() == pytest.approx(math.log(p), abs=1e-5)

    # Each level's strength makes the text most probable, every observation left out in turn.
    def left_out(level: int, strength: float) -> float:
        chosen = [*strengths[:level], strength]
        return sum(
            math.log(smoothed(pairs[:i] + pairs[i + 1 :], context[:level], symbol, chosen))
            for i, (context, symbol) in enumerate(pairs)
        )

    for level in range(3):
        likelihood = {s: left_out(level, s) for s in exact.STRENGTHS}
        assert strengths[level] == max(likelihood, key=lambda s: likelihood[s])


def test_a_lag_that_no_segment_reaches_is_decoded_as_uniform() -> None:
    train = drawn(0, 50, longest=4)
    model = Ngram(estimate(train, 3))
    contexts = model.contexts(train)
    logits = fitted(contexts, targets(train, 6)).logits(contexts)
    assert logits.shape == (train.total, 7, 34)
    assert logits[:, 6].numpy() == pytest.approx(math.log(1 / 34))


def test_encoded_text_and_contexts_agree() -> None:
    model = Ngram(estimate(Segments.of(["the cat", "the hat"]), 4))
    assert model.contexts(Segments.of(["the"])).tolist() == [
        [*encode("t"), BOS, NONE],
        [*encode("ht"), BOS],
        [*encode("eht")],
    ]
