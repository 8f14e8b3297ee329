"""A text file of the user's own: checked byte by byte, then cut like any other source."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from typing import get_args

from core.child import Child, Died
from core.corpora.assembly import AlphabetName, assemble
from core.corpora.corpus import Corpus
from core.errors import BadInput
from core.text import paragraphs, share_of_letters, split

MAX_BYTES = 200_000_000
SEGMENTS = ("line", "sentence", "paragraph")
ALPHABETS: tuple[AlphabetName, ...] = get_args(AlphabetName)

_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r"))

# What the standard corpora of language models write in their texts.
_TOKENS = re.compile(r"(?<!\S)(?:<unk>|</?s>|<eos>)(?!\S)", re.IGNORECASE)
_DOUBLE_QUOTES = re.compile(r"['`‘’]{2,}")
SPACED = 0.95  # share of one-letter words from which on a text is spelled character by character
_START = 100_000  # characters of a text by which that is decided

LEAST = 0.5  # share of the letters of a text that has to be Latin
# Of the process that reads a text.
SECONDS, MEMORY_MB = 600, 6_000


def from_text(
    data: bytes, name: str, segment: str = "line", alphabet: AlphabetName = "paper"
) -> Corpus:
    """The corpus of a UTF-8 text (a byte order mark is allowed), split by blocks of it.

    A block is what blank lines separate; one that holds more than a twentieth of the text is split
    by contiguous runs of its segments. alphabet: the paper's, 'text', the text's own characters,
    or 'words', its words. Raises BadInput if it is not such a text, too short, or mostly in letters
    that the paper's lacks.
    """
    if alphabet not in ALPHABETS:
        known = ", ".join(ALPHABETS)
        raise BadInput(f"There is no alphabet {alphabet!r}: choose one of {known}.")
    if segment not in SEGMENTS:
        known = ", ".join(SEGMENTS)
        raise BadInput(f"A text file cannot be cut by {segment!r}: choose one of {known}.")
    check_name(name)
    if not name.strip():
        raise BadInput("The text has no name: give it one.")
    text = plain(read_text(data, name))
    _check_spelling(text, name)
    share = share_of_letters(text)
    if alphabet == "paper" and share < LEAST:
        raise BadInput(
            f"Only {share:.0%} of the letters of {name} are Latin letters, and all others would "
            "be lost: add it with its own letters (Alphabet, or --alphabet text on the command "
            "line), or turn it into Latin ones, for example by `uconv -x Any-Latin`."
        )
    units = [split(block, segment) for block in paragraphs(text)]
    corpus = assemble(name, segment, units, alphabet)
    return replace(corpus, kept=share if alphabet == "paper" else _coverage(corpus))


def _coverage(corpus: Corpus) -> float:
    """The share of the characters, or words, of all splits that the alphabet has, 0 to 1."""
    rare = sum(int((s.symbols == corpus.alphabet.unk).sum()) for s in corpus.splits.values())
    return 1 - rare / corpus.symbols


def read_apart(
    data: bytes, name: str, segment: str = "line", alphabet: AlphabetName = "paper"
) -> Corpus:
    """`from_text` in a process of its own; BadInput also if that takes too much time or memory."""
    with Child("core.corpora.textfile:_as_bytes", MEMORY_MB) as child:
        try:
            about = {"name": name, "segment": segment, "alphabet": alphabet}
            built = child.ask(data, seconds=SECONDS, **about)
        except Died as problem:
            raise BadInput(
                f"{name} cannot be read, because {problem}: give a part of it."
            ) from problem
    return Corpus.from_bytes(built)


def _as_bytes(data: bytes, name: str, segment: str, alphabet: AlphabetName) -> bytes:
    return from_text(data, name, segment, alphabet).to_bytes()


def plain(text: str) -> str:
    """The text without the marks of language-model corpora.

    Left out: the tokens <unk>, <s>, </s> and <eos>. Two or more apostrophes or backticks in a row
    (``Hello'') are a double quote.
    """
    return _DOUBLE_QUOTES.sub('"', _TOKENS.sub(" ", text))


def _check_spelling(text: str, name: str) -> None:
    """BadInput for a text whose characters stand between spaces, with _ for a space."""
    words = text[:_START].split()
    single = sum(len(word) == 1 for word in words)
    if single >= SPACED * len(words) and words.count("_") > (1 - SPACED) * len(words):
        raise BadInput(
            f"{name} is spelled character by character, with _ for a space: join it first, for "
            "example with `tr -d ' ' < old.txt | tr _ ' ' > new.txt`."
        )


def check_name(name: str) -> None:
    """BadInput for a name that is not UTF-8, as a file's may be: nothing could store or show it."""
    try:
        name.encode()
    except UnicodeEncodeError as problem:
        raise BadInput(f"The name {shown(name)} is not UTF-8 text: give another one.") from problem


def shown(name: str) -> str:
    """A name that may not be UTF-8, in characters that can be printed."""
    return name.encode(errors="backslashreplace").decode()


def read_text(data: bytes, name: str) -> str:
    """The text of a UTF-8 file's bytes; BadInput where it is empty, too large or not UTF-8 text."""
    if not data:
        raise BadInput(f"{name} is empty: choose a file with text in it.")
    if len(data) > MAX_BYTES:
        raise BadInput(
            f"{name} has {len(data) / 1e6:,.0f} MB and the limit is {MAX_BYTES / 1e6:,.0f} MB: "
            "give a part of it."
        )
    encoding = _wide_encoding(data)
    if encoding:
        raise BadInput(f"{name} is {encoding} text: {_convert(encoding)}.")
    if b"\0" in data or len(data.translate(None, _CONTROLS)) < 0.99 * len(data):
        raise BadInput(f"{name} is a binary file, not text: save its text as UTF-8 (.txt) first.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise BadInput(
            f"{name} is not UTF-8 text (line {line}): {_convert('WINDOWS-1252')}, "
            "with the encoding it really has."
        ) from problem


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 by its byte order mark, or UTF-16 by the zero in every second byte."""
    for mark, encoding in _WIDE.items():
        if data.startswith(mark):
            return encoding
    start = data[:4096]
    zeros = (start[0::2].count(0), start[1::2].count(0))
    if len(start) >= 4 and max(zeros) > 0.4 * len(start) and min(zeros) < 0.01 * len(start):
        return "UTF-16"
    return None


def _convert(encoding: str) -> str:
    return f"save it as UTF-8, for example with `iconv -f {encoding} -t UTF-8 old.txt > new.txt`"
