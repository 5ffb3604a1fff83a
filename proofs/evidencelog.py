"""The entries inside an evidence file: each proved to stand in the log, and whose each is (design section 7).

Opening them checks, of every entry: its inclusion under the checkpoint, its own signature, that a log that keeps the
rules can have it at that leaf, and that its body is of the form. Among them: records of one key have ascending numbers,
and two that saw a tree of one size saw the same. Then parties: a key is bound by `genesis` or `party` (number 0 of its
key), `rotate` or `delegate`, once, by a key that was bound as main key before.

What can't be seen here is what the file leaves out: a later revocation, or a binding under another party. A replay
shows these. Whoever opens an `Entries` asks it for what the rules need; what nobody asked for has no place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from proofs import ed25519, merkle
from proofs.checkpoint import Checkpoint
from proofs.entry import Entry, delegate_message, parse_entry, rotate_message
from proofs.errors import InputError, VerifyError
from proofs.evidence import ShownEntry
from proofs.records import check_body
from proofs.ref import Ref, unpack_ref

MAIN = "main"
DELEGATE = "delegate"


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry that stands in the log. `body`: its checked record."""

    ref: Ref
    entry: Entry
    body: dict[str, Any]

    @property
    def index(self) -> int:
        """Its leaf index."""
        return self.ref.index

    @property
    def kind(self) -> str:
        """The record's kind."""
        return str(self.body["kind"])


@dataclass(frozen=True, slots=True)
class Binding:
    """How the log bound a key: to which party, in which role, by which entry. `above`: the key that signed that."""

    party: bytes
    role: str
    kinds: tuple[str, ...]
    by: Logged
    above: bytes | None


class Entries:
    """The entries of one file, and which of them a check has used. Raises VerifyError, naming the leaf, where one of
    them doesn't hold: a wrong path, signature, place, form or binding. Owner: the one judgement that opened it."""

    def __init__(self, shown: Sequence[ShownEntry], checkpoint: Checkpoint) -> None:
        self.origin = checkpoint.origin
        self._by_index: dict[int, Logged] = {}
        self._by_kind: dict[str, list[Logged]] = {}
        self._used: set[int] = set()
        self._bindings: dict[bytes, Binding] = {}
        self._rotated: dict[bytes, int] = {}
        signed: set[tuple[bytes, bytes, bytes]] = set()
        for one in shown:
            try:
                logged = _open(one, checkpoint, signed)
                self._by_index[one.index] = logged
                self._by_kind.setdefault(logged.kind, []).append(logged)
                self._bind(logged)
            except InputError as error:
                raise VerifyError(
                    f"entry {one.index}: {error.detail}", field="entries", expected=error.expected
                ) from None
        _check_numbers(self._by_index.values())
        _check_heads(self._by_index.values(), checkpoint)

    def __len__(self) -> int:
        return len(self._by_index)

    def __iter__(self) -> Iterator[Logged]:
        """All of them, ascending; none counts as used by that."""
        return iter(self._by_index.values())

    def of_kind(self, kind: str) -> list[Logged]:
        """Those of a kind, ascending; none counts as used by that."""
        return self._by_kind.get(kind, [])

    def use(self, logged: Logged) -> Logged:
        """Say that a check rests on this entry."""
        self._used.add(logged.index)
        return logged

    def at(self, index: int, *kinds: str, what: str) -> Logged:
        """The entry at a leaf, used now. Raises VerifyError where the file has none there, or one of another kind."""
        logged = self._by_index.get(index)
        if logged is None:
            raise VerifyError(f"{what} (entry {index}) is not in the file", field="entries")
        if logged.kind not in kinds:
            raise VerifyError(
                f"entry {index} is no {what}: it is of kind {logged.kind}", field="entries", expected=" or ".join(kinds)
            )
        return self.use(logged)

    def referred(self, raw: bytes, *kinds: str, what: str, by: Logged) -> Logged:
        """The entry that a reference in `by` names, used now. Raises VerifyError where the file hasn't that very entry,
        or it doesn't stand before `by`."""
        ref = unpack_ref(raw)
        logged = self.at(ref.index, *kinds, what=what)
        if logged.ref != ref:
            raise VerifyError(f"entry {ref.index} is another one than {what}", field="entries", expected=str(ref))
        if ref.index >= by.index:
            raise VerifyError(f"{what} doesn't stand before entry {by.index}, which names it", field="entries")
        return logged

    def party_of(self, logged: Logged) -> bytes:
        """The party whose key signed an entry, by bindings before its leaf; these are used now.

        Raises VerifyError where the file doesn't bind the key, binds it for other kinds, or shows that it had been
        rotated away.
        """
        binding = self.binding_of(logged)
        above: bytes | None = logged.entry.key
        while above is not None and self._bindings[above].by.index not in self._used:
            self.use(self._bindings[above].by)
            above = self._bindings[above].above
        return binding.party

    def binding_of(self, logged: Logged) -> Binding:
        """The same, with how; nothing is used by it."""
        key = logged.entry.key
        binding = self._bindings.get(key)
        # A founding record binds its own key, so that it may stand at the same leaf.
        if binding is None or binding.by.index > logged.index or (binding.by.index == logged.index and binding.above):
            raise VerifyError(
                f"entry {logged.index}: no record before it in the file binds its key {key.hex()} to a party",
                field="entries", expected="the party, delegate or rotate record that does",
            )  # fmt: skip
        if binding.role == DELEGATE and logged.kind not in binding.kinds:
            raise VerifyError(
                f"entry {logged.index}: its key is a delegate that may not sign {logged.kind} records", field="entries",
                expected=", ".join(binding.kinds),
            )  # fmt: skip
        rotated = self._rotated.get(key)
        if rotated is not None and rotated < logged.index:
            raise VerifyError(
                f"entry {logged.index}: its key was rotated away at entry {rotated}", field="entries",
                expected="the party's key at that leaf",
            )  # fmt: skip
        return binding

    def name_of(self, party: bytes) -> str:
        """What the party calls itself in the record that founded it; "" where that isn't in the file. A claim."""
        binding = self._bindings.get(party)
        return str(binding.by.body["name"]) if binding is not None and binding.above is None else ""

    def unused(self) -> list[int]:
        """Leaf indices of the entries that no check needed."""
        return [index for index in self._by_index if index not in self._used]

    def _bind(self, logged: Logged) -> None:
        """Take what the entry says of keys; entries come in ascending order, so all that it rests on came before."""
        kind, entry, body = logged.kind, logged.entry, logged.body
        if kind == "genesis" and (logged.index != 0 or body["origin"] != self.origin):
            raise VerifyError("a genesis of another log or place", expected=f"entry 0, of {self.origin}")
        if kind in ("genesis", "party") and entry.number == 0:
            self._put(entry.key, Binding(entry.key, MAIN, (), logged, None))
        elif kind in ("delegate", "rotate"):
            signer = self.binding_of(logged)
            if signer.role != MAIN:
                raise VerifyError(f"a {kind} by a delegate", expected="the party's main key")
            key, party = body["key"], signer.party
            if kind == "delegate":
                kinds = tuple(body["kinds"])
                message = delegate_message(origin=self.origin, party=party, kinds=kinds)
                made = Binding(party, DELEGATE, kinds, logged, entry.key)
            else:
                message = rotate_message(origin=self.origin, party=party)
                made = Binding(party, MAIN, (), logged, entry.key)
                self._rotated[entry.key] = logged.index
            ed25519.check(key, message, body["accept"])
            self._put(key, made)

    def _put(self, key: bytes, binding: Binding) -> None:
        known = self._bindings.get(key)
        if known is not None:
            raise VerifyError(
                f"the key {key.hex()} was bound already, by entry {known.by.index}", expected="a key bound once"
            )
        self._bindings[key] = binding


def _open(one: ShownEntry, checkpoint: Checkpoint, signed: set[tuple[bytes, bytes, bytes]]) -> Logged:
    leaf = merkle.leaf_hash(one.entry)
    merkle.check_inclusion(index=one.index, size=checkpoint.size, leaf=leaf, path=one.path, root=checkpoint.root)
    entry = parse_entry(one.entry)
    claim = (entry.key, entry.lines(checkpoint.origin), entry.signature)
    if claim not in signed:  # entries of one batch share their signature
        ed25519.check(*claim)
        signed.add(claim)
    entry.check_place(one.index)
    return Logged(Ref(one.index, leaf), entry, check_body(entry.body))


def _check_numbers(entries: Iterable[Logged]) -> None:
    """A key's records are numbered as they stand in the log: none twice, none out of order, none more than fit."""
    last: dict[bytes, Logged] = {}
    for logged in entries:
        before = last.get(logged.entry.key)
        last[logged.entry.key] = logged
        if before is not None:
            more = logged.entry.number - before.entry.number
            if not 0 < more <= logged.index - before.index:
                raise VerifyError(
                    f"entries {before.index} and {logged.index} are records {before.entry.number} and "
                    f"{logged.entry.number} of one key", field="entries", expected="numbers in the order of the log",
                )  # fmt: skip


def _check_heads(entries: Iterable[Logged], checkpoint: Checkpoint) -> None:
    """One log has one tree of a size: what the signers saw, and the checkpoint, don't contradict each other."""
    seen = sorted({(logged.entry.size, logged.entry.root): logged.index for logged in entries}.items())
    for ((size, _), one), ((other_size, _), other) in pairwise(seen):
        if size == other_size:
            raise VerifyError(
                f"the signers of entries {one} and {other} saw two trees of size {size}", field="entries",
                expected="one history",
            )  # fmt: skip
    for (size, root), index in seen:
        if size == checkpoint.size and root != checkpoint.root:
            raise VerifyError(f"the signer of entry {index} saw another tree than the checkpoint's", field="entries")
