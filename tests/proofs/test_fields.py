"""proofs.fields: what one value may be, at its borders (design sections 3.1 and 4)."""

import re
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import fields as f

DIGEST = bytes(range(32))
REF = (7).to_bytes(8, "big") + DIGEST
WRONG_TYPES = (None, 1.5, float("nan"), True, False, [[]], {"a": []}, {b"a": 1}, ("a",), object())


def words(count: int) -> list[str]:
    return [f"n{number:04}" for number in range(count)]


# Rule, values that are allowed, values that are not. Values of foreign types are added to each.
CASES: dict[str, tuple[f.Rule, list[Any], list[Any]]] = {
    "text": (
        f.TEXT,
        ["a", " ", "x" * 1024, "é" * 512, "\U0001f600" * 256, "a b", "日本", "\xa0", "\u2028", "\u200b"],
        ["", "x" * 1025, "é" * 513, "\U0001f600" * 256 + "a", "\0", "a\nb", "\t", "a\x1f", "\x7f", "a\x80", "\x9f",
         "\u061c", "\u200e", "a\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800", "é\x85", b"a", 1],
    ),
    "external": (
        f.EXTERNAL,
        ["pkg:huggingface/org/name@rev", "pkg:pypi/x", "https://a", "http://a/b?c#d", "doi:10.1234/x",
         "doi:10.123456789/a(b)c", "model:openai/gpt-x", "model:a/b/c", "https://" + "a" * 1016, "doi:10.1234/é"],
        ["", "a", "pkg:", "pkg:pypi", "pkg:pypi/", "pkg:/x", "https://", "https:///x", "ftp://a/b", "http:/a",
         "HTTPS://a",
         "doi:10.123/x", "doi:10.1234", "doi:10.1234/", "doi:11.1234/x", "doi:10.12a4/x",
         "doi:10.\u0661\u0662\u0663\u0664/x",
         "model:openai", "model:/x", "model:openai/", "Model:a/b", "pkg:pypi/a b", "https://a b", "model:a b/c",
         "doi:10.1234/a\xa0b", "model:a/b\u3000", "https://a\n", " https://a", "https://" + "a" * 1017,
         "model:a/\u202eb", 1,
         REF],
    ),
    "ref": (f.REF, [REF, b"\x7f" + b"\xff" * 39, bytes(40)], [b"\x80" + bytes(39), REF[:-1], REF + b"a", b"", "7:00",
    1]),
    "target": (f.TARGET, [REF, "doi:10.1234/x"], [DIGEST, "a", b"\x80" + bytes(39), "7:" + "0" * 64, 7]),
    "digest": (f.DIGEST, [DIGEST, bytes(32)], [DIGEST[:-1], DIGEST + b"a", b"", "a" * 32, 32]),
    "key": (f.KEY, [DIGEST], [DIGEST[:-1], DIGEST + b"a", "a" * 32]),
    "signature": (f.SIGNATURE, [DIGEST * 2], [DIGEST * 2 + b"a", DIGEST, "a" * 64]),
    "sum": (f.SUM, [bytes(16), b"\xff" * 16], [bytes(15), bytes(17), 0]),
    "ms": (f.MS, [0, 2**63 - 1], [-1, 2**63, "0", b"0"]),
    "money": (f.MONEY, [0, 2**63 - 1], [-1, 2**63]),
    "count": (f.COUNT, [0, 2**63 - 1], [-1, 2**63]),
    "positive": (f.POSITIVE, [1, 2**63 - 1], [0, -1, 2**63]),
    "bps": (f.BPS, [0, 10_000], [-1, 10_001]),
    "currency": (
        f.CURRENCY,
        ["EUR", "USD", "A1B", "123456789012", "USDC"],
        ["", "EU", "eur", "A" * 13, "E R", "EUR\n", "€UR", "ÀBC", "\u0661\u0662\u0663", b"EUR", 978],
    ),
    "url": (
        f.URL,
        ["http://a", "https://a.b/c?d#e", "https://é/ü"],
        ["https://", "ftp://a", "https://a b", "https:///", "a", "https://a\n", "javascript:https://a", "https://?a"],
    ),
    "uri": (
        f.URI,
        ["a:b", "urn:isbn:1", "s3://b/k", "magnet:?xt=1", "file:///x"],
        ["", "a", ":a", "1a:b", "a:", "a:b c", "a:\u2003", "a b:c", "a:b\n"],
    ),
    "media": (
        f.MEDIA,
        ["text/plain", "application/vnd.a+json", "a/b", "a" * 127 + "/" + "b" * 127],
        ["", "text", "text/", "/plain", "text/plain; charset=utf-8", "a/b/c", "te xt/a", "a" * 128 + "/b", "é/b",
         "a/b\n"],
    ),
    "iscc": (
        f.ISCC,
        ["ISCC:KACYPXW445FTYNJ3", "ISCC:" + "A" * 10, "ISCC:" + "A" * 128],
        ["", "KACYPXW445FTYNJ3", "ISCC:" + "A" * 9, "ISCC:" + "A" * 129, "iscc:KACYPXW445FTYNJ3",
         "ISCC:KACYPXW445FTYNJ1",
         "ISCC:kacypxw445ftynj3", "ISCC:KACYPXW445FTYNJ3\n"],
    ),
    "license": (
        f.LICENSE,
        ["MIT", "Apache-2.0", "GPL-2.0+", "MIT OR Apache-2.0", "(MIT)", "((MIT))", "MIT AND (ISC OR BSD-3-Clause)",
         "GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0+ WITH x AND MIT", "LicenseRef-my.own", "  MIT  OR ISC ",
         "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2", "MIT OR(ISC)", "NOASSERTION", "(MIT OR ISC)AND 0BSD",
         "exception", "id", "id WITH exception"],
        ["", " ", "MIT ISC", "MIT OR", "OR MIT", "OR", "()", "(", ")", "(MIT", "MIT)", "MIT)(ISC", "MIT AND OR ISC",
         "+", "MIT++",
         "MIT +", "mit or isc", "MIT/ISC", "MIT, ISC", "::", "a:b", "LicenseRef-a:b", "DocumentRef-a:MIT", "MIT WITH",
         "WITH x", "MIT WITH (x)", "MIT WITH x+", "(MIT OR ISC) WITH x", "MIT WITH x WITH y", "MIT (ISC)", "(MIT) ISC",
         "MIT\xa0OR ISC", "MIT\tOR ISC", "ΜIT", "MIT_1", "(" * 512 + "MIT", "MIT " * 300, "custom licence"],
    ),
    "use": (f.USE, ["train", "redistribute", "infer"], ["", "Train", "train ", "token", b"train", 1, []]),
    "unit": (f.UNIT, ["token", "use", "second"], ["", "tokens", "train", b"token", 1]),
    "bool": (f.BOOL, [], [0, 1, "true", b"\x01"]),
    "quantities": (
        f.QUANTITIES,
        [{"token": 1}, {"byte": 1, "token": 2**63 - 1}, dict.fromkeys(sorted(f.UNITS)[:8], 1)],
        [{}, {"token": 0}, {"token": -1}, {"token": 2**63}, {"tokens": 1}, {"token": True}, {"token": 1.0},
         {"token": "1"},
         {"token": None}, {"token": 2, "byte": 1}, dict.fromkeys(sorted(f.UNITS), 1), [["token", 1]], {1: 1},
          {b"token": 1},
         {"": 1}, {"token": [1]}, 1, "token"],
    ),
    "lowered": (
        f.LOWERED,
        [{}, {"token": 1}, dict.fromkeys(sorted(f.UNITS)[:8], 1)],
        [{"token": 0}, {"token": 2**63}, {"x": 1}, {"token": 2, "byte": 1}, dict.fromkeys(sorted(f.UNITS), 1), []],
    ),
    "attributes": (
        f.ATTRIBUTES,
        [{"gen_ai.system": "x"}, {"a": 0, "b": 2**63 - 1}, dict.fromkeys(words(1024), 1)],
        [{"": 1}, {"a": ""}, {"a": -1}, {"a": 2**63}, {"a": True}, {"a": 1.5}, {"a": None}, {"a": b"b"}, {"a": ["b"]},
         {"a": {"b": 1}}, {"b": 1, "a": 1}, {"a\n": 1}, {"a": "\u202e"}, {"x" * 1025: 1}, {1: 1},
         dict.fromkeys(words(1025), 1), "a", 1],
    ),
    "unique list": (
        f.unique_list(f.TEXT, low=1),
        [["a"], ["b", "a"], words(1024)],
        [[], ["a", "a"], ["a", 1], [""], [["a"]], [{"a": 1}], words(1025), "a", {"a": 1}],
    ),
    "sorted list": (f.unique_list(f.TEXT, low=0, is_sorted=True), [[], ["B", "a", "é"]], [["b", "a"], ["a", "a"],
     ["a", b"b"]]),
    "struct": (
        f.struct({"a": f.COUNT}, {"b": f.TEXT}),
        [{"a": 1}, {"a": 1, "b": "x"}],
        [{}, {"b": "x"}, {"a": 1, "c": 1}, {"b": "x", "a": 1}, {"a": True}, {"a": 1, "b": 1}, {"": 1, "a": 1},
         {"": 1.5, "a": 1},
         {"a": 1, b"b": "x"}, {"a": 1, 2: 3}, {"a": 1, "": {}}, [1], "a"],
    ),
    "list of structs": (
        f.list_of(f.struct({"a": f.COUNT}), low=1, high=2, distinct=lambda entry: entry["a"]),
        [[{"a": 1}], [{"a": 2}, {"a": 1}]],
        [[], [{"a": 1}, {"a": 1}], [{"a": 1}, {"a": 2}, {"a": 3}], [{}], [1], {"a": 1}, [{"": 1, "a": 1}]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_allowed_values(name: str) -> None:
    """Each rule takes what the design allows, up to the borders."""
    rule, good, _ = CASES[name]
    assert [value for value in good if rule.ok(value) is not True] == []
    assert rule.expected


@pytest.mark.parametrize("name", CASES)
def test_refused_values(name: str) -> None:
    """Each rule refuses what is beyond the borders and every other type, without raising anything."""
    rule, _, bad = CASES[name]
    wrong = [value for value in WRONG_TYPES if not (name == "bool" and type(value) is bool)]
    assert [value for value in bad + wrong if rule.ok(value) is not False] == []


def test_bool_is_true_or_false() -> None:
    """A flag is a bool."""
    assert f.BOOL.ok(True)
    assert f.BOOL.ok(False)


def test_a_refused_part_is_named() -> None:
    """Inside of lists and maps the path leads to the part that is wrong, a missing one included."""
    inner = f.list_of(f.struct({"a": f.COUNT, "b": f.struct({"c": f.COUNT})}), low=1).inner
    assert inner is not None
    assert inner([{"a": 1, "b": {"c": 1}}, {"a": -1, "b": {"c": 1}}]) == "1.a"
    assert inner([{"a": 1}]) == "0.b"
    assert inner([{"a": 1, "b": {"c": 1}, "z": 1}]) == "0.z"
    assert inner("x") == ""


def test_every_character_is_judged_as_the_design_says() -> None:
    """Of all code points, exactly U+0000-001F, U+007F-009F, bidirectional controls and surrogates are refused."""
    bidi_controls = {"\u061c", "\u200e", "\u200f"} | {
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.bidirectional(chr(code)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    expected = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))} | bidi_controls
    refused = {chr(code) for code in range(sys.maxunicode + 1) if not f.is_text(chr(code))}
    assert refused == expected
    assert all(not f.is_text("é" + character) for character in expected)


SPDX_PARTS = ["(", ")", " AND ", " OR ", " WITH ", "MIT", "x-1", "+", " ", ":", "LicenseRef-a", "exception"]


@given(st.lists(st.sampled_from(SPDX_PARTS), max_size=9).map("".join))
def test_licences_are_judged_as_the_grammar_says(text: str) -> None:
    """The walk agrees with SPDX's grammar applied by rewriting: simple, WITH, AND and OR, parentheses."""
    tokens = re.findall(r"[()]|[^() ]+", text)
    names = {"(", ")", "AND", "OR", "WITH"}
    kinds = []
    for token in tokens:
        is_id = re.fullmatch(r"[A-Za-z0-9.-]+\+?|(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+", token)
        kinds.append(token if token in names else "plain" if is_id and token[-1] != "+" else "plus" if is_id else "bad")
    line = " ".join(kinds)
    before = None
    while line != before:
        before = line
        line = re.sub(r"\b(plain|plus) WITH plain\b", "whole", line)
    line = re.sub(r"\b(plain|plus)\b", "whole", line)
    before = None
    while line != before:
        before = line
        line = re.sub(r"\bwhole (AND|OR) whole\b", "whole", re.sub(r"\( whole \)", "whole", line))
    assert f.is_spdx_expression(text) == (line == "whole")
