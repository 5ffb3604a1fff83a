"""Judging an evidence file: one usage, priced, stated and paid, from the entries inside alone (design section 7).

Bytes in, verdict out. The rules are in proofs/evidencelog.py (what stands in the log, and whose it is),
evidenceterms.py (from the usage to each payee's part) and evidencemoney.py (from there to receipts); here they are put
in order and into words. Entries that no rule needed refuse the file: all that stands in it is looked at.

Outcome: good; failed; or incomplete, good as far as it goes: no key that anchors the checkpoint, a payee without a
settled statement, or a usage that is free only if the file leaves nothing out.
"""

from __future__ import annotations

import json
from typing import Any

from proofs import pricing
from proofs.amounts import show_amount
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.commitment import Call, Field, check_call, check_field
from proofs.errors import InputError, VerifyError
from proofs.evidence import COMMITMENT, Account, Evidence, ShownLeaf
from proofs.evidencelog import DELEGATE, Entries, Logged
from proofs.evidencemoney import Credit, Stated, check_accepts, check_corrections, check_line
from proofs.evidenceterms import Book, Judged, Lineage, hand_down, judge, trace
from proofs.note import parse_note
from proofs.policy import Policy
from proofs.ref import unpack_ref
from proofs.verdict import Verdict, judge_checkpoint

NOT_SHOWN = (
    "that these terms were in force: newer ones, withdrawn grants and retired assets may be left out of the file",
    "what came later: corrections, disputes, revoked keys, withdrawals",
    "that the statement's other lines are right, and that no other party claims a part",
    "that the log bound a key, which a party's first record introduces here, to no other party before",
    "gaps: that every use was logged; what nobody logged can't be seen",
    "who a party is in the world: names are claims of whoever signed them",
    "that money moved: a receipt is the payee's word",
    "when it happened: times are the signer's word; only order is proved",
)
SHARES_NOT_SHOWN = "that a source's share is what its terms asked when the asset was made ({missing} of {all} sources)"
OWN_NOT_SHOWN = "that {own} of the charge is the user's own: no line shows it, and newer splits may be left out"
LOG, KEYS = "the checkpoint", "Ed25519 and the log"
_REASONS = {
    pricing.PROHIBITED: "the terms prohibit this use",
    pricing.NO_TERMS: "the asset has no terms",
    pricing.RETIRED: "the asset was retired before",
    pricing.NO_GRANT: "the terms need a grant, and there is none",
    pricing.BY_NAME: "used by a name that one party claims, without naming its terms",
    pricing.NO_OFFER: "the terms have no offer for it",
    pricing.OVERFLOW: "the charge would pass what a statement can bill",
}
_SHORT_HEX = 16
_NAME_CHARS_MAX = 40


def check_evidence(evidence: Evidence, *, policy: Policy | None) -> Verdict:
    """Judge one evidence file. `policy` None: nothing anchors the checkpoint, which leaves that step open.

    Costs about 0.13 ms an entry. Raises nothing for what fails, the verdict says it; FatalError as `Policy.check`.
    """
    verdict = Verdict()
    judgement = _Judgement(evidence, verdict)
    try:
        judgement.run(policy)
    except InputError as error:
        verdict.fail(judgement.step, error)
    verdict.not_shown += list(NOT_SHOWN)
    return verdict


class _Judgement:
    """One run over one file. `step`: what is being checked now, for the step that fails."""

    def __init__(self, evidence: Evidence, verdict: Verdict) -> None:
        self.evidence = evidence
        self.verdict = verdict
        self.step = "checkpoint"
        self.parties: dict[bytes, str] = {}

    def run(self, policy: Policy | None) -> None:
        """Every step in order; raises InputError at the first that doesn't hold."""
        evidence, verdict = self.evidence, self.verdict
        note = evidence.checkpoint_note
        checkpoint = verdict.checkpoint = parse_checkpoint(parse_note(note).text)
        judge_checkpoint(verdict, note, policy, checkpoint)
        self._open(checkpoint)
        self._use()
        self._terms()
        lines = self._hand_down()
        self._money(lines)
        self._corrections()
        self._disclosed()
        self.step = "complete"
        unused = self.entries.unused()
        if unused:
            raise VerifyError(
                f"no check needs the entr{'y' if len(unused) == 1 else 'ies'} {', '.join(map(str, unused[:8]))}",
                field="entries", expected="what shows this usage, and nothing else",
            )  # fmt: skip
        verdict.good("complete", "every entry, line and leaf in the file was needed by a check above")
        verdict.more["parties"] = {party.hex(): name for party, name in sorted(self.parties.items())}

    def _open(self, checkpoint: Checkpoint) -> None:
        self.step = "entries"
        self.entries = Entries(self.evidence.entries, checkpoint)
        self.book = Book(self.entries)
        self.verdict.good(
            "entries", f"{len(self.entries)} records stand among the {checkpoint.size} that the checkpoint covers, "
            "each signed by its key for this log only", f"SHA-256, Ed25519 and {LOG}",
        )  # fmt: skip

    def _use(self) -> None:
        self.step = "usage"
        usage = self.usage = self.entries.at(self.evidence.usage, "usage", what="usage")
        verdict = self.verdict
        verdict.ref, verdict.entry, verdict.body = usage.ref, usage.entry, usage.body
        amounts = ", ".join(f"{count} {unit}" for unit, count in usage.body["quantities"].items())
        target = usage.body["asset"]
        of = json.dumps(target, ensure_ascii=False) if type(target) is str else f"the asset at entry {_at(target)}"
        verdict.good(
            "usage", f"entry {usage.index}: {usage.body['use']}, {amounts}, of {of}; record {usage.entry.number} of "
            f"key {usage.entry.key.hex()}", "what the signer says",
        )  # fmt: skip
        self.step = "signer"
        party = self.entries.party_of(usage)
        verdict.good("signer", f"{self._signed(usage)}: this is a use by {self._name(party)}", KEYS)

    def _terms(self) -> None:
        self.step = "terms"
        judged = self.judged = judge(self.book, self.usage)
        verdict, asset, terms, charge = self.verdict, judged.asset, judged.terms, judged.charge
        if asset is not None and judged.owner is not None:
            says = f"entry {asset.index}, {_quoted(asset.body['name'])}, owned by {self._name(judged.owner)}"
            verdict.good("asset", says, KEYS)
        if terms is not None:
            how = "named by the usage" if "terms" in self.usage.body else (
                f"the newest in this file below {self.usage.entry.size}, the tree that the signer saw"
            )  # fmt: skip
            how += f"; granted to the user at entry {judged.grant.index}" if judged.grant else ""
            verdict.good("terms", f"entry {terms.index}, by the asset's owner; {how}", "the usage's own signature")
        verdict.more["usage"] = {
            "party": judged.party.hex(), "status": charge.status, "reason": charge.reason,
            "asset": str(asset.ref) if asset else None, "owner": judged.owner.hex() if judged.owner else None,
            "terms": str(terms.by.ref) if terms else None, "charge": str(charge.amount),
            "currency": terms.terms.currency if terms else None,
        }  # fmt: skip
        self._status(judged)

    def _status(self, judged: Judged) -> None:
        """The price, or why there is none."""
        self.step = "price"
        verdict, charge, terms = self.verdict, judged.charge, judged.terms
        if charge.amount and terms is not None:
            offers = terms.terms.offers[self.usage.body["use"]]
            parts = [
                f"{count} {unit} at {show_amount(offers[unit][0], terms.terms.currency)} per {offers[unit][1]}"
                if unit in offers else f"{count} {unit} without an offer"
                for unit, count in self.usage.body["quantities"].items()
            ]  # fmt: skip
            verdict.good(
                "price", f"{charge.status}: {'; '.join(parts)}: {show_amount(charge.amount, terms.terms.currency)}",
                "these terms, recomputed",
            )  # fmt: skip
            return
        says = f"{charge.status}, nothing is charged"
        if charge.status == pricing.OBSERVED:
            says += ": the provider's meter only observes"
        elif charge.reason:
            says += f": {_REASONS[charge.reason]}"
        elif charge.status == pricing.UNCLAIMED:
            says += ": used by a name, no claim on which is in the file"
        elif charge.status == pricing.CONTESTED:
            says += ": used by a name that several parties claim"
        for claim in judged.claims:
            owner = self._name(self.entries.party_of(claim))
            says += f"; entry {claim.index}, {_quoted(claim.body['name'])}, of {owner} claims it"
        if judged.retired is not None:
            says += f", at entry {judged.retired.index}"
        if judged.rests_on_absence:
            verdict.open("price", f"{says}, unless the file leaves out {judged.rests_on_absence}", "nothing yet")
        else:
            verdict.good("price", says, "what the usage itself names" if terms else "what the usage itself says")

    def _hand_down(self) -> dict[bytes, int]:
        """What each payee but the user itself gets."""
        judged, verdict = self.judged, self.verdict
        self.lineage = Lineage()
        terms = judged.terms
        if not judged.charge.amount or terms is None:
            return {}
        self.step = "sources"
        lineage = self.lineage = trace(self.book, self.usage, judged)
        currency = terms.terms.currency
        behind = len(lineage.assets) - 1
        words = "1 asset stands" if behind == 1 else f"{behind} assets stand"
        shares = [f"entry {index} {bps} bps" for index, bps in lineage.closure.shares]
        verdict.good(
            "sources", f"{words} behind the used one; shares: {', '.join(shares) or 'none'}",
            "what each asset lists, recomputed",
        )  # fmt: skip
        missing = sum(edge.asked is None for edge in lineage.edges)
        if missing:
            verdict.not_shown.append(SHARES_NOT_SHOWN.format(missing=missing, all=len(lineage.edges)))
        self.step = "shares"
        parts = self.base = hand_down(self.usage, judged, lineage, self.usage.body["quantities"])
        ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
        given = [f"{show_amount(part, currency)} to {self._name(party)}" for party, part in ordered]
        verdict.good("shares", f"{', '.join(given)}: all of it", "the newest terms of each in the file")
        own = parts.get(judged.party, 0)
        if own < judged.charge.amount and own:
            verdict.not_shown.append(OWN_NOT_SHOWN.format(own=show_amount(own, currency)))
        return {party: part for party, part in ordered if party != judged.party}

    def _money(self, owed: dict[bytes, int]) -> None:
        """Line, statement and receipts of each payee."""
        self.step = "lines"
        verdict, judged = self.verdict, self.judged
        terms = judged.terms
        currency = terms.terms.currency if terms else ""
        lines = {line.account.payee: line for line in self.evidence.lines}
        stranger = next((line for line in self.evidence.lines if line.account.payee not in owed), None)
        if stranger is not None or len(lines) < len(self.evidence.lines):
            raise VerifyError(
                "a line of an account that this usage doesn't reach", field="lines",
                expected=", ".join(payee.hex() for payee in owed) or "no lines: nothing is owed for it",
            )  # fmt: skip
        if judged.charge.amount and not owed:
            verdict.open("lines", "all of it is the user's own, unless the file leaves out newer terms", "nothing yet")
        payees = verdict.more["payees"] = []
        for payee, amount in owed.items():
            self.step = "line"
            account = Account(judged.party, payee, currency)
            line = lines.get(payee)
            stated = None
            if line is not None:
                stated = check_line(self.entries, self.usage, account=account, amount=amount, line=line)
            payees.append(_payee_value(payee, amount, currency, stated))
            if stated is None:
                says = (
                    f"{show_amount(amount, currency)} is owed to {self._name(payee)}; the file has no statement of it"
                )
                verdict.open("line", says, "nothing yet")
            else:
                self._say_stated(account, amount, stated)

    def _say_stated(self, account: Account, amount: int, stated: Stated) -> None:
        verdict, body, currency = self.verdict, stated.statement.body, account.currency
        payee = self._name(account.payee)
        gross, credits, billed = (int.from_bytes(body[name], "big") for name in ("gross", "credits", "billed"))
        verdict.good(
            "line", f"{show_amount(amount, currency)} to {payee} is line {stated.line.position + 1} of {body['lines']} "
            f"in the statement at entry {stated.statement.index}, {show_amount(gross, currency)} in all",
            "the statement's count, sum and root",
        )  # fmt: skip
        before = f"as entry {stated.previous.index} says" if stated.previous else "it is the account's first"
        verdict.good(
            "statement", f"{self._signed(stated.statement)}, of {self._name(stated.signer)}; up to entry {body['to']}: "
            f"{show_amount(gross, currency)} less {show_amount(credits, currency)} credited less "
            f"{show_amount(billed, currency)} billed before ({before}): {show_amount(stated.due, currency)} due",
            "the log, which takes exact figures only; recomputed as far as they stand here",
        )  # fmt: skip
        for payment in stated.payments:
            verdict.good(
                "payment", f"entry {payment.index}: {self._name(account.payer)} says that it sent "
                f"{show_amount(payment.body['amount'], currency)} ({_money_words(payment)})", "the payer's word",
            )  # fmt: skip
        got = [f"{show_amount(one.body['amount'], currency)} at entry {one.index} ({_money_words(one)})"
               for one in stated.receipts]  # fmt: skip
        words = f"{payee} acknowledged {' and '.join(got) or 'nothing yet'}"
        if stated.is_settled:
            verdict.good("receipt", f"{words}: all that was due", "the payee's word")
        else:
            left, due = (show_amount(nanos, currency) for nanos in (stated.due - stated.received, stated.due))
            verdict.open("receipt", f"{words}: {left} of {due} is open", "the payee's word")

    def _corrections(self) -> None:
        """What was lowered later, and who took it."""
        self.step = "corrections"
        judged, verdict, terms = self.judged, self.verdict, self.judged.terms
        corrections = check_corrections(self.entries, self.usage, party=judged.party, status=judged.charge.status)
        for one in corrections:
            amounts = ", ".join(f"{count} {unit}" for unit, count in one.body["quantities"].items()) or "nothing"
            verdict.good(
                "correction", f"entry {one.index}: corrected to {amounts} ({_quoted(one.body['reason'])})",
                "the user's word; each payee's part is credited when it accepts",
            )  # fmt: skip
        credits: list[Credit] = []
        if judged.charge.amount and terms is not None:
            credits = check_accepts(
                self.entries, corrections, payer=judged.party, base=self.base,
                handed=lambda quantities: hand_down(self.usage, judged, self.lineage, quantities),
            )  # fmt: skip
            for credit in credits:
                amount = show_amount(credit.amount, terms.terms.currency)
                verdict.good(
                    "credit", f"credited later: {amount}, when {self._name(credit.payee)} accepted the correction at "
                    f"entry {credit.correction.index} by entry {credit.accept.index}", "the payee's word, recomputed",
                )  # fmt: skip
        verdict.more["corrections"] = [str(one.ref) for one in corrections]
        verdict.more["credits"] = [
            {"payee": one.payee.hex(), "amount": str(one.amount), "correction": str(one.correction.ref),
             "accept": str(one.accept.ref)} for one in credits
        ]  # fmt: skip

    def _disclosed(self) -> None:
        """Hidden fields and single calls that the file opens."""
        self.step = "disclosed"
        shown = self.verdict.more["disclosed"] = []
        for one in self.evidence.disclosed:
            if one.entry != self.usage.index:
                raise VerifyError(f"a leaf of entry {one.entry}", field="disclosed", expected=f"of {self.usage.index}")
            found = _open_leaf(self.usage, one)
            if isinstance(found, Field):
                says = f"hidden field {_quoted(found.name)} is {_plain(found.value)}"
                shown.append({"of": one.of, "name": found.name, "value": _json(found.value)})
            else:
                counts = {unit: str(count) for unit, count in found.quantities.items()}
                words = ", ".join(f"{count} {unit}" for unit, count in counts.items())
                says = f"call {_quoted(found.call)} at {found.at} ms since 1970: {words}"
                shown.append({"of": one.of, "call": found.call, "at": found.at, "quantities": counts})
            self.verdict.good("disclosed", f"{says}: leaf {one.position} of the {one.of}", "the signer's word, then")

    def _name(self, party: bytes) -> str:
        name = self.parties[party] = self.entries.name_of(party)
        return f"{_quoted(name)} ({_short(party)})" if name else f"party {_short(party)}"

    def _signed(self, logged: Logged) -> str:
        """By which key, and why that is the party's."""
        binding = self.entries.binding_of(logged)
        key = _short(logged.entry.key)
        if binding.above is None:
            return f"entry {logged.index} is signed by {key}, the party's first key"
        role = f"its delegate for {', '.join(binding.kinds)}" if binding.role == DELEGATE else "its main key"
        return f"entry {logged.index} is signed by {key}, {role} since entry {binding.by.index}"


def _open_leaf(usage: Logged, one: ShownLeaf) -> Field | Call:
    if one.of == COMMITMENT:
        return check_field(usage.body, position=one.position, leaf=one.leaf, path=one.path)
    return check_call(usage.body, position=one.position, leaf=one.leaf, path=one.path)


def _payee_value(payee: bytes, amount: int, currency: str, stated: Stated | None) -> dict[str, Any]:
    value: dict[str, Any] = {"payee": payee.hex(), "amount": str(amount), "currency": currency, "statement": None}
    if stated is not None:
        value |= {
            "statement": str(stated.statement.ref), "position": stated.line.position, "due": str(stated.due),
            "received": str(stated.received), "receipts": [str(one.ref) for one in stated.receipts],
        }  # fmt: skip
    return value | {"settled": stated is not None and stated.is_settled}


def _money_words(logged: Logged) -> str:
    return f"{_quoted(logged.body['method'])}, reference {_quoted(logged.body['reference'])}"


def _at(raw: bytes) -> int:
    return unpack_ref(raw).index


def _short(key: bytes) -> str:
    return f"{key.hex()[:_SHORT_HEX]}…"


def _quoted(text: str) -> str:
    """A stranger's words: in quotes that they can't end, and cut."""
    cut = text if len(text) <= _NAME_CHARS_MAX else text[: _NAME_CHARS_MAX - 1] + "…"
    return json.dumps(cut, ensure_ascii=False)


def _plain(value: Any) -> str:
    text = json.dumps(_json(value), ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"


def _json(value: Any) -> Any:
    """A disclosed value as JSON has it: binaries as hex, integers beyond 2^53 as strings."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return str(value) if type(value) is int and abs(value) > 2**53 else value
