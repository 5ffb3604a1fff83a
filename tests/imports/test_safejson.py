"""JSON from strangers: exact, bounded, and what is refused is named by file, line and column."""

import contextlib
import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import FileError
from node.imports import safejson
from node.imports.safejson import iterate_lines, load_file, loads
from tests.node.harness import ROOT

MB = 1024 * 1024


def refused(data: bytes, **options) -> FileError:
    """The refusal of a text."""
    with pytest.raises(FileError) as caught:
        loads(data, place="f.json", **options)
    return caught.value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**90), 10**90) | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=30,
    ),
    st.booleans(),
)
def test_what_json_can_say_comes_back(value, ascii_only: bool) -> None:
    """Any value, escaped or not, with a byte order mark or without."""
    try:
        data = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    assert loads(data, place="f") == value
    assert loads(b"\xef\xbb\xbf" + data, place="f") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", "0.1"), ("2.50", "2.50"), ("1e-7", "0.0000001"), ("1.5E+2", "150"), ("12.678901234", "12.678901234")],
)  # fmt: skip
def test_numbers_are_exact_decimals(text: str, value: str) -> None:
    """No binary float on the way: exponent forms too."""
    found = loads(f"[{text}]".encode(), place="f")[0]
    assert isinstance(found, Decimal)
    assert found == Decimal(value)
    assert str(loads(b"[2.50]", place="f")[0]) == "2.50"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1,\n "b": [NaN]}', "f.json, line 2, column 8: NaN is no number of JSON"),
        (b"[1,\n-Infinity]", "f.json, line 2, column 1: -Infinity is no number of JSON"),
        (b"[1e401]", "f.json, line 1, column 2: the number '1e401' is out of range"),
        (b"[1e-401]", "f.json, line 1, column 2: the number '1e-401' is out of range"),
        (b"[0, 1e99999999999999999999]", "f.json, line 1, column 5: the number '1e9999"),
        (b"[0." + b"1" * 99 + b"]", "f.json, line 1, column 2: the number '0.1"),
        (b"\n[" + b"9" * 101 + b"]", "f.json, line 2, column 2: a number of too many digits"),
        (b'{"a": 1, "b": {"a": 1},\n "a": 2}', "f.json, line 2, column 2: the name 'a' twice in one object"),
        (b'{"a": 1, "\\u0061": 2}', "f.json, line 1, column 10: the name 'a' twice in one object"),
        (b'{"x": ["]", {"a": 1}, {"a": 1, "a": 1}]}', "f.json, line 1, column 32: the name 'a' twice in one object"),
        (b"[" * 65 + b"]" * 65, "f.json, line 1, column 65: nested too deep"),
        (b"[" * 200_000, "f.json, line 1, column 65: nested too deep"),
        (b'{"a":' * 100_000, "f.json, line 1, column 321: nested too deep"),
        (b'["\\ud83d"]', "f.json, line 1, column 2: half a character: a lone surrogate"),
        (b'{"\\udc00x": 1}', "f.json, line 1, column 2: half a character: a lone surrogate"),
        (b'{"a": "\xff"}', "f.json is not UTF-8: byte 0xff at offset 7"),
        (b'\xef\xbb\xbf{"a": "\xe4"}', "f.json is not UTF-8: byte 0xe4 at offset 10"),
        ('{"a": "ä"}'.encode("utf-16"), "f.json is UTF-16"),
        ('{"a": "ä"}'.encode("utf-32"), "f.json is UTF-32"),
        (b"", "f.json, line 1, column 1: no JSON: Expecting value"),
        (b'{"a": 1}\n x', "f.json, line 2, column 2: no JSON: Extra data"),
        (b"{'a': 1}", "f.json, line 1, column 2: no JSON: Expecting property name"),
        (b'["\x01"]', "f.json, line 1, column 3: no JSON: Invalid control character"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_by_its_place(data: bytes, message: str) -> None:
    """File, line and column of the first thing that breaks a rule."""
    assert refused(data).detail.startswith(message)


def test_as_deep_as_allowed_is_taken() -> None:
    """64 levels, or as many as the caller says."""
    assert loads(b"[" * 64 + b"]" * 64, place="f")
    assert loads(b'["]", {"a": [1]}]', place="f", depth_max=3)
    assert "nested too deep" in refused(b'["]", {"a": [1]}]', depth_max=2).detail


def test_surrogate_pairs_are_text() -> None:
    """Two halves that belong together are a character; a backslash before `u` may itself be escaped."""
    assert loads(b'["\\ud83d\\ude00", "\\\\ud83d"]', place="f") == ["\N{GRINNING FACE}", "\\ud83d"]


def test_too_many_values_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty lists take thirty times their text in memory."""
    monkeypatch.setattr(safejson, "VALUES_MAX", 100)
    assert loads(b"[" + b"0," * 98 + b"0]", place="f")
    assert "too many values" in refused(b"[" + b"[]," * 98 + b"0]").detail


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    """100 MB of JSON: nothing of it is read."""
    path = tmp_path / "large.json"
    with open(path, "wb") as file:
        file.truncate(100 * MB)
    with pytest.raises(FileError, match=r"large.json is 104,857,600 bytes"):
        load_file(str(path))
    with pytest.raises(FileError, match=r"large.json is 104,857,600 bytes"):
        list(iterate_lines(str(path)))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A gigabyte of zeros packs into a megabyte: no more than the bound comes out of it."""
    path = tmp_path / "bomb.json.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(300):
            file.write(b" " * MB)
    assert path.stat().st_size < MB
    for read in (load_file, lambda name: list(iterate_lines(name))):
        with pytest.raises(FileError, match="holds more than that once it is unpacked"):
            read(str(path))


_LONG = (
    "import resource\n"
    "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
    "from node.errors import FileError\n"
    "from node.imports.safejson import loads\n"
    "for text in (b'a' * 20_000_000, b'\\\\n' * 10_000_000):\n"
    "    try:\n"
    "        loads(b'[\"' + text + b'\", {\"a\": 1, \"a\": 2}]', place='f')\n"
    "    except FileError as error:\n"
    "        print(error.detail)\n"
)


def test_finding_the_place_costs_no_memory() -> None:
    """In texts of megabytes, within one gigabyte of address space for all of the program."""
    done = subprocess.run(
        [sys.executable, "-c", _LONG], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["f, line 1, column 20000015: the name 'a' twice in one object"] * 2, done.stderr


def test_plain_and_packed_are_the_same(tmp_path: Path) -> None:
    """By the first bytes, whatever the file is called."""
    (tmp_path / "a.json").write_bytes(gzip.compress(b'{"a": 1}'))
    assert load_file(str(tmp_path / "a.json")) == {"a": 1}
    (tmp_path / "a.gz").write_bytes(b'{"a": 1}')
    assert load_file(str(tmp_path / "a.gz")) == {"a": 1}


@pytest.mark.parametrize("cut", [3, 12, -1])
def test_damaged_gzip_is_said(tmp_path: Path, cut: int) -> None:
    """Cut anywhere, or with a wrong sum."""
    data = bytearray(gzip.compress(b'{"a": 1}'))
    (tmp_path / "cut.gz").write_bytes(data[:cut])
    data[-6] ^= 1
    (tmp_path / "sum.gz").write_bytes(data)
    for name in ("cut.gz", "sum.gz"):
        with pytest.raises(FileError, match=f"{name}: damaged gzip"):
            load_file(str(tmp_path / name))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe that would make the reader wait."""
    with pytest.raises(FileError, match=r"can't read .*: No such file"):
        load_file(str(tmp_path / "missing"))
    with pytest.raises(FileError, match=r"can't read|no regular file"):
        load_file(str(tmp_path))
    with pytest.raises(FileError, match="no regular file"):
        load_file("/dev/zero")


def test_lines_have_their_numbers(tmp_path: Path) -> None:
    """Empty lines count and are passed over; the last one needs no newline."""
    path = tmp_path / "rows"
    path.write_bytes(b'{"a": 1}\n\n  \r\n[2.5]\r\n"x"')
    assert list(iterate_lines(str(path))) == [(1, {"a": 1}), (4, [Decimal("2.5")]), (5, "x")]


def test_a_bad_line_stops_or_is_told_of(tmp_path: Path) -> None:
    """With `on_bad` the others follow; without, it raises with its line."""
    path = tmp_path / "rows"
    path.write_bytes(b'1\n{"a": 1, "a": 2}\n\xff\n' + b"[" * 70 + b"]" * 70 + b"\n2\n" + b" " * 2000 + b"3\n4\n")
    bad = []
    found = list(
        iterate_lines(str(path), line_bytes_max=1000, on_bad=lambda line, error: bad.append((line, error.detail)))
    )
    assert found == [(1, 1), (5, 2), (7, 4)]
    assert [line for line, _ in bad] == [2, 3, 4, 6]
    assert "line 2, column 10: the name 'a' twice" in bad[0][1]
    assert "line 3, is not UTF-8: byte 0xff at offset 0" in bad[1][1]
    assert "line 4, column 65: nested too deep" in bad[2][1]
    assert "line 6: too long" in bad[3][1]
    with pytest.raises(FileError, match="line 2, column 10"):
        list(iterate_lines(str(path)))


def test_a_line_without_an_end_is_bounded(tmp_path: Path) -> None:
    """What is passed over counts against the file's bound, packed too."""
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"1\n" + b" " * (3 * MB)))
    with pytest.raises(FileError, match="holds more than that"):
        list(iterate_lines(str(path), bytes_max=2 * MB, line_bytes_max=1000, on_bad=lambda line, error: None))


def test_any_bytes_are_json_or_refused() -> None:
    """Every cut of a document, and every byte of it changed: a value or a FileError, nothing else."""
    data = b'{"a": [1, -2.5e3, "\\u00e9\\ud83d\\ude00"], "b": {"c": null, "d": true}}'
    for at in range(len(data)):
        for other in (
            data[:at],
            data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :],
            data[:at] + b"\x80" + data[at:],
        ):
            with contextlib.suppress(FileError):
                loads(other, place="f")


def test_nothing_else_of_the_imports_decodes_json_itself() -> None:
    """Readers of foreign formats call this module, and the standard decoder nowhere."""
    for path in sorted((ROOT / "node" / "imports").glob("*.py")):
        if path.name not in ("safejson.py", "run.py"):  # run.py reads what a run of its own wrote
            assert "json.load" not in path.read_text().replace("safejson.load", ""), path.name
