"""`usance node close`: a log ends for good, and every proof of it stays valid (docs/log-keys.md)."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import signrecord
from ledger.append import prepare
from ledger.errors import StartupError, StorageError
from node import ending, logfolder, rekey
from node.client import Client
from node.server import init_node, load_config, open_node
from proofs.closing import open_closing
from proofs.entry import encode_request, sign_batch
from proofs.errors import InputError
from proofs.logkeys import LogKeys
from proofs.tlogproof import parse_tlog_proof
from tests.node.clitool import Cli
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, check_problem, nil_body
from tests.node.test_rekey import Crash, crashing, started

ORIGIN = "log.example/end"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder with one entry; nobody runs it."""
    made = tmp_path / "node"
    init_node(str(made), origin=ORIGIN, name="Operator")
    return made


def keys_of(folder: Path) -> LogKeys:
    """All keys of the folder's log."""
    return logfolder.known_keys(str(folder))


def on_record(folder: Path) -> bool:
    """Whether the sign record says that the log has ended."""
    record = signrecord.load(str(folder / "sign-record.json"), keys_of(folder))
    return record is not None and record.closing is not None


def grow(folder: Path) -> None:
    """One entry more in the database, by the operator, that nothing was signed for: as a crash leaves it."""
    node = open_node(str(folder), load_config(str(folder)))
    try:
        key = logfolder.load_key(str(folder / "operator.key"))
        record = body("none", from_=NOW_MS, until=NOW_MS)
        ledger = node.ledger
        batch = sign_batch(
            key, origin=ORIGIN, size=ledger.size, root=ledger.tree.root, first=ledger.size, bodies=[record]
        )  # fmt: skip
        group = ledger.group()
        group.take(prepare(batch, origin=ORIGIN, root_at=ledger.root_at))
        group.commit()
    finally:
        node.store.close()


# A closed log, served


@pytest.fixture(params=[False, True], ids=["key kept", "key erased"])
def erase(request: pytest.FixtureRequest) -> bool:
    """Whether closing erases the key."""
    return bool(request.param)


def test_a_closed_log_serves_what_it_has(make_node: Callable[..., NodeProcess], tmp_path: Path, erase: bool) -> None:
    """Reads, proofs of before and after the close, audits, and the first answer to a batch that it has; 410 and not
    one byte written for everything else, over any number of starts."""
    node = make_node(origin=ORIGIN)
    actor = Actor(node).join()
    taken = actor.sign(nil_body())
    first = node.submit(taken)[0]
    before = node.get("/proof/1").body
    assert node.get("/closed").status == 404
    cli = Cli(tmp_path, {"USANCE_LOG": str(node.folder / "log.vkey")})
    (tmp_path / "before.tlog-proof").write_bytes(before)
    assert node.stop() == 0
    ended = ending.close_log(str(node.folder), erase_key=erase)
    assert (ended.closing.size, ended.was_closed, bool(ended.erased)) == (3, False, erase)
    for _ in range(2):
        node.start()
        closing = open_closing(node.get("/closed").body, keys_of(node.folder))
        assert closing == ended.closing
        assert closing.allows(node.checkpoint())
        refused = Actor(node).sign(body("party", name="Late"))
        conflict = actor.sign(nil_body(9), first=1)
        answers = node.submit(taken, refused, conflict)
        assert answers[0] == first
        for answer in answers[1:]:
            assert (answer["status"], answer["type"]) == (410, "usance:closed")
            assert "closed" in answer["detail"]
        assert node.json("/conflicts")["conflicts"] == []
        assert node.checkpoint().size == 3
        after = node.get("/proof/1").body
        (tmp_path / "after.tlog-proof").write_bytes(after)
        assert parse_tlog_proof(after).checkpoint.size == 3
        earlier = node.get("/proof/1?size=2")
        if erase:
            check_problem(earlier, 410)
            assert earlier.json()["expected"].startswith("3")
        else:
            (tmp_path / "earlier.tlog-proof").write_bytes(earlier.body)
            assert parse_tlog_proof(earlier.body).checkpoint.size == 2
        assert node.get("/consistency?from=2").status == 200
        assert cli.json("audit", node.url, "--deep")["closed"]
        assert node.stop() == 0
    assert node.failures() == []
    for file in sorted(tmp_path.glob("*.tlog-proof")):
        cli.ok("verify", file)
    assert cli.json("audit", node.folder)["closed"]
    assert cli.json("node", "close", node.folder, "--yes")["was_closed"]


def test_a_client_is_told_and_loses_nothing(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Commands that write say that the log is closed; a submit keeps its file and journal, and settles what had been
    taken before the end though its answer was lost."""
    node = make_node(origin=ORIGIN)
    log = str(node.folder / "log.vkey")
    cli = Cli(tmp_path, {"USANCE_LOG": log, "USANCE_KEY": "me.key", "USANCE_NODE": node.url})
    cli.ok("key", "new", "me.key")
    cli.ok("party", "Me")
    key = logfolder.load_key(str(tmp_path / "me.key"))
    client = Client(node.url, node.vkey, state_folder=str(tmp_path / "state"))
    head = client.checkpoint()
    flight = sign_batch(key, origin=ORIGIN, size=head.size, root=head.root, first=1, bodies=[nil_body()])
    assert node.post(encode_request([flight])).status == 200  # an answer that the client never saw
    client.close()
    assert node.stop() == 0
    assert cli("node", "close", node.folder, "--yes").code == 0
    node.start()
    client = Client(node.url, node.vkey, state_folder=str(tmp_path / "state"))
    (settled,) = client.submit([flight])
    assert [ref.index for ref in settled.refs] == [2]
    client.close()
    (tmp_path / "records.jsonl").write_text('{"kind": "none", "from": 1, "until": 2}\n')
    for command in (
        ("party", "Other name"),
        ("nil", "--from", "2026-01-01", "--until", "2026-01-02"),
        ("submit", "records.jsonl"),
    ):
        done = cli(*command, USANCE_NODE=node.url)
        assert done.code == 2, done
        assert "closed for good" in done.err
    assert (tmp_path / "records.jsonl.progress").exists()
    assert cli("records", "2", USANCE_NODE=node.url).code == 0


# On a folder


def test_closing_signs_what_the_database_holds(folder: Path) -> None:
    """Entries that a crash left unsigned are signed and on record before the log is marked as closed."""
    grow(folder)
    ended = ending.close_log(str(folder))
    assert ended.closing.size == 2
    record = json.loads((folder / "sign-record.json").read_text())
    assert record["size"] == 2
    closed = logfolder.read_closed(str(folder), keys_of(folder), None)
    assert closed is not None
    assert closed.checkpoint.decode() == record["note"]


def test_cut_anywhere_a_close_is_done_by_running_it_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever call a crash comes before: the node starts, open or closed, and the same command again ends with a
    closed log and no key left. Its key is being changed, so that there are two to erase."""
    rekey.begin(str(folder))
    grow(folder)
    number, states, marked = 0, set(), set()
    while True:
        number += 1
        cut = shutil.copytree(folder, folder.parent / f"cut-{number}")
        with crashing(monkeypatch, number):
            try:
                ending.close_log(str(cut), erase_key=True)
            except Crash:
                pass
            else:
                break
        was_closed = (cut / "closed.json").exists()
        marked.add((was_closed, on_record(cut)))
        assert was_closed or (cut / "log.key").exists()
        states.add((was_closed, (cut / "log.key").exists()))
        started(cut)
        assert ending.close_log(str(cut), erase_key=True).was_closed == was_closed
        assert list(cut.glob("log*.key")) == []
        assert started(cut) == started(cut)
        assert on_record(cut)
    assert states == {(False, True), (True, True), (True, False)}
    assert marked == {(False, False), (True, False), (True, True)}


def test_a_closed_log_does_not_open_by_a_file_that_is_gone(folder: Path, erase: bool) -> None:
    """Either of closed.json and the sign record suffices: a start keeps the log closed and writes the other again,
    also for a log that was closed before the record said so; key steps and a second close know it as well."""
    ending.close_log(str(folder), erase_key=erase)
    mark, record = (folder / "closed.json").read_bytes(), (folder / "sign-record.json").read_bytes()
    (folder / "closed.json").unlink()
    node = open_node(str(folder), load_config(str(folder)))
    node.store.close()
    assert node.ledger.is_closed
    assert node.closed is not None
    assert (folder / "closed.json").read_bytes() == mark
    (folder / "closed.json").unlink()
    with pytest.raises(InputError, match="closed for good"):
        rekey.begin(str(folder))
    (folder / "closed.json").unlink()
    assert ending.close_log(str(folder)).was_closed
    assert (folder / "closed.json").read_bytes() == mark
    older = json.loads(record)
    del older["closing"]
    for before in (json.dumps(older).encode(), None):
        (folder / "sign-record.json").unlink()
        if before is not None:
            (folder / "sign-record.json").write_bytes(before)
        assert started(folder) == json.loads(mark)["checkpoint"].encode()
        assert on_record(folder)


def test_two_ends_of_one_log_do_not_start(folder: Path) -> None:
    """A closed.json of another size than the sign record's end is refused, though the log signed both."""
    longer = shutil.copytree(folder, folder.parent / "longer")
    ending.close_log(str(folder))
    grow(longer)
    ending.close_log(str(longer))
    shutil.copy(folder / "closed.json", longer)
    with pytest.raises(StartupError, match="closed at size 1, the sign record at 2"):
        started(longer)


def test_a_closed_log_stays_closed(folder: Path) -> None:
    """No change of its key, no entries beyond, no second head at its size, no start with a damaged mark; a restored
    folder without a sign record starts, for the mark says where the log ended."""
    ahead = shutil.copytree(folder, folder.parent / "ahead")
    rolled = folder.parent / "rolled"
    grow(ahead)
    started(ahead)
    shutil.copytree(folder, rolled)
    grow(folder)
    ending.close_log(str(folder))
    with pytest.raises(InputError, match="closed for good"):
        rekey.begin(str(folder))
    mark = (folder / "closed.json").read_text()
    good = json.loads(mark)
    (rolled / "closed.json").write_text(mark)
    shutil.copy(folder / "log.key", rolled / "log.key")
    with pytest.raises(StartupError, match="was closed at size 2"):
        started(rolled)
    for bad in (
        "", "junk", "[]", "{}", mark[: len(mark) // 2], mark.replace("closed-folder/v1", "v2"),
        json.dumps({**good, "closing": good["checkpoint"]}), json.dumps({**good, "checkpoint": good["closing"]}),
        json.dumps({**good, "closing": 7}), "[" * 60_000, " " * 70_000, mark.replace("end\\n2", "end\\n3"),
    ):  # fmt: skip
        (folder / "closed.json").write_text(bad)
        with pytest.raises(StartupError, match=r"closed\.json"):
            started(folder)
    (folder / "closed.json").write_text(mark)
    (folder / "sign-record.json").unlink()
    assert started(folder).decode() == good["checkpoint"]


def test_a_key_that_is_missing_is_no_erased_one(folder: Path) -> None:
    """Only a closed log starts without its key; with a foreign mark it doesn't either."""
    other = folder.parent / "other"
    init_node(str(other), origin=ORIGIN, name="Operator")
    ending.close_log(str(other))
    (folder / "log.key").rename(folder / "away.key")
    with pytest.raises(InputError, match=r"log\.key"):
        started(folder)
    shutil.copy(other / "closed.json", folder)
    with pytest.raises(StartupError, match="another log's"):
        started(folder)


def test_a_log_may_end_while_its_key_is_changed(folder: Path) -> None:
    """Both keys sign the end; both private keys, and old ones, are erased."""
    rekey.begin(str(folder))
    started(folder)
    rekey.finish(str(folder))
    rekey.begin(str(folder))
    ended = ending.close_log(str(folder), erase_key=True)
    assert len(ended.erased) == 3
    closed = logfolder.read_closed(str(folder), keys_of(folder), None)
    assert closed is not None
    for key in logfolder.current_keys(str(folder)).keys:
        assert open_closing(closed.note, LogKeys((key,))) == ended.closing
        assert LogKeys((key,)).open_checkpoint(closed.checkpoint).size == 1
    assert list(folder.glob("log*.key")) == []
    assert rekey.change_state(str(folder)).state == "none"


def test_closing_asks_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes the origin has to be typed; anything else, and silence, changes nothing."""
    cli = Cli(folder.parent)
    for typed, code in (("", 2), ("yes", 2), (ORIGIN + "x", 2), (f"{ORIGIN}\n", 0)):
        answer = iter((typed,))
        monkeypatch.setattr("sys.stdin", type("Typed", (), {"readline": lambda self, answer=answer: next(answer)})())
        done = cli("node", "close", folder)
        assert done.code == code, done
        assert "ends for good at size 1" in done.err
        assert (folder / "closed.json").exists() == (code == 0)
    assert "already" in cli("node", "close", folder, "--yes").out
    cli.fails(5, "node", "close", folder.parent / "nowhere", "--yes")


def test_open_accounts_are_counted_before_the_end(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Whoever closes a log is told how many accounts aren't settled."""
    node = make_node(origin=ORIGIN)
    log = str(node.folder / "log.vkey")
    (tmp_path / "terms.toml").write_text(
        'currency = "USD"\n[[offers]]\nuse = "train"\nunit = "token"\nprice = "5"\nper = 1\n'
    )
    users = [
        Cli(tmp_path, {"USANCE_LOG": log, "USANCE_KEY": f"{name}.key", "USANCE_NODE": node.url}) for name in "ab"
    ]  # fmt: skip
    for name, user in zip("ab", users, strict=True):
        user.ok("key", "new", f"{name}.key")
        user.ok("party", name)
    users[0].ok("asset", "--name", "corpus")
    users[0].ok("terms", "corpus", "terms.toml")
    users[1].ok("use", "corpus", "--as", "train", "--token", "10")
    assert node.stop() == 0
    pending = ending.read_end(str(node.folder))
    assert (pending.size, pending.is_closed, pending.open_accounts, pending.is_all) == (6, False, 1, True)


def test_a_running_node_is_not_closed(make_node: Callable[..., NodeProcess]) -> None:
    """The folder has to stand still."""
    node = make_node(origin=ORIGIN)
    with pytest.raises((StartupError, StorageError)):
        ending.close_log(str(node.folder))
    assert not (node.folder / "closed.json").exists()
    with contextlib.closing(Client(node.url, node.vkey, state_folder=str(node.folder.parent / "s"))) as client:
        assert client.checkpoint().size == 1
