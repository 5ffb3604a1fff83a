"""What is printed where the terminal can't show it: files go out as the bytes they are, words as far as they go."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from proofs.evidence import parse_evidence
from proofs.note import parse_vkey
from proofs.tlogproof import parse_tlog_proof
from tests.node.clitool import ROOT, TIMEOUT_S, Cli
from tests.node.harness import Actor, NodeProcess, body, use_body

TITLE = "caf\u00e9 \u2603 \u5bdb"
NAME, DATA = "doi:10.5555/snow", "https://snow.example/data"
LOCALES = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C"},
    "C as it is": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.fixture(scope="module")
def used(node: NodeProcess) -> int:
    """A described name in several scripts, and a use of it: the usage's index."""
    actor = Actor(node).join(TITLE)
    actor.log(body("description", type="dataset", name=DATA, title=TITLE))
    sources = [{"asset": DATA, "as": "trained_on"}]
    actor.log(body("description", type="model", name=NAME, title=TITLE, license="MIT", sources=sources))
    return int(actor.log(use_body(NAME, use="infer"))["first_index"])


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """Somebody who only reads."""
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey")})


def run(cli: Cli, locale: str, *args: object) -> bytes:
    """A command as a program of its own in a locale, which must succeed; its bytes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, args)], cwd=cli.folder, capture_output=True, timeout=TIMEOUT_S,
        env={**kept, "PYTHONPATH": str(ROOT), **cli.environment, **LOCALES[locale]}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_same(cli: Cli, locale: str, *args: object) -> bytes:
    """What is printed is what -o writes, to the byte."""
    printed = run(cli, locale, *args)
    run_written = cli(*args, "-o", "written")
    assert run_written.code == 0
    assert printed == (cli.folder / "written").read_bytes()
    return printed


@pytest.mark.parametrize("locale", LOCALES)
def test_files_are_printed_as_they_are_written(cli: Cli, used: int, locale: str) -> None:
    """Evidence and proofs hold a dash that few encodings have, a graph anybody's title: UTF-8 everywhere."""
    parse_evidence(check_same(cli, locale, "evidence", used))
    parse_tlog_proof(check_same(cli, locale, "proof", used))
    for form in ("dot", "svg", "prov-json", "json"):
        assert TITLE in check_same(cli, locale, "trace", NAME, "--format", form).decode()


_FILES: Sequence[Sequence[str]] = (
    ("report", "art53", NAME), ("report", "ab2013", NAME), ("report", "licenses", NAME),
    ("report", "art53", NAME, "--format", "json"), ("export", "croissant", DATA),
    ("export", "openlineage", NAME), ("export", "prov", NAME),
)  # fmt: skip


@pytest.mark.parametrize("args", _FILES, ids=" ".join)
def test_reports_and_exports_are_printed_as_they_are_written(cli: Cli, used: int, args: Sequence[str]) -> None:
    """Markdown, and JSON of ours and of others, with anybody's titles."""
    assert used
    printed = check_same(cli, "latin-1", *args).decode()
    assert TITLE in printed or json.dumps(TITLE)[1:-1] in printed


def test_keys_are_printed_as_their_file_has_them(cli: Cli) -> None:
    """A verifier key's name may be in any script; redirected, it is the file that the key's own is."""
    printed = run(cli, "latin-1", "key", "new", "me.key", "--name", "\u5bdb.example")
    assert printed == (cli.folder / "me.vkey").read_bytes()
    assert parse_vkey(printed.decode().strip()).name == "\u5bdb.example"
    assert run(cli, "latin-1", "key", "show", "me.key") == printed


@pytest.mark.parametrize("locale", LOCALES)
def test_words_are_escaped_where_a_terminal_has_no_sign(cli: Cli, used: int, locale: str) -> None:
    """No command ends because of somebody's title: what can't be shown is written as an escape, the rest as it is."""
    encoding = {"latin-1": "latin-1", "ascii": "ascii", "C as it is": "ascii"}.get(locale, "utf-8")
    shown = TITLE.encode(encoding, "backslashreplace")
    lists = run(cli, locale, "assets", "--name", TITLE) if encoding == "utf-8" else run(cli, locale, "assets", NAME)
    assert shown in run(cli, locale, "records", used - 1)
    assert NAME.encode() in lists
    assert json.loads(run(cli, locale, "records", used - 1, "--json"))["record"]["title"] == TITLE
    in_tree = TITLE if encoding == "utf-8" else TITLE.encode("ascii", "backslashreplace").decode()
    assert in_tree in run(cli, locale, "trace", NAME).decode(encoding)
