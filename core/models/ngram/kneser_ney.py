"""N-gram language models: interpolated modified Kneser-Ney as ARPA, scored by kenlm.

The smoothing itself is in `core.training.kneser_ney`; counts and vocabulary follow K. Heafield et
al., "Scalable modified Kneser-Ney language model estimation" (2013). The model's state from step
to step is the context that kenlm retains: `Ngram.contexts`.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import kenlm
import numpy as np
import polars as pl

from core.corpora import Segments
from core.errors import BadInput
from core.step import Progress
from core.text import N_SYMBOLS, PAPER, SPACE, Alphabet
from core.training.kneser_ney import interpolated, tally

ORDERS = range(2, 7)  # kenlm as it is packaged is built for at most six
NONE = 255  # in a context: not retained

_NEVER = -99.0  # ARPA's log10 of a probability of zero
_UNKNOWN = "\ue000"  # a word that no alphabet has, since `fold` leaves no private characters


def _words(alphabet: Alphabet) -> tuple[str, ...]:
    """The symbols as ARPA's words, by number."""
    return tuple(SPACE if symbol == " " else symbol for symbol in alphabet.symbols)


def numbers_of(size: int) -> type[np.uint32] | type[np.uint64]:
    """What holds n-grams and contexts of so many symbols as numbers.

    n-grams have the base `size`, their last symbol being the lowest digit; contexts, which need a
    digit for NONE, have one more.
    """
    return np.uint32 if (size + 1) ** ORDERS[-1] < 1 << 32 else np.uint64


def estimate(
    segments: Segments, order: int, progress: Progress = lambda fraction, message: None
) -> bytes:
    """The n-gram model of `segments` as ARPA text, the same bytes for the same segments.

    Raises BadInput for an order outside 2..6, and where no segment is long enough to hold one
    n-gram of that order.
    """
    if order not in ORDERS:
        raise BadInput(f"There is no n-gram of order {order} here: choose 2 to {ORDERS[-1]}.")
    progress(0.0, "counting n-grams")
    alphabet, grams = segments.alphabet, _adjusted_counts(segments, order)
    lower = _unigrams(grams[1], alphabet)
    counts = {n: frame.height for n, frame in grams.items()} | {1: lower.height}
    text = io.BytesIO()
    text.write("\n".join(["\\data\\", *(f"ngram {n}={c}" for n, c in counts.items()), ""]).encode())
    for n in range(2, order + 1):
        progress((n - 1) / order, f"estimating order {n} of {order}")
        estimated, contexts = _estimated(grams.pop(n), lower, n, alphabet.size)
        lower = lower.join(contexts, "key", how="left", maintain_order="left")
        _write(text, lower.with_columns(pl.col("backoff").fill_null(1.0)), n - 1, alphabet)
        lower = estimated
    _write(text, lower, order, alphabet)
    text.write(b"\n\\end\\\n")
    return text.getvalue()


def _adjusted_counts(segments: Segments, order: int) -> dict[int, pl.DataFrame]:
    """Order -> its distinct n-grams (`key`, ascending) and their adjusted counts (`count`).

    The adjusted count is the raw count for the highest order and for n-grams that begin with <s>,
    which have no left neighbor, else the number of distinct left neighbors, <s> included.
    """
    spans = segments.lengths + 2
    if not (spans >= order).any():
        raise BadInput(f"Every segment is too short for order {order}: choose a lower order.")
    alphabet = segments.alphabet
    tokens = np.insert(
        segments.symbols,
        np.stack([segments.offsets[:-1], segments.offsets[1:]], 1).ravel(),
        np.tile(np.array([alphabet.bos, alphabet.eos], dtype=np.uint8), len(segments)),
    )
    ends = np.cumsum(spans)
    starts = ends - spans
    room = np.repeat(ends, spans) - np.arange(len(tokens))
    grams = {order: tally(_packed(tokens, np.flatnonzero(room >= order), order, alphabet.size))}
    for n in range(order - 1, 0, -1):
        first = tally(_packed(tokens, starts[spans >= n], n, alphabet.size))
        neighbors = grams[n + 1].group_by(pl.col("key") % alphabet.size**n).agg(count=pl.len())
        grams[n] = pl.concat([first, neighbors])
    return {n: grams[n].sort("key") for n in range(1, order + 1)}


def _packed(tokens: np.ndarray, at: np.ndarray, n: int, size: int) -> np.ndarray:
    """The n-grams that start at these positions as numbers of base `size`."""
    number = numbers_of(size)
    keys = np.zeros(len(at), dtype=number)
    for step in range(n):
        keys = keys * number(size) + tokens[at + step]
    return keys


def _unigrams(counted: pl.DataFrame, alphabet: Alphabet) -> pl.DataFrame:
    """Order 1: `key` and `p`, with <s>, never predicted, and what was never counted.

    Of the paper's alphabet that is <unk>, which stands for the symbols that the text lacks; in a
    text with an alphabet of its own <unk> occurs, so each symbol has a place of its own.
    """
    words = counted.filter(pl.col("key") != alphabet.bos)
    listed = [alphabet.unk] if alphabet == PAPER else range(alphabet.size)
    missing = sorted(set(listed) - {alphabet.bos, *words["key"]})
    zero = {"key": missing, "count": [0] * len(missing)}
    words = pl.concat([words, pl.DataFrame(zero, schema=counted.schema)])
    # Order 0: every word of the vocabulary alike, <unk> and </s> among them.
    uniform = pl.DataFrame(
        {"key": [0], "p": [1 / words.height]}, schema_overrides={"key": counted.schema["key"]}
    )
    estimated, _ = _estimated(words, uniform, 1, alphabet.size)
    never = pl.DataFrame({"key": [alphabet.bos], "p": [0.0]}, schema=estimated.schema)
    return pl.concat([estimated, never]).sort("key")


def _estimated(
    counted: pl.DataFrame, lower: pl.DataFrame, n: int, size: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`interpolated` of the n-grams of order n from `key` and `count`."""
    context, suffix = pl.col("key") // size, pl.col("key") % size ** (n - 1)
    return interpolated(counted.with_columns(context=context, suffix=suffix), lower)


def _write(text: io.BytesIO, grams: pl.DataFrame, n: int, alphabet: Alphabet) -> None:
    """One section of the ARPA text: log10 p, the words, and log10 of the back-off if any."""
    names = pl.lit(pl.Series(_words(alphabet)))
    words = [
        names.gather(pl.col("key") // alphabet.size**digit % alphabet.size)
        for digit in range(n - 1, -1, -1)
    ]
    # Rounding must not take a logarithm above zero, which kenlm refuses.
    logs = [pl.col(name).log10().clip(_NEVER, 0.0) for name in grams.columns if name != "key"]
    text.write(f"\n\\{n}-grams:\n".encode())
    grams.select(logs[0], pl.concat_str(words, separator=" ").alias("words"), *logs[1:]).write_csv(
        text, include_header=False, separator="\t", quote_style="never", float_precision=7
    )


class Ngram:
    """A frozen n-gram model, read from the ARPA text that `estimate` returned.

    alphabet: of the text that it was estimated from. Raises BadInput where kenlm cannot load it.
    """

    def __init__(self, arpa: bytes, alphabet: Alphabet = PAPER) -> None:
        self.alphabet, self.words = alphabet, _words(alphabet)
        config = kenlm.Config()
        config.show_progress = False
        config.arpa_complain = kenlm.ARPALoadComplain.NONE
        with tempfile.NamedTemporaryFile(suffix=".arpa") as file:
            file.write(arpa)
            file.flush()
            try:
                self.model = kenlm.Model(file.name, config)
            except (OSError, RuntimeError) as problem:
                raise BadInput("This n-gram model is damaged: estimate it again.") from problem
        self.order: int = self.model.order
        # Only the characters can be read: <s> and </s> frame segments, <unk> is any other word.
        characters = map(ord, self.words[: alphabet.bos])
        self._points = np.array([*characters, *map(ord, 3 * _UNKNOWN)], dtype="<u4")
        # What was in the text had something after it, which its back-off weight tells.
        weights = dict(re.findall(rb"\t(\S+)\t(\S+)\n", arpa[: arpa.index(b"\\2-grams:")]))
        seen = [float(weights.get(word.encode(), 0)) != 0 for word in self.words]
        self._seen = np.array(seen)

    def log_probs(self, segments: Segments) -> np.ndarray:
        """Natural logarithms of the probability of every predicted symbol: float64.

        [symbols + segments]: segment by segment its symbols and then </s>; <s> is only read. A
        symbol that the model was not estimated on counts as <unk>.
        """
        return self._scores(segments)["log10"] * np.log(10)

    def perplexity(self, segments: Segments) -> float:
        """Perplexity per predicted symbol, </s> counted and <s> not."""
        return float(np.exp(-self.log_probs(segments).mean()))

    def contexts(self, segments: Segments) -> np.ndarray:
        """The model's state after each symbol: uint8 [symbols, order - 1].

        Column δ holds the symbol δ steps back, BOS for the <s> before the segment, and NONE where
        kenlm does not retain it: the longest suffix of what was read that was seen in training.
        """
        scores = np.delete(self._scores(segments), segments.offsets[1:] + np.arange(len(segments)))
        # Without pruning every n-gram within a segment was seen with something after it, so kenlm
        # retains the n-gram that it matched, up to order - 1 symbols; a symbol never seen is no
        # context.
        position, bos = segments.positions, self.alphabet.bos
        symbols = np.where(scores["unknown"], self.alphabet.unk, segments.symbols)
        retained = np.where(self._seen[symbols], scores["length"], 0)
        contexts = np.full((segments.total, self.order - 1), NONE, dtype=np.uint8)
        for lag in range(self.order - 1):
            inside = np.flatnonzero((lag < retained) & (lag <= position))
            contexts[inside, lag] = symbols[inside - lag]
            contexts[(lag < retained) & (lag == position + 1), lag] = bos
        return contexts

    def first(self, segments: Segments) -> np.ndarray:
        """The most probable symbol, the first of equal ones: uint8, of the shape of `log_probs`."""
        begin = np.full(self.order - 1, NONE, dtype=np.uint8)
        begin[0] = self.alphabet.bos
        before = np.insert(self.contexts(segments), segments.offsets[:-1], begin, axis=0)
        _, which, inverse = np.unique(
            pack(before, self.alphabet.size), return_index=True, return_inverse=True
        )
        first = [self._most_probable(context) for context in before[which]]
        return np.array(first, dtype=np.uint8)[inverse]

    def state(self, context: Iterable[int]) -> kenlm.State:
        """kenlm's state for one row of `contexts`."""
        state, after = kenlm.State(), kenlm.State()
        self.model.NullContextWrite(state)
        for symbol in reversed([symbol for symbol in context if symbol != NONE]):
            if symbol == self.alphabet.bos:
                self.model.BeginSentenceWrite(state)
            else:
                self.model.BaseScore(state, self.words[symbol], after)
                state, after = after, state
        return state

    def _most_probable(self, context: np.ndarray) -> int:
        """The symbol most probable next."""
        state, after = self.state(context), kenlm.State()
        # <s> is among the words, but the ARPA text gives it a probability of zero.
        return int(np.argmax([self.model.BaseScore(state, word, after) for word in self.words]))

    def _scores(self, segments: Segments) -> np.ndarray:
        """log10 p, length of the n-gram matched, and whether the word is unknown, per symbol."""
        kinds = [("log10", "f8"), ("length", "i8"), ("unknown", "?")]
        scores = chain.from_iterable(map(self.model.full_scores, self._sentences(segments)))
        return np.fromiter(scores, dtype=kinds, count=segments.total + len(segments))

    def _sentences(self, segments: Segments) -> Iterator[str]:
        """Each segment as words with spaces between."""
        points = np.full(2 * segments.total, ord(" "), dtype="<u4")
        points[::2] = self._points[segments.symbols]
        text = points.tobytes().decode("utf-32-le")
        bounds = (2 * segments.offsets).tolist()
        return (text[start:stop] for start, stop in pairwise(bounds))


def size(arpa: bytes) -> int:
    """How many n-grams of all orders the ARPA text lists: the parameters of the model."""
    header = arpa[: arpa.index(b"\n\n")].splitlines()[1:]
    return sum(int(line.split(b"=")[1]) for line in header)


def one_hot(contexts: np.ndarray, size: int = N_SYMBOLS) -> np.ndarray:
    """Contexts [n, order - 1] as states for trained decoders: float32 [n, (order - 1) * size].

    A position that is not retained is all zeros.
    """
    hot = np.eye(NONE + 1, size, dtype=np.float32)  # by symbol; the row of NONE is zero
    return hot[contexts].reshape(len(contexts), -1)


def pack(contexts: np.ndarray, size: int) -> np.ndarray:
    """Contexts [n, order - 1] as numbers [n] of base size + 1: the newest symbol is the highest
    digit.

    So a context without its oldest symbols is the number divided by a power of the base.
    """
    number = numbers_of(size)
    packed = np.zeros(len(contexts), dtype=number)
    for column in contexts.T:
        packed = packed * number(size + 1) + np.where(column == NONE, number(size), column)
    return packed
