"""Symbols, normalizing and cutting text: known answers, and laws on awkward strings."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest

from core import text
from core.errors import BadInput


def test_alphabet() -> None:
    assert len(text.SYMBOLS) == 34
    assert text.SYMBOLS[0] == "a" and text.SYMBOLS[25] == "z"
    assert text.SYMBOLS[26:31] == (" ", ".", ",", "#", "'")
    assert [text.SYMBOLS[i] for i in (text.BOS, text.EOS, text.UNK)] == ["<s>", "</s>", "<unk>"]


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("", ""),
        ("Hello, World.", "hello, world."),
        ("Café naïve – RÉSUMÉ", "cafe naive resume"),
        ("cafe\u0301 \u0130stanbul", "cafe istanbul"),
        ("it’s ‘so’ it´s `so` ʼtis", "it's 'so' it's 'so' 'tis"),
        ('“double” "quotes"', "double quotes"),
        ("In 1945: 3½ % of ٣٤", "in #### ## # of ##"),
        ("x²", "x#"),
        ("ﬁne oﬃce…", "fine office..."),
        ("two\nlines\r\nand\ttabs\u00a0here\u2028there", "two lines and tabs here there"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("a-b_c/d?e!f;g:h", "a b c d e f g h"),
        ("  ,  .  ", ", ."),
        ("Ω Я 漢字 🙂", ""),
        ("number # sign", "number # sign"),
        ("Straße Łódź, Ærø ÞÓR ıŋ œuvre", "strasse lodz, aero thor ing oeuvre"),
        ("Đặng Ħal guðs ꝁ ɓ Ɛ ə", "dang hal guds k b e e"),
    ],
)
def test_normalize(raw: str, normal: str) -> None:
    assert text.normalize(raw) == normal


def awkward(count: int) -> list[str]:
    rng = random.Random(7)
    pool = "aZ é’“\n\r\t .,#'9½ﬁ\u0301\u00ad\u2028\x85\x0b漢🙂İK-"
    return ["".join(rng.choices(pool, k=rng.randrange(30))) for _ in range(count)]


def test_normalize_laws() -> None:
    everything = ["".join(map(chr, range(start, start + 64))) for start in range(0, 9000, 64)]
    raws = awkward(500) + everything
    normal = [text.normalize(raw) for raw in raws]
    allowed = set(text.SYMBOLS[: text.BOS])
    for once in normal:
        assert set(once) <= allowed
        assert once == once.strip() and "  " not in once
        assert text.normalize(once) == once
        assert text.decode(text.encode(once)) == once
    for form in ("NFC", "NFD", "NFKC"):
        assert [text.normalize(unicodedata.normalize(form, raw)) for raw in raws[:500]] == normal[
            :500
        ]


def old(raw: str) -> str:
    """What `normalize` is by definition: NFKD of the whole text, then one symbol a character."""
    quotes = str.maketrans(dict.fromkeys("‘’‚‛′ʼ´`", "'"))
    decomposed = unicodedata.normalize("NFKD", raw.translate(quotes)).lower()
    return " ".join("".join(map(text._symbols, decomposed)).split())


def test_normalizing_one_character_at_a_time_is_normalizing_the_whole() -> None:
    rng = random.Random(0)
    pool = [c for c in map(chr, range(0x30000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    marks = [c for c in pool if unicodedata.category(c)[0] == "M"]
    for _ in range(4_000):
        parts = rng.choices((pool, marks, pool[:3000], "aZ é’\n9½ﬁ\u0301İΣς"), k=3)
        raw = "".join("".join(rng.choices(part, k=rng.randrange(20))) for part in parts)
        assert text.normalize(raw) == old(raw)


def test_nfkd_is_asked_of_one_character_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def spied(form: str, part: str) -> str:
        asked.append(part)
        return unicodedata.normalize(form, part)

    class Spy:
        normalize = staticmethod(spied)
        category, name = unicodedata.category, unicodedata.name

    monkeypatch.setattr(text, "unicodedata", Spy)
    monkeypatch.setattr(text, "_MAPPING", text._Mapping())
    assert text.normalize("a" + "\u0316\u0301" * 50_000 + "b") == "ab"
    assert sorted(asked) == ["a", "b", "\u0301", "\u0316"]  # each once, however long the run


def test_the_share_of_letters_kept() -> None:
    assert (
        text.share_of_letters("")
        == text.share_of_letters("1914, ?!")
        == text.share_of_letters("Straße, Łódź")
        == 1
    )
    assert text.share_of_letters("ab вг") == 0.5
    assert text.share_of_letters("漢字") == 0


def test_encode_and_decode() -> None:
    symbols = text.encode("ab z.,#'")
    assert symbols.dtype == np.uint8
    assert symbols.tolist() == [0, 1, 26, 25, 27, 28, 29, 30]
    assert text.encode("A?é~").tolist() == [text.UNK] * 4
    assert text.encode("").shape == (0,)
    assert text.decode(np.array([31, 0, 33, 32])) == "<s>a<unk></s>"


def test_lines_and_paragraphs() -> None:
    raw = "\n one \ntwo\r\n \t \n\nthree\n"
    assert text.split(raw, "line") == ["one", "two", "three"]
    assert text.split(raw, "paragraph") == ["one\ntwo", "three"]
    assert text.split(" \n\n", "line") == text.split("", "paragraph") == []


@pytest.mark.parametrize(
    "expected",
    [
        ["One ends. ", "Two ends? ", "Three ends! ", "Four"],
        ["Mr. Speaker, Mr. Vice President, and Mrs. Gore: welcome. ", "Dr. King spoke."],
        ["The U.S. Treasury and the G.I. Bill. ", "All is well."],
        ["We live in the U.S. ", "We like it. ", "John F. Kennedy did too."],
        ["At 9 a.m. Eastern time it rang. ", "At 10 p.m. ", "The bell stopped."],
        ["Martin Luther King, Jr. ", "He had a dream. ", "Ed Jones, Jr. Senator, agreed."],
        ['He said, "No." ', '"Why?" ', "(I asked.) ", "Nothing… ", "Then he left."],
        ["That is No. 1 of all. ", "No. ", "We disagree."],
        ["1. The budget. ", "2. The deficit."],
        ["It cost $3.5 million. ", "1946 was dear. ", "It fell by .5 percent."],
        ["So do I. ", "You too."],
        ["lower case. never begins a sentence, e.g. Mine."],
    ],
)
def test_sentences(expected: list[str]) -> None:
    assert text.split("".join(expected), "sentence") == [sentence.strip() for sentence in expected]


def test_a_line_break_is_a_space_and_a_blank_line_ends_a_sentence() -> None:
    assert text.split("A title\n\nIt goes\non here. And ends", "sentence") == [
        "A title",
        "It goes on here.",
        "And ends",
    ]


def test_sentences_lose_nothing() -> None:
    for raw in awkward(300):
        assert "".join("".join(text.sentences(raw)).split()) == "".join(raw.split())


def test_unknown_unit() -> None:
    with pytest.raises(BadInput, match="choose one of line, sentence, paragraph"):
        text.split("text", "speech")
