"""Tokens of those who may read, where `admission.readers` is token (design section 8), or ask for matches.

A token is 32 random bytes, shown once, when it is made. The node's folder keeps a name and the SHA-256 of each in
`tokens.json`, mode 0600. A running node sees a change within RELOAD_S seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from ledger.signrecord import write_durably
from node.logs import event
from proofs.errors import InputError, excerpt

log = logging.getLogger("usance.node")

TOKENS_FILE = "tokens.json"
FORMAT = "usance/tokens/v1"
FILE_BYTES_MAX = 256 * 1024
TOKENS_MAX = 256
RELOAD_S = 1.0
PREFIX = "usance_"
READ, DETECT = "read", "detect"
SCOPES = (READ, DETECT)
"""What a token may be for: routes that read, and those of detection."""
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_SCOPE_SETS = ((READ,), (DETECT,), (READ, DETECT))


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. `sha256`: of its text, in hex; `created`: Unix milliseconds; `may`: some of SCOPES."""

    name: str
    sha256: str
    created: int
    may: tuple[str, ...] = (READ,)

    def row(self) -> dict[str, Any]:
        """As the file has it. Without `may` one is for reading alone, as all were once."""
        row = asdict(self)
        if self.may == (READ,):
            del row["may"]
        return row


def check_name(name: str) -> str:
    """A token's name. Raises InputError."""
    if _NAME.fullmatch(name) is None:
        raise InputError(f"{excerpt(name)} is no name", field="NAME", expected="1 to 64 of A-Z a-z 0-9 . _ @ -")
    return name


def check_folder(folder: str) -> None:
    """Raise InputError unless it is a node's."""
    if not os.path.exists(os.path.join(folder, "node.toml")):
        raise InputError(f"{folder} holds no node", field="DIR", expected="a folder that `usance node init` made")


def load_tokens(folder: str) -> list[Token]:
    """The tokens of a node's folder; none where the file is missing. Raises InputError where it can't be used."""
    path = os.path.join(folder, TOKENS_FILE)
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}", field="tokens", expected="a readable file") from None
    if mode & 0o077:
        raise InputError(
            f"{path} has mode {mode:04o}: others can read it", field="tokens", expected=f"mode 0600: chmod 600 {path}"
        )
    try:
        value = json.loads(data)
        if len(data) > FILE_BYTES_MAX or set(value) != {"format", "tokens"} or value["format"] != FORMAT:
            raise ValueError
        found = [_parse(item) for item in value["tokens"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        found = None
    if found is None or len({token.name for token in found}) != len(found) or len(found) > TOKENS_MAX:
        raise InputError(
            f"{path} can't be read", field="tokens", expected="what `usance node token` wrote; remove it to begin anew"
        )
    return found


def _parse(item: Any) -> Token:
    if type(item) is not dict or type(item.get("may", [])) is not list:
        raise ValueError
    token = Token(**{**item, "may": tuple(item.get("may", (READ,)))})
    good = (
        token.may in _SCOPE_SETS
        and _NAME.fullmatch(token.name)
        and _HEX.fullmatch(token.sha256)
        and type(token.created) is int
    )
    if not good:
        raise ValueError
    return token


@contextlib.contextmanager
def _changing(folder: str) -> Iterator[list[Token]]:
    """The tokens, to be changed in place and written; one program at a time. Raises InputError, StorageError."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"can't open {folder}: {error.strerror}", field="DIR", expected="a node's folder") from None
    try:
        check_folder(folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        tokens = load_tokens(folder)
        yield tokens
        text = json.dumps({"format": FORMAT, "tokens": [token.row() for token in tokens]}, indent=1)
        write_durably(os.path.join(folder, TOKENS_FILE), text.encode() + b"\n", mode=0o600)
    finally:
        os.close(handle)


def add_token(folder: str, name: str, *, now_ms: int, may: Sequence[str] = (READ,)) -> str:
    """Make a token; its text, which is kept nowhere. `may`: what it is for. Raises InputError, StorageError."""
    check_name(name)
    scopes = tuple(scope for scope in SCOPES if scope in may)
    if not scopes or len(scopes) != len(set(may)):
        raise InputError("a token for nothing that there is", field="--may", expected=" or ".join(SCOPES))
    text = PREFIX + secrets.token_urlsafe(32)
    with _changing(folder) as tokens:
        if any(token.name == name for token in tokens):
            raise InputError(f"there is a token {name} already", field="NAME", expected="another name, or remove it")
        if len(tokens) >= TOKENS_MAX:
            raise InputError("too many tokens", field="NAME", expected=f"at most {TOKENS_MAX}: remove some")
        tokens.append(Token(name, _digest(text), now_ms, scopes))
    return text


def remove_token(folder: str, name: str) -> None:
    """Forget a token. Raises InputError where there is none of the name, StorageError."""
    with _changing(folder) as tokens:
        kept = [token for token in tokens if token.name != name]
        if len(kept) == len(tokens):
            raise InputError(
                f"there is no token {excerpt(name)}",
                field="NAME",
                expected="one that `usance node token DIR list` names",
            )
        tokens[:] = kept


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens:
    """The tokens of a running node, read again when the file changes. Owner: the event loop."""

    def __init__(self, folder: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock()`: seconds, never backwards. Raises InputError where the file can't be used."""
        self._folder = folder
        self._path = os.path.join(folder, TOKENS_FILE)
        self._clock = clock
        self._seen = self._stat()
        self._tokens = load_tokens(folder)
        self._next_s = clock() + RELOAD_S

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, text: str) -> Token | None:
        """What is known of a token, None for one that isn't. Every known one is compared, in constant time."""
        if self._clock() >= self._next_s:
            self.refresh()
        digest = _digest(text)
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def refresh(self) -> None:
        """Look at the file, and read it again if it has changed. One that can't be used leaves the tokens as they are;
        one that is gone leaves none."""
        self._next_s = self._clock() + RELOAD_S
        seen = self._stat()
        if seen == self._seen:
            return
        try:
            self._tokens = load_tokens(self._folder)
            log.info("%d known", len(self._tokens), extra=event("tokens", count=len(self._tokens)))
        except InputError as error:
            log.error("the tokens are as they were: %s; %s", error.detail, error.expected, extra=event("tokens-failed"))
        self._seen = seen

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
