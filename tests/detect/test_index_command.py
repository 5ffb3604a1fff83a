"""`usance detect index`: what it is given is found afterwards, whole, however often it is broken off."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.leveldb import LevelStore
from tests.node.clitool import Cli
from tests.node.detecting import prose


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A folder, rows, and a print set of one more text."""
    (tmp_path / "articles").mkdir()
    for at in range(3):
        (tmp_path / "articles" / f"{at}.txt").write_text(prose(at))
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"n": at, "text": prose(10 + at)}) + "\n" for at in range(4))
    )
    (tmp_path / "more.txt").write_text(prose(20))
    made = Cli(tmp_path)
    made.ok("detect", "prints", "more.txt", "-o", "more.prints")
    return made


def owners(cli: Cli) -> dict[str, int]:
    """What the command lists: items by owner."""
    listed = cli.ok("detect", "index", "the.index", "--list", "--json").json()
    assert listed["index"]["owners"] == len(listed["owners"])
    return {one["owner"]: one["items"] for one in listed["owners"]}


def found(cli: Cli, text: str, *args: str) -> list[tuple[str, str]]:
    """In which owners' items a text is found."""
    (cli.folder / "asked.txt").write_text(text)
    cli("detect", "asked.txt", "--against", "the.index", "-o", "found.json", *args)
    findings: list[dict[str, Any]] = json.loads((cli.folder / "found.json").read_text())["findings"]
    return [(one["owner"], one["source"]["name"].rpartition("/")[2]) for one in findings]


def test_a_folder_rows_and_a_print_set_are_found(cli: Cli) -> None:
    """Each as an owner of its own, named or by its path; one that comes again is replaced, whole."""
    added = cli.ok("detect", "index", "the.index", "articles", "--json").json()
    assert (added["owner"], added["items"], added["index"]["owners"]) == ("articles", 3, 1)
    cli.ok("detect", "index", "the.index", "rows.jsonl", "--column", "text", "--owner", "rows")
    cli.ok("detect", "index", "the.index", "more.prints", "--owner", "7:ab", "--no-texts")
    assert owners(cli) == {"articles": 3, "rows": 4, "7:ab": 1}
    assert found(cli, prose(1)) == [("articles", "1.txt")]
    assert found(cli, prose(12)) == [("rows", "rows.jsonl:3")]
    assert [owner for owner, _ in found(cli, prose(20))] == ["7:ab"]
    (cli.folder / "articles" / "1.txt").write_text(prose(31))
    (cli.folder / "articles" / "2.txt").unlink()
    assert cli.ok("detect", "index", "the.index", "articles").out == "articles: 2 items, " + (
        f"{cli.ok('detect', 'index', 'the.index', 'articles', '--json').json()['prints']:,} prints in the.index\n"
    )
    assert found(cli, prose(1)) == []
    assert found(cli, prose(31)) == [("articles", "1.txt")]
    cli.ok("detect", "index", "the.index", "--remove", "rows")
    assert owners(cli) == {"articles": 2, "7:ab": 1}


KILLED = """
import os, signal, sys
from node.detect import index, indexwriter
indexwriter.RUN_POSTINGS = indexwriter.BULK_POSTINGS = 50
indexwriter.BATCH_BYTES = 1000
at, done = int(sys.argv[1]), 0
write = index.LevelStore.write
def dying(store, rows):
    global done
    done += 1
    if done == at:
        os.kill(os.getpid(), signal.SIGKILL)
    write(store, rows)
index.LevelStore.write = dying
from node.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("at", [1, 2, 4, 8])
def test_killed_midway_and_run_again(cli: Cli, repo_root: Path, at: int) -> None:
    """The first time, there is no owner, or no index yet; an owner that is there stays as it was. Run again,
    it comes."""

    def killed() -> None:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(at), "detect", "index", "the.index", "articles"], cwd=cli.folder,
            env={**os.environ, "PYTHONPATH": str(repo_root)}, check=False, timeout=120, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr

    killed()
    cli.ok("detect", "index", "the.index", "articles")
    assert owners(cli) == {"articles": 3}
    (cli.folder / "articles" / "1.txt").write_text(prose(31))
    (cli.folder / "articles" / "3.txt").write_text(prose(32))
    killed()
    assert owners(cli) == {"articles": 3}
    assert found(cli, prose(1)) == [("articles", "1.txt")]
    cli.ok("detect", "index", "the.index", "articles")
    assert owners(cli) == {"articles": 4}
    assert found(cli, prose(32)) == [("articles", "3.txt")]


def test_a_part_doesnt_replace_what_was_whole(cli: Cli) -> None:
    """A damaged gzip is a part: an owner that is there stays as it was, a new one has what could be read; both end
    with 3."""
    data = gzip.compress((prose(1) + prose(50, 5000)).encode())
    cli.ok("detect", "index", "the.index", "articles")
    (cli.folder / "articles" / "1.txt").write_bytes(data[: len(data) // 2])
    done = cli("detect", "index", "the.index", "articles")
    assert done.code == 3
    assert "stays as it was" in done.err
    assert owners(cli) == {"articles": 3}
    assert found(cli, prose(1)) == [("articles", "1.txt")]
    assert cli("detect", "index", "the.index", "articles", "--owner", "new").code == 3
    assert owners(cli) == {"articles": 3, "new": 3}


def test_of_equal_answers_the_one_with_most_prints_counts(cli: Cli) -> None:
    """An answer that repeats its prompt has no prints of its own; the same answer to another prompt has."""
    rows = [{"p": prose(1), "a": prose(1)}, {"p": "Another one.", "a": prose(1)}]
    (cli.folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cli.ok("detect", "index", "the.index", "pairs.jsonl", "--column", "a", "--prompt", "p", "--owner", "teacher")
    assert {owner for owner, _ in found(cli, prose(1) + " and a word behind it, so that it is no copy")} == {"teacher"}


def test_another_folder_is_no_index(cli: Cli) -> None:
    """A node's own database: refused in words that tell nobody to remove it, and left alone."""
    LevelStore(str(cli.folder / "db"), create=True).close()
    before = sorted(path.name for path in (cli.folder / "db").iterdir())
    for args in (["--list"], ["--remove", "x"], ["articles"]):
        assert "remove the" not in cli.fails(2, "detect", "index", "db", *args)
    assert sorted(path.name for path in (cli.folder / "db").iterdir()) == before
