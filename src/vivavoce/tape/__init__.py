"""Every input of a session kept, replayed, drawn. The format is documented in docs/tape.md."""
