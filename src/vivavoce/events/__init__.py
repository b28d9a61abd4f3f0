"""The words of the Realtime API, and nothing about what they mean."""

from vivavoce.events.codec import Event, decode, encode
from vivavoce.events.word import Unknown, Word

__all__ = ["Event", "Unknown", "Word", "decode", "encode"]
