"""Text from files, made safe to print: a layer's name may hold line breaks or a terminal's escape codes."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """Return the text with each run of white space as one space, and no character that a terminal acts upon."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
