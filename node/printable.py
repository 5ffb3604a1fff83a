"""Text of strangers, made safe to print: on a terminal, and in a log of one line a message."""

from __future__ import annotations


def safe_line(text: str) -> str:
    """The text on one line: control, bidirectional and other unprintable characters are written as escapes, so that
    what a stranger wrote can't move the cursor or reorder what is read."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
