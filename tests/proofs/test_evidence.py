"""proofs.evidence and proofs.evidencecheck: the file's one form, a golden file, every byte of it, size and time."""

import base64
import dataclasses
import functools
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from proofs import cosignature, ed25519, evidence, note
from proofs.errors import InputError
from proofs.evidence import EVIDENCE_BYTES_MAX, format_evidence, parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.policy import Policy, parse_policy
from proofs.verdict import FAILED, GOOD, INCOMPLETE, NO_WITNESS
from tests.proofs.evidence_builder import LOG_KEY, ORIGIN, POLICY, World, fill, public, story

GOLDEN = Path(__file__).parent / "golden" / "use.evidence.json"
SMALL = story(sources=1, filler=2)
FILE = format_evidence(SMALL.evidence())


def test_the_golden_file_is_written_and_read_the_same() -> None:
    """One story gives one file, for ever: its bytes are the format."""
    data = GOLDEN.read_bytes()
    assert data == FILE
    verdict = check_evidence(parse_evidence(data), policy=POLICY)
    assert verdict.result == GOOD
    assert [step.name for step in verdict.steps] == [
        "checkpoint", "entries", "usage", "signer", "asset", "terms", "price", "sources", "shares",
        "line", "statement", "receipt", "line", "statement", "receipt", "complete",
    ]  # fmt: skip


def test_the_form_is_the_designs() -> None:
    """Fields, order, base64, decimal strings, numbers and no newline at the end, as section 7 has them."""
    value = json.loads(FILE)
    assert list(value) == ["checkpoint", "entries", "format", "lines", "usage"]
    assert value["format"] == "usance/evidence/v1"
    assert value["usage"] == SMALL.usage
    assert value["checkpoint"].startswith(f"{ORIGIN}\n{SMALL.world.size}\n")
    assert [entry["index"] for entry in value["entries"]] == SMALL.indices
    entry = value["entries"][0]
    assert base64.b64decode(entry["entry"]) == SMALL.world.entries[entry["index"]]
    line = value["lines"][0]
    assert sorted(line) == ["account", "amount", "path", "position", "statement"]
    assert base64.b64decode(line["account"][0]) == public("user")
    assert type(line["amount"]) is str
    assert all(type(total) is str for _, total in line["path"])
    assert not FILE.endswith(b"\n")
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() == FILE


def test_the_verdict_is_for_people_and_for_programs() -> None:
    """Names stand beside keys, amounts have their currency, figures are in the JSON, and what isn't shown is said."""
    verdict = check_evidence(SMALL.evidence(), policy=POLICY)
    says = {step.name: step.says for step in verdict.steps}
    assert "100.00 USD" in says["price"]
    assert '95.00 USD to "Model"' in says["shares"]
    assert '5.00 USD to "Source0"' in says["shares"]
    assert all(step.rests_on for step in verdict.steps[:-1])
    value = verdict.value()
    assert value["usage"]["status"] == "licensed"
    assert value["usage"]["charge"] == "100000000000"
    assert value["parties"][public("user").hex()] == "User"
    assert {payee["payee"]: payee["amount"] for payee in value["payees"]} == {
        public("model").hex(): "95000000000", public("source0").hex(): "5000000000",
    }  # fmt: skip
    assert all(payee["settled"] for payee in value["payees"])
    assert NO_WITNESS in value["not_shown"]
    text = " ".join(value["not_shown"])
    for word in ("newer", "corrections", "revoked", "gaps", "money moved", "who a party is"):
        assert word in text
    json.dumps(value)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Signatures are checked once each: the same check gives the same answer."""
    check = functools.cache(lambda *args: _outcome(*args))

    def checked(*args: bytes) -> None:
        error = check(*args)
        if error is not None:
            raise error

    real = ed25519.check

    def _outcome(*args: bytes) -> InputError | None:
        try:
            real(*args)
        except InputError as error:
            return error
        return None

    monkeypatch.setattr(ed25519, "check", checked)


def outcome(data: bytes, policy: Policy = POLICY) -> str:
    """failed also where the file can't be read."""
    try:
        return check_evidence(parse_evidence(data), policy=policy).result
    except InputError:
        return FAILED


def test_every_byte_counts(quick) -> None:
    """Whichever byte is changed, to another that base64 or JSON could have there, the file is refused."""
    draw = random.Random(7)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for at, byte in enumerate(FILE):
        other = draw.choice([code for code in alphabet if code != byte] if chr(byte).isalnum() else [byte ^ 1])
        changed = FILE[:at] + bytes([other]) + FILE[at + 1 :]
        assert outcome(changed) == FAILED, (at, FILE[at - 20 : at + 20], other)


def test_bytes_put_in_or_taken_out_are_refused(quick) -> None:
    """No byte is optional, and none can be added anywhere."""
    draw = random.Random(8)
    for at in draw.sample(range(len(FILE)), 500):
        assert outcome(FILE[:at] + FILE[at + 1 :]) == FAILED
        assert outcome(FILE[:at] + bytes([draw.choice(b' \n,"0Aa')]) + FILE[at:]) == FAILED
    for tail in (b"\n", b" ", b"\0", b"{}"):
        assert outcome(FILE + tail) == FAILED


WITNESSES = (
    [Ed25519PrivateKey.from_private_bytes(bytes([40 + at]) * 32) for at in range(3)],
    [MLDSA44PrivateKey.from_seed_bytes(bytes([50 + at]) * 32) for at in range(3)],
)


def cosigned(world: World) -> tuple[bytes, Policy]:
    """The checkpoint with three cosignatures of each type, and a policy that asks for three of the six."""
    signed = world.checkpoint()
    text = note.parse_note(signed).text
    lines, names = [f"log {note.VerifierKey(ORIGIN, 1, ed25519.public_bytes(LOG_KEY)).text}"], []
    for keys in WITNESSES:
        for key in keys:
            name = f"witness{len(names)}.example.org"
            names.append(name)
            vkey = cosignature.witness_vkey(name=name, private_key=key)
            lines.append(f"witness {name} {vkey.text}")
            signed = note.add_signature(
                signed, cosignature.sign(text=text, name=name, time_s=1_760_000_000, private_key=key)
            )
    policy = "\n".join([*lines, f"group all 3 {' '.join(names)}", "quorum all", ""])
    return signed, parse_policy(policy.encode())


def test_only_signature_lines_that_nobody_needs_may_change(quick) -> None:
    """Three of six witnesses are asked for: one spoilt line of theirs is no harm, the log's is, four are."""
    signed, policy = cosigned(SMALL.world)
    data = format_evidence(SMALL.evidence(note=signed))
    verdict = check_evidence(parse_evidence(data), policy=policy)
    assert verdict.result == GOOD
    assert sum(step.name == "cosignature" for step in verdict.steps) == 6
    assert NO_WITNESS not in verdict.not_shown
    starts = [at for at in range(len(data)) if data.startswith("— ".encode(), at)]
    assert len(starts) == 7

    def spoil(which: list[int]) -> bytes:
        changed = bytearray(data)
        for at in which:
            position = changed.index(b" ", changed.index(b" ", at) + 1) + 40
            changed[position] = ord("A") if changed[position] != ord("A") else ord("B")
        return bytes(changed)

    assert outcome(spoil(starts[:1]), policy) == FAILED
    assert outcome(spoil(starts[1:2]), policy) == GOOD
    assert outcome(spoil(starts[1:4]), policy) == GOOD
    assert outcome(spoil(starts[1:5]), policy) == FAILED


@pytest.mark.parametrize(("sources", "most"), [(3, 64_000), (8, 128_000)])
def test_the_file_stays_small(sources: int, most: int) -> None:
    """With three cosignatures of each type, in a log as deep as a million entries: 64 KB for 3 sources, 128 for 8."""
    told = story(sources=sources, filler=2)
    signed, policy = cosigned(told.world)
    made = told.evidence(note=signed)
    data = format_evidence(made)
    assert outcome(data, policy) == GOOD
    deep = dataclasses.replace(
        made,
        entries=tuple(dataclasses.replace(shown, path=(bytes(32),) * 20) for shown in made.entries),
        lines=tuple(dataclasses.replace(line, path=((bytes(32), 10**15),) * 20) for line in made.lines),
    )
    assert len(format_evidence(deep)) <= most


def test_it_is_judged_in_ten_milliseconds() -> None:
    """A derived asset with three sources, all settled, three of six cosignatures needed: reading and judging. On a
    machine that is busy meanwhile, as much longer as a signature's check takes longer."""
    told = story(sources=3)
    signed, policy = cosigned(told.world)
    data = format_evidence(told.evidence(note=signed))
    entry = told.world.entry(told.usage)
    times, checks = [], []
    for _ in range(15):
        start = time.perf_counter()
        entry.check_signature(ORIGIN)
        middle = time.perf_counter()
        assert check_evidence(parse_evidence(data), policy=policy).result == GOOD
        checks.append(middle - start)
        times.append(time.perf_counter() - middle)
    best, check = min(times), min(checks)
    print(f"{len(data)} bytes, {best * 1000:.1f} ms; one signature {check * 1000:.2f} ms")
    assert best < 0.010 * max(1, check / 0.00012)


def test_without_a_key_it_is_good_as_far_as_it_goes() -> None:
    """Nothing anchors the checkpoint: every other step is judged, and the outcome says that one is open."""
    verdict = check_evidence(SMALL.evidence(), policy=None)
    assert verdict.result == INCOMPLETE
    assert [step.result for step in verdict.steps] == ["open"] + ["good"] * (len(verdict.steps) - 1)


CHANGES: list[Any] = [
    lambda value: value.pop("lines"),
    lambda value: value.update(more=1),
    lambda value: value.update(format="usance/evidence/v2"),
    lambda value: value.update(disclosed=[]),
    lambda value: value.update(usage=-1),
    lambda value: value.update(usage=2**53),
    lambda value: value.update(usage=True),
    lambda value: value.update(usage="1"),
    lambda value: value.update(entries={}),
    lambda value: value.update(checkpoint=1),
    lambda value: value.update(checkpoint="\ud800"),
    lambda value: value["entries"].reverse(),
    lambda value: value["entries"].append(value["entries"][-1]),
    lambda value: value["entries"][0].update(more=1),
    lambda value: value["entries"][0].update(entry=""),
    lambda value: value["entries"][0].update(entry=base64.b64encode(bytes(65_536)).decode()),
    lambda value: value["entries"][0].update(entry=value["entries"][0]["entry"] + "="),
    lambda value: value["entries"][0].update(path=[base64.b64encode(bytes(32)).decode()] * 64),
    lambda value: value["entries"][0].update(path=[base64.b64encode(bytes(31)).decode()]),
    lambda value: value["lines"].reverse(),
    lambda value: value["lines"][0].update(amount="01"),
    lambda value: value["lines"][0].update(amount="-1"),
    lambda value: value["lines"][0].update(amount=1),
    lambda value: value["lines"][0].update(amount="0"),
    lambda value: value["lines"][0].update(amount=str(2**128)),
    lambda value: value["lines"][0].update(account=value["lines"][0]["account"][:2]),
    lambda value: value["lines"][0].update(path=[[base64.b64encode(bytes(32)).decode()]]),
    lambda value: value["lines"][0].update(path=[[base64.b64encode(bytes(32)).decode(), str(2**128)]]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_other_forms_are_not_readable(change: Any) -> None:
    """A field too many or too few, another type, order or range: bad input that names the part, before any check."""
    value = json.loads(FILE)
    change(value)
    data = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(InputError):
        parse_evidence(data)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"1", b'{"format":"usance/evidence/v1"}', b"[" * 1_000_000])
def test_other_files_are_not_readable(data: bytes) -> None:
    """What isn't evidence says so."""
    with pytest.raises(InputError):
        parse_evidence(data)


def test_a_file_is_bounded_when_written_and_when_read() -> None:
    """4 MiB, both ways, and the refusal to write says why."""
    with pytest.raises(InputError, match="more than"):
        parse_evidence(FILE + b" " * EVIDENCE_BYTES_MAX)
    entry = evidence.ShownEntry(0, bytes(60_000), ())
    many = dataclasses.replace(
        SMALL.evidence(), entries=tuple(dataclasses.replace(entry, index=index) for index in range(60))
    )
    with pytest.raises(InputError, match="evidence of"):
        format_evidence(many)


def test_a_large_file_of_anything_is_judged_in_bounded_time() -> None:
    """Thousands of entries that nobody needs cost their signatures, and no more."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    world.party("user")
    world.party("model")
    asset = world.asset("model", "model")
    for _ in range(400):
        world.terms("model", asset)
    fill(world, "operator", 1000)
    usage = world.use("user", asset)
    made = world.evidence(usage, range(world.size))
    start = time.perf_counter()
    verdict = check_evidence(made, policy=POLICY)
    assert time.perf_counter() - start < 5
    assert verdict.result == FAILED
    assert "no check needs" in verdict.steps[-1].says
