"""Texts and sounds as strangers bring them: drawn from a seed, most of them wrong in some way."""

from __future__ import annotations

import random
import struct

from core.corpora.speech.utterances import wav
from tests.core.corpora.speech.discs import encoded, tone
from tests.core.corpora.speech.shorten import sphere

_SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyz ,.'",
    "ABC déÉßæœøłđðþıħŋ",
    "абвгд еёжз",
    "漢字かな한글",
    "ابتث שלום नमस्ते",
    "\u0301\u0316\u0323\u20dd\u0345\u302e",
    "'`‘’“”\"\\",
    "0123456789٣٤½²",
    "\u00ad\u200b\u2028\ufeff\u202e\x85\x0b",
    "🙂🏳️‍🌈ﬁﷺ\U000e0001",
)
_WORDS = ("<unk>", "</s>", "<eos>", "_", "a _ b", "\n\n", "\r\n", ". ", "Mr. A. ", '....?!" ')
_CODINGS = (
    "pcm",
    "ulaw",
    "alaw",
    "mu-law",
    "pculaw",
    "pcm,embedded-shorten-v2.00",
    "ulaw,embedded-shorten-v2.00",
    "pcm,embedded-wavpack",
    "x" * 400,
)
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1")


def text(chance: random.Random) -> bytes:
    """Runs of characters and words from many scripts, in some encoding, sometimes cut or dirty."""
    pieces = []
    for _ in range(chance.randint(0, 60)):
        if chance.random() < 0.3:
            pieces.append(chance.choice(_WORDS) * chance.choice((1, 1, 2, 50, 2_000)))
        else:
            script = _SCRIPTS[0] if chance.random() < 0.5 else chance.choice(_SCRIPTS)
            pieces.append("".join(chance.choices(script, k=chance.choice((3, 30, 300)))))
            pieces.append(chance.choice(" \n") * chance.randint(0, 2))
    data = "".join(pieces).encode(chance.choice(_ENCODINGS), errors="ignore")
    if data and chance.random() < 0.1:
        place = chance.randrange(len(data))
        data = data[:place] + chance.randbytes(chance.choice((1, 2, 40))) + data[place + 1 :]
    return data


def sound(chance: random.Random) -> bytes:
    """A WAV, SPHERE or FLAC file whose header says something else than its samples, if it can."""
    return chance.choice((_wav, _sphere, _flac))(chance)


def _wav(chance: random.Random) -> bytes:
    channels = chance.choice((1, 2, 3, 7, 8, 9, 16, 32, 33, 64, 65, 255, 65_535, 0))
    rate = chance.choice((16_000, 8_000, 44_100, 192_000, 1, 0, 2**31 - 1, 2**32 - 1))
    bits = chance.choice((16, 8, 24, 32, 64, 0, 1, 65_535))
    tag = chance.choice((1, 1, 1, 2, 3, 6, 7, 17, 49, 85, 255, 0xFFFE, 0))
    block = chance.choice((channels * bits // 8, 0, 1, 65_535)) & 0xFFFF
    body = chance.randbytes(chance.choice((0, 1, 1_000, 32_000)))
    size = chance.choice((len(body), len(body), 0, 0x7FFFF000, 0xFFFFFFFF, chance.getrandbits(32)))
    whole = chance.choice((36 + len(body), 0, 0x7FFFF024, 0xFFFFFFFF))
    form = struct.pack("<HHIIHH", tag, channels, rate, (rate * block) & 0xFFFFFFFF, block, bits)
    head = b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", size) + body


def _sphere(chance: random.Random) -> bytes:
    coding = chance.choice(_CODINGS)
    fields = {
        "sample_count": chance.choice((8_000, 0, -1, 2**31, 10**18)),
        "sample_n_bytes": chance.choice((2, 1, 0, 4, 99)),
        "channel_count": chance.choice((1, 2, 8, 9, 33, 0, -1, 10**9)),
        "sample_rate": chance.choice((16_000, 8_000, 0, -5, 2**31 - 1)),
    }
    lines = [f"{name} -i {value}" for name, value in fields.items() if chance.random() < 0.9]
    lines += [f"sample_coding -s{len(coding)} {coding}"]
    lines += [chance.choice(("sample_byte_format -s2 01", "sample_byte_format -s2 10", "junk"))]
    chance.shuffle(lines)
    head = "NIST_1A\n   1024\n" + "\n".join([*lines, "end_head\n"])
    plain = sphere(tone(1, 0.5), compressed=chance.random() < 0.5)
    return head.encode().ljust(1024) + plain[1024:]


def _flac(chance: random.Random) -> bytes:
    data = bytearray(encoded(tone(2, 0.5), "flac") if chance.random() < 0.7 else wav(tone(2, 0.5)))
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(chance.choice((60, len(data))))] = chance.randrange(256)
    return bytes(data[: chance.choice((len(data), len(data), chance.randrange(len(data))))])
