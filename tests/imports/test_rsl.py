"""RSL 1.0: each content a work and a draft of terms, exactly; what terms can't hold is listed by name and line."""

import contextlib
import functools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node import xmlstream
from node.errors import FileError
from node.imports import rsl as rsl_module
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from node.imports.rsl import FILE_BYTES_MAX, read_rsl
from node.imports.rslwords import COVERED, GROUPS, METERED, OUTSIDE, USAGES
from proofs.fields import UNITS, USES
from tests.imports.foreign import DATA, check_reading, material, notes, read_text
from tests.strategies import mutated

BASE = "https://harbour.example"
read = functools.partial(read_rsl, place="rsl.xml", base=BASE)
EXAMPLE = (DATA / "harbour.rsl.xml").read_bytes()
NANO = 10**9


def document(*contents: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    """An RSL document of these contents."""
    return f'{head}<rsl xmlns="https://rslstandard.org/rsl">\n' + "\n".join(contents) + "\n</rsl>"


def content(*licences: str, url: str = "https://a.example/", beside: str = "") -> str:
    """A content of licences, each what stands in it."""
    inside = "".join(f"<license>{licence}</license>" for licence in licences)
    return f'<content url="{url}">{inside}{beside}</content>'


def pay(kind: str, amount: str = "", currency: str = "EUR") -> str:
    """A payment, with an amount where one is given."""
    inside = f'<amount currency="{currency}">{amount}</amount>' if amount else ""
    return f'<payment type="{kind}">{inside}</payment>'


def permits(words: str, kind: str = "usage") -> str:
    """A permission."""
    return f'<permits type="{kind}">{words}</permits>'


def prohibits(words: str) -> str:
    """A prohibition."""
    return f'<prohibits type="usage">{words}</prohibits>'


def read_one(*licences: str, beside: str = "") -> Reading:
    """The reading of one content."""
    reading = read_text(read, document(content(*licences, beside=beside)))
    check_reading(reading)
    assert len(reading.materials) == 1
    return reading


def terms(reading: Reading) -> dict[str, object]:
    """The one draft."""
    return dict(reading.terms[0].terms)


def prices(reading: Reading) -> dict[tuple[str, str], tuple[int, int]]:
    """Price and per of each offer by use and unit."""
    offers = reading.terms[0].terms["offers"]
    assert isinstance(offers, list)
    return {(offer["use"], offer["unit"]): (offer["price"], offer["per"]) for offer in offers}


def test_a_whole_document() -> None:
    """A newspaper's licences: prices, prohibitions, duties, licence and address become terms; the rest is listed."""
    reading = read(str(DATA / "harbour.rsl.xml"))
    check_reading(reading)
    assert [(made.name, made.type) for made in reading.materials] == [
        (f"{BASE}/archive/*", "work"), (f"{BASE}/weather/", "work"), (f"{BASE}/photos/", "work"),
        (f"{BASE}/letters/", "work"),
    ]  # fmt: skip
    assert material(reading, f"{BASE}/archive/*").fields == {"license": "CC-BY-4.0"}
    archive, weather, letters = reading.terms
    assert archive.terms["currency"] == "EUR"
    assert archive.terms["prohibits"] == ["index", "embed"]
    assert archive.terms["duties"] == ["attribution"]
    assert (archive.terms["license"], archive.terms["url"]) == ("CC-BY-4.0", f"{BASE}/terms")
    assert prices(reading)["train", "use"] == (15_000_000, 1)
    assert prices(reading)["ground", "use"] == (400_000, 1)
    assert prices(reading)["search", "use"] == (0, 1)
    assert weather.terms["prohibits"] == ["train", "finetune", "distill"]
    assert letters.terms == {"offers": [], "prohibits": list(COVERED)}
    for field in (
        "content lastmod", "content server", "content encrypted", "copyright", "custom", "extension", "permits user",
        "permits geo", "schema", "alternate", "legal warranty", "legal disclaimer", "reporting", "payment", "amount",
        "rsl max-age",
    ):  # fmt: skip
        assert [note.reason for note in notes(reading, field)] == [NOT_CARRIED], field
    assert notes(reading, "copyright")[0].place == "line 29"


def test_the_words_are_whole() -> None:
    """Each use of the log belongs to one usage of RSL or to none, groups are of usages, units are the log's."""
    assert sorted((*COVERED, *OUTSIDE)) == sorted(USES)
    assert all(usage in USAGES for usages in GROUPS.values() for usage in usages)
    assert all(unit in UNITS and set(usages) <= set(USAGES) for unit, usages in METERED.values())


@pytest.mark.parametrize("token", [*USAGES, *GROUPS])
def test_only_what_is_listed_is_permitted(token: str) -> None:
    """A list of permitted usages is closed: every other use that RSL knows is prohibited."""
    allowed = [use for usage in GROUPS.get(token, (token,)) for use in USAGES[usage]]
    reading = read_one(permits(token))
    assert terms(reading).get("prohibits", []) == [use for use in COVERED if use not in allowed]
    assert {use for use, _ in prices(reading)} == set(allowed)


def test_a_licence_without_permits_allows_all_but_what_it_prohibits() -> None:
    """And without a payment it is free."""
    reading = read_one(prohibits("ai-all"))
    assert terms(reading)["prohibits"] == [use for use in COVERED if use != "search"]
    assert prices(reading) == {("search", "use"): (0, 1)}
    assert "currency" not in terms(reading)
    assert [note.reason for note in notes(reading, "currency")] == [NOT_CARRIED]


@pytest.mark.parametrize(
    ("amount", "nanos", "per"),
    [
        ("0.015", 15_000_000, 1), ("1.5e-7", 150, 1), ("1.5E-10", 15, 100), ("2e3", 2000 * NANO, 1), ("0", 0, 1),
        ("0.1", NANO // 10, 1), ("9007199.254740992", 2**53, 1), ("1e-27", 1, 10**18),
    ],
)  # fmt: skip
def test_amounts_are_exact(amount: str, nanos: int, per: int) -> None:
    """Decimals and exponents become nanos for so many uses, to the last digit."""
    assert prices(read_one(permits("search"), permits("ai-train") + pay("training", amount)))["train", "use"] == (
        nanos, per,
    )  # fmt: skip


@pytest.mark.parametrize(
    "amount",
    ["-1", "1,50", "1e400", "1e-28", "NaN", "Infinity", "0x10", "1_000", "9007199.254740993", "", "١", "1e9999"],
)
def test_no_amount_is_no_price(amount: str) -> None:
    """What is no exact price is refused by its line; the use stays permitted, and has no price."""
    reading = read_one(permits("search") + f'<payment type="crawl"><amount currency="EUR">{amount}</amount></payment>')
    (note,) = notes(reading, "amount")
    assert (note.reason, note.place) == (REFUSED, "line 2")
    assert terms(reading)["offers"] == []
    assert "search" not in terms(reading)["prohibits"]  # type: ignore[operator]


@pytest.mark.parametrize("currency", ["", "eur", "€", "EURO COIN"])
def test_an_amount_needs_a_currency(currency: str) -> None:
    """An amount in no currency that a record holds is refused."""
    reading = read_one(pay("crawl", "1", currency))
    assert [note.reason for note in notes(reading, "amount")] == [REFUSED]
    assert terms(reading)["offers"] == []


def test_payment_types_meter_what_they_name() -> None:
    """Training meters training, use meters answers, crawl everything by the call; the rest is permitted, unpriced."""
    assert {use for use, _ in prices(read_one(pay("training", "1")))} == set(USAGES["ai-train"])
    assert {use for use, _ in prices(read_one(pay("use", "1")))} == set(USAGES["ai-input"])
    crawled = prices(read_one(pay("crawl", "1")))
    assert set(crawled) == {(use, "call") for use in COVERED}
    reading = read_one(permits("ai-all") + pay("use", "1"))
    assert [note.reason for note in notes(reading, "payment use")] == [GUESSED]
    assert terms(reading)["prohibits"] == ["search"]


@pytest.mark.parametrize("kind", ["purchase", "subscription", "contribution", "nonsense", ""])
def test_other_payments_are_no_price(kind: str) -> None:
    """A use under them is permitted and has no price; never is it free."""
    reading = read_one(permits("search") + pay(kind, "5"))
    assert terms(reading)["offers"] == []
    assert notes(reading, "amount")[0].value == "'5 EUR'"
    assert [note.reason for note in notes(reading, "payment")] == [UNKNOWN if kind in ("nonsense", "") else NOT_CARRIED]


def test_a_price_without_an_amount_is_none() -> None:
    """And several amounts or payments are none either: nobody can tell which."""
    assert terms(read_one(pay("crawl")))["offers"] == []
    two = '<amount currency="EUR">1</amount><amount currency="USD">2</amount>'
    reading = read_one(f'<payment type="crawl">{two}</payment>')
    assert terms(reading)["offers"] == []
    assert [note.reason for note in notes(reading, "amount")] == [AMBIGUOUS, AMBIGUOUS]
    reading = read_one(pay("free") + pay("crawl", "1"))
    assert terms(reading)["offers"] == []
    assert [note.reason for note in notes(reading, "payment")] == [AMBIGUOUS, AMBIGUOUS]


def test_a_licence_for_some_is_not_taken() -> None:
    """Free for education isn't free: with no other licence there are no terms."""
    for limit in (permits("education", "user"), permits("DE", "geo"), permits("x", "weather"),
                  '<reporting type="audit" profile="https://p.example/"/>'):  # fmt: skip
        reading = read_one(permits("all") + limit + pay("free"))
        assert reading.terms == []
    reading = read_one(permits("all") + permits("education", "user"), permits("search") + pay("crawl", "1"))
    assert set(prices(reading)) == {("search", "call")}


def test_the_most_restrictive_holds() -> None:
    """Of licences that differ: prohibited before permitted, paid before free, dear before cheap; in any order."""
    licences = [
        permits("all") + pay("free"), permits("search") + pay("crawl", "1"), permits("search") + pay("crawl", "2"),
        prohibits("ai-train") + permits("ai-input") + pay("use", "3"),
    ]  # fmt: skip
    for order in (licences, licences[::-1]):
        reading = read_one(*order)
        found = prices(reading)
        assert terms(reading)["prohibits"] == ["train", "finetune", "distill"]
        assert found["search", "call"] == (2 * NANO, 1)
        assert ("search", "use") not in found
        assert found["ground", "use"] == (3 * NANO, 1)
        assert found["index", "use"] == (0, 1)
        assert {note.reason for note in reading.notes if note.field in ("amount", "payment", "permits usage")} == {
            AMBIGUOUS
        }


def test_two_currencies_leave_no_price() -> None:
    """Terms have one currency: of two none is taken, and both amounts are listed."""
    reading = read_one(permits("search") + pay("crawl", "1"), permits("ai-input") + pay("crawl", "1", "USD"))
    assert terms(reading)["offers"] == []
    assert [note.reason for note in notes(reading, "amount")] == [AMBIGUOUS, AMBIGUOUS]


def test_unknown_words_are_listed() -> None:
    """A usage, an element, an attribute and a licence that nobody knows; what is known beside them is taken."""
    reading = read_one(
        permits("search quantum") + prohibits("telepathy") + "<bonus>1</bonus>"
        '<payment type="free"><standard>https://collective.example/licence</standard></payment>'
    )
    assert terms(reading)["prohibits"] == [use for use in COVERED if use != "search"]
    for field in ("permits usage", "prohibits usage", "bonus", "standard"):
        assert [note.reason for note in notes(reading, field)] == [UNKNOWN], field
    assert "license" not in reading.materials[0].fields
    assert [note.reason for note in notes(read_one(prohibits("train-ai")), "prohibits usage")] == [GUESSED]


def test_two_standards_are_no_licence() -> None:
    """One content has one licence, or none is taken."""
    standard = '<payment type="free"><standard>https://spdx.org/licenses/{}.html</standard></payment>'
    one, other = permits("search") + standard.format("MIT"), permits("ai-input") + standard.format("Apache-2.0")
    assert terms(read_one(one))["license"] == "MIT"
    reading = read_one(one, other)
    assert "license" not in terms(reading)
    assert [note.reason for note in notes(reading, "standard")] == [AMBIGUOUS]


def test_names_are_addresses() -> None:
    """Paths need a base; patterns stand as they are; what is no address, comes twice or has no licence is left out."""
    urls = ["/a/", "https://b.example/*", "", "ftp://x/", "https://b.example/*", "relative", "https://c.example/ d"]
    text = document(*(content(pay("free"), url=url) for url in urls), content(url="https://d.example/"), "<content/>")
    reading = read_text(read, text)
    check_reading(reading)
    assert [made.name for made in reading.materials] == [f"{BASE}/a/", "https://b.example/*"]
    assert [(note.reason, note.place) for note in notes(reading, "name")] == [(AMBIGUOUS, "line 6")]
    assert [note.place for note in notes(reading, "content url") if note.reason == REFUSED] == [
        "line 4", "line 5", "line 7", "line 8", "line 10",
    ]  # fmt: skip
    assert [note.place for note in notes(reading, "license")] == ["line 9"]
    bare = read_text(functools.partial(read_rsl, place="x"), text)
    assert [made.name for made in bare.materials] == ["https://b.example/*"]
    assert "--base" in notes(bare, "content url")[0].detail
    with pytest.raises(FileError, match="no base"):
        read_text(functools.partial(read_rsl, place="x", base="harbour"), text)


BOMB = "<!DOCTYPE r [" + "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9)) + '<!ENTITY l0 "lol">]>'
GOOD = document(content(pay("free")))
HOSTILE: dict[str, bytes] = {
    "entities": document(content("<x>&l9;</x>"), head=BOMB).encode(),
    "external entity": document(content("&x;"), head='<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>').encode(),
    "external type": document(content(), head='<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd">').encode(),
    "parameter entity": document(
        content(), head='<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>'
    ).encode(),
    "harmless type": document(content(), head="<!DOCTYPE rsl>").encode(),
    "unknown entity": document(content("&nbsp;")).encode(),
    "deep": document("<content url='https://a.example/'>" + "<a>" * 100_000).encode(),
    "cut": GOOD.encode()[:-10],
    "behind": GOOD.encode() + b"<x/>",
    "UTF-8 that is Latin-1": document(content(beside="<terms>\xe9</terms>")).encode("latin-1"),
    "UTF-16 that says UTF-8": GOOD.encode("utf-16-le"),
    "unknown encoding": GOOD.replace("UTF-8", "ebcdic-9").encode(),
    "control character": document(content(beside="<terms>\x01</terms>")).encode(),
    "another namespace": GOOD.replace("rslstandard.org/rsl", "rslstandard.org/rsl2").encode(),
    "no namespace": b"<rsl><content url='/'/></rsl>",
    "a feed": b'<rss xmlns:rsl="https://rslstandard.org/rsl"><channel/></rss>',
    "JSON": b"{}",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused(name: str) -> None:
    """Document types, entities, broken, bottomless or mislabelled XML: refused at once, naming the file."""
    started = time.monotonic()
    with pytest.raises(FileError, match=r"rsl\.xml"):
        read_text(read, HOSTILE[name])
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_other_encodings_are_read(encoding: str) -> None:
    """As the document declares them."""
    text = document(content(beside="<copyright>Müller</copyright>")).replace("UTF-8", encoding.removesuffix("-sig"))
    reading = read_text(read, text.replace("</license>", "</license>").encode(encoding))
    assert notes(reading, "copyright")[0].value == "'Müller'"


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    """100 MB aren't read; nor more contents than a document may have."""
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(FileError, match="100,000,000 bytes"):
        read(str(path))
    assert FILE_BYTES_MAX < 100_000_000


def test_contents_and_elements_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many contents in turn don't add up as elements; too many contents, or too much in one, are refused."""
    monkeypatch.setattr(xmlstream, "NODES_MAX", 40)
    monkeypatch.setattr(rsl_module, "CONTENTS_MAX", 30)
    many = [content(pay("free"), url=f"https://a.example/{n}") for n in range(31)]
    assert len(read_text(read, document(*many[:30])).materials) == 30
    with pytest.raises(FileError, match="too many contents"):
        read_text(read, document(*many))
    with pytest.raises(FileError, match="too much XML"):
        read_text(read, document(content(*[pay("free")] * 30)))


@settings(max_examples=300)
@given(st.data())
def test_any_changed_byte_ends_in_a_reading_or_a_refusal(data: st.DataObject) -> None:
    """Never in another kind of exception, and whatever was read makes records."""
    with contextlib.suppress(FileError):
        check_reading(read_text(read, data.draw(mutated(EXAMPLE))))


@given(st.lists(st.tuples(st.sampled_from(["permits", "prohibits", "payment", "amount", "legal", "x"]),
                          st.text(max_size=20), st.text(max_size=20)), max_size=6))  # fmt: skip
def test_any_words_end_in_a_reading(rows: list[tuple[str, str, str]]) -> None:
    """Whatever stands in types and texts: terms that make records, never more than was permitted."""
    escape = {ord("&"): "&amp;", ord("<"): "&lt;", ord('"'): "&quot;"}
    inside = "".join(
        f'<{name} type="{kind.translate(escape)}">{text.translate(escape)}</{name}>' for name, kind, text in rows
    )
    with contextlib.suppress(FileError):
        check_reading(read_text(read, document(content(inside))))


def test_attributes_and_elements_that_rsl_has_not_are_listed() -> None:
    """In a licence and all that is read of it: nothing that could limit it is passed over in silence."""
    licence = '<permits type="usage" until="2027">ai-train<if>fed</if></permits>' + pay("use", "1").replace(
        "<amount ", '<amount per="day" '
    )
    text = document(content(licence, beside='<terms lang="de">https://a.example/t</terms>'))
    reading = read_text(read, text.replace("<license>", '<license scope="small">'))
    for field in ("license scope", "permits until", "if", "amount per", "terms lang"):
        assert [note.reason for note in notes(reading, field)] == [UNKNOWN], field
