"""Guava's murmur3_128 with seed 0, which Flink derives operator ids with."""

from __future__ import annotations

_MASK = 2**64 - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _finish(value: int) -> int:
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK
    return value ^ (value >> 33)


def murmur3_128(data: bytes) -> bytes:
    """Return the 16 bytes of MurmurHash3 x64 128 of ``data`` with seed 0."""
    h1 = h2 = 0
    tail = len(data) // 16 * 16
    for offset in range(0, tail, 16):
        k1 = int.from_bytes(data[offset : offset + 8], "little")
        k2 = int.from_bytes(data[offset + 8 : offset + 16], "little")
        h1 ^= (_rotate((k1 * _C1) & _MASK, 31) * _C2) & _MASK
        h1 = ((_rotate(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= (_rotate((k2 * _C2) & _MASK, 33) * _C1) & _MASK
        h2 = ((_rotate(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    rest = data[tail:]
    k1, k2 = int.from_bytes(rest[:8], "little"), int.from_bytes(rest[8:], "little")
    h2 ^= (_rotate((k2 * _C2) & _MASK, 33) * _C1) & _MASK
    h1 ^= (_rotate((k1 * _C1) & _MASK, 31) * _C2) & _MASK
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _finish(h1), _finish(h2)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return h1.to_bytes(8, "little") + h2.to_bytes(8, "little")
