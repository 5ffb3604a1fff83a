"""Croissant out of the log: valid, whole again when it comes in, and what it can't say is listed."""

import functools
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.exports.croissant import export_croissant
from node.exports.model import ExportMaterial
from node.imports.croissant import read_croissant
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, Material, Reading, SourceOf
from node.imports.plan import record_of
from proofs.errors import InputError
from proofs.manifest import Item, Manifest
from proofs.records import make_body
from proofs.ref import parse_ref
from tests.exports.materials import REF, records, terms
from tests.imports.foreign import DATA, check_reading, notes, read_document, read_text
from tests.imports.test_croissant import FILES, URL

read = functools.partial(read_croissant, place="croissant.json")
SOURCE = f"3:{'cd' * 32}"
REQUIRED = ("@context", "@type", "conformsTo", "name", "description")
UNKNOWN_HERE = {"creator", "datePublished"}
"""Croissant asks for them; no record has them."""


def export(record: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[str], bytes]:
    """The document, the fields that its notes name, and its bytes."""
    made = export_croissant(ExportMaterial(str(record["name"]), record, ref=REF, **more))
    assert all(note.reason == NOT_CARRIED and note.place == REF for note in made.notes)
    return json.loads(made.data), [note.field for note in made.notes], made.data


def described(record: dict[str, Any]) -> dict[str, Any]:
    """The description that an import makes of a record that is one already."""
    return record_of(material_of(record))


def material_of(record: dict[str, Any]) -> Material:
    """A record as a reader would give it."""
    fields = {name: value for name, value in record.items() if name not in ("name", "type", "sources")}
    listed = tuple(SourceOf(source["asset"], source["as"]) for source in record.get("sources", ()))
    return Material(record["name"], record["type"], "here", fields, listed)


def whole(stated: dict[str, Any]) -> bytes:
    """Terms as a record, to compare."""
    return make_body({"kind": "terms", "at": 0, "asset": bytes(40), **stated})


def without_empty(stated: dict[str, Any]) -> dict[str, Any]:
    """An empty list of prohibitions says what none says."""
    return {name: value for name, value in stated.items() if name != "prohibits" or value}


@settings(max_examples=120)
@given(records(), st.none() | terms())
def test_any_record_comes_back_whole(record: dict[str, Any], stated: dict[str, Any] | None) -> None:
    """Every field, every source, all terms; an address that is the name alone is listed."""
    document, noted, data = export(record, terms=stated)
    assert set(REQUIRED) <= document.keys()
    again = read_text(read, data)
    check_reading(again)
    (made,) = again.materials
    expected = dict(record)
    if record.get("uri") == record["name"]:
        assert "uri" in noted
        del expected["uri"]
    if "title" in record:
        expected["title"] = " ".join(record["title"].split())
        if expected["title"] in ("", record["name"]):
            del expected["title"]
    if not record.get("sources"):
        expected.pop("sources", None)
    assert record_of(made) == described(expected)
    assert set(noted) <= {"uri", "url", *UNKNOWN_HERE}
    if stated is None:
        assert again.terms == []
    else:
        assert whole(dict(again.terms[0].terms)) == whole(without_empty(stated))
    assert all(note.reason == NOT_CARRIED for note in again.notes)


def test_a_document_goes_in_out_and_in() -> None:
    """What the example says of its data set comes back whole."""
    reading = read(str(DATA / "quay.croissant.json"))
    (made,) = reading.materials
    record = {"name": made.name, "type": made.type, **made.fields,
              "sources": [{"asset": source.name, "as": source.relation} for source in made.sources]}  # fmt: skip
    for files in ((), FILES):
        _, noted, data = export(record, files=files)
        assert set(noted) == UNKNOWN_HERE
        (again,) = read_text(read, data).materials
        assert record_of(again) == record_of(made)


def test_files_are_listed_with_their_hashes() -> None:
    """As resources that others can check; the root is theirs."""
    manifest = Manifest([Item("a/b.txt", 3, sha256(b"abc").digest())])
    record = {"name": URL, "type": "dataset", "root": manifest.root, "items": 1, "bytes": 3}
    document, _, data = export(record, files=manifest.items)
    assert document["distribution"] == [{
        "@type": "cr:FileObject", "@id": "a/b.txt", "name": "a/b.txt", "contentUrl": "a/b.txt", "contentSize": "3 B",
        "encodingFormat": "application/octet-stream", "sha256": sha256(b"abc").hexdigest(),
    }]  # fmt: skip
    (made,) = read_text(read, data).materials
    assert made.fields == {"root": manifest.root, "items": 1, "bytes": 3}


def test_an_asset_and_who_says_so() -> None:
    """Its own name is the title, its external name an identifier, its other names and owner stand there, too."""
    record: dict[str, Any] = {
        "name": "corpus", "type": "dataset", "version": "2", "aka": ["pkg:huggingface/org/corpus", URL],
        "sources": [{"asset": parse_ref(SOURCE).pack(), "as": "derived_from", "bps": 500},
                    {"asset": parse_ref(REF).pack(), "as": "contains"}],
        "prints": {"scheme": "s", "count": 1, "root": bytes(32)}, "terms": {"currency": "EUR", "offers": []},
    }  # fmt: skip
    made = export_croissant(ExportMaterial(
        "pkg:huggingface/org/corpus", record, ref=REF, owner="ab" * 32, owner_name="Press",
        source_names={SOURCE: "https://b.example/"}, terms={"currency": "EUR", "offers": []}, terms_ref=REF,
    ))  # fmt: skip
    document = json.loads(made.data)
    assert document["name"] == "corpus"
    assert document["sameAs"] == [URL, "https://huggingface.co/datasets/org/corpus"]
    assert document["sdPublisher"] == {"name": "Press"}
    assert "Press" in document["description"]
    assert document["usageInfo"]["usance:currency"] == "EUR"
    noted = [note.field for note in made.notes]
    assert sorted(noted) == ["creator", "datePublished", "prints", "sources", "sources", "url"]
    (again,) = read_text(read, made.data).materials
    assert (again.name, again.fields) == ("pkg:huggingface/org/corpus", {"title": "corpus", "version": "2"})
    assert again.sources == (SourceOf("https://b.example/", "derived_from"),)


def test_without_an_external_name() -> None:
    """The document says so: nobody could import it by name."""
    record = {"name": "corpus", "type": "dataset"}
    made = export_croissant(ExportMaterial("corpus", record, ref=REF, owner="ab" * 32))
    assert [note.field for note in made.notes][:2] == ["name", "url"]
    assert notes(read_text(read, made.data), "name")[0].reason == REFUSED


def test_a_model_is_no_data_set() -> None:
    """Croissant has no models."""
    with pytest.raises(InputError, match="a model"):
        export({"name": "model:a/b", "type": "model"})


STATED: dict[str, Any] = {
    "currency": "EUR", "offers": [{"use": "train", "unit": "token", "price": 2_500_000_001, "per": 1_000_000}],
    "prohibits": ["distill"],
}  # fmt: skip


def stated_by(change: Any) -> Reading:
    """The reading of terms that somebody has changed in the document."""
    document, _, _ = export({"name": URL, "type": "dataset"}, terms=STATED)
    change(document["usageInfo"])
    reading = read_document(read, document)
    check_reading(reading)
    return reading


def put(path: tuple[str, ...], value: Any) -> Any:
    """A change of one value of the first permission."""

    def change(policy: dict[str, Any]) -> None:
        container = policy["odrl:permission"][0]
        for step in path[:-1]:
            container = container[step]
        container[path[-1]] = value

    return change


DUTY = ("odrl:duty",)
CONSTRAINT = ("odrl:duty", "odrl:constraint")


def test_prices_are_exact() -> None:
    """Decimal text, and numbers as JSON has them: to the nano, or refused."""
    assert stated_by(lambda policy: None).terms[0].terms["offers"] == STATED["offers"]
    for amount, nanos in (("2.5", 2_500_000_000), (0.000000125, 125), (3, 3_000_000_000), ("0", 0)):
        offers = stated_by(put((*CONSTRAINT, "odrl:rightOperand"), amount)).terms[0].terms["offers"]
        assert offers == [{**STATED["offers"][0], "price": nanos}]


@pytest.mark.parametrize(
    "change",
    [
        put((*CONSTRAINT, "odrl:rightOperand"), "0.0000000001"), put((*CONSTRAINT, "odrl:rightOperand"), "-1"),
        put((*CONSTRAINT, "odrl:rightOperand"), 1e-12), put((*CONSTRAINT, "odrl:rightOperand"), None),
        put((*CONSTRAINT, "odrl:unit"), "USD"), put((*CONSTRAINT, "odrl:leftOperand"), {"@id": "odrl:count"}),
        put((*CONSTRAINT, "odrl:operator"), {"@id": "odrl:gteq"}), put((*CONSTRAINT, "odrl:purpose"), "research"),
        put((*DUTY, "odrl:action"), {"@id": "odrl:inform"}), put((*DUTY, "odrl:assignee"), "x"),
        put(("odrl:constraint",), {"odrl:leftOperand": "odrl:spatial"}), put(("odrl:action",), {"@id": "odrl:use"}),
        put(("odrl:action",), {"@id": "usance:fly"}), put(("odrl:duty",), []), put(("odrl:duty",), None),
        put((*DUTY, "odrl:constraint"), "x"),
    ],
)  # fmt: skip
def test_an_offer_with_a_condition_that_isnt_understood_is_left_out(change: Any) -> None:
    """Never taken without it; the rest of the terms is."""
    reading = stated_by(change)
    assert reading.terms[0].terms == {"currency": "EUR", "offers": [], "prohibits": ["distill"]}
    assert [note.reason for note in reading.notes if note.field.startswith("usageInfo/permission/0")] == [REFUSED]


@pytest.mark.parametrize(
    "change",
    [
        lambda policy: policy["odrl:prohibition"].append({"odrl:action": {"@id": "odrl:sell"}}),
        lambda policy: policy["odrl:prohibition"].append("all"),
        lambda policy: policy.update({"usance:currency": "euro"}),
        lambda policy: policy.update({"usance:derivatives": 10_001}),
        lambda policy: policy.update({"usance:arbiter": "xyz"}),
        lambda policy: policy.update({"usance:duties": "kneel"}),
        lambda policy: policy.update({"usance:splits": [{"usance:party": "ab" * 32, "usance:bps": 1}]}),
        lambda policy: policy.update({"usance:splits": ["all to me"]}),
        lambda policy: policy["odrl:permission"][0]["odrl:duty"].update({"usance:per": 0}),
        lambda policy: policy["odrl:permission"][0]["odrl:duty"].update({"usance:unit": "mile"}),
        lambda policy: policy["odrl:permission"].append(policy["odrl:permission"][0]),
        lambda policy: policy.update({"odrl:obligation": {"odrl:action": "odrl:attribute"}}),
        lambda policy: policy.update({"odrl:assignee": "https://only-me.example/"}),
        lambda policy: policy.update({"expires": "2026-12-31"}),
    ],
)
def test_terms_that_no_record_holds_are_refused(change: Any) -> None:
    """As a whole, by the name of what is wrong; the data set is described."""
    reading = stated_by(change)
    assert reading.terms == []
    assert any(note.reason == REFUSED and note.field.startswith("usageInfo/") for note in reading.notes)


def test_what_limits_a_prohibition_is_listed() -> None:
    """The use is prohibited altogether, and the note says what was left out."""
    reading = stated_by(lambda policy: policy["odrl:prohibition"][0].update({"odrl:constraint": {"odrl:unit": "x"}}))
    assert reading.terms[0].terms["prohibits"] == ["distill"]
    assert [note.reason for note in notes(reading, "usageInfo/prohibition/odrl:constraint")] == [NOT_CARRIED]


def test_other_usage_information_is_listed() -> None:
    """Of two offers the first is taken; without a currency the owner has to add one."""
    document, _, _ = export({"name": URL, "type": "dataset"}, terms=STATED)
    policy = document["usageInfo"]
    document["usageInfo"] = [policy, {**policy, "name": "second"}, {"@type": "odrl:Offer", "odrl:permission": []}]
    reading = read_document(read, document)
    assert [note.reason for note in notes(reading, "usageInfo")] == [AMBIGUOUS, NOT_CARRIED]
    assert len(reading.terms) == 1
    del policy["usance:currency"]
    policy["odrl:permission"] = []
    document["usageInfo"] = policy
    reading = read_document(read, document)
    assert reading.terms[0].terms == {"offers": [], "prohibits": ["distill"]}
    assert [note.reason for note in notes(reading, "usageInfo/currency")] == [GUESSED]
