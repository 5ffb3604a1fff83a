"""`usance claim` and what follows it, on a running node: accepted, disputed, taken back (docs/claims.md)."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.detect.finding import Named, Registered
from proofs.ref import parse_ref
from tests.detect.findingsfile import finding, findings
from tests.node.clitool import Cli
from tests.node.harness import Actor, NodeProcess, body
from tests.node.moneyworld import offer


@dataclass
class World:
    """An owner with two assets, and a lab with a model."""

    node: NodeProcess
    owner: Cli
    lab: Cli
    corpus: str
    model: str


@pytest.fixture
def world(node: NodeProcess, tmp_path: Path) -> World:
    """Parties and assets of this test's own; the command line signs with the same keys."""
    users = {}
    for name in ("owner", "lab"):
        user = Cli(
            tmp_path / name, {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey"), "USANCE_KEY": "k"}
        )
        user.folder.mkdir()
        user("key", "new", "k")
        user("party", name)
        users[name] = user
    owner, lab = users["owner"], users["lab"]
    (owner.folder / "terms.toml").write_text(
        'currency = "EUR"\non_match = "charge"\n'
        '[[offers]]\nuse = "train"\nunit = "token"\nprice = "0.000001"\nper = 1\n'
    )
    corpus = owner.json("asset", "--name", "corpus", "--terms", "terms.toml")["ref"]
    model = lab.json("asset", "--name", "model", "--type", "model")["ref"]
    return World(node, owner, lab, corpus, model)


def write(user: Cli, *found: Any) -> Path:
    """A file of findings in the user's folder."""
    path = user.folder / "findings.json"
    path.write_bytes(findings(*found).encode())
    return path


def test_a_claim_says_what_was_found_and_how_sure(world: World) -> None:
    """Method, score, threshold, the upper bound of the rate, length, the digest of the file; nothing of its text."""
    path = write(world.owner, finding())
    done = world.owner.json("claim", world.corpus, "--finding", "findings.json", "--against", world.model)
    record = world.node.json(f"/records/{done['index']}")["record"]
    figures = [int(record[name]) for name in ("score", "threshold", "fpr", "length")]
    assert figures == [410, 100, 45, 2000]
    assert record["evidence"] == sha256(path.read_bytes()).hexdigest()
    assert record["against"] == {"asset": world.model}
    assert record["method"].endswith("; run")
    assert "a.txt" not in str(record)
    assert "answers.jsonl" not in str(record)


def test_the_policy_says_what_comes_next(world: World) -> None:
    """What the terms say of matches is told with the commands that answer a claim."""
    write(world.owner, finding())
    done = world.owner("claim", world.corpus, "--finding", "findings.json", "--against", world.model)
    assert done.code == 0
    assert "your terms say charge" in done.out
    assert f"--claim {done.out.split('claim logged as ')[1].split(':')[0]}" in done.out


def test_an_accepted_claim_is_priced_and_shown(world: World) -> None:
    """The accused logs a use that names the claim: it is priced like any other, and the claim's reader sees it."""
    write(world.owner, finding())
    claim = world.owner.json("claim", world.corpus, "--finding", "findings.json", "--against", world.model)["index"]
    used = world.lab.json("use", world.corpus, "--as", "train", "--token", 1000, "--claim", claim)
    assert used["status"] == "licensed"
    said = world.node.json(f"/records/{claim}")
    assert [event["kind"] for event in said["events"]] == ["usage"]
    assert world.lab("use", world.corpus, "--as", "train", "--token", 1, "--claim", used["index"]).code == 2
    refused = world.owner("use", world.corpus, "--as", "train", "--token", 1, "--claim", claim)
    assert refused.code == 2
    assert "claim" in refused.err


def test_a_claim_is_disputed_and_taken_back(world: World) -> None:
    """The accused finds it among the claims against him and contests it; the owner takes it back."""
    write(world.owner, finding())
    lab_key = world.lab.json("key", "show", "k")["key"]
    claim = world.owner.json("claim", world.corpus, "--finding", "findings.json", "--against-party", lab_key)["index"]
    listed = world.lab.json("records", "--against", lab_key)["records"]
    assert [row["index"] for row in listed] == [claim]
    assert world.lab.json("dispute", claim, "--reason", "a common source")["target_kind"] == "claim"
    assert world.owner.json("withdraw", claim)["claim"].startswith(f"{claim}:")
    events = world.node.json(f"/records/{claim}")["events"]
    assert [event["kind"] for event in events] == ["dispute", "withdraw"]
    assert world.lab("use", world.corpus, "--as", "train", "--token", 1, "--claim", claim).code == 2


def test_without_anybody_named_the_content_is(world: World) -> None:
    """The default is the item's own digest, and it is said that nobody is accused; nothing is logged by --dry-run."""
    write(world.owner, finding())
    before = world.node.json("/records?kind=claim")["records"]
    done = world.owner("claim", world.corpus, "--finding", "findings.json", "--dry-run")
    assert done.code == 0
    assert "claim, not logged" in done.out
    assert "against nobody" in done.err
    assert world.node.json("/records?kind=claim")["records"] == before
    done = world.owner("claim", world.corpus, "--finding", "findings.json", "--json")
    assert done.json()["against"] == {"digest": "11" * 32}


BAD: dict[str, tuple[tuple[Any, ...], str, str]] = {
    "several": ((finding(), finding(1)), "findings.json", "FILE:NUMBER"),
    "beyond": ((finding(),), "findings.json:3", "a number below 1"),
    "missing": ((finding(),), "nothing.json", "findings"),
    "unmeasured": ((finding(rate=None),), "findings.json", "calibrat"),
    "beyond by leading zeros": ((finding(), finding(1)), "findings.json:0000000001", "decimal"),
    "in other words": ((finding(proves="rung 1: it was stolen"),), "findings.json", "run `usance detect` again"),
    "another asset's": ((finding(registered=Registered("3:" + "ab" * 32, "cd" * 32)),), "findings.json", "3:abab"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_findings_are_refused(world: World, name: str) -> None:
    """Several without a number, a number too high, no file, no measured rate, a finding of another asset: exit 2, with
    what was expected; nothing is logged."""
    found, text, word = BAD[name]
    write(world.owner, *found)
    done = world.owner("claim", world.corpus, "--finding", text, "--against", world.model)
    assert done.code == 2
    assert word in done.err
    assert world.node.json(f"/records?kind=claim&asset={world.corpus}")["records"] == []


def test_a_finding_is_tied_to_the_registered_prints(world: World) -> None:
    """A finding that names the asset and the root of its prints is claimed; one that names another root isn't."""
    prints = {"scheme": "winnow-v1 gram=25 window=26", "count": 5, "root": bytes(range(32))}
    actor = Actor(world.node).join("Printer")
    index = actor.log(body("asset", type="dataset", name="printed", prints=prints, terms={"currency": "EUR", "offers": [
        offer("train", "token", 1)]}))["first_index"]  # fmt: skip
    ref = world.node.json(f"/records/{index}")["ref"]
    assert parse_ref(ref).index == index
    good = replace(finding(owner=ref), registered=Registered(ref, prints["root"].hex()))
    write(world.owner, good)
    shown = world.owner("claim", ref, "--finding", "findings.json", "--against", world.model, "--dry-run")
    assert (shown.code, shown.err) == (0, "")
    write(world.owner, replace(good, registered=Registered(ref, "ee" * 32)))
    shown = world.owner("claim", ref, "--finding", "findings.json", "--against", world.model, "--dry-run")
    assert shown.code == 2
    assert "another root of prints" in shown.err


def test_only_the_owner_claims(world: World) -> None:
    """Someone else's finding of the asset is refused by the log."""
    write(world.lab, finding())
    done = world.lab("claim", world.corpus, "--finding", "findings.json", "--against-digest", "44" * 32)
    assert done.code == 2
    assert "another party" in done.err


def test_the_evidence_is_checked_offline(world: World) -> None:
    """`verify --findings` shows that a file is the claim's evidence and which finding is claimed; another file, or one
    changed in a byte, isn't; nor is it evidence of another record."""
    path = write(world.owner, finding(), finding(1, score=120, run=120))
    claim = world.owner.json("claim", world.corpus, "--finding", "findings.json:1", "--against", world.model)["index"]
    world.owner.ok("proof", claim, "-o", "claim.tlog-proof")
    verify = ("verify", "claim.tlog-proof", "--findings", "findings.json")
    done = world.owner.ok(*verify)
    assert "finding 1 is claimed: 'answers.jsonl:7' matches 'a.txt'" in done.out
    assert "that the finding is right" in done.out
    good = path.read_bytes()
    path.write_bytes(good.replace(b"a.txt", b"b.txt"))
    done = world.owner(*verify)
    assert done.code == 1
    assert "not the claim's evidence" in done.out
    path.write_bytes(good)
    index = world.owner.json("records", world.corpus)["index"]
    world.owner.ok("proof", index, "-o", "asset.tlog-proof")
    done = world.owner("verify", "asset.tlog-proof", "--findings", "findings.json")
    assert done.code == 1
    assert "rests on no findings" in done.out


def test_findings_alike_are_told_apart_or_named_together(world: World) -> None:
    """Of several findings with the claim's figures that of the claimed item is named, where the record names it; else
    all are, and none of another asset."""
    other = Named("answers.jsonl:9", "44" * 32, 2_000)
    write(
        world.owner, finding(), finding(1, item=other), finding(2, registered=Registered("1:" + "ab" * 32, "cd" * 32))
    )
    for against, said in (
        (("--against-digest", "44" * 32), "finding 1 is claimed: 'answers.jsonl:9'"),
        (("--against", world.model), "one of the findings 0, 1, which have the same figures, is claimed"),
    ):
        claim = world.owner.json("claim", world.corpus, "--finding", "findings.json:1", *against)["index"]
        world.owner.ok("proof", claim, "-o", f"{claim}.tlog-proof")
        assert said in world.owner.ok("verify", f"{claim}.tlog-proof", "--findings", "findings.json").out


def test_a_claim_is_shown_whatever_its_figures(world: World) -> None:
    """Figures beyond what JSON has as numbers are shown, too, and the claim is logged once."""
    run = 2**53 + 1
    write(world.owner, finding(run=run))
    done = world.owner("claim", world.corpus, "--finding", "findings.json", "--against", world.model)
    assert done.code == 0, done
    assert f"{run:,}, where 100 counts" in done.out
    assert len(world.node.json(f"/records?kind=claim&asset={world.corpus}")["records"]) == 1


def test_a_claim_against_a_digest_asks_nobody(world: World) -> None:
    """It isn't said that somebody can accept it."""
    write(world.owner, finding())
    done = world.owner("claim", world.corpus, "--finding", "findings.json", "--against-digest", "55" * 32)
    assert done.code == 0
    assert "nobody is asked" in done.out
    assert "accept" not in done.out


def test_a_claim_is_logged_once_and_its_evidence_kept(world: World) -> None:
    """The same finding against the same is refused while its claim stands, unless told otherwise; what it rests on is
    kept beside, whatever becomes of the file."""
    path = write(world.owner, finding())
    told = ("claim", world.corpus, "--finding", "findings.json", "--against", world.model)
    first = world.owner.json(*told)
    kept = world.owner.folder / first["kept"]
    assert kept.read_bytes() == path.read_bytes()
    again = world.owner(*told)
    assert again.code == 2
    assert f"claimed already, as {first['index']}" in again.err
    world.owner("withdraw", first["index"])
    assert world.owner(*told).code == 0
    assert world.owner(*told, "--again").code == 0
    path.unlink()
    world.owner.ok("proof", first["index"], "-o", "claim.tlog-proof")
    assert "finding 0 is claimed" in world.owner.ok("verify", "claim.tlog-proof", "--findings", first["kept"]).out


def test_a_dry_run_says_what_the_log_would(world: World) -> None:
    """A claim against oneself is refused before anything is signed; which finding it is, and what comes next, is
    shown; a withdrawn asset is remarked on."""
    write(world.owner, finding())
    own = world.owner.json("asset", "--name", "another")["ref"]
    told = ("claim", world.corpus, "--finding", "findings.json", "--dry-run", "--against")
    refused = world.owner(*told, own)
    assert refused.code == 2
    assert "against oneself" in refused.err
    shown = world.owner(*told, world.model).out
    assert "finding 0: 'answers.jsonl:7' matches 'a.txt'" in shown
    assert "your terms say charge" in shown
    world.owner("withdraw", world.corpus)
    assert "the asset was withdrawn" in world.owner(*told, world.model).out


def test_lists_say_what_became_of_claims(world: World) -> None:
    """Against what, the score, and which record accepted, disputed or withdrew it."""
    write(world.owner, finding())
    told = ("claim", world.corpus, "--finding", "findings.json", "--against", world.model, "--again")
    claims = [world.owner.json(*told)["index"] for _ in range(3)]
    used = world.lab.json("use", world.corpus, "--as", "train", "--token", 5, "--claim", claims[0])
    assert used["accepts_claim"].startswith(f"{claims[0]}:")
    disputed = world.lab.json("dispute", claims[1], "--reason", "no")["index"]
    gone = world.owner.json("withdraw", claims[2])["index"]
    rows = world.lab.ok("records", "--against", world.lab.json("key", "show", "k")["key"]).out.splitlines()
    said = [next(row for row in rows if row.startswith(f"{claim} ")) for claim in claims]
    assert f"against asset {world.model.split(':')[0]}:" in said[0]
    assert f"run 410 accepted by {used['index']}" in said[0]
    assert f"disputed by {disputed}" in said[1]
    assert f"WITHDRAWN by {gone}" in said[2]
