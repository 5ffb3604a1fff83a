"""A verifying client of one log, synchronous, on the base dependencies alone (design section 8, "The client's spool").

An answer counts only after three things were checked here: the checkpoint's signature by the log's key, its consistency
with the last one seen, and the inclusion of the records that it answers for. What the node says beyond that (statuses,
names, lists) is passed on as the node's word.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.access import PUBLIC, Access
from node.errors import ForkError, NetworkError, ProblemError
from node.heads import Head, HeadStore
from node.inclusion import check_runs
from node.transport import (
    JSON_BYTES_MAX,
    RETRY_AFTER_S_MAX,
    TIMEOUT_S,
    Transport,
    json_object,
    problem_error,
)
from proofs import merkle, note, tiles
from proofs.checkpoint import Checkpoint
from proofs.entry import Batch, Entry, encode_request, parse_entry, sign_batch
from proofs.errors import InputError, VerifyError
from proofs.logkeys import LogKeys, log_keys
from proofs.note import VerifierKey
from proofs.records import check_body
from proofs.ref import Ref
from proofs.text import parse_hash
from proofs.tlogproof import PROOF_BYTES_MAX, TlogProof, parse_tlog_proof

SIGN_ATTEMPTS_MAX = 5
SWAP_ATTEMPTS_MAX = 16
WAITS_MAX = 5
TILES_CACHED_MAX = 128
CONTENT_TYPE = "application/msgpack"
_CONSISTENCY_BYTES_MAX = 64 * 64


@dataclass(frozen=True, slots=True)
class KeyState:
    """What the log says of a key. `next`: the number of its next record; `party`: 32 bytes, None while unbound."""

    key: bytes
    party: bytes | None
    role: str
    kinds: tuple[str, ...]
    status: str
    next: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Records that were logged, their inclusion checked. `refs`: where each stands; `statuses`: the node's word."""

    refs: tuple[Ref, ...]
    statuses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """An entry whose inclusion, signer and fields were checked; `proof` is the file that shows it."""

    ref: Ref
    entry: Entry
    body: dict[str, Any]
    proof: bytes
    checkpoint: Checkpoint


class Client:
    """One log through one node. Not safe for several threads at once; several clients may share a state folder."""

    def __init__(
        self, url: str, keys: VerifierKey | LogKeys, *, state_folder: str, access: Access = PUBLIC,
        timeout_s: float = TIMEOUT_S, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """`keys`: the log's own key, or all that are known of it while it is changed: by them everything is judged.
        Raises InputError for a bad URL."""
        self.keys = log_keys(keys)
        self.origin = self.keys.origin
        self.transport = Transport(url, access=access, timeout_s=timeout_s, sleep=sleep)
        self._heads = HeadStore(state_folder, self.keys)
        self._joined: set[bytes] = set()  # notes that were found to be one history with the largest one kept
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    @property
    def vkey(self) -> VerifierKey:
        """The key that names the log on this user's disk: the first that is known."""
        return self.keys.first

    def signer(self) -> VerifierKey:
        """The newest known key that signed the checkpoint kept last: what others verify the log with now. The first one
        where none is kept."""
        head = self._heads.load()
        return self.keys.check(note.parse_note(head.note), self.origin)[-1] if head is not None else self.keys.first

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()

    def checkpoint(self) -> Checkpoint:
        """The log's newest checkpoint, verified and kept. Raises VerifyError, ForkError, NetworkError, StorageError."""
        return self.accept(self.transport.get_bytes("/checkpoint", bytes_max=note.NOTE_BYTES_MAX))

    def head(self) -> Checkpoint:
        """The newest checkpoint verified so far; asks the node only where none was."""
        known = self._heads.load()
        return known.checkpoint if known is not None else self.checkpoint()

    def accept(self, data: bytes) -> Checkpoint:
        """Verify a checkpoint: signed by a key of the log, and one tree with the last one seen; keeps the larger one.

        Raises VerifyError for a bad signature, ForkError for another history (what was kept stays).
        """
        new = self.keys.open_checkpoint(data)
        for _ in range(SWAP_ATTEMPTS_MAX):
            heads = self._heads.heads()
            old = heads[0] if heads else None
            for other in heads[1:]:  # kept under other keys of the log
                self._join(heads[0], other)
            if old is not None:
                self._check_one_history(old, new, data)
                if new.size < old.checkpoint.size or (new.size == old.checkpoint.size and not _says_more(data, old)):
                    return new
            if self._heads.replace(old, data):
                return new
        raise NetworkError("other programs keep changing this log's checkpoint on disk; try again")

    def _join(self, largest: Head, other: Head) -> None:
        if other.note not in self._joined:
            self._check_one_history(other, largest.checkpoint, largest.note)
            self._joined.add(other.note)

    def _check_one_history(self, old: Head, new: Checkpoint, data: bytes) -> None:
        first, second = sorted((old.checkpoint, new), key=lambda checkpoint: checkpoint.size)
        if first.size == 0:
            return
        try:
            path = self.consistency(first.size, second.size) if first.size < second.size else []
            merkle.check_consistency(
                old_size=first.size, new_size=second.size, old_root=first.root, new_root=second.root, path=path
            )
        except (VerifyError, ProblemError) as error:
            if isinstance(error, ProblemError) and error.status not in (400, 404):
                raise
            kept = self._heads.keep_evidence(data)
            raise ForkError(
                f"the log's checkpoint of size {new.size} isn't one history with the one of size "
                f"{old.checkpoint.size} seen before ({error.detail}): trust neither, and show both notes, "
                f"{old.path} and {kept}, to others who use this log",
                field="checkpoint",
            ) from None

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """The node's consistency proof between two sizes, not checked yet. Raises VerifyError for another form."""
        data = self.transport.get_bytes(f"/consistency?from={old_size}&to={new_size}", bytes_max=_CONSISTENCY_BYTES_MAX)
        lines = data.decode("ascii", "replace").split("\n")
        if lines.pop() != "" or len(lines) > merkle.CONSISTENCY_HASHES_MAX:
            raise VerifyError("the node's consistency proof is no list of hashes", field="path")
        try:
            return [parse_hash(line, field="path") for line in lines]
        except InputError as error:
            raise VerifyError(f"the node's consistency proof is damaged: {error.detail}", field="path") from None

    def key_state(self, key: bytes) -> KeyState:
        """What the node says of a key (not verified: a wrong number or party only leads to a refusal)."""
        said = self.transport.get_json(f"/keys/{key.hex()}")
        party, number = said.get("party"), said.get("next")
        kinds = said.get("kinds")
        if type(number) is not int or number < 0 or not (party is None or _is_hex(party, 32)):
            raise NetworkError(f"{self.transport.url} doesn't say what it knows of the key; is that a Usance node?")
        return KeyState(
            key=key,
            party=None if party is None else bytes.fromhex(party),
            role=str(said.get("role") or ""),
            kinds=tuple(kind for kind in kinds if isinstance(kind, str)) if isinstance(kinds, list) else (),
            status=str(said.get("status") or ""),
            next=number,
        )

    def log(self, private_key: Ed25519PrivateKey, bodies: Sequence[bytes]) -> Taken:
        """Number, sign and log 1 to 1,024 bodies as one batch, all or none.

        Where another program used the numbers meanwhile, the batch wasn't taken and is signed anew, a bounded number
        of times. Raises ProblemError for a refusal, and as `submit` does.
        """
        key = private_key.public_key().public_bytes_raw()
        for left in range(SIGN_ATTEMPTS_MAX - 1, -1, -1):
            head = self.head()
            batch = sign_batch(
                private_key, origin=self.origin, size=head.size, root=head.root, first=self.key_state(key).next,
                bodies=bodies,
            )  # fmt: skip
            result = self.submit([batch])[0]
            if isinstance(result, Taken):
                return result
            if result.type != "usance:sequence" or not left:
                raise result
        raise NetworkError("other programs log with this key all the time; try again")

    def submit(self, batches: Sequence[Batch]) -> list[Taken | ProblemError]:
        """Send signed batches as they are; one result for each, in order. What is Taken has been verified.

        Sent again as it is after a lost connection: the log answers a batch that it has with its first answer. Those
        over a quota are sent again when the node says that they may come; WAITS_MAX times in vain, or where that is
        too long, their results say so (429). Raises ProblemError for the request as a whole, VerifyError where the
        answer doesn't hold, NetworkError.
        """
        results = self._submit(batches)
        in_vain = 0
        for _ in range(len(batches) + WAITS_MAX):
            over = [at for at, result in enumerate(results) if _wait_s(result) is not None]
            wait_s = min((_wait_s(results[at]) or 0 for at in over), default=0)
            if not over or in_vain == WAITS_MAX or wait_s > RETRY_AFTER_S_MAX:
                break
            self.transport.wait(wait_s)
            for at, result in zip(over, self._submit([batches[at] for at in over]), strict=True):
                results[at] = result
            in_vain = in_vain + 1 if all(_wait_s(results[at]) is not None for at in over) else 0
        return results

    def _submit(self, batches: Sequence[Batch]) -> list[Taken | ProblemError]:
        answer = self.transport.request(
            "POST", "/records", body=encode_request(batches), content_type=CONTENT_TYPE, bytes_max=JSON_BYTES_MAX
        )
        said = json_object(self.transport.url, answer)
        results, signed = said.get("results"), said.get("checkpoint")
        if not isinstance(results, list) or len(results) != len(batches) or not isinstance(signed, str):
            raise NetworkError(f"{self.transport.url} doesn't answer for each batch; is that a Usance node?")
        checkpoint = self.accept(signed.encode())
        outcomes = [_read_result(batch, result) for batch, result in zip(batches, results, strict=True)]
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        proof = said.get("proof")
        if len(taken) == 1 and len(taken[0].refs) == 1 and isinstance(proof, str):
            self._check_own_proof(taken[0].refs[0], proof.encode(), checkpoint)
        else:
            runs = [(outcome.refs[0].index, [ref.leaf for ref in outcome.refs]) for outcome in taken]
            check_runs(runs, size=checkpoint.size, root=checkpoint.root, read=self._node_reader(checkpoint.size))
        return outcomes

    def _check_own_proof(self, ref: Ref, data: bytes, checkpoint: Checkpoint) -> None:
        try:
            proof = parse_tlog_proof(data)
            index, path, head = proof.index, proof.path, proof.checkpoint
        except InputError as error:
            raise VerifyError(f"the node's proof can't be read: {error.detail}", field=error.field) from None
        if index != ref.index or (head.size, head.root) != (checkpoint.size, checkpoint.root):
            raise VerifyError("the node's proof is for something else", field="proof")
        merkle.check_inclusion(index=index, size=head.size, leaf=ref.leaf, path=path, root=head.root)

    def _node_reader(self, size: int) -> merkle.NodeReader:
        def fetch(level: int, index: int, width: int) -> bytes:
            known = self._tiles.get((level, index))
            if known is not None:
                self._tiles.move_to_end((level, index))
                return known
            data = self.transport.get_bytes(
                "/" + tiles.tile_path(level, index, width), bytes_max=width * merkle.HASH_BYTES
            )
            if width == tiles.TILE_WIDTH:  # it won't change any more
                self._tiles[level, index] = data
                if len(self._tiles) > TILES_CACHED_MAX:
                    self._tiles.popitem(last=False)
            return data

        return tiles.tile_node_reader(fetch, size)

    def entry(self, index: int, *, size: int | None = None) -> VerifiedEntry:
        """The entry at a leaf with its proof, all of it checked against the log's key and the history seen.

        `size`: of the tree that the proof is for; the newest where None. Raises VerifyError, ProblemError.
        """
        suffix = "" if size is None else f"?size={size}"
        data = self.transport.get_bytes(f"/proof/{index}{suffix}", bytes_max=PROOF_BYTES_MAX)
        try:
            proof = parse_tlog_proof(data)
        except InputError as error:
            raise VerifyError(f"the node's proof can't be read: {error.detail}", field=error.field) from None
        checkpoint = self.accept(proof.checkpoint_note)
        if proof.index != index or (size is not None and checkpoint.size != size):
            raise VerifyError("the node's proof is for something else", field="proof")
        return check_entry_proof(proof, checkpoint=checkpoint, data=data)

    def get(self, path: str, **parameters: object) -> dict[str, Any]:
        """A JSON route by its path; parameters that are None or empty are left out. The node's word, not verified."""
        chosen = {name.rstrip("_"): value for name, value in parameters.items() if value not in (None, "")}
        query = f"?{urlencode(chosen)}" if chosen else ""
        return self.transport.get_json(quote(path, safe="/:") + query)


def _wait_s(result: Taken | ProblemError) -> int | None:
    """For how long a batch has to wait that is over a quota; None for any other result."""
    if isinstance(result, Taken) or result.status != 429:
        return None
    said = result.extra.get("retry_after_s")
    return said if type(said) is int and said > 0 else 1


def _says_more(data: bytes, old: Head) -> bool:
    """Whether a note of the same head has more signatures: while a log changes its key, one of them is the new one's,
    and who knows that key alone later finds this note by it."""
    return len(note.parse_note(data).signatures) > len(note.parse_note(old.note).signatures)


def check_entry_proof(proof: TlogProof, *, checkpoint: Checkpoint, data: bytes = b"") -> VerifiedEntry:
    """Check an entry in a proof's extra data: its inclusion in the (verified) checkpoint, its signature, its fields.

    Raises VerifyError; also InputError for an entry or body of the wrong form.
    """
    if proof.extra is None:
        raise InputError("the proof doesn't carry the entry", field="extra", expected="a proof made by a Usance node")
    leaf = merkle.leaf_hash(proof.extra)
    merkle.check_inclusion(index=proof.index, size=checkpoint.size, leaf=leaf, path=proof.path, root=checkpoint.root)
    entry = parse_entry(proof.extra)
    entry.check_signature(checkpoint.origin)
    entry.check_place(proof.index)
    return VerifiedEntry(Ref(proof.index, leaf), entry, check_body(entry.body), data, checkpoint)


def _read_result(batch: Batch, result: Any) -> Taken | ProblemError:
    """One batch's result, its form checked; raises VerifyError for one that can't be this batch's."""
    if not isinstance(result, dict):
        raise VerifyError("the node's answer for a batch is no object", field="results")
    if result.get("status") != 200:
        return problem_error(result)
    index, count, statuses = result.get("first_index"), result.get("count"), result.get("statuses")
    most = merkle.SIZE_MAX - len(batch.bodies)
    if type(index) is not int or not 0 <= index < most or type(count) is not int or count != len(batch.bodies):
        raise VerifyError("the node's answer doesn't fit the batch", field="results", expected="its place in the log")
    if not isinstance(statuses, list) or len(statuses) != count:
        raise VerifyError("the node's answer doesn't fit the batch", field="results", expected="a status a record")
    if not all(isinstance(status, str) for status in statuses):
        raise VerifyError("a status is no text", field="statuses")
    leaves = (merkle.leaf_hash(entry) for entry in batch.entries())
    return Taken(tuple(Ref(index + at, leaf) for at, leaf in enumerate(leaves)), tuple(statuses))


def _is_hex(value: Any, length: int) -> bool:
    if not isinstance(value, str) or len(value) != 2 * length or value != value.lower():
        return False
    try:
        return len(bytes.fromhex(value)) == length
    except ValueError:
        return False
