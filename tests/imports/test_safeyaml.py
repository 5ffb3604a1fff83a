"""YAML from strangers: no aliases, no tags, each name once; scalars by YAML 1.2's core schema."""

import re
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import FileError
from node.imports import safeyaml
from node.imports.safeyaml import loads

HEADER = """\
license: cc-by-4.0
language:
- en
- no
- "on"
pretty_name: 'A: b'
size: {items: 12, ratio: 1.50, hex: 0x1F, octal: 0o17, small: 1e-3, sexagesimal: 1:30, day: 2024-01-02}
empty:
none: ~
yes: true
text: |
  two
  lines
folded: >-
  one
  line
"""


def test_a_header_is_read_as_it_was_meant() -> None:
    """`no` is Norwegian, `1:30` a text, a date stays text; numbers are exact."""
    assert loads(HEADER, place="README.md") == {
        "license": "cc-by-4.0", "language": ["en", "no", "on"], "pretty_name": "A: b",
        "size": {
            "items": 12, "ratio": Decimal("1.50"), "hex": 31, "octal": 15, "small": Decimal("0.001"),
            "sexagesimal": "1:30", "day": "2024-01-02",
        },
        "empty": None, "none": None, "yes": True, "text": "two\nlines\n", "folded": "one line",
    }  # fmt: skip
    assert loads("", place="f") is None
    assert loads("# nothing", place="f") is None
    assert loads("!!str 12", place="f") == "12"
    assert loads("'12'", place="f") == "12"
    assert loads(".inf", place="f") == ".inf"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "README.md, line 3, column 4: the alias *x"),
        ("a: 1\nb: 2\na: 3", "README.md, line 4, column 1: the name 'a' twice"),
        ("{b: {a: 1, 'a': 2}}", "README.md, line 2, column 12: the name 'a' twice"),
        ("a: !!python/object/apply:os.system [ls]", "README.md, line 2, column 4: the tag"),
        ("!!binary aGk=", "README.md, line 2, column 1: the tag"),
        ("a: !mine {}", "README.md, line 2, column 4: the tag '!mine'"),
        ("? [a]\n: 1", "README.md, line 2, column 3: a name that is no text"),
        ("a: 1\n---\nb: 2", "README.md, line 3, column 1: a second document"),
        ("a: [1\nb", "README.md, line 4, column 1: no YAML"),
        ("a: b: c", "README.md, line 2, column 5: no YAML"),
        ("\tx: 1", "README.md, line 2, column 1: no YAML"),
        ("a: \x00", "README.md: no YAML"),
        ("a: \ud800", "README.md: no YAML"),
        ("a: " + "[" * 65, "README.md, line 2, column 67: nested too deep"),
        ("a: " + "9" * 101, "README.md, line 2, column 4: a number too long"),
    ],
)
def test_what_is_refused_is_named_by_its_place(text: str, message: str) -> None:
    """With the line of the file that the header stands in."""
    with pytest.raises(FileError, match=re.escape(message)):
        loads(text, place="README.md", first_line=2)


def test_a_bomb_of_aliases_is_refused_at_its_first() -> None:
    """The billion laughs of YAML."""
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(FileError, match="line 2, column 10: the alias"):
        loads("\n".join(lines), place="f")


def test_depth_costs_no_stack() -> None:
    """A hundred thousand brackets are refused at the 65th, where composing recursively would end the process."""
    began = time.monotonic()
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000):
        with pytest.raises(FileError, match="nested too deep"):
            loads(text, place="f")
    assert time.monotonic() - began < 20


def test_size_and_count_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters before parsing, values while it goes on."""
    with pytest.raises(FileError, match="too long"):
        loads("x" * (safeyaml.CHARS_MAX + 1), place="f")
    monkeypatch.setattr(safeyaml, "VALUES_MAX", 10)
    assert loads("[" + "1," * 9 + "]", place="f")
    with pytest.raises(FileError, match="too many values"):
        loads("[" + "1," * 10 + "]", place="f")


@given(st.text(st.sampled_from("ab:-[]{},'\"!&*?|>#%@ \n\t0.1~"), max_size=60))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    """A value of JSON's types or a FileError, nothing else."""
    try:
        value = loads(text, place="f")
    except FileError:
        return
    assert value is None or isinstance(value, dict | list | str | bool | int | Decimal)
