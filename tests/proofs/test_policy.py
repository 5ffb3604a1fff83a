"""proofs.policy: what tlog-policy allows is read and kept to, what it doesn't is refused with the line's number."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import checkpoint, cosignature, ed25519, note, policy
from proofs.errors import InputError, VerifyError
from tests import strategies

ORIGIN = "example.com/log"
ROOT = bytes(range(32))


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def log_vkey(number: int, origin: str = ORIGIN) -> str:
    return checkpoint.log_vkey(origin=origin, public_key=ed25519.public_bytes(key(number))).text


def witness_vkey(number: int, name: str = "w.example/w") -> str:
    return cosignature.witness_vkey(name=name, private_key=key(number)).text


LOG = key(1)
HEAD = checkpoint.sign_checkpoint(origin=ORIGIN, size=5, root=ROOT, private_key=LOG)
TEXT = note.parse_note(HEAD).text
# Witness number n has key 100 + n.
NAMES = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
WITNESSES = "".join(f"witness {name} {witness_vkey(100 + n)}\n" for n, name in enumerate(NAMES))
EXAMPLE = f"""\
log {log_vkey(1)}

{WITNESSES}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned(head: bytes, numbers: list[int], time_s: int = 1_700_000_000) -> bytes:
    for number in numbers:
        line = cosignature.sign(text=TEXT, name="w.example/w", time_s=time_s + number, private_key=key(100 + number))
        head = note.add_signature(head, line)
    return head


def parse(text: str) -> policy.Policy:
    return policy.parse_policy(text.encode())


@pytest.mark.parametrize(
    ("numbers", "good"),
    [
        ([], False), ([0, 1], False), ([0, 3], False), ([0, 1, 2], False), ([3, 4, 5], False), ([0, 3, 4, 5], False),
        ([0, 1, 3], True), ([1, 2, 5], True), ([0, 2, 4], True), ([0, 1, 2, 3, 4, 5], True), ([5, 2, 1], True),
    ],
)  # fmt: skip
def test_the_documents_example_policy(numbers: list[int], good: bool) -> None:
    """Two of the X witnesses and one of the Y witnesses are enough, and nothing less is."""
    example = parse(EXAMPLE)
    head = cosigned(HEAD, numbers)
    if not good:
        with pytest.raises(VerifyError, match="quorum"):
            example.check(head)
        return
    verdict = example.check(head)
    assert verdict.checkpoint == checkpoint.Checkpoint(ORIGIN, 5, ROOT)
    assert verdict.log.text == log_vkey(1)
    assert [(each.name, each.time_s) for each in verdict.cosigners] == [
        (NAMES[number], 1_700_000_000 + number) for number in sorted(numbers)
    ]


@given(st.data())
def test_quorums_are_counted_as_defined(data: st.DataObject) -> None:
    """For random nested groups and any set of cosigners, the verdict is that of the definition read recursively."""
    lines, free = [f"log {log_vkey(1)}\n", WITNESSES], list(NAMES)
    tree: dict[str, tuple[int, list[str]]] = {}
    for number in range(data.draw(st.integers(0, 4))):
        if not free:
            break
        members = data.draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        threshold = data.draw(st.integers(1, len(members)))
        free = [name for name in free if name not in members] + [f"g{number}"]
        tree[f"g{number}"] = (threshold, members)
        lines.append(f"group g{number} {threshold} {' '.join(members)}\n")
    quorum = data.draw(st.sampled_from([*NAMES, *tree]))
    numbers = sorted(data.draw(st.sets(st.integers(0, 5))))

    def witnessed(name: str) -> bool:
        if name not in tree:
            return NAMES.index(name) in numbers
        threshold, members = tree[name]
        return len([member for member in members if witnessed(member)]) >= threshold

    made = parse("".join(lines) + f"quorum {quorum}\n")
    head = cosigned(HEAD, numbers)
    if witnessed(quorum):
        assert len(made.check(head).cosigners) == len(numbers)
    else:
        with pytest.raises(VerifyError):
            made.check(head)


def test_a_failing_cosignature_is_not_counted() -> None:
    """A known witness's line that doesn't hold takes nothing from the others, and counts for nothing itself."""
    good = cosigned(HEAD, [0, 1, 3])
    wrong = note.NoteSignature("w.example/w", note.parse_vkey(witness_vkey(105)).id, bytes(72)).line
    verdict = parse(EXAMPLE).check(note.add_signature(good, wrong))
    assert [each.name for each in verdict.cosigners] == ["X1", "X2", "Y1"]
    wrong_y = note.NoteSignature("w.example/w", note.parse_vkey(witness_vkey(103)).id, bytes(72)).line
    with pytest.raises(VerifyError, match="quorum"):
        parse(EXAMPLE).check(note.add_signature(cosigned(HEAD, [0, 1]), wrong_y))


def test_a_witness_counts_once() -> None:
    """A known witness's line that comes twice refuses the note, whichever of them hold."""
    head = cosigned(HEAD, [0, 1, 3])
    line = head.decode().splitlines(keepends=True)[-1]
    with pytest.raises(VerifyError, match="more than once"):
        parse(EXAMPLE).check(head + line.encode())


def test_unknown_lines_are_ignored() -> None:
    """Signatures by keys that the policy doesn't list change nothing."""
    head = cosigned(HEAD, [0, 1, 3, 50])
    assert len(parse(EXAMPLE).check(head).cosigners) == 3


@given(st.data())
def test_a_changed_byte_is_refused_unless_the_quorum_needs_it_not(data: st.DataObject) -> None:
    """Any change to a note either refuses it, or lies in a cosigner's line that the quorum can do without."""
    head = cosigned(HEAD, [0, 1])
    any_of = parse(f"log {log_vkey(1)}\n{WITNESSES}group g any X1 X2\nquorum g\n")
    changed = data.draw(strategies.mutated(head))
    try:
        verdict = any_of.check(changed)
    except InputError:
        return
    lines = head.splitlines(keepends=True)
    own = b"".join(lines[:5])  # the text, the empty line and the log's signature
    assert changed.startswith(own)
    assert verdict.checkpoint == checkpoint.Checkpoint(ORIGIN, 5, ROOT)
    assert len(verdict.cosigners) == 1


def test_the_log_must_sign() -> None:
    """No known log's signature, one by a known log of another origin, or one that fails, refuses the checkpoint."""
    two = parse(f"log {log_vkey(1)}\nlog {log_vkey(2, 'example.com/two')}\nquorum none\n")
    two.check(HEAD)
    unsigned = note.make_note(TEXT, [note.sign(text=TEXT, name="x", private_key=LOG)])
    by_two = note.make_note(TEXT, [note.sign(text=TEXT, name="example.com/two", private_key=key(2))])
    failing = note.make_note(TEXT, [note.NoteSignature(ORIGIN, note.parse_vkey(log_vkey(1)).id, bytes(64)).line])
    for bad in (unsigned, by_two, failing):
        with pytest.raises(VerifyError):
            two.check(bad)
    # A line by another known log that holds is no harm, one that fails is.
    two.check(note.add_signature(HEAD, note.sign(text=TEXT, name="example.com/two", private_key=key(2))))
    wrong = note.NoteSignature("example.com/two", note.parse_vkey(log_vkey(2, "example.com/two")).id, bytes(64)).line
    with pytest.raises(VerifyError):
        two.check(note.add_signature(HEAD, wrong))


def test_any_of_an_origins_keys_is_enough() -> None:
    """Two keys of one origin, as when a log changes its key: either signature counts."""
    both = parse(f"log {log_vkey(2)}\nlog {log_vkey(1)}\nquorum none\n")
    assert both.check(HEAD).log.text == log_vkey(1)
    other = checkpoint.sign_checkpoint(origin=ORIGIN, size=5, root=ROOT, private_key=key(2))
    assert both.check(other).log.text == log_vkey(2)


def test_mldsa_witnesses_count() -> None:
    """A policy may list witnesses of both types."""
    private = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    vkey = cosignature.witness_vkey(name="pq", private_key=private)
    both = parse(
        f"log {log_vkey(1)}\nwitness a {witness_vkey(100)}\nwitness b {vkey.text}\ngroup g all a b\nquorum g\n"
    )
    head = note.add_signature(
        cosigned(HEAD, [0]), cosignature.sign(text=TEXT, name="pq", time_s=7, private_key=private)
    )
    assert [(each.name, each.key.type, each.time_s) for each in both.check(head).cosigners] == [
        ("a", 4, 1_700_000_000),
        ("b", 6, 7),
    ]
    with pytest.raises(VerifyError):
        both.check(cosigned(HEAD, [0]))


def test_a_policy_of_one_log() -> None:
    """A log's key alone makes a policy: that log, no witness; a witness's key doesn't."""
    alone = policy.log_policy(note.parse_vkey(log_vkey(1)))
    assert alone == parse(f"log {log_vkey(1)}\nquorum none\n")
    assert alone.check(HEAD).cosigners == ()
    with pytest.raises(InputError):
        policy.log_policy(note.parse_vkey(witness_vkey(1)))


def test_a_policy_without_logs_holds_for_nothing() -> None:
    """It is read, as the standard says, but no checkpoint passes it."""
    with pytest.raises(VerifyError):
        parse("quorum none\n").check(HEAD)


def test_layout_is_free() -> None:
    """Tabs, spaces in front and behind, comments, empty lines, URLs and any order of definitions change nothing."""
    text = (
        f"# comment\n\t # another\n\n  witness\t X1   {witness_vkey(100)}\t https://w.example/ \n"
        f"quorum X1\n \t\nlog {log_vkey(1)} https://log.example/\n#last\n"
    )
    made = parse(text)
    assert made.witnesses[0].url == b"https://w.example/"
    assert made.logs[0].url == b"https://log.example/"
    made.check(cosigned(HEAD, [0]))


def test_names_are_opaque_bytes() -> None:
    """Names may be of any bytes but white space and controls, and are compared as bytes."""
    text = b"witness \xff\xfe %b\nwitness K %b\nwitness \xe2\x84\xaa %b\ngroup any any \xff\xfe\nquorum any\n" % tuple(
        witness_vkey(number).encode() for number in (100, 101, 102)
    )
    made = policy.parse_policy(f"log {log_vkey(1)}\n".encode() + text)
    assert made.check(cosigned(HEAD, [0])).cosigners[0].name == "\\xff\\xfe"
    with pytest.raises(VerifyError):
        made.check(cosigned(HEAD, [1, 2]))


LOG_LINE = f"log {log_vkey(1)}\n"
W = f"witness w {witness_vkey(100)}\n"
V = f"witness v {witness_vkey(101)}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(LOG_LINE, id="no-quorum"),
        pytest.param(LOG_LINE + "quorum none", id="missing-last-newline"),
        pytest.param(LOG_LINE + "quorum none\nquorum none\n", id="two-quorums"),
        pytest.param(LOG_LINE + "quorum none\n# comment", id="comment-not-ended"),
        pytest.param(LOG_LINE + "quorum\n", id="quorum-without-name"),
        pytest.param(LOG_LINE + "quorum none none\n", id="quorum-of-two"),
        pytest.param(LOG_LINE + "quorum w\n", id="quorum-undefined"),
        pytest.param("quorum w\n" + W, id="quorum-before-its-definition"),
        pytest.param(LOG_LINE + "quorum all\n", id="quorum-all"),
        pytest.param(LOG_LINE + "Quorum none\n", id="capital"),
        pytest.param(LOG_LINE + "quorum none\nwhat\n", id="unknown-line"),
        pytest.param("quorum none # comment\n", id="comment-behind-a-line"),
        pytest.param((LOG_LINE + "quorum none\n").replace("\n", "\r\n"), id="crlf"),
        pytest.param("log\nquorum none\n", id="log-without-key"),
        pytest.param(LOG_LINE[:-1] + " url more\nquorum none\n", id="log-with-more"),
        pytest.param("log x\nquorum none\n", id="log-bad-key"),
        pytest.param(f"log {witness_vkey(1)}\nquorum none\n", id="log-with-a-witness-key"),
        pytest.param(LOG_LINE + LOG_LINE + "quorum none\n", id="log-twice"),
        pytest.param(LOG_LINE + f"log {log_vkey(1, 'other')}\nquorum none\n", id="log-twice-by-another-name"),
        pytest.param(f"witness w {log_vkey(1)}\nquorum w\n", id="witness-with-a-log-key"),
        pytest.param("witness w\nquorum w\n", id="witness-without-key"),
        pytest.param(W[:-1] + " url more\nquorum w\n", id="witness-with-more"),
        pytest.param(f"witness none {witness_vkey(100)}\nquorum none\n", id="witness-named-none"),
        pytest.param(W + f"witness w {witness_vkey(101)}\nquorum w\n", id="witness-name-twice"),
        pytest.param(W + f"witness v {witness_vkey(100)}\nquorum w\n", id="witness-key-twice"),
        pytest.param(W + f"witness v {witness_vkey(100, 'x')}\nquorum w\n", id="witness-key-twice-by-another-name"),
        pytest.param(LOG_LINE + f"witness w {witness_vkey(1)}\nquorum w\n", id="log-key-as-witness"),
        pytest.param(f"witness w {witness_vkey(1)}\n" + LOG_LINE + "quorum w\n", id="witness-key-as-log"),
        pytest.param(W + "group g\nquorum w\n", id="group-without-anything"),
        pytest.param(W + "group g any\nquorum w\n", id="group-without-members"),
        pytest.param(W + "group g 0 w\nquorum g\n", id="threshold-0"),
        pytest.param(W + "group g 2 w\nquorum g\n", id="threshold-above-members"),
        pytest.param(W + "group g 01 w\nquorum g\n", id="threshold-with-zero"),
        pytest.param(W + "group g +1 w\nquorum g\n", id="threshold-with-sign"),
        pytest.param(W + "group g \u0661 w\nquorum g\n", id="threshold-in-other-digits"),
        pytest.param(W + "group g some w\nquorum g\n", id="threshold-word"),
        pytest.param(W + "group g any x\nquorum g\n", id="member-undefined"),
        pytest.param(W + "group g any none\nquorum g\n", id="member-none"),
        pytest.param(W + "group g any w g\nquorum g\n", id="member-itself"),
        pytest.param(W + "group g 1 w w\nquorum g\n", id="member-twice"),
        pytest.param(W + "group g any w\ngroup h any w\nquorum h\n", id="member-of-two-groups"),
        pytest.param(W + "group w any w\nquorum w\n", id="group-named-as-a-witness"),
        pytest.param(W + V + "group g any w\ngroup g any v\nquorum g\n", id="group-name-twice"),
        pytest.param(W + V + "group g any w h\ngroup h any v\nquorum g\n", id="member-defined-later"),
        pytest.param("quorum\u00a0none\n", id="other-space"),
        pytest.param("quorum\x0bnone\n", id="vertical-tab"),
        pytest.param("quorum none\n\x00\n", id="nul"),
        pytest.param("quorum none\n#\x7f\n", id="del-in-a-comment"),
        pytest.param("quorum none\n#" + "x" * policy.POLICY_BYTES_MAX + "\n", id="too-long"),
    ],
)
def test_other_files_are_refused(text: str) -> None:
    """Each rule of tlog-policy, broken once."""
    with pytest.raises(InputError):
        parse(text)


def test_the_line_is_named() -> None:
    """An error says on which line it is."""
    with pytest.raises(InputError, match=r"line 3: .*isn't defined") as caught:
        parse(f"# first\n{LOG_LINE}quorum nobody\n")
    assert caught.value.field == "line 3"


def test_keys_with_one_name_and_hash_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys that a signature line can't tell apart (a found collision) can't both be listed."""
    monkeypatch.setattr(note.VerifierKey, "id", property(lambda self: b"same"))
    texts = [f"witness {name} {witness_vkey(number)}\n" for name, number in (("a", 100), ("b", 101))]
    with pytest.raises(InputError, match="same hash"):
        parse("".join(texts) + "quorum a\n")


def test_a_large_policy_is_read() -> None:
    """256 witnesses and groups are read and evaluated, well above the 32 that every reader should take; 257 aren't."""
    lines = [LOG_LINE]
    lines += [f"witness w{n} {witness_vkey(100 + n)}\n" for n in range(256)]
    lines += [f"group g{n} all w{n}{f' g{n - 1}' if n else ''}\n" for n in range(256)]
    made = parse("".join(lines) + "quorum g20\n")
    made.check(cosigned(HEAD, list(range(21))))
    with pytest.raises(VerifyError):
        made.check(cosigned(HEAD, list(range(20))))
    for extra in (f"witness w256 {witness_vkey(356)}\n", "group g256 any g255\n"):
        with pytest.raises(InputError, match="too many"):
            parse("".join(lines) + extra + "quorum g20\n")
    logs = [f"log {log_vkey(1000 + n)}\n" for n in range(257)]
    assert len(parse("".join(logs[:256]) + "quorum none\n").logs) == 256
    with pytest.raises(InputError, match="too many"):
        parse("".join(logs) + "quorum none\n")
