"""The money rules once more: naive, written from the design's text (sections 4 to 6), and from none of the code.

A log is a list of entries; everything is found by going through that list again, with exact fractions, recursion and no
memory of earlier answers. `log` always means what stands before the moment that is asked about: the state at leaf n is
that of `log[:n]`. So a record is judged by `judge(log, …)` with everything before it, and never sees itself.

Where the design leaves something open, the verdict is OPEN, and the ledger's answer is taken as it comes.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

MONEY_MAX = 2**63 - 1
WHOLE_BPS = 10_000
CLOSURE_MAX = 32
EMPTY = hashlib.sha256(b"").digest()

Ref = bytes
Party = bytes
Body = dict[str, Any]
Line = tuple[int, int]  # leaf index, amount in nanos
Account = tuple[Party, Party, str]  # payer, payee, currency


@dataclass(frozen=True)
class Entry:
    """One entry: `head` is the size of the tree head that its batch signed, `party` the party of the key that did."""

    index: int
    leaf: bytes
    party: Party
    head: int
    body: Body

    @cached_property
    def ref(self) -> Ref:
        """How later records name it."""
        return self.index.to_bytes(8, "big") + self.leaf

    @cached_property
    def kind(self) -> str:
        """The record's kind."""
        return str(self.body["kind"])

    @cached_property
    def terms_of(self) -> Ref | None:
        """The asset that it is terms of: a record of its own, or an asset with terms inside."""
        if self.kind == "asset":
            return self.ref if "terms" in self.body else None
        return self.body["asset"] if self.kind == "terms" else None


Log = list[Entry]


@dataclass(frozen=True)
class Taken:
    """The ledger must take the record, with this status and reason (none for records other than usage)."""

    status: str = "logged"
    reason: str = ""


@dataclass(frozen=True)
class Refused:
    """The ledger must refuse the record. `problems`: what is wrong with it, as (problem type, field); the answer
    names one of them. `right`: what stands in the answer, where the design promises that."""

    problems: tuple[tuple[str, str], ...]
    right: Any = None


@dataclass(frozen=True)
class Open:
    """The design doesn't say."""

    why: str


Verdict = Taken | Refused | Open

# --- what an entry is


def find(log: Log, ref: Any, *kinds: str) -> Entry | None:
    """The entry that a reference names, if it is of one of these kinds."""
    for entry in log:
        if entry.ref == ref and entry.kind in kinds:
            return entry
    return None


def the(entry: Entry | None) -> Entry:
    """What must be there."""
    assert entry is not None
    return entry


def of_kind(log: Log, kind: str) -> list[Entry]:
    """All entries of a kind, oldest first."""
    return [entry for entry in log if entry.kind == kind]


def is_bound(log: Log, party: Party) -> bool:
    """Whether that is the name of a party of this log."""
    return any(entry.kind in ("genesis", "party") and entry.party == party for entry in log)


def is_withdrawn(log: Log, ref: Ref) -> bool:
    """Whether a grant was ended, or an asset retired."""
    return any(entry.body["target"] == ref for entry in of_kind(log, "withdraw"))


# --- assets and their terms


def fields_of_terms(entry: Entry) -> Body:
    """What terms say, whether they stand in a record of their own or inside of an asset."""
    return dict(entry.body["terms"]) if entry.kind == "asset" else entry.body


def find_terms(log: Log, ref: Any) -> Entry | None:
    """The terms that a reference names."""
    found = find(log, ref, "terms", "asset")
    return found if found and found.terms_of else None


def all_terms(log: Log, asset: Ref) -> list[Entry]:
    """Every terms that an asset ever had, oldest first."""
    return [entry for entry in log if entry.terms_of == asset]


def newest_terms(log: Log, asset: Ref) -> Entry | None:
    """The newest terms in log order, which are in force."""
    return next((entry for entry in reversed(log) if entry.terms_of == asset), None)


def currency_of(log: Log, asset: Ref) -> str | None:
    """The currency of an asset's first terms, which is its own for ever."""
    every = all_terms(log, asset)
    return str(fields_of_terms(every[0])["currency"]) if every else None


def has_grant(log: Log, terms: Ref, party: Party) -> bool:
    """Whether a grant of these terms to that party stands."""
    return any(
        entry.body["terms"] == terms and entry.body["licensee"] == party and not is_withdrawn(log, entry.ref)
        for entry in of_kind(log, "grant")
    )


def claimants(log: Log, name: str) -> dict[Party, Entry]:
    """The assets that claim an external name: of each party the newest that isn't retired."""
    return {
        entry.party: entry
        for entry in of_kind(log, "asset")
        if name in entry.body.get("aka", ()) and not is_withdrawn(log, entry.ref)
    }


def made_from(log: Log, asset: Ref) -> list[Body]:
    """An asset's sources that are assets, those that it was only evaluated on left out."""
    return counted(the(find(log, asset, "asset")).body)


def counted(body: Body) -> list[Body]:
    """The sources of an asset's body that count for money."""
    return [s for s in body.get("sources", ()) if isinstance(s["asset"], bytes) and s["as"] != "evaluated_on"]


def closure(log: Log, sources: list[Body]) -> dict[Ref, int]:
    """The closure of something made from these sources: each asset's largest bps, those at 0 left out."""
    largest = {ref: bps for ref, bps in _unpruned(log, sources).items() if bps}
    return dict(sorted(largest.items()))


def _unpruned(log: Log, sources: list[Body]) -> dict[Ref, int]:
    # By edges and not by the closures of closures: an asset keeps its largest bps however it is reached, so that is the
    # largest over all edges to it among everything that can be reached.
    largest: dict[Ref, int] = {}
    waiting, seen = [sources], set()
    while waiting:
        for source in waiting.pop():
            ref = source["asset"]
            largest[ref] = max(largest.get(ref, 0), source.get("bps", 0))
            if ref not in seen:
                seen.add(ref)
                waiting.append(made_from(log, ref))
    return largest


def closure_by_recursion(log: Log, sources: list[Body]) -> dict[Ref, int]:
    """The same, as the design says it: the sources with their bps, and the closures of all of them."""
    found: dict[Ref, int] = {}
    for source in sources:
        inner = closure_by_recursion(log, made_from(log, source["asset"]))
        for ref, bps in [(source["asset"], source.get("bps", 0)), *inner.items()]:
            found[ref] = max(found.get(ref, 0), bps)
    return dict(sorted((ref, bps) for ref, bps in found.items() if bps))


def why_no_offers(log: Log, sources: list[Body]) -> str:
    """Why something made from these sources can have no offers; "" if it can."""
    shares = closure(log, sources)
    if len(shares) > CLOSURE_MAX:
        return "too many"
    if sum(shares.values()) > WHOLE_BPS:
        return "over 10,000"
    if len(closure_currencies(log, sources)) > 1:
        return "mixed currency"
    return ""


def closure_currencies(log: Log, sources: list[Body]) -> set[str]:
    """The currencies of all assets that have a share."""
    return {str(currency_of(log, ref)) for ref in closure(log, sources)}


def right_shares(log: Log, asset: Ref, registrant: Party) -> set[int]:
    """What a source's bps may be when something is registered: what its newest terms ask of derivatives, or terms that
    were granted to the registrant."""
    newest = newest_terms(log, asset)
    asked = [t for t in all_terms(log, asset) if t == newest or has_grant(log, t.ref, registrant)]
    return {fields_of_terms(terms).get("derivatives", 0) for terms in asked} or {0}


# --- prices


@dataclass(frozen=True)
class Judged:
    """A usage as the ledger must see it. `asset`: whose it is judged as (None where only a name is used); `agreed`: the
    terms that the signer agreed to; `charge` in nanos, 0 unless it is charged."""

    status: str
    reason: str
    asset: Ref | None = None
    agreed: Entry | None = None
    charge: int = 0


def price(terms: Body, use: str, quantities: dict[str, int]) -> tuple[int, list[str]]:
    """What these terms charge for quantities, and the units without an offer."""
    offers = {(offer["use"], offer["unit"]): offer for offer in terms["offers"]}
    charge, without = 0, []
    for unit, quantity in quantities.items():
        offer = offers.get((use, unit))
        if offer is None:
            without.append(unit)
        else:
            charge += math.ceil(Fraction(quantity * offer["price"], offer["per"]))
    return charge, without


def judge_usage(log: Log, party: Party, head: int, body: Body) -> Judged | Refused:
    """A usage by a party in a batch over the tree head of that size, after all of `log`."""
    if body.get("seen_by") == "provider":
        return Judged("observed", "")
    target = body["asset"]
    if isinstance(target, str):
        return _judge_name(log, party, head, body)
    if not find(log, target, "asset"):
        return Refused((("rule", "asset"),))
    return _judge_asset(log, party, head, body, target)


def _judge_name(log: Log, party: Party, head: int, body: Body) -> Judged | Refused:
    claims = claimants(log, body["asset"])
    if "terms" in body:
        named = find_terms(log, body["terms"])
        asset = named.terms_of if named else b""
        if asset in {claim.ref for claim in claims.values()}:
            return _judge_asset(log, party, head, body, asset)
        return Refused((("rule", "terms"), ("terms", "terms")))
    if not claims:
        return Judged("unclaimed", "")
    if len(claims) > 1:
        return Judged("contested", "")
    (only,) = claims.values()
    return Judged("unlicensed", "by-name", asset=only.ref)


def _judge_asset(log: Log, party: Party, head: int, body: Body, asset: Ref) -> Judged | Refused:
    newest = newest_terms(log, asset)
    if "terms" in body:
        agreed = find_terms(log, body["terms"])
        if agreed is None or agreed.terms_of != asset:
            return Refused((("rule", "terms"), ("terms", "terms")), newest and newest.ref)
    else:
        agreed = newest_terms(log[:head], asset)
    if agreed != newest and not (agreed and has_grant(log, agreed.ref, party)):
        return Refused((("terms", "terms"),), the(newest).ref)
    if agreed is None:
        return Judged("unlicensed", "no-terms", asset)
    terms = fields_of_terms(agreed)
    if body["use"] in terms.get("prohibits", ()):
        return Judged("unlicensed", "prohibited", asset, agreed)
    if is_withdrawn(log, asset):
        return Judged("unlicensed", "retired", asset, agreed)
    if terms.get("needs_grant") and not has_grant(log, agreed.ref, party):
        return Judged("unlicensed", "no-grant", asset, agreed)
    charge, without = price(terms, body["use"], body["quantities"])
    if len(without) == len(body["quantities"]):
        return Judged("unpriced", "no-offer", asset, agreed)
    if charge > round_down(MONEY_MAX, terms["currency"]):  # what one statement can bill
        return Judged("unpriced", "overflow", asset, agreed)
    return Judged("part-priced" if without else "licensed", "", asset, agreed, charge)


def seen(log: Log, usage: Entry) -> Judged:
    """A usage that stands in the log, as it was judged at its leaf."""
    found = judge_usage(log[: usage.index], usage.party, usage.head, usage.body)
    assert isinstance(found, Judged), found
    return found


def split(amount: int, owner: Party, terms: Body) -> dict[Party, int]:
    """An asset's amount handed to its splits: floors, the remainder by largest fraction, ties to the earlier."""
    shares = [(s["party"], Fraction(amount * s["bps"], WHOLE_BPS)) for s in terms.get("splits", ())]
    shares = shares or [(owner, Fraction(amount))]
    given = [math.floor(share) for _, share in shares]
    by_fraction = sorted(range(len(shares)), key=lambda place: (given[place] - shares[place][1], place))
    for place in by_fraction[: amount - sum(given)]:
        given[place] += 1
    return {party: part for (party, _), part in zip(shares, given, strict=True)}


def hand_down(log: Log, usage: Entry, quantities: dict[str, int]) -> dict[Party, int]:
    """H(q) of the design: what each party gets of a usage's charge, were its quantities these; zeros too, and the
    payer's own part too. Empty for a usage that isn't charged."""
    judged = seen(log, usage)
    if judged.status not in ("licensed", "part-priced"):
        return {}
    before = log[: usage.index]
    asset = the(find(before, judged.asset, "asset"))
    charge, _ = price(fields_of_terms(the(judged.agreed)), usage.body["use"], quantities)
    amounts = {
        ref: math.floor(Fraction(charge * bps, WHOLE_BPS)) for ref, bps in closure(before, counted(asset.body)).items()
    }
    amounts[asset.ref] = charge - sum(amounts.values())
    total: dict[Party, int] = {}
    for ref, amount in amounts.items():
        owner = the(find(before, ref, "asset")).party
        for party, part in split(amount, owner, fields_of_terms(the(newest_terms(before, ref)))).items():
            total[party] = total.get(party, 0) + part
    assert sum(total.values()) == charge
    return total


def usage_lines(log: Log, usage: Entry) -> tuple[dict[Party, int], int]:
    """The lines of a usage by payee, and the self-payment that is dropped."""
    parts = hand_down(log, usage, usage.body["quantities"])
    dropped = parts.pop(usage.party, 0)
    return {party: part for party, part in parts.items() if part}, dropped


# --- corrections


def corrections(log: Log, usage: Ref) -> list[Entry]:
    """The corrections of a usage, oldest first."""
    return [entry for entry in of_kind(log, "correction") if entry.body["usage"] == usage]


def corrected_usage(log: Log, correction: Entry) -> Entry:
    """The usage that a correction is of."""
    return the(find(log, correction.body["usage"], "usage"))


def base_after(log: Log, usage: Entry, payee: Party) -> tuple[int, list[Line]]:
    """A payee's base of a usage after all its accepts, and what each of them credited, by the accept's leaf."""
    base = usage_lines(log, usage)[0].get(payee, 0)
    credited = []
    for accept in of_kind(log, "accept"):
        correction = the(find(log, accept.body["correction"], "correction"))
        if accept.party == payee and correction.body["usage"] == usage.ref:
            right = hand_down(log, usage, correction.body["quantities"]).get(payee, 0)
            credited.append((accept.index, max(0, base - right)))
            base = min(base, right)
    return base, credited


# --- accounts


def account_of(log: Log, usage: Entry, payee: Party) -> Account:
    """The account that a charged usage's line for a payee is in."""
    return usage.party, payee, str(fields_of_terms(the(seen(log, usage).agreed))["currency"])


def lines_of(log: Log, account: Account) -> list[Line]:
    """An account's lines, in the order of their leaves; zeros make none."""
    payer, payee, _ = account
    return [
        (usage.index, amount)
        for usage in of_kind(log, "usage")
        if usage.party == payer
        and (amount := usage_lines(log, usage)[0].get(payee, 0))
        and account_of(log, usage, payee) == account
    ]


def credits_of(log: Log, account: Account) -> list[Line]:
    """An account's credits, in the order of their leaves; zeros make none."""
    payer, payee, _ = account
    found = [
        credited
        for index, _ in lines_of(log, account)
        if corrections(log, log[index].ref)
        for credited in base_after(log, log[index], payee)[1]
    ]
    assert payer != payee or not found
    return sorted(line for line in found if line[1])


def accounts(log: Log) -> list[Account]:
    """Every account that has a line."""
    found = {account_of(log, usage, payee) for usage in of_kind(log, "usage") for payee in usage_lines(log, usage)[0]}
    return sorted(found)


def sum_node(lines: list[Line]) -> tuple[bytes, int]:
    """Hash and sum of the Merkle sum tree over these lines, by the recursive definition of RFC 6962."""
    if not lines:
        return EMPTY, 0
    if len(lines) == 1:
        index, amount = lines[0]
        return hashlib.sha256(b"\x00" + index.to_bytes(8, "big") + amount.to_bytes(16, "big")).digest(), amount
    half = 1
    while half * 2 < len(lines):
        half *= 2
    (left, left_sum), (right, right_sum) = sum_node(lines[:half]), sum_node(lines[half:])
    data = b"\x01" + left + left_sum.to_bytes(16, "big") + right + right_sum.to_bytes(16, "big")
    return hashlib.sha256(data).digest(), left_sum + right_sum


def free_rides(log: Log, account: Account, to: int) -> tuple[int, int]:
    """The payer's uses below `to` of the payee's assets that weren't priced (wholly), and those without a licence."""
    payer, payee, currency = account
    found = [0, 0]
    for usage in of_kind(log[:to], "usage"):
        judged = seen(log, usage)
        place = {"unpriced": 0, "part-priced": 0, "unlicensed": 1}.get(judged.status)
        if usage.party != payer or place is None:
            continue
        asset = the(find(log, judged.asset, "asset"))
        if asset.party == payee and currency_of(log[:to], asset.ref) in (None, currency):
            found[place] += 1
    return found[0], found[1]


def minor_unit(currency: str) -> int:
    """In nanos; the few currencies that tests use stand here by hand."""
    return {"EUR": 10**7, "USD": 10**7, "JPY": 10**9, "KWD": 10**6}.get(currency, 1)


def round_down(amount: int, currency: str) -> int:
    """To whole minor units."""
    return math.floor(Fraction(amount, minor_unit(currency))) * minor_unit(currency)


def statements_of(log: Log, account: Account) -> list[Entry]:
    """The statements of an account, oldest first."""
    return [s for s in of_kind(log, "statement") if (s.body["payer"], s.body["payee"], s.body["currency"]) == account]


def figures(log: Log, account: Account, to: int) -> Body:
    """All that a statement of the account up to leaf `to` says, with the fields of its record."""
    payer, payee, currency = account
    lines = [line for line in lines_of(log, account) if line[0] < to]
    credited = [line for line in credits_of(log, account) if line[0] < to]
    root, gross = sum_node(lines)
    credit_root, credits = sum_node(credited)
    billed = sum(statement.body["due"] for statement in statements_of(log, account))
    unpriced, unlicensed = free_rides(log, account, to)
    return {
        "payer": payer, "payee": payee, "currency": currency, "to": to,
        "lines": len(lines), "gross": gross.to_bytes(16, "big"), "root": root,
        "credit_lines": len(credited), "credits": credits.to_bytes(16, "big"), "credit_root": credit_root,
        "billed": billed.to_bytes(16, "big"), "due": round_down(max(0, gross - credits - billed), currency),
        "unpriced": unpriced, "unlicensed": unlicensed,
    }  # fmt: skip


def received(log: Log, statement: Ref) -> int:
    """What the payee says has come for a statement."""
    return sum(entry.body["amount"] for entry in of_kind(log, "receipt") if entry.body["statement"] == statement)


# --- every kind's rules


def judge(log: Log, party: Party, head: int, body: Body) -> Verdict:
    """What the ledger must say to a party's record, in a batch over the tree head of that size, after all of `log`."""
    problems = list(_PROBLEMS[body["kind"]](log, party, body)) if body["kind"] in _PROBLEMS else []
    if body["kind"] == "usage":
        judged = judge_usage(log, party, head, body)
        return judged if isinstance(judged, Refused) else Taken(judged.status, judged.reason)
    open_points = [problem for problem in problems if isinstance(problem, Open)]
    wrong = tuple(problem for problem in problems if not isinstance(problem, Open))
    if wrong:
        return Refused(wrong, _right_answer(log, party, body, wrong))
    return open_points[0] if open_points else Taken()


Problems = Iterator[tuple[str, str] | Open]


def _terms_problems(log: Log, asset: Ref | None, sources: list[Body], terms: Body, prefix: str = "") -> Problems:
    """Of terms, inside of an asset (None: not in the log yet) or in a record of their own."""
    if not all(is_bound(log, split["party"]) for split in terms.get("splits", ())):
        yield "rule", prefix + "splits"
    if "arbiter" in terms and not is_bound(log, terms["arbiter"]):
        yield "rule", prefix + "arbiter"
    first = currency_of(log, asset) if asset else None
    behind = closure_currencies(log, sources)
    if first and first != terms["currency"]:
        yield "rule", prefix + "currency"
    elif behind - {terms["currency"]}:
        if why_no_offers(log, sources):
            # Nothing will ever be charged for what can have no offers, so its currency means nothing.
            yield Open("the currency of an asset that can't sell")
        else:
            yield "rule", prefix + "currency"
    if terms["offers"] and why_no_offers(log, sources):
        yield "rule", prefix + "offers"


def _asset(log: Log, party: Party, body: Body) -> Problems:
    references = [s for s in body.get("sources", ()) if isinstance(s["asset"], bytes)]
    if not all(find(log, source["asset"], "asset") for source in references):
        yield "rule", "sources"
        return
    for source in counted(body):
        if source.get("bps", 0) not in right_shares(log, source["asset"], party):
            yield "rule", "sources"
            return
    if "terms" in body:
        yield from _terms_problems(log, None, counted(body), body["terms"], "terms.")


def _terms(log: Log, party: Party, body: Body) -> Problems:
    asset = find(log, body["asset"], "asset")
    if asset is None or asset.party != party:
        yield "rule", "asset"
        return
    if is_withdrawn(log, asset.ref):
        yield Open("terms of a retired asset")
    yield from _terms_problems(log, asset.ref, counted(asset.body), body)


def _grant(log: Log, party: Party, body: Body) -> Problems:
    terms = find_terms(log, body["terms"])
    if terms is None or terms.party != party:
        yield "rule", "terms"
    elif is_withdrawn(log, terms.terms_of or b""):
        yield Open("a grant of a retired asset's terms")
    if not is_bound(log, body["licensee"]):
        yield "rule", "licensee"
    if has_grant(log, body["terms"], body["licensee"]):
        yield Open("the same grant again")


def _withdraw(log: Log, party: Party, body: Body) -> Problems:
    target = find(log, body["target"], "asset", "grant")
    if target is None or target.party != party or is_withdrawn(log, target.ref):
        yield "rule", "target"


def _correction(log: Log, party: Party, body: Body) -> Problems:
    usage = find(log, body["usage"], "usage")
    if usage is None or usage.party != party or usage.body.get("seen_by") == "provider":
        yield "rule", "usage"
        return
    newest = [usage, *corrections(log, usage.ref)][-1].body["quantities"]
    raised = any(count > newest.get(unit, 0) for unit, count in body["quantities"].items())
    if raised or body["quantities"] == newest:
        yield "rule", "quantities"


def _accept(log: Log, party: Party, body: Body) -> Problems:
    correction = find(log, body["correction"], "correction")
    if correction is None:
        yield "rule", "correction"
        return
    usage = corrected_usage(log, correction)
    if party not in usage_lines(log, usage)[0] or corrections(log, usage.ref)[-1] != correction:
        yield "rule", "correction"
    if any(a.party == party and a.body["correction"] == correction.ref for a in of_kind(log, "accept")):
        yield "rule", "correction"


def _account(body: Body) -> Account:
    return body["payer"], body["payee"], body["currency"]


def _statement(log: Log, party: Party, body: Body) -> Problems:
    account = _account(body)
    if party not in account[:2]:
        yield "rule", "payer"
    earlier = statements_of(log, account)
    last = earlier[-1].body if earlier else {"to": -1, "lines": 0, "credit_lines": 0}
    if body["to"] <= last["to"]:
        yield "stale", "to"
    if body["to"] > len(log):
        yield "rule", "to"
        return
    right = figures(log, account, body["to"])
    if (right["lines"], right["credit_lines"]) == (last["lines"], last["credit_lines"]):
        yield "rule", "to"
    if right["due"] > MONEY_MAX:
        yield "rule", "to"
    if right["due"] == 0:
        yield "rule", "due"
    for field, value in right.items():
        if body[field] != value:
            yield "rule", field


def _money_moved(log: Log, body: Body, signer: str, party: Party) -> Entry | None:
    statement = find(log, body["statement"], "statement")
    return statement if statement and statement.body[signer] == party else None


def _payment(log: Log, party: Party, body: Body) -> Problems:
    if _money_moved(log, body, "payer", party) is None:
        yield "rule", "statement"


def _receipt(log: Log, party: Party, body: Body) -> Problems:
    statement = _money_moved(log, body, "payee", party)
    if statement is None:
        yield "rule", "statement"
        return
    earlier = [r for r in of_kind(log, "receipt") if r.body["statement"] == statement.ref]
    if body["reference"] in [receipt.body["reference"] for receipt in earlier]:
        yield "rule", "reference"
    if received(log, statement.ref) + body["amount"] > statement.body["due"]:
        yield "rule", "amount"


_PROBLEMS = {
    "asset": _asset,
    "terms": _terms,
    "grant": _grant,
    "withdraw": _withdraw,
    "correction": _correction,
    "accept": _accept,
    "statement": _statement,
    "payment": _payment,
    "receipt": _receipt,
}


def _right_answer(log: Log, party: Party, body: Body, wrong: tuple[tuple[str, str], ...]) -> Any:
    """What the refusal has to name: the right figures of a statement, the newest statement for a past `to`, or the
    shares that each source may have."""
    if body["kind"] == "statement":
        if ("stale", "to") in wrong:
            return statements_of(log, _account(body))[-1].index
        return figures(log, _account(body), body["to"]) if body["to"] <= len(log) else None
    if body["kind"] == "asset" and ("rule", "sources") in wrong:
        return {
            s["asset"]: right_shares(log, s["asset"], party) for s in counted(body) if find(log, s["asset"], "asset")
        }
    return None
