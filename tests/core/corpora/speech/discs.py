"""Miniature recordings on disk, in the layouts that real corpora have."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np

from core.corpora.speech.utterances import RATE, wav
from tests.core.corpora.speech.shorten import sphere

TEXTS = ("The cat sat ,COMMA quietly .PERIOD", "It rose %PERCENT [loud_breath] .POINT five")


def tone(number: int, seconds: float = 0.2) -> np.ndarray:
    """A quiet tone of its own pitch: int16 [samples]."""
    angle = np.arange(int(seconds * RATE)) * 2 * np.pi * (200 + 10 * number) / RATE
    return (8000 * np.sin(angle)).astype(np.int16)


def encoded(samples: np.ndarray, form: str, rate: int = RATE, layout: str = "mono") -> bytes:
    """int16 samples (interleaved where there are two channels) as a FLAC or WAV file."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream({"flac": "flac", "wav": "pcm_s16le"}[form], rate=rate)
        stream.layout = layout
        stream.format = "s16"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def librispeech(folder: Path, parts: tuple[str, ...], speakers: int = 2) -> Path:
    """Each part with some speakers of one chapter of two utterances."""
    for part in parts:
        for speaker in range(speakers):
            chapter = folder / part / f"{part[:2]}{speaker}" / "7"
            names = [f"{part[:2]}{speaker}-7-000{i}" for i in range(2)]
            lines = [f"{name} SAID BY {part.split('-')[0]}\n" for name in names]
            write(chapter / f"{part[:2]}{speaker}-7.trans.txt", "".join(lines))
            for i, name in enumerate(names):
                write(chapter / f"{name}.flac", encoded(tone(speaker + i), "flac"))
    return folder


def kaldi(place: Path, speakers: int, utterances: int = 2) -> Path:
    """A data directory with its WAV files in a folder of it."""
    rows = [(f"s{s}", f"s{s}-{u}") for s in range(speakers) for u in range(utterances)]
    for number, (_, name) in enumerate(rows):
        write(place / "audio" / f"{name}.wav", wav(tone(number)))
    write(place / "wav.scp", "".join(f"{name} audio/{name}.wav\n" for _, name in rows))
    write(place / "text", "".join(f"{name} said by {who[0]}\n" for who, name in rows))
    write(place / "utt2spk", "".join(f"{name} {who}\n" for who, name in rows))
    return place


class Wsj:
    """Discs with five utterances for training, two of dev93 and two of eval92."""

    TRAIN0 = ("011c0201", "011c0202", "401c0201")
    TRAIN1 = ("46nc0201", "46nc0202", "46nc0203")
    DEV = ("4k0c0301", "4k0c0302")
    TEST = ("440c0401", "440c0402")

    def __init__(self, folder: Path, flat: bool = False, upper: bool = False) -> None:
        self.folder, self.flat, self.upper = folder, flat, upper
        self._index(
            "11-13.1",
            "wsj0/doc/indices/train/tr_s_wv1.ndx",
            [
                ";; File: tr_s_wv1.ndx",
                "",
                "11_1_1:wsj0/si_tr_s/011/011c0201.wv1",
                "11_1_1:wsj0/si_tr_s/011/011c0202.wv1",
                "11_2_1:wsj0/si_tr_s/401/401c0201.wv1",
            ],
        )
        self._index(
            "13-34.1",
            "wsj1/doc/indices/si_tr_s.ndx",
            [f"13_1_1: wsj1/si_tr_s/46n/{name}.wv1" for name in self.TRAIN1],
        )
        self._index(
            "13-34.1",
            "wsj1/doc/indices/h1_p0.ndx",
            [f"13_16_1: wsj1/si_dt_20/4k0/{name}.wv1" for name in self.DEV],
        )
        self._index(
            "11-13.1",
            "wsj0/doc/indices/test/nvp/si_et_20.ndx",
            [f"11_14_1: wsj0/si_et_20/440/{name}" for name in self.TEST],
        )
        for disc, place, names in (
            ("11-1.1", "wsj0/si_tr_s/011", self.TRAIN0[:2]),
            ("11-2.1", "wsj0/si_tr_s/401", self.TRAIN0[2:]),
            ("13-1.1", "wsj1/si_tr_s/46n", self.TRAIN1),
            ("13-16.1", "wsj1/si_dt_20/4k0", self.DEV),
            ("11-14.1", "wsj0/si_et_20/440", self.TEST),
        ):
            for number, name in enumerate(names):
                write(self.path(disc, f"{place}/{name}.wv1"), sphere(tone(number)))
            lines = [f"{TEXTS[i % 2]} ({name})\n" for i, name in enumerate(names)]
            trans = self.path("11-4.1", f"wsj0/transcrp/dots/{names[0][:3]}/{names[0][:6]}00.dot")
            write(trans, "".join(lines))

    def _index(self, disc: str, path: str, lines: list[str]) -> None:
        write(self.path(disc, path), "\r\n".join(lines) + "\n")

    def path(self, disc: str, path: str) -> Path:
        path = path.upper() if self.upper else path
        return self.folder / path if self.flat else self.folder / disc / path
