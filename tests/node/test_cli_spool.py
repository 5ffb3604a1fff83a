"""`usance spool`: what waits, sending it, offline files, and what is done with records that were refused."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.spool.folder import spool_path
from node.spool.writer import OfflineWriter, SpoolWriter
from proofs.checkpoint import log_vkey
from tests.node.clitool import ROOT, Cli
from tests.node.harness import NodeProcess
from tests.node.spooling import bad, expected, segment_bytes, use, uses

COUNT = 10_000
WRONG = 5_123
PROCESSES = 4


@pytest.fixture
def cli(tmp_path, node: NodeProcess) -> Cli:
    """A party on the module's node, with a folder of its own."""
    made = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "me.key"})
    made.ok("key", "new", "me.key")
    made.ok("party", "Me")
    return made


def folder_of(cli: Cli) -> str:
    """The log's spool."""
    return spool_path(cli.environment, cli.environment["USANCE_LOG"])


def spooled(cli: Cli, *bodies: bytes) -> None:
    """What a program logged and ended."""
    writer = SpoolWriter(folder_of(cli), cli.environment["USANCE_LOG"])
    for body in bodies:
        writer.append(body)
    writer.close()


def offline(cli: Cli, name: str, *bodies: bytes) -> Path:
    """An offline file with these at its end."""
    path = cli.folder / name
    writer = OfflineWriter(str(path), cli.environment["USANCE_LOG"])
    for body in bodies:
        writer.append(body)
    writer.close()
    return path


def logged(cli: Cli, prefix: str) -> list[str]:
    """The call ids with a prefix that this party logged, in the log's order."""
    key = cli.json("key", "show", "me.key")["key"]
    rows = cli.json("records", "--party", key, "--kind", "usage", "--limit", str(3 * COUNT))["records"]
    return [row["record"]["call"] for row in rows if row["record"]["call"].startswith(prefix)]


@pytest.mark.timeout(600)
def test_a_422_in_the_middle_of_ten_thousand(cli) -> None:
    """The issue's "It must show": that record in the dead letters with its reason, 9,999 logged, in order."""
    spooled(cli, *((bad if number == WRONG else use)(f"c{number}") for number in range(COUNT)))
    assert cli.json("spool", "status")["waiting"] == COUNT
    began = time.monotonic()
    done = cli("spool", "send", "--json")
    print(f"{COUNT} records in {time.monotonic() - began:.1f} s")
    assert done.code == 3
    assert "1 record refused" in done.err
    assert {name: done.json()[name] for name in ("logged", "dead", "statuses", "kept", "damaged")} == {
        "logged": COUNT - 1, "dead": 1, "statuses": {"unclaimed": COUNT - 1}, "kept": {}, "damaged": {},
    }  # fmt: skip
    status = cli.json("spool", "status")
    assert (status["waiting"], status["segments"], status["under_way"]) == (0, [], None)
    (letter,) = status["dead"]
    assert letter["record"]["call"] == f"c{WRONG}"
    assert (letter["problem"]["status"], letter["problem"]["type"]) == (422, "usance:rule")
    assert "no asset of this log" in letter["problem"]["detail"]
    assert logged(cli, "c") == [f"c{number}" for number in range(COUNT) if number != WRONG]


def test_status_and_what_becomes_of_refused_records(cli) -> None:
    """Shown with their names and reasons; tried again all or some, dropped only when that is said."""
    assert "0 records waiting" in cli.ok("spool", "status").out
    spooled(cli, use("e0"), bad("x0"), use("e1"), bad("x1"), bad("x2"))
    assert "5 records waiting" in cli.ok("spool", "status").out
    assert cli("spool", "send").code == 3
    lines = cli.ok("spool", "status").out.splitlines()
    assert "3 dead letters" in lines
    assert sum("422 usance:rule: " in line and "no asset of this log (asset: " in line for line in lines) == 3
    names = [letter["name"] for letter in cli.json("spool", "status")["dead"]]
    assert "say what to drop" in cli.fails(2, "spool", "drop")
    assert "say what to drop" in cli.fails(2, "spool", "drop", "--all", names[0])
    assert "no dead letter has the name" in cli.fails(2, "spool", "drop", names[0], "12345678:9")
    assert cli.json("spool", "drop", names[1])["dropped"] == 1
    assert cli.json("spool", "retry", names[0])["retried"] == 1
    assert cli.json("spool", "status")["waiting"] == 1
    assert cli("spool", "send").code == 3  # refused again, and known by another name
    left = [letter["record"]["call"] for letter in cli.json("spool", "status")["dead"]]
    assert left == ["x2", "x0"]
    assert cli.json("spool", "retry")["retried"] == 2
    assert cli.json("spool", "status")["dead"] == []
    cli("spool", "send")
    assert cli.json("spool", "drop", "--all")["dropped"] == 2
    assert cli.json("spool", "send")["logged"] == 0
    assert logged(cli, "e") == ["e0", "e1"]


def test_a_refused_record_is_logged_by_a_retry_once_it_is_right(cli) -> None:
    """As when its asset comes into the log later: `retry` and `send`, once."""
    spooled(cli, bad("r0"))
    cli("spool", "send")
    path = Path(folder_of(cli)) / "dead.jsonl"
    letter = json.loads(path.read_text())
    letter["record"]["asset"] = "model:x/y"  # mended by hand
    path.write_text(json.dumps(letter) + "\n")
    cli.ok("spool", "retry")
    assert cli.json("spool", "send")["logged"] == 1
    assert cli.json("spool", "retry")["retried"] == 0
    assert logged(cli, "r") == ["r0"]


def test_an_offline_file_is_sent_once_and_goes_on(cli) -> None:
    """A machine without a network writes it, another one sends it: again only what is new."""
    path = offline(cli, "uses.spool", *uses("f", 3))
    said = cli.json("spool", "send", path)
    assert (said["logged"], said["files"]) == (
        3, [{"file": str(path), "new": 3, "known": 0, "closed": True, "damage": None}]
    )  # fmt: skip
    said = cli.json("spool", "send", path)
    assert (said["logged"], said["files"][0]["new"], said["files"][0]["known"]) == (0, 0, 3)
    offline(cli, "uses.spool", use("f3"), use("f4"))
    done = cli.ok("spool", "send", path)
    assert "uses.spool: 2 new records, 3 records imported before" in done.out
    assert "2 records logged (2 unclaimed)" in done.out
    assert logged(cli, "f") == expected("f", 5)


def test_an_offline_file_that_was_cut_or_changed(cli) -> None:
    """What stands before is logged and the rest named; the whole file later adds the rest, once."""
    path = offline(cli, "uses.spool", *uses("g", 6))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    done = cli("spool", "send", path)
    assert done.code == 0
    assert "its writer hasn't closed it" in done.err
    some = len(logged(cli, "g"))
    assert 0 < some < 6
    broken = bytearray(whole)
    broken[len(whole) * 5 // 6] ^= 1
    path.write_bytes(broken)
    done = cli("spool", "send", path)
    assert done.code == 3
    assert "copy the file again" in done.err
    path.write_bytes(whole)
    cli.ok("spool", "send", path)
    assert logged(cli, "g") == expected("g", 6)
    other = segment_bytes(
        cli.environment["USANCE_LOG"], uses("other", 9), id=bytes.fromhex(whole.split(b"\n")[3].decode())
    )
    path.write_bytes(other)
    assert "another file than the one of the same id" in cli.fails(2, "spool", "send", path)


def test_files_that_are_no_spool_of_this_log(cli) -> None:
    """Refused with the reason, and nothing of them is taken."""
    path = cli.folder / "x.spool"
    for data in (b"", b"junk", b"usance/spool/v1\n", os.urandom(3000)):
        path.write_bytes(data)
        assert "is no spool file" in cli.fails(2, "spool", "send", path)
    assert "can't read" in cli.fails(2, "spool", "send", "missing.spool")
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    path.write_bytes(segment_bytes(log_vkey(origin="log.example/other", public_key=key).text, uses("h", 1)))
    assert "another log" in cli.fails(2, "spool", "send", path)
    path.write_bytes(segment_bytes(cli.environment["USANCE_LOG"], uses("h", 1), key=key))
    assert "another key" in cli.fails(2, "spool", "send", path)
    assert cli.json("spool", "send", path, "--also-for", key.hex())["logged"] == 1


def test_a_node_that_is_away_keeps_everything(cli) -> None:
    """Exit 4, and what isn't logged stays where the message says."""
    spooled(cli, use("i0"))
    line = cli.fails(4, "spool", "send", "--node", "http://127.0.0.1:9")
    assert f"what isn't logged stays in {folder_of(cli)}" in line
    assert cli.json("spool", "status")["waiting"] == 1
    cli.ok("spool", "send")
    assert logged(cli, "i") == ["i0"]


def test_status_says_why_records_wait(cli) -> None:
    """What the last sender met, with its time, until one gets through; where none has tried, that; a segment that is
    left alone, with why. Commands that it names are given the spool's own folder."""
    spooled(cli, use("w0"))
    nobody = "no sender has tried since, or one is at work now: `usance spool send` logs them"
    assert nobody in cli.ok("spool", "status").out.splitlines()
    assert cli.json("spool", "status")["last_try"] is None
    assert cli("spool", "send", USANCE_NODE="http://127.0.0.1:9").code == 4
    out = cli.ok("spool", "status").out
    assert re.search(r"\nnot sent, last tried 20..-.*: http://127\.0\.0\.1:9 can't be reached", out), out
    assert nobody not in out
    assert "can't be reached" in cli.json("spool", "status")["last_try"]["why"]
    cli.ok("key", "new", "other.key")
    stranger = f"{cli.folder}/it's mine"
    writer = SpoolWriter(stranger, cli.environment["USANCE_LOG"])
    writer.append(use("w1"))
    writer.close()
    spool = ("--spool", stranger)
    assert f"`usance spool send --spool '{cli.folder}/it'\"'\"'s mine'`" in cli.ok("spool", "status", *spool).out
    assert cli("spool", "send", *spool, USANCE_KEY="other.key").code == 2
    assert "run `usance party NAME` with it first" in cli.ok("spool", "status", *spool).out
    assert cli.json("spool", "send")["logged"] == 1
    after = cli.ok("spool", "status").out
    assert "not sent" not in after
    assert nobody not in after
    keyed = SpoolWriter(folder_of(cli), cli.environment["USANCE_LOG"], key=bytes(range(32)))
    keyed.append(use("w2"))
    keyed.close()
    assert cli("spool", "send").code == 3
    out = cli.ok("spool", "status").out
    assert re.search(r"\.spool +1 record +not sent: .*key", out), out
    assert nobody not in out
    (Path(folder_of(cli)) / "last-try.json").write_text("junk")
    assert nobody in cli.ok("spool", "status").out


def test_a_damaged_segment_is_shown(cli) -> None:
    """Where it lies now and what is wrong with it, in `send` and `status`."""
    spooled(cli, *uses("j", 2))
    (path,) = Path(folder_of(cli)).glob("*.spool")
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    assert "damaged: the record at offset" in cli.ok("spool", "status").out
    done = cli("spool", "send")
    assert done.code == 3
    assert "is damaged (the record at offset" in done.err
    shown = cli.ok("spool", "status").out
    assert f"damaged: {folder_of(cli)}/damaged/" in shown
    assert cli.json("spool", "status")["damaged"][0]["why"].startswith("the record at offset")


def test_which_spool_is_meant(cli, tmp_path) -> None:
    """The log's, the one that --spool or USANCE_SPOOL names, or the only one; with several, it has to be said."""
    bare = Cli(cli.folder, {})
    assert "has no spool" in bare.fails(2, "spool", "status")
    spooled(cli, use("k0"))
    assert bare.json("spool", "status")["waiting"] == 1
    assert bare.json("spool", "status", "--spool", tmp_path / "none")["waiting"] == 0
    assert bare("spool", "status", "--json", USANCE_SPOOL=str(tmp_path / "none")).json()["waiting"] == 0
    (tmp_path / "state" / "spool" / "another").mkdir()
    assert "has 2 spools" in bare.fails(2, "spool", "status")
    assert cli.json("spool", "send")["logged"] == 1


def test_processes_that_start_and_send_at_once(cli) -> None:
    """Each has a segment of its own, one sends at a time: all of every process, once and in its order."""
    code = (
        "import sys\nfrom node.spool.writer import SpoolWriter\nfrom tests.node.spooling import use\n"
        "writer = SpoolWriter(sys.argv[1], sys.argv[2])\n"
        "for number in range(200): writer.append(use(f'{sys.argv[3]}{number}'))\nwriter.close()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, folder_of(cli), cli.environment["USANCE_LOG"], f"p{number}-"], env=environment
        )
        for number in range(PROCESSES)
    ]
    senders = [cli.start("spool", "send", "--batch", "50", "--json") for _ in range(3)]
    for process in [*writers, *senders]:
        assert process.wait(60) == 0
    for sender in senders:
        sender.communicate()
    cli.json("spool", "send")
    for number in range(PROCESSES):
        assert logged(cli, f"p{number}-") == expected(f"p{number}-", 200)
