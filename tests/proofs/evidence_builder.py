"""A small log in memory, made with the proofs' own functions: whatever a forger or a log could put into a file.

`World` signs and appends records without judging them; `story()` is a derived asset with sources, used, stated and
paid, as a log that keeps the rules would have it; `World.evidence` takes what the caller names out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import merkle, sumtree
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.currencies import round_down
from proofs.ed25519 import public_bytes
from proofs.entry import Entry, delegate_message, parse_entry, rotate_message, sign_batch
from proofs.evidence import Account, Evidence, ShownEntry, ShownLeaf, ShownLine
from proofs.policy import log_policy
from proofs.records import check_body, make_body
from proofs.ref import Ref

ORIGIN = "log.example/evidence"
NOW_MS = 1_760_000_000_000
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POLICY = log_policy(log_vkey(origin=ORIGIN, public_key=public_bytes(LOG_KEY)))
USD = "USD"
MILLION = 1_000_000


def key_of(name: str) -> Ed25519PrivateKey:
    """The private key of this name, the same every time."""
    return Ed25519PrivateKey.from_private_bytes(merkle.leaf_hash(name.encode()))


def public(name: str) -> bytes:
    """The public key of this name: a party, for a party's first key."""
    return public_bytes(key_of(name))


def offer(price: int, *, use: str = "infer", unit: str = "output_token", per: int = MILLION) -> dict[str, Any]:
    """One offer."""
    return {"use": use, "unit": unit, "price": price, "per": per}


@dataclass
class World:
    """A log: entries as bytes, numbers by key, and lines by account as (leaf, amount)."""

    entries: list[bytes] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    lines: dict[Account, list[tuple[int, int]]] = field(default_factory=dict)
    credits: dict[Account, list[tuple[int, int]]] = field(default_factory=dict)
    stated: dict[Account, list[int]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Entries so far."""
        return len(self.entries)

    @property
    def leaves(self) -> list[bytes]:
        """Leaf hashes."""
        return [merkle.leaf_hash(entry) for entry in self.entries]

    def root(self, size: int) -> bytes:
        """The root at a size."""
        return merkle.root(self.leaves[:size])

    def ref(self, index: int) -> bytes:
        """The packed reference to an entry."""
        return Ref(index, merkle.leaf_hash(self.entries[index])).pack()

    def entry(self, index: int) -> Entry:
        """The parsed entry."""
        return parse_entry(self.entries[index])

    def add(self, name: str, kind: str, /, *, head: int | None = None, **fields: Any) -> int:
        """Append one record signed by this name's key; answers its index. `head`: the tree size it signs."""
        return self.add_batch(name, [{"kind": kind, **fields}], head=head)

    def add_batch(self, name: str, records: Sequence[dict[str, Any]], *, head: int | None = None) -> int:
        """Append records under one signature; answers the first's index. Fields named `from_` and `as_` are without
        the underscore."""
        key = key_of(name)
        raw = public_bytes(key)
        size = self.size if head is None else head
        given = [{field.rstrip("_"): value for field, value in record.items()} for record in records]
        bodies = [make_body({"at": NOW_MS, **fields}) for fields in given]
        first = self.numbers.get(raw, 0)
        batch = sign_batch(key, origin=ORIGIN, size=size, root=self.root(size), first=first, bodies=bodies)
        self.numbers[raw] = first + len(bodies)
        self.entries += batch.entries()
        return self.size - len(bodies)

    def party(self, name: str) -> int:
        """Found a party."""
        return self.add(name, "party", name=name.title())

    def delegate(self, party: str, name: str, *kinds: str, signer: str | None = None) -> int:
        """Let another key sign some kinds."""
        message = delegate_message(origin=ORIGIN, party=public(party), kinds=kinds)
        accept = key_of(name).sign(message)
        return self.add(signer or party, "delegate", key=public(name), kinds=list(kinds), accept=accept)

    def rotate(self, party: str, name: str, *, signer: str | None = None) -> int:
        """Go on with another main key."""
        accept = key_of(name).sign(rotate_message(origin=ORIGIN, party=public(party)))
        return self.add(signer or party, "rotate", key=public(name), accept=accept)

    def asset(self, name: str, title: str, /, *sources: tuple[int, int] | tuple[int, int, str], **fields: Any) -> int:
        """Register an asset; sources as (index, bps[, relation])."""
        listed = [
            {"asset": self.ref(source[0]), "as": source[2] if len(source) == 3 else "derived_from", "bps": source[1]}
            for source in sources
        ]
        return self.add(name, "asset", type="model", name=title, **({"sources": listed} if listed else {}), **fields)

    def terms(self, name: str, asset: int, /, *offers: dict[str, Any], **fields: Any) -> int:
        """Publish terms."""
        return self.add(name, "terms", asset=self.ref(asset), **{"currency": USD, **fields}, offers=list(offers))

    def use(self, name: str, asset: int | str, /, *, head: int | None = None, **fields: Any) -> int:
        """Log a use: a million output tokens of infer, unless said."""
        target = asset if isinstance(asset, str) else self.ref(asset)
        given = {"use": "infer", "quantities": {"output_token": MILLION}, "from_": NOW_MS, "until": NOW_MS, **fields}
        return self.add(name, "usage", head=head, asset=target, **given)

    def charge(self, usage: int, payer: str, parts: dict[str, int], currency: str = USD) -> None:
        """Add the lines that a use comes to."""
        for payee, amount in parts.items():
            self.lines.setdefault(Account(public(payer), public(payee), currency), []).append((usage, amount))

    def figures(self, account: Account, to: int) -> dict[str, Any]:
        """The exact fields of a statement at `to`."""
        lines = [line for line in self.lines.get(account, []) if line[0] < to]
        credits = [line for line in self.credits.get(account, []) if line[0] < to]
        gross, credited = (sum(amount for _, amount in pairs) for pairs in (lines, credits))
        billed = sum(self.body(index)["due"] for index in self.stated.get(account, []))
        return {
            "payer": account.payer, "payee": account.payee, "currency": account.currency, "to": to,
            "lines": len(lines), "gross": gross.to_bytes(16, "big"), "root": tree(lines)[:32],
            "credit_lines": len(credits), "credits": credited.to_bytes(16, "big"), "credit_root": tree(credits)[:32],
            "billed": billed.to_bytes(16, "big"),
            "due": round_down(max(0, gross - credited - billed), account.currency), "unpriced": 0, "unlicensed": 0,
        }  # fmt: skip

    def state(self, signer: str, payer: str, payee: str, /, *, currency: str = USD, **changed: Any) -> int:
        """Log a statement of all so far; `changed`: figures that are not the right ones."""
        account = Account(public(payer), public(payee), currency)
        index = self.add(signer, "statement", **{**self.figures(account, self.size), **changed})
        self.stated.setdefault(account, []).append(index)
        return index

    def body(self, index: int) -> dict[str, Any]:
        """The record at a leaf."""
        return check_body(self.entry(index).body)

    def receipt(self, name: str, statement: int, amount: int, reference: str = "r-1") -> int:
        """The payee says that money came."""
        return self.add(
            name, "receipt", statement=self.ref(statement), amount=amount, method="sepa", reference=reference
        )

    def grant(self, name: str, terms: int, licensee: str) -> int:
        """Keep terms open to a party."""
        return self.add(name, "grant", terms=self.ref(terms), licensee=public(licensee))

    def correct(self, name: str, usage: int, **quantities: int) -> int:
        """Lower a use."""
        return self.add(name, "correction", usage=self.ref(usage), quantities=quantities, reason="counted twice")

    def accept(self, name: str, correction: int) -> int:
        """Take a correction."""
        return self.add(name, "accept", correction=self.ref(correction))

    def line(self, usage: int, statement: int) -> ShownLine:
        """The usage's line in a statement's tree."""
        body = self.body(statement)
        account = Account(body["payer"], body["payee"], body["currency"])
        pairs = [line for line in self.lines[account] if line[0] < body["to"]]
        position = next(at for at, pair in enumerate(pairs) if pair[0] == usage)
        read = blobs([sumtree.leaf(*pair) for pair in pairs])
        path = sumtree.path(position=position, size=len(pairs), read=read)
        return ShownLine(account, position, pairs[position][1], tuple(path), statement)

    def shown(self, index: int) -> ShownEntry:
        """An entry with its path."""
        return ShownEntry(index, self.entries[index], hashes(merkle.all_paths(self.leaves)[index]))

    def checkpoint(self) -> bytes:
        """The signed head."""
        return sign_checkpoint(origin=ORIGIN, size=self.size, root=self.root(self.size), private_key=LOG_KEY)

    def evidence(
        self, usage: int, indices: Iterable[int], *, statements: Iterable[int] = (), note: bytes | None = None,
        disclosed: tuple[ShownLeaf, ...] = (),
    ) -> Evidence:  # fmt: skip
        """A file about a usage: these entries, and its lines in these statements (which are among the entries)."""
        statements = list(statements)
        kept = sorted({usage, *indices, *statements})
        paths = merkle.all_paths(self.leaves)
        shown = [ShownEntry(index, self.entries[index], hashes(paths[index])) for index in kept]
        lines = sorted((self.line(usage, statement) for statement in statements), key=lambda line: line.account)
        return Evidence(note or self.checkpoint(), tuple(shown), usage, tuple(lines), disclosed)


def hashes(joined: bytes) -> tuple[bytes, ...]:
    """A path's hashes, one by one."""
    return tuple(joined[at : at + 32] for at in range(0, len(joined), 32))


def tree(pairs: Sequence[tuple[int, int]]) -> bytes:
    """The sum tree's root blob, folded naively."""
    return sumtree.root([sumtree.leaf(*pair) for pair in pairs])


def blobs(leaves: Sequence[bytes]) -> Any:
    """A reader of a sum tree's complete nodes."""
    return lambda level, index: sumtree.root(leaves[index << level : (index + 1) << level])


@dataclass
class Story:
    """A log with one use in it, and which entries show it. `named`: indices by what they are."""

    world: World
    usage: int
    named: dict[str, int]
    statements: list[int]
    extra: list[int] = field(default_factory=list)

    @property
    def indices(self) -> list[int]:
        """All that stands in the file."""
        return sorted({self.usage, *self.named.values(), *self.statements, *self.extra})

    def evidence(self, *, without: Iterable[str] = (), plus: Iterable[int] = (), **more: Any) -> Evidence:
        """The file, without some named entries, with others."""
        left = {self.named[name] for name in without}
        indices = [index for index in self.indices if index not in left]
        statements = more.pop("statements", self.statements)
        return self.world.evidence(self.usage, [*indices, *plus], statements=statements, **more)


def fill(world: World, name: str, count: int) -> None:
    """Records that have nothing to do with it, so that trees have some height."""
    world.add_batch(name, [{"kind": "none", "from_": NOW_MS, "until": NOW_MS + at} for at in range(count)])


def story(*, sources: int = 2, filler: int = 20, named_terms: bool = True, settle: bool = True) -> Story:
    """The design's example: 100.00 charged on `model`, from `base`, from `data`: 85.00, 10.00, 5.00. With more sources,
    each asks 1 % more. Two statements an account (the first of them without the line), receipts of all."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    named: dict[str, int] = {}
    owners = ["model", *(f"source{at}" for at in range(sources))]
    for owner in ("user", *owners):
        named[f"party {owner}"] = world.party(owner)
    fill(world, "operator", filler)
    bps = [500, 1000, *([100] * sources)][:sources]
    previous: list[tuple[int, int]] = []
    for at in range(sources):
        made = named[f"asset {at}"] = world.asset(f"source{at}", f"data {at}", *previous)
        named[f"terms {at}"] = world.terms(f"source{at}", made, derivatives=bps[at])
        previous = [(made, bps[at])]
    named["asset model"] = world.asset("model", "model", *previous)
    named["terms model"] = world.terms("model", named["asset model"], offer(100 * 10**9))
    parts = {f"source{at}": 10**9 * bps[at] // 100 for at in range(sources)}
    parts["model"] = 100 * 10**9 - sum(parts.values())
    agreed = {"terms": world.ref(named["terms model"])} if named_terms else {}
    earlier = world.use("user", named["asset model"], **agreed)
    world.charge(earlier, "user", parts)
    for owner in owners:
        named[f"earlier {owner}"] = world.state("user", "user", owner)
    fill(world, "operator", filler)
    for _ in range(3):
        world.charge(world.use("user", named["asset model"], **agreed), "user", parts)
    usage = world.use("user", named["asset model"], **agreed)
    world.charge(usage, "user", parts)
    world.charge(world.use("user", named["asset model"], **agreed), "user", parts)
    statements = [world.state("user", "user", owner) for owner in owners]
    if settle:
        for owner, statement in zip(owners, statements, strict=True):
            named[f"receipt {owner}"] = world.receipt(owner, statement, world.body(statement)["due"])
    fill(world, "operator", filler)
    return Story(world, usage, named, statements)
