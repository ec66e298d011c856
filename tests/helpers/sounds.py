"""Sounds that something is wrong with, for tests of reading them."""

import numpy as np

from tests.helpers.clips import chirp, registered


def not_finite():
    samples = chirp()
    samples[70_000] = np.nan
    return samples


def written(path, data):
    path.write_bytes(data)
    return registered(path)


def long(seconds):
    """Noise, of which every part is as big as the other."""
    return np.random.default_rng(3).normal(0, 0.1, 44_100 * seconds).astype(np.float32)


def unmarked(ref, at=-1):
    """Takes the mark of the last page away, with the checksum that such a page has."""
    data = bytearray(ref.path.read_bytes())
    start = data.rindex(b"OggS")
    data[start + 5] &= ~4
    data[start + 22 : start + 26] = bytes(4)
    data[start + 22 : start + 26] = ogg_checksum(data[start:])
    return written(ref.path, bytes(data))


def ogg_checksum(page):
    """CRC-32 with the polynomial 0x04C11DB7, bit by bit (RFC 3533, section 6)."""
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found & 1 << 31 else 0)) & 0xFFFFFFFF
    return found.to_bytes(4, "little")
