"""Plays plans (tests/money/worlds.py) against a ledger and the naive rules together, and compares every answer.

What an action's small numbers mean is found here, from the naive rules and never from the ledger. A batch is offered to
both. Where the design leaves something open, the ledger's answer is taken.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ledger.append import Group
from ledger.errors import Refusal
from proofs.entry import Batch
from proofs.kinds import DELEGABLE
from proofs.merkle import leaf_hash
from proofs.records import check_body
from proofs.ref import unpack_ref
from tests.conftest import LONG
from tests.ledger import support
from tests.ledger.support import ORIGIN, Log, public
from tests.money import naive
from tests.money.naive import Account, Entry, Open, Refused, Taken, Verdict
from tests.money.worlds import FIGURES, GHOST, NAMES, PARTIES, Action

ENTRIES_MAX = 160 if LONG else 90
Body = dict[str, Any]
Record = tuple[str, Body]  # whose, and its fields without kind's companions


@dataclass(frozen=True)
class Answer:
    """What a ledger said to a batch: where it stands and its statuses, or the refusal."""

    first_index: int = -1
    statuses: tuple[str, ...] = ()
    refusal: Refusal | None = None

    def __eq__(self, other: object) -> bool:
        """Same place and statuses, or the same refusal in all that a sender is told."""
        return isinstance(other, Answer) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash((self.first_index, self.statuses))

    def _told(self) -> tuple[Any, ...]:
        r = self.refusal
        said = r and (r.status, r.type, r.position, r.field, r.expected, r.detail)
        return self.first_index, self.statuses, said


def offer(log: Log, batch: Batch, group: Group | None = None) -> Answer:
    """Offer a batch to a ledger."""
    try:
        outcome = log.take(batch, group)
    except Refusal as refusal:
        return Answer(refusal=refusal)
    return Answer(outcome.first_index, tuple(outcome.statuses))


def check_refusal(refusal: Refusal, verdict: Refused, record: Body) -> None:
    """It says one of the things that are wrong, by type and field, and what would be right."""
    told = (refusal.type, refusal.field, refusal.expected, refusal.extra)
    problem, field = refusal.type.removeprefix("usance:"), refusal.field.partition(".")
    named = {refusal.field, field[0], ".".join((field[0], field[2].partition(".")[0]))}
    assert any((problem, name) in verdict.problems for name in named), (told, verdict, record)
    assert refusal.status == (409 if problem == "stale" else 422), told
    if problem == "terms" and verdict.right is not None:
        assert refusal.expected == refusal.extra["terms"] == str(unpack_ref(verdict.right)), (told, verdict)
    elif problem == "stale":
        assert refusal.extra["statement"] == verdict.right, told
    elif record["kind"] == "statement" and refusal.field not in ("payer", "to") and record["due"]:
        assert refusal.extra["figures"] == verdict.right, told
    elif record["kind"] == "asset" and field[0] == "sources":
        asked = verdict.right.get(record["sources"][int(field[2].partition(".")[0])]["asset"])
        assert asked is None or refusal.expected in {str(bps) for bps in asked}, told


def name_of(party: bytes) -> str:
    """The name of a party of ours."""
    return next(name for name in (*PARTIES, "operator") if public(name) == party)


def newest(items: list[Any], place: int) -> Any:
    """The item at a place, counted from the newest and round and round; None where there is none."""
    return items[-1 - place % len(items)] if items else None


class Player:
    """One log, what the naive rules know of it, and the tape of everything that was offered."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.known: naive.Log = []
        self.tape: list[tuple[Batch, Answer]] = []
        self.signers: dict[str, list[str]] = {name: [name] for name in (*PARTIES, "operator")}  # the main key first
        self.ended: set[str] = set()
        self.refusals: Counter[str] = Counter()
        self.new_keys = 0
        self.offer("operator", [{"kind": "genesis", "origin": ORIGIN, "name": "operator"}])
        for name in PARTIES:
            self.offer(name, [{"kind": "party", "name": name}])

    # --- offering

    def offer(self, party: str, records: list[Body], *, lag: int = 0, main: bool = False) -> Answer:
        """Offer a batch of a party's records over the head of `lag` entries ago, and compare the answers. `main`: it
        must be signed by the main key."""
        size = max(self.log.size - lag, 0)
        root = self.log.ledger.root_at(size)
        assert root is not None
        bodies = [support.body(**record) for record in records]
        signer = self.signers[party][0 if main else len(self.tape) % len(self.signers[party])]
        batch = self.log.sign(signer, *bodies, head=(size, root))
        if party in self.ended:
            answer = offer(self.log, batch)
            self.tape.append((batch, answer))
            assert answer.refusal is not None
            assert (answer.refusal.status, answer.refusal.type) == (403, "usance:key")
            return answer
        trial, verdicts = self.judge(party, size, batch)
        answer = offer(self.log, batch)
        self.tape.append((batch, answer))
        self.compare(verdicts, answer, records)
        if answer.refusal is None:
            self.known = trial
        return answer

    def judge(self, party: str, size: int, batch: Batch) -> tuple[naive.Log, list[Verdict]]:
        """The naive rules' verdicts on the records of a batch, up to the first that must be refused; and the log with
        all of them."""
        trial, verdicts = list(self.known), []
        for data, entry in zip(batch.bodies, batch.entries(), strict=True):
            body = check_body(data)
            verdicts.append(naive.judge(trial, public(party), size, body))
            if isinstance(verdicts[-1], Refused):
                break
            trial.append(Entry(len(trial), leaf_hash(entry), public(party), size, body))
        return trial, verdicts

    def compare(self, verdicts: list[Verdict], answer: Answer, records: list[Body]) -> None:
        """The ledger's answer is one that the verdicts allow."""
        refusal = answer.refusal
        if refusal is None:
            assert not isinstance(verdicts[-1], Refused), (verdicts[-1], records)
            assert answer.first_index == len(self.known)
            for verdict, status in zip(verdicts, answer.statuses, strict=True):
                assert isinstance(verdict, Open) or verdict.status == status, (verdict, status, records)  # type: ignore[union-attr]
            return
        told = (refusal.status, refusal.type, refusal.field, refusal.detail)
        assert refusal.position is not None, told
        assert refusal.position < len(verdicts), (told, verdicts, records)
        verdict = verdicts[refusal.position]
        assert not isinstance(verdict, Taken), (told, records[refusal.position])
        self.refusals[f"{records[refusal.position]['kind']}: {refusal.detail}"] += 1
        if isinstance(verdict, Refused):
            check_refusal(refusal, verdict, records[refusal.position])

    # --- what a plan's actions mean

    def play(self, action: Action) -> None:
        """Do what an action says, if anything that it needs is there, and the log isn't too long for naive rules."""
        if len(self.known) > ENTRIES_MAX:
            return
        do = getattr(self, "do_" + action["do"].replace(" ", "_"), None)
        if do is not None:
            do(action)
            return
        record = self.record(action)
        if record is not None:
            self.offer(record[0], [record[1]], lag=action.get("lag", 0))

    def record(self, action: Action) -> Record | None:
        """The one record that an action is, with the party that signs it; None where something that it needs isn't
        there."""
        made: Record | None = getattr(self, "make_" + action["do"])(action)
        return made

    def of(self, *kinds: str) -> list[Entry]:
        """Entries of these kinds, oldest first."""
        return [entry for entry in self.known if entry.kind in kinds]

    def by(self, action: Action, owner: bytes) -> str:
        """Who signs: the one who may, or on purpose somebody else."""
        return PARTIES[action["who"]] if action["stranger"] else name_of(owner)

    def terms(self, drawn: Action, sources: list[Body], asset: bytes | None = None) -> Body:
        """The fields of terms as drawn, for an asset with these sources."""
        behind = [naive.currency_of(self.known, ref) for ref in naive.closure(self.known, sources)]
        own = next((known for known in [asset and naive.currency_of(self.known, asset), *behind] if known), "EUR")
        made = {**drawn, "currency": own if drawn["currency"] == "own" else drawn["currency"]}
        if "splits" in drawn:
            total = sum(weight for _, weight in drawn["splits"])
            bps = [weight * 10_000 // total for _, weight in drawn["splits"]]
            bps[0] += 10_000 - sum(bps)
            names = [PARTIES[who] if who < GHOST else "ghost" for who, _ in drawn["splits"]]
            made["splits"] = [{"party": public(n), "bps": part} for n, part in zip(names, bps, strict=True)]
        if "arbiter" in drawn:
            made["arbiter"] = public(PARTIES[drawn["arbiter"]])
        return made

    def sources(self, drawn: list[Any], party: str) -> list[Body]:
        """Sources as drawn, with the shares that are right for the party, or wrong ones on purpose."""
        found: dict[Any, Body] = {}
        for target, relation, share in drawn:
            asset = newest(self.of("asset"), target) if isinstance(target, int) else target
            ref = asset.ref if isinstance(asset, Entry) else asset
            if ref is None:
                continue
            made = {"asset": ref, "as": relation}
            if isinstance(ref, bytes) and relation != "evaluated_on" and share != "none":
                right = sorted(naive.right_shares(self.known, ref, public(party)))
                made["bps"] = min(right[-1] + 1, 10_000) if share == "more" else right[share % len(right)]
            found[ref, relation] = made
        return list(found.values())

    def make_asset(self, action: Action) -> Record:
        party = PARTIES[action["who"]]
        listed = self.sources(action["sources"], party)
        body: Body = {"kind": "asset", "type": "model", "name": "m", "sources": listed}
        if action["aka"]:
            body["aka"] = action["aka"]
        if action["terms"] is not None:
            body["terms"] = self.terms(action["terms"], [s for s in listed if isinstance(s["asset"], bytes)])
        return party, body

    def do_chain(self, action: Action) -> None:
        """Assets one from the other, each with what its source asks, and perhaps also from one further back."""
        refs: list[bytes] = []
        for place, who in enumerate(action["owners"]):
            party = PARTIES[who]
            behind = [refs[-1]] if refs else []
            if action["skips"] and len(refs) > action["skips"]:
                behind.append(refs[-1 - action["skips"]])
            listed: list[Body] = []
            for ref in behind:
                bps = max(naive.right_shares(self.known, ref, public(party)))
                listed.append({"asset": ref, "as": "derived_from", "bps": bps})
            drawn: Action = {"offers": [], "currency": "own"}
            if place == len(action["owners"]) - 1 and action["sells"]:
                drawn = action["terms"]
            terms = self.terms({**drawn, "derivatives": action["share"]}, listed)
            body = {"kind": "asset", "type": "model", "name": f"m{place}", "sources": listed, "terms": terms}
            answer = self.offer(party, [body])
            if answer.refusal is not None:
                return
            refs.append(self.known[-1].ref)

    def do_crowd(self, action: Action) -> None:
        """Assets that ask for shares, in one batch, and one that is made from all of them and sells."""
        owner, party = PARTIES[action["owner"]], PARTIES[action["who"]]
        made: Body = {"kind": "asset", "type": "work"}
        plain = {"currency": "EUR", "offers": []}
        batch = [
            {**made, "name": f"c{place}", "terms": {**plain, "derivatives": bps}}
            for place, bps in enumerate(action["asked"])
        ]
        if action["other_currency"]:
            batch[-1]["terms"]["currency"] = "USDC"
        if self.offer(owner, batch).refusal is not None:
            return
        listed = [
            {"asset": entry.ref, "as": "contains", "bps": bps}
            for entry, bps in zip(self.known[-len(batch) :], action["asked"], strict=True)
        ]
        if action["between"]:
            self.offer(party, [{**made, "name": "between", "sources": listed}])
            listed = [{"asset": self.known[-1].ref, "as": "derived_from", "bps": 0}]
        sold = {**made, "name": "sold", "sources": listed}
        if self.offer(party, [{**sold, "terms": self.terms(action["terms"], listed)}]).refusal is None:
            return
        self.offer(party, [sold])
        asset = self.known[-1].ref
        fields = {"kind": "terms", "asset": asset, **self.terms(action["terms"], listed, asset)}
        self.offer(party, [fields])
        self.offer(party, [{**fields, "offers": []}])

    def make_terms(self, action: Action) -> Record | None:
        asset = newest(self.of("asset"), action["asset"])
        if asset is None:
            return None
        fields = self.terms(action["terms"], naive.counted(asset.body), asset.ref)
        return self.by(action, asset.party), {"kind": "terms", "asset": asset.ref, **fields}

    def make_reprice(self, action: Action) -> Record | None:
        asset = newest([e for e in self.of("asset") if naive.newest_terms(self.known, e.ref)], action["asset"])
        if asset is None:
            return None
        fields = naive.fields_of_terms(naive.the(naive.newest_terms(self.known, asset.ref)))
        offers = [{**offer, "price": action["price"]} for offer in fields["offers"]]
        made = {**fields, "kind": "terms", "asset": asset.ref, "offers": offers}
        return name_of(asset.party), made

    def make_grant(self, action: Action) -> Record | None:
        terms = newest([e for e in self.known if e.terms_of], action["terms"])
        if terms is None:
            return None
        licensee = PARTIES[action["licensee"]] if action["licensee"] < GHOST else "ghost"
        return self.by(action, terms.party), {"kind": "grant", "terms": terms.ref, "licensee": public(licensee)}

    def do_keep(self, action: Action) -> None:
        """A grant, other terms, a use under the granted ones (named, or those at the signed head), the grant's end."""
        asset = newest([e for e in self.of("asset") if self.offers(e)], action["asset"])
        if asset is None:
            return
        owner, party = name_of(asset.party), PARTIES[action["who"]]
        terms = naive.the(naive.newest_terms(self.known, asset.ref))
        self.offer(owner, [{"kind": "grant", "terms": terms.ref, "licensee": public(party)}])
        grant = self.known[-1].ref
        fields = {**naive.fields_of_terms(terms), "kind": "terms", "asset": asset.ref}
        fields.pop("at", None)
        offers = [{**offer, "price": action["price"]} for offer in fields["offers"]]
        old = fields.get("derivatives", 0)
        self.offer(owner, [{**fields, "offers": offers, "derivatives": action["share"]}])
        made: Body = {"kind": "asset", "type": "model", "name": "kept"}
        made["sources"] = [{"asset": asset.ref, "as": "derived_from", "bps": old}]
        self.offer(party, [made])
        use = {"kind": "usage", "asset": asset.ref, "from": 1, "until": 2, "use": offers[0]["use"]}
        use["quantities"] = {offers[0]["unit"]: 1000}
        if action["names"]:
            use["terms"] = terms.ref
        self.offer(party, [use], lag=1)
        if action["ends"]:
            self.offer(owner, [{"kind": "withdraw", "target": grant}])
            self.offer(party, [use], lag=2)
            self.offer(party, [made])

    def make_withdraw(self, action: Action) -> Record | None:
        target = newest(self.of("asset", "grant"), action["target"])
        return target and (self.by(action, target.party), {"kind": "withdraw", "target": target.ref})

    def make_use(self, action: Action) -> Record | None:
        party = PARTIES[action["who"]]
        target = action["asset"]
        if isinstance(target, str):
            claims = sorted(naive.claimants(self.known, target).values(), key=lambda claim: claim.index)
            asset = newest(claims, 0)
        else:
            every = self.of("asset")
            sold = [e for e in every if self.offers(e)]
            asset = newest(sold if sold and action["offered"] else every, target)
            target = asset and asset.ref
        if target is None:
            return None
        body = {"kind": "usage", "asset": target, "from": 1, "until": 2}
        body.update(self.amounts(action, asset))
        if action["provider"]:
            return party, {**body, "seen_by": "provider", "party": public("p0")}
        agreed = self.named(action["named"], party, asset)
        return party, {**body, "terms": agreed} if agreed else body

    def amounts(self, action: Action, asset: Entry | None) -> Body:
        """The use and its quantities: as drawn, or in units that have an offer."""
        use, quantities = action["use"], action["quantities"]
        offers = self.offers(asset) if asset else []
        if action["offered"] and offers:
            use = use if any(offer["use"] == use for offer in offers) else offers[0]["use"]
            priced = [offer["unit"] for offer in offers if offer["use"] == use]
            quantities = dict(zip(priced, quantities.values(), strict=False))
        return {"use": use, "quantities": dict(sorted(quantities.items()))}

    def offers(self, asset: Entry) -> list[Body]:
        """What an asset's newest terms offer."""
        terms = naive.newest_terms(self.known, asset.ref)
        return list(naive.fields_of_terms(terms)["offers"]) if terms else []

    def named(self, how: Any, party: str, asset: Entry | None) -> bytes | None:
        """The terms that a usage names, as drawn."""
        every = naive.all_terms(self.known, asset.ref) if asset else []
        if how == "granted":
            every = [terms for terms in every if naive.has_grant(self.known, terms.ref, public(party))]
            how = 0
        elif how == "other":
            every = [e for e in self.known if e.terms_of and e not in every]
            how = 0
        found = None if how is None else newest(every, how)
        return found and bytes(found.ref)

    def make_huge(self, action: Action) -> Record | None:
        asset = newest([e for e in self.of("asset") if any(o["price"] for o in self.offers(e))], action["asset"])
        if asset is None:
            return None
        offer = max(self.offers(asset), key=lambda o: (o["price"], o["use"], o["unit"]))
        largest = naive.round_down(naive.MONEY_MAX, str(naive.currency_of(self.known, asset.ref)))
        most = min(largest * offer["per"] // offer["price"], naive.MONEY_MAX)
        body = {"kind": "usage", "asset": asset.ref, "use": offer["use"], "from": 1, "until": 2}
        return PARTIES[action["who"]], {**body, "quantities": {offer["unit"]: most}}

    def do_limit(self, action: Action) -> None:
        """A use whose charge is near the largest there is, of an asset that costs a nano an item."""
        owner, currency = PARTIES[action["owner"]], action["currency"]
        offers = [{"use": "train", "unit": unit, "price": 1, "per": 1} for unit in ("item", "token")]
        terms = {"currency": currency, "offers": offers}
        self.offer(owner, [{"kind": "asset", "type": "work", "name": "limit", "terms": terms}])
        most = naive.MONEY_MAX if action["bound"] == "money" else naive.round_down(naive.MONEY_MAX, currency)
        use = {"kind": "usage", "asset": self.known[-1].ref, "use": "train", "from": 1, "until": 2}
        self.offer(PARTIES[action["who"]], [{**use, "quantities": {"item": most - 5, "token": 5 + action["above"]}}])

    def do_diamond(self, action: Action) -> None:
        """An asset asks for one share, then for another; two are made of it, one from both of these."""
        owner, party = PARTIES[action["owner"]], PARTIES[action["who"]]
        made: Body = {"kind": "asset", "type": "work"}
        terms: Body = {"currency": "EUR", "offers": []}
        first, second = action["asked"]
        self.offer(owner, [{**made, "name": "root", "terms": {**terms, "derivatives": first}}])
        root = self.known[-1].ref
        middle: list[bytes] = []
        for bps in (first, second):
            listed = [{"asset": root, "as": "contains", "bps": bps}]
            self.offer(party, [{**made, "name": "middle", "sources": listed}])
            middle.append(self.known[-1].ref)
            self.offer(owner, [{"kind": "terms", "asset": root, **terms, "derivatives": second}])
        if action["between"]:
            inner = [{"asset": middle[0], "as": "trained_on"}]
            self.offer(party, [{**made, "name": "between", "sources": inner}])
            middle[0] = self.known[-1].ref
        both = [{"asset": ref, "as": "derived_from"} for ref in middle]
        both = both[::-1] if action["swapped"] else both
        sold = self.terms({**action["terms"], "currency": "EUR"}, [])
        answer = self.offer(party, [{**made, "name": "sold", "sources": both, "terms": sold}])
        if answer.refusal is None:
            use = {"kind": "usage", "asset": self.known[-1].ref, "use": "train", "from": 1, "until": 2}
            user = PARTIES[action["user"]]
            self.offer(user, [{**use, "quantities": {"item": 1001}}])
            usage = self.known[-1]
            # What is split otherwise from now on was not when it was used.
            heir = [{"party": public(PARTIES[action["heir"]]), "bps": 10_000}]
            self.offer(owner, [{"kind": "terms", "asset": root, **terms, "splits": heir}])
            correction = {"kind": "correction", "usage": usage.ref, "quantities": {"item": 500}, "reason": "less"}
            if self.offer(user, [correction]).refusal is None:
                ref = self.known[-1].ref
                for name in (owner, party, PARTIES[action["heir"]]):
                    self.offer(name, [{"kind": "accept", "correction": ref}])

    def do_dwindle(self, action: Action) -> None:
        """A use of an asset that costs a nano an item, with splits; corrections by little, each accepted by some."""
        payees = PARTIES[1 : 1 + len(action["weights"])]
        total = sum(action["weights"])
        bps = [weight * 10_000 // total for weight in action["weights"]]
        bps[0] += 10_000 - sum(bps)
        splits = [{"party": public(name), "bps": part} for name, part in zip(payees, bps, strict=True)]
        offers = [{"use": "train", "unit": "item", "price": 1, "per": 1}]
        terms = {"currency": "USDC", "offers": offers, "splits": splits}
        self.offer(payees[0], [{"kind": "asset", "type": "work", "name": "dwindle", "terms": terms}])
        use = {"kind": "usage", "asset": self.known[-1].ref, "use": "train", "from": 1, "until": 2}
        party, count = PARTIES[action["who"]], action["count"]
        self.offer(party, [{**use, "quantities": {"item": count}}])
        usage = self.known[-1].ref
        for less, accepting in action["steps"]:
            count = max(count - less, 0)
            right = {"item": count} if count else {}
            self.offer(party, [{"kind": "correction", "usage": usage, "quantities": right, "reason": "less"}])
            correction = newest(self.of("correction"), 0).ref
            for place in accepting:
                self.offer(payees[place % len(payees)], [{"kind": "accept", "correction": correction}])

    def do_rivals(self, action: Action) -> None:
        """Claims of two parties on one name, and uses by the name."""
        offers = [{"use": "train", "unit": "item", "price": 7, "per": 3}]
        made = {"kind": "asset", "type": "work", "name": "claim", "aka": [NAMES[0]]}
        owners, refs = [PARTIES[action["first"]], PARTIES[action["second"]]], []
        use = {"kind": "usage", "asset": NAMES[0], "use": "train", "from": 1, "until": 2, "quantities": {"item": 5}}
        for owner in owners:
            self.offer(owner, [{**made, "terms": {"currency": "EUR", "offers": offers}}])
            refs.append(self.known[-1].ref)
            self.offer(PARTIES[action["who"]], [use])
        if action["withdraws"] is not None:
            self.offer(owners[action["withdraws"]], [{"kind": "withdraw", "target": refs[action["withdraws"]]}])
        self.offer(PARTIES[action["who"]], [use])
        for ref in refs:
            self.offer(PARTIES[action["who"]], [{**use, "terms": ref}])

    def do_bare(self, action: Action) -> None:
        """A use of an asset without terms, whose owner has an account with the user already."""
        account = self.account(action["account"], is_due=False)
        if account is None:
            return
        payer, payee = name_of(account[0]), name_of(account[1])
        self.offer(payee, [{"kind": "asset", "type": "work", "name": "bare"}])
        ref = self.known[-1].ref
        use = {"kind": "usage", "asset": ref, "use": "train", "quantities": {"item": 1}, "from": 1, "until": 2}
        self.offer(payer, [use, use])
        if action["then"] != "nothing":
            currency = account[2] if action["then"] == "own" else "KWD"
            self.offer(payee, [{"kind": "terms", "asset": ref, "currency": currency, "offers": []}])

    def make_correct(self, action: Action) -> Record | None:
        every = self.of("usage")
        charged = [usage for usage in every if naive.usage_lines(self.known, usage)[0]]
        usage = newest(charged if charged and action["charged"] else every, action["usage"])
        if usage is None:
            return None
        known = [usage, *naive.corrections(self.known, usage.ref)][-1].body["quantities"]
        right = {}
        for place, (unit, count) in enumerate(known.items()):
            how = action["change"][place % len(action["change"])]
            right[unit] = {"same": count, "none": 0, "less": count - 1, "half": count // 2, "more": count + 1}[how]
        right = {unit: min(count, 2**63 - 1) for unit, count in right.items() if count}
        body = {"kind": "correction", "usage": usage.ref, "quantities": right, "reason": "counted twice"}
        return self.by(action, usage.party), body

    def make_accept(self, action: Action) -> Record | None:
        made = self.of("correction")
        paid = [c for c in made if naive.usage_lines(self.known, naive.corrected_usage(self.known, c))[0]]
        correction = newest(paid or made, action["correction"])
        if correction is None:
            return None
        usage = naive.corrected_usage(self.known, correction)
        payees = sorted(naive.usage_lines(self.known, usage)[0])
        stranger = action["payee"] == "stranger" or not payees
        party = PARTIES[action["who"]] if stranger else name_of(payees[action["payee"] % len(payees)])
        return party, {"kind": "accept", "correction": correction.ref}

    def account(self, place: int, *, is_due: bool) -> Account | None:
        """One of the accounts that have lines, or of those where something is due."""
        accounts = naive.accounts(self.known)
        if is_due:
            due = [a for a in accounts if naive.figures(self.known, a, len(self.known))["due"]]
            accounts = due or accounts
        return accounts[place % len(accounts)] if accounts else None

    def make_statement(self, action: Action) -> Record | None:
        account = self.account(action["account"], is_due=action["is_due"])
        if account is None:
            return None
        to = max(len(self.known) - action["back"], 0)
        fields = naive.figures(self.known, account, to)
        if action["wrong"] is not None:
            fields = alter(fields, action["wrong"])
        stranger = action["by"] == "stranger"
        party = PARTIES[action["who"]] if stranger else name_of(account[action["by"] == "payee"])
        return party, {"kind": "statement", **fields, "due": min(fields["due"], naive.MONEY_MAX)}

    def do_altered(self, action: Action) -> None:
        """A statement that is wrong in one figure, for each of them, and then the right one."""
        account = self.account(action["account"], is_due=True)
        if account is None:
            return
        party = name_of(account[action["by"] == "payee"])
        right = naive.figures(self.known, account, len(self.known))
        if 0 < right["due"] < naive.MONEY_MAX:
            for figure in FIGURES:
                self.offer(party, [{"kind": "statement", **alter(right, figure)}])
            self.offer(party, [{"kind": "statement", **right}])

    def do_more(self, action: Action) -> None:
        """The same use again, some times, each in a batch of its own or all in one."""
        usage = newest(self.of("usage"), action["usage"])
        if usage is not None:
            again = self.like(usage)
            self.offer(name_of(usage.party), [again] * (1 + action["times"] // 2))
            for _ in range(action["times"] % 3):
                self.offer(name_of(usage.party), [again])

    def like(self, usage: Entry) -> Body:
        """A use like another, but under what is in force now."""
        return {name: value for name, value in usage.body.items() if name not in ("at", "terms")}

    def do_settle(self, action: Action) -> None:
        """Statements of whatever is due, and receipts."""
        for account in naive.accounts(self.known):
            fields = naive.figures(self.known, account, len(self.known))
            if 0 < fields["due"] <= naive.MONEY_MAX:
                self.offer(name_of(account[action["by"] == "payee"]), [{"kind": "statement", **fields}])
                if action["receipts"]:
                    self.play({"do": "receipt", "statement": 0, "stranger": False, "part": "half", "again": False})

    def do_same_batch(self, action: Action) -> None:
        """A statement that covers a record before it in its own batch."""
        account = self.account(action["account"], is_due=False)
        if account is None:
            return
        party = account[action["by"] == "payee"]
        if action["by"] == "payer":
            lines = [self.known[index] for index, _ in naive.lines_of(self.known, account)]
            body: Body = self.like(lines[-1])
        else:
            correction = newest(self.of("correction"), 0)
            if correction is None:
                return
            body = {"kind": "accept", "correction": correction.ref}
        if not isinstance(naive.judge(self.known, party, len(self.known), body), Taken):
            return
        # Its leaf hash isn't known before the batch is signed, and no figure asks for it.
        trial = [*self.known, Entry(len(self.known), bytes(32), party, len(self.known), body)]
        fields = naive.figures(trial, account, len(trial))
        if fields["due"] <= naive.MONEY_MAX:
            self.offer(name_of(party), [body, {"kind": "statement", **fields}])

    def make_payment(self, action: Action) -> Record | None:
        statement = newest(self.of("statement"), action["statement"])
        if statement is None:
            return None
        fields = {"statement": statement.ref, "method": "sepa", "reference": "p", "amount": statement.body["due"]}
        return self.by(action, statement.body["payer"]), {"kind": "payment", **fields}

    def make_receipt(self, action: Action) -> Record | None:
        statement = newest(self.of("statement"), action["statement"])
        if statement is None:
            return None
        rest = statement.body["due"] - naive.received(self.known, statement.ref)
        amount = {"rest": max(rest, 1), "half": max(rest // 2, 1), "over": rest + 1}[action["part"]]
        fields: Body = {"statement": statement.ref, "method": "sepa", "amount": min(amount, naive.MONEY_MAX)}
        fields["reference"] = "r0" if action["again"] else f"r{len(self.of('receipt'))}"
        return self.by(action, statement.body["payee"]), {"kind": "receipt", **fields}

    def do_together(self, action: Action) -> None:
        """Several records in one batch, by the party that signs the first of them."""
        made = [self.record({**one, "who": action["who"]}) for one in action["records"]]
        records = [record for record in made if record is not None]
        if records:
            party = records[0][0]
            self.offer(party, [body for who, body in records if who == party], lag=action["lag"])

    def fresh_key(self) -> str:
        """The name of a key that nobody has yet."""
        self.new_keys += 1
        return f"key {self.new_keys}"

    def do_rotate(self, action: Action) -> None:
        """A new main key."""
        party, new = PARTIES[action["who"]], self.fresh_key()
        if party in self.ended:
            return
        self.offer_made(party, support.rotate(new, party))
        self.signers[party][0] = new

    def do_delegate(self, action: Action) -> None:
        """One more key, which may sign everything about money."""
        party, new = PARTIES[action["who"]], self.fresh_key()
        if party in self.ended:
            return
        self.offer_made(party, support.delegate(new, party, *DELEGABLE))
        self.signers[party].append(new)

    def do_revoke(self, action: Action) -> None:
        """The end of a delegate."""
        party = PARTIES[action["who"]]
        if len(self.signers[party]) > 1 and party not in self.ended:
            self.offer_made(party, support.revoke(self.signers[party].pop()))

    def do_end(self, action: Action) -> None:
        """The end of a party."""
        party = PARTIES[action["who"]]
        if party not in self.ended:
            self.offer_made(party, support.revoke(self.signers[party][0]))
            self.ended.add(party)

    def offer_made(self, party: str, data: bytes) -> None:
        """A record about keys, by the main key."""
        body = check_body(data)
        del body["at"]
        assert self.offer(party, [body], main=True).refusal is None


def alter(fields: Body, figure: str) -> Body:
    """A statement with another value in one of its figures."""
    value = fields[figure]
    if figure in ("root", "credit_root"):
        return {**fields, figure: bytes([value[0] ^ 1]) + value[1:]}
    if isinstance(value, bytes):
        return {**fields, figure: (int.from_bytes(value, "big") + 1).to_bytes(16, "big")}
    return {**fields, figure: value + 1}
