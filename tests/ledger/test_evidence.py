"""Evidence made from the state: shares that rest on grants are explained, and no log makes it go through much."""

import pytest

from ledger import evidence
from ledger.evidence import make_evidence
from ledger.query import Query
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.evidence import Evidence
from proofs.evidencecheck import check_evidence
from proofs.policy import log_policy
from proofs.verdict import FAILED
from tests.ledger.market import Market, offer, terms
from tests.ledger.support import LOG_KEY, NAME, ORIGIN, Log, body, public, source

POLICY = log_policy(log_vkey(origin=ORIGIN, public_key=public_bytes(LOG_KEY)))


@pytest.fixture
def log() -> Market:
    """A log with parties."""
    return Market()


def show(log: Log, usage: int) -> Evidence:
    """The evidence for a use, which verifies."""
    note = sign_checkpoint(origin=ORIGIN, size=log.size, root=log.root, private_key=LOG_KEY)
    made = make_evidence(Query(log.reader()), usage, checkpoint=note)
    verdict = check_evidence(made, policy=POLICY)
    assert verdict.result != FAILED, verdict.steps[-1]
    return made


def asks(log: Market, ref: bytes, bps: int) -> bytes:
    """Terms of the owner's that ask this share; their reference."""
    return log.publish("owner", ref, derivatives=bps)


def grants(log: Market, ref: bytes, who: str) -> bytes:
    """A grant by the owner; its reference."""
    return log.ref(log.put("owner", body("grant", terms=ref, licensee=public(who))).first_index)


def test_a_share_by_grant_is_explained_whatever_else_was_granted(log: Market) -> None:
    """Among thousands of terms that ask the same share, the ones granted to the registrant are found at once; also
    where the grant has ended, and where others of the file came after the listing."""
    ref = log.register("owner", "corpus")
    for _ in range(evidence.ROWS_MAX // 1024 + 1):
        log.put("owner", *[body("terms", asset=ref, **terms(derivatives=500))] * 1024)
    asks(log, ref, 600)
    mine = grants(log, asks(log, ref, 500), "maker")
    asks(log, ref, 700)
    made = log.register("maker", "made", sources=[source(ref, bps=500)])
    log.put("owner", body("withdraw", target=mine))
    top = log.sell("third", "top", source(made))
    shown = {entry.index for entry in show(log, log.use("lab", top)).entries}
    assert int.from_bytes(mine[:8], "big") in shown


def test_a_later_grant_explains_no_earlier_listing(log: Market) -> None:
    """Two assets of one party list a source by two grants of the same share: each listing gets a grant before it, also
    where the file came to hold the later one first."""
    ref = log.register("owner", "corpus")
    early = asks(log, ref, 500)
    asks(log, ref, 600)
    other = asks(log, ref, 500)
    ended = grants(log, other, "maker")
    log.publish("owner", ref, derivatives=600)
    at_600 = log.register("third", "at 600", sources=[source(ref, bps=600)])
    first = log.register("maker", "first", sources=[source(ref, bps=500)])
    log.put("owner", body("withdraw", target=ended))
    grants(log, early, "maker")
    asks(log, ref, 700)
    last = log.register("maker", "last", sources=[source(ref, bps=500)])
    top = log.sell("third", "top", *(source(one) for one in (at_600, first, last)))
    show(log, log.use("lab", top))


def test_a_grant_given_twice_is_shown_as_often_as_it_is_needed(log: Market) -> None:
    """The same terms granted, withdrawn and granted again: the grant that stood at each listing is shown."""
    ref = log.register("owner", "corpus")
    old = asks(log, ref, 500)
    asks(log, ref, 600)
    assets = []
    for name in ("first", "last"):
        grant = grants(log, old, "maker")
        assets.append(log.register("maker", name, sources=[source(ref, bps=500)]))
        log.put("owner", body("withdraw", target=grant))
    top = log.sell("third", "top", *(source(one) for one in assets))
    show(log, log.use("lab", top))


def test_a_licence_among_thousands_is_found_after_its_end(log: Market) -> None:
    """The use of a licensee whose grant was withdrawn later shows the grant, however many licensees the terms have."""
    ref = log.register("owner", "corpus")
    agreed = log.publish("owner", ref, offer(), needs_grant=True)
    parties = [f"licensee {n}" for n in range(20)]
    for name in parties:
        log.join(name, name=name)
    grant = [grants(log, agreed, name) for name in [*parties, "lab"]][-1]
    used = log.use("lab", ref, terms=agreed)
    log.put("owner", body("withdraw", target=grant))
    shown = {entry.index for entry in show(log, used).entries}
    assert int.from_bytes(grant[:8], "big") in shown


def test_rows_gone_through_are_bounded(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records strangers and parties log about a use, a statement or a name: what one file goes through is
    bounded, beyond it is refused; payments that are buried among others are left out, receipts never."""
    ref = log.sell("owner", "corpus")
    used = log.use("lab", ref, 10**10)
    stated = log.bill("lab")
    dispute = body("dispute", target=log.ref(stated), reason="r")
    log.put("owner", *[dispute] * evidence.PAYMENT_ROWS_MAX)
    late = log.put("lab", log.receipt(stated, 1, kind="payment")).first_index
    receipt = log.pay(stated, log.due(stated))
    shown = {entry.index for entry in show(log, used).entries}
    assert receipt in shown
    assert late not in shown
    monkeypatch.setattr(evidence, "ROWS_MAX", 64)
    log.put("owner", *[body("dispute", target=log.ref(used), reason="r")] * 65)
    with pytest.raises(InputError, match="too much"):
        show(log, used)


def test_a_name_that_one_party_claims_a_thousand_times_is_contested_by_another(log: Market) -> None:
    """Of each claiming party one claim is looked at, so that the second is found."""
    claim = body("asset", type="work", name="claims", aka=[NAME])
    log.put("maker", *[claim] * 200)
    log.put("third", claim)
    used = log.use("lab", NAME)
    assert log.row(used).status == "contested"
    claims = [entry.index for entry in show(log, used).entries]
    assert len(claims) == 2 * 2 + 2  # two claims, their parties, the use, its party
