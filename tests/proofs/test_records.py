"""proofs.records and proofs.kinds: every kind, every field,
every form that must be refused (design sections 3.1 and 4)."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec, kinds, records
from proofs.errors import InputError
from proofs.records import BODY_BYTES_MAX, check_body, make_body
from tests import strategies
from tests.proofs.bodies import AT, DIGEST, FULL, KEY, MINIMAL, NAME, OPTIONAL, OTHER, PARTY, REF, REQUIRED

TOGETHER = {
    "asset": [("root", "items", "bytes")],
    "description": [("root", "items", "bytes")],
    "usage": [("items", "item_count"), ("calls", "detail"), ("commitment", "names")],
}
ALL_FIELDS = [(kind, field) for kind, body in FULL.items() for field in body if field != "kind"]


def pack(value: Any) -> bytes:
    """Canonical order, but no check of what is in it, so that nil, floats and ext get through."""
    return msgpack.packb(codec.sort_maps(value), use_bin_type=True)


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        check_body(data)
    assert caught.value.field
    assert caught.value.expected
    return caught.value


def judged(data: bytes) -> dict[str, Any] | None:
    """The body, or None where it is refused as it has to be: with a field and what was expected."""
    try:
        return check_body(data)
    except InputError:
        refused(data)
        return None


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def set_at(body: Any, path: str, value: Any) -> Any:
    """A copy with the value at the dotted path replaced."""
    head, _, rest = path.partition(".")
    if isinstance(body, list):
        return [set_at(item, rest, value) if rest and str(i) == head else value if str(i) == head else item
                for i, item in enumerate(body)]  # fmt: skip
    return {**body, head: set_at(body[head], rest, value) if rest else value}


def test_the_table_of_kinds_is_the_designs() -> None:
    """The kinds and their required and optional fields are those of section 4, no more and no fewer."""
    assert set(kinds.KINDS) == set(REQUIRED)
    for name, kind in kinds.KINDS.items():
        assert set(kind.required) == set(REQUIRED[name]), name
        assert set(kind.optional) == set(OPTIONAL.get(name, {})) | set(OTHER.get(name, {})), name
    assert set(kinds.DELEGABLE) == set(REQUIRED) - {"genesis", "party", "delegate", "rotate", "revoke"}


@pytest.mark.parametrize("kind", MINIMAL)
def test_minimal_and_full_bodies_pass(kind: str) -> None:
    """Each kind is taken with its required fields alone and with all that may stand together, and decodes to itself."""
    for body in (MINIMAL[kind], FULL[kind]):
        data = make_body(body)
        assert check_body(data) == body
        assert data == pack(body)


@pytest.mark.parametrize("kind", FULL)
def test_each_optional_field_may_be_missing(kind: str) -> None:
    """An optional field can be left out, with those that come only together with it."""
    for field in OPTIONAL.get(kind, {}):
        group = next((group for group in TOGETHER.get(kind, []) if field in group), (field,))
        check_body(pack(without(FULL[kind], *group)))


@pytest.mark.parametrize("kind", MINIMAL)
def test_each_required_field_is_required(kind: str) -> None:
    """A body without one of its required fields is refused, and the field is named."""
    for field in (*REQUIRED[kind], "at", "kind"):
        assert refused(pack(without(FULL[kind], field))).field == field


@pytest.mark.parametrize("kind", MINIMAL)
def test_unknown_fields_are_refused(kind: str) -> None:
    """A field that no rule knows, one of another kind, or one without a name is refused, whatever it holds."""
    foreign = next(name for fields in REQUIRED.values() for name in fields if name not in kinds_fields(kind))
    for field in ("x", "zz", "", "AT", foreign):
        for value in (1, None, 1.5, [[[[[[[1]]]]]]]):
            assert refused(pack({**MINIMAL[kind], field: value})).field == (field or "body")


def kinds_fields(kind: str) -> set[str]:
    return {"kind", "at", *REQUIRED[kind], *OPTIONAL.get(kind, {}), *OTHER.get(kind, {})}


# Empty lists and maps that a field may be; any other empty thing is refused.
MAY_BE_EMPTY = {
    ("terms", "offers"), ("terms", "prohibits"), ("terms", "duties"), ("asset", "sources"), ("description", "sources"),
    ("correction", "quantities"),
}  # fmt: skip
WRONG = {
    "nil": None,
    "float": 1.0,
    "ext": msgpack.ExtType(5, b"abc"),
    "timestamp": msgpack.Timestamp(1, 2),
    "negative": -1,
    "2^63": 2**63,
    "empty text": "",
    "long text": "a" * 1025,
    "control": "a\nb",
    "delete": "a\x7f",
    "bidi": "a\u202eb",
    "empty bin": b"",
    "odd bin": bytes(33),
    "empty array": [],
    "array of nil": [None],
    "array of 1025": [f"{number:04}" for number in range(1025)],
    "empty map": {},
    "map of nil": {"a": None},
    "map with an empty name": {"": 1},
    "nested": [[[[[[[1]]]]]]],
}


@pytest.mark.parametrize(("kind", "field"), ALL_FIELDS)
def test_each_field_refuses_what_it_is_not(kind: str, field: str) -> None:
    """Nil, floats, ext, wrong types, empties and texts with control or bidirectional characters are refused in every
    field of every kind, and the field is named."""
    good = FULL[kind][field]
    for name, wrong in WRONG.items():
        if (name.startswith("empty") and (kind, field) in MAY_BE_EMPTY and type(wrong) is type(good)) or (
            name == "long text" and good == ""
        ):
            continue
        found = refused(pack({**FULL[kind], field: wrong})).field
        assert found == field or found.startswith(f"{field}."), name
    for flag in (True, False):
        if type(good) is not bool:
            assert refused(pack({**FULL[kind], field: flag})).field == field
    if type(good) is not str:
        refused(pack({**FULL[kind], field: "text"}))
    if type(good) is not int:
        refused(pack({**FULL[kind], field: 1}))


def inner_maps(value: Any, path: str = "") -> list[str]:
    """Paths of the maps inside of a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    items = [(name, item) for name, item in items if name != "attrs"]  # names of all kinds: see its own rule's test
    found = [f"{path}{name}" for name, item in items if isinstance(item, dict)]
    return found + [deep for name, item in items for deep in inner_maps(item, f"{path}{name}.")]


@pytest.mark.parametrize("kind", FULL)
def test_inner_maps_are_as_strict(kind: str) -> None:
    """Maps inside of fields refuse unknown, nameless, missing and unsorted fields too, whatever these hold."""
    for path in inner_maps(FULL[kind]):
        inner: Any = FULL[kind]
        for part in path.split("."):
            inner = inner[int(part)] if isinstance(inner, list) else inner[part]
        for name in ("", "x"):
            for value in (1, "a", None, 1.5, [1], [[[[[[[1]]]]]]], {"a": {}}):
                refused(pack(set_at(FULL[kind], path, {**inner, name: value})))
        for name in inner:
            for value in (None, 1.5, True if type(inner[name]) is not bool else 1, msgpack.ExtType(1, b"")):
                refused(pack(set_at(FULL[kind], f"{path}.{name}", value)))
        if len(inner) > 1:
            swapped = set_at(codec.sort_maps(FULL[kind]), path, dict(reversed(codec.sort_maps(inner).items())))
            refused(msgpack.packb(swapped, use_bin_type=True))


GOOD_VALUES = [
    ("usage", "asset", NAME), ("usage", "quantities", {"token": 2**63 - 1}), ("usage", "calls", 0), ("usage",
     "item_count", 0),
    ("usage", "until", 1000), ("none", "until", 1000), ("none", "until", 2**63 - 1), ("none", "at", 0),
    ("usage", "call", "x" * 1024), ("usage", "call", "é" * 512), ("usage", "names", ["a"]),
    ("usage", "attrs", {"a": 2**63 - 1, "b": "x"}), ("usage", "use", "evaluate"),
    ("asset", "sources", [{"as": "derived_from", "asset": REF, "bps": 10_000}]),
    ("asset", "sources", [{"as": "evaluated_on", "asset": REF, "bps": 0}]),
    ("asset", "sources", [{"as": "contains", "asset": REF}, {"as": "trained_on", "asset": REF}]),
    ("asset", "collected_until", 1000), ("asset", "items", 0), ("asset", "terms.offers.0.price", 2**53),
    ("asset", "terms.splits", [{"bps": 10_000, "party": PARTY}]),
    ("terms", "offers", [{"per": 1, "price": 0, "unit": "token", "use": use} for use in ("train", "distill")]),
    ("terms", "splits", [{"bps": 1250, "party": bytes([n]) * 32} for n in range(8)]),
    ("terms", "splits", [{"bps": 10_000, "party": PARTY}, {"bps": 0, "party": KEY}]),
    ("terms", "derivatives", 10_000), ("terms", "needs_grant", False), ("terms", "on_match", "block"),
    ("delegate", "kinds", sorted(kinds.DELEGABLE)), ("delegate", "kinds", ["usage"]),
    ("correction", "quantities", {}), ("statement", "due", 0), ("payment", "amount", 0), ("canary", "count", 0),
    ("canary", "asset", NAME), ("claim", "fpr", 1_000_000), ("claim", "against", {"asset": REF}),
    ("claim", "against", {"digest": DIGEST}), ("receipt", "amount", 2**63 - 1), ("genesis", "origin", "a" * 255),
    ("resolution", "outcome", "conceded"), ("description", "type", "outputs"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value"), GOOD_VALUES)
def test_values_at_the_border_pass(kind: str, path: str, value: Any) -> None:
    """What the design still allows is taken."""
    check_body(pack(set_at(FULL[kind], path, value)))


SOURCE = {"as": "contains", "asset": REF}
OFFER = {"per": 1, "price": 1, "unit": "token", "use": "train"}
BAD_VALUES = [
    ("usage", "until", 999, "until"), ("none", "until", 999, "until"),
    ("usage", "quantities", {"token": 0}, "quantities"), ("usage", "quantities", {"tokens": 1}, "quantities"),
    ("usage", "use", "training", "use"), ("usage", "asset", "corpus", "asset"), ("usage", "asset", "doi:10.1234/a b",
     "asset"),
    ("usage", "asset", b"\x80" + bytes(39), "asset"), ("usage", "names", ["b", "a"], "names"),
    ("usage", "names", ["a", "a"], "names"), ("usage", "attrs", {"a": True}, "attrs"), ("usage", "attrs", {"a": -1},
     "attrs"),
    ("usage", "attrs", {"a\u2067": 1}, "attrs"), ("usage", "seen_by", "provider", "party"), ("usage", "seen_by",
     "me", "seen_by"),
    ("usage", "into", NAME, "into"), ("usage", "terms", NAME, "terms"),
    ("asset", "type", "database", "type"), ("asset", "origin", "stolen", "origin"), ("asset", "license", "MIT OR",
     "license"),
    ("asset", "media", "text", "media"), ("asset", "uri", "no uri", "uri"), ("asset", "iscc", "ISCC:1", "iscc"),
    ("asset", "aka", [NAME, NAME], "aka"), ("asset", "aka", ["corpus"], "aka"), ("asset", "aka", [REF], "aka"),
    ("asset", "collected_until", 999, "collected_until"), ("asset", "prints", {"count": 5, "root": DIGEST},
     "prints.scheme"),
    ("asset", "sources", [SOURCE, SOURCE], "sources"), ("asset", "sources.0.as", "made_from", "sources.0.as"),
    ("asset", "sources", [{**SOURCE, "bps": 10_001}], "sources.0.bps"), ("asset", "sources", [{"as": "contains"}],
     "sources.0.asset"),
    ("asset", "sources", [{**SOURCE, "asset": NAME, "bps": 1}], "sources.0.bps"),
    ("asset", "sources", [{**SOURCE, "as": "evaluated_on", "bps": 1}], "sources.0.bps"),
    ("description", "sources", [{**SOURCE, "bps": 1}], "sources"), ("description", "name", "corpus", "name"),
    ("asset", "terms", {"currency": "EUR"}, "terms.offers"), ("asset", "terms.currency", "eur", "terms.currency"),
    ("asset", "terms.splits", [{"bps": 9_999, "party": PARTY}], "terms.splits"),
    ("terms", "splits", [{"bps": 9_999, "party": PARTY}], "splits"), ("terms", "splits", [], "splits"),
    ("terms", "splits", [{"bps": 5000, "party": PARTY}] * 2, "splits"),
    ("terms", "splits", [{"bps": 6000, "party": PARTY}, {"bps": 4001, "party": KEY}], "splits"),
    ("terms", "splits", [{"bps": 1250, "party": bytes([n]) * 32} for n in range(8)] + [{"bps": 0, "party": PARTY}],
     "splits"),
    ("terms", "offers", [OFFER, {**OFFER, "price": 2}], "offers"), ("terms", "offers", [{**OFFER, "per": 0}],
     "offers.0.per"),
    ("terms", "offers", [{**OFFER, "price": 2**53 + 1}], "offers.0.price"), ("terms", "offers", [{**OFFER,
     "price": -1}], "offers.0.price"),
    ("terms", "offers", [OFFER, {**OFFER, "use": "x"}], "offers.1.use"), ("terms", "offers", [{**OFFER,
     "unit": "x"}], "offers.0.unit"),
    ("terms", "derivatives", 10_001, "derivatives"), ("terms", "prohibits", ["train", "x"], "prohibits"),
    ("terms", "duties", ["sharealike"], "duties"), ("terms", "on_match", "sue", "on_match"), ("terms", "needs_grant",
     1, "needs_grant"),
    ("delegate", "kinds", [], "kinds"), ("delegate", "kinds", ["usage", "none"], "kinds"), ("delegate", "kinds",
     ["party"], "kinds"),
    ("delegate", "kinds", ["rotate"], "kinds"), ("delegate", "kinds", ["usage", "usage"], "kinds"), ("delegate",
     "kinds", ["x"], "kinds"),
    ("delegate", "kinds", ["delegate"], "kinds"), ("delegate", "kinds", ["genesis"], "kinds"), ("delegate", "kinds",
     ["revoke"], "kinds"),
    ("genesis", "origin", "a b", "origin"), ("genesis", "origin", "a+b", "origin"), ("genesis", "origin", "usance/x",
     "origin"),
    ("genesis", "origin", "cosignature/x", "origin"), ("genesis", "origin", "subtree/x", "origin"),
    ("genesis", "origin", "a" * 256, "origin"), ("party", "url", "ftp://a", "url"), ("receipt", "amount", 0, "amount"),
    ("claim", "fpr", 1_000_001, "fpr"), ("claim", "against", {"asset": REF, "party": PARTY}, "against"),
    ("claim", "against", {"": 1, "asset": REF}, "against"), ("claim", "against", {"asset": NAME}, "against"),
    ("resolution", "outcome", "won", "outcome"), ("correction", "quantities", {"token": 0}, "quantities"),
    ("statement", "gross", bytes(15), "gross"), ("statement", "currency", "E", "currency"), ("statement", "due",
     2**63, "due"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "field"), BAD_VALUES)
def test_values_beyond_the_border_are_refused(kind: str, path: str, value: Any, field: str) -> None:
    """What the design forbids is refused, and the innermost field that is wrong is named."""
    assert refused(pack(set_at(FULL[kind], path, value))).field == field


@pytest.mark.parametrize("kind", TOGETHER)
def test_pairs_come_together(kind: str) -> None:
    """Of fields that come only together none can be missing alone."""
    for group in TOGETHER[kind]:
        for field in group:
            assert refused(pack(without(FULL[kind], field))).field == field
            assert refused(pack({**MINIMAL[kind], field: FULL[kind][field]})).field in group


def test_fields_that_exclude_each_other() -> None:
    """Not both item and items, not both into and into_name; each alone is fine."""
    check_body(pack({**without(FULL["usage"], "items", "item_count", "into"), "item": DIGEST, "into_name": "m"}))
    assert refused(pack({**FULL["usage"], "item": DIGEST})).field in ("item", "items")
    assert refused(pack({**FULL["usage"], "into_name": "m"})).field in ("into", "into_name")


def test_provider_seen_usage_names_who_used_it() -> None:
    """`party` stands exactly where seen_by is provider, which goes without terms; user is the default."""
    seen = without(FULL["usage"], "terms", "seen_by")
    check_body(pack(seen))
    check_body(pack({**seen, "seen_by": "user"}))
    check_body(pack({**seen, "seen_by": "provider", "party": PARTY}))
    assert refused(pack({**seen, "party": PARTY})).field == "party"
    assert refused(pack({**seen, "seen_by": "user", "party": PARTY})).field == "party"
    assert refused(pack({**seen, "seen_by": "provider"})).field == "party"
    assert refused(pack({**seen, "seen_by": "provider", "party": PARTY, "terms": REF})).field == "terms"


LONGER = [
    ("at", b"\xa2at\xcf" + AT.to_bytes(8, "big"), b"\xa2at\xd3" + AT.to_bytes(8, "big")),
    ("calls", b"\xa5calls\x05", b"\xa5calls\xcc\x05"),
    ("calls", b"\xa5calls\x05", b"\xa5calls\xcd\x00\x05"),
    ("calls", b"\xa5calls\x05", b"\xa5calls\xd0\x05"),
    ("calls", b"\xa5calls\x05", b"\xa5calls\xd3\0\0\0\0\0\0\0\x05"),
    ("quantities", b"\xa4byte\x09", b"\xa4byte\xcd\x00\x09"),
    ("quantities", b"\xa5token\xcd\x03\xe8", b"\xa5token\xd1\x03\xe8"),
    ("call", b"\xa4call\xa3c-1", b"\xa4call\xd9\x03c-1"),
    ("call", b"\xa4call\xa3c-1", b"\xd9\x04call\xa3c-1"),
    ("names", b"\xa5names\x92", b"\xa5names\xdc\x00\x02"),
    ("user", b"\xa4user\xc4\x20", b"\xa4user\xc5\x00\x20"),
    ("attrs", b"\xa5attrs\x82", b"\xa5attrs\xde\x00\x02"),
]


@pytest.mark.parametrize(("field", "short", "longer"), LONGER)
def test_longer_encodings_are_refused(field: str, short: bytes, longer: bytes) -> None:
    """A number, string, binary, array or map in any but its shortest form is refused, and the field is named."""
    data = pack(FULL["usage"])
    assert data.count(short) == 1
    assert refused(data.replace(short, longer)).field == field


def test_maps_are_sorted_and_hold_no_key_twice() -> None:
    """Keys out of order, twice, of other types or with a longer header are refused, in the body and inside of it."""
    body = codec.sort_maps(MINIMAL["none"])
    for name in body:
        moved = {name: body[name], **without(body, name)}
        if list(moved) != list(body):
            refused(msgpack.packb(moved))
    data = pack(body)
    assert data[0] == 0x84
    refused(b"\x85" + data[1:] + b"\xa5until\xcd\x07\xd0")
    refused(b"\x85\xa2at\x01" + data[1:])
    refused(b"\x85" + data[1:] + b"\xc4\x01z\x01")
    refused(b"\x85" + data[1:] + b"\x05\x01")
    refused(b"\x85\xa0\xc0" + data[1:])
    refused(b"\xde\x00\x04" + data[1:])
    refused(b"\xdf\x00\x00\x00\x04" + data[1:])
    twice = pack(MINIMAL["usage"]).replace(b"\x82\xa4byte\x09", b"\x83\xa4byte\x09\xa4byte\x09")
    assert refused(twice).field == "quantities"
    twice = pack(MINIMAL["usage"]).replace(b"\x82\xa4byte\x09", b"\x83\xa4byte\xcb" + bytes(8) + b"\xa4byte\x09")
    assert refused(twice).field == "quantities"


def test_what_is_no_body_is_refused() -> None:
    """Other values, cut, doubled or trailing bytes, and pits of any depth end in InputError."""
    data = pack(FULL["usage"])
    for wrong in (b"", b"\x80", b"\xc0", b"\x90", b"\x01", b"\xa1a", b"\xc1", pack([FULL["none"]]), data + b"\0",
     data * 2,
                  b"\0" + data, b"\x91" * 60_000, b"\x81\xa1a" * 15_000, b"\xdf\xff\xff\xff\xff",
                   b"\xdd\xff\xff\xff\xff",
                  pack({**MINIMAL["none"], "kind": "nothing"}), pack({**MINIMAL["none"], "kind": "None"}),
                  pack({**MINIMAL["none"], "kind": 1}), pack({**MINIMAL["none"], "kind": ["none"]}),
                  pack({**MINIMAL["none"], "kind": b"none"}), pack({**MINIMAL["none"], "kind": {"a": 1}})):  # fmt: skip
        refused(wrong)
    for length in range(len(data)):
        refused(data[:length])


def body_of(length: int) -> bytes:
    """A usage body of so many bytes."""
    body: dict[str, Any] = {**MINIMAL["usage"], "attrs": {f"k{number:02}": "a" * 1000 for number in range(59)}}
    missing = length - len(pack({**body, "call": "c" * 40})) + 40
    return pack({**body, "call": "c" * missing}) if missing < 256 else pack({**body, "call": "c" * (missing - 1)})


def test_a_body_has_at_most_60_000_bytes() -> None:
    """60,000 bytes pass, one more is refused before anything is decoded."""
    assert len(body_of(BODY_BYTES_MAX)) == BODY_BYTES_MAX == 60_000
    check_body(body_of(60_000))
    assert len(body_of(60_001)) == 60_001
    assert refused(body_of(60_001)).field == "body"


def test_plans_do_not_pile_up_and_do_not_mix() -> None:
    """However many shapes come, the table of compiled plans stays bounded and each body is judged by its own kind."""
    extras = sorted(without(OPTIONAL["usage"], "items", "item_count", "calls", "detail", "commitment", "names"))
    for bits in range(1 << len(extras)):
        chosen = {name: FULL["usage"][name] for at, name in enumerate(extras) if bits >> at & 1}
        check_body(pack({**MINIMAL["usage"], **chosen}))
    for number in range(3000):
        refused(pack({**MINIMAL["none"], f"x{number}": 1}))
    assert len(records._plans) <= records._PLANS_MAX
    payment = pack({**MINIMAL["payment"], "amount": 0})
    check_body(payment)
    refused(payment.replace(b"\xa4kind\xa7payment", b"\xa4kind\xa7receipt"))  # the same names, other rules
    check_body(payment)


def test_full_plan_table_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the table is full it is emptied, and bodies are judged as before."""
    monkeypatch.setattr(records, "_PLANS_MAX", 3)
    monkeypatch.setattr(records, "_plans", {})
    for kind in MINIMAL:
        check_body(pack(MINIMAL[kind]))
        assert len(records._plans) <= 3


@given(st.data())
def test_a_mutated_body_is_refused_or_canonical(data: st.DataObject) -> None:
    """One bit, byte or cut away from a good body: InputError that names a field, or a canonical body of known fields
    within six levels."""
    kind = data.draw(st.sampled_from(sorted(FULL)))
    changed = data.draw(strategies.mutated(pack(data.draw(st.sampled_from([FULL, MINIMAL]))[kind])))
    body = judged(changed)
    if body is not None:
        assert codec.encode(body) == changed
        assert set(body) <= kinds_fields(body["kind"])


@given(st.data())
def test_any_value_in_any_field_is_refused_or_canonical(data: st.DataObject) -> None:
    """Whatever canonical value stands in a field, the answer is InputError or the body itself, and never more than six
    levels are taken."""
    kind, field = data.draw(st.sampled_from(ALL_FIELDS))
    changed = pack({**FULL[kind], field: data.draw(strategies.canonical_values)})
    body = judged(changed)
    assert body is None or codec.encode(body) == changed


def test_make_body_refuses_what_check_body_refuses() -> None:
    """A body that is made is checked like one that comes in, and what has no form at all is refused in words too."""
    for fields in ({}, {"kind": "none", "at": 1}, {**MINIMAL["none"], "x": 1}, {**MINIMAL["none"], "at": None},
                   {**MINIMAL["party"], "name": "\ud800"}, {**MINIMAL["usage"], "attrs": {"\ud800": 1}},
                   {**MINIMAL["none"], "at": 1.5}, {**MINIMAL["none"], "kind": "no"}):  # fmt: skip
        with pytest.raises(InputError):
            make_body(fields)


class _Text(str):
    """No plain text, though it looks like one."""


NEVER_CANONICAL = (None, 1.5, float("nan"), 2**64, -(2**70), "\ud800", _Text("train"), bytearray(32), {1: "x"},
                   {"b": {3}}, {"train", "use"}, [None], {"token": True}, object())  # fmt: skip


@given(st.data())
def test_a_body_is_made_exactly_where_its_encoding_passes(data: st.DataObject) -> None:
    """Making a body judges values, checking one judges bytes: both take the same ones, and make the same bytes,
    whatever stands in a field and in whatever order the fields come."""
    kind, field = data.draw(st.sampled_from(ALL_FIELDS))
    value = data.draw(st.one_of(strategies.canonical_values, st.sampled_from(NEVER_CANONICAL)))
    fields = {field: value, **{name: item for name, item in reversed(FULL[kind].items()) if name != field}}
    try:
        made = make_body(fields)
    except InputError:
        made = None
    try:
        told = codec.encode(fields)
        check_body(told)
    except InputError:
        told = None
    assert made == told


def test_a_body_that_is_too_long_is_not_made() -> None:
    """A record whose fields are right one by one may still pass 60,000 bytes together."""
    attrs = {f"{number:04}": "x" * 1000 for number in range(60)}
    with pytest.raises(InputError, match="60"):
        make_body({**MINIMAL["usage"], "attrs": attrs})


def test_peek_reads_the_kind_of_a_bad_body() -> None:
    """For refusals that come first, the kind is found in a body that is otherwise wrong, and "" where there is none."""
    assert records.peek(pack({"kind": "party", "x": None}))["kind"] == "party"
    for data in (b"", b"\xc1", b"\x91" * 60_000, pack({"kind": 1}), pack({"at": 1}), pack(["kind"]), pack("kind"),
                 pack({"kind": "party", "x": "a" * BODY_BYTES_MAX})):  # fmt: skip
        assert records.peek(data)["kind"] == ""
