"""ledger.findings: canaries, claims, and uses that accept one (docs/spec.md, "Findings")."""

from typing import Any

import pytest

from ledger import keys
from ledger.findings import claims_against, finding_row
from ledger.lineage import findings_of
from tests.ledger.market import Market
from tests.ledger.support import NAME, all_rows, body, public, revoke, usage
from tests.ledger.test_disputes import dispute, may_dispute, resolved, state


@pytest.fixture
def log() -> Market:
    """A log with five parties."""
    return Market()


def claimed(asset: bytes, /, **against: Any) -> bytes:
    """The body of a claim."""
    return body(
        "claim", asset=asset, against=against, method="winnow-v1 gram=25 window=26; documents; run", score=410,
        threshold=100, fpr=40, length=5_000, proves="a long verbatim match", evidence=bytes(32),
    )  # fmt: skip


def claim(log: Market, who: str, asset: bytes, /, **against: Any) -> int:
    """A claim; its index."""
    return log.put(who, claimed(asset, **against)).first_index


def events_about(log: Market, index: int) -> list[tuple[int, str]]:
    """Later records about an entry."""
    prefix = keys.EVENT + keys.number(index)
    return [
        (int.from_bytes(key[-8:], "big"), kind.decode()) for key, kind in log.store.scan(prefix, keys.after(prefix))
    ]


def canary(**fields: Any) -> bytes:
    """The body of a canary."""
    return body("canary", root=bytes(32), count=3, **fields)


def test_a_canary_of_an_asset_is_its_owners(log: Market) -> None:
    """Of an asset only its owner's party, of outside material or of nothing anyone; it stands among what the asset's
    reader should know."""
    a = log.sell("owner", "a")
    at = int.from_bytes(a[:8], "big")
    made = log.put("owner", canary(asset=a), canary(asset=NAME), canary())
    assert made.statuses == ["logged"] * 3
    assert list(findings_of(log.state, at)) == [(made.first_index, "canary")]
    assert list(findings_of(log.state, NAME)) == [(made.first_index + 1, "canary")]
    assert (made.first_index, "canary") in events_about(log, at)
    log.rule("lab", canary(asset=a), field="asset")
    log.rule("lab", canary(asset=log.ref(0)), field="asset")
    log.put("lab", canary(asset=NAME))
    log.check()


def test_a_claim_is_the_owners_against_others(log: Market) -> None:
    """Signed by the asset's owner; against another party of the log, another's asset, or a digest; never oneself."""
    a, model = log.sell("owner", "a"), log.register("lab", "model")
    log.rule("lab", claimed(a, party=public("maker")), field="asset")
    log.rule("owner", claimed(a, party=public("owner")), field="against.party")
    log.rule("owner", claimed(a, asset=a), field="against.asset")
    log.rule("owner", claimed(a, party=public("nobody")), field="against.party")
    log.rule("owner", claimed(a, asset=log.ref(0)), field="against.asset")
    log.rule("owner", claimed(log.ref(0), party=public("lab")), field="asset")
    first = claim(log, "owner", a, asset=model)
    second = claim(log, "owner", a, party=public("lab"))
    third = claim(log, "owner", a, digest=bytes(32))
    assert list(claims_against(log.state, public("lab"))) == [first, second]
    assert list(claims_against(log.state, public("lab"), start=second)) == [second]
    rows = [finding_row(log.state, index) for index in (first, second, third)]
    assert [row and row.accused for row in rows] == [public("lab"), public("lab"), None]
    assert [at for at, _ in findings_of(log.state, int.from_bytes(a[:8], "big"))] == [first, second, third]
    assert list(findings_of(log.state, int.from_bytes(model[:8], "big"))) == [(first, "claim")]
    log.check()


def test_a_claim_charges_nobody(log: Market) -> None:
    """No line, no count of free rides, no account comes of a claim, whatever the policy says."""
    a = log.sell("owner", "a", on_match="charge")
    before = {
        key: value for key, value in all_rows(log.store).items() if key[:1] in (keys.LIST_HEAD, keys.PAYEE, keys.RIDER)
    }
    claim(log, "owner", a, party=public("lab"))
    after = {
        key: value for key, value in all_rows(log.store).items() if key[:1] in (keys.LIST_HEAD, keys.PAYEE, keys.RIDER)
    }
    assert before == after


@pytest.mark.parametrize("policy", ["track", "charge", "block", None])
def test_an_accepted_claim_is_priced_like_any_use(log: Market, policy: str | None) -> None:
    """The use that names a claim costs what it costs without one, under every policy; one claim may be named twice."""
    a = log.sell("owner", "a", **({"on_match": policy} if policy else {}))
    at = claim(log, "owner", a, party=public("lab"))
    plain_use, accepted = log.use("lab", a, 1000), log.use("lab", a, 1000, claim=log.ref(at))
    again = log.use("lab", a, 1000, claim=log.ref(at))
    rows = [log.state.usage(index) for index in (plain_use, accepted, again)]
    assert rows[0] is not None
    assert rows[0] == rows[1] == rows[2]
    assert rows[0].charge > 0
    assert [kind for _, kind in events_about(log, at)] == ["usage", "usage"]
    log.check()


def test_who_may_accept_a_claim(log: Market) -> None:
    """Only the accused party, itself (not as a provider saw it), for that very asset, while the claim stands."""
    a, b, model = log.sell("owner", "a"), log.sell("owner", "b"), log.register("lab", "model")
    at = claim(log, "owner", a, asset=model)
    ref = log.ref(at)
    log.rule("maker", usage(a, claim=ref), field="claim")
    log.rule("owner", usage(a, claim=ref), field="claim")
    log.rule("lab", usage(b, claim=ref), field="claim")
    log.rule("lab", usage(NAME, claim=ref), field="claim")
    log.rule("lab", usage(a, claim=a), field="claim")
    log.rule("lab", usage(a, claim=ref[:8] + bytes(32)), field="claim")
    log.rule("lab", usage(a, claim=ref, seen_by="provider", party=public("maker")), field="claim")
    digest = claim(log, "owner", a, digest=bytes(32))
    log.rule("lab", usage(a, claim=log.ref(digest)), field="claim")
    log.use("lab", a, claim=ref)
    log.check()


def test_a_claim_can_be_taken_back_once(log: Market) -> None:
    """By its signer's party; then nobody accepts it any more, and what was accepted stays."""
    a = log.sell("owner", "a")
    at = claim(log, "owner", a, party=public("lab"))
    accepted = log.use("lab", a, 1000, claim=log.ref(at))
    before = log.state.usage(accepted)
    log.rule("lab", body("withdraw", target=log.ref(at)), field="target")
    log.rule("owner", body("withdraw", target=log.ref(at)[:8] + bytes(32)), field="target")
    gone = log.put("owner", body("withdraw", target=log.ref(at))).first_index
    row = finding_row(log.state, at)
    assert row is not None
    assert row.withdrawn == gone
    log.rule("owner", body("withdraw", target=log.ref(at)), field="target")
    log.rule("lab", usage(a, claim=log.ref(at)), field="claim")
    assert log.state.usage(accepted) == before
    assert events_about(log, at)[-1] == (gone, "withdraw")
    log.check()


def test_who_may_dispute_a_claim(log: Market) -> None:
    """Its signer and the accused; of a claim against a digest its signer alone."""
    a, model = log.sell("owner", "a"), log.register("lab", "model")
    assert may_dispute(log, claim(log, "owner", a, asset=model)) == {"owner", "lab"}
    assert may_dispute(log, claim(log, "owner", a, party=public("maker"))) == {"owner", "maker"}
    assert may_dispute(log, claim(log, "owner", a, digest=bytes(32))) == {"owner"}


def test_how_a_dispute_over_a_claim_ends(log: Market) -> None:
    """The owner concedes, or the arbiter of the terms before the claim decides; later terms change no arbiter."""
    a = log.sell("owner", "a", arbiter=public("third"))
    first = claim(log, "owner", a, party=public("lab"))
    log.publish("owner", a, arbiter=public("fourth"))
    at = dispute(log, "lab", first)
    log.rule("fourth", resolved(log, at, "upheld"), field="outcome")
    log.rule("maker", resolved(log, at, "conceded"), field="outcome")
    log.put("third", resolved(log, at, "upheld"))
    assert state(log, at) == "upheld"
    at = dispute(log, "lab", first)
    log.put("owner", resolved(log, at, "conceded"))
    assert state(log, at) == "conceded"
    log.check()


def test_a_claim_goes_on_when_its_owners_key_is_gone(log: Market) -> None:
    """A claim is the party's: it stands after its key was revoked, and can be accepted."""
    a = log.sell("owner", "a")
    at = claim(log, "owner", a, party=public("lab"))
    log.put("owner", revoke("owner"))
    log.use("lab", a, 1000, claim=log.ref(at))
    log.check()


def test_a_claim_of_a_retired_asset_stands(log: Market) -> None:
    """What happened before an asset was retired can still be claimed and accepted; the use is then unlicensed."""
    a = log.sell("owner", "a")
    log.put("owner", body("withdraw", target=a))
    at = claim(log, "owner", a, party=public("lab"))
    assert log.put("lab", usage(a, claim=log.ref(at))).statuses == ["unlicensed"]
    log.check()
