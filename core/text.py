"""Symbols and text: the alphabet, normalizing, and cutting text into segments.

Everything the product measures is a sequence of the 34 symbols below. Text reaches them in two
steps: `split` cuts raw text while capitals and line breaks are still there to guide it, and
`normalize` then maps what was cut onto the alphabet.
"""

from __future__ import annotations

import re
import string
import unicodedata

import numpy as np

from core.errors import BadInput

SYMBOLS: tuple[str, ...] = (*string.ascii_lowercase, *" .,#'", "<s>", "</s>", "<unk>")
N_SYMBOLS = len(SYMBOLS)
BOS, EOS, UNK = 31, 32, 33  # the first 31 are the single characters that text consists of

_CHARACTERS = "".join(SYMBOLS[:BOS])
_CODES = np.full(128, UNK, dtype=np.uint8)
_CODES[np.frombuffer(_CHARACTERS.encode(), dtype=np.uint8)] = np.arange(BOS, dtype=np.uint8)

# NFKD turns the acute and grave accents that stand for quotes into a space and a mark, so quotes
# are mapped before it. Double quotes, curly or straight, are outside the alphabet.
_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′ʼ´`", "'"))


class _Mapping(dict[int, str]):
    """Code point to what replaces it, filled in as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in _CHARACTERS:
            replacement = character
        elif category == "Nd":
            replacement = "#"
        elif category in ("Mn", "Me", "Cf"):
            # Accents split off by NFKD, soft hyphens and joiners sit inside words: a space there
            # would cut the word in two.
            replacement = ""
        else:
            replacement = " "
        self[code] = replacement
        return replacement


_MAPPING = _Mapping()


def normalize(text: str) -> str:
    """Text over the 31 character symbols.

    NFKD, single curly quotes to ', lower case, each digit to #, accents dropped, anything else
    outside the alphabet (line breaks included) to a space, spaces collapsed and stripped.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    return " ".join(decomposed.lower().translate(_MAPPING).split())


def encode(text: str) -> np.ndarray:
    """Symbol numbers of normalized text: uint8 [length]; a foreign character becomes <unk>."""
    codes = np.frombuffer(text.encode("ascii", errors="replace"), dtype=np.uint8)
    return _CODES[codes]


def decode(symbols: np.ndarray) -> str:
    """The text of symbol numbers [length]; <s>, </s> and <unk> are spelled out."""
    return "".join(SYMBOLS[symbol] for symbol in symbols)


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


def sentences(text: str) -> list[str]:
    """Sentences by rule; a blank line ends one too, a single line break is only a space.

    A sentence ends at . ? ! or … before a capital or a digit, but not after a title ("Mr."), a
    list number, or an abbreviation or initial ("U.S.", "John F.") whose next word does not
    commonly open a sentence.
    """
    found = []
    for paragraph in paragraphs(text):
        block = " ".join(paragraph.split())
        start = 0
        for match in _BOUNDARY.finditer(block):
            first = match.group(3)
            if not (first.isupper() or first.isdigit()):
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
