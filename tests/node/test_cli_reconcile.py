"""`usance reconcile` against a real node: both meters, read and verified as a whole log, and how it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.entry import delegate_message
from proofs.records import make_body
from proofs.ref import Ref, parse_ref
from tests.node.clitool import Cli
from tests.node.fakelog import NOW_MS as FAKE_MS
from tests.node.fakelog import FakeLog, serving
from tests.node.harness import Actor, NodeProcess, body, use_body

DAY = 86_400_000
AT = 1_767_225_600_000  # 2026-01-01


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """A user of the module's node."""
    (tmp_path / "log.vkey").write_text(node.vkey.text + "\n")
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": "log.vkey"})


@pytest.fixture
def lab(node: NodeProcess) -> Actor:
    """Who uses."""
    return Actor(node).join("Lab")


@pytest.fixture
def host(node: NodeProcess) -> Actor:
    """Who provides."""
    return Actor(node).join("Host")


def seen(party: Actor | None = None, **fields: Any) -> bytes:
    """A usage; by a provider, of this party, where one is given."""
    by = {} if party is None else {"seen_by": "provider", "party": party.key}
    usual = {"asset": "model:host/large", "use": "infer", "from_": AT, "until": AT + DAY, **by}
    return use_body(**{**usual, **fields})


def register(cli: Cli, owner: Actor, name: str, **fields: Any) -> Ref:
    """An asset of a party."""
    index = owner.log(body("asset", type="model", name=name, **fields))["first_index"]
    return parse_ref(cli.json("records", index)["ref"])


def test_meters_that_agree_end_with_0(cli: Cli, lab: Actor, host: Actor) -> None:
    """Several records of a user against one of its provider, for each month; the answer says what it was read from."""
    lab.log(
        seen(quantities={"token": 4}), seen(quantities={"token": 5}), seen(from_=AT + 40 * DAY, until=AT + 41 * DAY)
    )
    host.log(seen(lab, quantities={"token": 9}), seen(lab, from_=AT + 40 * DAY, until=AT + 40 * DAY))
    said = cli.json("reconcile", "--party", lab.key.hex())
    assert said["verdict"] == "agree"
    assert [(row["window"], row["user_seen"], row["provider_seen"], row["state"]) for row in said["figures"]] == [
        ("2026-01", "9", "9", "agree"),
        ("2026-02", "7", "7", "agree"),
    ]
    assert (said["size"], bytes.fromhex(said["root"])) == (lab.node.checkpoint().size, lab.node.checkpoint().root)
    assert said["verified"] is True
    text = cli.ok("reconcile", "--party", lab.key.hex(), "--window", "all").out
    assert "THE METERS AGREE: 0 of 1 figures differ, 0 findings" in text
    assert "3 user-seen and 2 provider-seen records name neither call nor detail: compared in totals only" in text
    assert "NOT SHOWN" in text


def test_differences_are_named_and_end_with_1(cli: Cli, lab: Actor, host: Actor) -> None:
    """The figure with its difference; the call that one side lacks, and the one logged twice, with their references."""
    first = lab.log(seen(call="a"), seen(call="b"), seen(call="b"), seen(call="c"))["first_index"]
    host.log(seen(lab, call="a"), seen(lab, call="b"), seen(lab, call="d", quantities={"token": 1_000_000}))
    done = cli("reconcile", "--party", lab.key.hex(), "--json")
    assert (done.code, done.err) == (1, "")
    said = done.json()
    assert said["verdict"] == "differ"
    assert [(row["user_seen"], row["provider_seen"], row["difference"]) for row in said["figures"]] == [
        ("28", "1000014", "-999986")
    ]
    assert said["finding_counts"] == {"missing": 2, "quantities": 1, "window": 0, "user": 0, "duplicate": 1}
    rows = {(row["what"], row["call"]): row for row in said["findings"]}
    assert rows["missing", "c"]["side"] == "provider"
    assert rows["missing", "c"]["user_seen"]["refs"] == [cli.json("records", first + 3)["ref"]]
    assert rows["missing", "d"]["provider_seen"]["signers"] == [host.key.hex()]
    twice = [cli.json("records", first + at)["ref"] for at in (1, 2)]
    assert rows["duplicate", "b"]["user_seen"]["refs"] == twice
    text = cli("reconcile", "--party", lab.key.hex()).out
    assert "THE METERS DIFFER: 1 of 1 figures differ, 4 findings" in text
    assert "'Lab'" in text
    assert "-999,986" in text
    assert f"provider-seen records by: {host.key.hex()[:16]}… 'Host' (3)" in text
    assert "call c missing on the provider's side" in text
    assert "call b logged twice on the user's side" in text
    totals = cli("reconcile", "--party", lab.key.hex(), "--totals", "--json")
    assert (totals.code, totals.json()["findings"], totals.json()["by_identifiers"]) == (1, [], False)


def test_one_meter_alone_ends_with_3(cli: Cli, lab: Actor, host: Actor) -> None:
    """Its figures are shown, and that the other one is missing; so does a question that nothing answers."""
    lab.log(seen())
    done = cli("reconcile", "--party", lab.key.hex())
    assert (done.code, done.err) == (3, "")
    assert "INCOMPLETE" in done.out
    assert "ONE METER ONLY: 1 user-seen records" in done.out
    done = cli("reconcile", "--party", host.key.hex())
    assert done.code == 3
    assert "no usage of that sort is logged by either meter" in done.out
    # Asked for another provider's records, the user's are alone again.
    host.log(seen(lab))
    assert cli("reconcile", "--party", lab.key.hex()).code == 0
    assert cli("reconcile", "--party", lab.key.hex(), "--provider", host.key.hex()).code == 0
    assert cli("reconcile", "--party", lab.key.hex(), "--provider", lab.key.hex()).code == 3


def test_a_delegates_records_are_its_partys(cli: Cli, lab: Actor, host: Actor) -> None:
    """The meter may sign with a key of its own: what counts is the party behind it."""
    meter = Actor(lab.node)
    kinds = ["none", "usage"]
    accept = meter.private_key.sign(delegate_message(origin=lab.node.origin, party=lab.key, kinds=kinds))
    lab.log(body("delegate", key=meter.key, kinds=kinds, accept=accept))
    meter.log(seen(call="a"))
    host.log(seen(lab, call="a"))
    assert cli.json("reconcile", "--party", lab.key.hex())["verdict"] == "agree"


def test_an_asset_and_the_name_that_it_claims_are_one(cli: Cli, lab: Actor, host: Actor) -> None:
    """While it alone claims it; once another party does too, they are listed apart, and that is said."""
    name = f"model:host/{host.key.hex()[:12]}"
    ref = register(cli, host, f"large {host.key.hex()[:12]}", aka=[name])
    lab.log(seen(asset=name, call="a"))
    host.log(seen(lab, asset=ref.pack(), call="a"))
    for asked in (name, str(ref), f"large {host.key.hex()[:12]}"):
        said = cli.json("reconcile", "--asset", asked)
        assert (said["verdict"], said["names"]) == ("agree", {name: [str(ref)]}), asked
    text = cli.ok("reconcile", "--asset", name).out
    assert f"counted as the asset that claims it, {ref.index}:" in text
    other = register(cli, lab, "not so large", aka=[name])
    done = cli("reconcile", "--party", lab.key.hex(), "--json")
    assert done.code == 3
    assert [row["asset"] for row in done.json()["compared"]] == [str(ref), name]
    assert sorted(done.json()["names"][name]) == sorted([str(ref), str(other)])
    assert "listed for itself, several parties' assets claim it" in cli("reconcile", "--asset", name).out


def test_a_correction_counts_in_place_of_its_usage(cli: Cli, lab: Actor, host: Actor) -> None:
    """The newest one; what was taken back whole is no duplicate and no difference."""
    first = lab.log(seen(call="a", quantities={"token": 9}), seen(call="a"))["first_index"]
    host.log(seen(lab, call="a", quantities={"token": 6}))
    mine = ("reconcile", "--party", lab.key.hex())
    assert cli(*mine, "--json").json()["finding_counts"]["duplicate"] == 1
    usages = [parse_ref(cli.json("records", first + at)["ref"]).pack() for at in (0, 1)]
    lab.log(
        body("correction", usage=usages[0], quantities={"token": 8}, reason="miscounted"),
        body("correction", usage=usages[1], quantities={}, reason="logged twice"),
    )
    lab.log(body("correction", usage=usages[0], quantities={"token": 6}, reason="miscounted again"))
    assert "2 user-seen records count with their newest correction" in cli.ok(*mine).out


def test_times_windows_and_end_users_narrow_and_refine(cli: Cli, lab: Actor, host: Actor) -> None:
    """--since and --until cut by `from`, --window day and --by-user make a figure of their own."""
    alice = bytes([7]) * 32
    lab.log(seen(user=alice), seen(from_=AT + DAY, until=AT + DAY))
    host.log(seen(lab, user=alice), seen(lab, from_=AT + DAY, until=AT + DAY, quantities={"token": 8}))
    mine = ("reconcile", "--party", lab.key.hex())
    said = cli(*mine, "--window", "day", "--by-user", "--json").json()
    assert [(row["window"], row["user"], row["difference"]) for row in said["figures"]] == [
        ("2026-01-01", alice.hex(), "0"),
        ("2026-01-02", None, "-1"),
    ]
    assert cli(*mine).code == 1
    assert cli(*mine, "--until", "2026-01-02").code == 0
    assert cli(*mine, "--since", "2026-01-02").code == 1
    assert "end user" in cli(*mine, "--by-user").out


def test_bad_questions_end_with_2(cli: Cli) -> None:
    """Before the log is read."""
    assert "--party" in cli.fails(2, "reconcile", "--party", "12")
    assert "--until" in cli.fails(2, "reconcile", "--since", "2026-02-01", "--until", "2026-01-01")
    line = cli.fails(2, "reconcile", "--asset", "corpus@1")
    assert "nothing on this log is called 'corpus@1'" in line
    assert "pkg:huggingface/ORG/NAME@REVISION" in line
    assert "`usance asset` registers" in line


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[tuple[FakeLog, Cli]]:
    """A log whose node can be made to lie, with one user's and one provider's record."""
    log, lab, host = FakeLog(), Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    usage = {"kind": "usage", "at": FAKE_MS, "asset": "model:x/y", "use": "infer", "from": FAKE_MS, "until": FAKE_MS}
    log.join(lab)
    log.join(host)
    log.log(lab, 1, [make_body({**usage, "quantities": {"token": 5}})])
    observed = {"seen_by": "provider", "party": lab.public_key().public_bytes_raw()}
    log.log(host, 1, [make_body({**usage, **observed, "quantities": {"token": 5}})])
    with serving(log):
        yield log, Cli(tmp_path, {"USANCE_NODE": log.url, "USANCE_LOG": log.vkey.text})


def test_nothing_is_taken_on_the_nodes_word(lying: tuple[FakeLog, Cli]) -> None:
    """An entry that was changed, or left out under an honest checkpoint, ends it without a report."""
    log, cli = lying
    assert cli.ok("reconcile").out.count("THE METERS AGREE") == 1
    bundle = log.reader.bundle(0, log.ledger.size)
    assert bundle.count(b"\xa5token\x05") == 2
    changed = {
        "changed": bundle.replace(b"\xa5token\x05", b"\xa5token\x06", 1),
        "left out": log.reader.bundle(0, log.ledger.size - 1),
    }
    for how, data in changed.items():
        log.hook = lambda method, path, asked, answer, data=data: (
            (200, "application/octet-stream", data) if "/entries/" in path else answer
        )
        assert cli.fails(1, "reconcile"), how
