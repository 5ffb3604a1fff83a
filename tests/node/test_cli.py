"""The command line as a whole: its table, its help, its exit codes, its one-line errors, its dependencies."""

import argparse
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.append import RULES
from ledger.errors import StorageError
from node.cli import common, main, make_parser
from node.cli.outcome import EXIT_CODES, describe, exit_code
from node.cli.table import COMMANDS
from node.cli.text import parse_time, short, show_time, show_value
from node.errors import FileError, ForkError, IncompleteError, NetworkError, ProblemError
from node.printable import safe_line
from proofs.errors import InputError, InvariantError, VerifyError
from tests.node.clitool import ROOT, Cli

NAMES = [command.name for command in COMMANDS]


def _lines(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of every command that does something, as (`node`, `rekey`, `begin`)."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        return [words]
    return [line for name, sub in groups[0].choices.items() for line in _lines(sub, (*words, name))]


LINES = _lines(make_parser(None))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A user without a node."""
    return Cli(tmp_path)


def test_every_supported_kind_has_a_command() -> None:
    """What the log takes can be made on the command line, each kind by exactly one command."""
    made = [kind for command in COMMANDS for kind in command.kinds]
    assert sorted(made) == sorted(RULES)
    assert len(made) == len(set(made))


def test_the_commands_are_those_of_the_design() -> None:
    """No command of a later version is there half-made."""
    assert NAMES == [
        "key", "node", "party", "delegate", "rotate", "revoke", "asset", "describe", "withdraw", "terms", "grant",
        "use", "nil", "correct", "accept", "accounts", "settle", "pay", "receipt", "dispute", "resolve", "claim",
        "submit", "spool", "trace", "records", "assets", "proof", "evidence", "disclose", "verify", "audit", "backup",
        "reconcile", "watch", "detect", "canary", "report", "export", "import",
    ]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_command_has_help(line, capsys) -> None:
    """--help exits 0 and names --json and --debug; the command's own page has an example that its parser takes."""
    assert main([*line, "--help"]) == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert "--debug" in text
    assert main([line[0], "--help"]) == 0
    assert "example:\n  usance " + line[0] in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_examples_are_taken_by_the_parser(command) -> None:
    """An example that no longer parses is worse than none."""
    import shlex

    for line in command.example.splitlines():
        words = shlex.split(re.sub(r"\s{2,}\(.*\)$", "", line.strip()))
        assert words[0] == "usance"
        make_parser(command.name).parse_args(words[1:])


def test_help_lists_every_command_and_exit_code(capsys) -> None:
    """`usance --help` is the map."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in NAMES:
        assert re.search(rf"^    {name}\b", text, re.MULTILINE)
    for code in EXIT_CODES:
        assert f"\n  {code:<4} " in text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), 2), (FileError("x"), 2), (VerifyError("x"), 1), (ForkError("x"), 1), (NetworkError("x"), 4),
        (IncompleteError("x"), 3), (StorageError("x"), 5), (InvariantError("x"), 5), (OSError(28, "No space"), 5),
        (ProblemError("x", status=422, type="usance:field"), 2), (ProblemError("x", status=403, type="usance:key"), 2),
        (ProblemError("x", status=409, type="usance:sequence"), 1), (ProblemError("x", status=503), 4),
        (ProblemError("x", status=429), 4), (ProblemError("x", status=404), 2), (RuntimeError("x"), 5),
    ],
)  # fmt: skip
def test_each_error_has_its_exit_code(error, code) -> None:
    """The table of the design: 1 check failed, 2 input, 3 incomplete, 4 network, 5 storage."""
    assert exit_code(error) == code
    assert "\n" not in describe(error)[0]
    assert code in EXIT_CODES


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ((), "COMMAND"),
        (("nothing",), "invalid choice"),
        (("use", "x", "--as", "eat"), "invalid choice"),
        (("use",), "required"),
        (("party", "Lab"), "--key FILE or set USANCE_KEY"),
        (("records",), "--node URL or set USANCE_NODE"),
        (("records", "--node", "http://127.0.0.1:9"), "--log VKEY"),
        (("records", "--node", "gopher://x", "--log", "x"), "can't read"),
        (("audit", "http://127.0.0.1:9"), "--log VKEY"),
        (("audit", "missing", "--log", "x+00000000+AA=="), "vkey"),
        (("verify", "missing.tlog-proof"), "can't read"),
        (("key", "show", "missing.key"), "can't read"),
        (("node", "run", "missing"), "usance node init"),
        (("nil",), "--from and --until"),
        (("use", "x", "--as", "train", "--token", "5", "--manifest", "m"), "--item PATH"),
        (("use", "x", "--as", "train"), "--token N"),
        (("use", "x", "--as", "train", "--tok", "5"), "unrecognized arguments: --tok 5; see `usance use --help`"),
        (("delegate", "--kinds", "party"), "can't be delegated"),
        (("asset",), "PATH"),
        (("proof",), "required"),
    ],
)
def test_bad_usage_is_one_line_that_says_what_to_do(cli, line, says) -> None:
    """Exit 2 (5 where a node's folder is missing), one line on stderr, nothing on stdout."""
    assert says in cli.fails(5 if line[:2] == ("node", "run") else 2, *line)


def test_a_node_that_is_not_there_is_exit_4(cli) -> None:
    """Network, not input: the same command may succeed later."""
    vkey = cli.ok("key", "new", "log.key").out.strip()
    cli.environment["USANCE_LOG"] = vkey
    # Port 9 of this machine: closed wherever tests run.
    line = cli.fails(4, "records", "1", "--node", "http://127.0.0.1:9")
    assert "can't be reached" in line


def test_version(cli) -> None:
    """What a report of a defect begins with."""
    assert re.fullmatch(r"usance \S+.*, Python 3\.\d+\.\d+\n", cli.ok("--version").out)


def test_a_closed_stdout_is_no_defect(cli) -> None:
    """`usance … >&-` ends as it would."""
    cli.ok("key", "new", "a.key")
    command = f"{sys.executable} -m node.cli key show {cli.folder / 'a.key'} >&-"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_values_are_shown_in_words() -> None:
    """Lists and maps without Python's brackets; long hexadecimals by their beginning in columns."""
    assert show_value("sources", [{"as": "contains", "asset": "1:aa"}, "x"]) == "as contains, asset 1:aa; x"
    assert show_value("at", 0) == "0 (1970-01-01T00:00:00.000Z)"
    assert short("12:" + "ab" * 32) == "12:" + "ab" * 8 + "…"
    assert short("a" * 41) == "a" * 39 + "…"


def test_debug_shows_a_traceback(cli) -> None:
    """Only on request."""
    done = cli("verify", "missing", "--debug")
    assert done.code == 2
    assert "Traceback" in done.err


def test_what_others_wrote_is_safe_to_print() -> None:
    """Control and bidirectional characters are escaped, so that no name moves the cursor or turns the text round."""
    assert safe_line("a\x1b[2Jb\u202ec\n") == "a\\x1b[2Jb\\u202ec\\n"
    assert safe_line("Zürich – 東京") == "Zürich – 東京"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1700000000000", 1_700_000_000_000),
        ("2026-01-31", 1_769_817_600_000),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000),
        ("2026-01-31T12:00:00", 1_769_860_800_000),
        ("2026-01-31T14:00:00.5+02:00", 1_769_860_800_500),
    ],
)
def test_times(text, ms) -> None:
    """Milliseconds or ISO 8601; without a zone it is UTC."""
    assert parse_time(text, field="--from") == ms
    assert parse_time(str(ms), field="--from") == ms


@pytest.mark.parametrize(
    "text", ["", "x", "2026-13-01", "-5", "1e3", "1_700_000_000_000", "1960-01-01", "٣" * 13, "9" * 20, "9" * 5000]
)
def test_bad_times(text) -> None:
    """One form each; what is before 1970 or past 2^63 has no place in a record."""
    with pytest.raises(InputError):
        parse_time(text, field="--from")


def test_times_that_no_calendar_has_are_shown_as_numbers() -> None:
    """A record may hold any number."""
    assert show_time(2**63 - 1) == f"{2**63 - 1} ms"
    assert show_time(0) == "1970-01-01T00:00:00.000Z"


def test_a_reader_that_goes_away_is_no_error(cli) -> None:
    """`usance … | head` ends quietly."""
    process = subprocess.Popen(
        f"{sys.executable} -m node.cli --help | true; echo ${{PIPESTATUS[0]}}", shell=True, cwd=ROOT,
        executable="/bin/bash", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    out, err = process.communicate(timeout=30)
    assert err == ""
    assert out.strip() in ("0", "141")


def test_interrupt_is_130(cli) -> None:
    """Ctrl-C ends a command with one line and the usual code."""
    cli.ok("key", "new", "log.key")
    with cli.start("verify", "-", "--log", "log.vkey", stdin=subprocess.PIPE) as process:
        # It reads standard input once it has started; nothing tells when, so ask until it has ended.
        while process.poll() is None:
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode in (130, -signal.SIGINT)
    assert "usance" not in err or err == "usance: interrupted\n"


BASE_ONLY = """
import sys
class BaseOnly:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("plyvel", "plyvel_next", "aiohttp", "uvloop", "rich"):
            raise ModuleNotFoundError(f"not in the base: {name}", name=name)
sys.meta_path.insert(0, BaseOnly())
from node.cli import make_parser
for name in sys.argv[1:]:
    make_parser(name)
"""


def test_every_command_loads_on_the_base_packages() -> None:
    """Only running a node, and auditing a node's own folder, needs more."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BASE_ONLY, *NAMES], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_wait_that_a_person_would_notice_is_told(capsys, monkeypatch) -> None:
    """A command that waits because the node asks it to says so, once a wait; short ones pass in silence."""
    waits: list[float] = []
    monkeypatch.setattr(common.time, "sleep", waits.append)
    common._wait(0.4)
    assert capsys.readouterr().err == ""
    common._wait(44.0)
    assert "trying again in 44 s" in capsys.readouterr().err
    assert waits == [0.4, 44.0]
