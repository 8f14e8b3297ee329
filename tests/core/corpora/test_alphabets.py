"""Texts with an alphabet of their own: symbols, networks, n-grams, refusals."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from functools import cache

import kenlm
import numpy as np
import polars as pl
import pytest

import core
from core import library, text
from core.corpora import Corpus, from_text
from core.errors import BadInput
from core.library import find_corpus, ngram_spec, perplexity_spec, signature_spec
from core.models.base import StateSelection
from core.models.factorized.builders import factorized_spec
from core.models.language.model import RecurrentModel
from core.models.ngram.kneser_ney import NONE, Ngram, estimate
from core.paper.studies import STUDIES, Choices
from core.probes.measure import evaluate
from core.probes.targets import kinds_of
from core.reading import table, to_symbols
from core.registry import run
from core.signatures.spec import signature_of
from core.spec import CorpusSpec, Spec
from core.store import Store
from core.text import PAPER, Alphabet, fold
from tests.core.corpora import scripts
from tests.core.test_reading import LAGS, SLOTS, delay_line, readers

SCRIPTS = tuple(scripts.WORDS)
RARE = 300  # characters that stand in one line each


@cache
def corpus(script: str) -> Corpus:
    return from_text(scripts.text(script), script, alphabet="text")


@cache
def crowded() -> Corpus:
    """A text of more characters than an alphabet has: each line has one of its own."""
    chance = random.Random(0)
    lines = ["".join(chance.choices("的一是", k=20)) + chr(0x5000 + n) for n in range(RARE)]
    return from_text("\n".join(lines).encode(), "crowded", alphabet="text")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_symbols_are_the_letters_of_the_text(script: str) -> None:
    built, lines = corpus(script), scripts.lines(script)
    assert set(built.alphabet.tokens) == set(scripts.SYMBOLS[script])
    assert built.alphabet.symbols[-3:] == ("<s>", "</s>", "<unk>") and built.kept == 1
    trained = [built.alphabet.decode(segment) for segment in built.train]
    assert set(trained) <= {line.lower() for line in lines}
    counts = Counter("".join(trained))
    assert [*built.alphabet.tokens] == sorted(counts, key=lambda c: (-counts[c], c))
    again = Corpus.from_bytes(built.to_bytes())
    assert again.alphabet == built.alphabet and again.content == built.content
    assert built.statistics()["count"].sum() == built.symbols
    # However its letters are composed, and whatever marks of direction stand between them.
    apart = "\u200f\n".join(unicodedata.normalize("NFD", line) for line in lines)
    assert from_text(apart.encode(), script, alphabet="text").content == built.content


def test_a_symbol_is_a_code_point_and_cases_are_one() -> None:
    assert fold("Все\u0308,\r\n\tЧТО  есть\u00ad ΛΟΓΟΣ") == "всё, что есть λογος"
    assert fold("का▁कि\u2028क्\u200dष") == "का कि क्ष"
    assert Alphabet.of(["bba", "b c"]).tokens == "b ac"
    assert Alphabet("ба").encode("баб?").tolist() == [0, 1, 0, 4]
    assert PAPER.encode("ab é").tolist() == [0, 1, 26, text.UNK]


def test_equal_numbers_of_other_letters_are_another_corpus() -> None:
    lines = ["\n".join(pair * (n % 7 + 1) for n in range(99)) for pair in ("аб", "вг")]
    one, other = (from_text(each.encode(), "x", alphabet="text") for each in lines)
    assert (one.train.symbols == other.train.symbols).all() and one.content != other.content


def test_rare_characters_are_unknown_and_the_coverage_says_how_many() -> None:
    built = crowded()
    assert built.alphabet.size == text.MOST_SYMBOLS
    assert {*built.alphabet.tokens[:3]} == {*"的一是"}
    unknown = RARE - (built.alphabet.size - 6)  # three specials, three common characters
    assert built.kept == pytest.approx(1 - unknown / built.symbols)
    # Chosen on train: what stands in held-out lines alone is no symbol.
    trained = set("".join(built.alphabet.decode(segment) for segment in built.train))
    assert set(built.alphabet.tokens) <= trained
    assert all((part.symbols == built.alphabet.unk).any() for part in (built.dev, built.test))


def test_long_runs_of_marks_take_linear_time() -> None:
    marks = "\u0316\u0301" * 50_000
    assert fold(f"a{marks}b") == "á" + 15 * "\u0316" + 14 * "\u0301" + "b"
    lines = [f"слово{number}" for number in range(50)] + [f"а{marks}"]
    built = from_text("\n".join(lines).encode(), "marked", alphabet="text")
    assert max(part.lengths.max() for part in built.splits.values()) == 31


def test_sentences_end_in_every_script() -> None:
    chinese = ["你好。", "我是人！", "“对吗？”", "是的。"]
    assert text.sentences("".join(chinese)) == chinese
    assert text.sentences("मैं हूँ। तुम हो। क्या?") == ["मैं हूँ।", "तुम हो।", "क्या?"]
    assert text.sentences("كيف حالك؟ انا بخير. هل") == ["كيف حالك؟", "انا بخير.", "هل"]


def whole(recall: pl.DataFrame) -> pl.DataFrame:
    """The rows over all symbols, by lag."""
    return recall.filter(pl.col("symbol").is_null()).sort("lag")


def computed(spec: Spec, known: dict[str, bytes]) -> dict:
    """The tables of a spec, whose artifact joins the known ones."""
    result = run(spec, known, lambda fraction, message: None)
    known |= result.artifacts
    return result.tables


@pytest.mark.parametrize("script", ["russian", "hindi"])
def test_a_network_and_its_signature_have_the_letters_of_the_text(script: str) -> None:
    built = corpus(script)
    known, letters = {built.content: built.to_bytes()}, {*built.alphabet.symbols}
    spec = signature_spec(built.spec, hidden=8, profile="smoke", decoder="linear")
    trained = computed(spec.model, known)
    assert 1 < trained["models"]["test_perplexity"][0] < built.alphabet.size
    assert set(trained["predictions"]["symbol"].drop_nulls()) <= letters
    found = computed(spec, known)
    occurring = {built.alphabet.symbols[symbol] for symbol in np.unique(built.test.symbols)}
    assert set(found["recall"].filter(lag=0)["symbol"].drop_nulls()) == occurring
    assert set(found["confusion"]["guess"]) <= letters
    network = spec.model_copy(update={"target": "word"})
    words = set(computed(network, known)["recall"]["symbol"].drop_nulls())
    assert words <= {*fold(scripts.WORDS[script]).split(), "other"} and len(words) > 4
    how = {"decoder": "exact", "hidden": 8}
    gram = signature_of(ngram_spec(built.spec, 3, "smoke"), built.spec, "smoke", **how)
    computed(gram.model, known)
    exact = whole(computed(gram, known)["recall"])["accuracy"]
    assert exact[0] == 1 and 1 >= exact[1] > 0.9 > exact[2]  # two symbols, where they were seen
    mixture = computed(perplexity_spec("smoke", built.spec, spec.model, gram.model), known)
    assert mixture["perplexities"]["test_perplexity"][0] < built.alphabet.size


def test_a_delay_line_recalls_every_letter() -> None:
    built = corpus("greek")
    size = built.alphabet.size
    model = RecurrentModel(delay_line(size), "cpu")
    selection = StateSelection(1, "h", LAGS - 1)
    states = model.states(built, [*built.splits.values()], selection)
    recall = evaluate(readers(size), states.train, states.test).recall
    held = recall.filter(recall["lag"] < SLOTS)
    assert held["accuracy"].to_list() == [1.0] * held.height and held.height > size
    assert whole(recall)["accuracy"][SLOTS] < 0.5


def test_an_n_gram_predicts_rare_characters_and_retains_them() -> None:
    built = crowded()
    model, test = Ngram(estimate(built.train, 3), built.alphabet), built.test
    contexts, logs = model.contexts(test), model.log_probs(test)
    assert (contexts == built.alphabet.unk).any()
    after = kenlm.State()
    for row in range(len(test[0]) - 1):
        state = model.state(contexts[row])
        scores = [model.model.BaseScore(state, word, after) for word in model.words]
        assert np.sum(10.0 ** np.array(scores)) == pytest.approx(1, abs=1e-4)
        assert scores[test[0][row + 1]] * np.log(10) == pytest.approx(logs[row + 1], abs=1e-5)
    assert (contexts[0] == [test[0][0], built.alphabet.bos]).all() and NONE not in contexts[0]


def test_kinds_of_characters() -> None:
    kinds = kinds_of(Alphabet("аका७。 +").symbols)
    assert kinds == {
        "а": "letter",
        "क": "letter",
        "ा": "mark",
        "७": "digit",
        "。": "punctuation",
        " ": "space",
    }


def test_a_sentence_is_read_with_the_alphabet_of_the_corpus() -> None:
    alphabet = Alphabet("ток ")
    assert to_symbols("КОТ\u00ad  о", alphabet) == ("кот о", "")
    assert to_symbols("кит", alphabet) == ("кит", "<unk> stands for и.")
    with pytest.raises(BadInput, match="type letters such as ток"):
        to_symbols("hello", alphabet)
    even = np.full((4, alphabet.size), 1 / alphabet.size, dtype=np.float32)
    rows = table("кит", even, np.stack([even[:3]] * 2, 1), alphabet)
    assert rows.filter(position=2, lag=0)["truth"].to_list() == ["<unk>"]
    assert rows.filter(position=0)["truth"].to_list() == ["к"]


# In the library.


def test_a_corpus_is_found_again_with_its_alphabet(store: Store) -> None:
    added = core.add_corpus(scripts.text("russian"), "ru", alphabet="text")
    assert find_corpus("ru") == find_corpus(added.content) == added
    assert added.alphabet == corpus("russian").alphabet and added.key == added.content
    assert library.letters_kept(added) == 1
    with pytest.raises(BadInput, match="has the alphabet 'text': give the path"):
        find_corpus("ru", alphabet="paper")
    with pytest.raises(BadInput, match=r"its own letters \(Alphabet, or --alphabet text"):
        core.add_corpus(scripts.text("russian"), "ru")
    with pytest.raises(BadInput, match="no alphabet 'latin': choose one of paper, text, words"):
        from_text(b"a\n" * 50, "a", alphabet="latin")


def test_two_alphabets_do_not_mix() -> None:
    russian, greek = corpus("russian").spec, corpus("greek").spec
    paper = CorpusSpec(name="plain", content="1" * 64)
    network = signature_spec(russian, profile="smoke").model
    for other in (greek, paper):
        with pytest.raises(BadInput, match=f"reads another alphabet than {other.name} has"):
            signature_of(network, other, "smoke")
    with pytest.raises(BadInput, match="another alphabet"):
        perplexity_spec("smoke", greek, ngram_spec(greek), network)
    with pytest.raises(BadInput, match="another alphabet"):
        STUDIES["adaptation"].plan(Choices("smoke", source=russian, target=greek))
    with pytest.raises(BadInput, match="russian has an alphabet of its own"):
        factorized_spec((paper, russian), profile="smoke")
    retrained = signature_spec(greek, profile="smoke").model.model_copy(
        update={"init_from": network}
    )
    known = {greek.content: corpus("greek").to_bytes()}
    with pytest.raises(BadInput, match="another alphabet"):
        run(retrained, known, lambda fraction, message: None)
