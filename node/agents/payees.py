"""payees.toml: whose money goes to which account. Private, never on the log (design section 6, docs/settlement.md).

The file has mode 0600. Whoever can write it decides where money goes, so a file that others can even read is refused.
Messages name the key that is wrong, never the bank details in it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.agents.iban import check_bic, check_iban
from node.errors import FileError
from node.ownfiles import unblocked
from proofs.errors import InputError
from proofs.fields import is_text

PAYEES_BYTES_MAX = 8 * 1024 * 1024
PAYEES_MAX = 20_000
NAME_CHARS_MAX = 70
ACCOUNT_CHARS_MAX = 140
_PARTY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARTY_EXPECTED = "64 hexadecimal digits in lower case: the party's first key"


@dataclass(frozen=True, slots=True)
class Account:
    """Where money goes to or comes from. `iban`, `account` (free text, for CSV) or both are given; "" is none."""

    name: str
    iban: str = field(default="", repr=False)
    bic: str = field(default="", repr=False)
    account: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Payees:
    """The file's content. `payer`: the party, 32 bytes, whose payments leave from `debtor`; `accounts` by payee."""

    payer: bytes
    debtor: Account
    accounts: Mapping[bytes, Account]


def load_payees(path: str) -> Payees:
    """Read payees.toml. Raises FileError where it is missing, too large, readable by others, or wrong in a key."""
    try:
        with open(path, "rb", opener=unblocked) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path} is no file", field="payees", expected="a payees.toml")
            data = file.read(PAYEES_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="payees", expected="a payees.toml") from None
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise FileError(
            f"{path} has mode {mode:04o}: others can read or change the bank details",
            field="payees",
            expected=f"mode 0600: chmod 600 {path}",
        )
    try:
        return parse_payees(data)
    except InputError as error:
        raise FileError(f"{path}: {error.detail}", field=error.field, expected=error.expected) from None


def parse_payees(data: bytes) -> Payees:
    """The content of a payees.toml. Raises InputError, naming the key, for anything that doesn't stand in
    docs/settlement.md."""
    if len(data) > PAYEES_BYTES_MAX:
        raise InputError("too large", field="payees", expected=f"at most {PAYEES_BYTES_MAX} bytes")
    try:
        value = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not TOML: {error}"[:200], field="payees", expected="TOML in UTF-8") from None
    _known(value, {"debtor", "payees"}, "")
    debtor = _table(value, "debtor", "")
    listed = _table(value, "payees", "")
    if len(listed) > PAYEES_MAX:
        raise InputError(f"{len(listed)} payees", field="payees", expected=f"at most {PAYEES_MAX}")
    payer = _party(debtor.pop("party", None), "debtor.party")
    accounts = {}
    for name in listed:
        where = f"payees.{name[:80]}"
        party = _party(name, where)
        accounts[party] = _account(_table(listed, name, "payees."), where)
    return Payees(payer, _account(debtor, "debtor"), accounts)


def _known(table: dict[str, Any], names: set[str], where: str) -> None:
    for name in table:
        if name not in names:
            raise InputError(
                "an unknown key", field=f"{where}{name[:80]}", expected=f"one of {', '.join(sorted(names))}"
            )


def _table(value: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    found = value.get(name)
    if type(found) is not dict:
        what = "is no table" if name in value else "is missing"
        raise InputError(f"[{where}{name[:80]}] {what}", field=f"{where}{name[:80]}", expected="a table")
    return found


def _party(value: Any, where: str) -> bytes:
    if type(value) is not str or _PARTY.fullmatch(value) is None:
        raise InputError("no party", field=where, expected=_PARTY_EXPECTED)
    return bytes.fromhex(value)


def _account(table: dict[str, Any], where: str) -> Account:
    _known(table, {"name", "iban", "bic", "account"} | ({"party"} if where == "debtor" else set()), f"{where}.")
    name = _text(table, "name", where, chars_max=NAME_CHARS_MAX)
    iban = _text(table, "iban", where, chars_max=42)
    bic = _text(table, "bic", where, chars_max=11)
    account = _text(table, "account", where, chars_max=ACCOUNT_CHARS_MAX)
    if not name:
        raise InputError("a name is missing", field=f"{where}.name", expected="the account holder's name")
    if not iban and not account:
        raise InputError("no account", field=f"{where}.iban", expected="iban, or account (free text) for CSV")
    if bic and not iban:
        raise InputError("a BIC without an IBAN", field=f"{where}.bic", expected="iban as well, or no bic")
    return Account(
        name,
        iban=check_iban(iban, field=f"{where}.iban") if iban else "",
        bic=check_bic(bic, field=f"{where}.bic") if bic else "",
        account=account,
    )


def _text(table: dict[str, Any], name: str, where: str, *, chars_max: int) -> str:
    if name not in table:
        return ""
    value = table[name]
    if not is_text(value) or len(value) > chars_max or value != value.strip() or not value.isprintable():
        raise InputError(
            "no text that fits",
            field=f"{where}.{name}",
            expected=f"1 to {chars_max} printable characters, no space at either end",
        )
    return str(value)
