"""Texts in several scripts, put together from a few words."""

from __future__ import annotations

import random

WORDS = {
    "russian": "кот пёс дом лес река поле мама вода звезда утро",
    "greek": "λόγος θάλασσα μέρα νύχτα πέτρα φως",
    "chinese": "山 水 火 木 人 大 小 日 月 天",
    "arabic": "كتاب قلم بيت ماء شمس قمر",
    "hindi": "पानी किताब घर हिंदी सूरज चाँद",
}
ENDS = {"chinese": "。", "hindi": "।"}
SYMBOLS = {  # each code point once, in any order
    "russian": " .авдезклмопрстуё",
    "greek": " .άέαγθλμνοπρςστφχωόύ",
    "chinese": "。人大天小山日月木水火",
    "arabic": " .ءابترسشقكلمي",
    "hindi": " ँंकघचजतदनपबरसहािीू।",
}


def lines(script: str, count: int = 400) -> list[str]:
    """Sentences of five words in varying order, the first letter a capital where there are any."""
    chance, between = random.Random(script), "" if script == "chinese" else " "
    words, end = WORDS[script].split(), ENDS.get(script, ".")
    return [between.join(chance.choices(words, k=5)).capitalize() + end for _ in range(count)]


def text(script: str, count: int = 400) -> bytes:
    """These sentences, a line each."""
    return "\n".join(lines(script, count)).encode()
