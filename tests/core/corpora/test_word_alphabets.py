"""Texts as words: the alphabet, networks and signatures of 10,000 words, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import core
from core.cli import main
from core.corpora import Corpus, from_text
from core.errors import BadInput
from core.library import find_corpus, letters_kept, ngram_spec, signature_spec
from core.models.base import StateSelection
from core.models.factorized.builders import factorized_spec
from core.models.language.adaptive import MANY, Adaptive
from core.models.language.char_lm import CharLM, score
from core.models.language.model import RecurrentModel
from core.paper.studies import STUDIES, Choices
from core.probes.measure import evaluate
from core.probes.mlp import Decoders
from core.probes.states import Relabelled
from core.probes.targets import OTHER, SHARE, frequent
from core.reading import readable
from core.signatures.spec import SignatureSpec, signature_of
from core.spec import CorpusSpec
from core.store import Store
from core.text import MOST_WORDS, PAPER, Alphabet, words
from core.training.batches import PAD, padded
from tests.core.corpora import zipf
from tests.core.test_reading import LAGS, SLOTS, delay_line, readers

FEW = 60  # words of the small text


@cache
def few() -> Corpus:
    return from_text(zipf.text(600, FEW), "few", alphabet="words")


def test_words_and_marks_are_tokens() -> None:
    assert words("It’s 5, NO?  «да-да»") == [
        "it’s",
        "5",
        ",",
        "no",
        "?",
        *"«",
        "да",
        "-",
        "да",
        "»",
    ]
    assert words("मैं हूँ। और") == ["मैं", "हूँ", "।", "और"]  # vowel signs do not part a word
    assert words("x" * 130) == ["x" * 64, "x" * 64, "xx"]
    assert words(" \n\u200f") == []


def test_the_alphabet_is_the_most_frequent_words_of_the_train_split() -> None:
    built = few()
    assert built.alphabet.of_words and built.alphabet.size == FEW + 3 and built.kept == 1
    trained = [built.alphabet.decode(segment) for segment in built.train]
    assert set(trained) <= set(zipf.text(600, FEW).decode().splitlines())
    counts = Counter(" ".join(trained).split())
    assert [*built.alphabet.tokens] == sorted(counts, key=lambda word: (-counts[word], word))
    assert built.train.symbols.dtype == np.uint8  # as few as characters
    again = Corpus.from_bytes(built.to_bytes())
    assert again.alphabet == built.alphabet and again.content == built.content
    assert built.sample(1) in trained and built.statistics()["count"].sum() == built.symbols


def test_rare_words_are_unknown_and_the_share_says_how_many() -> None:
    many = zipf.V + 2000
    built = from_text(zipf.text(200, many), "many", alphabet="words")
    assert len(built.alphabet.tokens) == MOST_WORDS and built.train.symbols.dtype == np.uint16
    rare = sum(int((part.symbols == built.alphabet.unk).sum()) for part in built.splits.values())
    assert rare >= 2 * 2000 and built.kept == 1 - rare / built.symbols
    assert Corpus.from_bytes(built.to_bytes()).content == built.content


def test_long_segments_are_cut_by_words() -> None:
    lines = [" ".join(f"word{number}" for number in range(n, n + 850)) for n in range(30)]
    built = from_text("\n\n".join(lines).encode(), "long", alphabet="words")
    lengths = np.concatenate([part.lengths for part in built.splits.values()])
    assert sorted(set(lengths.tolist())) == [50, 400]


def test_a_spec_carries_the_size_alone_and_old_ones_nothing_new() -> None:
    spec = few().spec
    assert (spec.words, spec.symbols, spec.key) == (FEW, FEW + 3, few().content)
    assert "waa" not in spec.model_dump_json() and len(spec.model_dump_json()) < 300
    old = CorpusSpec(name="old", content="1" * 64)
    assert old.symbols == PAPER.size and old.reads == PAPER.tokens and old.alphabet == PAPER


def test_another_order_of_words_is_another_corpus() -> None:
    lines = ["\n".join(" ".join(pair) for _ in range(99)) for pair in (("ab", "c"), ("a", "bc"))]
    one, other = (from_text(each.encode(), "x", alphabet="words") for each in lines)
    assert (one.train.symbols == other.train.symbols).all() and one.content != other.content
    letter = [from_text(b"a\n" * 50, "a", alphabet=kind) for kind in ("text", "words")]
    assert letter[0].alphabet.symbols == letter[1].alphabet.symbols
    assert letter[0].content != letter[1].content


@pytest.mark.parametrize("symbols", [MANY + 1, MOST_WORDS + 3])
def test_the_adaptive_softmax_is_exact(symbols: int) -> None:
    """Its loss is the cross-entropy of its probabilities, which sum to one, whatever is next."""
    torch.manual_seed(0)
    layer = Adaptive(8, symbols)
    x = 3 * torch.randn(5, 4, 8)
    predict = torch.randint(symbols, (5, 4))
    predict[0] = torch.arange(symbols - 4, symbols)  # the last word, <s>, </s>, <unk>
    predict[4, 2:] = PAD
    logs = layer(x)
    assert torch.allclose(logs.exp().sum(2), torch.ones(5, 4), atol=1e-5)
    loss = layer.loss(x, predict)
    expected = torch.nn.functional.cross_entropy(
        logs.flatten(0, 1), predict.flatten(), ignore_index=PAD
    )
    assert loss.nats.item() == pytest.approx(expected.item(), rel=1e-5) and loss.symbols == 18
    # <s>, </s> and <unk> are among those with a logit of their own.
    assert layer.cutoffs[0] == symbols // 10
    head = layer.head(x).log_softmax(2)
    assert torch.allclose(logs[:, :, -3:], head[:, :, :3], atol=1e-5)


def test_perplexity_is_that_of_the_probabilities() -> None:
    built = from_text(zipf.text(300), "wide", alphabet="words")
    torch.manual_seed(0)
    network = CharLM("gru", 1, 8, symbols=built.alphabet.size).requires_grad_(False)
    part = built.test.take(np.arange(7))
    logs, first = score(network, part, "cpu")
    read, predict = padded(part, np.arange(7))
    given = network(read).log_softmax(2)
    valid = predict != PAD
    wanted = given.gather(2, predict.clamp(min=0)[:, :, None])[:, :, 0]
    assert logs.sum() == pytest.approx(wanted[valid].sum().item(), rel=1e-5)
    assert set(first.tolist()) == set(given.argmax(2)[valid].tolist()) and max(first) > 255
    # Up to MANY symbols the weights are those of a plain projection, by their old names.
    small = CharLM("gru", 1, 8, symbols=MANY)
    assert {"projection.weight", "projection.bias"} <= set(small.state_dict())


def test_a_delay_line_recalls_every_frequent_word() -> None:
    built = few()
    target = frequent(built.train.symbols, built.alphabet.symbols)
    counts = np.bincount(built.train.symbols)
    ranked = np.sort(counts)[::-1]
    named = len(target.names) - 1
    assert ranked[: named - 1].sum() < SHARE * built.train.total <= ranked[:named].sum()
    assert target.names == (*built.alphabet.tokens[:named], OTHER) and named < FEW
    size = built.alphabet.size
    model = RecurrentModel(delay_line(size), "cpu")
    states = model.states(built, [*built.splits.values()], StateSelection(1, "h", LAGS - 1))
    train, test = (
        Relabelled(source, target, part.total)
        for source, part in ((states.train, built.train), (states.test, built.test))
    )
    recall = evaluate(
        _of_labels(readers(size), target.labels(np.arange(size), np.zeros(0))), train, test
    ).recall
    held = recall.filter(recall["lag"] < SLOTS)
    assert held["accuracy"].to_list() == [1.0] * held.height and held.height > named
    whole = recall.filter(recall["symbol"].is_null()).sort("lag")
    assert whole["accuracy"][SLOTS] < 0.5  # what the line no longer holds
    # The word two back is told by the one just read, whatever the network.
    assert whole["current"][2] > 0.99 > 0.6 > whole["current"][1]


def _of_labels(decoders: Decoders, labels: np.ndarray) -> Decoders:
    """Decoders of symbols as those of labels: a label has the weights of all its symbols."""
    (weight, _), *_ = decoders.layers
    of_labels = torch.zeros(len(weight), int(labels.max()) + 1, weight.shape[2])
    of_labels.index_add_(1, torch.from_numpy(labels), weight)
    decoders.layers = [(of_labels, torch.zeros(len(weight), 1, of_labels.shape[1]))]
    return decoders


@pytest.mark.slow
def test_the_command_line_measures_ten_thousand_words(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zipf.txt"
    path.write_bytes(zipf.text(4000))
    common = [str(path), "--alphabet", "words", "--profile", "smoke", "--hidden", "8"]
    assert main(["signature", *common, "--decoder", "linear", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    recall = {row["lag"]: row["recall"] for row in answer["marginal"]}
    assert 1 < answer["perplexity"] < MOST_WORDS and recall[2] > recall[1]
    symbols = store.query("SELECT DISTINCT symbol FROM recall WHERE symbol IS NOT NULL")
    assert OTHER in set(symbols["symbol"]) and 50 < symbols.height <= 500
    predicted = store.query("SELECT count(*) AS n FROM predictions WHERE symbol = '</s>'")
    assert predicted["n"][0] > 0
    row = store.query("SELECT words, characters, kept FROM corpora").row(0)
    assert row == (MOST_WORDS, None, 1.0)
    spec = find_corpus("zipf.txt")
    assert spec.words == MOST_WORDS and letters_kept(spec) == 1
    assert main(["signature", *common, "--decoder", "linear"]) == 0
    assert "test perplexity" in capsys.readouterr().out
    assert main(["sentence", "waa wab", "--corpus", *common]) == 2
    assert "is a corpus of words" in capsys.readouterr().err


@pytest.mark.slow
def test_ten_thousand_words_take_less_than_four_gigabytes() -> None:
    """Network and trained decoders, in one process, whose largest memory is asked of the system."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.corpora.measured_words"],
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(done.stdout)
    assert facts["symbols"] == MOST_WORDS + 3 and facts["labels"] <= 500
    assert 0.3 < facts["peak_gb"] < 4
    recall, majority = facts["recall"], facts["majority"]
    assert recall[2] > majority[2] + 0.05 and recall[2] > recall[1] + 0.05


def test_what_reads_characters_refuses_words() -> None:
    spec = few().spec
    with pytest.raises(BadInput, match="n-grams here are of characters"):
        ngram_spec(spec)
    with pytest.raises(BadInput, match="is a corpus of words, and this takes a text as characters"):
        factorized_spec((CorpusSpec(name="plain", content="1" * 64), spec), profile="smoke")
    for choice in ({"target": "bigram"}, {"decoder": "added"}):
        with pytest.raises(BadInput, match="few is a corpus of words: its signatures recall"):
            signature_spec(spec, profile="smoke", **choice)
    with pytest.raises(BadInput, match="its signatures recall"):
        STUDIES["signature"].plan(Choices("smoke", corpus=spec))
    signature = signature_spec(spec, profile="smoke")
    assert not readable(signature) and signature.floor is not None and signature.work() > 0
    with pytest.raises(ValueError, match="its signatures recall"):
        SignatureSpec.model_validate(signature.model_dump() | {"target": "word"})


def test_words_of_another_text_do_not_mix(store: Store) -> None:
    other = from_text(zipf.text(300, FEW), "other", alphabet="words").spec
    network = signature_spec(few().spec, profile="smoke").model
    for corpus in (other, CorpusSpec(name="plain", content="1" * 64)):
        with pytest.raises(BadInput, match=f"reads another alphabet than {corpus.name} has"):
            signature_of(network, corpus, "smoke")
    added = core.add_corpus(zipf.text(300, FEW), "other", alphabet="words")
    assert added == other == find_corpus("other")
    with pytest.raises(BadInput, match="has the alphabet 'words': give the path"):
        find_corpus("other", alphabet="text")


def test_an_alphabet_has_each_word_once() -> None:
    with pytest.raises(ValueError, match="1 to 10000"):
        Alphabet(("a", "a"))
    with pytest.raises(ValueError, match="1 to 10000"):
        Alphabet(tuple(map(str, range(MOST_WORDS + 1))))
