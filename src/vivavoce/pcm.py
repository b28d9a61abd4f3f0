"""Audio as numbers: 24 kHz, 16-bit, mono, little-endian; the one format of the whole program.

The Realtime API takes only "24 kHz mono signed 16-bit LE" (reference section 1.1), so positions are counted in samples of
it and milliseconds are derived, always rounded down: a server refuses a cut beyond what it sent.
"""

from __future__ import annotations

RATE_HZ = 24_000
SAMPLE_BYTES = 2
BYTES_PER_MS = RATE_HZ * SAMPLE_BYTES // 1000
SAMPLES_PER_MS = RATE_HZ // 1000
BLOCK_MS = 20
BLOCK_SAMPLES = RATE_HZ * BLOCK_MS // 1000
BLOCK_BYTES = BLOCK_SAMPLES * SAMPLE_BYTES


def bytes_to_ms(count: int) -> int:
    """Whole milliseconds in `count` bytes, rounded down."""
    return count // BYTES_PER_MS


def ms_to_bytes(ms: float) -> int:
    """Bytes of `ms` milliseconds, a whole number of samples, rounded down."""
    return int(ms * RATE_HZ // 1000) * SAMPLE_BYTES


def samples_to_ms(count: int) -> int:
    """Whole milliseconds in `count` samples, rounded down."""
    return count // SAMPLES_PER_MS


def silence(ms: float) -> bytes:
    """`ms` milliseconds of silence."""
    return bytes(ms_to_bytes(ms))


def even(pcm: bytes) -> bytes:
    """`pcm` without a half sample at its end."""
    return pcm[: len(pcm) & ~1]


def peak(pcm: bytes) -> int:
    """The largest sample, its sign left out; 0 where there is no sound."""
    samples = memoryview(even(pcm)).cast("h")
    return max(max(samples, default=0), -min(samples, default=0))
