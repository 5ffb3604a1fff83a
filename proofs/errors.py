"""Errors of the package, and the bases of every other package's errors.

::

    UsanceError                 anything that Usance itself raises
    +-- InputError              what came in is wrong: the caller's fault; says which field and what was expected
    |   +-- VerifyError         of the right form, but a signature, a proof or a figure doesn't hold
    +-- RetryableError          nothing was done; the same call may succeed later
    +-- FatalError              this process can't go on safely; the message says how to recover
        +-- InvariantError      the program contradicts itself (takes the place of a bare assert)

Messages are written for the person who has to act on them, without a trailing full stop. They never contain key
material or more than a short excerpt of what came in.
"""

from __future__ import annotations

EXCERPT_CHARS_MAX = 80


class UsanceError(Exception):
    """Base of all errors raised on purpose; ``detail`` is one line for a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InputError(UsanceError):
    """Input that is refused: ``field`` names the part, ``expected`` what would have been right (both may be empty)."""

    def __init__(self, detail: str, *, field: str = "", expected: str = "") -> None:
        super().__init__(detail)
        self.field = field
        self.expected = expected


class VerifyError(InputError):
    """Input of the right form of which a check failed: a signature, a proof, a root or a figure."""


class RetryableError(UsanceError):
    """Nothing was done, and the same call may succeed later; ``retry_after_s`` is a hint in seconds (0: none)."""

    def __init__(self, detail: str, *, retry_after_s: int = 0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class FatalError(UsanceError):
    """The process must stop; the message says what to do about it."""


class InvariantError(FatalError):
    """The program contradicts itself: a defect, never the caller's fault."""


def excerpt(value: object) -> str:
    """The repr of what came in, cut to ``EXCERPT_CHARS_MAX`` characters, for use in a message."""
    if isinstance(value, str | bytes) and len(value) > EXCERPT_CHARS_MAX:
        value = value[:EXCERPT_CHARS_MAX]
    text = repr(value)
    return text if len(text) <= EXCERPT_CHARS_MAX else text[: EXCERPT_CHARS_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"
