"""camt.053, the bank statement of ISO 20022: the credits in it that are booked (docs/settlement.md).

Versions 001.02 to 001.13, which name what is read here alike. An entry counts as a whole or not at all: where its
details don't add up to what was booked, it is listed as skipped with the reason, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from node.agents.incoming import BankFile, Incoming, Namer, read_credit
from node.xmlstream import Node, describe_root, read_records
from proofs.errors import InputError

VERSIONS = range(2, 14)
DETAILS_MAX = 20_000
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.([0-9]{2})", re.ASCII)
_ENTRY = ("Document", "BkToCstmrStmt", "Stmt", "Ntry")
# Where versions and banks put a detail's amount, best first: as booked, then as ordered.
_DETAIL_AMOUNTS = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")
_REFERENCES = ("Refs/EndToEndId", "RmtInf/Strd/CdtrRefInf/Ref")
_TEXTS = ("RmtInf/Ustrd", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf")


def read_camt053(data: bytes) -> BankFile:
    """The booked credits of all statements in a message. Raises InputError for what is no camt.053 of these versions,
    has a document type, or passes a bound."""
    statement = _Statement()
    read_records(data, _ENTRY, field="bank", on_root=_check_root, on_record=statement.add_entry)
    return statement.file


def _check_root(namespace: str, name: str) -> None:
    found = _NAMESPACE.fullmatch(namespace)
    if name != "Document" or found is None or int(found[1]) not in VERSIONS:
        raise InputError(
            f"no bank statement: {describe_root(namespace, name)}",
            field="bank",
            expected=f"camt.053.001.{VERSIONS[0]:02} to camt.053.001.{VERSIONS[-1]:02}",
        )


class _Statement:
    """What was read so far."""

    def __init__(self) -> None:
        self.file = BankFile()
        self._number = 0
        self._namer = Namer()

    def add_entry(self, entry: Node, around: list[Node]) -> None:
        """One `Ntry`, in `around[-1]`, its `Stmt`."""
        self._number += 1
        if entry.text_of("CdtDbtInd") == "DBIT":
            self.file.debits += 1
            return
        try:
            found = list(self._credits(entry, around[-1]))
        except InputError as error:
            self.file.skip(f"entry {self._number}", error.detail)
        else:
            for incoming in found:
                self.file.add(incoming)

    def _credits(self, entry: Node, statement: Node) -> Iterable[Incoming]:
        _check_entry(entry)
        amount, currency = _amount_of(entry.first("Amt"))
        details = list(entry.all("NtryDtls/TxDtls"))
        if len(details) > DETAILS_MAX:
            raise InputError(f"more than {DETAILS_MAX} details", field="entry")
        amounts = [amount] if len(details) < 2 else _detail_amounts(details, amount, currency)
        names = _bank_references(entry, details)
        booked = (entry.text_of("BookgDt/Dt") or entry.text_of("BookgDt/DtTm"))[:10]
        account = statement.text_of("Acct/Id/IBAN") or statement.text_of("Acct/Id/Othr/Id")
        value_date = entry.text_of("ValDt/Dt") or entry.text_of("ValDt/DtTm")
        for one, name, nanos in zip(details or [entry], names, amounts, strict=True):
            references = tuple(text for path in _REFERENCES for text in _texts(one, path) if text != "NOTPROVIDED")
            texts = [text for path in _TEXTS for text in _texts(one, path)]
            if len(details) < 2:
                texts += _texts(entry, "AddtlNtryInf")
            text = " ".join(texts)
            told = (account, booked, value_date, str(nanos), currency, text, *references)
            yield Incoming(nanos, currency, text, references, self._namer.name(name, *told), booked)


def _check_entry(entry: Node) -> None:
    if entry.text_of("CdtDbtInd") != "CRDT":
        raise InputError("it doesn't say whether it is a credit", field="entry")
    status = entry.text_of("Sts/Cd") or entry.text_of("Sts")
    if status != "BOOK":
        raise InputError(f"it isn't booked (status {status[:20]!r})", field="entry")
    if entry.text_of("RvslInd") in ("true", "1"):
        raise InputError("it takes back a payment that left the account", field="entry")


def _amount_of(amount: Node | None) -> tuple[int, str]:
    if amount is None:
        raise InputError("it has no amount", field="entry")
    currency = amount.attributes.get("Ccy", "")
    return read_credit(amount.text, currency), currency


def _detail_amounts(details: list[Node], amount: int, currency: str) -> list[int]:
    """What each of several details brought: all in the entry's currency, together what was booked."""
    amounts = []
    for detail in details:
        if detail.text_of("CdtDbtInd") not in ("", "CRDT"):
            raise InputError("a detail of it is a debit", field="entry")
        found = [node for path in _DETAIL_AMOUNTS for node in detail.all(path)]
        same = [node for node in found if node.attributes.get("Ccy") == currency]
        if not same:
            raise InputError(f"a detail of it has no amount in {currency}", field="entry")
        amounts.append(_amount_of(same[0])[0])
    if sum(amounts) != amount:
        raise InputError("the details don't add up to what was booked", field="entry")
    return amounts


def _bank_references(entry: Node, details: list[Node]) -> list[str]:
    """The bank's reference for each detail, "" where it has none. A reference that stands for several is numbered."""
    whole = entry.text_of("AcctSvcrRef")
    own = [detail.text_of("Refs/AcctSvcrRef") for detail in details]
    if len(details) < 2:
        return [whole or (own[0] if own else "")]
    if all(own) and len(set(own)) == len(own):
        return own
    return [f"{whole}/{number}" if whole else "" for number in range(1, len(details) + 1)]


def _texts(node: Node, path: str) -> list[str]:
    return [found.text for found in node.all(path) if found.text]
