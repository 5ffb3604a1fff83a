"""Numbers and binaries as they stand in lines of text: one form each, so that what was read prints back the same.

Decimals as the C2SP documents write them (no sign, no leading zero, ASCII digits), base64 as RFC 4648 section 4 with
canonical padding, and UTF-8 without the control characters that a line can't hold.
"""

from __future__ import annotations

import base64
import binascii
import re

from proofs.errors import InputError, excerpt
from proofs.merkle import HASH_BYTES, SIZE_MAX

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def parse_decimal(text: str, *, field: str, maximum: int = SIZE_MAX) -> int:
    """A decimal from 0 to ``maximum`` (at most 2^63 - 1). Raises ``InputError`` that names ``field``."""
    if not _DECIMAL.fullmatch(text) or (value := int(text)) > min(maximum, SIZE_MAX):
        raise InputError(
            f"{field} is {excerpt(text)}", field=field, expected=f"a decimal from 0 to {maximum} without leading zeros"
        )
    return value


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str, *, field: str) -> bytes:
    """The bytes of standard base64 in its canonical form (padding, no stray bits). Raises ``InputError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or encode_base64(data) != text:
        raise InputError(f"{field} is {excerpt(text)}", field=field, expected="canonical base64")
    return data


def parse_hash(text: str, *, field: str) -> bytes:
    """A SHA-256 hash in base64: exactly 32 bytes. Raises ``InputError``."""
    digest = parse_base64(text, field=field)
    if len(digest) != HASH_BYTES:
        raise InputError(f"{field} has {len(digest)} bytes", field=field, expected=f"base64 of {HASH_BYTES} bytes")
    return digest


def decode_utf8(data: bytes, *, field: str, bytes_max: int) -> str:
    """UTF-8 text of at most ``bytes_max`` bytes without ASCII control characters but newline. Raises ``InputError``."""
    if len(data) > bytes_max:
        raise InputError(f"{field} has {len(data)} bytes", field=field, expected=f"at most {bytes_max} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{field} is not UTF-8", field=field, expected="UTF-8") from None
    if any(character < " " and character != "\n" for character in set(text)):
        raise InputError(f"{field} holds a control character", field=field, expected="no control characters")
    return text
