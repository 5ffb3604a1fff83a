"""What a batch may cost (docs/spec.md, "Steps") follows from the log alone: whatever a process remembers, it counts
alike."""

import random

import pytest

from ledger import context
from ledger.errors import Refusal
from proofs.entry import Batch
from tests.ledger.market import Market, offer, plain, splits, terms
from tests.ledger.support import NAME, body, none, source, usage


def records(chance: random.Random, assets: list[bytes], own: list[bytes], usages: list[bytes]) -> list[bytes]:
    """Some records of `lab`, whose `own` assets and usages are among them, drawn from what a batch has to pay for."""
    made: list[bytes] = []
    for _ in range(chance.randint(1, 6)):
        ref = chance.choice(assets)
        made.append(
            chance.choice(
                [
                    usage(ref, quantities={"token": chance.randint(1, 2000)}),
                    usage(ref, quantities={"token": 1000}),
                    usage(ref, "embed"),
                    usage(NAME),
                    body("terms", asset=chance.choice(own), **terms(offer(chance.randint(1, 3)))),
                    body("withdraw", target=chance.choice(own)),
                    plain(sources=[source(one) for one in sorted(set(chance.choices(own, k=3)))], aka=[NAME]),
                    body("dispute", target=chance.choice([*own, *usages]), reason="r"),
                    body("correction", usage=chance.choice(usages), quantities={}, reason="r"),
                    none(),
                ]
            )
        )
    return made


def answer(log: Market, batch: Batch) -> tuple[object, ...]:
    """Where a batch came to stand, or all that its refusal says."""
    try:
        outcome = log.take(batch)
    except Refusal as refusal:
        return refusal.status, refusal.position, refusal.field, refusal.detail, tuple(refusal.extra.items())
    return outcome.first_index, *outcome.statuses


@pytest.mark.parametrize("seed", range(6))
def test_a_ledger_that_remembers_nothing_counts_alike(
    seed: int, monkeypatch: pytest.MonkeyPatch, long_run: bool
) -> None:
    """The same batches offered to a ledger that goes on, and to one that is opened anew before each, with a bound that
    many of them pass: the same answers; and a replay of what was taken agrees under that bound."""
    chance = random.Random(seed)
    warm, cold = Market(), Market()
    assets: list[bytes] = []
    own: list[bytes] = []
    usages: list[bytes] = []
    for log in (warm, cold):
        a, b, c = log.chain()
        bare = log.register("owner", "bare")
        made = log.sell("lab", "own", source(b, bps=1000), splits=splits(lab=5000, fourth=5000))
        first = log.use("lab", c)
        assets, own, usages = [a, b, c, bare, made], [made], [log.ref(first)]
    monkeypatch.setattr(context, "STEPS_MAX", 60)
    passed, taken, seen = 0, 0, warm.size
    for _ in range(600 if long_run else 60):
        batch = warm.sign("lab", *records(chance, assets, own, usages))
        cold.open()
        warm_answer, cold_answer = answer(warm, batch), answer(cold, batch)
        assert warm_answer == cold_answer
        passed += any("too much work" in str(part) for part in warm_answer)
        taken += warm.size > seen
        for index in range(seen, warm.size):
            if warm.state.usage(index) is not None:
                usages.append(warm.ref(index))
            elif warm.state.asset(index) is not None:
                own.append(warm.ref(index))
        seen = warm.size
    assert min(passed, taken) > 2
    assert (warm.size, warm.root) == (cold.size, cold.root)
    warm.check()
