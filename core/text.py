"""Symbols and text: alphabets, normalizing, and cutting text into segments.

Everything the product measures is a sequence of the symbols of an alphabet: the paper's 34, or the
most frequent characters or words of a text. Text reaches them in two steps: `split` cuts raw text
while capitals and line breaks are still there to guide it, and `normalize` (for the paper's
alphabet), `fold` (for a text's own characters) or `words` then writes what was cut in symbols.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from core.errors import BadInput

SPECIAL = ("<s>", "</s>", "<unk>")
MOST_SYMBOLS = 255  # of characters: such a symbol is one byte, and 255 is free to mean none
MOST_WORDS = 10_000  # of an alphabet


@dataclass(frozen=True)
class Alphabet:
    """What symbols there are: its tokens, then <s>, </s> and <unk>, by number from 0.

    tokens: in their order, each once: a string of at most 252 characters, or a tuple of at most
    10,000 words.
    """

    tokens: str | tuple[str, ...]

    def __post_init__(self) -> None:
        most = MOST_WORDS if self.of_words else MOST_SYMBOLS - len(SPECIAL)
        if not 0 < len(self.tokens) == len(set(self.tokens)) <= most:
            raise ValueError(f"an alphabet has 1 to {most} characters or words, each once")

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], of_words: bool = False) -> Alphabet:
        """The most frequent characters of folded texts, the most frequent first, equal ones by
        code point; of_words: the words of texts that `words` has cut."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        if of_words:
            return cls(tuple(ranked[:MOST_WORDS]))
        return cls("".join(ranked[: MOST_SYMBOLS - len(SPECIAL)]))

    @property
    def of_words(self) -> bool:
        """Whether its tokens are words, not characters."""
        return isinstance(self.tokens, tuple)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return (*self.tokens, *SPECIAL)

    @property
    def size(self) -> int:
        return len(self.tokens) + len(SPECIAL)

    @property
    def bos(self) -> int:
        return len(self.tokens)

    @property
    def eos(self) -> int:
        return len(self.tokens) + 1

    @property
    def unk(self) -> int:
        return len(self.tokens) + 2

    @property
    def number(self) -> type[np.unsignedinteger]:
        """The type of a symbol's number: uint8, or uint16 of more words than characters can be."""
        return np.uint8 if self.size <= MOST_SYMBOLS else np.uint16

    @cached_property
    def _numbers(self) -> np.ndarray:
        """The number of every code point: uint8."""
        numbers = np.full(sys.maxunicode + 1, self.unk, dtype=np.uint8)
        numbers[[ord(character) for character in self.tokens]] = np.arange(self.bos)
        return numbers

    def encode(self, text: str | Sequence[str]) -> np.ndarray:
        """Symbol numbers of a text, or of a list of words: `number` [length].

        A character or word outside the alphabet becomes <unk>.
        """
        if not isinstance(text, str):
            places = {word: place for place, word in enumerate(self.tokens)}
            numbers = (places.get(word, self.unk) for word in text)
            return np.fromiter(numbers, dtype=self.number, count=len(text))
        points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
        return self._numbers[points]

    def decode(self, symbols: np.ndarray) -> str:
        """The text of symbol numbers [length]; <s>, </s> and <unk> are spelled out."""
        between = " " if self.of_words else ""
        return between.join(self.symbols[symbol] for symbol in symbols)

    def written(self, text: str) -> str:
        """Any text as it is read with this alphabet: its characters, white space collapsed."""
        return normalize(text) if self == PAPER else fold(text)


PAPER = Alphabet(string.ascii_lowercase + " .,#'")
SYMBOLS = PAPER.symbols
N_SYMBOLS = PAPER.size
BOS, EOS, UNK = PAPER.bos, PAPER.eos, PAPER.unk
encode, decode = PAPER.encode, PAPER.decode

_CHARACTERS = PAPER.tokens

# What stands for an apostrophe; double quotes, curly or straight, are outside the alphabet. This
# comes before NFKD, which turns the accents among them into a space and a mark.
_QUOTES = frozenset("‘’‚‛′ʼ´`")

# Latin letters that NFKD leaves whole. A space in their place would cut words in two.
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ŋ": "ng", "ə": "e"}
# The others by their names: ø is O WITH STROKE, ł is L WITH STROKE, ı is DOTLESS I.
_NAME = re.compile(r"LATIN SMALL LETTER (?:DOTLESS |OPEN )?([A-Z])(?: WITH [A-Z ]+)?")


class _Mapping(dict[int, str]):
    """Code point to what replaces it, filled in as characters are met.

    One character at a time: NFKD of a whole text sorts each run of combining marks in quadratic
    time, and all that the sorting moves is dropped here.
    """

    def __missing__(self, code: int) -> str:
        parts = "'" if chr(code) in _QUOTES else unicodedata.normalize("NFKD", chr(code)).lower()
        replacement = self[code] = "".join(map(_symbols, parts))
        return replacement


def _symbols(character: str) -> str:
    """What stands for one character of a decomposed lower-case text."""
    category = unicodedata.category(character)
    if character in _CHARACTERS:
        return character
    if category == "Nd":
        return "#"
    if category in ("Mn", "Me", "Cf"):
        # Accents split off by NFKD, soft hyphens and joiners sit inside words: a space there
        # would cut the word in two.
        return ""
    name = _NAME.fullmatch(unicodedata.name(character, ""))
    return _LETTERS.get(character) or (name[1].lower() if name else " ")


_MAPPING = _Mapping()


def normalize(text: str) -> str:
    """Text over the 31 character symbols, in time linear in its length.

    NFKD, single curly quotes to ', lower case, each digit to #, accents dropped, Latin letters
    without an accent to drop spelled in the alphabet (ß to ss, ø to o), anything else outside the
    alphabet (line breaks included) to a space, spaces collapsed and stripped.
    """
    return " ".join(text.translate(_MAPPING).split())


def share_of_letters(text: str) -> float:
    """The share of the letters of a text that the alphabet has or spells: 0 to 1.

    1 for a text without letters, which loses none.
    """
    letters = {c: n for c, n in Counter(text).items() if c.isalpha()}
    lost = sum(n for c, n in letters.items() if not _MAPPING[ord(c)].strip())
    return 1 - lost / max(sum(letters.values()), 1)


def replaced(text: str) -> list[str]:
    """The characters, white space aside, for which `normalize` writes a space; each once."""
    return [c for c in dict.fromkeys(text) if _MAPPING[ord(c)] == " " and not c.isspace()]


class _Plain(dict[int, str | int]):
    """Code point to itself, or to what stands for it in a text with an alphabet of its own."""

    def __missing__(self, code: int) -> str | int:
        plain: str | int = code
        category = unicodedata.category(chr(code))
        if category == "Cf":
            plain = ""  # soft hyphens, joiners and marks of direction, as in `normalize`
        elif category[0] in "CZ" or chr(code) == SPACE:
            plain = " "
        self[code] = plain
        return plain


_PLAIN = _Plain()
SPACE = "▁"  # what stands for a space where white space parts words, as in an n-gram's file
MOST_MARKS = 30  # in a row, as in Unicode's stream-safe text


@cache
def _marks() -> re.Pattern[str]:
    """More combining marks in a row than any writing has: NFC sorts a run in quadratic time."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c))
    return re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+")


def fold(text: str) -> str:
    """Text in characters of its own, in time linear in its length.

    Lower case, NFC, soft hyphens, joiners and marks of direction dropped, control characters and
    line breaks to a space, spaces collapsed and stripped. A symbol is a single code point: marks
    that NFC leaves apart, such as the vowel signs of Hindi, stay symbols of their own.
    """
    plain = _marks().sub(r"\1", text.translate(_PLAIN).lower())
    return " ".join(unicodedata.normalize("NFC", plain).split())


MOST_LETTERS = 64  # of a word; what is longer is cut


@cache
def _word() -> re.Pattern[str]:
    """A word, of letters, digits, accents and apostrophes inside, or a single mark."""
    categories = ((code, unicodedata.category(chr(code))) for code in range(sys.maxunicode + 1))
    part = r"\w" + "".join(chr(code) for code, category in categories if category[0] == "M")
    return re.compile(rf"[{part}](?:[{part}'’]{{0,{MOST_LETTERS - 2}}}[{part}])?|\S")


def words(text: str) -> list[str]:
    """The words and marks of a text as `fold` writes it: `It's 5, no?` is it's 5 , no ?

    Where no white space parts words, as in Chinese, what stands between two marks is one word.
    """
    return list(map(sys.intern, _word().findall(fold(text))))


def lines(text: str) -> list[str]:
    """Lines that are not blank, stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines, their line breaks kept as line feeds."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


# Sentences: an end mark, perhaps closing quotes, a space, then a capital or a digit, perhaps
# behind opening quotes. A single full stop is looked at more closely, by the word before it.
_BOUNDARY = re.compile(r"""(?<![.?!…])([.?!…]+)["'”’)\]]*(\s+)(?=["'“‘(\[]*(\w))""")
_NEAR = 80  # characters looked at on each side of a mark
# Marks of other scripts always end a sentence, with or without a space after them.
_ENDED = re.compile(
    r"""(?<=[。！？।॥؟۔])(?![。！？।॥؟۔"'”’」』）)\]])\s*|(?<=[。！？।॥؟۔]["'”’」』）)\]])\s*"""
)
_NEVER_END = re.compile(
    r"mr|mrs|ms|dr|gen|sen|rep|gov|lt|col|sgt|capt|maj|adm|rev|hon|st|prof|pres|messrs|mt|ft|vs|cf"
    r"|viz|fig|vol|art|sec|al|e\.g|i\.e",
    re.IGNORECASE,
)
# These, initials and dotted capitals end a sentence only if the next word commonly opens one.
_MAY_END = re.compile(
    r"jr|sr|inc|co|corp|ltd|bros|etc|a\.m|p\.m|ph\.d|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
    r"|ave|blvd|cong|sess",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"the|an?|this|that|these|those|we|i|it|he|she|they|you|our|my|his|her|their|your|its|there|here"
    r"|in|on|at|for|from|with|by|as|if|when|while|since|after|before|but|and|or|so|yet|now|then|to"
    r"|of|not?|what|who|how|why|where|all|some|many|most|both|each|every|let|under|through",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"(?:[A-Za-z]\.)*[A-Z]|(?:[A-Z][a-z]?\.)+[A-Z][a-z]?")


def _ends_sentence(before: str, mark: str, after: str) -> bool:
    """Whether `mark` between the texts ends a sentence; `after` starts with a capital or digit."""
    if not any(map(str.isalpha, before)):
        return False  # the number of a list item: "1. The budget"
    if mark != ".":
        return True
    word = before.split()[-1].lstrip("\"'“‘([-—").rpartition("—")[2]
    opening = re.match(r"\W*(\w+)", after)
    following = opening.group(1) if opening else ""
    if _NEVER_END.fullmatch(word):
        return False
    if word.lower() in ("no", "nos"):
        return not following.isdigit()
    if _MAY_END.fullmatch(word) or (_INITIALS.fullmatch(word) and word != "I"):
        return _OPENER.fullmatch(following) is not None
    return True


def _blocks(text: str) -> Iterator[str]:
    """What certainly does not belong to one sentence, each in one line."""
    for paragraph in paragraphs(text):
        yield from filter(None, _ENDED.split(" ".join(paragraph.split())))


def sentences(text: str) -> list[str]:
    """Sentences by rule; a blank line ends one too, a single line break is only a space.

    A sentence ends at . ? ! or … before a capital or a digit, but not after a title ("Mr."), a
    list number, or an abbreviation or initial ("U.S.", "John F.") whose next word does not
    commonly open a sentence. In scripts without capitals it ends at such a mark and a space, and
    at 。！？ । ॥ ؟ ۔ always.
    """
    found = []
    for block in _blocks(text):
        start = 0
        for match in _BOUNDARY.finditer(block):
            first = match.group(3)
            if not (first.isdigit() or (first.isalpha() and not first.islower())):
                continue
            before = block[max(start, match.start() - _NEAR) : match.start()]
            after = block[match.end() : match.end() + _NEAR]
            plain = match.group(0).rstrip() == "."
            if _ends_sentence(before, "." if plain else match.group(0), after):
                found.append(block[start : match.start(2)])
                start = match.end()
        found.append(block[start:])
    return found


_SPLITTERS = {"line": lines, "sentence": sentences, "paragraph": paragraphs}


def split(text: str, by: str) -> list[str]:
    """Raw text cut into segments by "line", "sentence" or "paragraph" (blank lines between).

    Raises BadInput for any other unit.
    """
    if by not in _SPLITTERS:
        known = ", ".join(_SPLITTERS)
        raise BadInput(f"Text cannot be cut by {by!r}: choose one of {known}.")
    return _SPLITTERS[by](text)
