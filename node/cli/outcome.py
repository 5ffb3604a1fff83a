"""How a command ends: the one table of exit codes, and which error ends in which (design section 8)."""

from __future__ import annotations

from node.errors import UNBOUND, IncompleteError, ProblemError
from proofs.errors import InputError, InvariantError, RetryableError, UsanceError, VerifyError

OK, FAILED, USAGE, INCOMPLETE, NETWORK, STORAGE = range(6)

EXIT_CODES = {
    OK: "ok",
    FAILED: "a check failed: a signature, a proof, a figure, a node's certificate; or another program keeps "
    "using the key's numbers",
    USAGE: "bad usage or input: an argument, a file, or a record that the node refuses; the line says what to change",
    INCOMPLETE: "good as far as it goes: something is missing that was asked for",
    NETWORK: "the node can't be reached, is busy or stopping: the same command may succeed later",
    STORAGE: "storage: a file can't be written, a database can't be opened; or a defect of this program",
    130: "interrupted",
}
"""Every exit code with its meaning."""

_SEQUENCE = "usance:sequence"


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends a command with."""
    if isinstance(error, IncompleteError):
        return INCOMPLETE
    if isinstance(error, RetryableError):
        return NETWORK
    if isinstance(error, ProblemError):
        if error.type == _SEQUENCE:
            return FAILED
        return NETWORK if error.status == 429 or error.status >= 500 else USAGE
    if isinstance(error, VerifyError):
        return FAILED
    return USAGE if isinstance(error, InputError) else STORAGE


def describe(error: Exception) -> tuple[str, int]:
    """One line for a person, and the exit code."""
    code = exit_code(error)
    if isinstance(error, InvariantError):
        return f"a defect of this program: {error.detail}; please report it", code
    if isinstance(error, InputError):
        return explain(error), code
    if isinstance(error, UsanceError):
        return error.detail, code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", code
    return f"a defect of this program ({type(error).__name__}: {error}); run it with --debug and report it", code


def explain(error: InputError) -> str:
    """What is wrong, where, and what was expected, in one line."""
    where = error.field
    if isinstance(error, ProblemError):
        if error.position is not None:
            where = f"record {error.position}{', ' + where if where else ''}"
        if (error.type, error.expected) == UNBOUND:
            return f"{error.detail}: it has no party on this log yet; run `usance party NAME` with it first ({where})"
        if error.status == 403 or error.type != "about:blank":
            where = f"{where + '; ' if where else ''}{error.status} {error.type.removeprefix('about:')}"
    tail = f": expected {error.expected}" if error.expected else ""
    return f"{error.detail} ({where}{tail})" if where else f"{error.detail}{tail.replace(': ', '; ', 1)}"
