"""Key files: Ed25519 private keys as PKCS#8 PEM with mode 0600, readable by `openssl pkey` (design section 2).

Messages name the file, never its content.
"""

from __future__ import annotations

import os
import stat

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.errors import InputError

KEY_FILE_BYTES_MAX = 16_384


def new_key(path: str) -> Ed25519PrivateKey:
    """Make a key and its file, durably. Raises InputError where the file exists or can't be made."""
    key = Ed25519PrivateKey.generate()
    save_key(path, key)
    return key


def save_key(path: str, key: Ed25519PrivateKey) -> None:
    """Write a key to a new file, durably. Raises InputError where the file exists or can't be made."""
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(
            f"{path} exists already", field="FILE", expected="a new file: keys are never replaced"
        ) from None
    except OSError as error:
        raise InputError(f"can't make {path}: {error.strerror}", field="FILE", expected="a writable folder") from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def load_key(path: str) -> Ed25519PrivateKey:
    """Read a key file. Raises InputError where it is missing, readable by others, or no Ed25519 key."""
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(KEY_FILE_BYTES_MAX)
    except OSError as error:
        raise InputError(f"can't read the key {path}: {error.strerror}", field="key", expected="a key file") from None
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(f"{path} holds no private key", field="key", expected="an unencrypted PKCS#8 PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} holds another kind of key", field="key", expected="an Ed25519 key")
    if mode & 0o077:
        raise InputError(
            f"{path} has mode {mode:04o}: others can read this key",
            field="key",
            expected=f"mode 0600: chmod 600 {path}",
        )
    return key
