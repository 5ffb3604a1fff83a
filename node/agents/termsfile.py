"""A file of terms, as people write it, into the fields of a `terms` record (design section 4; docs/terms.md).

TOML with the record's own names. Prices are exact decimal strings of the currency (`price = "2.50"`), never floats, or
integer nanos (`price_nanos`); binaries are hexadecimal strings. Everything else in the file is refused, by its key.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from node.agents.amounts import parse_amount
from node.errors import FileError
from node.ownfiles import unblocked
from proofs.errors import InputError, excerpt
from proofs.fields import BPS, BPS_MAX, POSITIVE, PRICE_MAX, UNIT, USE, Rule
from proofs.kinds import KINDS
from proofs.records import make_body

TERMS_FILE_BYTES_MAX = 64 * 1024
_DIGITS = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX = Rule(
    lambda value: type(value) is str and _DIGITS.fullmatch(value) is not None, "64 hexadecimal digits in lower case"
)
_KEYS = frozenset(KINDS["terms"].required) | frozenset(KINDS["terms"].optional)
_NAMES = _KEYS - {"asset"}
_OFFER = ("use", "unit", "price", "price_nanos", "per")
_SPLIT = ("party", "bps")
_PRICE = 'an exact decimal in quotes, as price = "2.50", or price_nanos = a whole number of nanos'


def read_terms_file(path: str) -> dict[str, Any]:
    """The fields of a `terms` record, all but kind, at and asset, from a file of at most 64 KiB.

    They pass every rule that needs no log: what is left to refuse is the node's. Raises FileError, naming the file and
    the key in it.
    """
    try:
        with open(path, "rb", opener=unblocked) as file:
            data = file.read(TERMS_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"can't read the terms {path}: {error.strerror}", field="terms") from None
    try:
        return parse_terms(data)
    except InputError as error:
        raise FileError(f"{path}: {error.detail}", field=error.field, expected=error.expected) from None


def parse_terms(data: bytes) -> dict[str, Any]:
    """The fields in a terms file's content; see read_terms_file. Raises InputError, naming the key as it stands in the
    file: `currency`, `[[offers]] 2, price` for the second offer's."""
    if len(data) > TERMS_FILE_BYTES_MAX:
        raise InputError("too large", field="terms", expected=f"at most {TERMS_FILE_BYTES_MAX} bytes")
    try:
        value = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"not TOML: {error}"[:200], field="terms", expected="TOML in UTF-8") from None
    _known(value, tuple(sorted(_NAMES)), "")
    fields = {name: _plain(item, name) for name, item in value.items() if name not in ("offers", "splits")}
    offers = [_offer(table, where) for table, where in _tables(value, "offers")]
    fields["offers"] = offers
    _check_offers(offers)
    if "splits" in value:
        fields["splits"] = [_split(table, where) for table, where in _tables(value, "splits")]
        _check_splits(fields["splits"])
    for name in ("arbiter", "text"):
        if name in fields:
            fields[name] = _binary(fields[name], name)
    _check_record(fields)
    return fields


def _check_record(fields: dict[str, Any]) -> None:
    """The record's own rules."""
    for name, rule in KINDS["terms"].required.items():
        if name not in fields and name != "asset":
            raise InputError("a key is missing", field=name, expected=rule.expected)
    try:
        make_body({"kind": "terms", "at": 0, "asset": bytes(40), **fields})
    except InputError as error:
        raise InputError("not allowed here", field=error.field, expected=error.expected) from None


def _known(table: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            raise InputError("an unknown key", field=f"{where}{name[:80]}", expected=f"one of {', '.join(names)}")


def _plain(value: Any, name: str) -> Any:
    """A value of a type that records have; the rest TOML's (floats, dates) is refused by its key."""
    if type(value) is list:
        return [_plain(item, name) for item in value]
    if type(value) in (str, int, bool):
        return value
    expected = (
        "a whole number: basis points, as 500 for 5 %" if type(value) is float else "a text, whole number or list"
    )
    raise InputError(f"{excerpt(str(value))} is no value of terms", field=name, expected=expected)


def _tables(value: dict[str, Any], name: str) -> list[tuple[dict[str, Any], str]]:
    """Each table of `[[name]]` with its place in words, counted from 1 as people do."""
    listed = value.get(name, [])
    if type(listed) is not list or not all(type(table) is dict for table in listed):
        raise InputError("no list of tables", field=name, expected=f"[[{name}]] tables")
    return [(table, f"[[{name}]] {place}, ") for place, table in enumerate(listed, start=1)]


def _checked(table: dict[str, Any], name: str, where: str, rule: Rule) -> Any:
    if name not in table:
        raise InputError("a key is missing", field=f"{where}{name}", expected=rule.expected)
    if not rule.ok(table[name]):
        raise InputError(f"{excerpt(str(table[name]))} is wrong", field=f"{where}{name}", expected=rule.expected)
    return table[name]


def _offer(table: dict[str, Any], where: str) -> dict[str, Any]:
    _known(table, _OFFER, where)
    return {
        "use": _checked(table, "use", where, USE),
        "unit": _checked(table, "unit", where, UNIT),
        "price": _price(table, where),
        # Without a default: forgotten, it would make tokens a million times as dear as meant.
        "per": _checked(table, "per", where, POSITIVE),
    }


def _price(table: dict[str, Any], where: str) -> int:
    if ("price" in table) == ("price_nanos" in table):
        what = "two prices" if "price" in table else "a price is missing"
        raise InputError(what, field=f"{where}price", expected=_PRICE)
    if "price_nanos" in table:
        nanos, name = table["price_nanos"], f"{where}price_nanos"
        if type(nanos) is not int:
            raise InputError(f"{excerpt(str(nanos))} is no whole number", field=name, expected=_PRICE)
    else:
        text, name = table["price"], f"{where}price"
        if type(text) is not str:
            raise InputError(f"{excerpt(str(text))} stands without quotes", field=name, expected=_PRICE)
        nanos = parse_amount(text, field=name)
    if not 0 <= nanos <= PRICE_MAX:
        raise InputError("out of range", field=name, expected="nanos of 0 to 2^53: at most 9007199.254740992")
    return nanos


def _split(table: dict[str, Any], where: str) -> dict[str, Any]:
    _known(table, _SPLIT, where)
    return {"party": bytes.fromhex(_checked(table, "party", where, _HEX)), "bps": _checked(table, "bps", where, BPS)}


def _binary(value: Any, name: str) -> bytes:
    if not _HEX.ok(value):
        raise InputError(f"{excerpt(str(value))} is wrong", field=name, expected=_HEX.expected)
    return bytes.fromhex(value)


def _check_offers(offers: list[dict[str, Any]]) -> None:
    _distinct([f"{offer['use']} by {offer['unit']}" for offer in offers], "offers", "one offer for each use and unit")


def _check_splits(splits: list[dict[str, Any]]) -> None:
    _distinct([split["party"].hex() for split in splits], "splits", "each party once")
    total = sum(split["bps"] for split in splits)
    if total != BPS_MAX:
        raise InputError(
            f"the splits sum to {total} basis points", field="[[splits]], bps", expected=f"{BPS_MAX:,} together"
        )


def _distinct(keys: list[str], name: str, expected: str) -> None:
    first: dict[str, int] = {}
    for place, key in enumerate(keys, start=1):
        if first.setdefault(key, place) != place:
            raise InputError(
                f"{key} stands in [[{name}]] {first[key]} already", field=f"[[{name}]] {place}", expected=expected
            )
