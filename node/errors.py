"""Errors of the client side, on the bases of proofs/errors.py::

    RetryableError
    +-- NetworkError        the node can't be reached, is busy, or answers as no node does
    InputError
    +-- ProblemError        the node refused the request (problem+json): status, type, position, field, expectation
    +-- FileError           a file of the user's can't be read or is not what it should be
    +-- VerifyError
        +-- CertificateError  the node's TLS certificate has expired, is another host's, or signed by nobody trusted
        +-- ForkError       the log has shown two histories: what it shows now isn't a continuation of what was seen
        +-- BackupDamage    a backup file isn't what was written; says where
    UsanceError
    +-- IncompleteError     good as far as it goes, but not all that was asked for

How they end a command is one table, in node/cli/outcome.py.
"""

from __future__ import annotations

from typing import Any

from proofs.errors import InputError, RetryableError, UsanceError, VerifyError

UNBOUND = ("usance:key", "a first record of kind party")
"""Type and expectation of the refusal of a key that has no party on the log yet."""


class NetworkError(RetryableError):
    """The node can't be reached, is busy, or its answer is no node's; the same call may succeed later."""


class ProblemError(InputError):
    """A refusal by the node. `status`: the HTTP status; `type`: the problem's type (`usance:…` or `about:blank`);
    `position`: index of the record within its batch, None where the batch as such is refused; `extra`: what else the
    problem says."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        type: str = "about:blank",
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


class FileError(InputError):
    """A file that the user named can't be read, exists already, or is not what it should be."""


class CertificateError(VerifyError):
    """The node's TLS certificate doesn't hold: trying again is no use."""


class ForkError(VerifyError):
    """Two signed checkpoints of one log that no tree has both of, or a log that shrank: keep both notes."""


class BackupDamage(VerifyError):
    """A backup file isn't what was written. `offset`: of the block in question, in bytes."""

    def __init__(self, detail: str, *, offset: int) -> None:
        super().__init__(f"{detail}, at byte {offset}", field="FILE", expected="the bytes that a backup wrote")
        self.offset = offset


class IncompleteError(UsanceError):
    """What was done is right, but it isn't all that was asked for; the message says what is missing."""


def why_not_sent(error: UsanceError) -> str:
    """Why nothing is sent, and what the key's owner can do about it."""
    if isinstance(error, ProblemError) and (error.type, error.expected) == UNBOUND:
        return f"{error.detail}: it has no party on this log yet; run `usance party NAME` with it first"
    return error.detail
