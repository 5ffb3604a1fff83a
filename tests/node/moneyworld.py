"""A small economy on one node: a publisher with a partner, a model maker, a lab that pays; statements and receipts.

The figures are chosen so that they can be told by hand: see each function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.transport import Transport
from proofs.jsonform import from_json
from proofs.ref import Ref, parse_ref
from tests.node.fakelog import Answer
from tests.node.harness import NOW_MS, Actor, NodeProcess, body

HOSTILE = "<script>document.title='owned'</script>\"'&=cmd|' /C calc'!A1"
"""A name that a page or a spreadsheet must not take for its own."""


@dataclass
class World:
    """Who and what there is."""

    node: NodeProcess
    publisher: Actor
    partner: Actor
    maker: Actor
    lab: Actor
    corpus: Ref
    model: Ref

    def refs(self, result: dict[str, Any]) -> list[Ref]:
        """The references of a result's records."""
        first = result["first_index"]
        return [self.ref(first + at) for at in range(result["count"])]

    def ref(self, index: int) -> Ref:
        """The reference to an entry."""
        return parse_ref(self.node.json(f"/records/{index}")["ref"])

    def use(self, who: Actor, asset: Ref, **fields: Any) -> Ref:
        """Log a use under the asset's own terms; where it stands."""
        usage = {"use": "train", "quantities": {"token": 1000}, "from_": NOW_MS, "until": NOW_MS + 5,
                 "terms": asset.pack(), **fields}  # fmt: skip
        return self.refs(who.log(body("usage", asset=asset.pack(), **usage)))[0]

    def account(self, payer: Actor, payee: Actor, currency: str = "EUR") -> str:
        """The path of an account."""
        return f"/accounts/{payer.key.hex()}/{payee.key.hex()}/{currency}"

    def state(self, payer: Actor, payee: Actor, by: Actor | None = None) -> Ref:
        """Log the statement that the node drafts; where it stands."""
        draft = self.node.json(f"{self.account(payer, payee)}/draft")
        assert draft["statable"], draft
        fields = from_json({"kind": "statement", "at": NOW_MS, **draft["statement"]})
        return self.refs((by or payer).log(body(**fields)))[0]

    def receipt(self, payee: Actor, statement: Ref, amount: int, reference: str = "r1") -> Ref:
        """Log that money came."""
        fields = {"statement": statement.pack(), "amount": amount, "method": "SEPA", "reference": reference}
        return self.refs(payee.log(body("receipt", **fields)))[0]


def offer(use: str, unit: str, price: int, per: int = 1) -> dict[str, Any]:
    """One offer; the price in nanos."""
    return {"use": use, "unit": unit, "price": price, "per": per}


def make_world(node: NodeProcess, *, name: str = "Publisher") -> World:
    """The corpus costs 0.01 EUR a token to train on, half of it the partner's, and asks 10 % of what is made from it.
    The model, made from it, costs 1 EUR a thousand output tokens."""
    publisher, partner, maker, lab = (Actor(node).join(who) for who in (name, "Partner", "Maker", "Lab"))
    terms = {
        "currency": "EUR",
        "offers": [offer("train", "token", 10_000_000), offer("infer", "output_token", 2_500_000_000, 1_000_000)],
        "splits": [{"party": publisher.key, "bps": 5000}, {"party": partner.key, "bps": 5000}],
        "derivatives": 1000,
        "prohibits": ["distill"],
    }
    made = publisher.log(body("asset", type="dataset", name=name + " corpus", version="2026", terms=terms))
    world = World(node, publisher, partner, maker, lab, Ref(0, bytes(32)), Ref(0, bytes(32)))
    world.corpus = world.refs(made)[0]
    sources = [{"asset": world.corpus.pack(), "as": "trained_on", "bps": 1000}]
    selling = {"currency": "EUR", "offers": [offer("infer", "output_token", 10**9, 1000)]}
    world.model = world.refs(maker.log(body("asset", type="model", name="model", sources=sources, terms=selling)))[0]
    return world


def settle_once(world: World) -> Ref:
    """Uses, a statement of the lab to the publisher, and a receipt for a part of it; the statement. The lab trains on
    1,000 and on 100 tokens (11 EUR, 5.50 of it the publisher's) and infers 30,000 output tokens (30 EUR, 3 of it the
    corpus's, 1.50 the publisher's), so 7 EUR are due. One use is unlicensed, one unpriced, one part-priced."""
    world.use(world.lab, world.corpus)
    world.use(world.lab, world.model, use="infer", quantities={"output_token": 30_000})
    world.use(world.lab, world.corpus, use="distill", quantities={"token": 5})
    world.use(world.lab, world.corpus, quantities={"token": 100, "item": 3})
    world.use(world.lab, world.corpus, use="search", quantities={"call": 3})
    statement = world.state(world.lab, world.publisher)
    world.receipt(world.publisher, statement, 3 * 10**9)
    return statement


class Proxy:
    """Passes requests on to a node, and lets a test change the answers."""

    def __init__(self, url: str, change: Callable[[str, Answer], Answer]) -> None:
        self.transport = Transport(url, attempts=1)
        self.change = change
        self.url = ""
        self.cut = 0

    def answer(self, method: str, path: str, data: bytes) -> Answer:
        """What the node says, changed."""
        transport = Transport(self.transport.url, attempts=1)  # requests come from several threads
        try:
            answer = transport.get(path, bytes_max=1 << 26)
        finally:
            transport.close()
        return self.change(path, (answer.status, answer.content_type, answer.body))
