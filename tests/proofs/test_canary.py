"""proofs.canary: a mark's leaf, the root that a record commits to, and what opens one mark of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import canary, codec, jcs
from proofs.canary import OPENING_BYTES_MAX, Mark, Opening, check_opening, format_opening, open_mark, parse_opening
from proofs.errors import InputError, VerifyError
from proofs.fields import is_text
from tests.proofs import oracle

MARKS = [Mark(bytes([number]) * 16, f"mark number {number}, unheard of") for number in range(5)]
LEAVES = [mark.leaf() for mark in MARKS]
BODY = {"kind": "canary", "at": 0, "count": 5, "root": canary.root(MARKS)}


def test_leaves_and_root_are_the_designs() -> None:
    """Canonical [salt, mark], and RFC 6962 over the leaves in their order."""
    assert LEAVES[1] == codec.encode([b"\1" * 16, "mark number 1, unheard of"])
    assert canary.root(MARKS) == oracle.mth(LEAVES)
    assert list(open_mark(MARKS, 4).path) == oracle.path(4, LEAVES)


def test_each_mark_opens_at_its_place_only() -> None:
    """An opening holds for its record; with another salt, text, index, count or path, or of another record, it
    doesn't."""
    for at in range(5):
        good = open_mark(MARKS, at)
        check_opening(BODY, good)
        bad = [
            replace(good, mark=Mark(b"\xff" + good.mark.salt[1:], good.mark.text)),
            replace(good, mark=Mark(good.mark.salt, good.mark.text + ".")),
            replace(good, mark=MARKS[(at + 1) % 5]),
            replace(good, index=(at + 1) % 5),
            replace(good, index=5, count=6),
            replace(good, count=6),
            replace(good, count=4),
            replace(good, path=good.path[:-1]),
            replace(good, path=(*good.path, bytes(32))),
            replace(good, path=(bytes(32), *good.path[1:])),
            replace(good, path=good.path[::-1]) if at < 4 else replace(good, path=()),
        ]
        for one in bad:
            with pytest.raises(VerifyError):
                check_opening(BODY, one)
        for body in (
            {**BODY, "root": bytes(32)},
            {**BODY, "count": 8},
            {**BODY, "kind": "usage"},
            {"kind": "canary", "count": 5},
        ):
            with pytest.raises(VerifyError):
                check_opening(body, good)


def test_a_count_of_the_record_binds_the_opening() -> None:
    """Where index and path would fit a larger tree as well, the record's count is the one that holds."""
    one = open_mark(MARKS[:1], 0)
    body = {"kind": "canary", "count": 2, "root": canary.root(MARKS[:1])}
    for opening in (one, replace(one, count=2)):
        with pytest.raises(VerifyError):
            check_opening(body, opening)


def test_no_mark_is_hidden_by_a_short_salt_or_stands_twice() -> None:
    """Salts of 16 bytes or more, text of 1 to 1,024 bytes without control characters; no salt and no mark twice."""
    for mark in (Mark(b"x" * 15, "a"), Mark(b"x" * 16, ""), Mark(b"x" * 16, "a\n"), Mark(b"x" * 16, "a" * 1025)):
        with pytest.raises(InputError):
            mark.leaf()
        with pytest.raises(InputError):
            format_opening(Opening(mark, 0, 1, ()))
    for marks in ([], [MARKS[0], MARKS[0]], [MARKS[0], Mark(MARKS[0].salt, "other")],
                  [MARKS[0], Mark(b"y" * 16, MARKS[0].text)]):  # fmt: skip
        with pytest.raises(InputError):
            canary.root(marks)
    with pytest.raises(InputError):
        open_mark(MARKS, 5)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=100).filter(is_text)
OPENINGS = st.builds(
    lambda salt, text, index, more, path: Opening(Mark(salt, text), index, index + more, tuple(path)),
    st.binary(min_size=16, max_size=64), TEXTS, st.integers(0, 2**52), st.integers(1, 2**51),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
)  # fmt: skip


@given(OPENINGS)
def test_an_opening_reads_back(opening: Opening) -> None:
    """What is written is read as it was, and prints to the same bytes."""
    data = format_opening(opening)
    assert len(data) <= OPENING_BYTES_MAX
    assert parse_opening(data) == opening
    assert format_opening(parse_opening(data)) == data


GOOD = format_opening(open_mark(MARKS, 2))
FIELDS = json.loads(GOOD)


@given(st.data())
def test_damaged_openings_are_refused_or_are_another_opening(data: st.DataObject) -> None:
    """Any byte changed, cut out or put in: either no opening, or one that the record doesn't commit to."""
    at = data.draw(st.integers(0, len(GOOD) - 1))
    piece = data.draw(st.binary(max_size=3))
    drop = data.draw(st.integers(0, 3))
    changed = GOOD[:at] + piece + GOOD[at + drop :]
    try:
        found = parse_opening(changed)
    except InputError:
        return
    assert format_opening(found) == changed
    if changed != GOOD:
        with pytest.raises(VerifyError):
            check_opening(BODY, found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "other"]), inner, max_size=4)),
    st.sampled_from([*FIELDS, "other"]))  # fmt: skip
def test_any_json_in_place_of_a_field_is_refused(value: object, name: str) -> None:
    """Other types, other values and other fields: InputError, or an opening that isn't this record's."""
    changed = json.dumps({**FIELDS, name: value}, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    if changed == GOOD:
        return
    with pytest.raises(InputError):
        check_opening(BODY, parse_opening(changed))


def test_only_the_one_form_is_read() -> None:
    """Whitespace, another order, a name twice, escapes, another format, too many bytes, a fraction: refused."""
    text = GOOD.decode()
    others = [
        text + "\n", " " + text, text.replace(":", ": ", 1), text.replace('{"count":5', '{"count":5,"count":5'),
        text.replace("mark number", "m\\u0061rk number"), text.replace("/v1", "/v2"), text.replace("5", "5.0", 1),
        text.replace('"index":2', '"index":true'), "[]", "", "{}", "[" * 5000, text[:-1],
        jcs.encode({**FIELDS, "path": [*FIELDS["path"]] * 40}).decode(), jcs.encode({**FIELDS, "index": 5}).decode(),
        jcs.encode({**FIELDS, "salt": FIELDS["salt"].rstrip("=")}).decode(),
        jcs.encode({name: value for name, value in FIELDS.items() if name != "path"}).decode(),
        text + " " * OPENING_BYTES_MAX,
    ]  # fmt: skip
    for other in others:
        with pytest.raises(InputError):
            parse_opening(other.encode())
