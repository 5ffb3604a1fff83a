"""Reading: every bad input is read as far as it goes, bounded, and said; nothing is left out silently."""

import gzip
import io
import json
import os
import random
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.detect import content, reading, remarks, rows
from node.detect.prints import PART_CHARS_MAX
from node.detect.reading import Options, Read, print_items, read_items
from node.detect.remarks import Remarks
from node.errors import FileError
from proofs.errors import InputError

PLAIN = "Some words that anybody could have written, with a few more behind them.\n"


def read(*paths: Path | str, stream: bytes | None = None, **options: Any) -> tuple[list[Read], Remarks]:
    """All items, and the remarks."""
    said = Remarks()
    file = None if stream is None else io.BytesIO(stream)
    names = [str(path) for path in paths] or ["-"]
    found = list(read_items(names, options=Options(**options), remarks=said, stream=file))
    assert said.items == len(found)
    return found, said


def texts(found: list[Read]) -> list[str | None]:
    """Their texts."""
    return [one.item.text for one in found]


def letters(count: int) -> str:
    """Text that packs to a third."""
    return "".join(random.Random(4).choices("abcdefgh \n", k=count))


def put(folder: Path, name: str, data: bytes | str) -> Path:
    """A file with that content."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_csv_lines_end_with_cr_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CR, LF and both end a record, within quotation marks none of them; wherever a piece ends that is looked at, and
    also behind a record that is too long."""
    records = [("text", "n"), (PLAIN * 3, "1"), ("a\rb\nc\r\nd", "2"), ("plain", "3"), ("x" * 500, "4"), ("e", "5")]
    quoted = [f'"{text}",{number}' for text, number in records]
    for size in (1, 7, 64 * 1024):
        monkeypatch.setattr(rows, "LOOK_BYTES", size)
        for end in ("\r", "\n", "\r\n"):
            found, said = read(put(tmp_path, "a.csv", end.join(quoted) + end), columns=("text",))
            assert texts(found) == [text for text, _ in records[1:]]
            assert not said.counts
        with monkeypatch.context() as bound:
            bound.setattr(rows, "RECORD_BYTES_MAX", 400)
            found, said = read(put(tmp_path, "a.csv", "\r".join(quoted)), columns=("text",))
            assert texts(found) == [text for text, _ in records[1:] if len(text) < 400]
            assert said.names == {remarks.TOO_LONG: [f"{tmp_path}/a.csv:4"]}


def test_what_has_nothing_is_said(tmp_path: Path) -> None:
    """A byte order mark alone, a header without rows, blank lines: no item, and a reason."""
    for name, data in (("a.txt", b"\xef\xbb\xbf"), ("b.txt", b"\xff\xfe"), ("c.csv", b"text,n\r\n"),
                       ("d.jsonl", b"\n \n"), ("e.csv", b"\xef\xbb\xbf")):  # fmt: skip
        columns = ("text",) if "." in name and not name.endswith(".txt") else ()
        found, said = read(put(tmp_path, name, data), columns=columns)
        assert found == []
        assert said.names[remarks.EMPTY] == [f"{tmp_path}/{name}"]


def test_many_small_gzips_in_a_row_are_one(tmp_path: Path) -> None:
    """With zeros between them, and a large one behind: whatever is handed to the unpacker at a time."""
    one, padding = gzip.compress(b"word "), b"\0" * 700
    data = (one * 30 + padding) * 20 + gzip.compress(PLAIN.encode() * 5_000)
    found, said = read(put(tmp_path, "a.gz", data))
    assert texts(found) == ["word " * 600 + PLAIN * 5_000]
    assert not said.counts


def test_a_name_twice_in_an_object_is_said(tmp_path: Path) -> None:
    """Programs disagree about which is meant, so that one could hide behind the other: neither is read. Other names,
    and those of objects within, may come twice."""
    lines = [
        '{"text": "shown", "text": "hidden"}', '{"text": "hidden", "\\u0074ext": 1}',
        '{"a": 1, "a": 2, "text": "good"}',
        '{"in": {"text": 1, "text": 2}, "text": "fine"}', '{"text": "last", "in": [{"text": 1, "text": 2}]}',
    ]  # fmt: skip
    found, said = read(put(tmp_path, "a.jsonl", "\n".join(lines)), columns=("text",))
    assert texts(found) == ["good", "fine", "last"]
    assert said.names == {remarks.TWICE: [f"{tmp_path}/a.jsonl:{number}" for number in (1, 2)]}
    assert said.is_incomplete


def test_a_folder_is_read_in_order_of_bytes(tmp_path: Path) -> None:
    """Depth first, hidden files too; each item has its file's path and hash."""
    for name in ("b.txt", "a/z.txt", "a.txt", "a/b/c", ".hidden", "ä.txt"):
        put(tmp_path, name, f"text of {name}")
    found, said = read(tmp_path)
    assert [os.path.relpath(one.item.name, tmp_path) for one in found] == [
        ".hidden", "a/b/c", "a/z.txt", "a.txt", "b.txt", "ä.txt",
    ]  # fmt: skip
    assert found[4].item.sha256 == sha256(b"text of b.txt").digest()
    assert not said.counts
    found, _ = read(tmp_path, exclude=("*.txt", "a/b"))
    assert texts(found) == ["text of .hidden"]


def test_links_pipes_and_what_cannot_be_read_are_said(tmp_path: Path) -> None:
    """No link is followed, no pipe waited for; the rest of the folder is read."""
    put(tmp_path, "in/good", PLAIN)
    put(tmp_path, "outside/secret", "secret")
    (tmp_path / "in/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "in/file").symlink_to(tmp_path / "outside/secret")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in/pipe")
    found, said = read(tmp_path / "in")
    assert texts(found) == [PLAIN]
    assert (said.counts[remarks.LINK], said.counts[remarks.NOT_A_FILE]) == (3, 1)
    assert said.names[remarks.NOT_A_FILE] == [str(tmp_path / "in/pipe")]


def test_a_file_that_is_gone_or_unreadable_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle of a file: what came is an item, and the rest of the folder is read."""
    put(tmp_path, "a", PLAIN)
    gone = put(tmp_path, "b", "text")
    put(tmp_path, "c", "more text")
    before = reading.walk

    def walk(*args: Any) -> Any:
        listed = list(before(*args))
        gone.unlink()
        return iter(listed)

    monkeypatch.setattr(reading, "walk", walk)
    found, said = read(tmp_path)
    assert texts(found) == [PLAIN, "more text"]
    assert said.names[remarks.UNREADABLE] == [f"{gone}: No such file or directory"]

    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read1(10)

    said = Remarks()
    found = list(read_items(["-"], options=Options(), remarks=said, stream=Failing(PLAIN.encode())))
    assert texts(found) == [PLAIN[:10]]
    assert said.names[remarks.UNREADABLE] == ["-: Input/output error"]


def test_a_path_that_is_not_there_is_refused_before_the_work(tmp_path: Path) -> None:
    """A wrong name ends it, by name."""
    put(tmp_path, "a", PLAIN)
    with pytest.raises(FileError, match="no file or folder nowhere"):
        read(tmp_path / "a", "nowhere")
    with pytest.raises(InputError, match="prompt"):
        Options(prompt="question")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A file whose name isn't UTF-8 is read; its name shows that."""
    with open(os.fsencode(tmp_path) + b"/b\xff", "wb") as file:
        file.write(PLAIN.encode())
    found, _ = read(tmp_path)
    assert [one.item.name for one in found] == [f"{tmp_path}/b\ufffd"]


def test_binaries_are_hashed_whole_and_empty_files_counted(tmp_path: Path) -> None:
    """Zero bytes, packed formats, other encodings: no text, but an item; an empty file is none."""
    bodies = {
        "zeros": PLAIN.encode() * 9 + b"\0", "pdf": b"%PDF-1.7 text text", "random": random.Random(1).randbytes(9_999),
        "zip": b"PK\x03\x04" + PLAIN.encode(), "latin": "äöüßéèêñ".encode("latin-1") * 9, "controls": b"a\x01\x02" * 50,
    }  # fmt: skip
    for name, body in bodies.items():
        put(tmp_path, name, body)
    put(tmp_path, "empty", b"")
    put(tmp_path, "empty.gz", gzip.compress(b""))
    found, said = read(tmp_path)
    assert {one.item.sha256 for one in found} == {sha256(body).digest() for body in bodies.values()}
    assert texts(found) == [None] * 6
    assert (said.counts[remarks.BINARY], said.counts[remarks.EMPTY]) == (6, 2)
    assert [len(prints) for prints in print_items(found, remarks=said)] == [0] * 6


def test_broken_utf8_is_read_and_counted(tmp_path: Path) -> None:
    """Each broken byte is a replacement character, wherever the pieces are cut; the good text stands as it is."""
    body = ("grün " * 60_000).encode()
    broken = body[:100] + b"\xff\xfe" + body[100:-1] + b"\xc3"
    found, said = read(put(tmp_path, "x", broken))
    assert found[0].item.text == broken.decode("utf-8", "surrogateescape").translate(
        {0xDC00 + byte: "\ufffd" for byte in range(128, 256)}
    )
    assert said.broken == 3
    assert said.names[remarks.BROKEN] == [str(tmp_path / "x")]
    assert found[0].item.sha256 == sha256(broken).digest()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_byte_order_marks_tell_the_encoding(tmp_path: Path, encoding: str) -> None:
    """UTF-16 and UTF-32 are read as what they are, and that is said; also as rows."""
    mark = "\ufeff" if encoding.endswith("be") else ""
    text = "Grüße, 日本語, שלום, 𝔘 " * 9_000
    found, said = read(put(tmp_path, "x.txt", (mark + text).encode(encoding)))
    assert texts(found) == [text]
    assert said.counts[remarks.OTHER_UNICODE] == (encoding != "utf-8-sig")
    row = json.dumps({"a": text}, ensure_ascii=False)
    assert texts(read(put(tmp_path, "x.jsonl", (mark + row).encode(encoding)), columns=("a",))[0]) == [text]


def test_long_text_comes_in_parts(tmp_path: Path) -> None:
    """Parts of at most so many characters, after a line's end where one is near, together the text; each is hashed."""
    text = "".join(f"line {at} of many\n" for at in range(200_000))
    found, _ = read(put(tmp_path, "x", text))
    assert [one.item.name for one in found] == [f"{tmp_path}/x#{at}" for at in range(1, len(found) + 1)]
    assert "".join(one.item.text or "" for one in found) == text
    assert all((one.item.text or "").endswith("\n") and len(one.item.text or "") <= PART_CHARS_MAX for one in found)
    assert all(one.item.sha256 == sha256((one.item.text or "").encode()).digest() for one in found)
    whole = "x" * PART_CHARS_MAX
    assert [one.item.name for one in read(put(tmp_path, "y", whole))[0]] == [f"{tmp_path}/y"]
    row, _ = read(put(tmp_path, "z.jsonl", json.dumps({"a": whole + "y"})), columns=("a",))
    assert [(one.item.name.partition("z.jsonl")[2], len(one.item.text or "")) for one in row] == [
        (":1#1", PART_CHARS_MAX), (":1#2", 1),
    ]  # fmt: skip


def test_one_line_without_end_is_bounded(tmp_path: Path, long_run: bool) -> None:
    """A file of one line, as text and as a record of rows: memory for a part of it at most."""
    size = 2_000_000_000 if long_run else 64_000_000
    path = tmp_path / "line"
    with open(path, "wb") as file:
        file.write(b'{"a":"')
        for at in range(size // 1_000_000):
            file.write(b"%09d " % at * 100_000)
    os.link(path, tmp_path / "line.jsonl")
    tracemalloc.start()
    said = Remarks()
    count = sum(1 for _ in read_items([str(path)], options=Options(), remarks=said))
    assert count == -(-path.stat().st_size // PART_CHARS_MAX)
    found, row = read(tmp_path / "line.jsonl", columns=("a",))
    assert (found, row.counts) == ([], {remarks.TOO_LONG: 1})
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()
    assert said.size == path.stat().st_size


def test_ten_million_equal_lines(tmp_path: Path, long_run: bool) -> None:
    """As a file they are a few equal parts, as rows one item; both in little memory, and all of them counted."""
    count = 10_000_000 if long_run else 100_000
    line = json.dumps({"a": PLAIN}) + "\n"
    for name, body in (("x.txt", PLAIN), ("x.jsonl", line)):
        with open(tmp_path / name, "w") as file:
            for _ in range(100):
                file.write(body * (count // 100))
    found, said = read(tmp_path / "x.jsonl", columns=("a",))
    assert (texts(found), said.counts) == ([PLAIN], {remarks.REPEATED: count - 1})
    found, said = read(tmp_path / "x.txt")
    parts = -(-count * len(PLAIN) // (PART_CHARS_MAX // len(PLAIN) * len(PLAIN)))
    assert len(found) <= 2
    assert said.counts[remarks.REPEATED] + len(found) == parts
    assert sum(len(prints) for prints in print_items(found, remarks=said)) < 200


def test_a_repeated_item_is_passed_over_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed or not, by another name; not where another question was asked, and as far as hashes are kept."""
    put(tmp_path, "a", PLAIN)
    put(tmp_path, "b", PLAIN)
    put(tmp_path, "c.gz", gzip.compress(PLAIN.encode()))
    found, said = read(tmp_path, tmp_path / "a")
    assert [one.item.name for one in found] == [f"{tmp_path}/a"]
    assert said.counts == {remarks.REPEATED: 3}
    asked = [{"q": q, "a": PLAIN} for q in ("one", "two", "one")]
    path = put(tmp_path, "x.jsonl", "".join(json.dumps(row) + "\n" for row in asked))
    found, said = read(path, columns=("a",), prompt="q")
    assert [(one.item.name[-2:], one.prompt) for one in found] == [(":1", "one"), (":2", "two")]
    assert said.counts == {remarks.REPEATED: 1}
    monkeypatch.setattr(reading, "SEEN_MAX", 0)
    assert len(read(tmp_path / "a", tmp_path / "b")[0]) == 2


def test_rows_of_json_lines(tmp_path: Path) -> None:
    """Fields by row and column; whatever isn't an object with that text is said by its row."""
    deep = "[" * 100_000 + "]" * 100_000
    lines = [
        '{"a": "first", "b": "x"}', "", "no JSON", "[1]", deep, '{"a": 3, "b": "y"}', '{"a": "", "b": null}',
        '{"a": "half \\ud800 and \\ud83d\\ude00"}', '{"n": ' + "9" * 9_999 + "}", '{"a": "last"}',
    ]  # fmt: skip
    path = put(tmp_path, "x.jsonl", "\r\n".join(lines).encode() + b'\n{"a": "bro\xffken"}')
    found, said = read(path, columns=("a",))
    assert [(one.item.name[-3:].lstrip("l"), one.item.text) for one in found] == [
        (":1", "first"), (":8", "half \ufffd and 😀"), (":10", "last"), (":11", "bro\ufffdken"),
    ]  # fmt: skip
    assert found[0].item.sha256 == sha256(b"first").digest()
    assert said.counts == {
        remarks.NO_JSON: 4, remarks.NO_TEXT: 1, remarks.EMPTY: 1, remarks.SURROGATES: 1, remarks.BROKEN: 1,
    }  # fmt: skip
    assert [name.rpartition(":")[2] for name in said.names[remarks.NO_JSON]] == ["3", "4", "5", "9"]
    found, _ = read(path, columns=("b", "a"))
    assert [one.item.name.partition("x.jsonl")[2] for one in found][:3] == [":1:b", ":1:a", ":6:b"]


def test_equal_rows_are_counted_by_column(tmp_path: Path) -> None:
    """Rows that are equal, one after the other, count as if they had been read; wrong ones as wrong each time."""
    good, half = '{"a": "x", "b": "y"}\n', '{"a": "z"}\n'
    found, said = read(put(tmp_path, "x.jsonl", good * 3 + half * 2 + "{}\n" * 2), columns=("a", "b"))
    assert texts(found) == ["x", "y", "z"]
    assert said.counts == {remarks.REPEATED: 5, remarks.NO_TEXT: 6}


def test_rows_of_csv(tmp_path: Path) -> None:
    """Quoted fields over lines, a header with a mark, zero bytes, short rows, tabs; a stray quotation mark."""
    body = '\ufeffid,text\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2,nul\0byte\r\n3\r\n4,5" pipe\r\n5,last'
    found, said = read(put(tmp_path, "x.csv", body), columns=("text",))
    assert [(one.item.name[-2:], one.item.text) for one in found] == [
        (":1", 'two\r\nlines, "quoted"'), (":2", "nul\0byte"), (":4", '5" pipe'), (":5", "last"),
    ]  # fmt: skip
    assert said.names == {remarks.NO_TEXT: [f"{tmp_path}/x.csv:3"]}
    assert texts(read(put(tmp_path, "x.tsv", "a\tb\n1\tx,y\n"), columns=("b",))[0]) == ["x,y"]
    found, said = read(tmp_path / "x.csv", columns=("answer",))
    assert (found, said.names) == ([], {remarks.NO_COLUMN: [f"{tmp_path}/x.csv: answer"]})


def test_records_beyond_the_bound_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A huge field, in one line or over many, or a quotation mark that is never closed: the next record is read."""
    monkeypatch.setattr(rows, "RECORD_BYTES_MAX", 1_000)
    huge = "y" * 5_000
    body = f'a,b\n1,x\n2,"{huge}\n"\n3,{huge}\n4,"' + "line, with marks\n" * 200 + '"\n5,z\n'
    found, said = read(put(tmp_path, "x.csv", body), columns=("b",))
    assert [(one.item.name[-2:], one.item.text) for one in found] == [(":1", "x"), (":5", "z")]
    assert [name[-2:] for name in said.names[remarks.TOO_LONG]] == [":2", ":3", ":4"]
    _, said = read(put(tmp_path, "y.csv", 'a,b\n1,"' + "never closed\n" * 500), columns=("b",))
    assert said.counts == {remarks.TOO_LONG: 1}
    lines = json.dumps({"b": huge}) + "\n" + json.dumps({"b": "z"}) + "\n" + json.dumps({"b": huge})
    found, said = read(put(tmp_path, "x.jsonl", lines), columns=("b",))
    assert ([one.item.name[-2:] for one in found], said.counts) == ([":2"], {remarks.TOO_LONG: 2})


def test_rows_without_a_column_are_text(tmp_path: Path) -> None:
    """And that is said, since keys and escapes count then."""
    found, said = read(put(tmp_path, "x.jsonl", '{"a": "b"}\n'))
    assert (texts(found), said.counts) == (['{"a": "b"}\n'], {remarks.ROWS_WHOLE: 1})


def test_prompts_come_with_their_rows(tmp_path: Path) -> None:
    """Of JSON Lines and CSV; a row without one is read and said."""
    path = put(tmp_path, "x.jsonl", '{"q": "why?", "a": "so"}\n{"a": "because"}\n{"q": 1, "a": "thus"}\n')
    found, said = read(path, columns=("a",), prompt="q")
    assert [(one.item.text, one.prompt) for one in found] == [("so", "why?"), ("because", None), ("thus", None)]
    assert said.counts == {remarks.NO_PROMPT: 2}
    found, _ = read(put(tmp_path, "x.csv", "q,a\nwhy,so\n"), columns=("a",), prompt="q")
    assert [(one.item.text, one.prompt) for one in found] == [("so", "why")]


def test_gzip_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Whatever it is called; several members and padding too. What is packed twice is not unpacked twice."""
    text = PLAIN * 9_000
    packed = gzip.compress(text[:300_000].encode()) + gzip.compress(text[300_000:].encode()) + bytes(512)
    found, said = read(put(tmp_path, "plain.txt", packed))
    assert (texts(found), said.counts) == ([text], {})
    assert found[0].item.sha256 == sha256(text.encode()).digest()
    found, _ = read(put(tmp_path, "x.csv.gz", gzip.compress(b"a\nrow one\n")), columns=("a",))
    assert texts(found) == ["row one"]
    found, said = read(put(tmp_path, "twice", gzip.compress(gzip.compress(text.encode(), mtime=0))))
    assert (texts(found), said.counts) == ([None], {remarks.BINARY: 1})


def test_a_gzip_bomb_is_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is unpacked than the bound, in pieces; what came is read; in rows likewise."""
    bomb = gzip.compress(b"boom " * 20_000_000)
    assert len(bomb) < 200_000
    tracemalloc.start()
    found, said = read(put(tmp_path, "x", bomb), bytes_max=10_000_000)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()
    assert said.size == 10_000_000
    assert said.names[remarks.CUT] == [str(tmp_path / "x")]
    assert sum(len(one.item.text or "") for one in found) <= 10_000_000
    rows_bomb = gzip.compress(b'{"a": "row"}\n' * 1_000)
    _, said = read(put(tmp_path, "x.jsonl.gz", rows_bomb), columns=("a",), bytes_max=26)
    assert said.counts == {remarks.CUT: 1, remarks.REPEATED: 1}
    exact = gzip.compress(b"x" * 1_000)
    assert not read(put(tmp_path, "exact", exact), bytes_max=1_000)[1].counts


@pytest.mark.parametrize("cut", [1, 3, 9, 11, 40, -1, -8, -9, -200])
def test_a_damaged_gzip_is_read_up_to_the_damage(tmp_path: Path, cut: int) -> None:
    """Cut anywhere, it is said, and what came before is read."""
    text = letters(50_000)
    packed = gzip.compress(text.encode())
    found, said = read(put(tmp_path, "x", packed[:cut]))
    if cut == 1:  # not even the mark
        return
    assert said.counts[remarks.DAMAGED] == 1
    assert text.startswith("".join(one or "" for one in texts(found)))
    if cut < 0:
        assert len(texts(found)[0] or "") > 49_000


def test_a_flipped_bit_in_a_gzip_is_noticed(tmp_path: Path) -> None:
    """By the format or by its checksum; text behind a whole member that is no gzip is said, too."""
    text = letters(5_000)
    packed = bytearray(gzip.compress(text.encode()))
    for at in range(12, len(packed), 97):
        damaged = bytearray(packed)
        damaged[at] ^= 4
        _, said = read(put(tmp_path, f"x{at}", bytes(damaged)))
        assert said.counts[remarks.DAMAGED] == 1
    found, said = read(put(tmp_path, "y", bytes(packed) + b"and more"))
    assert (texts(found), said.counts) == ([text], {remarks.DAMAGED: 1})


def test_every_cut_of_a_gzip_unpacks_as_zlib_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pieces are that come in and go out, the same comes out."""
    monkeypatch.setattr(content, "CHUNK_BYTES", 7)
    text = ("abc" * 900 + PLAIN).encode()
    for member in (gzip.compress(text), gzip.compress(text) * 3):
        said = Remarks()
        made = content.Content(io.BytesIO(member), "x", said, bytes_max=10**6)
        assert b"".join(made.chunks()) == text * (len(member) // len(gzip.compress(text)))
        assert not said.counts


def test_standard_input_is_a_stream(tmp_path: Path) -> None:
    """Text, rows of either kind by their beginning, packed ones; a named pipe likewise."""
    found, _ = read(stream=PLAIN.encode())
    assert [(one.item.name, one.item.text, one.item.sha256) for one in found] == [
        ("-", PLAIN, sha256(PLAIN.encode()).digest())
    ]
    assert [one.item.name for one in read(stream=b'{"a": "x"}\n{"a": "y"}\n', columns=("a",))[0]] == ["-:1", "-:2"]
    assert texts(read(stream=b"a,b\nx,y\n", columns=("b",))[0]) == ["y"]
    assert texts(read(stream=gzip.compress(b'{"a": "x"}'), columns=("a",))[0]) == ["x"]
    assert read(stream=b"")[1].counts == {remarks.EMPTY: 1}
    assert [one.item.name for one in read(stream=b"x" * (PART_CHARS_MAX + 1))[0]] == ["-#1", "-#2"]


def test_rows_of_a_stream_are_read_as_they_come() -> None:
    """A model's outputs come slowly: the first row is an item before the second is there."""
    out, into = os.pipe()
    with open(out, "rb") as file, open(into, "wb", buffering=0) as writer:
        writer.write(b'{"a": "first"}\n')
        items = read_items(["-"], options=Options(columns=("a",)), remarks=Remarks(), stream=file)
        assert next(items).item.text == "first"
        writer.write(b'{"a": "second"}\n')
        assert next(items).item.text == "second"
        writer.close()
        assert not list(items)


def test_remarks_name_the_first_and_count_all() -> None:
    """In memory for a few names, most first; the sentences for people have a number for the rest."""
    said = Remarks()
    for at in range(1_000):
        said.note(remarks.LINK, f"link {at}")
    said.note(remarks.EMPTY, "empty")
    assert [one["count"] for one in said.value()] == [1_000, 1]
    assert len(said.value()[0]["names"]) == remarks.NAMES_MAX
    assert said.lines() == [
        "a symbolic link, not followed: link 0, link 1, link 2 and 997 more", "empty: empty"
    ]  # fmt: skip
