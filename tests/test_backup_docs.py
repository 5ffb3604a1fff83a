"""docs/backup.md is true: its example file reads as it says, by the program and by another reading of the format."""

import re
from pathlib import Path

from node import backupfile
from proofs.checkpoint import parse_log_vkey
from tests.node.backuptool import MAGIC, entries_in, judge, marks_in, pieces

WORDS = {"L": "the log's origin", "E": "entries", "X": "conflicts", "Z": "a closing note", "C": "peaks"}


def test_the_example_file_is_a_backup(repo_root: Path, tmp_path: Path) -> None:
    """The blocks in hex, after the first line, are a good backup of one entry under the key that is named."""
    text = (repo_root / "docs" / "backup.md").read_text(encoding="utf-8")
    found = re.search(r"^```hex\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    key = re.search(r"`(log\.example/\S+\+\S+)`", text)
    assert found is not None
    assert key is not None
    data = MAGIC + bytes.fromhex(found[1])
    assert [len(line.split()[0]) // 2 for line in found[1].splitlines()] == [backupfile.HEAD_BYTES] * 3
    (tmp_path / "f").write_bytes(data)
    checked = judge(tmp_path / "f", parse_log_vkey(key[1]))
    assert (checked.checkpoint.size, checked.tail_bytes) == (1, 0)
    assert (len(entries_in(data)), marks_in(data)) == (1, [1])
    assert [piece.kind for piece in pieces(data)] == ["L", "E", "C"]


def test_the_kinds_are_those_of_the_code(repo_root: Path) -> None:
    """Every kind of block stands in the table, and no other."""
    text = (repo_root / "docs" / "backup.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z])` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE))
    kinds = {backupfile.LOG, backupfile.ENTRIES, backupfile.CONFLICTS, backupfile.CLOSING, backupfile.CHECKPOINT}
    assert set(rows) == kinds
    assert all(WORDS[kind] in said for kind, said in rows.items())
    assert backupfile.MAGIC.decode().encode("unicode_escape").decode() in text
