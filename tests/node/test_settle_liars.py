"""The payer's agent against a node that lies: every figure is the log's own, so nothing wrong is ever signed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import accounts
from ledger.query import Query
from ledger.replay import AuditFailure
from ledger.state import State
from node.agents.agent import tell_nobody
from node.agents.payees import Account, Payees
from proofs.ed25519 import public_bytes
from proofs.errors import RetryableError, VerifyError
from proofs.jsonform import from_json
from proofs.records import make_body
from proofs.ref import Ref
from tests.node.agents.support import DUTCH, GERMAN
from tests.node.fakelog import JSON, NOW_MS, Answer, FakeLog, serving
from tests.node.settling import Desk

EUR = 10**9
FIGURES = ("payer", "payee", "currency", "to", "lines", "gross", "root", "credit_lines", "credits", "credit_root",
           "billed", "due", "unpriced", "unlicensed")  # fmt: skip


class Market(FakeLog):
    """A log on which a lab owes an owner 3.50 EUR; `start` is the log's size by then."""

    def __init__(self) -> None:
        super().__init__()
        self.owner, self.lab = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        terms = {"currency": "EUR", "offers": [{"use": "train", "unit": "token", "price": EUR // 2, "per": 1}]}
        for who, name in ((self.owner, "Owner"), (self.lab, "Lab")):
            self.put(who, "party", name=name)
        asset = self.put(self.owner, "asset", type="dataset", name="corpus", terms=terms)
        self.asset = asset.pack()
        self.use(7)
        self.start = self.ledger.size

    def use(self, tokens: int) -> None:
        """The lab trains on so many tokens, at half a euro each."""
        usage = {"asset": self.asset, "use": "train", "quantities": {"token": tokens}, "terms": self.asset}
        self.put(self.lab, "usage", **usage, **{"from": NOW_MS, "until": NOW_MS})

    def put(self, who: Ed25519PrivateKey, kind: str, **fields: Any) -> Ref:
        """Log a record without HTTP; where it stands."""
        row = State(self.ledger.store).key(public_bytes(who))
        number = 0 if row is None else row.next
        index = self.log(who, number, [make_body({"kind": kind, "at": NOW_MS, **fields})]).first_index
        return Ref(index, self.reader.tree.leaf(index))

    def statements(self) -> int:
        """How many statements the log holds."""
        return len(Query(self.reader).records(start=0, limit=100, kind="statement").indices)


@pytest.fixture
def log() -> Iterator[Market]:
    """The log, served; honest until a hook is set."""
    made = Market()
    with serving(made):
        yield made


@pytest.fixture
def lab(log: Market, tmp_path: Path) -> Desk:
    """The lab's agent."""
    accounts = {public_bytes(log.owner): Account("Owner", iban=DUTCH)}
    payees = Payees(public_bytes(log.lab), Account("Lab", iban=GERMAN), accounts)
    return Desk(log.url, log.vkey, tmp_path, log.lab, payees)


def altered(path: str, change: Any) -> Any:
    """A hook that changes the JSON answers of a route that ends so."""

    def hook(method: str, asked: str, body: bytes, answer: Answer) -> Answer:
        if not asked.partition("?")[0].endswith(path):
            return answer
        value = json.loads(answer[2])
        change(value)
        return 200, JSON, json.dumps(value).encode()

    return hook


def nothing_signed(log: Market, lab: Desk) -> None:
    """The log has grown by nothing, and nothing is to be paid."""
    assert log.ledger.size == log.start
    assert lab.files() == []


def test_an_honest_node_settles(log: Market, lab: Desk) -> None:
    """What the lies are lies about."""
    done = lab.settle()
    assert [(one.due, one.lines, one.to) for one in done.stated] == [(3500 * EUR // 1000, 1, log.start)]
    assert len(done.paid) == log.statements() == 1
    assert lab.settle().is_idle


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("value", ["other", None, "missing"])
def test_a_draft_with_any_other_figure_is_found_out(log: Market, lab: Desk, name: str, value: str | None) -> None:
    """The figure and both parties are named, and nothing is signed."""

    def change(draft: dict[str, Any]) -> None:
        if value == "missing":
            del draft["statement"][name]
        else:
            old = draft["statement"][name]
            new = old + 1 if type(old) is int else str(int(old) + 1) if old.isdigit() else old[::-1]
            draft["statement"][name] = new if value == "other" else None

    log.hook = altered("/draft", change)
    with pytest.raises(VerifyError) as refused:
        lab.settle()
    assert refused.value.field == name
    for party in (log.owner, log.lab):
        assert public_bytes(party).hex() in refused.value.detail
    nothing_signed(log, lab)


@pytest.mark.parametrize("answer", [b"{}", b'{"statement": []}', b'{"statement": {"due": 5}}'])
def test_an_answer_that_is_no_draft_is_found_out(log: Market, lab: Desk, answer: bytes) -> None:
    """Whatever shape it has."""
    log.hook = lambda method, path, body, honest: (200, JSON, answer) if "/draft" in path else honest
    with pytest.raises(VerifyError):
        lab.settle()
    nothing_signed(log, lab)


def test_a_node_that_lowers_what_is_due_is_not_believed_for_naming_an_old_statement(log: Market, lab: Desk) -> None:
    """Another `billed` is explained only by a statement that was logged after the books were read."""
    lab.settle()
    log.use(2)
    size = log.ledger.size
    log.hook = altered("/draft", lambda draft: draft["statement"].update(billed="0"))
    with pytest.raises(VerifyError, match="another billed"):
        lab.settle()
    assert log.ledger.size == size


def test_a_statement_that_is_another_accounts_is_found_out(log: Market, lab: Desk) -> None:
    """A node can't explain a wrong figure with whatever entry it likes."""

    def hook(method: str, path: str, body: bytes, answer: Answer) -> Answer:
        if path.partition("?")[0].endswith("/draft"):
            # A record that comes in after the books were read, and is no statement.
            if log.ledger.size == log.start:
                log.put(log.owner, "none", **{"from": 0, "until": 1})
            return altered("/draft", lambda draft: draft["statement"].update(billed="9"))(method, path, body, answer)
        if path.startswith("/accounts/"):
            ref = str(Ref(log.start, log.reader.tree.leaf(log.start)))
            return altered("/EUR", lambda said: said.update(statement=ref))(method, path, body, answer)
        return answer

    log.hook = hook
    with pytest.raises(VerifyError, match="newest statement of"):
        lab.settle()
    assert log.statements() == 0


def test_an_entry_that_was_changed_is_found_out(log: Market, lab: Desk) -> None:
    """The log is replayed: one bit in one bundle, and nothing is signed."""

    def hook(method: str, path: str, body: bytes, answer: Answer) -> Answer:
        if "/tile/entries/" not in path:
            return answer
        data = bytearray(answer[2])
        data[-1] ^= 1
        return answer[0], answer[1], bytes(data)

    log.hook = hook
    with pytest.raises(AuditFailure):
        lab.settle()
    nothing_signed(log, lab)


def test_a_node_that_names_another_party_is_found_out(log: Market, lab: Desk) -> None:
    """Whose key it is follows from the log, not from the node."""
    log.hook = altered(public_bytes(log.lab).hex(), lambda said: said.update(party=public_bytes(log.owner).hex()))
    with pytest.raises(VerifyError, match="the log says"):
        lab.settle()
    nothing_signed(log, lab)


def test_a_stale_answer_needs_a_statement_that_stands(log: Market, lab: Desk) -> None:
    """A node that says `stale` must name a statement of the account; one that keeps saying so is given up."""

    def stale(index: Any) -> Any:
        def change(said: dict[str, Any]) -> None:
            row = {"status": 409, "type": "usance:stale", "detail": "stated", "position": 0, "field": "to"}
            said["results"] = [{**row, "statement": index}]

        return change

    for index in (None, -1, "7", 2**63, 1):
        log.hook = _refused(stale(index), log)
        with pytest.raises(VerifyError):
            lab.settle()
    nothing_signed(log, lab)


@pytest.mark.parametrize("figures", [{"due": 9 * EUR}, {"due": EUR}, {"billed": b"\1".rjust(16, b"\0")}])
def test_a_wrong_statement_that_the_log_took_is_not_paid(
    log: Market, lab: Desk, monkeypatch: pytest.MonkeyPatch, figures: dict[str, Any]
) -> None:
    """A payee and a log that stand together: the statement is logged and signed for, and its figures aren't those of
    the entries. It is neither taken for ours nor paid, in this run or a later one."""

    def reached(step: str) -> None:
        if step == "compared":
            with monkeypatch.context() as lying:
                lying.setattr(accounts, "compare_statement", lambda *anything: None)
                log.put(log.owner, "statement", **{**_draft(log), **figures})

    for step in (reached, tell_nobody):
        with pytest.raises(VerifyError):
            lab.settle(step)
    assert lab.files() == []
    assert log.statements() == 1


def _refused(change: Any, log: Market) -> Any:
    """A hook that takes nothing, and answers writes with a change of an honest answer's form."""

    def hook(method: str, path: str, body: bytes, answer: Answer) -> Answer:
        if method != "POST":
            return answer
        value: dict[str, Any] = {"checkpoint": log.checkpoint().decode()}
        change(value)
        return 200, JSON, json.dumps(value).encode()

    log._records = lambda body: (200, JSON, b"{}")  # type: ignore[method-assign]
    return hook


def test_a_log_that_is_always_ahead_is_given_up(log: Market, lab: Desk) -> None:
    """Where the other side states again and again, a run ends after a bounded number of replays, and says so."""

    def reached(step: str) -> None:
        if step == "compared":
            log.use(2)
            log.put(log.owner, "statement", **_draft(log))
            log.use(2)

    with pytest.raises(RetryableError, match="try again"):
        lab.settle(reached)
    assert log.statements() == 3
    assert lab.files() == []


def _draft(log: Market) -> dict[str, Any]:
    path = f"/accounts/{public_bytes(log.lab).hex()}/{public_bytes(log.owner).hex()}/EUR/draft?to={log.ledger.size}"
    said = json.loads(log._honest("GET", path, b"")[2])["statement"]
    return from_json(said)


def test_an_answer_lost_on_the_way_signs_nothing_twice(log: Market, lab: Desk) -> None:
    """The connection breaks after each write was taken: the same batch is sent again, and counts once."""
    broken: list[bytes] = []

    def hook(method: str, path: str, body: bytes, answer: Answer) -> Answer | None:
        if method == "POST" and body not in broken:
            broken.append(body)
            return None
        return answer

    log.hook = hook
    done = lab.settle()
    assert len(broken) == 2
    assert (log.statements(), len(done.paid)) == (1, 1)
    assert log.ledger.size == log.start + 2
