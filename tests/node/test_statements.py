"""Statements before the queue: judged on a snapshot, wrong ones counted, and a flood of them slows nobody else."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import node.statements
from ledger.accountquery import AccountQuery
from ledger.accounts import Figures, figures_at
from ledger.append import Prepared, prepare
from ledger.errors import Refusal
from ledger.postings import Account
from ledger.query import Query
from node.admission import WRONG_BURST, WRONG_PER_S, Gate
from node.config import default_toml, parse_config
from node.statements import StatementGuard
from proofs.ed25519 import public_bytes
from proofs.entry import delegate_message, encode_request, sign_batch
from proofs.jsonform import from_json
from proofs.records import make_body
from tests.node.fakelog import NOW_MS, ORIGIN
from tests.node.harness import Actor, body, use_body
from tests.node.moneyworld import make_world
from tests.node.test_settle_liars import Market


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """The guard over a small log, and a lab that sends statements about its account with the owner."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = Market()
        self.clock = Clock()
        self.gate = Gate(parse_config(default_toml(origin=ORIGIN)), clock=self.clock)
        self.guard = StatementGuard(self.gate)
        self.account = Account(public_bytes(self.log.lab), public_bytes(self.log.owner), "EUR")
        self.added_up: list[int] = []

        def counted(state: Any, account: Account, to: int) -> Figures:
            self.added_up.append(to)
            return figures_at(state, account, to)

        monkeypatch.setattr(node.statements, "figures_at", counted)

    def draft(self, to: int | None = None) -> dict[str, Any]:
        """The right statement."""
        return AccountQuery(Query(self.log.reader)).draft(self.account, to).fields

    def prepared(self, *statements: dict[str, Any], key: Ed25519PrivateKey | None = None) -> Prepared:
        """A batch of statements, as it comes out of the early checks."""
        bodies = [make_body({"kind": "statement", "at": NOW_MS, **fields}) for fields in statements]
        head = (self.log.ledger.size, self.log.ledger.tree.root)
        batch = sign_batch(key or self.log.lab, origin=ORIGIN, size=head[0], root=head[1], first=99, bodies=bodies)
        return prepare(batch, origin=ORIGIN, root_at=self.log.ledger.root_at)

    def judge(self, *statements: dict[str, Any], key: Ed25519PrivateKey | None = None) -> list[Any]:
        """What the guard answers for each."""
        made = self.guard.prepare(self.prepared(*statements, key=key), self.log.reader)
        return [made.figures[at] for at in range(len(statements))]

    def wrong(self, *, key: Ed25519PrivateKey | None = None, **change: Any) -> Any:
        """What it answers to a statement with a wrong figure."""
        return self.judge({**self.draft(), "lines": 7, **change}, key=key)[0]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The guard over a small log."""
    return Desk(monkeypatch)


def is_refused(answer: Any, status: int) -> bool:
    """Whether the guard refuses it so."""
    return isinstance(answer, Refusal) and answer.status == status


def test_a_statement_comes_with_what_it_ought_to_say(desk: Desk) -> None:
    """Right or wrong: the writer compares, so that what was billed meanwhile counts."""
    figures = figures_at(Query(desk.log.reader).state, desk.account, desk.log.ledger.size)
    assert desk.judge(desk.draft()) == [figures]
    assert desk.wrong() == figures


def test_other_batches_pass_as_they_are(desk: Desk) -> None:
    """Records without a statement cost nothing here."""
    usage = {"kind": "usage", "at": NOW_MS, "asset": "model:a/b", "use": "train", "quantities": {"token": 1},
             "from": 0, "until": 1}  # fmt: skip
    head = (desk.log.ledger.size, desk.log.ledger.tree.root)
    batch = sign_batch(desk.log.lab, origin=ORIGIN, size=head[0], root=head[1], first=9, bodies=[make_body(usage)])
    prepared = prepare(batch, origin=ORIGIN, root_at=desk.log.ledger.root_at)
    assert desk.guard.prepare(prepared, desk.log.reader) is prepared
    assert desk.added_up == []


def test_wrong_ones_are_counted_and_forgiven(desk: Desk) -> None:
    """Twenty at once; then none is added up until the clock has forgiven some, right ones included."""
    for _ in range(WRONG_BURST):
        assert isinstance(desk.wrong(), Figures)
    refused = desk.wrong()
    assert is_refused(refused, 429)
    assert (refused.type, refused.extra) == ("usance:quota", {"retry_after_s": 1})
    assert is_refused(desk.judge(desk.draft())[0], 429)
    desk.clock.now += 1 / WRONG_PER_S
    assert isinstance(desk.judge(desk.draft())[0], Figures)
    assert isinstance(desk.wrong(), Figures)
    assert is_refused(desk.wrong(), 429)
    desk.clock.now += 10_000
    for _ in range(WRONG_BURST):
        assert isinstance(desk.wrong(), Figures)
    assert is_refused(desk.wrong(), 429)


def test_the_same_figures_are_added_up_once(desk: Desk) -> None:
    """What an account comes to below a leaf never changes."""
    for _ in range(5):
        desk.judge(desk.draft())
    assert desk.added_up == [desk.log.ledger.size]


def test_stale_ones_and_those_that_cost_nothing_do_not_count(desk: Desk) -> None:
    """The other side was faster; a stranger's; a `to` that isn't reached: refused, and free of charge."""
    early = desk.draft()
    desk.log.put(desk.log.owner, "statement", **early)
    stranger = Ed25519PrivateKey.generate()
    desk.log.put(stranger, "party", name="Stranger")
    desk.log.use(3)
    for _ in range(WRONG_BURST + 5):
        assert is_refused(desk.judge(early)[0], 409)
        assert is_refused(desk.judge({**desk.draft(), "to": desk.log.ledger.size + 1})[0], 422)
        assert is_refused(desk.judge(desk.draft(), key=stranger)[0], 422)
    assert desk.added_up == []
    assert isinstance(desk.judge(desk.draft())[0], Figures)


def test_nothing_is_added_up_behind_a_wrong_one(desk: Desk) -> None:
    """A batch is taken whole or not at all: after its first refusal the rest is not looked at."""
    size = desk.log.ledger.size
    past = {**desk.draft(), "to": size + 1}
    answers = desk.judge(desk.draft(), past, desk.draft(size - 1), desk.draft(size - 2))
    assert isinstance(answers[0], Figures)
    assert all(is_refused(answer, 422) for answer in answers[1:])
    assert desk.added_up == [size]


def test_a_party_is_counted_whatever_key_it_uses(desk: Desk) -> None:
    """Delegates add to their party's count; the other side's isn't touched."""
    delegate = Ed25519PrivateKey.generate()
    lab = public_bytes(desk.log.lab)
    accept = delegate.sign(delegate_message(origin=ORIGIN, party=lab, kinds=["statement"]))
    desk.log.put(desk.log.lab, "delegate", key=public_bytes(delegate), kinds=["statement"], accept=accept)
    for number in range(WRONG_BURST):
        assert isinstance(desk.wrong(key=(delegate, desk.log.lab)[number % 2]), Figures)
    assert is_refused(desk.wrong(key=delegate), 429)
    assert is_refused(desk.wrong(), 429)
    assert isinstance(desk.wrong(key=desk.log.owner), Figures)


def test_statements_of_one_batch_follow_one_another(desk: Desk) -> None:
    """Several right statements of one account in one batch, each on top of what those before it bill, aren't wrong,
    however many; one that leaves them out is."""
    desk.log.use(1)
    desk.log.use(2)
    whole, due = desk.draft(), 0
    tos = [to for to in range(1, whole["to"]) if desk.draft(to)["lines"] > desk.draft(to - 1)["lines"]]
    following = []
    for to in [*tos, whole["to"]]:
        made = desk.draft(to)
        fields = {**made, "billed": due.to_bytes(16, "big"), "due": max(0, made["due"] - due)}
        if fields["due"]:
            following.append(fields)
            due += fields["due"]
    assert len(following) == 3
    for _ in range(WRONG_BURST + 1):
        assert all(isinstance(answer, Figures) for answer in desk.judge(*following))
    for _ in range(WRONG_BURST):
        assert isinstance(desk.judge(following[0], desk.draft())[1], Figures)
    assert is_refused(desk.judge(*following)[0], 429)


def test_no_more_is_added_up_than_one_batch_may_hold(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch with more statements than the writer would take only so many are looked at, and none of one whose
    signed head isn't the log's."""
    monkeypatch.setattr(node.statements, "STATEMENTS_MAX", 2)
    size = desk.log.ledger.size
    prepared = desk.prepared(*(desk.draft(size - at) for at in range(3)))
    assert sorted(desk.guard.prepare(prepared, desk.log.reader).figures) == [0, 1]
    assert len(desk.added_up) == 2
    other = replace(prepared, head=Refusal("x", status=422, type="usance:history"))
    assert desk.guard.prepare(other, desk.log.reader) is other


def test_what_is_kept_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many accounts and sizes don't fill memory."""
    monkeypatch.setattr(node.statements, "FIGURES_MAX", 2)
    for to in range(2, desk.log.ledger.size + 1):
        desk.judge(desk.draft(to))
    assert len(desk.guard._figures) == 2


def test_a_batch_that_is_wrong_already_is_left_alone(desk: Desk) -> None:
    """Its refusal comes first, and costs its sender nothing here."""
    prepared = replace(
        desk.prepared({**desk.draft(), "lines": 9}), fields=Refusal("x", status=422, type="usance:field")
    )
    assert desk.guard.prepare(prepared, desk.log.reader) is prepared
    assert desk.added_up == []


# Over HTTP

LINES = 4000
FLOOD = 1000
HONEST_BATCHES, HONEST_RECORDS = 24, 128
ROUNDS = 3
RATIO_MIN = 0.25
"""A flood that slowed the writer, which adds up every line for each wrong statement, would leave a hundredth."""


@pytest.fixture
def flooded(make_node: Callable[..., Any]) -> tuple[Any, Any, list[bytes]]:
    """A node on which the lab has an account of LINES lines, and FLOOD wrong statements about it, signed."""
    running = make_node()
    world = make_world(running)
    usage = {"asset": world.corpus.pack(), "terms": world.corpus.pack(), "use": "train"}
    for _ in range(LINES // 1000):
        world.lab.log(*(use_body(**usage) for _ in range(1000)))
    draft = running.json(f"{world.account(world.lab, world.publisher)}/draft")["statement"]
    wrong = [
        body(**from_json({"kind": "statement", "at": NOW_MS + at, **draft, "to": draft["to"] - at, "gross": "1"}))
        for at in range(FLOOD)
    ]
    requests = [
        encode_request([world.lab.sign(statement) for statement in wrong[at : at + 20]]) for at in range(0, FLOOD, 20)
    ]
    return running, world, requests


def rate_of(running: Any, actor: Actor) -> float:
    """Honest records a second, each batch taken."""
    requests = []
    for at in range(HONEST_BATCHES):
        bodies = [use_body(quantities={"token": 1 + at}) for _ in range(HONEST_RECORDS)]
        requests.append(encode_request([actor.sign(*bodies)]))
        actor.next += HONEST_RECORDS
    began = time.monotonic()
    for request in requests:
        assert running.post(request).json()["results"][0]["status"] == 200
    return HONEST_BATCHES * HONEST_RECORDS / (time.monotonic() - began)


def test_a_thousand_wrong_statements_do_not_slow_the_writer(flooded: tuple[Any, Any, list[bytes]]) -> None:
    """Honest uses are taken at a rate of the same size with the flood and without; the flood is answered 422, then
    429 `usance:quota`, and nothing of it is stored."""
    running, world, requests = flooded
    honest = Actor(running).join("Honest")
    statuses: list[tuple[int, str]] = []
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(rate_of(running, honest))
        stop = threading.Event()

        def flood(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                for request in requests:
                    answer = running.post(request)
                    if answer.status == 429:  # all of its batches are over the quota
                        statuses.extend([(429, "usance:quota")] * 20)
                    else:
                        statuses.extend((result["status"], result["type"]) for result in answer.json()["results"])
                    if stop.is_set():
                        return

        sender = threading.Thread(target=flood)
        sender.start()
        try:
            beside.append(rate_of(running, honest))
        finally:
            stop.set()
            sender.join()
    assert max(beside) / max(alone) >= RATIO_MIN, (alone, beside)
    assert set(statuses) == {(422, "usance:rule"), (429, "usance:quota")}
    assert statuses.count((429, "usance:quota")) > len(statuses) / 2
    assert running.json(world.account(world.lab, world.publisher))["statement"] is None
    assert running.next_of(world.lab.key) == world.lab.next
