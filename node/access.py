"""What a client needs to be let in: a reader's token, and whose certificates it trusts (design section 8).

The token is sent to the node that a command names and to no other; it stands in no message.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from proofs.errors import InputError

TOKEN_FILE_BYTES_MAX = 1024
TOKEN_VARIABLE = "USANCE_TOKEN"
CA_VARIABLE = "USANCE_CA_FILE"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,512}=*")


@dataclass(frozen=True, slots=True)
class Access:
    """`token`: None where the node asks for none; `ca_file`: certificates (PEM) trusted in place of the system's."""

    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    def tls_context(self) -> ssl.SSLContext:
        """What connections to https nodes are checked by: the chain, its dates, the host. Raises InputError where the
        file can't be used."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
            raise InputError(
                f"can't use the certificates in {self.ca_file}: {why or 'no PEM certificate in it'}", field="--ca-file",
                expected="a PEM file of the authority that signed the node's certificate",
            ) from None  # fmt: skip


PUBLIC = Access()


def find_access(environment: Mapping[str, str], *, token_file: str | None = None, ca_file: str | None = None) -> Access:
    """From a token's file, or USANCE_TOKEN (the token itself); and from a file of certificates, or USANCE_CA_FILE.
    Raises InputError."""
    text = _read_token(token_file) if token_file else environment.get(TOKEN_VARIABLE)
    if text is not None and _TOKEN.fullmatch(text) is None:
        what = token_file or TOKEN_VARIABLE
        raise InputError(f"{what} holds no token", field="--token-file", expected="one line, as the operator gave it")
    return Access(text or None, ca_file or environment.get(CA_VARIABLE) or None)


def _read_token(path: str) -> str:
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(TOKEN_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(
            f"can't read the token {path}: {error.strerror}", field="--token-file", expected="a readable file"
        ) from None
    if mode & 0o077:
        raise InputError(
            f"{path} has mode {mode:04o}: others can read this token", field="--token-file",
            expected=f"mode 0600: chmod 600 {path}",
        )  # fmt: skip
    return data.decode("ascii", "replace").strip()
