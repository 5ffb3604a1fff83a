"""The ledger on LevelDB against a model written from the design: any course of batches, groups and starts."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ledger.append import Group
from ledger.errors import Refusal
from ledger.leveldb import LevelStore
from proofs import codec
from proofs.entry import Batch
from proofs.merkle import leaf_hash
from proofs.ref import Ref
from tests.conftest import LONG
from tests.ledger import support
from tests.ledger.model import Model, Record, Refused
from tests.ledger.support import AT, ORIGIN, Log, public

FRESH = ["k3", "k4", "k5", "k6"]
KEYS = ["operator", "lab", "owner", "k1", "k2", *FRESH, "the log"]
NAMES = ["doi:10.1234/a", "pkg:pypi/b"]
ASSET_NAMES = ["m1", "m2"]
KINDS = [["none"], ["usage"], ["none", "usage"], ["asset", "usage", "withdraw"]]
FOREIGN = 10_000

keys = st.sampled_from(KEYS)
new_keys = st.one_of(st.sampled_from(FRESH), keys)
booleans = st.sampled_from([True, True, True, False])
# An asset by its place among those registered, counted from the newest and round and round; sometimes none at all.
places = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, FOREIGN])
targets = st.one_of(st.sampled_from(NAMES), places)
sources = st.lists(
    st.tuples(st.sampled_from(["contains", "trained_on", "evaluated_on"]), targets), max_size=3, unique=True
)
usages = st.tuples(
    st.just("usage"), targets, st.sampled_from(["train", "train", "evaluate"]), st.sampled_from([False, False, True]),
    st.one_of(st.none(), st.none(), places), st.one_of(st.none(), st.sampled_from(ASSET_NAMES)),
)  # fmt: skip
assets = st.tuples(
    st.just("asset"),
    st.sampled_from(ASSET_NAMES),
    sources,
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
)
withdrawals = st.tuples(st.just("withdraw"), places)
everyday = st.one_of(st.just(("none",)), usages, usages, usages, assets, assets, withdrawals)
identities = st.one_of(
    st.tuples(st.just("party"), st.sampled_from(["one", "two"])),
    st.tuples(st.just("delegate"), new_keys, st.sampled_from(KINDS), booleans),
    st.tuples(st.just("rotate"), new_keys, booleans),
    st.tuples(st.just("revoke"), keys),
)
records = st.one_of(everyday, identities, st.sampled_from([("grant",), ("bad field",), ("genesis", "again")]))


class LedgerMachine(RuleBasedStateMachine):
    """Sends the same batches to the ledger and to the model, and compares every answer and the state in the end."""

    @initialize()
    def begin(self) -> None:
        """An empty database, and a genesis."""
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "db")
        self.log = Log(LevelStore(self.path, create=True), begin=False)
        self.model = Model()
        self.group: Group | None = None
        self.refs: dict[int, bytes] = {}
        self.sent: list[tuple[Batch, str, list[Record]]] = []
        self.send("operator", [("genesis", "operator")])
        self.send("lab", [("party", "lab"), ("delegate", "k1", ["none", "usage"], True)])
        self.send("owner", [("party", "owner"), ("delegate", "k2", ["asset", "usage", "withdraw"], True)])
        self.commit()

    # What the abstract records mean.

    def asset_at(self, place: int) -> int:
        """The leaf index of the asset at a place, counted from the newest; FOREIGN where there is none."""
        known = sorted(self.model.assets, reverse=True)
        return known[place % len(known)] if known and place != FOREIGN else FOREIGN

    def resolve(self, record: Record) -> Record:
        """The record with leaf indices instead of places, and without what can't stand together."""
        if record[0] == "usage":
            _, target, use, provider, into, into_name = record
            target = self.asset_at(target) if isinstance(target, int) else target
            into = None if into is None else self.asset_at(into)
            return ("usage", target, use, provider, into, None if into is not None else into_name)
        if record[0] == "asset":
            found = [(relation, self.asset_at(t) if isinstance(t, int) else t) for relation, t in record[2]]
            return (*record[:2], list(dict.fromkeys(found)), record[3])
        if record[0] == "withdraw":
            return ("withdraw", self.asset_at(record[1]))
        return record

    def ref(self, target: Any) -> Any:
        """A leaf index as a reference; a name as it is."""
        if isinstance(target, int):
            return self.refs.get(target) or Ref(1, bytes(32)).pack()
        return target

    def body(self, who: str, record: Record) -> bytes:
        """The bytes of a resolved record."""
        kind, *rest = record
        key = self.model.keys.get(who)
        # The party's first key is its name; a key that isn't bound yet would be its own party.
        party = key.party if key else who
        if kind == "usage":
            target, use, provider, into, into_name = rest
            fields: dict[str, Any] = {"seen_by": "provider", "party": bytes(32)} if provider else {}
            if into is not None:
                fields["into"] = self.ref(into)
            if into_name is not None:
                fields["into_name"] = into_name
            return support.usage(self.ref(target), use, **fields)
        if kind == "asset":
            name, listed, aka = rest
            fields = {"aka": sorted(aka)} if aka else {}
            return support.asset(name, sources=[support.source(self.ref(t), r) for r, t in listed], **fields)
        if kind in ("delegate", "rotate"):
            new, accepted = rest[0], rest[-1]
            fields = {} if accepted else {"accept": bytes(64)}
            return (
                support.rotate(new, party, **fields)
                if kind == "rotate"
                else support.delegate(new, party, *rest[1], **fields)
            )
        return {
            "none": support.none,
            "party": lambda: support.party(rest[0]),
            "genesis": lambda: support.body("genesis", origin=ORIGIN, name=rest[0]),
            "withdraw": lambda: support.body("withdraw", target=self.ref(rest[0])),
            "revoke": lambda: support.revoke(rest[0]),
            "grant": lambda: support.body("grant", terms=Ref(1, bytes(32)).pack(), licensee=bytes(32)),
            "bad field": lambda: codec.encode({"kind": "none", "at": AT, "from": 2, "until": 1}),
        }[kind]()

    # Sending.

    def send(
        self, who: str, abstract: list[Record], *, shift: int = 0, head_good: bool = True, signed: bool = True
    ) -> None:
        """Sign a batch and offer it to both; `shift` moves its first number away from the next."""
        resolved = [self.resolve(record) for record in abstract]
        number = self.model.keys[who].next if who in self.model.keys else 0
        head = None if head_good else (self.log.size, bytes(32))
        bodies = [self.body(who, record) for record in resolved]
        batch = self.log.sign(who, *bodies, first=max(number + shift, 0), head=head)
        if not signed:
            batch = Batch(batch.key, batch.size, batch.root, batch.first, bytes(64), batch.bodies)
        self.offer(batch, who, resolved, head_good=head_good, signed=signed)

    def offer(
        self, batch: Batch, who: str, resolved: list[Record], *, head_good: bool = True, signed: bool = True
    ) -> None:
        """Compare the answers, and remember what was taken."""
        self.group = self.group or self.log.ledger.group()
        expected: Any
        found: Any
        try:
            expected = self.model.offer(
                who, batch.first, resolved, lines=batch.lines(ORIGIN), signed=signed, head_good=head_good
            )
        except Refused as refused:
            expected = refused.answer
        try:
            outcome = self.log.take(batch, self.group)
            found = (outcome.first_index, outcome.statuses, outcome.repeated)
        except Refusal as refusal:
            found = (refusal.status, refusal.type, refusal.position)
        assert found == expected, (who, batch.first, resolved)
        if len(found[1:]) == 2 and found[2] is False:
            self.sent.append((batch, who, resolved))
            for at, entry in enumerate(batch.entries()):
                self.refs[found[0] + at] = Ref(found[0] + at, leaf_hash(entry)).pack()

    def commit(self) -> None:
        """End the group, if one is open."""
        if self.group is not None:
            self.group.commit()
            self.group = None
        assert self.log.size == self.model.size

    # What may happen.

    @rule(who=st.sampled_from(["lab", "owner", "operator"]), abstract=st.lists(everyday, min_size=1, max_size=3))
    def everyday_batch(self, who: str, abstract: list[Record]) -> None:
        """Uses, assets and withdrawals by keys that are bound from the beginning."""
        self.send(who, abstract)

    @rule(who=st.sampled_from(["lab", "owner"]), first=usages, name=st.sampled_from(ASSET_NAMES), found=sources)
    def use_and_make(self, who: str, first: Record, name: str, found: list[Any]) -> None:
        """A use for something that is to be made, and its registration with some sources."""
        self.send(who, [(*first[:4], None, name)])
        self.send(who, [("asset", name, found, NAMES[:1])])

    @rule(who=st.sampled_from(["k1", "k2", "k3"]), abstract=st.lists(st.one_of(usages, assets), min_size=1, max_size=2))
    def delegates_batch(self, who: str, abstract: list[Record]) -> None:
        """Uses and assets by delegates, some of which may not sign these, and are told so."""
        self.send(who, abstract)

    @rule(who=keys, abstract=st.lists(identities, min_size=1, max_size=2))
    def identity_batch(self, who: str, abstract: list[Record]) -> None:
        """Parties and keys; an unbound key begins with its party record."""
        self.send(who, abstract if who in self.model.keys else [("party", who), *abstract[1:]])

    @rule(who=keys, abstract=st.lists(records, min_size=1, max_size=3))
    def any_batch(self, who: str, abstract: list[Record]) -> None:
        """Records of any kind by any key."""
        self.send(who, abstract)

    @rule(
        who=st.sampled_from(["lab", "owner", "k1", "k4"]),
        what=st.sampled_from([-2, -1, 1, 7, "head", "signature", "again", "again"]),
        abstract=st.lists(records, min_size=1, max_size=2),
        data=st.data(),
    )
    def odd_batch(self, who: str, what: Any, abstract: list[Record], data: st.DataObject) -> None:
        """Used numbers, a gap, a head of another history, no signature, or a batch that was taken once more."""
        if what == "again":
            batch, signer, resolved = data.draw(st.sampled_from(self.sent))
            self.offer(batch, signer, resolved)
        elif isinstance(what, int):
            self.send(who, abstract, shift=what)
        else:
            self.send(who, abstract, head_good=what != "head", signed=what != "signature")

    @rule(start=st.booleans())
    def end_group(self, start: bool) -> None:
        """What is held becomes durable; perhaps the database is closed and opened by a new process."""
        self.commit()
        if start:
            self.log.store.close()
            self.log.open(LevelStore(self.path))
            self.compare()

    def compare(self) -> None:
        """The state's rows are the model's."""
        state = self.log.state
        for who in KEYS:
            row, key = state.key(public(who)), self.model.keys.get(who)
            assert (row is None) == (key is None), who
            if row is not None and key is not None:
                assert (row.party, row.role, list(row.kinds), row.next) == (
                    public(key.party),
                    key.role,
                    key.kinds,
                    key.next,
                )
                assert state.key_status(row) == self.model.status_of(who)
            assert len(self.log.conflicts(who)) == len(self.model.conflicts.get(who, []))
        for party, name in self.model.names.items():
            found = state.party(public(party))
            assert found is not None
            assert (found.name, found.ended) == (name, party in self.model.ended)
        for index, asset in self.model.assets.items():
            row = state.asset(index)
            assert row is not None
            assert (row.name, row.party, bool(row.retired)) == (asset.name, public(asset.owner), asset.retired)
        for name in NAMES:
            claims = {party for party, _ in state.claimants(name, most=10)}
            assert claims == {public(party) for party in self.model.claimants(name)}

    def teardown(self) -> None:
        """In the end the state is the model's, and an audit of the entries gives the same root."""
        try:
            self.commit()
            self.compare()
            self.log.check()
        finally:
            self.log.store.close()
            self.folder.cleanup()


# The short form says that something is wrong, at once; the long form also finds the shortest course that shows it.
LedgerMachine.TestCase.settings = settings(
    max_examples=settings().max_examples // (5 if LONG else 2),
    stateful_step_count=50,
    phases=tuple(Phase) if LONG else (Phase.explicit, Phase.generate),
)


@pytest.mark.timeout(900)
class TestLedger(LedgerMachine.TestCase):
    """Runs the machine."""

    def runTest(self) -> None:
        """The ledger answers as the design's model does, whatever is sent, and ends in the model's state."""
        super().runTest()
