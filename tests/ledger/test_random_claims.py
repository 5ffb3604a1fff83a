"""Claims, withdrawals, disputes, canaries and accepted claims in random order, good and bad: no rule is broken, money
moves by uses alone, and the same batches give the same rows again."""

import random

import pytest

from ledger import keys
from ledger.errors import Refusal
from proofs.entry import Batch
from tests.ledger.market import Market
from tests.ledger.support import NAME, Log, all_rows, body, public, usage
from tests.ledger.test_findings import canary, claimed

STEPS = 150
WHO = ("owner", "maker", "lab", "third")
MONEY = (keys.STATUS, keys.LIST_HEAD, keys.LIST_CHUNK, keys.LIST_NODE, keys.PAYEE, keys.RIDER, keys.ACCOUNT)


class Game:
    """A log, what stands in it, and every batch that it took."""

    def __init__(self, seed: int) -> None:
        self.chance, self.log = random.Random(seed), Market()
        self.assets = {who: [self.log.sell(who, f"{who} {n}") for n in range(2)] for who in WHO}
        self.begun = self.log.size
        self.refs: dict[str, list[bytes]] = {"claim": [], "dispute": [], "usage": []}
        self.batches: list[Batch] = []
        self.refusals: list[Refusal] = []

    def some(self, kind: str) -> bytes:
        """A reference to a record of the kind, seldom to another, or to none."""
        among = self.refs[kind] if self.refs[kind] and self.chance.random() < 0.9 else [self.log.ref(1), bytes(40)]
        return self.chance.choice(among)

    def asset(self) -> bytes:
        """Anybody's."""
        return self.chance.choice(self.assets[self.chance.choice(WHO)])

    def against(self) -> dict[str, bytes]:
        """Whom a claim is against."""
        return self.chance.choice(
            [{"asset": self.asset()}, {"party": public(self.chance.choice((*WHO, "nobody")))}, {"digest": bytes(32)}]
        )

    def body(self) -> bytes:
        """The next record, allowed or not."""
        chance = self.chance
        asset = self.asset()
        return chance.choice(
            [
                lambda: claimed(asset, **self.against()),
                lambda: claimed(asset, **self.against()),
                lambda: canary(asset=chance.choice([asset, NAME])),
                lambda: usage(asset, claim=self.some("claim"), quantities={"token": chance.randrange(1, 99)}),
                lambda: usage(asset),
                lambda: body("withdraw", target=self.some("claim") if chance.random() < 0.8 else asset),
                lambda: body("dispute", target=self.some(chance.choice(["claim", "usage"])), reason="wrong"),
                lambda: body("resolution", dispute=self.some("dispute"), outcome=chance.choice(
                    ["conceded", "rejected", "withdrawn", "upheld"])),
            ]
        )()  # fmt: skip

    def step(self) -> tuple[str, bool]:
        """One record by somebody; its kind, and whether it was taken."""
        data = self.body()
        batch = self.log.sign(self.chance.choice(WHO), data)
        try:
            made = self.log.take(batch)
        except Refusal as refusal:
            self.refusals.append(refusal)
            return "", False
        self.batches.append(batch)
        kind = str(self.log.state.body(made.first_index)["kind"])
        if kind in self.refs:
            self.refs[kind].append(self.log.ref(made.first_index))
        return kind, True


def money(log: Log) -> dict[bytes, bytes]:
    """Rows of statuses and accounts."""
    return {row: value for row, value in all_rows(log.store).items() if row[:1] in MONEY}


@pytest.mark.parametrize("seed", range(4))
def test_claims_move_no_money_and_are_judged_alike_again(seed: int) -> None:
    """After each record but a usage statuses and accounts are as they were; a replay agrees; and another ledger that
    takes the same batches has the same rows."""
    game = Game(seed)
    taken: set[str] = set()
    before = money(game.log)
    twin = Market()
    for who in WHO:
        for number in range(2):
            twin.sell(who, f"{who} {number}")
    for _ in range(STEPS):
        kind, is_taken = game.step()
        after = money(game.log)
        assert kind == "usage" or after == before, kind
        before = after
        taken |= {kind} if is_taken else set()
    assert {"claim", "canary", "usage", "withdraw", "dispute", "resolution"} <= taken
    assert all(refusal.status == 422 and refusal.expected for refusal in game.refusals)
    game.log.check()
    for batch in game.batches:
        twin.take(batch)
    assert all_rows(twin.store) == all_rows(game.log.store)
