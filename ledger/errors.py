"""Errors of the ledger, on the bases of proofs/errors.py::

InputError
+-- Refusal          a batch is refused: HTTP status, problem type, position, field, expectation
FatalError
+-- StorageError     the store failed or holds something else than was written; says how to recover
|   +-- UnreadableError  rows whose checksum doesn't match, or that the disk doesn't give
+-- StartupError     the node must not run on this folder as it is; says what to do
"""

from __future__ import annotations

from typing import Any

from proofs.errors import FatalError, InputError

SEQUENCE = "usance:sequence"
STALE = "usance:stale"
HISTORY = "usance:history"
TERMS = "usance:terms"
SIGNATURE = "usance:signature"
KEY = "usance:key"
FIELD = "usance:field"
RULE = "usance:rule"
QUOTA = "usance:quota"
CLOSED = "usance:closed"

PROBLEM_TYPES = (SEQUENCE, STALE, HISTORY, TERMS, SIGNATURE, KEY, FIELD, RULE, QUOTA, CLOSED)
"""The problem types of refused batches (design section 3.4), and those of quotas and of a log that has ended."""


class Refusal(InputError):
    """A batch that is not taken, whole. `status`: the HTTP status; `type`: one of PROBLEM_TYPES; `position`: index of
    the record within the batch, or None where the batch as such is refused; `extra`: what else helps, by name."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        type: str,
        position: int | None = None,
        field: str = "",
        expected: str = "",
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, field=field, expected=expected)
        self.status = status
        self.type = type
        self.position = position
        self.extra = extra or {}


class RuleRefusal(Refusal):
    """A state rule that doesn't hold (422 usance:rule unless said); the append path adds the position."""

    def __init__(
        self, detail: str, *, field: str, expected: str, type: str = RULE, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail, status=422, type=type, field=field, expected=expected, extra=extra)


class StorageError(FatalError):
    """The store can't be relied on: it failed, or holds something else than was written."""


class UnreadableError(StorageError):
    """Rows of the database can't be read: a checksum doesn't match, or the disk fails."""


class StartupError(FatalError):
    """The node must not run on this folder as it is; the message says why and what to do."""
