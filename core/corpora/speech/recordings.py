"""Folders of recordings: which layout one has, and what it lists."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.corpora import wsj
from core.corpora.speech import kaldi, librispeech, transcripts
from core.corpora.speech.listing import Listing, readable
from core.errors import BadInput

Layout = Literal["librispeech", "kaldi", "wsj", "transcripts"]


def find(folder: Path, vp: wsj.Punctuation = "keep") -> tuple[Layout, Listing]:
    """The layout of a folder and its utterances; no audio is read.

    vp: what becomes of the verbalized punctuation of WSJ. Raises BadInput for a folder in none of
    the layouts, or one that is incomplete or cannot be read.
    """
    with readable(folder):
        return _find(folder.absolute(), vp)


def _find(folder: Path, vp: wsj.Punctuation) -> tuple[Layout, Listing]:
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}: give the one that holds the recordings.")
    if kaldi.recognizes(folder):
        return "kaldi", kaldi.read(folder)
    if librispeech.recognizes(folder):
        return "librispeech", librispeech.read(folder)
    if wsj.recognizes(folder):
        return "wsj", wsj.read(folder, vp)
    if transcripts.recognizes(folder):
        return "transcripts", transcripts.read(folder)
    raise BadInput(
        f"{folder} is in no layout that is known: give a folder with LibriSpeech's parts, a Kaldi "
        "data directory (wav.scp and text), the WSJ discs, or recordings with one transcript file "
        "(CSV, TSV or JSON lines)."
    )
