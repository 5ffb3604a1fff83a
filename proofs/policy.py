"""Trust policies: which logs are known, and whose cosignatures a checkpoint needs, as C2SP tlog-policy has them.

::

    log <vkey> [<url>]         of one log several, while its key is changed and after
    witness X1 <vkey> [<url>]
    witness X2 <vkey>
    group X 1 X1 X2            a number, "any" or "all"
    quorum X                   or a witness, or "none"; exactly one such line

Items are separated by spaces and tabs; lines that begin with # and empty ones are ignored. Names are opaque bytes
without meaning outside of the file.

Invariants of a ``Policy``: no underlying public key is in it twice, whatever its name, type or role, so that one key
has one role; each name is defined once, before it is used, and is a member of at most one group, so that a witness
counts once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from proofs import cosignature, note
from proofs.checkpoint import Checkpoint, check_origin, parse_checkpoint
from proofs.errors import InputError, VerifyError, excerpt
from proofs.logkeys import NEW_KEY, LogKeys, log_keys
from proofs.text import parse_decimal

POLICY_BYTES_MAX = 1024 * 1024
LOGS_MAX = 256
WITNESSES_MAX = 256
GROUPS_MAX = 256

NO_QUORUM = b"none"
WITNESS_TYPES = (note.TYPE_COSIGNATURE_ED25519, note.TYPE_COSIGNATURE_MLDSA44)

Item = TypeVar("Item")

_SEPARATOR = re.compile(rb"[ \t]+")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Log:
    """A known log; its key's name is its origin. ``url`` is as the file has it, empty without one."""

    key: note.VerifierKey
    url: bytes = b""


@dataclass(frozen=True, slots=True)
class Witness:
    """A known witness, by its name in the file."""

    name: bytes
    key: note.VerifierKey
    url: bytes = b""


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as having witnessed when ``threshold`` of its members have; these are named on earlier lines."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness whose cosignature holds: its name in the policy, its time in seconds (0: none stated), its key."""

    name: str
    time_s: int
    key: note.VerifierKey


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """A checkpoint that a policy holds for: the checkpoint, the log's key that signed it, and who cosigned."""

    checkpoint: Checkpoint
    log: note.VerifierKey
    cosigners: tuple[Cosigner, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Known logs and witnesses, groups in the order of their definition, and the quorum's name (``none``: nobody)."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes

    def check(self, data: bytes) -> PolicyVerdict:
        """Checks a signed checkpoint, and returns it with who vouched for it.

        It must be signed by a known log whose name is its origin; a signature of any known log that fails refuses
        it. The quorum is counted over the cosignatures that hold. A *witness's* cosignature that fails isn't counted
        and does no more: one bad line that anybody could add, or one flipped bit in a line that the quorum doesn't
        need, must not make a good proof unreadable for ever (signed-note leaves this choice to the reader). A known
        key whose line comes twice refuses the note. Times are returned, not judged: here is no clock.

        Raises ``InputError`` if the note or the checkpoint is malformed, ``VerifyError`` if the policy doesn't hold,
        ``FatalError`` if it names an ML-DSA-44 witness and the installed library can't check it.
        """
        signed = note.parse_note(data)
        checkpoint = parse_checkpoint(signed.text)
        log = self._signing_log(signed, checkpoint)
        cosigners = self._cosigners(signed)
        if not self._witnessed({name for name, _ in cosigners}):
            raise VerifyError(
                f"{len(cosigners)} of {len(self.witnesses)} known witnesses cosigned, the quorum isn't reached",
                field="checkpoint",
                expected=f"the quorum {_shown(self.quorum)}",
            )
        return PolicyVerdict(checkpoint=checkpoint, log=log, cosigners=tuple(cosigner for _, cosigner in cosigners))

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs that it knows, in the file's order."""
        return tuple(dict.fromkeys(log.key.name for log in self.logs))

    def keys_of(self, origin: str) -> LogKeys:
        """The keys that it knows of one log, in the file's order. Raises ``InputError`` for a log that it doesn't."""
        keys = tuple(log.key for log in self.logs if log.key.name == origin)
        if not keys:
            raise InputError(
                f"the policy doesn't know the log {excerpt(origin)}", field="policy", expected=", ".join(self.origins)
            )
        return LogKeys(keys)

    def _signing_log(self, signed: note.Note, checkpoint: Checkpoint) -> note.VerifierKey:
        signer = None
        for log in self.logs:
            if note.signature_by(signed, log.key) is None:
                continue
            note.check_signature(signed, log.key)
            if signer is None and log.key.name == checkpoint.origin:
                signer = log.key
        if signer is None:
            raise VerifyError(
                f"the checkpoint of {excerpt(checkpoint.origin)} isn't signed by that log with a key that is trusted",
                field="checkpoint",
                expected=(", ".join(sorted({log.key.name for log in self.logs})) or "a policy with a log")
                + f"; {NEW_KEY}",
            )
        return signer

    def _cosigners(self, signed: note.Note) -> list[tuple[bytes, Cosigner]]:
        found = []
        for witness in self.witnesses:
            signature = note.signature_by(signed, witness.key)
            if signature is None:
                continue
            try:
                time_s = cosignature.check(text=signed.text, signature=signature, key=witness.key)
            except VerifyError:
                continue
            found.append((witness.name, Cosigner(name=_shown(witness.name), time_s=time_s, key=witness.key)))
        return found

    def _witnessed(self, names: set[bytes]) -> bool:
        if self.quorum == NO_QUORUM:
            return True
        witnessed = set(names)
        for group in self.groups:  # members come before their groups
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed


def log_policy(keys: note.VerifierKey | LogKeys) -> Policy:
    """The policy that knows one log and asks for no witness. Raises ``InputError`` unless the key is a log's."""
    builder = _Builder()
    for key in log_keys(keys).keys:
        builder.add_log(key, b"")
    return Policy(logs=tuple(builder.logs), witnesses=(), groups=(), quorum=NO_QUORUM)


def parse_policy(data: bytes) -> Policy:
    """A policy from its file: at most 1 MiB and 256 logs, witnesses and groups each.

    Raises ``InputError`` that names the line for anything that tlog-policy doesn't allow.
    """
    if len(data) > POLICY_BYTES_MAX:
        raise InputError(f"a policy of {len(data)} bytes", field="policy", expected=f"at most {POLICY_BYTES_MAX} bytes")
    if _FORBIDDEN.search(data):
        raise InputError("the policy holds a control character", field="policy", expected="tab and newline only")
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise InputError("the policy's last line isn't ended", field="policy", expected="a final newline")
    builder = _Builder()
    for number, line in enumerate(lines, start=1):
        items = _SEPARATOR.split(line.strip(b" \t"))
        if items[0] == b"" or items[0].startswith(b"#"):
            continue
        try:
            builder.add_line(items)
        except InputError as refused:
            raise InputError(
                f"policy line {number}: {refused.detail}", field=f"line {number}", expected=refused.expected
            ) from None
    return builder.policy()


@dataclass(slots=True)
class _Builder:
    """What the lines read so far define."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: bytes | None = None
    names: set[bytes] = field(default_factory=lambda: {NO_QUORUM})
    members: set[bytes] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    key_ids: set[tuple[str, bytes]] = field(default_factory=set)

    def add_line(self, items: list[bytes]) -> None:
        readers: dict[bytes, tuple[int, int, Callable[[list[bytes]], None]]] = {
            b"log": (2, 3, self._read_log),
            b"witness": (3, 4, self._read_witness),
            b"group": (4, 3 + WITNESSES_MAX + GROUPS_MAX, self._read_group),
            b"quorum": (2, 2, self._read_quorum),
        }
        if items[0] not in readers:
            raise InputError(f"{excerpt(_shown(items[0]))} begins no line", expected="log, witness, group or quorum")
        fewest, most, read = readers[items[0]]
        if not fewest <= len(items) <= most:
            raise InputError(f"{len(items)} items on a {_shown(items[0])} line", expected=f"{fewest} to {most}")
        read(items)

    def policy(self) -> Policy:
        if self.quorum is None:
            raise InputError("the policy has no quorum line", field="quorum", expected="one quorum line")
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)

    def add_log(self, vkey: note.VerifierKey, url: bytes) -> None:
        if vkey.type != note.TYPE_ED25519:
            raise InputError(f"{vkey.name} is a witness's key", field="vkey", expected="a log's key, of type 01")
        check_origin(vkey.name)
        self._add_key(vkey)
        _add(self.logs, Log(vkey, url), LOGS_MAX, "logs")

    def _read_log(self, items: list[bytes]) -> None:
        self.add_log(_read_vkey(items[1]), b"".join(items[2:]))

    def _read_witness(self, items: list[bytes]) -> None:
        vkey = _read_vkey(items[2])
        if vkey.type not in WITNESS_TYPES:
            raise InputError(f"{vkey.name} is a log's key", field="vkey", expected="a witness's key, of type 04 or 06")
        self._define(items[1])
        self._add_key(vkey)
        _add(self.witnesses, Witness(items[1], vkey, b"".join(items[3:])), WITNESSES_MAX, "witnesses")

    def _read_group(self, items: list[bytes]) -> None:
        _, name, threshold, *members = items
        for member in members:
            self._check_defined(member)
            if member in self.members:
                raise InputError(f"{_shown(member)} is a member already", expected="each name in one group, once")
            self.members.add(member)
        # Only now: a group can't be its own member.
        self._define(name)
        _add(self.groups, Group(name, _read_threshold(threshold, len(members)), tuple(members)), GROUPS_MAX, "groups")

    def _read_quorum(self, items: list[bytes]) -> None:
        if self.quorum is not None:
            raise InputError("a second quorum line", expected="one quorum line")
        if items[1] != NO_QUORUM:
            self._check_defined(items[1])
        self.quorum = items[1]

    def _define(self, name: bytes) -> None:
        if name in self.names:
            raise InputError(f"{_shown(name)} is defined already", expected="a name of its own, other than none")
        self.names.add(name)

    def _check_defined(self, name: bytes) -> None:
        if name == NO_QUORUM or name not in self.names:
            raise InputError(f"{_shown(name)} isn't defined", expected="a witness or group of an earlier line")

    def _add_key(self, vkey: note.VerifierKey) -> None:
        if vkey.key in self.keys:
            raise InputError(f"the key of {vkey.name} is listed already", expected="each key once, in one role")
        if (vkey.name, vkey.id) in self.key_ids:
            raise InputError(f"another key has the name {vkey.name} and the same hash", expected="keys told apart")
        self.keys.add(vkey.key)
        self.key_ids.add((vkey.name, vkey.id))


def _add(items: list[Item], item: Item, most: int, what: str) -> None:
    if len(items) == most:
        raise InputError(f"too many {what}", expected=f"at most {most}")
    items.append(item)


def _read_vkey(raw: bytes) -> note.VerifierKey:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("a verifier key that isn't UTF-8", field="vkey", expected="name+hash+key") from None
    return note.parse_vkey(text)


def _read_threshold(raw: bytes, members: int) -> int:
    if raw in (b"all", b"any"):
        return members if raw == b"all" else 1
    threshold = parse_decimal(_shown(raw), field="threshold", maximum=members)
    if threshold == 0:
        raise InputError("a threshold of 0", field="threshold", expected=f"1 to {members}, any or all")
    return threshold


def _shown(name: bytes) -> str:
    return name.decode("utf-8", errors="backslashreplace")
