"""`usance submit`: many records from a file, each logged exactly once, whatever is bad, busy or killed."""

import json
import random
import time
from collections import Counter
from pathlib import Path
from queue import Queue
from signal import SIGKILL
from subprocess import Popen
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import context
from node.client import Client
from node.errors import FileError, NetworkError, ProblemError
from node.journal import load_journal
from node.submit import LineError, Options, Submission, Summary, open_locked
from proofs.checkpoint import log_vkey
from proofs.codec import unpack
from proofs.ed25519 import public_bytes
from proofs.entry import parse_entry, parse_request
from proofs.errors import InputError
from proofs.records import make_body
from proofs.ref import Ref
from tests.node.badproxy import TIMEOUT_S, BadProxy, proxying
from tests.node.clitool import Cli
from tests.node.fakelog import NOW_MS, ORIGIN
from tests.node.harness import NodeProcess


@pytest.fixture
def submit(log, key, tmp_path):
    """Runs a submission of the file `f` in this process; keyword arguments are its options."""
    clients = []

    def run(path: Path = tmp_path / "f", **options) -> Summary:
        client = Client(log.url, log.vkey, state_folder=str(tmp_path / "state"), sleep=lambda seconds: None)
        clients.append(client)
        with open_locked(str(path)) as file:
            made = Submission(str(path), file, client, key, Options(**options), now_ms=lambda: NOW_MS)
            made.check(lambda lines: None)
            return made.run(lambda lines: None)

    yield run
    for client in clients:
        client.close()


def line(number: int, **changes) -> str:
    """A usage record as a line; its call id is its number."""
    value = {
        "kind": "usage", "asset": "model:x/y", "use": "infer", "quantities": {"token": "5"}, "from": NOW_MS,
        "until": NOW_MS, "call": f"c{number}", **changes,
    }  # fmt: skip
    return json.dumps(value) + "\n"


def write(path: Path, lines) -> Path:
    """A file of lines."""
    path.write_text("".join(lines))
    return path


def calls(log) -> list[str]:
    """The call ids in the log, in order."""
    found = []
    for raw in log.reader.entries(0, log.ledger.size):
        body = unpack(parse_entry(raw).body)
        if body["kind"] == "usage":
            found.append(body["call"])
    return found


def expected(count: int) -> list[str]:
    """The ids of so many lines."""
    return [f"c{number}" for number in range(count)]


# One run


@pytest.mark.parametrize(
    ("count", "options"), [(1, {}), (5, {"batch_records": 2}), (700, {}), (40, {"batch_records": 1})]
)
def test_every_line_is_logged_once_and_in_order(log, submit, tmp_path, count, options) -> None:
    """Whatever the batches, and again nothing on a second run."""
    write(tmp_path / "f", map(line, range(count)))
    summary = submit(**options)
    assert (summary.logged, summary.before, summary.rejected) == (count, 0, 0)
    assert calls(log) == expected(count)
    again = submit(**options)
    assert (again.logged, again.before) == (0, count)
    assert calls(log) == expected(count)


def test_several_batches_go_in_one_request(log, submit, tmp_path) -> None:
    """1,000 records in batches of 100, four a request: three requests."""
    write(tmp_path / "f", map(line, range(1000)))
    submit(batch_records=100, request_batches=4)
    assert sum(method == "POST" for method, _, _ in log.requests) == 3
    assert calls(log) == expected(1000)


def test_large_records_keep_within_a_request(log, submit, tmp_path) -> None:
    """Batches and requests are bounded in bytes too."""
    attrs = {f"k{number:03}": "x" * 1000 for number in range(55)}
    write(tmp_path / "f", (line(number, attrs=attrs) for number in range(300)))
    assert submit().logged == 300
    assert calls(log) == expected(300)
    assert max(len(body) for _, _, body in log.requests) <= 8 * 1024 * 1024


def test_empty_lines_and_a_missing_last_newline(log, submit, tmp_path) -> None:
    """Both are fine; what is appended later is logged by the next run, and an edit of the last line is noticed."""
    path = write(tmp_path / "f", ["\n", line(0), "  \n", "\n", line(1).rstrip("\n")])
    assert submit().logged == 2
    path.write_text(path.read_text() + "x")
    with pytest.raises(FileError, match="longer"):
        submit()
    path.write_text(path.read_text()[:-1] + "\n" + line(2))
    assert submit().logged == 1
    assert calls(log) == expected(3)


def test_a_time_that_is_missing_is_now(log, submit, tmp_path) -> None:
    """`at` is the signer's clock unless the line says it."""
    write(tmp_path / "f", [line(0), line(1, at=5)])
    submit()
    bodies = [unpack(parse_entry(raw).body) for raw in log.reader.entries(2, 2)]
    assert [body["at"] for body in bodies] == [NOW_MS, 5]


# Bad lines


BAD = [
    ("x\n", "no JSON"),
    ("[]\n", "JSON object"),
    ("null\n", "JSON object"),
    ('{"kind": "usage", "kind": "none"}\n', "twice"),
    (line(0, quantities={"token": 1.5}), "whole number"),
    (line(0, quantities={"token": "0"}), "not allowed"),
    (line(0, quantities={"page": "1"}), "not allowed"),
    (line(0, extra="x"), "unknown field"),
    (line(0, use="eat"), "not allowed"),
    (line(0, item="zz"), "hex"),
    (line(0, until=float("nan")), "whole number"),
    (line(0, **{"from": NOW_MS + 1}), "ends before"),
    ('{"kind": "usage"}\n', "missing"),
    ('{"kind": "feast"}\n', "unknown kind"),
    ('{"kind": "none", "from": 1, "until": 2, "x": ' + "[" * 5000 + "\n", "JSON|nested"),
    ('{"a": "\udcff"}\n', "JSON"),
    ('{"kind": "' + "x" * 600_000 + '"}\n', "too long"),
]


@pytest.mark.parametrize(("bad", "says"), BAD, ids=[says for _, says in BAD])
def test_a_bad_line_is_found_before_anything_is_sent(log, submit, tmp_path, bad, says) -> None:
    """Its number and reason are named, and nothing is logged."""
    data = "".join([line(0), "\n", line(1), bad, line(2)])
    (tmp_path / "f").write_bytes(data.encode("utf-8", "surrogateescape"))
    with pytest.raises(LineError, match=says) as caught:
        submit()
    assert caught.value.line == 4
    assert calls(log) == []
    assert not (tmp_path / "f.progress").exists()


def test_bad_lines_are_put_aside_where_asked(log, submit, tmp_path) -> None:
    """The rest is logged; each bad line stands once in FILE.rejected with its number, reason and text."""
    bad = {3: "x\n", 10: line(10, use="eat"), 255: "[]\n", 256: "{}\n", 599: "y\n"}
    write(tmp_path / "f", (bad.get(number, line(number)) for number in range(600)))
    summary = submit(skip_bad=True)
    assert (summary.logged, summary.rejected) == (595, 5)
    assert calls(log) == [f"c{number}" for number in range(600) if number not in bad]
    rows = [json.loads(text) for text in (tmp_path / "f.rejected").read_text().splitlines()]
    assert [row["line"] - 1 for row in rows] == list(bad)
    assert [row["record"] for row in rows] == [text.rstrip("\n") for text in bad.values()]
    assert submit(skip_bad=True).logged == 0
    assert len((tmp_path / "f.rejected").read_text().splitlines()) == 5


REFUSED = {"asset": f"1:{'0' * 64}"}  # well formed, but no asset of the log: only the node can tell


def test_a_record_that_the_node_refuses_names_its_line(log, submit, tmp_path) -> None:
    """What stands before its batch is logged; mended, the same file goes on from there."""
    path = write(tmp_path / "f", (line(number, **(REFUSED if number == 7 else {})) for number in range(12)))
    with pytest.raises(LineError, match="no asset of this log") as caught:
        submit(batch_records=5)
    assert caught.value.line == 8
    assert calls(log) == expected(5)
    write(path, map(line, range(12)))
    assert submit(batch_records=5).before == 5
    assert calls(log) == expected(12)


def test_records_that_the_node_refuses_are_put_aside_where_asked(log, submit, tmp_path) -> None:
    """One after the other, however many are in a batch, without one good line lost or logged twice."""
    bad = {0, 1, 2, 6, 9, 10, 11, 12, 13, 14, 19}
    write(tmp_path / "f", (line(number, **(REFUSED if number in bad else {})) for number in range(20)))
    summary = submit(batch_records=5, request_batches=2, skip_bad=True)
    assert (summary.logged, summary.rejected) == (9, 11)
    assert calls(log) == [f"c{number}" for number in range(20) if number not in bad]
    rows = [json.loads(text) for text in (tmp_path / "f.rejected").read_text().splitlines()]
    assert [row["line"] - 1 for row in rows] == sorted(bad)


def test_batches_that_are_too_much_work_are_made_smaller(log, submit, tmp_path, monkeypatch) -> None:
    """Where a batch's uses cost the log more than one batch may, as many go in one as fit; no line is at fault."""
    owner = Ed25519PrivateKey.generate()
    log.join(owner)
    offers = [{"use": "infer", "unit": "token", "price": 7, "per": 1}]
    fields = {
        "kind": "asset",
        "at": NOW_MS,
        "type": "work",
        "name": "w",
        "terms": {"currency": "EUR", "offers": offers},
    }
    ref = Ref(log.log(owner, 1, [make_body(fields)]).first_index, log.reader.tree.leaf(log.ledger.size - 1))
    write(tmp_path / "f", (line(number, asset=str(ref)) for number in range(20)))
    # Looking up the terms is 8 steps, the account 4, each line 1.
    monkeypatch.setattr(context, "STEPS_MAX", 8 + 4 + 7)
    summary = submit(batch_records=9)
    assert (summary.logged, summary.statuses) == (20, Counter(licensed=20))
    assert calls(log) == expected(20)
    sizes = Counter(parse_entry(raw).count for raw in log.reader.entries(log.ledger.size - 20, 20))
    assert sizes == {7: 14, 6: 6}


# Interruptions


@pytest.mark.parametrize("lose", ["answer", "request"])
def test_a_lost_connection_loses_and_doubles_nothing(log, submit, tmp_path, lose) -> None:
    """Whether the request or only its answer was lost: after NetworkError the next run sends the very same batches."""
    write(tmp_path / "f", map(line, range(10)))
    sent = []
    honest = log._honest

    def hook(method, path, body, answer):
        if method == "POST":
            sent.append(body)
            return None
        return answer

    def deaf(method, path, body):
        return (404, "text/plain", b"") if method == "POST" else honest(method, path, body)

    log.hook = hook
    if lose == "request":
        log._honest = deaf
    with pytest.raises(NetworkError):
        submit(batch_records=4)
    log._honest = honest
    log.hook = lambda method, path, body, answer: (sent.append(body) if method == "POST" else None, answer)[1]
    before = len(sent)
    submit(batch_records=4)
    assert len(set(sent[:before])) == 1
    assert sent[before] == sent[0]
    assert calls(log) == expected(10)


def test_what_an_earlier_run_had_logged_is_not_counted_again(log, submit, tmp_path) -> None:
    """Of a flight whose answer was lost, batches that the log has count as logged before, with those settled earlier;
    the others, and what follows, as logged now."""
    write(tmp_path / "f", map(line, range(4)))
    submit(batch_records=2)
    honest = log._honest

    def half(method, path, body):
        if method != "POST":
            return honest(method, path, body)
        log._take(parse_request(body)[0])
        return 404, "text/plain", b""

    write(tmp_path / "f", map(line, range(13)))
    log._honest = half
    with pytest.raises((NetworkError, ProblemError)):
        submit(batch_records=3, request_batches=2)
    log._honest = honest
    summary = submit(batch_records=3, request_batches=2)
    assert (summary.before, summary.logged, sum(summary.statuses.values())) == (7, 6, 6)
    assert calls(log) == expected(13)


def test_a_busy_node_keeps_the_flight(log, submit, tmp_path) -> None:
    """A 503 for one batch is not a refusal: the journal keeps it for the next run."""
    write(tmp_path / "f", map(line, range(3)))
    busy = {"status": 503, "detail": "disk full"}

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        value = json.loads(answer[2])
        return 200, "application/json", json.dumps({**value, "results": [busy]}).encode()

    log.hook = hook
    with pytest.raises(NetworkError, match="disk full"):
        submit()
    assert load_journal(str(tmp_path / "f.progress")).flight is not None
    log.hook = lambda method, path, body, answer: answer
    submit()
    assert calls(log) == expected(3)


def test_another_program_with_the_same_key(log, key, submit, tmp_path) -> None:
    """Numbers taken meanwhile: signed anew, logged once; where it never ends, it says so."""
    write(tmp_path / "f", map(line, range(6)))
    number = [1]
    always = [False]

    def hook(method, path, body, answer):
        if path.startswith("/keys/") and (number[0] == 1 or always[0]):
            log.log(key, number[0], [make_body({"kind": "none", "at": 1, "from": 1, "until": 1})])
            number[0] += 1
        return answer

    log.hook = hook
    assert submit(batch_records=2).logged == 6
    assert calls(log) == expected(6)
    number[0] = 8
    always[0] = True
    (tmp_path / "f").write_text("".join(map(line, range(7))))
    with pytest.raises(ProblemError, match="another program"):
        submit()
    assert calls(log) == expected(6)


def test_a_changed_file_is_noticed(log, submit, tmp_path) -> None:
    """What was logged must still stand there; the journal is never silently used for another text."""
    path = write(tmp_path / "f", map(line, range(5)))
    submit()
    write(path, map(line, range(1, 6)))
    with pytest.raises(FileError, match="changed"):
        submit()
    write(path, map(line, range(3)))
    with pytest.raises(FileError, match="changed"):
        submit()
    assert calls(log) == expected(5)


def test_a_journal_of_another_key_or_log_is_refused(log, key, submit, tmp_path) -> None:
    """A file goes to one log by one key."""
    write(tmp_path / "f", [line(0)])
    submit()
    other_log = log_vkey(origin=ORIGIN, public_key=public_bytes(Ed25519PrivateKey.generate()))
    for vkey, signer, says in ((log.vkey, Ed25519PrivateKey.generate(), "another key"), (other_log, key, "log key")):
        client = Client(log.url, vkey, state_folder=str(tmp_path / "state"))
        with open_locked(str(tmp_path / "f")) as file, pytest.raises(FileError, match=says):
            Submission(str(tmp_path / "f"), file, client, signer, Options(), now_ms=lambda: 0)
        client.close()


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x80", b"\xc0", b"\x81\xa6format\xa1x"])
def test_a_damaged_journal_is_never_taken_for_none(submit, tmp_path, junk) -> None:
    """Starting anew could log everything twice."""
    write(tmp_path / "f", [line(0)])
    (tmp_path / "f.progress").write_bytes(junk)
    with pytest.raises(FileError, match="damaged"):
        submit()


def test_two_at_once_are_refused(tmp_path) -> None:
    """The second one says what it waits for."""
    path = write(tmp_path / "f", [line(0)])
    with open_locked(str(path)), pytest.raises(FileError, match="another program"), open_locked(str(path)):
        pass


@pytest.mark.parametrize("options", [{"batch_records": 0}, {"batch_records": 1025}, {"request_batches": 0}])
def test_options_are_bounded(options) -> None:
    """A batch has 1 to 1,024 records, a request 1 to 256 batches."""
    with pytest.raises(InputError):
        Options(**options).check()


# The program, against a real node


@pytest.fixture
def cli(tmp_path, node: NodeProcess) -> Cli:
    """A party on the module's node."""
    made = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey"), "USANCE_KEY": "me.key"})
    made.ok("key", "new", "me.key")
    made.ok("party", "Me")
    return made


def test_the_program_says_what_it_did(cli) -> None:
    """Counts and statuses; exit 3 where lines were put aside, 2 with the line where they weren't."""
    write(cli.folder / "f", map(line, range(300)))
    assert cli.json("submit", "f") == {
        "file": "f", "logged": 300, "before": 0, "rejected": 0, "statuses": {"unclaimed": 300}
    }  # fmt: skip
    assert "300 were logged by earlier runs" in cli.ok("submit", "f").out
    write(cli.folder / "g", [line(0), "x\n"])
    assert "g, line 2: no JSON: Expecting value, at column 1;" in cli.fails(2, "submit", "g")
    assert cli("submit", "g", "--skip-bad", "--json").code == 3
    write(cli.folder / "h", [line(0), line(1, **REFUSED)])
    assert "h, line 2: " in cli.fails(2, "submit", "h")
    assert cli.json("submit", "f", "--check") == {"file": "f", "lines": 300, "logged": 0}
    assert "can't read" in cli.fails(2, "submit", "missing")


class KillingProxy(BadProxy):
    """Passes on everything; once the node has answered a write, it kills the process that sent it instead."""

    def __init__(self) -> None:
        super().__init__(seed=0, mischief=0.0)
        self.victim: Queue[Popen[str]] = Queue()

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes] | None:
        """See BadProxy."""
        answer = super().ask(method, path, body)
        if method == "POST":
            self.victim.get(timeout=TIMEOUT_S).kill()
            return None
        return answer


def test_what_was_logged_before_a_kill_was_logged_before(cli, node) -> None:
    """Killed after the node took the batch and before its answer came: the next run says that it was logged before."""
    write(cli.folder / "f", map(line, range(30)))
    with proxying(KillingProxy()) as proxy:
        proxy.port = urlsplit(node.url).port
        with cli.start("submit", "f", "--batch", "10", "--pipeline", "2", "--node", proxy.url) as process:
            proxy.victim.put(process)
            assert process.wait(TIMEOUT_S) == -SIGKILL
    done = cli.ok("submit", "f", "--json").json()
    assert (done["before"], done["logged"], done["statuses"]) == (20, 10, {"unclaimed": 10})


def test_kill_9_at_any_moment_logs_each_line_once(cli, long_run) -> None:
    """Killed again and again at random moments, and run again: every line is in the log exactly once, in order."""
    count, kills = (20_000, 60) if long_run else (3_000, 6)
    write(cli.folder / "f", map(line, range(count)))
    journal = cli.folder / "f.progress"
    random.seed(count)
    for _ in range(kills):
        before = journal.stat().st_ino if journal.exists() else 0
        with cli.start("submit", "f", "--batch", "8", "--pipeline", "2") as process:
            # Every journal is a new file: wait for one of this run, so that no kill comes before anything was sent.
            while process.poll() is None and (not journal.exists() or journal.stat().st_ino == before):
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.1))
            assert process.poll() is None, "nothing was left to kill: more lines are needed"
            process.kill()
    assert 0 < cli.json("submit", "f")["before"] < count
    key = cli.json("key", "show", "me.key")["key"]
    rows = cli.json("records", "--party", key, "--kind", "usage", "--limit", str(count + 10))["records"]
    assert max(Counter(row["record"]["call"] for row in rows).values()) == 1
    assert [row["record"]["call"] for row in rows] == expected(count)
