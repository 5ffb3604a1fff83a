"""The append path: many batches judged in order, one atomic and synchronous write (design sections 3.4 and 8).

A batch is first *prepared* (signature, head, field rules, entries hashed), which needs no state but the tree and may
run on any thread; then *taken* by a `Group` in log order, where the sequence and state rules run; then the group is
*committed*. Whatever a refused batch wrote is forgotten with its overlay. Replay of a foreign log runs the same code.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ledger import accounts, assets, corrections, disputes, findings, keys, parties, terms, usages
from ledger.accounts import Figures
from ledger.context import Body, Context, LogIdentity, Memo
from ledger.errors import CLOSED, FIELD, HISTORY, KEY, RULE, SEQUENCE, SIGNATURE, Refusal, StartupError, StorageError
from ledger.state import ACTIVE, DELEGATE, KeyRow, State
from ledger.store import Overlay, RowCache, Store, View
from ledger.stored import edge_leaves, status_of
from ledger.tree import HEAD_KEY, Tree, TreeView, load, read_head
from proofs import codec, ed25519, merkle
from proofs.entry import Batch
from proofs.errors import InputError, InvariantError, VerifyError
from proofs.records import check_body, peek

CONFLICTS_MAX = 16
BATCH_ACCEPTS_MAX = 16
"""Signatures of new keys that the writer itself has to check: it alone knows the signer's party."""
ROOTS_MAX = 65_536
ROWS_CACHED_MAX = 60_000
CACHED = (keys.KEY, keys.PARTY, keys.ASSET_TERMS, keys.CLOSURE, keys.LIST_HEAD, keys.RIDER)
STORE_VERSION = 4
VERSION_KEY = keys.META + b"version"

Rule = Callable[[State, Context, Body], str]
RULES: dict[str, Rule] = {
    "genesis": parties.genesis,
    "party": parties.party,
    "delegate": parties.delegate,
    "rotate": parties.rotate,
    "revoke": parties.revoke,
    "asset": assets.asset,
    "description": assets.description,
    "withdraw": assets.withdraw,
    "usage": usages.usage,
    "none": usages.none,
    "terms": terms.terms,
    "grant": terms.grant,
    "correction": corrections.correction,
    "accept": corrections.accept,
    "statement": accounts.statement,
    "payment": accounts.payment,
    "receipt": accounts.receipt,
    "dispute": disputes.dispute,
    "resolution": disputes.resolution,
    "canary": findings.canary,
    "claim": findings.claim,
}
"""State rules by kind: one for every kind of record."""

_REBINDING = frozenset(("genesis", "party", "rotate", "revoke"))
RootAt = Callable[[int], bytes | None]
Admission = Callable[[bytes], bool]


class Budget(Protocol):
    """What parties may cost the writer. No rule of the log: a replay has none."""

    def check(self, party: bytes) -> None:
        """Raise Refusal where the party has cost too much lately."""

    def spend(self, party: bytes, steps: int) -> None:
        """A batch of the party came to so many steps (`Context.spend`), taken or refused."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch whose signature holds. `head` and `fields`: refusals found early, answered in their place among the
    checks; `bodies` is complete only where `fields` is None. `figures`: what the log says of the accounts that
    statements of the batch are about, or why a statement can't be taken, by position; a statement of which nothing is
    said here is computed when taken."""

    batch: Batch
    bodies: list[Body]
    leaves: list[bytes]
    lines: bytes
    head: Refusal | None
    fields: Refusal | None
    figures: Mapping[int, Figures | Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a batch's entries stand and which status each got. `repeated`: they stood there already."""

    first_index: int
    count: int
    statuses: list[str]
    repeated: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a batch's own bytes say, without the log. `lines`: what was signed; `leaves`: hashes of its entries (none
    where a field was refused); `fields`: the first record that is not allowed."""

    lines: bytes
    leaves: list[bytes]
    fields: Refusal | None


def check_batch(
    batch: Batch, *, origin: str, check_signature: bool = True, entries: Sequence[bytes] | None = None
) -> tuple[Checked, list[Body]]:
    """Judge signature and fields, and hash the entries; answers the decoded bodies too, up to a refused one.
    `entries`: the batch's, where they are at hand.

    Raises Refusal 403 for a bad signature. `check_signature=False` is for callers that check it themselves. Cost:
    110 µs for the signature and about 15 µs a record.
    """
    lines = batch.lines(origin)
    if check_signature:
        try:
            ed25519.check(batch.key, lines, batch.signature)
        except VerifyError as error:
            raise Refusal(
                error.detail, status=403, type=SIGNATURE, field="signature",
                expected="the key's signature over the five lines of this batch, for this log's origin",
            ) from None  # fmt: skip
    bodies: list[Body] = []
    fields = None
    accepts = 0
    for position, data in enumerate(batch.bodies):
        try:
            body = check_body(data)
        except InputError as error:
            fields = Refusal(
                error.detail, status=422, type=FIELD, position=position, field=error.field, expected=error.expected
            )
            break
        if "accept" in body:
            accepts += 1
            if accepts > BATCH_ACCEPTS_MAX:
                fields = Refusal(
                    "too many new keys in one batch", status=422, type=RULE, position=position, field="accept",
                    expected=f"at most {BATCH_ACCEPTS_MAX} delegate and rotate records a batch",
                )  # fmt: skip
                break
        bodies.append(body)
    leaves = [] if fields else [merkle.leaf_hash(entry) for entry in entries or batch.entries()]
    return Checked(lines, leaves, fields), bodies


def check_head(batch: Batch, root_at: RootAt) -> Refusal | None:
    """The refusal of a batch whose signed head isn't this log's past. `root_at(size)`: this log's root at a size that
    it has reached, else None."""
    known = root_at(batch.size)
    if known == batch.root:
        return None
    what = "no tree of that size yet" if known is None else "another tree at that size"
    return Refusal(
        f"the signed head is not this log's past: {what}", status=422, type=HISTORY, field="root",
        expected="a tree head of this log, verified before signing",
    )  # fmt: skip


def prepare(
    batch: Batch,
    *,
    origin: str,
    root_at: RootAt,
    check_signature: bool = True,
    entries: Sequence[bytes] | None = None,
) -> Prepared:
    """Judge all that needs no state: `check_batch` and `check_head` together.

    Raises Refusal 403 for a bad signature; other refusals are carried along, to be answered in their place.
    """
    checked, bodies = check_batch(batch, origin=origin, check_signature=check_signature, entries=entries)
    return Prepared(batch, bodies, checked.leaves, checked.lines, check_head(batch, root_at), checked.fields)


def _load_tree(store: Store) -> Tree:
    try:
        size = read_head(store)[0]
        # A tree without entries needs no reader, and a replay in memory starts there.
        return load(store, edge_leaves(store, size - size % 256, size)) if size else Tree()
    except (InputError, ValueError, TypeError, LookupError, OverflowError) as error:  # rows of another shape
        raise StorageError(
            f"the tree head or the last entries can't be read ({error}): the database is damaged; restore it from a "
            "backup"
        ) from None


def stored_version(view: View) -> int | None:
    """The store version that a database names; None where it names none."""
    data = view.get(VERSION_KEY)
    return data[0] if data is not None and len(data) == 1 else None


def check_version(version: int | None) -> None:
    """Raise StartupError, which says what to do, unless this is the version that this program reads and writes."""
    if version == STORE_VERSION:
        return
    if version is None:
        raise StartupError(
            "the database names no store version: `usance node fsck DIR` says what else is wrong with it"
        )
    if version > STORE_VERSION:
        raise StartupError(
            f"the database has store version {version}, and this program knows versions up to {STORE_VERSION}: run it "
            "with the newer program that wrote it"
        )
    raise StartupError(
        f"the database has store version {version}, and this program writes version {STORE_VERSION}: with the node "
        "stopped, `usance node migrate DIR` makes a database of this version from its entries"
    )


class Ledger:
    """The log and its state over a store. Owner: the one thread that appends; `tree_view` may be handed to others."""

    def __init__(
        self, store: Store, *, log: LogIdentity, admission: Admission | None = None, budget: Budget | None = None,
        rows_cached: int = ROWS_CACHED_MAX, sums_uses: bool = True,
    ) -> None:  # fmt: skip
        """Load it. `admission(party)` says who may write (None: everybody), `budget` how much; `rows_cached`: bound on
        the rows kept in memory; `sums_uses`: keep what traces show of uses and money, which no rule reads. Raises
        StorageError for a damaged edge."""
        self.store = store
        self.log = log
        self.admission = admission
        self.budget = budget
        self.sums_uses = sums_uses
        self.is_closed = False  # set by whoever opens a log that has ended: nothing more is taken
        self.failed: StorageError | None = None
        self.memo = Memo()
        is_empty = store.get(HEAD_KEY) is None
        self.rows = RowCache(store, CACHED, rows_max=rows_cached, is_empty=is_empty)
        if not is_empty:
            check_version(stored_version(store))
        self.tree = _load_tree(store)
        # Roots of sizes that were signed or replayed lately: heads that submitters name are nearly always here.
        self.roots: OrderedDict[int, bytes] = OrderedDict({self.tree.size: self.tree.root})

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self.tree.size

    def view(self) -> TreeView:
        """The tree over the live store, for the owner's own use."""
        return self.tree.view(self.store)

    def root_at(self, size: int) -> bytes | None:
        """The root at a size up to the present, None beyond it. For the owner's own use."""
        known = self.roots.get(size)
        if known is None and size <= self.size:
            known = self.view().root_at(size)
            self.remember(size, known)
        return known

    def remember(self, size: int, root: bytes) -> None:
        """Keep a root at hand."""
        self.roots[size] = root
        if len(self.roots) > ROOTS_MAX:
            self.roots.popitem(last=False)

    def group(self) -> Group:
        """Begin a group commit. Raises StorageError where an earlier write failed: only a new start may go on."""
        if self.failed is not None:
            raise self.failed
        return Group(self)


class Group:
    """Batches on their way into one synchronous write. Nothing is stored before `commit`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        ledger.memo.committed = ledger.size
        self._overlay = Overlay(ledger.rows)
        self._leaves: list[bytes] = []
        self._dirty = False

    @property
    def count(self) -> int:
        """Entries taken so far."""
        return len(self._leaves)

    def take(self, prepared: Prepared) -> Outcome:
        """Judge one batch by the sequence and state rules, in the order of section 3.4, and take it whole.

        Raises Refusal, and then nothing of it stays but, for used numbers, its row among the conflicts.
        """
        batch = prepared.batch
        state = State(self._overlay)
        row = state.key(batch.key)
        number = row.next if row is not None else 0
        if batch.first < number:
            return self._used(prepared, number)
        self._check_open()
        if row is not None and state.key_status(row) != ACTIVE:
            raise _key_refusal(f"this key is {state.key_status(row)}", "an active key")
        if batch.first > number:
            raise Refusal(
                "a gap in the key's numbers", status=409, type=SEQUENCE, field="first", expected=str(number),
                extra={"next": number},
            )  # fmt: skip
        self._check_signer(prepared, row)
        for early in (prepared.head, prepared.fields):
            if early is not None:
                raise early
        held = Overlay(self._overlay)
        statuses, party = self._apply(State(held), prepared, row)
        self._write_rows(held, prepared, statuses, party)
        held.into(self._overlay)
        first_index = self._ledger.size + len(self._leaves)
        self._leaves.extend(prepared.leaves)
        self._dirty = True
        return Outcome(first_index, len(statuses), statuses, False)

    def _check_open(self) -> None:
        """A closed log only answers what it has once more: whoever lost an answer before the end still gets it."""
        if self._ledger.is_closed:
            raise Refusal(
                f"the log is closed for good at size {self._ledger.size}: nothing more is taken",
                status=410, type=CLOSED, expected="a log that is open; what this one holds stays provable",
            )  # fmt: skip

    @property
    def dirty(self) -> bool:
        """Whether anything is to be written: entries, or conflicts alone."""
        return self._dirty

    def commit(self) -> None:
        """Write everything taken, durably and at once; the tree has grown when this returns.

        Raises StorageError. A write that failed may still have reached the disk, so the ledger refuses to go on: what
        is there is found by starting again.
        """
        if not self._dirty:
            return
        ledger = self._ledger
        if not self._leaves:  # conflicts only: the tree doesn't change
            self._write(self._overlay.rows())
            return
        tree, rows = ledger.tree.grown(self._leaves)
        if ledger.size == 0:
            rows[VERSION_KEY] = bytes([STORE_VERSION])
        rows.update(self._overlay.rows())
        self._write(rows)
        ledger.tree = tree
        ledger.remember(tree.size, tree.root)

    def _write(self, rows: dict[bytes, bytes | None]) -> None:
        try:
            self._ledger.store.write(rows)
            self._ledger.rows.wrote(rows)
        except StorageError as error:
            self._ledger.failed = error
            raise

    def _used(self, prepared: Prepared, number: int) -> Outcome:
        """The first answer to a batch sent again; anything else over used numbers is a conflict."""
        batch = prepared.batch
        found = self._overlay.get(keys.KEY_BATCH + batch.key + keys.number(batch.first))
        if found is not None:
            first_index = int.from_bytes(found, "big")
            if self._is_repeat(prepared, first_index):
                indices = range(first_index, first_index + len(batch.bodies))
                return Outcome(first_index, len(indices), [status_of(self._overlay, i) for i in indices], True)
        self._check_open()
        self._keep_conflict(prepared)
        raise Refusal(
            "these numbers are used", status=409, type=SEQUENCE, field="first", expected=str(number),
            extra={"next": number},
        )  # fmt: skip

    def _is_repeat(self, prepared: Prepared, first_index: int) -> bool:
        """Whether the five lines are those of the batch that begins there. Told by that batch's signature, which holds
        for no other lines, so that a small conflict doesn't cost the bodies of a large batch."""
        batch = prepared.batch
        data = self._overlay.get(keys.BATCH + keys.number(first_index))
        if data is None:
            raise StorageError(f"no batch begins at entry {first_index}: the database is damaged")
        _, size, root, _, count, signature = codec.unpack(data, field="batch")
        if (size, root, count) != (batch.size, batch.root, len(batch.bodies)):
            return False
        try:
            ed25519.check(batch.key, prepared.lines, signature)
        except VerifyError:
            return False
        return True

    def _keep_conflict(self, prepared: Prepared) -> None:
        batch = prepared.batch
        prefix = keys.CONFLICT + batch.key
        rows = list(self._overlay.scan(prefix, keys.after(prefix)))
        if len(rows) >= CONFLICTS_MAX or any(codec.unpack(value)[0] == prepared.lines for _, value in rows):
            return
        value = codec.pack([prepared.lines, batch.signature, batch.first, len(batch.bodies)])
        self._overlay.put(prefix + bytes([len(rows)]), value)
        self._dirty = True

    def _check_signer(self, prepared: Prepared, row: KeyRow | None) -> None:
        batch, ledger = prepared.batch, self._ledger
        if row is None:
            wanted = "party" if ledger.size + len(self._leaves) else "genesis"
            kind = (prepared.bodies[0] if prepared.bodies else peek(batch.bodies[0]))["kind"]
            if kind != wanted:
                raise _key_refusal("this key is not bound", f"a first record of kind {wanted}", position=0)
        party = batch.key if row is None else row.party
        if ledger.admission is not None and not ledger.admission(party):
            raise _key_refusal("this party is not admitted to the log", "a party on the operator's list")
        if row is not None and row.role == DELEGATE:
            self._check_delegated(prepared, row)

    def _check_delegated(self, prepared: Prepared, row: KeyRow) -> None:
        """A delegate signs what it was named for; revoking itself is always its right."""
        for position, data in enumerate(prepared.batch.bodies):
            body = prepared.bodies[position] if position < len(prepared.bodies) else peek(data)
            kind = body["kind"]
            own_end = kind == "revoke" and body.get("key") == prepared.batch.key
            if kind not in row.kinds and not own_end:
                raise _key_refusal(
                    f"this delegate may not sign {kind or 'that'}"[:200],
                    "one of " + ", ".join(row.kinds), position=position, field="kind",
                )  # fmt: skip

    def _apply(self, state: State, prepared: Prepared, row: KeyRow | None) -> tuple[list[str], bytes]:
        """Run the state rules over the records in order; answers their statuses and the signer's party."""
        batch, ledger = prepared.batch, self._ledger
        index = ledger.size + len(self._leaves)
        ledger.memo.begin_batch()
        context = Context(ledger.log, ledger.memo, batch.key, batch.size, index, self._leaf_at, prepared.figures)
        context.postings.sums_uses = ledger.sums_uses
        context.row, context.party = row, batch.key if row is None else row.party
        if ledger.budget is None:
            return self._judge(state, context, prepared)
        ledger.budget.check(context.party)
        try:
            return self._judge(state, context, prepared)
        finally:
            ledger.budget.spend(context.party, context.steps)

    def _judge(self, state: State, context: Context, prepared: Prepared) -> tuple[list[str], bytes]:
        """The rules over one record after the other."""
        batch, index, row = prepared.batch, context.start, context.row
        statuses: list[str] = []
        for position, body in enumerate(prepared.bodies):
            if row is not None and row.status != ACTIVE:
                raise _key_refusal("the batch ended its own key before", "nothing after that", position=position)
            kind = body["kind"]
            try:
                context.position, context.index, context.leaf = position, index + position, prepared.leaves[position]
                statuses.append(RULES[kind](state, context, body))
            except Refusal as refusal:
                refusal.position = position
                raise
            if kind in _REBINDING:
                row = context.row = state.key(batch.key)
        if row is None:
            raise InvariantError("a batch was taken from a key that is not bound")
        context.postings.flush(state.overlay)
        state.put_key(batch.key, row.with_next(batch.first + len(statuses)))
        return statuses, row.party

    def _leaf_at(self, index: int) -> bytes | None:
        """The leaf hash of an entry taken before, also where the group isn't committed yet."""
        size = self._ledger.size
        if index < size:
            return self._ledger.view().leaf(index)
        return self._leaves[index - size] if index < size + len(self._leaves) else None

    def _write_rows(self, held: Overlay, prepared: Prepared, statuses: list[str], party: bytes) -> None:
        batch = prepared.batch
        index = self._ledger.size + len(self._leaves)
        count = len(batch.bodies)
        put, first = held.put, keys.number(index)
        head = codec.pack([batch.key, batch.size, batch.root, batch.first, count, batch.signature])
        put(keys.BATCH + first, head)
        put(keys.KEY_BATCH + batch.key + keys.number(batch.first), first)
        put(keys.BY_PARTY + party + first, count.to_bytes(2, "big"))
        for position, (body, data) in enumerate(zip(prepared.bodies, batch.bodies, strict=True)):
            at = (index + position).to_bytes(8, "big")
            put(keys.ENTRY + at, data)
            if body["kind"] != "usage":
                put(keys.BY_KIND + keys.text(body["kind"]) + at, b"")


def _key_refusal(detail: str, expected: str, *, position: int | None = None, field: str = "key") -> Refusal:
    return Refusal(detail, status=403, type=KEY, position=position, field=field, expected=expected)
