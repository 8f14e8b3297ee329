"""A network trained elsewhere: the same numbers as there, and a sentence for all that is amiss."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from core import cli
from core.corpora import Corpus
from core.errors import BadInput
from core.library import (
    add_corpus,
    add_model,
    beside,
    corpus,
    find_model,
    model_notes,
    perplexity_spec,
    signature_spec,
)
from core.models.imported import network as imported
from core.models.imported import reader
from core.models.imported.spec import ImportedSpec
from core.models.language import char_lm
from core.models.language.states import ModelStates
from core.registry import run
from core.store import Store
from core.text import SYMBOLS, decode
from tests.core import elsewhere
from tests.core.elsewhere import NUMBER, Theirs, computed, files, numbers, trained
from tests.core.test_child import answer as child_answer


@pytest.fixture(scope="module")
def lines(text: bytes) -> list[str]:
    return text.decode().splitlines()


@pytest.fixture(scope="module")
def model(lines: list[str]) -> Theirs:
    return trained(lines[:60])


@pytest.fixture
def words(store: Store, text: bytes) -> Corpus:
    apostrophes = text.replace(b"lazy dog", b"dog's lazy")
    return corpus(add_corpus(apostrophes, "words", store=store), store)


def network(model: Theirs, **facts: object) -> char_lm.CharLM:
    found = reader.read(*files(model, **facts), "theirs")
    return reader.load(found.spec, found.weights)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_perplexity_and_guesses_are_those_of_the_model_itself(
    cell: str, words: Corpus, lines: list[str]
) -> None:
    theirs = trained(lines[:40], cell=cell)
    logs, first = char_lm.score(network(theirs), words.test, "cpu")
    direct, guesses = [], []
    for segment in words.test:
        row = numbers(decode(segment))
        with torch.no_grad():
            log_p = theirs(row[:, :-1])[0].log_softmax(1)
        direct += log_p.gather(1, row[0, 1:, None])[:, 0].tolist()
        guesses += [elsewhere.SYMBOLS[place] for place in log_p.argmax(1)]
    assert "<unk>" in {elsewhere.SYMBOLS[n] for s in words.test for n in numbers(decode(s))[0]}
    np.testing.assert_allclose(logs, direct, atol=2e-5)
    ours = [SYMBOLS[place] if place < len(SYMBOLS) else "?!" for place in first]
    assert all(
        one == "'" if other == "<unk>" else other in one
        for one, other in zip(ours, guesses, strict=True)
    )


def test_states_are_those_of_the_model_itself(model: Theirs, words: Corpus) -> None:
    theirs = network(model)
    for layer, state in ((1, "c"), (2, "c"), (2, "h")):
        source = ModelStates(theirs, words.test, layer, state, max_lag=3)
        chunk = source.chunk(np.arange(4))
        cells = [nn.LSTMCell(12, 24), nn.LSTMCell(24, 24)]
        for number, cell in enumerate(cells):
            cell.load_state_dict(
                {
                    f"{part}_{of}": getattr(model.rnn, f"{part}_{of}_l{number}")
                    for part in ("weight", "bias")
                    for of in ("ih", "hh")
                }
            )
        for segment in range(4):
            direct = []
            held = [(torch.zeros(1, 24), torch.zeros(1, 24)) for _ in cells]
            with torch.no_grad():
                for number in numbers(decode(words.test[segment]))[0, :-1]:
                    x = model.encoder(number[None])
                    for place, cell in enumerate(cells):
                        held[place] = cell(x, held[place])
                        x = held[place][0]
                    direct.append(held[layer - 1][state == "c"][0].numpy())
            mine = chunk.states[chunk.segments == segment]
            np.testing.assert_allclose(mine, direct[1:], atol=1e-5)  # what reads <s> is left out


def test_symbols_that_are_one_to_the_model_share_its_probability(model: Theirs) -> None:
    """Without the apostrophe and the digit, each gets half of <unk>; all still sum to one."""
    place = NUMBER["#"]
    symbols = [symbol if symbol != "#" else "~" for symbol in elsewhere.SYMBOLS]
    log_p = network(model, symbols=symbols)(torch.tensor([[31], [0]])).log_softmax(2)[-1, 0]
    whole = network(model)(torch.tensor([[31], [0]])).log_softmax(2)[-1, 0]
    quote, digit = SYMBOLS.index("'"), SYMBOLS.index("#")
    torch.testing.assert_close(log_p[quote], whole[quote] - math.log(2))
    torch.testing.assert_close(log_p[digit], log_p[quote])
    assert log_p[SYMBOLS.index("<unk>")] == -math.inf and place >= 0
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0))


def test_a_line_break_frames_segments(model: Theirs) -> None:
    symbols = ["\n" if symbol == "</s>" else symbol for symbol in elsewhere.SYMBOLS]
    symbols[NUMBER["<s>"]] = "~"
    ours = network(model, symbols=symbols)
    torch.testing.assert_close(ours.embedding.weight[31], model.encoder.weight[NUMBER["</s>"]])
    log_p = ours(torch.tensor([[31]])).log_softmax(2)[0, 0]
    direct = model(torch.tensor([[NUMBER["</s>"]]])).log_softmax(2)[0, 0]
    torch.testing.assert_close(log_p[32], direct[NUMBER["</s>"]])
    assert log_p[31] == -math.inf


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.net.0."])
def test_any_prefix_is_found_and_changes_nothing(model: Theirs, prefix: str) -> None:
    found = reader.read(*files(model, prefix), "theirs")
    assert found.spec.key == reader.read(*files(model), "another name").spec.key
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    assert (found.spec.layers, found.spec.hidden, found.spec.embedding) == (2, 24, 12)


def test_other_ways_to_write_the_same_network(model: Theirs) -> None:
    data, said = files(model)
    whole = load(data)
    key = reader.read(data, said, "theirs").spec.key
    listed = {
        name.replace("_l1", "_l0").replace("rnn", f"rnn.{'1' if '_l1' in name else '0'}"): value
        for name, value in whole.items()
    }
    assert reader.read(save(listed), said, "theirs").spec.key == key
    doubles = {name: value.double() for name, value in whole.items()}
    assert reader.read(save(doubles), said, "theirs").spec.key == key
    bare = {name: value for name, value in whole.items() if "bias" not in name}
    zeros = bare | {n: torch.zeros_like(v) for n, v in whole.items() if "bias" in n}
    mute = reader.read(save(bare), said, "theirs").spec
    assert mute.key == reader.read(save(zeros), said, "theirs").spec.key != key
    other = json.dumps(json.loads(said) | {"symbols": elsewhere.SYMBOLS[::-1]}).encode()
    assert reader.read(data, other, "theirs").spec.key != key


def test_one_weight_may_be_embedding_and_projection(lines: list[str]) -> None:
    data, said = files(trained(lines[:5], embedding=24))
    weights = {name: value for name, value in load(data).items() if "decoder" not in name}
    with pytest.raises(BadInput, match="say it in the description"):
        reader.read(save(weights), said, "theirs")
    named = {"embedding": "encoder.weight", "projection": "encoder.weight"}
    tied = json.dumps(json.loads(said) | named).encode()
    assert reader.read(save(weights), tied, "theirs").spec.embedding == 24


def changed(data: bytes, **weights: torch.Tensor | None) -> bytes:
    whole = load(data) | {name.replace("__", "."): value for name, value in weights.items()}
    return save({name: value for name, value in whole.items() if value is not None})


def test_every_mismatch_is_a_sentence(model: Theirs) -> None:
    data, said = files(model)
    facts = json.loads(said)

    def refused(data: bytes = data, **other: object) -> str:
        with pytest.raises(BadInput) as refusal:
            reader.read(data, json.dumps(facts | other).encode(), "theirs")
        sentence = str(refusal.value)
        assert sentence.endswith(".") and len(sentence) < 900
        return sentence

    assert "rnn.weight_ih_l0 is [96, 12] and must be [72, 12]" in refused(cell="gru")
    assert "3 gates of 24 units in GRU layer 1" in refused(cell="gru")
    assert "layers: 3, and the file has the weights of 2" in refused(layers=3)
    assert "encoder.weight is [35, 12] and must be [34, 12]" in refused(
        symbols=elsewhere.SYMBOLS[:-1]
    )
    assert "decoder.bias is [35] and must be [34]" in refused(symbols=elsewhere.SYMBOLS[:-1])
    without = [symbol for symbol in elsewhere.SYMBOLS if symbol not in ("<unk>", "#")]
    assert "lack # ' and there is no <unk>" in refused(symbols=without)
    bare = [symbol for symbol in elsewhere.SYMBOLS if symbol not in ("<s>", "</s>")]
    assert "lack <s> and </s>" in refused(symbols=bare)
    assert "'a' twice" in refused(symbols=[*elsewhere.SYMBOLS[:-1], "a"])
    assert "no table of the file; it has decoder.weight, encoder.weight" in refused(
        embedding="wte.weight"
    )
    assert "also holds norm.weight" in refused(changed(data, norm__weight=torch.ones(24)))
    assert "rnn.weight_hh_l1 is missing" in refused(changed(data, rnn__weight_hh_l1=None))
    assert "rnn.bias_hh_l0 is [7] and must be [96]" in refused(
        changed(data, rnn__bias_hh_l0=torch.ones(7))
    )
    assert "decoder.bias is empty, or holds NaN" in refused(
        changed(data, decoder__bias=torch.full((35,), math.nan))
    )
    assert "bidirectional" in refused(changed(data, rnn__weight_ih_l0_reverse=torch.ones(96, 12)))
    assert "projection inside" in refused(changed(data, rnn__weight_hr_l0=torch.ones(4, 24)))
    assert "2 recurrent networks" in refused(changed(data, other__weight_ih_l0=torch.ones(96, 12)))
    assert "not hold floating-point" in refused(changed(data, steps=torch.tensor([3])))
    assert "0 recurrent networks" in refused(save({"a": torch.ones(2, 2)}))
    with pytest.raises(BadInput, match="no name"):
        reader.read(data, said, " ")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{",
        b'{"cell": "rnn"}',
        b"[" * 90_000,
        b"1" * 200_000,
        b'{"cell": "lstm", "layers": "2", "symbols": ["a", "b"]}',
        b'{"cell": "lstm", "layers": 2, "symbols": ["a"], "more": 1}',
    ],
)
def test_a_description_that_is_none_gives_one_sentence(model: Theirs, said: bytes) -> None:
    with pytest.raises(BadInput, match=r"description .*(JSON|models?)"):
        reader.read(files(model)[0], said, "theirs")


def test_damaged_files_give_a_sentence_and_never_another_error(model: Theirs) -> None:
    """Mutated headers, bytes and lengths, by a seed; what still is a whole network may pass."""
    chance = random.Random(7)
    data, said = files(model)
    start = 8 + int.from_bytes(data[:8], "little")
    for _ in range(1500):
        broken = bytearray(data)
        kind = chance.choice(["header", "length", "cut", "more", "anywhere"])
        if kind == "length":
            broken[chance.randrange(8)] = chance.randrange(256)
        elif kind == "cut":
            del broken[chance.randrange(len(broken)) :]
        elif kind == "more":
            broken += bytes(chance.randrange(1, 9))
        else:
            for _ in range(chance.randrange(1, 4)):
                place = chance.randrange(start if kind == "header" else len(broken))
                broken[place] = chance.randrange(256)
        if broken == data:
            continue
        try:
            reader.read(bytes(broken), said, "theirs")
        except BadInput as refusal:
            assert str(refusal).endswith(".") and len(str(refusal)) < 2_000
            continue
        assert kind in ("header", "anywhere")
    huge = json.dumps({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}})
    for header in (huge, "[" * 50_000, '{"a": 3}', '{"a": {}}', "[]", '"a"', "{}"):
        with pytest.raises(BadInput):
            reader.read(
                len(header).to_bytes(8, "little") + header.encode() + b"1234", said, "theirs"
            )


@pytest.mark.slow
def test_an_added_model_is_measured_like_any_other(
    store: Store, model: Theirs, text: bytes, words: Corpus
) -> None:
    spec = add_model(*files(model), "theirs", store)
    add_model(*files(model, "module."), "the same again", store)
    assert store.query("SELECT title, kind, trained FROM models").rows() == [
        ("theirs (LSTM [2,24])", "imported", True)
    ]
    assert find_model("theirs", store) == find_model(spec.key[:12], store) == spec
    with pytest.raises(BadInput, match="import-model"):
        find_model("unheard of", store)
    signature = signature_spec(words.spec, layer=2, profile="smoke", decoder="linear", model=spec)
    for wanted in (signature, *beside(signature)):
        computed(wanted, store)
    perplexity = store.query("SELECT test_perplexity FROM perplexities")["test_perplexity"][0]
    logs, first = char_lm.score(network(model), words.test, "cpu")
    assert perplexity == pytest.approx(math.exp(-logs.mean()), rel=1e-6)
    forward = store.query("SELECT * FROM predictions WHERE symbol IS NULL").row(0, named=True)
    assert (forward["model"], forward["n"]) == (spec.key, len(first))
    marginal = store.query(
        "SELECT accuracy, untrained FROM marginal_recall WHERE signature = ? ORDER BY lag",
        [signature.key],
    )
    assert marginal.height == signature.max_lag + 1 and marginal["untrained"].null_count() == 0
    assert marginal["accuracy"][0] > 0.6 and marginal["accuracy"][1] > marginal["accuracy"][4]
    mixed = perplexity_spec("smoke", words.spec, spec, signature_spec(words.spec).model)
    assert (
        mixed.needs()[1] == spec.key and mixed.key != perplexity_spec("smoke", words.spec, spec).key
    )


@pytest.mark.slow
def test_it_is_read_in_a_process_of_its_own_with_the_same_result(
    store: Store, model: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, said = files(model)
    here, result = reader.read(data, said, "théirs"), imported.result_of
    assert imported.read_apart(data, said, "théirs") == here
    for name in ("read", "describe", "weights", "unpack"):
        monkeypatch.setattr(reader, name, None)  # whatever calls it in this process fails
    spec = add_model(data, said, "théirs", store)
    assert spec == here.spec and store.artifacts.get(spec.key) == here.weights
    row, same = store.query("FROM models"), result(here).tables["models"]
    for column in set(same.columns) - {"created"}:
        assert row[column].to_list() == same[column].to_list()
    with pytest.raises(BadInput, match="not a whole safetensors file"):
        add_model(data[:-1], said, "theirs", store)


@pytest.mark.slow
def test_the_process_that_adds_a_model_does_not_load_torch(
    store: Store, model: Theirs, tmp_path: Path
) -> None:
    for name, part in zip(("weights", "said"), files(model), strict=True):
        (tmp_path / name).write_bytes(part)
    code = (
        "import sys; from pathlib import Path; from core.library import add_model, model_notes; "
        "read = (Path(name).read_bytes() for name in ('weights', 'said')); "
        "print(*model_notes(add_model(*read, 'theirs'))); sys.exit('torch' in sys.modules)"
    )
    place = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=place, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "These are read as its <unk>: '\n"


def end(data: bytes, name: str, described: int) -> bytes:
    """What the child of the next test runs."""
    return child_answer(data, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("crash", "because its reader crashed on it"),
        ("sleep", "because that takes more than 1 seconds"),
        ("hoard", "because that needs more than 4,000 MB of memory"),
    ],
)
def test_what_ends_the_process_that_reads_a_model_is_said(
    monkeypatch: pytest.MonkeyPatch, model: Theirs, way: str, why: str
) -> None:
    monkeypatch.setattr(imported, "READER", f"{__name__}:end")
    monkeypatch.setattr(imported, "SECONDS", 1 if way == "sleep" else 60)
    with pytest.raises(BadInput, match=f"^{way} cannot be read, {why}: ") as refusal:
        imported.read_apart(*files(model), way)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


def notes(model: Theirs, **facts: object) -> str:
    read = reader.read(*files(model, **facts), "theirs")
    return " ".join(imported.notes(read.weights))


def test_what_is_read_as_another_symbol_is_said(model: Theirs) -> None:
    assert notes(model) == "These are read as its <unk>: '"
    capitals = [symbol.upper() if len(symbol) == 1 else symbol for symbol in elsewhere.SYMBOLS]
    assert notes(model, symbols=capitals).startswith("It has capitals only")
    spec, same = (reader.read(*files(model, **f), "n").spec for f in ({}, {"symbols": capitals}))
    assert spec.key == same.key
    assert not {"digits", "encoder"} & set(spec.identity())  # keys are as before these existed


@pytest.mark.parametrize(("symbol", "other", "lacks"), [(" ", "▁", "space"), ("q", "Q", "q")])
def test_a_network_that_lacks_what_text_consists_of_is_refused(
    model: Theirs, symbol: str, other: str, lacks: str
) -> None:
    symbols = [other if theirs == symbol else theirs for theirs in elsewhere.SYMBOLS]
    with pytest.raises(BadInput, match=rf"lack {lacks} which most text consists of: write"):
        reader.read(*files(model, symbols=symbols), "theirs")


def test_digits_are_read_as_one_of_them_and_predicted_together(model: Theirs) -> None:
    renamed = {"#": "7", "!": "3", "?": "#?"}
    symbols = [renamed.get(symbol, symbol) for symbol in elsewhere.SYMBOLS]
    ours, digit = network(model, symbols=symbols), SYMBOLS.index("#")
    torch.testing.assert_close(ours.embedding.weight[digit], model.encoder.weight[NUMBER["!"]])
    log_p = ours(torch.tensor([[31], [0]])).log_softmax(2)[-1, 0]
    theirs = model(torch.tensor([[NUMBER["<s>"], NUMBER["a"]]])).log_softmax(2)[0, -1]
    both = theirs[[NUMBER["#"], NUMBER["!"]]].logsumexp(0)
    torch.testing.assert_close(log_p[digit], both)
    torch.testing.assert_close(log_p[0], theirs[NUMBER["a"]])
    assert "read as 3; # is predicted when any digit is" in notes(model, symbols=symbols)


def test_a_network_without_an_embedding_reads_one_hot_symbols(model: Theirs) -> None:
    torch.manual_seed(0)
    one_hot = Theirs(embedding=len(elsewhere.SYMBOLS))
    with torch.no_grad():
        one_hot.encoder.weight.copy_(torch.eye(len(elsewhere.SYMBOLS)))
    data, said = files(one_hot)
    bare = reader.read(changed(data, encoder__weight=None), said, "theirs")
    assert bare.spec.key == reader.read(data, said, "theirs").spec.key
    assert bare.parameters == sum(w.numel() for n, w in load(data).items() if "encoder" not in n)
    with pytest.raises(BadInput, match=r"No weight can be the embedding, which is \[35, 12\]"):
        reader.read(changed(files(model)[0], encoder__weight=None), said, "theirs")


@pytest.mark.slow
def test_an_encoder_has_states_and_no_perplexity(
    store: Store, model: Theirs, words: Corpus
) -> None:
    data, said = files(model)
    data = changed(data, decoder__weight=None, decoder__bias=None)
    with pytest.raises(BadInput, match='"projection": null'):
        reader.read(data, said, "theirs")
    encoder = json.dumps(json.loads(said) | {"projection": None}).encode()
    spec = add_model(data, encoder, "encoder", store)
    assert not spec.predicts and "no perplexity" in " ".join(model_notes(spec, store))
    signature = signature_spec(words.spec, layer=2, profile="smoke", decoder="linear", model=spec)
    assert beside(signature) == [signature.floor]
    with pytest.raises(BadInput, match="no perplexity"):
        perplexity_spec("smoke", words.spec, spec)
    ours, whole = reader.load(spec, store.artifacts.get(spec.key) or b""), network(model)
    read = torch.tensor([[31], [0], [5]])
    torch.testing.assert_close(ours.states(read, 2)["c"], whole.states(read, 2)["c"])


@pytest.mark.parametrize("count", [256, 275, 512, 513])
def test_models_of_bytes_are_read(count: int, words: Corpus) -> None:
    symbols = [*elsewhere.SYMBOLS, *(f"<{n}>" for n in range(count - len(elsewhere.SYMBOLS)))]
    torch.manual_seed(0)
    large = Theirs(embedding=4, hidden=6, layers=1)
    large.encoder, large.decoder = nn.Embedding(count, 4), nn.Linear(6, count)
    if count > 512:
        with pytest.raises(BadInput, match="513 symbols and 512 is the limit"):
            network(large, symbols=symbols)
        return
    with torch.no_grad():
        large.decoder.bias[-1] = 99  # always the last is put first
    _, first = char_lm.score(network(large, symbols=symbols), words.test.take(np.arange(3)), "cpu")
    assert (first >= len(SYMBOLS)).all()


def test_a_byte_order_mark_is_no_part_of_a_description(model: Theirs) -> None:
    data, said = files(model)
    assert reader.read(data, b"\xef\xbb\xbf" + said, "theirs").spec.layers == 2


@pytest.mark.parametrize("lost", ["encoder", "decoder"])
def test_a_shared_weight_is_found_under_either_name(lost: str) -> None:
    torch.manual_seed(0)
    tied = Theirs(embedding=24)
    tied.decoder.weight = tied.encoder.weight
    data, said = files_of(tied)
    left = "decoder" if lost == "encoder" else "encoder"
    named = {"embedding": f"{left}.weight", "projection": f"{left}.weight"}
    found = reader.read(
        changed(data, **{f"{lost}__weight": None}),
        json.dumps(json.loads(said) | named).encode(),
        "theirs",
    )
    assert found.spec.key == reader.read(data, said, "theirs").spec.key


def files_of(tied: Theirs) -> tuple[bytes, bytes]:
    """As `files`, each weight by itself: safetensors refuses shared memory."""
    weights = {name: value.clone() for name, value in tied.state_dict().items()}
    said = {"cell": "lstm", "layers": 2, "symbols": elsewhere.SYMBOLS}
    return save(weights), json.dumps(said).encode()


def test_weights_that_are_gone_are_said_to_be(store: Store, model: Theirs) -> None:
    spec = reader.read(*files(model), "theirs").spec
    assert isinstance(spec, ImportedSpec)
    with pytest.raises(BadInput, match="weights of theirs are gone"):
        run(spec, {}, lambda fraction, message: None)


def test_the_command_line_adds_a_model(
    store: Store, model: Theirs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, said = files(model)
    (tmp_path / "net.safetensors").write_bytes(data)
    path = str(tmp_path / "net.safetensors")
    assert cli.main(["import-model", path]) == 2
    assert "net.json cannot be read" in capsys.readouterr().err
    (tmp_path / "net.json").write_bytes(said)
    assert cli.main(["import-model", path, "--json"]) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    assert find_model("net", store).key == key
    assert cli.main(["import-model", path, "--config", path]) == 2
