"""What stands in a spool's folder: other keys' and logs' segments, damage, state files that were changed."""

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import FileError, NetworkError, ProblemError
from node.spool import folder, refill
from node.spool.deadletters import DeadLetters
from node.spool.refill import drop_letters, retry_letters
from node.spool.state import Place, SenderState, load_state
from node.spool.writer import SpoolWriter
from proofs.ed25519 import public_bytes
from proofs.records import make_body
from tests.node.fakelog import ORIGIN, FakeLog, serving
from tests.node.spooling import bad, calls, expected, use, uses

# What survives a crash is tested elsewhere (test_spool_crash.py, test_spool_kill.py).
pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_records_for_another_key_stay(log, spool) -> None:
    """No program's records go out under another's key unless that is said; those for whoever sends do."""
    other = Ed25519PrivateKey.generate()
    spool.put(use("mine"), key=spool.public)
    theirs = spool.put(use("theirs"), key=public_bytes(other))
    spool.put(use("any"))
    sent = spool.send()
    assert (sent.logged, list(sent.kept)) == (2, [theirs.name])
    assert "another key" in sent.kept[theirs.name]
    assert calls(log) == ["mine", "any"]
    assert spool.send(also_for=[public_bytes(other)]).logged == 1
    assert calls(log) == ["mine", "any", "theirs"]


def test_a_key_without_a_party_holds_up_nobody(log, spool) -> None:
    """Nothing is signed with it, so that no batch of it is under way for ever; once it has joined, its records go."""
    stranger = Ed25519PrivateKey.generate()
    spool.put(use("theirs"), key=public_bytes(stranger))
    mine = spool.key
    spool.key = stranger
    with pytest.raises(ProblemError, match=f"{public_bytes(stranger).hex()} is not bound"):
        spool.send()
    spool.key = mine
    spool.put(use("mine"), key=spool.public)
    assert spool.send().logged == 1
    log.join(stranger, "Late")
    spool.key = stranger
    assert spool.send().logged == 1
    assert calls(log) == ["mine", "theirs"]


def test_records_for_another_log_stay(log, spool) -> None:
    """A segment of another log is refused and kept, and so is a whole spool of one."""
    other = FakeLog().vkey
    theirs = spool.put(use("theirs"), vkey=other.text)
    spool.put(use("mine"))
    sent = spool.send()
    assert (sent.logged, list(sent.kept)) == (1, [theirs.name])
    assert "another log" in sent.kept[theirs.name]
    assert calls(log) == ["mine"]
    with serving(FakeLog()) as second:
        second.join(spool.key)
        spool.log = second
        with pytest.raises(FileError, match="another log"):
            spool.send()
    assert theirs.exists()


def test_a_damaged_segment_is_put_aside_and_what_stands_before_is_logged(log, spool) -> None:
    """With a note that says what and where; other segments go on, and a mended file goes on where it stopped."""
    good = spool.put(*uses("c", 5)).read_bytes()
    Path(spool.folder.file(spool.files()[0])).write_bytes(good[:-40] + b"x" + good[-39:])
    spool.put(use("d"))
    sent = spool.send()
    assert (sent.logged, len(sent.damaged)) == (5, 1)
    assert calls(log) == ["c0", "c1", "c2", "c3", "d"]
    (where,) = map(Path, sent.damaged)
    assert where.parent == Path(spool.folder.file("damaged"))
    note = json.loads(Path(f"{where}.json").read_text())
    assert note["settled_bytes"] == note["good_bytes"] < note["bytes"]
    assert spool.folder.damaged()[0]["file"] == str(where)
    where.write_bytes(good)  # mended
    client = spool.client()
    sender = spool.sender(client)
    assert (sender.import_file(str(where)).records, sender.run().logged) == (1, 1)
    client.close()
    assert calls(log) == ["c0", "c1", "c2", "c3", "d", "c4"]


@pytest.mark.parametrize("what", ["cut", "changed"])
def test_a_segment_cut_or_changed_at_every_byte(spool, log, what) -> None:
    """What stands before is logged once, the rest is never lost silently: it is a torn tail, or kept and named."""
    path = spool.put(*uses("000-", 3))
    size = len(path.read_bytes())
    path.unlink()
    broken = {}
    for at in range(size):
        path = spool.put(*uses(f"{at:03}-", 3))
        data = bytearray(path.read_bytes())
        if what == "cut":
            del data[at:]
        else:
            data[at] ^= 0x10
        path.write_bytes(data)
        broken[at] = bytes(data)
    sent = spool.send()
    found = calls(log)
    assert sent.logged == len(found) > 0
    for at in range(size):
        mine = [call for call in found if call.startswith(f"{at:03}-")]
        assert mine == expected(f"{at:03}-", len(mine))
    assert not [name for name in spool.files() if name.endswith(".spool")]
    kept = {Path(where).read_bytes() for where in sent.damaged}
    if what == "changed":
        assert kept == set(broken.values())
    else:  # only within the header is a cut file no spool file
        assert kept == {data for data in broken.values() if data.count(b"\n") < 5}


def test_a_segment_that_lost_what_was_settled(log, spool) -> None:
    """Shorter than it was when its records were logged: something cut it, which is said."""
    writer = SpoolWriter(spool.folder.path, log.vkey.text)
    for body in uses("c", 3):
        writer.append(body)
    spool.send()
    (name,) = spool.files()
    whole = Path(spool.folder.file(name)).read_bytes()
    writer.close()
    Path(spool.folder.file(name)).write_bytes(whole[:-10])
    sent = spool.send()
    assert (sent.logged, len(sent.damaged)) == (0, 1)
    client = spool.client()
    path = spool.folder.path + "/../whole.spool"
    Path(path).write_bytes(whole)
    assert spool.sender(client).import_file(path).records == 0
    client.close()
    assert calls(log) == expected("c", 3)


def test_damage_under_a_living_writer_stays_until_it_ends(log, spool) -> None:
    """Moved away, what the writer appends would be overlooked."""
    writer = SpoolWriter(spool.folder.path, log.vkey.text)
    for body in uses("c", 2):
        writer.append(body)
    (name,) = spool.files()
    path = Path(spool.folder.file(name))
    with open(path, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"#")
    sent = spool.send()
    assert (sent.logged, list(sent.kept), sent.damaged) == (1, [name], {})
    writer.close()
    assert len(spool.send().damaged) == 1


def test_a_copy_of_a_segment_is_logged_once(log, spool) -> None:
    """Records are known by their file's id, not by its name."""
    path = spool.put(*uses("c", 3))
    spool.put().write_bytes(path.read_bytes())
    assert spool.send().logged == 3
    assert calls(log) == expected("c", 3)
    assert [name for name in spool.files() if name.endswith(".spool")] == []


@pytest.mark.parametrize("junk", [b"", b"x" * 40, b"\x00" * 100])
@pytest.mark.parametrize("name", ["sender.state", "imported.json", "retry.json"])
def test_a_damaged_state_is_never_taken_for_none(spool, name, junk) -> None:
    """Starting anew could log everything twice."""
    spool.put(use("c"))
    spool.send()
    spool.put(use("d"))
    Path(spool.folder.file(name)).write_bytes(junk)
    with pytest.raises(FileError, match=r"damaged|can't read the plan"):
        spool.send()


def test_every_byte_of_the_state_counts(spool) -> None:
    """A changed position would be a record logged twice or never."""
    spool.put(*uses("c", 2))
    spool.log.hook = lambda method, path, body, answer: None if method == "POST" else answer
    with pytest.raises(NetworkError):
        spool.send()
    path = spool.folder.file("sender.state")
    data = Path(path).read_bytes()
    assert load_state(path).flight is not None
    for at in range(len(data)):
        Path(path).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(FileError):
            load_state(path)


def test_a_piece_of_a_letter_is_cut_off(log, spool) -> None:
    """What a crash left of a line in the dead letters doesn't spoil the next one."""
    spool.put(bad("x0"))
    spool.send()
    path = Path(spool.folder.file("dead.jsonl"))
    first = path.read_bytes()
    path.write_bytes(first + b"x" * (2 * len(first)))  # longer than what comes in its place
    spool.put(bad("x1"))
    spool.send()
    calls_dead = [json.loads(line)["record"]["call"] for line in path.read_text().splitlines()]
    assert calls_dead == ["x0", "x1"]


def test_a_damaged_letter_is_named(log, spool) -> None:
    """With its line; nothing is sent on top of it, since letters tell which records were refused already."""
    spool.put(bad("x0"))
    spool.send()
    path = Path(spool.folder.file("dead.jsonl"))
    path.write_bytes(path.read_bytes() + b"{}\n")
    spool.put(use("c"))
    with pytest.raises(FileError, match=r"line 2 of .*dead.jsonl is damaged"):
        spool.send()
    assert calls(log) == []


def test_what_was_dropped_of_segments_that_are_gone_is_forgotten(log, spool) -> None:
    """The sender's state names letters only for as long as their records could be met again."""
    for number in range(3):
        spool.put(bad(f"x{number}"), use(f"c{number}"))
        spool.send()
        for call in "de":  # by now nothing is known of the segment any more
            spool.put(use(f"{call}{number}"))
            spool.send()
        with spool.folder.sending():
            assert drop_letters(spool.folder, []) == 1
        assert load_state(spool.folder.file("sender.state")).passed == set()
        spool.send()
    assert [call[0] for call in calls(log)] == list("cdecdecde")


def test_letters_that_were_passed_are_forgotten_with_their_segment(log, spool) -> None:
    """Also those that were dropped while their record was still ahead of the sender."""
    path = spool.put(use("c0"), use("c1"))
    spool.send()
    state = SenderState(spool.folder.file("sender.state"), log.vkey.text, passed={Place("00" * 16, 131)})
    state.save()
    spool.put(use("d"))
    spool.send()
    assert (load_state(state.path).passed, path.exists()) == (set(), False)


def test_a_segment_of_the_spool_is_not_imported(log, spool, monkeypatch) -> None:
    """Named by hand while its writer is at work, it stays the writer's: a copy in its place would lose what comes."""
    writer = SpoolWriter(spool.folder.path, log.vkey.text, key=spool.public)
    writer.append(use("a"))
    (name,) = spool.folder.segments()
    known = refill._known

    def slowly(*given):
        found = known(*given)
        writer.append(use("b"))
        return found

    monkeypatch.setattr(refill, "_known", slowly)
    client = spool.client()
    imported = spool.sender(client).import_file(spool.folder.file(name))
    assert imported.records == 0
    writer.append(use("c"))
    writer.close()
    assert spool.sender(client).run().logged == 3
    client.close()
    assert calls(log) == ["a", "b", "c"]


def test_a_node_cannot_make_the_letters_unreadable(log, spool) -> None:
    """Whatever a node adds to a refusal, its line can be read again."""
    spool.put(use("c0"), use("c1"))
    honest = log._honest
    more = {f"n{number}": "x" * 400 for number in range(4000)} | {"y" * 600_000: 1, "z" * 600_000: 1}
    row = {"status": 422, "type": "usance:rule", "detail": "not yet", "position": 0, **more}
    refusal = json.dumps({"results": [row], "checkpoint": log.checkpoint().decode()}).encode()
    log._honest = lambda method, path, body: (
        (200, "application/json", refusal) if method == "POST" else honest(method, path, body)
    )
    assert spool.send().dead == 2
    log._honest = honest
    with spool.folder.sending():
        assert retry_letters(spool.folder, [], now_ms=1) == 2
    assert spool.send().logged == 2


def test_a_plan_is_never_longer_than_can_be_read(log, spool, monkeypatch) -> None:
    """More letters than one plan holds go back in several."""
    monkeypatch.setattr(refill, "RETRIED_MAX", 2)
    spool.put(*(bad(f"x{number}") for number in range(3)))
    assert spool.send().dead == 3
    with spool.folder.sending():
        assert [retry_letters(spool.folder, [], now_ms=at) for at in range(3)] == [2, 1, 0]
    assert spool.send().dead == 3


def test_a_batch_of_a_key_that_has_ended_is_signed_by_the_next(log, spool) -> None:
    """It was under way and never arrived; its key was revoked by another one. It can't be taken any more, so it doesn't
    hold up what others sign, and goes out with a key that may."""
    owner, meter = spool.key, Ed25519PrivateKey.generate()
    accept = meter.sign(f"usance/delegate/v1\n{ORIGIN}\n{spool.public.hex()}\nusage\n".encode())
    fields = {"kind": "delegate", "at": 1, "key": public_bytes(meter), "kinds": ["usage"], "accept": accept}
    log.log(owner, 1, [make_body(fields)])
    theirs = spool.put(use("c"), key=public_bytes(meter))
    spool.key, honest = meter, log._honest
    log._honest = lambda method, path, body: (
        (503, "text/plain", b"") if method == "POST" else honest(method, path, body)
    )
    with pytest.raises(NetworkError):
        spool.send()
    log._honest = honest
    log.log(owner, 2, [make_body({"kind": "revoke", "at": 1, "key": public_bytes(meter)})])
    with pytest.raises(ProblemError, match="revoked"):
        spool.send()
    spool.key = owner
    spool.put(use("d"), key=spool.public)
    sent = spool.send()
    assert (sent.logged, list(sent.kept)) == (1, [theirs.name])
    assert spool.send(also_for=[public_bytes(meter)]).logged == 1
    assert calls(log) == ["d", "c"]


def test_nothing_is_signed_from_a_folder_that_anybody_can_write_in(log, spool) -> None:
    """A stranger's segment there would go out in the sender's name: it is refused before anything is asked or sent."""
    spool.put(use("theirs"))
    os.chmod(spool.folder.path, 0o1777)
    asked = len(log.requests)
    with pytest.raises(FileError, match="has mode 1777") as caught:
        spool.send()
    assert "chmod 700" in caught.value.expected
    assert (len(log.requests), len(spool.files())) == (asked, 1)
    os.chmod(spool.folder.path, 0o700)
    assert spool.send().logged == 1


def test_positions_of_segments_that_are_gone_are_forgotten(log, spool) -> None:
    """The sender's state doesn't grow with what was logged."""
    for number in range(4):
        spool.put(use(f"c{number}"))
        spool.send()
        assert len(load_state(spool.folder.file("sender.state")).done) == 1


def test_a_deletion_is_durable_before_its_position_is_forgotten(log, spool, monkeypatch) -> None:
    """A segment that came back after a loss of power would be logged again."""
    events: list[str] = []
    unlink, save = os.unlink, SenderState.save

    def deleted(path, **options):
        if str(path).endswith(".spool"):
            events.append("unlink")
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", deleted)
    monkeypatch.setattr(folder, "sync_folder", lambda path: events.append("sync"))
    monkeypatch.setattr(SenderState, "save", lambda state: (events.append("save"), save(state)))
    spool.put(use("c"))
    spool.send()
    assert events == ["save", "unlink", "sync", "save"]


def test_letters_are_read_once(log, spool, monkeypatch) -> None:
    """A program that sends all the time doesn't read through all dead letters after each one that it added."""
    reads: list[int] = []
    letters = DeadLetters.letters
    monkeypatch.setattr(DeadLetters, "letters", lambda self: (reads.append(1), letters(self))[1])
    client = spool.client()
    sender = spool.sender(client)
    for number in range(5):
        spool.put(bad(f"x{number}"), use(f"c{number}"))
        assert sender.run().dead == 1
    client.close()
    assert (len(reads), len(list(letters(DeadLetters(spool.folder.file("dead.jsonl"))))), calls(log)) == (
        1,
        5,
        expected("c", 5),
    )
