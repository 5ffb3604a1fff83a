"""What a record commits to without showing it (design section 4): hidden fields, and the single calls behind a usage.

Two lists, each an RFC 6962 tree whose root stands in the usage; the leaves stay with whoever logged it:

* `commitment`: canonical `[salt, name, value]`, leaf i for name i of `names`;
* `detail`: canonical `[salt, call, at, quantities]`, one for each of the `calls`.

A leaf is shown later with its path. Its salt, 16 bytes or more of fresh randomness, keeps the others from being
guessed; erasing it erases what it hides. Salts come from the caller: nothing here is random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofs import codec, merkle
from proofs.errors import InputError, VerifyError
from proofs.fields import is_quantities, is_text

SALT_BYTES_MIN = 16
SALT_BYTES_MAX = 1024


@dataclass(frozen=True, slots=True)
class Field:
    """A hidden field. `value`: anything that canonical MessagePack has."""

    salt: bytes
    name: str
    value: Any

    def leaf(self) -> bytes:
        """The leaf's bytes. Raises InputError for what a leaf can't hold."""
        check_salt(self.salt)
        if not is_text(self.name):
            raise InputError("not a field's name", field="name", expected="1 to 1,024 bytes of text")
        return codec.encode([self.salt, self.name, self.value])


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a usage that stands for many. `at`: Unix milliseconds; `quantities`: as in the usage."""

    salt: bytes
    call: str
    at: int
    quantities: Mapping[str, int]

    def leaf(self) -> bytes:
        """The leaf's bytes. Raises InputError for what a leaf can't hold."""
        check_salt(self.salt)
        if not is_text(self.call):
            raise InputError("not a call's id", field="call", expected="1 to 1,024 bytes of text")
        if type(self.at) is not int or not 0 <= self.at <= codec.INT_MAX:
            raise InputError("not a call's time", field="at", expected="milliseconds since 1970")
        if not is_quantities(codec.sort_maps(self.quantities)):
            raise InputError("not a call's quantities", field="quantities", expected="1 to 8 units, each 1 or more")
        return codec.encode([self.salt, self.call, self.at, dict(self.quantities)])


def parse_field(leaf: bytes) -> Field:
    """The hidden field in a disclosed leaf. Raises InputError for anything but canonical `[salt, name, value]`."""
    value = codec.decode(leaf, field="leaf")
    if type(value) is not list or len(value) != 3:
        raise InputError("not a hidden field", field="leaf", expected="[salt, name, value]")
    found = Field(*value)
    found.leaf()
    return found


def parse_call(leaf: bytes) -> Call:
    """The call in a disclosed leaf. Raises InputError for anything but canonical `[salt, call, at, quantities]`."""
    value = codec.decode(leaf, field="leaf")
    if type(value) is not list or len(value) != 4 or type(value[3]) is not dict:
        raise InputError("not a call", field="leaf", expected="[salt, call, at, quantities]")
    found = Call(*value)
    found.leaf()
    return found


def hide(values: Mapping[str, Any], salts: Sequence[bytes]) -> list[Field]:
    """The fields of a commitment to these values, in the order of `names`; one fresh salt each.

    Raises InputError for a bad name, a value that canonical MessagePack hasn't, a short salt or one used twice.
    """
    if len(salts) != len(values) or len(set(salts)) != len(salts):
        raise InputError("not a salt for each", field="salts", expected=f"{len(values)} salts, all different")
    fields = [Field(salt, name, values[name]) for salt, name in zip(salts, sorted(values), strict=True)]
    for field in fields:
        field.leaf()
    return fields


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves' bytes: what `commitment` or `detail` of the usage says."""
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])


def path(leaves: Sequence[bytes], position: int) -> tuple[bytes, ...]:
    """The inclusion path of the leaf at this position. Raises InputError where there is none."""
    if not 0 <= position < len(leaves):
        raise InputError(f"no leaf {position}", field="position", expected=f"0 to {len(leaves) - 1}")
    joined = merkle.all_paths([merkle.leaf_hash(leaf) for leaf in leaves])[position]
    return tuple(joined[at : at + merkle.HASH_BYTES] for at in range(0, len(joined), merkle.HASH_BYTES))


def check_field(body: Mapping[str, Any], *, position: int, leaf: bytes, path: Sequence[bytes]) -> Field:
    """The field that this leaf discloses of a checked usage body. Raises VerifyError where the body doesn't commit to
    it, at that position and under that name; InputError where it is no hidden field."""
    names = committed(body, "names", "commitment", position)
    found = parse_field(leaf)
    merkle.check_inclusion(
        index=position, size=len(names), leaf=merkle.leaf_hash(leaf), path=path, root=body["commitment"]
    )
    if found.name != names[position]:
        raise VerifyError("a field under another name", field="name", expected=names[position])
    return found


def check_call(body: Mapping[str, Any], *, position: int, leaf: bytes, path: Sequence[bytes]) -> Call:
    """The call that this leaf discloses of a checked usage body. Raises as `check_field`."""
    count = committed(body, "calls", "detail", position)
    found = parse_call(leaf)
    merkle.check_inclusion(index=position, size=count, leaf=merkle.leaf_hash(leaf), path=path, root=body["detail"])
    return found


def committed(body: Mapping[str, Any], counted: str, root_field: str, position: int) -> Any:
    """What `counted` of a checked body says of the leaves under `root_field`: names, or how many. Raises VerifyError
    where it has no such root, or no leaf at that position."""
    if root_field not in body:
        raise VerifyError(f"the record has no {root_field}", field=root_field, expected=f"a record with {root_field}")
    found = body[counted]
    count = found if type(found) is int else len(found)
    if not 0 <= position < count:
        raise VerifyError(f"no leaf {position} among {count}", field="position", expected=f"0 to {count - 1}")
    return found


def check_salt(salt: bytes) -> None:
    """Raise InputError for what is no salt of SALT_BYTES_MIN to SALT_BYTES_MAX bytes."""
    if type(salt) is not bytes or not SALT_BYTES_MIN <= len(salt) <= SALT_BYTES_MAX:
        raise InputError("a salt that is too short", field="salt", expected=f"{SALT_BYTES_MIN} bytes or more, random")
