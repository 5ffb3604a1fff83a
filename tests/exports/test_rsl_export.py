"""RSL out of the log: never more than the terms allow, back again as it was, and what it can't say is listed."""

import functools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.exports.model import ExportMaterial
from node.exports.rsl import export_rsl
from node.imports.model import NOT_CARRIED, Reading
from node.imports.plan import record_of
from node.imports.rsl import read_rsl
from node.imports.rslwords import COVERED, USAGES
from proofs.errors import InputError
from tests.exports.materials import REF, external_names, records, rsl_terms, terms
from tests.imports.foreign import DATA, check_reading, read_text
from tests.imports.test_rsl import content, document, pay, permits, prohibits

read = functools.partial(read_rsl, place="rsl.xml", base="https://harbour.example")
URL = "https://a.example/"

Offers = dict[tuple[str, str], Fraction]


def out_and_in(record: dict[str, Any], stated: dict[str, Any]) -> tuple[Reading, list[str], str]:
    """What comes back of an export: its reading, the fields that its notes name, and the document."""
    made = export_rsl(ExportMaterial(record["name"], record, ref=REF, terms=stated))
    assert all(note.reason == NOT_CARRIED and note.place == REF for note in made.notes)
    reading = read_text(read, made.data)
    check_reading(reading)
    return reading, [note.field for note in made.notes], made.data.decode()


def work(**fields: Any) -> dict[str, Any]:
    """A work's record."""
    return {"type": "work", "name": URL, **fields}


def offers(stated: dict[str, Any]) -> Offers:
    """Price of one unit by use and unit."""
    return {(one["use"], one["unit"]): Fraction(one["price"], one["per"]) for one in stated["offers"]}


def check_again(reading: Reading) -> None:
    """Whatever was read comes back the same: material, terms, every field."""
    drafts = {draft.name: draft for draft in reading.terms}
    for made in reading.materials:
        if made.name not in drafts:
            continue
        stated = dict(drafts[made.name].terms)
        again, noted, _ = out_and_in({"type": made.type, "name": made.name, **made.fields}, stated)
        assert noted == []
        assert [record_of(one) for one in again.materials] == [record_of(made)]
        assert [dict(draft.terms) for draft in again.terms] == [stated]


def test_a_document_goes_in_out_and_in() -> None:
    """What the example states of each content comes back whole, and nothing has to be noted."""
    check_again(read(str(DATA / "harbour.rsl.xml")))


_words = st.lists(st.sampled_from([*USAGES, "all", "ai-all"]), max_size=3).map(" ".join)
_payments = st.one_of(
    st.sampled_from(["", pay("free"), pay("attribution"), pay("purchase"), pay("use")]),
    st.builds(
        pay, st.sampled_from(["training", "use", "crawl"]),
        st.sampled_from(["0", "1", "0.015", "1.5e-7", "1e-12", "12345.678", "3e-27"]), st.sampled_from(["EUR", "USD"]),
    ),
)  # fmt: skip
_licences = st.builds(
    lambda allowed, forbidden, payment: (
        (permits(allowed) if allowed else "") + (prohibits(forbidden) if forbidden else "") + payment
    ),
    _words, _words, _payments,
)  # fmt: skip


@settings(max_examples=120)
@given(st.lists(_licences, min_size=1, max_size=4), st.booleans())
def test_any_licences_go_in_out_and_in(licences: list[str], has_terms: bool) -> None:
    """However licences combine, what they come to comes back whole."""
    beside = "<terms>https://a.example/t?a=1&amp;b=2</terms>" if has_terms else ""
    check_again(read_text(read, document(content(*licences, beside=beside))))


def test_where_what_is_made_owes_a_share_only_search_is_free() -> None:
    """A share of derivatives is nothing that RSL can ask for: neither free nor at a price, but to be arranged."""
    free = [{"use": use, "unit": "use", "price": 0, "per": 1} for use in COVERED]
    again, noted, _ = out_and_in(work(), {"currency": "EUR", "offers": free, "derivatives": 500})
    assert {offer["use"] for offer in again.terms[0].terms["offers"]} == {"search"}  # type: ignore[attr-defined]
    assert set(noted) >= {"terms.offers, train", "terms.offers, infer", "terms.offers, embed"}


def test_a_licence_that_the_file_cannot_point_to_makes_nothing_free() -> None:
    """Terms under a licence without an address: free only where the address of the terms stands in its place."""
    free = {"currency": "EUR", "offers": [{"use": "search", "unit": "use", "price": 0, "per": 1}]}
    for license_, url, count in (("LicenseRef-own", None, 0), ("LicenseRef-own", URL, 1), ("MIT", None, 1)):
        again, _, _ = out_and_in(work(), {**free, "license": license_, **({"url": url} if url else {})})
        assert len(again.terms[0].terms["offers"]) == count, license_  # type: ignore[arg-type]
    again, _, _ = out_and_in(work(), {**free, "text": bytes(32)})
    assert not again.terms[0].terms["offers"]


def check_not_wider(stated: dict[str, Any], again: Reading) -> None:
    """No use is permitted, free or cheaper that wasn't so."""
    back = dict(again.terms[0].terms)
    assert not stated.get("derivatives") or {use for use, _ in offers(back)} <= {"search"}
    assert set(stated.get("prohibits", ())) & set(COVERED) <= set(back.get("prohibits", ()))  # type: ignore[call-overload]
    before = offers(stated)
    for key, price in offers(back).items():
        assert before[key] == price


@settings(max_examples=200)
@given(st.one_of(terms(), rsl_terms()), external_names.filter(lambda name: name.startswith("http")))
def test_an_export_never_allows_more(stated: dict[str, Any], name: str) -> None:
    """Of any terms; and each use that isn't as it was is named by a note, as is each field that is gone."""
    again, noted, _ = out_and_in(work(name=name), stated)
    check_not_wider(stated, again)
    back = dict(again.terms[0].terms)
    before, after = offers(stated), offers(back)
    for use in COVERED:
        was = (use in stated.get("prohibits", ()), {key: price for key, price in before.items() if key[0] == use})
        is_ = (use in back.get("prohibits", ()), {key: price for key, price in after.items() if key[0] == use})
        if was != is_ and not (was[0] and is_[0]):
            usage = next(usage for usage, uses in USAGES.items() if use in uses)
            named = {f"terms, {use}", f"terms.offers, {use}", f"terms, {usage}"}
            assert named & set(noted), use
    for field in stated.keys() - {"offers", "prohibits", "duties", "license", "currency"}:
        assert back.get(field) == stated[field] or f"terms.{field}" in noted
    if "currency" not in back:
        assert "terms.currency" in noted
    for duty in stated.get("duties", ()):
        assert duty in back.get("duties", ()) or "terms.duties" in noted  # type: ignore[operator]
    assert back.get("license") == stated.get("license") or "license" in noted


@given(records(types=("dataset", "outputs", "work", "model")), rsl_terms())
def test_every_field_of_a_record_is_carried_or_listed(record: dict[str, Any], stated: dict[str, Any]) -> None:
    """RSL names content by its address; the rest of a record is listed field by field."""
    http = [value for value in (record["name"], record.get("uri")) if value and value.startswith("http")]
    if not http:
        with pytest.raises(InputError, match="no http"):
            out_and_in(record, stated)
        return
    again, noted, _ = out_and_in(record, stated)
    (made,) = again.materials
    assert made.name == http[0]
    for field in record.keys() - {"name", "type", "license"}:
        assert field in noted or (field == "uri" and record[field] == http[0])
    assert made.name == record["name"] or "name" in noted
    assert made.type == record["type"] or "type" in noted
    assert made.fields.get("license") == record.get("license") or "license" in noted


def test_no_terms_are_no_licence() -> None:
    """An asset without terms is licensed to nobody: there is nothing to write."""
    with pytest.raises(InputError, match="no terms"):
        export_rsl(ExportMaterial(URL, work()))


def test_what_needs_a_grant_is_not_given_away() -> None:
    """Free for those who were granted it isn't free: it is to be arranged, and listed."""
    stated = {
        "currency": "EUR",
        "offers": [{"use": "search", "unit": "use", "price": 0, "per": 1}],
        "needs_grant": True,
    }
    again, noted, text = out_and_in(work(), stated)
    assert again.terms[0].terms["offers"] == []
    assert 'type="free"' not in text
    assert {"terms.needs_grant", "terms.offers, search"} <= set(noted)
    shared = {**stated, "needs_grant": False, "duties": ["share-alike"]}
    assert 'type="free"' not in out_and_in(work(), shared)[2]
    assert 'type="free"' in out_and_in(work(), {**shared, "license": "CC-BY-SA-4.0"})[2]


def test_a_use_without_an_offer_is_to_be_arranged() -> None:
    """Neither forbidden nor free."""
    _, noted, text = out_and_in(work(), {"currency": "EUR", "offers": []})
    assert '<payment type="purchase"/>' in text
    assert "prohibits" not in text
    assert noted == ["terms.currency"]


def test_all_prohibited() -> None:
    """Is one licence that prohibits all, with its standard."""
    stated = {"currency": "EUR", "offers": [], "prohibits": list(COVERED), "license": "CC-BY-4.0"}
    again, _, text = out_and_in(work(), stated)
    assert '<prohibits type="usage">all</prohibits>' in text
    assert again.terms[0].terms == {"offers": [], "prohibits": list(COVERED), "license": "CC-BY-4.0"}


def test_texts_are_escaped() -> None:
    """An address full of XML's own signs comes back as it was; one that XML can't hold isn't written."""
    name = "https://a.example/?a=1&b=<\"'>]]>"
    stated = {"currency": "EUR", "offers": [], "url": name}
    again, _, _ = out_and_in(work(name=name), stated)
    assert (again.materials[0].name, again.terms[0].terms["url"]) == (name, name)
    with pytest.raises(InputError, match="no http"):
        out_and_in(work(name="https://a.example/\ufffe"), stated)
    assert "terms.url" in out_and_in(work(), {**stated, "url": "https://a.example/\uffff"})[1]
