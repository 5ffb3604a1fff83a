"""The keys of one log: usually one, two while its signing key is changed, and retired ones that signed before.

A checkpoint counts when any of them signed it, as C2SP signed-note has it: lines of unknown keys are ignored, a line of
a known key that doesn't hold refuses the note. Which keys a reader knows is the reader's policy; nothing in a log says
whom to trust.

Invariant of a ``LogKeys``: 1 to 64 keys of type 0x01, all of one name, which is an origin; no key and no key hash is
there twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from proofs import note
from proofs.checkpoint import Checkpoint, check_origin, parse_checkpoint, parse_log_vkey
from proofs.errors import InputError, VerifyError, excerpt

KEYS_MAX = 64
NEW_KEY = (
    "a log key that signs now; if its operator has changed the key, ask there for the policy with the new one: `usance "
    "node rekey DIR show` prints it, DIR/log.vkey is that key alone (docs/log-keys.md)"
)
"""What to do about a note that no known key has signed: the new key never comes from the node that shows the note."""


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys that a reader knows of one log, the oldest first: it names the log on this reader's disk.

    Raises ``InputError`` when made of keys that aren't of one log.
    """

    keys: tuple[note.VerifierKey, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= KEYS_MAX:
            raise InputError(f"{len(self.keys)} keys of one log", field="vkey", expected=f"1 to {KEYS_MAX}")
        check_origin(self.keys[0].name)
        for key in self.keys:
            if key.type != note.TYPE_ED25519:
                raise InputError(f"{key.name} is a witness's key", field="vkey", expected="a log's key, of type 01")
            if key.name != self.origin:
                raise InputError(
                    f"keys of the logs {excerpt(self.origin)} and {excerpt(key.name)}",
                    field="vkey",
                    expected="keys of one log",
                )
        if len({key.key for key in self.keys}) < len(self.keys):
            raise InputError("a key of the log is there twice", field="vkey", expected="each key once")
        if len({key.id for key in self.keys}) < len(self.keys):
            raise InputError("two keys of the log have the same hash", field="vkey", expected="keys told apart")

    @property
    def first(self) -> note.VerifierKey:
        """The key that names the log on this reader's disk."""
        return self.keys[0]

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.keys[0].name

    @property
    def text(self) -> str:
        """The first key's vkey."""
        return self.keys[0].text

    @property
    def texts(self) -> frozenset[str]:
        """The vkeys of all of them."""
        return frozenset(key.text for key in self.keys)

    @property
    def public(self) -> frozenset[bytes]:
        """The 32-byte public keys: no party may use one of them."""
        return frozenset(key.key for key in self.keys)

    def open_checkpoint(self, data: bytes) -> Checkpoint:
        """The checkpoint in a note that at least one of the keys has signed. Costs a signature check a known line.

        Raises ``InputError`` for a malformed note, ``VerifyError`` where none has signed, the checkpoint is another
        log's, or a known key's line fails or is there twice.
        """
        signed = note.parse_note(data)
        checkpoint = parse_checkpoint(signed.text)
        self.check(signed, checkpoint.origin)
        return checkpoint

    def check(self, signed: note.Note, origin: str) -> tuple[note.VerifierKey, ...]:
        """Check that a note of this origin is signed by the log; answers by which keys. Raises ``VerifyError``."""
        if origin != self.origin:
            raise VerifyError(
                f"the checkpoint is of the log {excerpt(origin)}",
                field="origin",
                expected=f"{self.origin}, whose key was given",
            )
        signers = tuple(key for key in self.keys if note.signature_by(signed, key) is not None)
        for key in signers:
            note.check_signature(signed, key)
        if not signers:
            texts = " or ".join(key.text for key in self.keys)
            raise VerifyError(f"the note isn't signed by {texts}", field="signature", expected=NEW_KEY)
        return signers


def log_keys(given: note.VerifierKey | LogKeys) -> LogKeys:
    """The keys of a log of which one or several were given. Raises ``InputError`` for a key that is no log's."""
    return given if isinstance(given, LogKeys) else LogKeys((given,))


def parse_log_keys(text: str) -> LogKeys:
    """Keys from a file's text: a vkey a line; empty lines and those that begin with ``#`` are ignored.

    Raises ``InputError``, also for keys of several logs.
    """
    lines = [line.strip() for line in text.splitlines()]
    return LogKeys(tuple(parse_log_vkey(line) for line in lines if line and not line.startswith("#")))
