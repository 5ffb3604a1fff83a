"""`usance.Recorder`: three lines log a use; what goes wrong is said to the caller, nothing is lost or logged twice."""

import ast
import asyncio
import json
import numbers
import os
import random
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import usance
from node.backgroundsender import BackgroundSender
from node.client import Client
from node.keyfiles import load_key, new_key
from node.spool.folder import SpoolFolder
from node.spool.sender import SpoolSender
from node.spool.writer import SpoolWriter
from node.transport import Transport
from proofs.ed25519 import public_bytes
from proofs.records import make_body
from tests.node.fakelog import NOW_MS, FakeLog, serving
from tests.node.recording import ROOT, World

NAME = "pkg:huggingface/org/corpus@rev"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world, as this process's environment says. What a test leaves open is closed."""
    with serving(FakeLog()) as log:
        made = World(log, tmp_path)
        with made.entered(monkeypatch):
            yield made


@pytest.fixture
def unsent(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same without a node: everything stays in the spool."""
    monkeypatch.delenv("USANCE_NODE")
    return world


def test_three_lines_log_a_use(world: World) -> None:
    """Import, make, use: the record is in the log when the program has ended, and nothing stays in the spool."""
    done = world.run(f'uses.use("{NAME}", "train", token=1_000_000)', **world.environment)
    assert (done.returncode, done.stderr) == (0, "")
    (body,) = world.logged()
    assert body["asset"] == NAME
    assert body["use"] == "train"
    assert body["quantities"] == {"token": 1_000_000}
    assert body["from"] == body["until"] == body["at"]
    assert abs(body["at"] - time.time() * 1000) < 60_000
    assert world.stored() == []


def test_kill_9_right_after_use_loses_nothing(world: World) -> None:
    """A program that dies at once has its record in the spool or in the log, and the next program logs it once."""
    done = world.run(
        'uses.use("model:x/y", "infer", call="killed", token=1)\nos.kill(os.getpid(), 9)', **world.environment
    )
    assert done.returncode == -9
    if not world.logged():
        assert [body["call"] for body in world.stored()] == ["killed"]
    with usance.Recorder() as uses:
        assert uses.flush(10).waiting == 0
        uses.use("model:x/y", "infer", call="next", token=1)
    assert [body["call"] for body in world.logged()] == ["killed", "next"]


def test_everything_that_a_record_can_say(unsent: World) -> None:
    """References and digests in text, as bytes and as objects, times as datetimes, numbers of other libraries: each
    comes out as the field that it means."""
    ref = usance.Ref(7, b"\x05" * 32)

    class Counted(numbers.Number):
        def __index__(self) -> int:
            return 12

    uses = usance.Recorder(now_ms=lambda: NOW_MS)
    uses.use(ref, "ground", quantities={"item": 3, "use": 1}, output_token=Counted(), item="ab" * 32)  # type: ignore[arg-type]
    uses.use(str(ref), "train", byte=5, terms=str(ref), attrs={"b": 1, "a": "x"}, user=b"\x01" * 32, into_name="m")
    uses.use(
        ref.pack(), "train", second=5, from_=datetime(2026, 1, 2, tzinfo=UTC), until=1_800_000_000_000, into=str(ref)
    )
    uses.use(NAME, "infer", token=1, until=NOW_MS - 5, seen_by="provider", party="cd" * 32, call=None)  # type: ignore[arg-type]
    uses.use(NAME, "infer", token=1, from_=NOW_MS + 5, at=NOW_MS + 9)
    uses.record("none", from_=1, until=2)
    uses.record("asset", type="model", name="m", sources=[{"asset": ref, "as": "trained_on"}], terms={
        "currency": "EUR", "offers": [{"use": "train", "unit": "token", "price": "5", "per": 10}]})  # fmt: skip
    uses.close()
    first, second, third, fourth, fifth, none, asset = unsent.stored()
    assert first["asset"] == second["asset"] == ref.pack()
    assert first["quantities"] == {"item": 3, "output_token": 12, "use": 1}
    assert first["item"] == b"\xab" * 32
    assert (second["terms"], second["user"], second["attrs"]) == (ref.pack(), b"\x01" * 32, {"a": "x", "b": 1})
    assert (third["from"], third["until"], third["into"]) == (1_767_312_000_000, 1_800_000_000_000, ref.pack())
    assert (fourth["from"], fourth["until"], fourth["party"]) == (NOW_MS - 5, NOW_MS - 5, b"\xcd" * 32)
    assert "call" not in fourth
    assert (fifth["from"], fifth["until"], fifth["at"]) == (NOW_MS + 5, NOW_MS + 5, NOW_MS + 9)
    assert none == {"kind": "none", "at": NOW_MS, "from": 1, "until": 2}
    assert asset["sources"] == [{"as": "trained_on", "asset": ref.pack()}]
    assert asset["terms"]["offers"][0]["price"] == 5


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("quantities", lambda uses: uses.use(NAME, "train")),
        ("quantities", lambda uses: uses.use(NAME, "train", token=0)),
        ("quantities", lambda uses: uses.use(NAME, "train", token=1.5)),
        ("quantities", lambda uses: uses.use(NAME, "train", token=True)),
        ("quantities", lambda uses: uses.use(NAME, "train", token=1, quantities={"token": 1})),
        ("quantities", lambda uses: uses.use(NAME, "train", quantities={"words": 1})),
        ("use", lambda uses: uses.use(NAME, "read", token=1)),
        ("until", lambda uses: uses.use(NAME, "train", token=1, from_=5, until=4)),
        ("from", lambda uses: uses.use(NAME, "train", token=1, from_=datetime(2026, 1, 1))),
        ("from", lambda uses: uses.use(NAME, "train", token=1, from_="yesterday")),
        ("colour", lambda uses: uses.use(NAME, "train", token=1, colour="red")),
        ("item", lambda uses: uses.use(NAME, "train", token=1, item="xyz")),
        ("into_name", lambda uses: uses.use(NAME, "train", token=1, into_name="")),
        ("asset", lambda uses: uses.use(b"short", "train", token=1)),
        ("asset", lambda uses: uses.use("corpus", "train", token=1)),
        ("asset", lambda uses: uses.use(5, "train", token=1)),
        ("asset", lambda uses: uses.use(NAME, "train", token=1, into="model-in-the-making")),
        ("kind", lambda uses: uses.record("walk")),
        ("until", lambda uses: uses.record("none", from_=1)),
        ("attrs", lambda uses: uses.use(NAME, "train", token=1, attrs={"loss": 0.5})),
    ],
)
def test_what_is_wrong_is_refused_at_once(
    unsent: World, field: str, call: Callable[[usance.Recorder], None]
) -> None:  # fmt: skip
    """A field that no record takes raises in the caller, names itself, and leaves nothing in the spool."""
    with usance.Recorder() as uses:
        with pytest.raises(usance.InputError) as caught:
            call(uses)
        assert caught.value.field == field
        uses.use(NAME, "train", token=1)
    assert len(unsent.stored()) == 1


def test_a_traceback_says_what_was_expected(world: World) -> None:
    """Not only the message, which has neither the field nor what would do in it."""
    uses = usance.Recorder()
    with pytest.raises(usance.InputError) as caught:
        uses.use(NAME, "training", token=1)
    assert "\nuse: expected train, finetune" in "".join(traceback.format_exception(caught.value)).replace("one of ", "")
    (world.folder / "me.key").chmod(0o644)
    with pytest.raises(usance.InputError) as caught:
        usance.Recorder()
    assert "\nkey: expected mode 0600" in "".join(traceback.format_exception(caught.value))
    uses.close()


def test_a_key_without_a_party_is_told_what_to_do(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """One record of it waits, and the reason names the command that joins."""
    new_key(str(world.folder / "other.key"))
    uses = usance.Recorder(key=world.folder / "other.key")
    uses.use(NAME, "train", token=1)
    left = uses.close(20)
    assert (left.waiting, left.dead) == (1, 0)
    assert "run `usance party NAME`" in left.why
    assert "1 record waits in the spool" in caplog.text
    assert "sends it" in caplog.text


def test_a_name_is_looked_up_once(world: World) -> None:
    """What is neither reference nor external name is asked of the node, once for all uses of it, and what comes back is
    the verified entry; another name is an error in words."""
    body = make_body({"kind": "asset", "at": NOW_MS, "type": "dataset", "name": "corpus", "version": "1"})
    world.log.log(world.key, 1, [body])
    row = {"index": 2, "kind": "asset", "name": "corpus", "version": "1", "party": public_bytes(world.key).hex()}

    def find(method: str, path: str, body: bytes, answer: Any) -> Any:
        if not path.startswith("/assets"):
            return answer
        return 200, "application/json", json.dumps({"assets": [row] if "name=corpus&" in path else []}).encode()

    world.log.hook = find
    with usance.Recorder() as uses:
        for _ in range(3):
            uses.use("corpus@1", "train", token=5)
        asked = [path for _, path, _ in world.log.requests if path.startswith("/assets")]
        assert len(asked) == 2  # the name as it is, and as name@version
        with pytest.raises(usance.InputError, match="nothing on this log is called"):
            uses.use("corpse", "train", token=5)
    first, *others = world.logged()
    assert first["asset"][:8] == (2).to_bytes(8, "big")
    assert [body["asset"] for body in others] == [first["asset"]] * 2


def test_a_name_that_cannot_be_asked_for_says_what_can(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network a name of this log is an error that says what would do; nothing is stored."""
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "attempts", 1)
    uses = usance.Recorder(node="http://127.0.0.1:9", close_timeout_s=0)
    with pytest.raises(usance.NetworkError, match=r"can't be looked up .*INDEX:HEX.*pkg:"):
        uses.use("corpus", "train", token=1)
    uses.close()
    assert world.stored() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log": "no-such-file"}, "can't read the log's key"),
        ({"log": "log.example/x+00000000+AAAA"}, "not supported"),
        ({"key": "no-such.key"}, "can't read the key"),
        ({"key": "open.key"}, "others can read this key"),
        ({"key": "log.vkey"}, "holds no private key"),
        ({"node": "ftp://x"}, "is no node's URL"),
        ({"node": "https://x", "USANCE_CA_FILE": "no-such.pem"}, "no-such.pem"),
        ({"on_error": "ignore"}, "on_error"),
        ({"offline": "a", "spool": "b"}, "exclude each other"),
    ],
)
def test_what_is_set_wrong_is_told_when_it_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    """A key that others can read, a URL that is none, a log without its key: the training doesn't even begin, however
    errors are to be taken later, and no segment is left in the spool."""
    monkeypatch.chdir(world.folder)
    for name in options.keys() - {"node", "key", "log", "spool", "offline", "on_error"}:
        monkeypatch.setenv(name, options[name])
    options = {name: value for name, value in options.items() if not name.startswith("USANCE_")}
    new_key("open.key")
    os.chmod("open.key", 0o644)
    for on_error in ("raise", "warn"):
        with pytest.raises(usance.InputError) as caught:
            usance.Recorder(**{"on_error": on_error, **options})
        assert words in str(caught.value) + caught.value.expected
    assert not list(world.spool.glob("*.spool"))
    monkeypatch.delenv("USANCE_LOG")
    with pytest.raises(usance.InputError, match="USANCE_LOG"):
        usance.Recorder()


def test_a_spool_that_cannot_be_written_raises_or_warns(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By default the caller gets the error. With on_error="warn" the training goes on: each loss is counted, the first
    ones are logged, and recording begins as soon as the spool can be written."""
    monkeypatch.delenv("USANCE_NODE")
    (world.folder / "file").touch()
    blocked = world.folder / "file" / "spool"
    with pytest.raises(usance.StorageError, match="USANCE_SPOOL"):
        usance.Recorder(spool=blocked)
    uses = usance.Recorder(spool=blocked, on_error="warn")
    for _ in range(100):
        uses.use(NAME, "train", token=1)
    uses.use(NAME, "train", token=-1)
    assert uses.lost == 101
    told = [record.message for record in caplog.records if "not stored" in record.message]
    assert 7 < len(told) < 20
    assert "can't write to the spool" in told[0]
    (world.folder / "file").unlink()
    uses.use(NAME, "train", token=1)
    assert uses.lost == 101
    assert uses.close().waiting == 1


def test_only_rank_0_logs(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    """A process of another rank stores nothing, opens nothing, says so once; all_ranks=True overrides that."""
    monkeypatch.setenv("RANK", "3")
    for _ in range(3):
        with usance.Recorder() as uses:
            assert not uses.active
            uses.use(NAME, "train", token=1)
            uses.use("nonsense", "train")
            assert uses.flush() == usance.Left(0, 0, "")
    assert [record.message for record in caplog.records] == [
        "this process is rank 3 (RANK): it logs nothing, rank 0 does; all_ranks=True makes every process log"
    ]
    assert not world.spool.exists()
    with usance.Recorder(all_ranks=True) as uses:
        uses.use(NAME, "train", token=1)
    monkeypatch.setenv("RANK", "0")
    with usance.Recorder() as uses:
        uses.use(NAME, "train", token=2)
    assert len(world.logged()) == 2


def test_the_rank_is_looked_at_again_at_the_first_use(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder made before torch.distributed began doesn't log in the other ranks for that."""
    uses = usance.Recorder()
    assert uses.active
    monkeypatch.setenv("RANK", "1")
    uses.use(NAME, "train", token=1)
    assert not uses.active
    uses.close()
    assert world.logged() == world.stored() == []


def test_what_cannot_be_sent_waits_and_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a node that can't be reached, close ends within its bound, tells how many records wait and why; the next
    recorder logs them, before its own."""
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "attempts", 1)
    uses = usance.Recorder(node="http://127.0.0.1:9")
    for n in range(5):
        uses.use(NAME, "train", token=1, call=f"early{n}")
    began = time.monotonic()
    left = uses.close(20)
    assert time.monotonic() - began < 10
    assert (left.waiting, left.dead) == (5, 0)
    assert "can't be reached" in left.why
    assert "5 records wait in the spool" in caplog.text
    with usance.Recorder() as uses:
        uses.use(NAME, "train", token=1, call="late")
        assert uses.flush(10) == usance.Left(0, 0, "")
    assert [body["call"] for body in world.logged()] == [*(f"early{n}" for n in range(5)), "late"]
    assert world.stored() == []


def test_the_program_keeps_its_random_numbers(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that seeded `random` draws the same numbers with a recorder that tries again and again beside it."""
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "attempts", 3)
    monkeypatch.setattr("node.transport.BACKOFF_S", 0.01)
    random.seed(1)
    before = random.getstate()
    uses = usance.Recorder(node="http://127.0.0.1:9")
    uses.use(NAME, "train", token=1)
    assert uses.close(20).waiting == 1
    assert "can't be reached" in caplog.text
    assert random.getstate() == before


def test_a_node_that_hangs_does_not_hold_the_program(world: World) -> None:
    """Close returns when its time is over, though the node answers nothing; the record waits."""
    hold = threading.Event()

    def hang(method: str, path: str, body: bytes, answer: Any) -> Any:
        hold.wait(100)
        return answer

    world.log.hook = hang
    uses = usance.Recorder()
    uses.use(NAME, "train", token=1)
    began = time.monotonic()
    left = uses.close(0.5)
    assert time.monotonic() - began < 20
    hold.set()
    assert left.waiting == 1
    assert "no more time" in left.why


def test_a_revoked_key_keeps_its_records(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The log refuses the key: nothing is dropped, the reason is told once, and the program goes on."""
    public = public_bytes(world.key)
    world.log.log(world.key, 1, [make_body({"kind": "revoke", "at": NOW_MS, "key": public})])
    with usance.Recorder() as uses:
        uses.use(NAME, "train", token=1)
        left = uses.flush(10)
        assert left.waiting == 1
        assert "revoked" in left.why
        uses.use(NAME, "train", token=1)
    assert len(world.stored()) == 2
    assert sum("not sent for now" in record.message for record in caplog.records) == 1


def test_a_refused_record_is_told_and_the_rest_is_logged(world: World) -> None:
    """What only the log can tell to be wrong ends among the dead letters, and close says so."""
    nobody = usance.Ref(1, bytes(32))
    uses = usance.Recorder()
    for n, asset in enumerate([NAME, nobody, NAME]):
        uses.use(asset, "train", token=1, call=str(n))
    left = uses.close(20)
    assert (left.waiting, left.dead) == (0, 1)
    assert "usance spool status" in str(left)
    assert [body["call"] for body in world.logged()] == ["0", "2"]


def test_many_programs_share_a_spool(world: World) -> None:
    """Programs that begin at once with one key log everything once, each in its order, one sending at a time."""
    code = "for n in range(50): uses.use('model:x/y', 'infer', token=1, call=f'{os.environ[\"ME\"]}:{n}')"
    results: list[subprocess.CompletedProcess[str]] = []

    def one(name: int) -> None:
        results.append(world.run(code, ME=str(name), **world.environment))

    threads = [threading.Thread(target=one, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.returncode for done in results] == [0] * 4, results
    calls = [body["call"] for body in world.logged()]
    assert len(calls) == 200
    for name in range(4):
        assert [call for call in calls if call.startswith(f"{name}:")] == [f"{name}:{n}" for n in range(50)]


def test_a_fork_goes_on_recording(world: World) -> None:
    """Parent and children use one recorder after a fork: each record is logged once, and the parent's end sends what a
    child left that ended at once."""
    code = (
        "uses.use('model:x/y', 'infer', token=1, call='before')\nchild = os.fork()\n"
        "if not child:\n    uses.use('model:x/y', 'infer', call='child', token=1)\n    uses.flush(10)\n"
        "    os._exit(0)\n"
        "uses.use('model:x/y', 'infer', token=1, call='parent')\nos.waitpid(child, 0)\n"
        "if not os.fork():\n    uses.use('model:x/y', 'infer', token=1, call='quick')\n    os._exit(0)\n"
        "os.wait()\nleft = uses.close(10)\nsys.exit(left.waiting)\n"
    )
    done = world.run(code, **world.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(body["call"] for body in world.logged()) == ["before", "child", "parent", "quick"]


def test_a_fork_that_lives_on_keeps_the_spool_from_nobody(world: World) -> None:
    """A worker that was forked while its parent was sending, and outlives it, keeps the folder from nobody else."""
    asked = world.folder / "asked"

    def hang(method: str, path: str, body: bytes, answer: Any) -> Any:
        asked.touch()
        time.sleep(0.5)
        return None

    world.log.hook = hang
    code = (
        "import time\nuses.use('model:x/y', 'infer', token=1, call='one')\n"
        "while not os.path.exists('asked'): time.sleep(0.005)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    for fd in (0, 1, 2): os.close(fd)\n"
        "    for _ in range(6000):\n"
        "        if os.path.exists('go'): break\n"
        "        time.sleep(0.01)\n"
        "    os._exit(0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    try:
        assert world.run(code, **world.environment).returncode == -9
        world.log.hook = lambda method, path, body, answer: answer
        with SpoolFolder(str(world.spool)).sending():
            pass
        with usance.Recorder() as uses:
            uses.use("model:x/y", "infer", token=1, call="two")
        assert [body["call"] for body in world.logged()] == ["one", "two"]
    finally:
        (world.folder / "go").touch()


def test_a_clock_that_jumps_back_stops_nothing(world: World) -> None:
    """Records say what the clock says, a period never ends before it begins, and all of them are logged in order."""
    times = iter(range(NOW_MS, 0, -3_600_000))
    with usance.Recorder(now_ms=lambda: next(times)) as uses:
        for n in range(5):
            uses.use(NAME, "train", token=1, call=str(n), from_=NOW_MS - 3_600_000 * 2)
    found = world.logged()
    assert [body["call"] for body in found] == ["0", "1", "2", "3", "4"]
    assert all(body["from"] <= body["until"] for body in found)


def test_an_offline_file_is_sent_from_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without key and network one file holds the records; another machine sends them under its key."""
    for name in ("USANCE_NODE", "USANCE_KEY", "USANCE_SPOOL"):
        monkeypatch.delenv(name)
    path = world.folder / "uses.spool"
    for n in range(2):
        with usance.Recorder(offline=path) as uses:
            uses.use(NAME, "train", token=1, call=str(n))
            assert uses.flush() == usance.Left(1, 0, "nothing is sent from here")
    client = Client(world.log.url, world.log.vkey, state_folder=str(world.folder / "state"))
    sender = SpoolSender(SpoolFolder(str(world.folder / "elsewhere")), client, world.key)
    assert sender.import_file(str(path)).records == 2
    sender.run()
    client.close()
    assert [body["call"] for body in world.logged()] == ["0", "1"]


def test_many_threads_record(world: World) -> None:
    """Each thread's uses are logged once, in its order, while they are being sent."""

    def work(uses: usance.Recorder, name: int) -> None:
        for n in range(100):
            uses.use(NAME, "infer", token=1, call=f"{name}:{n}")

    with usance.Recorder(close_timeout_s=30) as uses:
        threads = [threading.Thread(target=work, args=(uses, name)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    calls = [body["call"] for body in world.logged()]
    assert len(calls) == 800
    for name in range(8):
        assert [call for call in calls if call.startswith(f"{name}:")] == [f"{name}:{n}" for n in range(100)]


def test_sending_leaves_the_interpreter_to_the_program(world: World) -> None:
    """The thread rests after a batch as long as that took, within a bound; not while somebody waits for the end."""
    client = Client(world.log.url, world.log.vkey, state_folder=str(world.folder / "state"))
    writer = SpoolWriter(str(world.spool), world.log.vkey.text)
    sender = BackgroundSender(str(world.spool), client, world.key, writer)

    def rests_s(took_s: float) -> float:
        began = time.monotonic()
        sender._batch_s = began - took_s
        sender._breathe(1)
        return time.monotonic() - began

    assert rests_s(0.1) > 0.09
    assert 0.24 < rests_s(1000) < 5
    sender._waiters = 1
    assert rests_s(1000) < 0.2
    writer.close()
    client.close()


def test_a_closed_recorder_says_so(unsent: World) -> None:
    """After close nothing is stored in silence."""
    uses = usance.Recorder()
    uses.use(NAME, "train", token=1)
    assert uses.close().waiting == 1
    assert uses.close() == usance.Left(0, 0, "")
    with pytest.raises(usance.InputError, match="closed"):
        uses.use(NAME, "train", token=1)
    assert len(unsent.stored()) == 1


def test_a_party_key_is_never_in_the_spool(world: World) -> None:
    """What lies on disk has no private key in it."""
    uses = usance.Recorder(node="http://127.0.0.1:9", close_timeout_s=0)
    uses.use(NAME, "train", token=1)
    uses.close()
    secret = load_key(str(world.folder / "me.key")).private_bytes_raw()
    for path in world.spool.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()
            assert secret.hex().encode() not in path.read_bytes()


# --- asyncio


def test_asyncio_records_in_order(world: World) -> None:
    """Awaited uses are logged in their order; many at once all arrive; errors come to who awaits."""

    async def main() -> usance.Left:
        async with usance.AsyncRecorder() as uses:
            for n in range(5):
                await uses.use(NAME, "infer", token=1, call=str(n))
            await asyncio.gather(*(uses.use(NAME, "infer", token=1, call=f"many{n}") for n in range(100)))
            with pytest.raises(usance.InputError):
                await uses.use(NAME, "infer", token=0)
            await uses.record("none", from_=1, until=2)
            return await uses.flush(20)

    assert asyncio.run(main()) == usance.Left(0, 0, "")
    calls = [body["call"] for body in world.logged()]
    assert calls[:5] == ["0", "1", "2", "3", "4"]
    assert calls[5:] == [f"many{n}" for n in range(100)]
    assert len(world.logged("none")) == 1


def test_asyncio_is_never_held_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes its time, a name that the node is asked for and a close that waits don't stop the loop."""
    write = os.write
    beats, is_over = 0, False
    held: list[bool] = []

    def wait() -> None:
        """Until the loop has gone on for a while: it never does if it is what waits here."""
        before, until_s = beats, time.monotonic() + 20
        while beats < before + 5 and not is_over and not any(held) and time.monotonic() < until_s:
            time.sleep(0.005)
        held.append(beats < before + 5 and not is_over)

    def slow(handle: int, data: bytes) -> int:
        wait()
        return write(handle, data)

    def late(method: str, path: str, body: bytes, answer: Any) -> Any:
        wait()
        return answer

    world.log.hook = late
    monkeypatch.setattr(os, "write", slow)

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    async def main() -> None:
        heart = asyncio.create_task(beat())
        uses = usance.AsyncRecorder()
        await uses.use(NAME, "infer", token=1)
        with pytest.raises(usance.InputError):
            await uses.use("corpus", "infer", token=1)
        await uses.close(20)
        heart.cancel()

    asyncio.run(main())
    is_over = True
    assert len(held) > 3
    assert not any(held)


def test_asyncio_closed_while_records_wait(world: World) -> None:
    """What was asked for before the close is in the same recorder, and logged with it; afterwards it says that it is
    closed."""

    async def main() -> usance.Left:
        uses = usance.AsyncRecorder()
        asked = [asyncio.create_task(uses.use(NAME, "infer", token=1, call=str(n))) for n in range(50)]
        await asyncio.sleep(0)
        left = await uses.close(20)
        await asyncio.gather(*asked)
        assert await uses.close() == usance.Left(0, 0, "")
        for work in (uses.use(NAME, "infer", token=1), uses.record("none", from_=1, until=2), uses.flush()):
            with pytest.raises(usance.InputError, match="closed"):
                await work
        return left

    assert asyncio.run(main()) == usance.Left(0, 0, "")
    assert [body["call"] for body in world.logged()] == [str(n) for n in range(50)]


def test_asyncio_closed_without_use(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened before it is needed, and what is set wrong is told at the first call."""
    monkeypatch.setenv("USANCE_KEY", "no-such.key")

    async def main() -> None:
        assert await usance.AsyncRecorder().close() == usance.Left(0, 0, "")
        with pytest.raises(usance.InputError):
            async with usance.AsyncRecorder():
                pass

    asyncio.run(main())
    assert not world.spool.exists()


def test_the_package_names_what_it_offers() -> None:
    """`usance` gives exactly the names that it lists, and imports nothing but the base."""
    tree = ast.parse((ROOT / "node/public/usance/__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(usance.__all__) == sorted(imported)
