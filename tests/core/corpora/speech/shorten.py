"""A small encoder of shorten 2, and the SPHERE files of the WSJ discs, for tests to read back."""

from __future__ import annotations

import numpy as np

BLOCK = 256
_QUIT, _BLOCKSIZE = 4, 5
_FUNCTION, _ENERGY, _ULONG = 2, 3, 2  # bits of the remainder in the Rice codes of each field


class _Bits:
    def __init__(self) -> None:
        self.text: list[str] = []

    def rice(self, value: int, bits: int) -> None:
        """The quotient by 2**bits as zeros and a one, then the remainder."""
        self.text.append("0" * (value >> bits) + "1")
        if bits:
            self.text.append(format(value & ((1 << bits) - 1), f"0{bits}b"))

    def number(self, value: int) -> None:
        bits = value.bit_length()
        self.rice(bits, _ULONG)
        self.rice(value, bits)

    def signed(self, value: int, bits: int) -> None:
        self.rice(~value << 1 | 1 if value < 0 else value << 1, bits + 1)

    def bytes(self) -> bytes:
        text = "".join(self.text)
        text += "0" * (-len(text) % 32)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def shorten(samples: np.ndarray) -> bytes:
    """Mono int16 samples as a shorten stream: each block by its best difference of order 0 to 3."""
    bits = _Bits()
    for field in (5, 1, BLOCK, 0, 0, 0):  # little-endian 16 bit, channels, block, LPC, means, skip
        bits.number(field)
    history = np.zeros(3, dtype=np.int64)
    for start in range(0, len(samples), BLOCK):
        block = samples[start : start + BLOCK].astype(np.int64)
        if len(block) < BLOCK:
            bits.rice(_BLOCKSIZE, _FUNCTION)
            bits.number(len(block))
        laid = np.concatenate([history, block])
        residuals = [np.diff(laid, order)[3 - order :] for order in range(4)]
        order = int(np.argmin([np.abs(residual).sum() for residual in residuals]))
        energy = max(0, int(np.abs(residuals[order]).mean()).bit_length() - 1)
        bits.rice(order, _FUNCTION)
        bits.rice(energy, _ENERGY)
        for residual in residuals[order].tolist():
            bits.signed(residual, energy)
        history = laid[-3:]
    bits.rice(_QUIT, _FUNCTION)
    return b"ajkg\x02" + bits.bytes()


def sphere(samples: np.ndarray, rate: int = 16_000, compressed: bool = True) -> bytes:
    """Mono int16 samples as a NIST SPHERE file, compressed as the WSJ discs have them."""
    coding = "pcm,embedded-shorten-v2.00" if compressed else "pcm"
    fields = [
        f"sample_count -i {len(samples)}",
        f"sample_rate -i {rate}",
        "channel_count -i 1",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_sig_bits -i 16",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
    ]
    head = "\n".join(["NIST_1A", "   1024", *fields, ""]).encode().ljust(1024)
    return head + (shorten(samples) if compressed else samples.astype("<i2").tobytes())
