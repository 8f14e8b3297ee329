"""N-gram language models: interpolated modified Kneser-Ney as ARPA, scored by kenlm.

The smoothing itself is in `core.training.kneser_ney`; counts and vocabulary follow K. Heafield et
al., "Scalable modified Kneser-Ney language model estimation" (2013). The model's state from step
to step is the context that kenlm retains: `Ngram.contexts`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import kenlm
import numpy as np
import polars as pl

from core.corpora import Segments
from core.errors import BadInput
from core.step import Progress
from core.text import BOS, EOS, N_SYMBOLS, SYMBOLS, UNK
from core.training.kneser_ney import interpolated, tally

ORDERS = range(2, 7)  # kenlm as it is packaged is built for at most six
NONE = 255  # in a context: not retained

# n-grams are stored as numbers of base N_SYMBOLS, the last symbol being the lowest digit.
BASE = N_SYMBOLS + 1  # of contexts as numbers, which need a digit for NONE
_WORDS = tuple("▁" if symbol == " " else symbol for symbol in SYMBOLS)
_NEVER = -99.0  # ARPA's log10 of a probability of zero
# Only the characters can be read: <s> and </s> frame segments, and <unk> is any other word.
_CODE_POINTS = np.array([ord(word) for word in _WORDS[:BOS]] + [ord("?")] * 3, dtype="<u4")


def estimate(
    segments: Segments, order: int, progress: Progress = lambda fraction, message: None
) -> bytes:
    """The n-gram model of `segments` as ARPA text, the same bytes for the same segments.

    Raises BadInput for an order outside 2..6, for segments that hold <unk>, and where no segment
    is long enough to hold one n-gram of that order.
    """
    if order not in ORDERS:
        raise BadInput(f"There is no n-gram of order {order} here: choose 2 to {ORDERS[-1]}.")
    if segments.total and segments.symbols.max() >= BOS:
        raise BadInput("This text holds <unk>: normalize it before estimating an n-gram from it.")
    progress(0.0, "counting n-grams")
    grams = _adjusted_counts(segments, order)
    counts = {n: frame.height for n, frame in grams.items()}
    counts[1] += 1  # <unk>
    text = io.BytesIO()
    text.write("\n".join(["\\data\\", *(f"ngram {n}={c}" for n, c in counts.items()), ""]).encode())
    lower = _unigrams(grams.pop(1))
    for n in range(2, order + 1):
        progress((n - 1) / order, f"estimating order {n} of {order}")
        estimated, contexts = _estimated(grams.pop(n), lower, n)
        lower = lower.join(contexts, "key", how="left", maintain_order="left")
        _write(text, lower.with_columns(pl.col("backoff").fill_null(1.0)), n - 1)
        lower = estimated
    _write(text, lower, order)
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
    tokens = np.insert(
        segments.symbols,
        np.stack([segments.offsets[:-1], segments.offsets[1:]], 1).ravel(),
        np.tile(np.array([BOS, EOS], dtype=np.uint8), len(segments)),
    )
    ends = np.cumsum(spans)
    starts = ends - spans
    room = np.repeat(ends, spans) - np.arange(len(tokens))
    grams = {order: tally(_packed(tokens, np.flatnonzero(room >= order), order))}
    for n in range(order - 1, 0, -1):
        first = tally(_packed(tokens, starts[spans >= n], n))
        neighbors = grams[n + 1].group_by(pl.col("key") % N_SYMBOLS**n).agg(count=pl.len())
        grams[n] = pl.concat([first, neighbors])
    return {n: grams[n].sort("key") for n in range(1, order + 1)}


def _packed(tokens: np.ndarray, at: np.ndarray, n: int) -> np.ndarray:
    """The n-grams that start at these positions as numbers: 34**6 still fits in uint32."""
    keys = np.zeros(len(at), dtype=np.uint32)
    for step in range(n):
        keys = keys * np.uint32(N_SYMBOLS) + tokens[at + step]
    return keys


def _unigrams(counted: pl.DataFrame) -> pl.DataFrame:
    """Order 1: `key` and `p`, with <unk>, which was never counted, and <s>, never predicted."""
    unknown = pl.DataFrame({"key": [UNK], "count": [0]}, schema=counted.schema)
    words = pl.concat([counted.filter(pl.col("key") != BOS), unknown])
    # Order 0: every word of the vocabulary alike, <unk> and </s> among them.
    uniform = pl.DataFrame(
        {"key": [0], "p": [1 / words.height]}, schema_overrides={"key": pl.UInt32}
    )
    estimated, _ = _estimated(words, uniform, 1)
    never = pl.DataFrame({"key": [BOS], "p": [0.0]}, schema=estimated.schema)
    return pl.concat([estimated, never]).sort("key")


def _estimated(
    counted: pl.DataFrame, lower: pl.DataFrame, n: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`interpolated` of the n-grams of order n from `key` and `count`."""
    context, suffix = pl.col("key") // N_SYMBOLS, pl.col("key") % N_SYMBOLS ** (n - 1)
    return interpolated(counted.with_columns(context=context, suffix=suffix), lower)


def _write(text: io.BytesIO, grams: pl.DataFrame, n: int) -> None:
    """One section of the ARPA text: log10 p, the words, and log10 of the back-off if any."""
    names = pl.lit(pl.Series(_WORDS))
    words = [
        names.gather(pl.col("key") // N_SYMBOLS**digit % N_SYMBOLS)
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

    Raises BadInput where kenlm cannot load the text.
    """

    def __init__(self, arpa: bytes) -> None:
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
        # retains the n-gram that it matched, up to order - 1 symbols; only <unk> is no context.
        retained = np.where(scores["unknown"], 0, scores["length"])
        position = segments.positions
        contexts = np.full((segments.total, self.order - 1), NONE, dtype=np.uint8)
        for lag in range(self.order - 1):
            inside = np.flatnonzero((lag < retained) & (lag <= position))
            contexts[inside, lag] = segments.symbols[inside - lag]
            contexts[(lag < retained) & (lag == position + 1), lag] = BOS
        return contexts

    def first(self, segments: Segments) -> np.ndarray:
        """The most probable symbol, the first of equal ones: uint8, of the shape of `log_probs`."""
        begin = np.full(self.order - 1, NONE, dtype=np.uint8)
        begin[0] = BOS
        before = np.insert(self.contexts(segments), segments.offsets[:-1], begin, axis=0)
        _, which, inverse = np.unique(pack(before), return_index=True, return_inverse=True)
        first = [self._most_probable(context) for context in before[which]]
        return np.array(first, dtype=np.uint8)[inverse]

    def state(self, context: Iterable[int]) -> kenlm.State:
        """kenlm's state for one row of `contexts`."""
        state, after = kenlm.State(), kenlm.State()
        self.model.NullContextWrite(state)
        for symbol in reversed([symbol for symbol in context if symbol != NONE]):
            if symbol == BOS:
                self.model.BeginSentenceWrite(state)
            else:
                self.model.BaseScore(state, _WORDS[symbol], after)
                state, after = after, state
        return state

    def _most_probable(self, context: np.ndarray) -> int:
        """The symbol most probable next."""
        state, after = self.state(context), kenlm.State()
        # <s> is among the words, but the ARPA text gives it a probability of zero.
        return int(np.argmax([self.model.BaseScore(state, word, after) for word in _WORDS]))

    def _scores(self, segments: Segments) -> np.ndarray:
        """log10 p, length of the n-gram matched, and whether the word is unknown, per symbol."""
        kinds = [("log10", "f8"), ("length", "i8"), ("unknown", "?")]
        scores = chain.from_iterable(map(self.model.full_scores, _sentences(segments)))
        return np.fromiter(scores, dtype=kinds, count=segments.total + len(segments))


def _sentences(segments: Segments) -> Iterator[str]:
    """Each segment as words with spaces between."""
    points = np.full(2 * segments.total, ord(" "), dtype="<u4")
    points[::2] = _CODE_POINTS[segments.symbols]
    text = points.tobytes().decode("utf-32-le")
    bounds = (2 * segments.offsets).tolist()
    return (text[start:stop] for start, stop in pairwise(bounds))


def size(arpa: bytes) -> int:
    """How many n-grams of all orders the ARPA text lists: the parameters of the model."""
    header = arpa[: arpa.index(b"\n\n")].splitlines()[1:]
    return sum(int(line.split(b"=")[1]) for line in header)


def one_hot(contexts: np.ndarray) -> np.ndarray:
    """Contexts [n, order - 1] as states for trained decoders: float32 [n, (order - 1) * 34].

    A position that is not retained is all zeros.
    """
    hot = np.eye(NONE + 1, N_SYMBOLS, dtype=np.float32)  # by symbol; the row of NONE is zero
    return hot[contexts].reshape(len(contexts), -1)


def pack(contexts: np.ndarray) -> np.ndarray:
    """Contexts [n, order - 1] as numbers, uint32 [n]: the newest symbol is the highest digit.

    So a context without its oldest symbols is the number divided by a power of the base.
    """
    packed = np.zeros(len(contexts), dtype=np.uint32)
    for column in contexts.T:
        packed = packed * np.uint32(BASE) + np.where(column == NONE, np.uint32(N_SYMBOLS), column)
    return packed
