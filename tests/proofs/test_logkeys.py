"""proofs.logkeys and proofs.closing: several keys of one log, and a log's word that it has ended."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import closing, cosignature, note
from proofs.checkpoint import Checkpoint, log_vkey, sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.errors import InputError, VerifyError
from proofs.logkeys import KEYS_MAX, LogKeys, log_keys, parse_log_keys
from proofs.policy import log_policy, parse_policy

ORIGIN = "log.example/keys"
ROOT = bytes(range(32))


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def vkey(number: int, origin: str = ORIGIN) -> note.VerifierKey:
    return log_vkey(origin=origin, public_key=public_bytes(key(number)))


OLD, NEW, OTHER = 1, 2, 3


def signed(*numbers: int, size: int = 7) -> bytes:
    """A checkpoint with a line of each of these keys."""
    made = sign_checkpoint(origin=ORIGIN, size=size, root=ROOT, private_key=key(numbers[0]))
    text = note.parse_note(made).text
    for number in numbers[1:]:
        made = note.add_signature(made, note.sign(text=text, name=ORIGIN, private_key=key(number)))
    return made


def keys(*numbers: int) -> LogKeys:
    return LogKeys(tuple(vkey(number) for number in numbers))


# Before, during and after a change of OLD to NEW, for readers who know one of the keys or both.
TABLE = {
    "before": (signed(OLD), {"old": True, "both": True, "new": False}),
    "during": (signed(OLD, NEW), {"old": True, "both": True, "new": True}),
    "after": (signed(NEW), {"old": False, "both": True, "new": True}),
    "of another key": (signed(OTHER), {"old": False, "both": False, "new": False}),
}
READERS = {"old": (OLD,), "both": (OLD, NEW), "new": (NEW,)}


@pytest.mark.parametrize("when", TABLE)
@pytest.mark.parametrize("reader", READERS)
def test_a_note_counts_if_a_known_key_signed_it(when: str, reader: str) -> None:
    """Whoever knows a key that signed takes the checkpoint, with keys in any order; nobody else does; a policy judges
    alike."""
    data, good = TABLE[when]
    for numbers in (READERS[reader], READERS[reader][::-1]):
        known = keys(*numbers)
        lines = "".join(f"log {each.text}\n" for each in known.keys)
        policies = (log_policy(known), parse_policy(f"{lines}quorum none\n".encode()))
        if good[reader]:
            assert known.open_checkpoint(data) == Checkpoint(ORIGIN, 7, ROOT)
            assert all(policy.check(data).checkpoint.size == 7 for policy in policies)
        else:
            with pytest.raises(VerifyError):
                known.open_checkpoint(data)
            for policy in policies:
                with pytest.raises(VerifyError):
                    policy.check(data)


def test_a_known_keys_bad_line_refuses_the_note() -> None:
    """One good line doesn't outweigh a line of a known key that fails or comes twice; an unknown key's line may be
    anything."""
    good = signed(OLD, NEW)
    lines = note.parse_note(good).signatures
    text = note.parse_note(good).text
    forged = note.NoteSignature(ORIGIN, lines[1].id, bytes(64))
    for bad in ((lines[0], forged), (lines[0], lines[1], lines[1])):
        data = note.make_note(text, [line.line for line in bad])
        with pytest.raises(VerifyError):
            keys(OLD, NEW).open_checkpoint(data)
        assert keys(OLD).open_checkpoint(data).size == 7


def test_the_signers_are_told_in_the_order_of_the_keys() -> None:
    """`check` says which of the known keys have signed."""
    parsed = note.parse_note(signed(OLD, NEW))
    assert keys(NEW, OTHER, OLD).check(parsed, ORIGIN) == (vkey(NEW), vkey(OLD))
    with pytest.raises(VerifyError):
        keys(OLD).check(parsed, "log.example/other")


def test_keys_that_are_not_of_one_log_are_refused() -> None:
    """None, too many, another name, a witness's, one twice under any name, an origin that is none."""
    witness = cosignature.witness_vkey(name=ORIGIN, private_key=key(9))
    for given in (
        (), (vkey(OLD), vkey(OLD)), (vkey(OLD), vkey(NEW, "log.example/other")), (witness,), (vkey(OLD), witness),
        tuple(vkey(number) for number in range(1, KEYS_MAX + 2)),
        (note.VerifierKey("usance/x", note.TYPE_ED25519, public_bytes(key(1))),),
    ):  # fmt: skip
        with pytest.raises(InputError):
            LogKeys(given)
    with pytest.raises(InputError):
        log_keys(witness)


def test_the_first_key_names_the_log() -> None:
    """Origin, name on disk, all texts and all public keys; one key alone is a log's keys too."""
    known = keys(OLD, NEW)
    assert (known.origin, known.first, known.text) == (ORIGIN, vkey(OLD), vkey(OLD).text)
    assert known.texts == {vkey(OLD).text, vkey(NEW).text}
    assert known.public == {public_bytes(key(OLD)), public_bytes(key(NEW))}
    assert log_keys(vkey(OLD)) == keys(OLD)
    assert log_keys(known) is known


def test_a_file_of_keys_is_read_strictly() -> None:
    """A vkey a line, comments and empty lines aside, in their order; anything else is refused."""
    text = f"# the old one\n{vkey(OLD).text}\n\n  {vkey(NEW).text}\r\n"
    assert parse_log_keys(text) == keys(OLD, NEW)
    for bad in ("", "# none\n", "junk\n", vkey(OLD).text + "\njunk", f"{vkey(OLD).text} {vkey(NEW).text}"):
        with pytest.raises(InputError):
            parse_log_keys(bad)


def test_a_policy_gives_the_keys_of_one_log() -> None:
    """In the file's order, by origin; for a log that it doesn't know it says which it does."""
    other = vkey(OTHER, "log.example/other")
    policy = parse_policy(
        f"log {vkey(NEW).text}\nlog {other.text}\nlog {vkey(OLD).text} https://x\nquorum none\n".encode()
    )
    assert policy.origins == (ORIGIN, "log.example/other")
    assert policy.keys_of(ORIGIN) == keys(NEW, OLD)
    with pytest.raises(InputError, match="doesn't know"):
        policy.keys_of("log.example/none")


# Closing notes


def closed(*numbers: int, size: int = 7) -> bytes:
    return closing.sign_closing(
        origin=ORIGIN, size=size, root=ROOT, private_keys=[key(number) for number in numbers]
    )  # fmt: skip


def test_a_closing_note_is_read_back_by_each_of_its_keys() -> None:
    """Signed by all that sign at the end, good for whoever knows one of them, and for nobody else."""
    data = closed(OLD, NEW)
    for known in (keys(OLD), keys(NEW), keys(OTHER, NEW)):
        assert closing.open_closing(data, known) == closing.Closing(ORIGIN, 7, ROOT)
    with pytest.raises(VerifyError):
        closing.open_closing(data, keys(OTHER))


def test_what_a_closed_log_may_have_signed() -> None:
    """Smaller heads, and the last one; no larger one, and no other of its size."""
    end = closing.Closing(ORIGIN, 7, ROOT)
    assert end.allows(Checkpoint(ORIGIN, 7, ROOT))
    assert end.allows(Checkpoint(ORIGIN, 6, bytes(32)))
    assert not end.allows(Checkpoint(ORIGIN, 7, bytes(32)))
    assert not end.allows(Checkpoint(ORIGIN, 8, ROOT))


def test_closing_notes_and_checkpoints_are_never_taken_for_each_other() -> None:
    """Neither parser takes the other's note, though one key signs both."""
    with pytest.raises(InputError):
        keys(OLD).open_checkpoint(closed(OLD))
    with pytest.raises(InputError):
        closing.open_closing(signed(OLD), keys(OLD))


def test_bad_closing_notes_are_refused() -> None:
    """Another header, a line more or less, sizes that are none, another log's, a changed byte anywhere."""
    good = closed(OLD)
    text = note.parse_note(good).text
    for old, new in (
        ("closed/v1", "closed/v2"), ("\n7\n", "\n07\n"), ("\n7\n", "\n0\n"), ("\n7\n", "\n7\n8\n"), ("\n7\n", "\n"),
        ("keys", "other"), ("\n7\n", "\n-7\n"),
    ):  # fmt: skip
        assert old in text
        changed = text.replace(old, new)
        line = note.sign(text=changed, name=ORIGIN, private_key=key(OLD))
        with pytest.raises(InputError):
            closing.open_closing(note.make_note(changed, [line]), keys(OLD))
    for at in range(len(good)):
        with pytest.raises(InputError):
            closing.open_closing(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], keys(OLD))
    for size, root, private in ((0, ROOT, [key(1)]), (1, b"", [key(1)]), (1, ROOT, [])):
        with pytest.raises(InputError):
            closing.sign_closing(origin=ORIGIN, size=size, root=root, private_keys=private)
