"""node.agents.reconcile: the comparison of two meters, by hand-made cases and against a plain one written anew."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.replay import Judged
from node.agents import meters
from node.agents.meters import Finding, Report
from node.agents.reconcile import Filters, Limits, reconcile
from node.agents.windows import check_window, window_label, window_start
from proofs.errors import InputError
from proofs.records import check_body, make_body
from proofs.ref import Ref

AT = 1_767_225_600_000  # 2026-01-01
DAY = 86_400_000
LAB, SHOP, HOST, RELAY = (bytes([number]) * 32 for number in (1, 2, 3, 4))
NAME, OTHER = "pkg:pypi/corpus", "model:host/large"


def ref_of(index: int) -> Ref:
    """The reference of a made-up entry."""
    return Ref(index, sha256(b"%d" % index).digest())


MODEL, CORPUS = ref_of(1_000_001).pack(), ref_of(1_000_002).pack()


class Book:
    """Records in log order, as a replay shows them."""

    def __init__(self) -> None:
        self.records: list[Judged] = []

    def put(self, signer: bytes, kind: str, /, **fields: Any) -> Ref:
        """Any record that a party signs."""
        given = {name.rstrip("_"): value for name, value in fields.items() if value is not None}
        body = check_body(make_body({"kind": kind, "at": AT, **given}))
        ref = ref_of(len(self.records))
        self.records.append(Judged(ref.index, ref.leaf, signer, "logged", body))
        return ref

    def use(self, party: bytes = LAB, by: bytes | None = None, **fields: Any) -> Ref:
        """A usage by `party`, user-seen, or seen by the provider `by`."""
        usual = {"asset": MODEL, "use": "infer", "quantities": {"token": 10}, "from_": AT}
        usual = {**usual, **fields}
        usual.setdefault("until", usual["from_"])
        if by is not None:
            usual.update(seen_by="provider", party=party)
        return self.put(party if by is None else by, "usage", **usual)

    def compare(self, claims: dict[str, tuple[bytes, ...]] | None = None, **how: Any) -> Report:
        """The comparison; `claims`: assets that claim each name."""
        return reconcile(
            self.records,
            body_of=lambda ref: self.records[ref.index].body,
            claimed=lambda name: (claims or {}).get(name, ()),
            **how,
        )


def figures(report: Report) -> list[tuple[str, str, int, int, str]]:
    """Unit, window, both sums and state of each row."""
    return [
        (row.unit, window_label(row.window, report.window), row.user_seen, row.provider_seen, row.state)
        for row in report.rows
    ]


def found(report: Report, what: str) -> list[Finding]:
    """The findings of a kind."""
    kept = [finding for finding in report.findings.kept if finding.what == what]
    assert len(kept) == report.findings.counts[what]
    return kept


# --- windows


@pytest.mark.parametrize(
    ("text", "day", "month"),
    [
        ("1970-01-01T00:00:00", "1970-01-01", "1970-01"),
        ("2024-02-29T23:59:59.999", "2024-02-29", "2024-02"),
        ("2024-03-01T00:00:00", "2024-03-01", "2024-03"),
        ("9999-12-31T23:59:59", "9999-12-31", "9999-12"),
    ],
)
def test_a_window_is_a_day_or_month_in_utc(text: str, day: str, month: str) -> None:
    """The first and the last millisecond belong to it, and it is named by its date."""
    ms = round(datetime.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)
    assert window_label(window_start(ms, "day"), "day") == day
    assert window_label(window_start(ms, "month"), "month") == month
    assert window_label(window_start(ms, "all"), "all") == "all"


@given(st.integers(0, 2**63 - 1), st.sampled_from(["day", "month", "all", 1, 7, 3_600_000, 2**62]))
def test_windows_tile_all_of_time(ms: int, window: str | int) -> None:
    """Each millisecond of any record lies in one window, which begins at or before it and begins itself there."""
    start = window_start(ms, window)
    assert 0 <= start <= ms
    assert window_start(start, window) == start
    assert window_label(start, window)
    if window in ("day", "month"):
        assert ms - start < (1 if window == "day" else 31) * DAY
        if start:
            assert window_start(start - 1, window) < start


@given(st.dates(datetime.date(1970, 1, 1)))
def test_windows_are_the_calendars_where_there_is_one(day: datetime.date) -> None:
    """Against the standard library's dates."""
    ms = (day - datetime.date(1970, 1, 1)).days * DAY
    assert window_start(ms, "month") == (day.replace(day=1) - datetime.date(1970, 1, 1)).days * DAY
    assert window_label(ms, "day") == day.isoformat()


def test_months_go_on_after_the_year_9999() -> None:
    """The calendar repeats after 400 years: names of windows go on."""
    cycle = 146_097 * DAY
    assert window_label(window_start(AT + 100 * cycle, "month"), "month") == "42026-01"
    assert window_start(AT + 100 * cycle, "day") == AT + 100 * cycle


@pytest.mark.parametrize("window", ["week", "", 0, -1, True])
def test_what_is_no_window_is_refused(window: Any) -> None:
    """With what would be one."""
    with pytest.raises(InputError):
        check_window(window)
    with pytest.raises(InputError):
        Book().compare(window=window)


# --- figures


def test_meters_that_saw_the_same_agree() -> None:
    """One record on one side may stand for several on the other: sums count."""
    book = Book()
    book.use(quantities={"input_token": 5, "output_token": 7}, call="a")
    book.use(quantities={"output_token": 1}, call="b")
    book.use(by=HOST, quantities={"input_token": 5, "output_token": 8})
    report = book.compare()
    assert figures(report) == [("input_token", "2026-01", 5, 5, "agree"), ("output_token", "2026-01", 8, 8, "agree")]
    assert report.verdict == "agree"
    assert report.scopes[0].totals_only == ("call",)
    assert (report.scopes[0].records, report.scopes[0].unnamed) == ([2, 1], [0, 1])


def test_a_difference_is_that_of_user_less_provider() -> None:
    """For each window, with its sign; a unit that one side lacks counts as 0 there."""
    book = Book()
    book.use(quantities={"token": 12, "call": 1})
    book.use(quantities={"token": 3}, from_=AT + DAY)
    book.use(by=HOST, quantities={"token": 10})
    book.use(by=RELAY, quantities={"token": 4}, from_=AT + DAY)
    report = book.compare(window="day")
    assert figures(report) == [
        ("call", "2026-01-01", 1, 0, "differ"),
        ("token", "2026-01-01", 12, 10, "differ"),
        ("token", "2026-01-02", 3, 4, "differ"),
    ]
    assert [row.difference for row in report.rows] == [1, 2, -1]
    assert report.verdict == "differ"
    assert book.compare(window="all").rows[1].difference == 1


def test_one_meter_alone_is_incomplete_and_no_difference() -> None:
    """By party and asset: what nobody else meters can't be compared, and no call of it is missing anywhere."""
    book = Book()
    book.use(call="a")
    book.use(asset=CORPUS, party=SHOP, by=HOST, call="b")
    report = book.compare()
    assert report.verdict == "incomplete"
    assert {(scope.party, scope.meters) for scope in report.scopes} == {(LAB, "user"), (SHOP, "provider")}
    assert [row.state for row in report.rows] == ["user", "provider"]
    assert not report.findings.counts
    assert Book().compare().verdict == "incomplete"


def test_a_partys_own_second_record_is_no_second_meter() -> None:
    """Provider-seen records that the user signed itself leave it incomplete; another party's make it two meters."""
    book = Book()
    book.use()
    book.use(by=LAB)
    report = book.compare()
    assert (report.verdict, report.scopes[0].own) == ("incomplete", 1)
    book.use()
    book.use(by=HOST)
    assert book.compare().verdict == "agree"


def test_parties_assets_uses_and_end_users_are_kept_apart() -> None:
    """Equal totals over different ones are no agreement; end users only where they are asked for."""
    alice, bob = bytes([7]) * 32, bytes([8]) * 32
    for changed, by_user, verdict in (
        ({"party": SHOP}, False, "incomplete"),
        ({"asset": CORPUS}, False, "incomplete"),
        ({"use": "embed"}, False, "differ"),
        ({"user": bob}, False, "agree"),
        ({"user": bob}, True, "differ"),
        ({"user": alice}, True, "agree"),
    ):
        book = Book()
        book.use(user=alice)
        book.use(**{"by": HOST, "user": None, **changed})
        assert book.compare(by_user=by_user).verdict == verdict, changed


def test_filters_narrow_both_sides() -> None:
    """By who used, by asset, by time from and before; by provider only on that provider's side."""
    book = Book()
    book.use()
    book.use(from_=AT + DAY)
    book.use(party=SHOP)
    book.use(asset=CORPUS)
    book.use(by=HOST)
    book.use(by=RELAY)
    lab = {"party": LAB, "asset": MODEL}
    for filters, expected in (
        (Filters(**lab), [(20, 20)]),
        (Filters(**lab, provider=HOST), [(20, 10)]),
        (Filters(**lab, since=AT, until=AT + DAY), [(10, 20)]),
        (Filters(**lab, since=AT + 1), [(10, 0)]),
        (Filters(**lab, until=AT), []),
        (Filters(asset=CORPUS), [(10, 0)]),
        (Filters(party=SHOP), [(10, 0)]),
    ):
        rows = book.compare(filters=filters).rows
        assert [(row.user_seen, row.provider_seen) for row in rows] == expected, filters


def test_the_providers_are_named_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may log what it saw of a party, so a figure says whose records are in it; all records are counted."""
    monkeypatch.setattr(meters, "PROVIDERS_MAX", 2)
    book = Book()
    book.use()
    for provider in (HOST, RELAY, HOST, SHOP):
        book.use(by=provider)
    (scope,) = book.compare().scopes
    assert (scope.records, scope.providers) == ([1, 4], {HOST: 2, RELAY: 1})


# --- names


def test_a_name_counts_as_the_asset_that_alone_claims_it() -> None:
    """Else it stands for itself, and so do both meters; the report says which."""
    book = Book()
    book.use(call="a")
    book.use(asset=OTHER, by=HOST, call="a")
    for assets in ((), (MODEL, CORPUS)):
        report = book.compare({OTHER: assets})
        assert report.verdict == "incomplete"
        assert [scope.asset for scope in report.scopes] == [MODEL, OTHER]
        assert report.names == {OTHER: assets}
    report = book.compare({OTHER: (MODEL,)})
    assert report.verdict == "agree"
    assert [(row.asset, row.user_seen, row.provider_seen) for row in report.rows] == [(MODEL, 10, 10)]


def test_one_asset_is_found_under_its_names_and_the_name_under_its_asset() -> None:
    """Asked for by reference, uses by names that it claims count; asked for by name, uses by reference do."""
    book = Book()
    book.use(asset=NAME)
    asset = book.put(HOST, "asset", type="model", name="large", aka=[NAME])
    book.use(asset=asset.pack(), by=HOST)
    book.use(asset=CORPUS)
    claims = {NAME: (asset.pack(),)}
    for filters in (Filters(asset=asset.pack(), aka=(NAME,)), Filters(asset=NAME)):
        report = book.compare(claims, filters=filters)
        assert [(row.user_seen, row.provider_seen) for row in report.rows] == [(10, 10)], filters
    # Contested, the name stands for itself, and neither question brings the other's uses.
    contested = {NAME: (asset.pack(), CORPUS)}
    rows = book.compare(contested, filters=Filters(asset=NAME)).rows
    assert [(row.asset, row.user_seen) for row in rows] == [(NAME, 10)]
    report = book.compare(contested, filters=Filters(asset=asset.pack(), aka=(NAME,)))
    assert [(row.asset, row.provider_seen) for row in report.rows] == [(asset.pack(), 10)]
    assert report.names == contested


# --- identifiers


def test_calls_of_one_side_only_are_named() -> None:
    """With the record that the other side lacks."""
    book = Book()
    book.use(call="both")
    mine = book.use(call="mine")
    book.use(by=HOST, call="both")
    theirs = book.use(by=HOST, call="theirs", quantities={"token": 4})
    lost, extra = found(book.compare(), "missing")
    assert (lost.name, lost.side, lost.user.refs, lost.provider.refs) == ("mine", "provider", (mine,), ())
    assert (extra.name, extra.side, extra.user.refs, extra.provider.refs) == ("theirs", "user", (), (theirs,))
    assert extra.provider.quantities == {"token": 4}
    assert extra.provider.signers == (HOST,)
    assert book.compare(with_ids=False).findings.counts == {}


def test_details_of_one_side_only_are_named() -> None:
    """By root, like calls by id."""
    same, other = sha256(b"same").digest(), sha256(b"other").digest()
    book = Book()
    book.use(calls=3, detail=same)
    book.use(by=HOST, calls=3, detail=same)
    mine = book.use(calls=2, detail=other)
    (lost,) = found(book.compare(), "missing")
    assert (lost.sort, lost.name, lost.side, lost.user.refs) == ("detail", other.hex(), "provider", (mine,))


def test_a_missing_call_is_pointed_to_where_it_stands_otherwise() -> None:
    """The same call with another use or asset, on the side that lacks it."""
    book = Book()
    book.use(call="x")
    book.use(by=HOST, call="x")
    mine = book.use(call="a", use="infer")
    theirs = book.use(by=HOST, call="a", use="ground")
    first, second = found(book.compare(), "missing")
    assert {(first.use, first.side, first.elsewhere), (second.use, second.side, second.elsewhere)} == {
        ("infer", "provider", (theirs,)),
        ("ground", "user", (mine,)),
    }


def test_other_quantities_and_windows_of_one_call_are_named() -> None:
    """A call that both have, but not alike; sums of its records are compared."""
    book = Book()
    book.use(call="a", quantities={"token": 3}, from_=AT + DAY - 1)
    book.use(call="b", quantities={"token": 6})
    book.use(by=HOST, call="a", quantities={"token": 3}, from_=AT + DAY)
    book.use(by=HOST, call="b", quantities={"token": 5, "call": 1})
    report = book.compare(window="day")
    (quantities,) = found(report, "quantities")
    assert (quantities.name, quantities.user.quantities) == ("b", {"token": 6})
    assert quantities.provider.quantities == {"call": 1, "token": 5}
    (window,) = found(report, "window")
    assert (window.name, window.user.windows, window.provider.windows) == ("a", (AT,), (AT + DAY,))
    assert found(book.compare(), "window") == []


def test_the_same_call_twice_on_one_side_is_flagged_with_both_records() -> None:
    """And counted twice, as it is charged; the same detail root twice likewise."""
    root = sha256(b"root").digest()
    book = Book()
    first = book.use(call="a", calls=1, detail=root)
    second = book.use(call="a", calls=1, detail=root)
    book.use(by=HOST, call="a", calls=1, detail=root)
    report = book.compare()
    call, detail = found(report, "duplicate")
    assert (call.sort, call.side, call.user.refs) == ("call", "user", (first, second))
    assert (detail.sort, detail.name, detail.user.refs) == ("detail", root.hex(), (first, second))
    assert [row.difference for row in report.rows] == [10]
    assert report.verdict == "differ"


def test_duplicates_are_flagged_where_there_is_one_meter_only() -> None:
    """They need no other side; two providers with one call of one party are named both."""
    book = Book()
    book.use(by=HOST, call="a")
    book.use(by=RELAY, call="a")
    (twice,) = found(book.compare(), "duplicate")
    assert (twice.side, twice.provider.signers) == ("provider", (HOST, RELAY))


def test_one_call_may_be_logged_for_several_items_and_assets() -> None:
    """An answer drawn from two articles is no duplicate, and is compared with the other side's sum."""
    items = [sha256(b"%d" % number).digest() for number in range(2)]
    book = Book()
    for item in items:
        book.use(call="a", item=item, use="ground", quantities={"item": 1})
    book.use(call="a", asset=CORPUS)
    book.use(by=HOST, call="a", use="ground", quantities={"item": 2})
    book.use(by=HOST, call="a", asset=CORPUS)
    report = book.compare()
    assert report.verdict == "agree"
    assert not report.findings.counts


def test_calls_are_not_missing_where_the_other_side_names_none() -> None:
    """Aggregated records name no calls: totals are compared, and that is said."""
    book = Book()
    book.use(call="a")
    book.use(call="b")
    book.use(by=HOST, calls=2, detail=bytes(32), quantities={"token": 20})
    report = book.compare()
    assert report.verdict == "agree"
    assert report.scopes[0].totals_only == ("call", "detail")


# --- corrections


def test_the_newest_correction_counts_in_place_of_the_usage() -> None:
    """In totals and for its call; a unit that it leaves out is 0; provider-seen records can't be corrected."""
    book = Book()
    mine = book.use(quantities={"call": 1, "token": 9}, call="a")
    theirs = book.use(by=HOST, quantities={"token": 6}, call="a")
    book.put(LAB, "correction", usage=mine.pack(), quantities={"call": 1, "token": 8}, reason="miscounted")
    book.put(LAB, "correction", usage=mine.pack(), quantities={"token": 6}, reason="miscounted again")
    book.put(HOST, "correction", usage=theirs.pack(), quantities={"token": 1}, reason="not a user-seen one")
    report = book.compare()
    assert figures(report) == [("call", "2026-01", 0, 0, "agree"), ("token", "2026-01", 6, 6, "agree")]
    assert report.verdict == "agree"
    assert report.scopes[0].corrected == 1
    filters = Filters(party=LAB, asset=MODEL, since=AT, until=AT + 1)
    assert figures(book.compare(filters=filters)) == figures(report)
    assert book.compare(filters=Filters(until=AT)).rows == []


def test_a_duplicate_that_was_corrected_to_nothing_is_none() -> None:
    """What was taken back is as if it had not been logged."""
    book = Book()
    book.use(call="a")
    again = book.use(call="a")
    book.use(by=HOST, call="a")
    assert book.compare().findings.counts == {"duplicate": 1, "quantities": 1}
    book.put(LAB, "correction", usage=again.pack(), quantities={}, reason="logged twice")
    assert book.compare().verdict == "agree"


# --- bounds


@pytest.mark.parametrize(
    ("limits", "said", "expected"),
    [
        (Limits(ids=2), "2 call ids and detail roots", "totals only"),
        (Limits(id_bytes=5), "call ids and detail roots", "totals only"),
        (Limits(rows=2), "2 figures", "a longer window"),
        (Limits(corrected=1), "1 corrected usages", "one party"),
    ],
)
def test_what_is_kept_is_bounded_and_the_refusal_says_what_helps(limits: Limits, said: str, expected: str) -> None:
    """No run grows with the log: past a bound it ends, naming the bound and the narrower question."""
    book = Book()
    refs = [book.use(call=f"c{number}", from_=AT + number * DAY) for number in range(3)]
    for ref in refs[:2]:
        book.put(LAB, "correction", usage=ref.pack(), quantities={}, reason="r")
    with pytest.raises(InputError) as caught:
        book.compare(window="day", limits=limits)
    assert said in caught.value.detail
    assert expected in caught.value.expected
    narrow = Filters(party=SHOP)
    assert book.compare(window="day", limits=limits, filters=narrow).verdict == "incomplete"


def test_findings_are_all_counted_and_a_stated_number_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log full of duplicates makes no endless report."""
    monkeypatch.setattr(meters, "FINDINGS_MAX", 3)
    book = Book()
    for number in range(10):
        book.use(call=f"c{number % 5}")
    report = book.compare()
    assert (report.findings.counts["duplicate"], len(report.findings.kept)) == (5, 3)
    assert report.value()["finding_counts"]["duplicate"] == 5


# --- against a plain comparison

PARTIES = (LAB, SHOP)
CLAIMS = {NAME: (MODEL,), OTHER: (MODEL, CORPUS)}
usages = st.fixed_dictionaries(
    {
        "party": st.sampled_from(PARTIES),
        "by": st.sampled_from([None, None, HOST, LAB]),
        "asset": st.sampled_from([MODEL, CORPUS, NAME, OTHER]),
        "use": st.sampled_from(["infer", "ground"]),
        "quantities": st.dictionaries(st.sampled_from(["token", "call"]), st.integers(1, 3), min_size=1),
        "from_": st.sampled_from([AT, AT + DAY, AT + 40 * DAY]),
        "call": st.sampled_from([None, "a", "b", "c"]),
        "detail": st.sampled_from([None, bytes(32), bytes([1]) * 32]),
        "item": st.sampled_from([None, bytes([5]) * 32]),
        "user": st.sampled_from([None, bytes([6]) * 32]),
    }
)
corrections = st.tuples(st.integers(0, 30), st.integers(0, 2))


def plain(records: Sequence[Judged], by_user: bool, window: str) -> tuple[Counter, dict, set]:
    """Sums, and findings as (what, side, sort, name, party, asset, use), by reading everything again and again."""
    now = {}
    for record in records:
        if record.body["kind"] == "usage":
            now[record.index] = dict(record.body["quantities"])
    for record in records:
        if record.body["kind"] == "correction":
            index = int.from_bytes(record.body["usage"][:8], "big")
            if "seen_by" not in records[index].body:
                now[index] = dict(record.body["quantities"])
    rows = []
    for record in records:
        body = record.body
        if body["kind"] != "usage":
            continue
        provider = body.get("seen_by") == "provider"
        asset = CLAIMS[body["asset"]][0] if len(CLAIMS.get(body["asset"], ())) == 1 else body["asset"]
        party = body["party"] if provider else record.party
        rows.append((record, provider, party, asset, body, now[record.index]))
    sums: Counter = Counter()
    sides = defaultdict(set)
    named = defaultdict(set)
    for record, provider, party, asset, body, quantities in rows:
        start = window_start(body["from"], window)
        for unit in body["quantities"]:
            user = body.get("user", b"") if by_user else b""
            key = (party, asset, body["use"], unit, start, user)
            sums[key, provider] += quantities.get(unit, 0)
            sums[key, not provider] += 0
        if not provider or record.party != party:
            sides[party, asset].add(provider)
        for sort in ("call", "detail"):
            if sort in body:
                named[party, asset, provider].add(sort)
    findings = set()
    for sort in ("call", "detail"):
        groups = defaultdict(lambda: ([], []))
        for row in rows:
            if sort in row[4] and row[5]:
                groups[row[4][sort], row[2], row[3], row[4]["use"]][row[1]].append(row)
        for (name, party, asset, use), pair in groups.items():
            text = name if isinstance(name, str) else name.hex()
            same = (sort, text, party, asset, use)
            for side, group in enumerate(pair):
                repeated = Counter(row[4].get("item") for row in group)
                findings |= {("duplicate", meters.SIDES[side], *same) for count in repeated.values() if count > 1}
            totals = [Counter({}) for _ in pair]
            for side, group in enumerate(pair):
                for row in group:
                    totals[side].update(row[5])
            if all(pair):
                if totals[0] != totals[1]:
                    findings.add(("quantities", "", *same))
                windows = [{window_start(row[4]["from"], window) for row in group} for group in pair]
                if windows[0] != windows[1]:
                    findings.add(("window", "", *same))
                users = [{row[4].get("user") for row in group} for group in pair]
                if by_user and users[0] != users[1]:
                    findings.add(("user", "", *same))
            else:
                lacking = not pair[1]
                if sides[party, asset] == {True, False} and sort in named[party, asset, lacking]:
                    findings.add(("missing", meters.SIDES[lacking], *same))
    return sums, sides, findings


@given(st.lists(usages, max_size=14), st.lists(corrections, max_size=4), st.booleans(), st.sampled_from(["day", "all"]))
def test_the_comparison_is_that_of_a_plain_one(drawn, lowered, by_user: bool, window: str) -> None:
    """Sums, states and findings over random records of two parties, three meters, names and corrections."""
    book = Book()
    for fields in drawn:
        detail = {} if fields["detail"] is None else {"calls": 1}
        quantities = dict(sorted(fields["quantities"].items()))
        book.use(**{**fields, **detail, "quantities": quantities})
    for at, most in lowered:
        if at < len(drawn):
            usage = book.records[at]
            quantities = {unit: min(count, most) for unit, count in usage.body["quantities"].items() if most}
            book.put(usage.party, "correction", usage=ref_of(at).pack(), quantities=quantities, reason="r")
    report = book.compare(CLAIMS, by_user=by_user, window=window)
    sums, sides, findings = plain(book.records, by_user, window)
    rows = {(row.party, row.asset, row.use, row.unit, row.window, row.user): row for row in report.rows}
    assert {(key, side) for key in rows for side in (False, True)} == sums.keys()
    for key, row in rows.items():
        assert (row.user_seen, row.provider_seen) == (sums[key, False], sums[key, True])
        both = sides[key[:2]] == {True, False}
        assert (row.state in ("agree", "differ")) == both
        assert (row.state == "agree") == (both and row.difference == 0)
    assert {(it.what, it.side, it.sort, it.name, it.party, it.asset, it.use) for it in report.findings.kept} == findings
    differs = bool(findings) or any(row.state == "differ" for row in report.rows)
    complete = bool(drawn) and all(sides[row.party, row.asset] == {True, False} for row in report.rows)
    assert report.verdict == ("differ" if differs else "agree" if complete else "incomplete")
    # Every name is either merged into the one asset that claims it or listed for itself.
    assert NAME not in {row.asset for row in report.rows}
