"""Errors of the spool, on the bases of proofs/errors.py::

VerifyError
+-- DamageError     a segment holds something else than was written; says which, where, and what became of it
RetryableError
+-- SpoolBusyError  another program is sending from the same spool
"""

from __future__ import annotations

from proofs.errors import RetryableError, VerifyError


class DamageError(VerifyError):
    """A segment that isn't what was written. `position`: the offset, in bytes, up to which everything is good."""

    def __init__(self, detail: str, *, position: int) -> None:
        super().__init__(detail, field="segment", expected="the bytes that were written")
        self.position = position


class SpoolBusyError(RetryableError):
    """Another program is sending from the same spool; what is in it is on its way."""
