"""`GET /evidence`, `usance evidence`, `verify` and `disclose`: made by a node, checked offline, opened a little."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.transport import Transport
from proofs import commitment
from proofs.commitment import Call
from proofs.evidence import parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.jsonform import from_json
from proofs.policy import log_policy
from proofs.ref import Ref
from tests.node.clitool import Cli
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, check_problem, use_body

PRICE = 100 * 10**9
SALTS = [bytes([at]) * 16 for at in range(5)]
HIDDEN = commitment.hide({"model": "m-1", "prompt": "hello"}, SALTS[:2])
CALLS = [Call(salt, f"c-{at}", NOW_MS + at, {"token": at + 1}) for at, salt in enumerate(SALTS)]


@dataclass
class Trade:
    """Parties of a derived asset on a node, and what they logged, by name."""

    node: NodeProcess
    actors: dict[str, Actor] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)

    def ref(self, name: str) -> bytes:
        """The reference to an entry by its name."""
        index = self.at[name]
        text = self.node.json(f"/records/{index}")["ref"]
        return Ref(index, bytes.fromhex(text.split(":")[1])).pack()

    def log(self, who: str, what: str, data: bytes) -> int:
        """Log a record under a name."""
        self.at[what] = self.actors[who].log(data)["first_index"]
        return self.at[what]

    def use(self, what: str, **fields: Any) -> int:
        """The user uses the model under its terms."""
        agreed = {"use": "infer", "quantities": {"token": 1000}, "terms": self.ref("model terms"), **fields}
        return self.log("user", what, use_body(self.ref("model"), **agreed))

    def state(self, payee: str) -> int:
        """The user states what it owes."""
        payer, paid = (self.actors[name].key for name in ("user", payee))
        draft = self.node.json(f"/accounts/{payer.hex()}/{paid.hex()}/USD/draft")
        fields = from_json({"kind": "statement", **draft["statement"]})
        return self.log("user", f"statement {payee}", body(**{**fields, "kind": "statement"}))

    def receive(self, payee: str) -> None:
        """The payee says that it came."""
        ref = self.ref(f"statement {payee}")
        due = int(self.node.json(f"/records/{self.at[f'statement {payee}']}")["record"]["due"])
        self.log(payee, f"receipt {payee}", body("receipt", statement=ref, amount=due, method="sepa", reference="r-1"))


@pytest.fixture(scope="module")
def trade(node: NodeProcess) -> Trade:
    """A data set that asks 5 %, a model made from it, a use of the model: stated and received."""
    made = Trade(node)
    for name in ("user", "owner", "source"):
        made.actors[name] = Actor(node).join(name)
    offers = [{"use": "infer", "unit": "token", "price": PRICE, "per": 1000}]
    made.log("source", "data", body("asset", type="dataset", name="data"))
    made.log("source", "data terms", body("terms", asset=made.ref("data"), currency="USD", offers=[], derivatives=500))
    sources = [{"as": "trained_on", "asset": made.ref("data"), "bps": 500}]
    made.log("owner", "model", body("asset", type="model", name="model", sources=sources))
    made.log("owner", "model terms", body("terms", asset=made.ref("model"), currency="USD", offers=offers))
    hidden = {"commitment": commitment.root([one.leaf() for one in HIDDEN]), "names": ["model", "prompt"]}
    detail = {"calls": 5, "detail": commitment.root([call.leaf() for call in CALLS])}
    made.use("use", **hidden, **detail)
    made.use("other use")
    for payee in ("owner", "source"):
        made.state(payee)
        made.receive(payee)
    made.use("late use")
    return made


@pytest.fixture
def cli(tmp_path: Path, trade: Trade) -> Cli:
    """Somebody who only reads."""
    node = trade.node
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey")})


@pytest.fixture
def offline(cli: Cli) -> Cli:
    """The same, without a node, and with a state folder that must not be needed."""
    return Cli(cli.folder, {"USANCE_LOG": cli.environment["USANCE_LOG"], "USANCE_STATE": "/nonexistent"})


# The route


def test_the_route_serves_the_file_itself(trade: Trade) -> None:
    """JSON in its one form, which holds under the log's key; for one payee, its line alone."""
    node = trade.node
    answer = node.get(f"/evidence/{trade.at['use']}")
    assert (answer.status, answer.type) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-cache"
    shown = parse_evidence(answer.body)
    verdict = check_evidence(shown, policy=log_policy(node.vkey))
    assert verdict.result == "good", verdict.steps[-1]
    assert [payee["amount"] for payee in verdict.more["payees"]] == ["95000000000", "5000000000"]
    source = trade.actors["source"].key
    alone = parse_evidence(node.get(f"/evidence/{trade.at['use']}?payee={source.hex()}").body)
    assert [line.account.payee for line in alone.lines] == [source]
    assert check_evidence(alone, policy=log_policy(node.vkey)).result == "incomplete"


def test_what_has_no_evidence_is_a_problem(trade: Trade) -> None:
    """No such entry, no usage, no payee of it, bad arguments."""
    node, use = trade.node, trade.at["use"]
    check_problem(node.get(f"/evidence/{10**9}"), 404)
    check_problem(node.get(f"/evidence/{trade.at['model']}"), 404)
    assert "reaches" in check_problem(node.get(f"/evidence/{use}?payee={'0' * 64}"), 400)["detail"]
    for path in ("/evidence/x", f"/evidence/{use}?payee=zz", f"/evidence/{use}?size=1", "/evidence/-1"):
        check_problem(node.get(path), 400)


# The commands


def test_evidence_is_checked_before_it_is_written(cli: Cli, offline: Cli, trade: Trade) -> None:
    """The node's bytes, written once they hold; afterwards nothing but the file and the log's key is needed."""
    use = trade.at["use"]
    said = cli.json("evidence", use, "-o", "use.json")
    assert (said["verdict"], [payee["settled"] for payee in said["payees"]]) == ("good", [True, True])
    data = (cli.folder / "use.json").read_bytes()
    assert data == trade.node.get(f"/evidence/{use}").body
    assert cli.ok("evidence", said["ref"]).out.encode() == data
    assert cli.json("evidence", use)["evidence"].encode() == data
    assert "settled for 2 of 2 payees" in cli.ok("evidence", use, "-o", "use.json").out
    done = offline.ok("verify", "use.json")
    assert "GOOD: every step holds" in done.out
    assert "95.00 USD" in done.out
    assert "NOT SHOWN" in done.out
    value = offline.json("verify", "use.json")
    assert value["verdict"] == "good"
    assert value["usage"]["charge"] == str(PRICE)
    done = Cli(cli.folder)("verify", "use.json")
    assert (done.code, done.out.count("open checkpoint")) == (3, 1)


def test_what_is_not_settled_is_incomplete(cli: Cli, offline: Cli, trade: Trade) -> None:
    """No statement covers it yet: written all the same, and verify says what is open."""
    assert "settled for 0 of 2 payees" in cli.ok("evidence", trade.at["late use"], "-o", "late.json").out
    done = offline("verify", "late.json")
    assert (done.code, done.err) == (3, "")
    assert "no statement of it" in done.out
    source = trade.actors["source"].key.hex()
    assert cli.json("evidence", trade.at["use"], "--payee", source, "-o", "one.json")["verdict"] == "incomplete"
    done = offline("verify", "one.json")
    assert done.code == 3


def test_files_that_fail_or_cant_be_read(cli: Cli, offline: Cli, trade: Trade) -> None:
    """1 where a check fails, 2 where it is no evidence file; options of proofs don't go with it."""
    cli.ok("evidence", trade.at["use"], "-o", "use.json")
    data = (cli.folder / "use.json").read_bytes()
    value = json.loads(data)
    value["lines"][0]["amount"] = str(int(value["lines"][0]["amount"]) + 1)
    forged = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    (cli.folder / "forged.json").write_bytes(forged)
    done = offline("verify", "forged.json")
    assert done.code == 1
    assert "FAIL line" in done.out
    for name, text in (("newline.json", data + b"\n"), ("brace.json", b"{"), ("empty.json", b"{}")):
        (cli.folder / name).write_bytes(text)
        assert "no" in offline.fails(2, "verify", name)
    assert "go with a .tlog-proof" in offline.fails(2, "verify", "use.json", "--entry", "x")
    assert "usage" in cli.fails(2, "evidence", trade.at["model"])
    assert "an index" in cli.fails(2, "evidence", "x")
    assert "another entry" in cli.fails(1, "evidence", f"{trade.at['use']}:{'0' * 64}")
    assert "folder" in cli.fails(2, "evidence", trade.at["use"], "-o", ".")


@pytest.mark.parametrize("lie", ["cut", "other", "forged", "signature"])
def test_a_node_that_lies_is_caught(cli: Cli, trade: Trade, monkeypatch, lie: str) -> None:
    """Nothing is written of an answer that can't be read, is of another use, doesn't hold, or isn't the log's."""
    real = Transport.get_bytes
    use, other = trade.at["use"], trade.at["other use"]

    def lying(self: Transport, path: str, *, bytes_max: int) -> bytes:
        if not path.startswith("/evidence/"):
            return real(self, path, bytes_max=bytes_max)
        data = real(self, f"/evidence/{other if lie == 'other' else use}", bytes_max=bytes_max)
        if lie == "cut":
            return data[:-1]
        if lie == "forged":
            return data.replace(b'"position":0', b'"position":1', 1)
        return data.replace(b"example/usance ", b"example/usancE ", 1) if lie == "signature" else data

    monkeypatch.setattr(Transport, "get_bytes", lying)
    cli.fails(1, "evidence", use, "-o", "lied.json")
    assert not (cli.folder / "lied.json").exists()


# Disclosure


def private_files(folder: Path) -> None:
    """The salts, in the two forms that are read."""
    leaves = [{"salt": one.salt.hex(), "name": one.name, "value": one.value} for one in HIDDEN]
    (folder / "fields.json").write_text(json.dumps({"format": "usance/commitment/v1", "leaves": leaves}))
    rows = [[call.salt.hex(), call.call, call.at, {"token": str(call.quantities["token"])}] for call in CALLS]
    (folder / "calls.json").write_text(json.dumps(rows))


def test_fields_and_calls_are_disclosed_one_by_one(cli: Cli, offline: Cli, trade: Trade) -> None:
    """A field, then a call, then another: each file holds and shows them, and the rest stays hidden."""
    private_files(cli.folder)
    cli.ok("evidence", trade.at["use"], "-o", "use.json")
    done = offline.ok("disclose", "use.json", "--from", "fields.json", "--field", "model", "-o", "one.json")
    assert 'hidden field "model" is "m-1"' in done.out
    offline.ok("disclose", "one.json", "--from", "calls.json", "--call", "c-3", "--call", "c-0", "-o", "two.json")
    value = offline.json("verify", "two.json")
    assert value["verdict"] == "good"
    assert [one.get("name", one.get("call")) for one in value["disclosed"]] == ["model", "c-0", "c-3"]
    text = (cli.folder / "two.json").read_text()
    assert SALTS[1].hex() not in text
    again = offline.json("disclose", "two.json", "--from", "fields.json", "--field", "model", "-o", "three.json")
    assert len(again["disclosed"]) == 3
    assert (cli.folder / "three.json").read_bytes() == (cli.folder / "two.json").read_bytes()


def test_what_was_not_committed_to_is_not_disclosed(cli: Cli, offline: Cli, trade: Trade) -> None:
    """Another value, another order, a name that isn't there, a use without a commitment, files of another kind."""
    private_files(cli.folder)
    folder = cli.folder
    cli.ok("evidence", trade.at["use"], "-o", "use.json")
    cli.ok("evidence", trade.at["other use"], "-o", "other.json")
    ask = ("disclose", "use.json", "-o", "out.json", "--from")
    value = json.loads((folder / "fields.json").read_text())
    value["leaves"][0]["value"] = "m-2"
    (folder / "changed.json").write_text(json.dumps(value))
    assert "its root differs" in offline.fails(2, *ask, "changed.json", "--field", "model")
    rows = json.loads((folder / "calls.json").read_text())
    (folder / "turned.json").write_text(json.dumps(rows[::-1]))
    assert "its root differs" in offline.fails(2, *ask, "turned.json", "--call", "c-0")
    assert "has no" in offline.fails(2, *ask, "fields.json", "--field", "secret")
    assert "has no commitment" in offline.fails(
        2, "disclose", "other.json", "-o", "out.json", "--from", "fields.json", "--field", "model"
    )
    assert "nothing to disclose" in offline.fails(2, *ask, "fields.json")
    assert "two lists" in offline.fails(2, *ask, "fields.json", "--field", "model", "--call", "c-0")
    assert "another form" in offline.fails(2, *ask, "calls.json", "--field", "model")
    assert "another form" in offline.fails(2, *ask, "fields.json", "--call", "c-0")
    for name, text in (
        ("a", "{"),
        ("b", "[]"),
        ("c", "{}"),
        ("d", '[["zz","model","x"]]'),
        ("e", '[["00","model",1.5]]'),
    ):
        (folder / name).write_text(text)
        offline.fails(2, *ask, name, "--field", "model")
    for name, text in (("f", '[["00","c",1,[]]]'), ("g", f'[["{"00" * 16}","c",1.5,{{"token":1}}]]')):
        (folder / name).write_text(text)
        offline.fails(2, *ask, name, "--call", "c")
    (folder / "bad.json").write_text("{")
    assert "not a readable evidence" in offline.fails(
        2, "disclose", "bad.json", "-o", "out.json", "--from", "fields.json", "--field", "model"
    )
    assert not (folder / "out.json").exists()


def test_what_use_hides_disclose_opens(cli: Cli, offline: Cli) -> None:
    """Fields and calls committed to by `usance use`, with the files that it wrote: opened one by one."""
    folder = cli.folder
    cli.environment["USANCE_KEY"] = "me.key"
    cli.ok("key", "new", "me.key")
    cli.ok("party", "Me")
    calls = [{"call": f"c-{at}", "at": NOW_MS, "quantities": {"token": at + 1}} for at in range(3)]
    (folder / "calls").write_text(json.dumps(calls))
    use = ("use", "model:x/y", "--as", "infer", "--token", "6")
    hide = ("--commit", "prompt=what?", "--commit-out", "p", "--detail-from", "calls", "--detail-out", "d")
    made = cli.json(*use, *hide)
    cli.ok("evidence", made["index"], "-o", "use.json")
    offline.ok("disclose", "use.json", "--from", "p", "--field", "prompt", "-o", "use.json")
    done = offline.ok("disclose", "use.json", "--from", "d", "--call", "c-2", "-o", "use.json")
    assert 'call "c-2"' in done.out
    value = offline.json("verify", "use.json")
    assert [one.get("value", one.get("quantities")) for one in value["disclosed"]] == ["what?", {"token": "3"}]
    assert (folder / "d").stat().st_mode & 0o777 == 0o600
    assert "exists already" in cli.fails(2, *use, *hide)
    assert "go together" in cli.fails(2, *use, "--detail-from", "calls")
    assert "itself" in cli.fails(2, *use, *hide, "--calls", "3")
    for text in ("{", "[1]", "{}", '[{"call":"c","at":1}]', '[{"call":"c","at":-1,"quantities":{"token":1}}]', "[]"):
        (folder / "bad").write_text(text)
        cli.fails(2, *use, "--detail-from", "bad", "--detail-out", "new")
    assert not (folder / "new").exists()
