"""Reading WAV, FLAC and SPHERE (embedded shorten included), by FFmpeg through PyAV.

Decoders of foreign audio may crash, so they run in a process of their own: `Reader` asks it.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import BinaryIO, Self

import av
import numpy as np

from core.child import Child, Died
from core.corpora.speech.utterances import RATE
from core.errors import BadInput

MAX_BYTES = 50_000_000  # of an uploaded file
LONGEST = 30.0  # seconds of an uploaded file
SHORTEST = 0.1
SILENCE = 1e-3  # a recording whose samples all stay below it is silent
MOST_CHANNELS = 32

# Of the process that decodes: what one recording may take.
SECONDS, MEMORY_MB = 60, 2_000

# By their first four bytes, and read as nothing else: FFmpeg knows formats that open other files.
_FORMATS = {b"RIFF": "wav", b"fLaC": "flac", b"NIST": "nistsphere"}
# The least that a writer to a pipe, which cannot go back to write sizes, leaves for them, besides
# 0: sox 0x7ffff000 and some bytes of headers, others 0xffffffff.
_UNKNOWN = 0x7FFFF000
_HEADER = 1024  # bytes of a SPHERE header
_CODING = re.compile(rb"^sample_coding -s\d+ (\S+)", re.MULTILINE)
_READ = re.compile(r"pcm(,embedded-shorten-v[\d.]+)?|ulaw|mu-law|alaw", re.IGNORECASE)


class Unreadable(Exception):
    """Audio that cannot be read; the message is a few words on why."""


class Reader:
    """Reads recordings in a process of its own, started again where a recording ends it."""

    def __init__(self) -> None:
        self._child = Child("core.corpora.speech.audio:_as_bytes", MEMORY_MB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def read(self, file: Path | bytes, longest: float) -> np.ndarray:
        """As `read`; Unreadable also for what crashes the decoder or takes too much."""
        data = file if isinstance(file, bytes) else b""
        path = os.path.abspath(file) if isinstance(file, Path) else None
        try:
            samples = self._child.ask(data, seconds=SECONDS, path=path, longest=longest)
        except (BadInput, Died) as problem:
            raise Unreadable(str(problem)) from problem
        return np.frombuffer(samples, "<f4").copy()  # a buffer of bytes cannot be written to


def _as_bytes(data: bytes, path: str | None, longest: float) -> bytes:
    """What the process of a `Reader` answers: samples, or why there are none as BadInput."""
    try:
        samples = read(io.BytesIO(data) if path is None else Path(path), longest)
    except Unreadable as problem:
        raise BadInput(str(problem)) from problem
    return samples.astype("<f4").tobytes()


def read(file: Path | BinaryIO, longest: float) -> np.ndarray:
    """Audio as mono float32 [samples] at `RATE` in −1..1; channels are mixed, rates converted.

    Raises Unreadable for what is not whole WAV, FLAC or SPHERE audio, or has more than `longest`
    seconds or `MOST_CHANNELS`.
    """
    if isinstance(file, Path):
        try:
            with file.open("rb") as opened:
                return read(opened, longest)
        except FileNotFoundError:
            raise Unreadable("there is no such file") from None
        except OSError as problem:
            raise Unreadable(f"it cannot be read: {problem.strerror}") from problem
    head = file.read(_HEADER)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    form = _FORMATS.get(head[:4])
    if form is None:
        raise Unreadable("it is not WAV, FLAC or SPHERE audio")
    # FFmpeg takes a WAV file cut short for a short one.
    stated = int.from_bytes(head[4:8], "little")
    sized = form != "wav" or 0 < stated < _UNKNOWN
    if form == "wav" and sized and size < 8 + stated:
        raise Unreadable(f"it ends after {size:,} of {8 + stated:,} bytes")
    if form == "nistsphere":
        _check_coding(head)
    try:
        with av.open(file, mode="r", format=form) as container:
            return _decoded(container, longest, sized)
    except (av.FFmpegError, ValueError) as problem:
        raise Unreadable("its audio is broken") from problem


def _check_coding(head: bytes) -> None:
    """Raises Unreadable for a SPHERE coding that FFmpeg mistakes for another or does not know."""
    found = _CODING.search(head)
    coding = found[1].decode("ascii", "replace") if found else "pcm"
    if not _READ.fullmatch(coding):
        raise Unreadable(
            f"its SPHERE coding {coding[:60]} is not read (convert it by `sph2pipe -f wav`, or by "
            "`w_decode -o pcm` of NIST)"
        )


def _decoded(container: av.container.InputContainer, longest: float, sized: bool) -> np.ndarray:
    """The samples of an opened file; sized: whether the file states its length."""
    if not container.streams.audio:
        raise Unreadable("it holds no audio")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise Unreadable("its coding is not known")
    channels = stream.channels
    if channels > MOST_CHANNELS:
        raise Unreadable(f"it has {channels} channels, more than {MOST_CHANNELS}")
    # Packed, one plane for all channels: PyAV reads beyond the planes of 8 and more.
    resampler = av.AudioResampler(format="flt", rate=RATE)
    parts, count = list[np.ndarray](), 0
    for frame in container.decode(stream):
        count += frame.samples
        if count > longest * stream.rate:
            raise Unreadable(f"it is longer than {longest:g} seconds")
        parts += [out.to_ndarray() for out in resampler.resample(frame)]
    if not count:
        raise Unreadable("it holds no audio")
    stated = round(float((stream.duration or 0) * (stream.time_base or 0)) * stream.rate)
    # Some SPHERE headers count the samples of all channels together.
    if sized and count < stated and count * channels != stated:
        raise Unreadable(f"it ends after {count:,} of {stated:,} samples")
    parts += [out.to_ndarray() for out in resampler.resample(None)]
    laid = np.concatenate(parts, 1).reshape(-1, channels)
    if not np.isfinite(laid).all():
        raise Unreadable("its audio is broken")
    samples: np.ndarray = laid.mean(1)
    return samples


def read_upload(data: bytes, name: str) -> np.ndarray:
    """A user's recording as mono float32 [samples] at `RATE` in −1..1.

    Raises BadInput with one sentence for what is empty, too large, too long, too short, silent or
    not WAV, FLAC or SPHERE audio.
    """
    if not data:
        raise BadInput(f"{name} is empty: choose a file with a recording in it.")
    if len(data) > MAX_BYTES:
        raise BadInput(
            f"{name} has {len(data) / 1e6:,.0f} MB and the limit is {MAX_BYTES / 1e6:,.0f} MB: "
            f"give at most {LONGEST:g} seconds of speech."
        )
    try:
        with Reader() as reader:
            samples = reader.read(data, LONGEST)
    except Unreadable as problem:
        raise BadInput(
            f"{name} cannot be used, because {problem}: give a WAV, FLAC or SPHERE file of at most "
            f"{LONGEST:g} seconds."
        ) from problem
    if len(samples) < SHORTEST * RATE:
        raise BadInput(f"{name} is shorter than {SHORTEST:g} seconds: give a whole phrase.")
    if np.abs(samples).max() < SILENCE:
        raise BadInput(f"{name} is silent: record it again, louder.")
    return samples


def pcm(samples: np.ndarray) -> np.ndarray:
    """Samples in −1..1 as int16, which every format here comes from."""
    return (samples * 32768).round().clip(-32768, 32767).astype(np.int16)


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Mono int16 samples at another rate as float32 at `RATE` in −1..1."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    found: np.ndarray = np.concatenate([part.to_ndarray()[0] for part in parts])
    return found
