"""ledger.usages: the status that a use gets, and what a usage may name (design sections 4 and 5)."""

import pytest

from ledger import keys
from ledger.stored import status_of
from tests.ledger.support import NAME, Log, asset, body, delegate, none, public, source, usage

DIGEST = bytes(range(32))


@pytest.fixture
def log() -> Log:
    """A log with an `owner`, a `lab` and a `third` party."""
    made = Log()
    for who in ("owner", "lab", "third"):
        made.join(who, name=who)
    return made


def status(log: Log, target: bytes | str, **fields: object) -> str:
    (found,) = log.put("lab", usage(target, **fields)).statuses
    assert status_of(log.store, log.size - 1) == found
    return found


def test_use_by_reference_is_unlicensed(log: Log) -> None:
    """Use of an asset without terms, by its reference, is logged as unlicensed, of one's own and of a retired one
    too."""
    ref = log.register("owner", "corpus")
    own = log.register("lab", "own")
    assert status(log, ref) == status(log, own) == "unlicensed"
    log.put("owner", body("withdraw", target=ref))
    assert status(log, ref) == "unlicensed"
    log.check()


def test_use_by_name_follows_the_claims(log: Log) -> None:
    """No claim: unclaimed; one party's claims, however many: unlicensed; several parties': contested,
    until withdrawn."""
    assert status(log, NAME) == "unclaimed"
    first = log.register("owner", "a", aka=[NAME])
    assert status(log, NAME) == "unlicensed"
    log.register("owner", "b", aka=[NAME])
    assert status(log, NAME) == "unlicensed"
    rival = log.register("third", "c", aka=[NAME])
    assert status(log, NAME) == "contested"
    log.put("owner", body("withdraw", target=first))
    assert status(log, NAME) == "contested"
    log.put("third", body("withdraw", target=rival))
    assert status(log, NAME) == "unlicensed"
    log.check()


def test_the_users_own_claim_counts(log: Log) -> None:
    """A claim of the user's own party is a claim like any other."""
    log.register("lab", "mine", aka=[NAME])
    assert status(log, NAME) == "unlicensed"
    log.register("owner", "theirs", aka=[NAME])
    assert status(log, NAME) == "contested"


def test_provider_seen_use_is_observed(log: Log) -> None:
    """Whatever its target and its claims, provider-seen use is observed; who is named as user needn't be bound."""
    ref = log.register("owner", "corpus")
    seen = {"seen_by": "provider", "party": DIGEST}
    assert status(log, ref, **seen) == status(log, NAME, **seen) == "observed"
    log.register("owner", "a", aka=[NAME])
    log.register("third", "b", aka=[NAME])
    assert status(log, NAME, **seen) == "observed"
    assert status(log, NAME, seen_by="user") == "contested"
    log.rule("lab", usage(bytes(40), **seen), field="asset")
    log.check()


def test_statuses_within_a_batch_follow_its_order(log: Log) -> None:
    """A claim in a batch counts for the uses behind it, a withdrawal likewise; kinds without a status are `logged`."""
    outcome = log.put("lab", usage(NAME), asset("a", aka=[NAME]), usage(NAME), none(), usage(NAME, seen_by="user"))
    assert outcome.statuses == ["unclaimed", "logged", "unlicensed", "logged", "unlicensed"]
    made = log.ref(outcome.first_index + 1)
    outcome = log.put("lab", usage(NAME), body("withdraw", target=made), usage(NAME))
    assert outcome.statuses == ["unlicensed", "logged", "unclaimed"]
    log.check()


def test_into_holds_what_was_used(log: Log) -> None:
    """`into` names an asset of one's own whose sources hold the used one, by ref or name,
    directly or through others."""
    ref = log.register("owner", "corpus", sources=[source(NAME)])
    middle = log.register("third", "middle", sources=[source(ref, "contains")])
    made = log.register("lab", "model", sources=[source(middle, "trained_on"), source("pkg:pypi/x")])
    for target in (middle, ref, NAME, "pkg:pypi/x"):
        log.put("lab", usage(target, into=made))
    for target in (made, "pkg:pypi/y", log.register("owner", "other")):
        log.rule("lab", usage(target, into=made), field="into")
        log.put("lab", usage(target, "evaluate", into=made))
    log.check()


def test_into_does_not_count_evaluation(log: Log) -> None:
    """A source under evaluated_on doesn't hold what was used, at any depth."""
    ref = log.register("owner", "corpus")
    tested = log.register("lab", "tested", sources=[source(ref, "evaluated_on")])
    deeper = log.register("lab", "deeper", sources=[source(tested)])
    both = log.register("lab", "both", sources=[source(ref, "evaluated_on"), source(ref, "contains")])
    for made in (tested, deeper):
        log.rule("lab", usage(ref, into=made), field="into")
    log.put("lab", usage(ref, into=both))


def test_into_is_an_asset_of_the_signers_party(log: Log) -> None:
    """Another party's asset is refused, also for evaluation; a delegate may name its party's."""
    theirs = log.register("owner", "theirs", sources=[source(NAME)])
    mine = log.register("lab", "mine", sources=[source(NAME)])
    for use in ("train", "evaluate"):
        log.rule("lab", usage(NAME, use, into=theirs), field="into")
    log.put("lab", delegate("agent", "lab", "usage"))
    log.put("agent", usage(NAME, into=mine))
    log.rule("agent", usage(NAME, into=theirs), field="into")


def test_uses_are_found_by_their_target(log: Log) -> None:
    """Every use stands in the index of its asset or of its exact external name, provider-seen use too."""
    ref = log.register("owner", "corpus")
    seen = {"seen_by": "provider", "party": public("third")}
    by_ref = [log.put("lab", usage(ref)).first_index, log.put("third", none(), usage(ref, **seen)).first_index + 1]
    by_name = [log.put("lab", usage(NAME)).first_index, log.put("lab", usage(NAME, **seen)).first_index]
    log.put("lab", usage(NAME + "x"))

    def rows(prefix: bytes) -> list[int]:
        return [int.from_bytes(key[-8:], "big") for key, _ in log.store.scan(prefix, keys.after(prefix))]

    assert rows(keys.BY_ASSET + ref[:8]) == by_ref
    assert rows(keys.BY_NAME_USE + keys.text(NAME)) == by_name


def test_nil_reports_are_logged(log: Log) -> None:
    """A `none` record has no status and needs nothing but its period."""
    assert log.put("lab", none(), none(1)).statuses == ["logged", "logged"]
    assert status_of(log.store, log.size - 1) == "logged"


def test_all_optional_fields_together(log: Log) -> None:
    """Everything that a usage may carry without terms and claim is taken, and leaves the status as it is."""
    made = log.register("lab", "made", sources=[source(NAME)])
    fields = {
        "into": made, "items": DIGEST, "item_count": 4, "calls": 5, "detail": DIGEST, "seen_by": "user", "user": DIGEST,
        "call": "c-1", "commitment": DIGEST, "names": ["model", "prompt"], "attrs": {"gen_ai.request.model": "m"},
    }  # fmt: skip
    assert status(log, NAME, **fields) == "unclaimed"
    del fields["into"], fields["items"], fields["item_count"]
    assert status(log, NAME, **{**fields, "item": DIGEST, "into_name": "made"}) == "unclaimed"
    log.check()
