"""Reading WAV, FLAC and SPHERE (embedded shorten included), by FFmpeg through PyAV."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from core.corpora.speech.utterances import RATE
from core.errors import BadInput

MAX_BYTES = 50_000_000  # of an uploaded file
LONGEST = 30.0  # seconds of an uploaded file
SHORTEST = 0.1
SILENCE = 1e-3  # a recording whose samples all stay below it says nothing

# By their first four bytes, and read as nothing else: FFmpeg knows formats that open other files.
_FORMATS = {b"RIFF": "wav", b"fLaC": "flac", b"NIST": "nistsphere"}


class Unreadable(Exception):
    """Audio that cannot be read; the message is a few words on why."""


def read(file: Path | BinaryIO, longest: float) -> np.ndarray:
    """Audio as mono float32 [samples] at `RATE` in −1..1; channels are mixed, rates converted.

    Raises Unreadable for what is not whole WAV, FLAC or SPHERE audio, or has more than `longest`
    seconds.
    """
    if isinstance(file, Path):
        try:
            with file.open("rb") as opened:
                return read(opened, longest)
        except FileNotFoundError:
            raise Unreadable("there is no such file") from None
        except OSError as problem:
            raise Unreadable(f"it cannot be read: {problem.strerror}") from problem
    head = file.read(8)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    form = _FORMATS.get(head[:4])
    if form is None:
        raise Unreadable("it is not WAV, FLAC or SPHERE audio")
    stated = int.from_bytes(head[4:], "little")
    # FFmpeg takes a WAV file cut short for a short one. A writer to a pipe leaves 0 or the maximum.
    if form == "wav" and size < 8 + stated < 0xFFFFFFFF:
        raise Unreadable(f"it ends after {size:,} of {8 + stated:,} bytes")
    try:
        with av.open(file, mode="r", format=form) as container:
            return _decoded(container, longest)
    except (av.FFmpegError, ValueError) as problem:
        raise Unreadable("its audio is broken") from problem


def _decoded(container: av.container.InputContainer, longest: float) -> np.ndarray:
    if not container.streams.audio:
        raise Unreadable("it holds no audio")
    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="fltp", rate=RATE)
    parts, count = list[np.ndarray](), 0
    for frame in container.decode(stream):
        count += frame.samples
        if count > longest * stream.rate:
            raise Unreadable(f"it is longer than {longest:g} seconds")
        parts += [out.to_ndarray() for out in resampler.resample(frame)]
    if not count:
        raise Unreadable("it holds no audio")
    stated = round(float((stream.duration or 0) * (stream.time_base or 0)) * stream.rate)
    if count < stated:
        raise Unreadable(f"it ends after {count:,} of {stated:,} samples")
    parts += [out.to_ndarray() for out in resampler.resample(None)]
    samples: np.ndarray = np.concatenate(parts, 1).mean(0)  # over the channels
    if not np.isfinite(samples).all():
        raise Unreadable("its audio is broken")
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
        samples = read(io.BytesIO(data), LONGEST)
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
