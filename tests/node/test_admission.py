"""Who may write, and how much: parties' quotas, strangers who join, the list, and clients that wait."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.append import Checked
from ledger.errors import Refusal
from node.admission import KEYS_MAX, Gate, rates_of
from node.client import Client, Taken
from node.config import Config, parse_config
from node.errors import NetworkError
from node.quotas import Kind
from proofs.entry import BATCH_RECORDS_MAX, Batch, encode_request
from proofs.ref import parse_ref
from tests.node.harness import Actor, Answer, NodeProcess, body, check_problem, nil_body, until, use_body
from tests.node.refusals import delegation, resigned, rotation

HOUR_S = 3600


def config(**settings: Any) -> Config:
    """A configuration with these settings of [quota] and [admission]."""
    sections: dict[str, list[str]] = {"quota": [], "admission": []}
    for name, value in settings.items():
        section = "quota" if name in ("records_per_s", "bytes_per_s", "steps_per_s", "burst_s") else "admission"
        sections[section].append(f"{name} = {value!r}")
    text = "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items())
    return parse_config(f'[log]\norigin = "log.example/x"\n{text}\n')


def nils(count: int, start: int = 0) -> list[bytes]:
    """So many nil reports, all different."""
    return [nil_body(start + at) for at in range(count)]


def is_over(result: dict[str, Any]) -> bool:
    """Whether a batch's result is the refusal of a quota; its form is checked."""
    if result["status"] != 429:
        return False
    assert result["type"] == "usance:quota"
    assert result["retry_after_s"] >= 1
    assert result["detail"]
    assert result["field"]
    return True


def over(answer: Answer) -> int:
    """Seconds that an answer to a whole request over a quota asks to wait."""
    check_problem(answer, 429)
    return int(answer.headers["retry-after"])


# Settings


def test_bursts_are_never_less_than_a_full_batch() -> None:
    """A batch that the form allows can always be let through, however low the rate; rates of 0 are none."""
    rates = rates_of(config(records_per_s=1, bytes_per_s=1, steps_per_s=1, burst_s=1))
    assert rates[Kind.RECORDS].burst == BATCH_RECORDS_MAX
    assert rates[Kind.BYTES].burst == 8 * 2**20
    assert rates[Kind.STEPS].burst == 131_072
    rates = rates_of(config(records_per_s=1000, bytes_per_s=2**30, burst_s=60))
    assert (rates[Kind.RECORDS].burst, rates[Kind.BYTES].burst) == (60_000, 60 * 2**30)
    gate = Gate(config(records_per_s=0, bytes_per_s=0, steps_per_s=0, new_parties_per_hour=0))
    assert [kind for kind in Kind if gate.quotas.rate(kind) is not None] == [Kind.STATEMENTS]


def test_what_is_known_of_keys_is_bounded() -> None:
    """Many keys push the oldest out; nothing grows."""

    class Row:
        party, next = b"p" * 32, 0

    class State:
        def __init__(self, view: object) -> None:
            pass

        def key(self, key: bytes) -> Row:
            return Row()

    gate = Gate(config())
    patch = pytest.MonkeyPatch()
    patch.setattr("node.admission.State", State)

    class Reader:
        class tree:
            view = None

    keys = [at.to_bytes(32, "big") for at in range(KEYS_MAX + 10)]
    gate.learn(keys, Reader)  # type: ignore[arg-type]
    patch.undo()
    batches = [Batch(key, 0, b"", 0, b"", (b"",)) for key in (keys[0], keys[-1])]
    assert gate.unknown(batches, [Checked(b"", [], None)] * 2) == [keys[0]]
    assert len(gate._parties) == KEYS_MAX


# Over HTTP: parties


@pytest.fixture
def rated(make_node: Callable[..., NodeProcess]) -> NodeProcess:
    """10 records a second, 1,024 at once."""
    return make_node(records_per_s=10, burst_s=1)


def test_a_party_that_sends_too_much_waits(rated: NodeProcess) -> None:
    """Beyond the burst a batch is 429 with the seconds to wait, others' batches of the same request are taken, and
    after so many seconds the very same batch is."""
    hasty, calm = Actor(rated).join(), Actor(rated).join()
    hasty.log(*nils(1000))
    late = hasty.sign(*nils(100, 1000))
    results = rated.submit(late, calm.sign(nil_body()))
    assert is_over(results[0])
    assert results[1]["status"] == 200
    calm.next += 1
    assert 1 <= results[0]["retry_after_s"] <= 8
    time.sleep(results[0]["retry_after_s"])
    assert rated.submit(late)[0]["status"] == 200
    hasty.next += 100
    assert rated.next_of(hasty.key) == hasty.next


def test_a_request_that_is_over_as_a_whole_is_429(rated: NodeProcess) -> None:
    """Where every batch is over, the request is, with Retry-After; what it held is neither stored nor queued."""
    actor = Actor(rated).join()
    actor.log(*nils(1020))
    before = rated.checkpoint()
    batches = [actor.sign(*nils(100, 5000 + 100 * at), first=actor.next + 100 * at) for at in range(4)]
    assert 1 <= over(rated.post(encode_request(batches))) <= 10
    assert rated.checkpoint() == before


def test_later_batches_of_the_key_go_with_the_first(rated: NodeProcess) -> None:
    """After a batch that is over, a small one of the same key isn't let through to a gap: it is 429 too, and all go
    through in order later."""
    actor, other = Actor(rated).join(), Actor(rated).join()
    actor.log(*nils(1000))
    large = actor.sign(*nils(100, 2000))
    small = actor.sign(nil_body(9999), first=actor.next + 100)
    results = rated.submit(large, other.sign(nil_body()), small)
    assert [result["status"] for result in results] == [429, 200, 429]
    time.sleep(results[0]["retry_after_s"] + 1)
    assert [result["status"] for result in rated.submit(large, small)] == [200, 200]


def test_refusals_count(rated: NodeProcess) -> None:
    """Signed batches that the log refuses cost as much as others: gaps, bad fields, rules."""
    actor = Actor(rated).join()
    gap = actor.sign(*nils(400), first=actor.next + 5)
    bad = actor.sign(*nils(300), b"\xc0")
    rule = actor.sign(*nils(300), body("revoke", key=bytes(range(32))))
    assert [result["status"] for result in rated.submit(gap, bad, rule)] == [409, 422, 422]
    assert over(rated.post(encode_request([actor.sign(*nils(200))]))) >= 1


def test_nobody_spends_anothers_quota(rated: NodeProcess) -> None:
    """Batches in a party's name whose signature doesn't hold cost it nothing, however many."""
    victim, liar = Actor(rated).join(), Actor(rated).join()
    for at in range(4):
        forged = [resigned(liar.sign(*nils(1000, at)), key=victim.key) for _ in range(3)]
        assert {result["status"] for result in rated.submit(*forged)} == {403}
    victim.log(*nils(1000))


def test_a_repeat_is_answered(rated: NodeProcess) -> None:
    """A batch that was taken is answered again also when its party's quota is spent, which a lost connection may ask
    for; but at its party's rate, too."""
    actor = Actor(rated).join()
    batch = actor.sign(*nils(1000))
    first = rated.submit(batch)[0]
    assert first["status"] == 200
    actor.next += 1000
    assert rated.submit(batch)[0] == first
    assert over(rated.post(encode_request([actor.sign(*nils(100))]))) >= 1
    assert over(rated.post(encode_request([batch]))) >= 50


def test_what_strangers_send_again_costs_its_party_nothing(rated: NodeProcess) -> None:
    """Everybody can read a batch in the log and send it again, or one that lost its numbers: that spends what its party
    has for repeats, and nothing of what it has for new records."""
    victim = Actor(rated).join()
    batch = victim.sign(*nils(300))
    lost = victim.sign(*nils(300, 1000))
    assert rated.submit(batch)[0]["status"] == 200
    victim.next += 300
    for _ in range(3):
        assert rated.submit(batch)[0]["status"] == 200
    assert over(rated.post(encode_request([lost]))) >= 1
    victim.log(*nils(600, 2000))


def test_delegates_and_new_keys_are_their_party(rated: NodeProcess) -> None:
    """A delegate and the key that a party rotated to spend the same quota; another party's isn't touched."""
    owner, meter, new = Actor(rated).join(), Actor(rated), Actor(rated)
    owner.log(delegation(owner, meter, ["none"]))
    owner.log(rotation(owner, new))
    meter.log(*nils(500))
    new.log(*nils(500))
    assert over(rated.post(encode_request([meter.sign(*nils(100))]))) >= 1
    assert over(rated.post(encode_request([new.sign(*nils(100))]))) >= 1
    Actor(rated).join().log(*nils(1000))


def test_keys_without_a_party_share_one_quota(rated: NodeProcess) -> None:
    """Fresh keys cost nothing, so they get no quota each: what they send, 403 as it is, ends at one party's rate.
    Joining and parties go on."""
    results: list[int] = []
    for _ in range(4):
        answer = rated.post(encode_request([Actor(rated).sign(*nils(400))]))
        results.append(answer.status if answer.status != 200 else answer.json()["results"][0]["status"])
    assert results == [403, 403, 429, 429]
    Actor(rated).join().log(*nils(500))


def test_bytes_are_counted_apart(make_node: Callable[..., NodeProcess]) -> None:
    """A quota on bytes stops few large records as one on records stops many small ones."""
    node = make_node(bytes_per_s=100_000, burst_s=1)
    actor = Actor(node).join()
    attrs = {f"{at:02}": os.urandom(500).hex() for at in range(55)}
    large = [use_body(attrs=attrs) for _ in range(70)]
    actor.log(*large)
    actor.log(*large)
    problem = check_problem(node.post(encode_request([actor.sign(*large)])), 429)
    assert "bytes" in problem["detail"]


def test_without_quotas_nothing_is_bounded(node: NodeProcess, actor: Actor) -> None:
    """The defaults let one party send as fast as it can."""
    for at in range(12):
        actor.log(*nils(1024, 1024 * at))


SPLITS = 8


def heavy_uses(node: NodeProcess, count: int) -> list[bytes]:
    """Uses of an asset whose charge SPLITS parties share: so many steps each."""
    payees = [Actor(node).join() for _ in range(SPLITS)]
    splits = [{"party": payee.key, "bps": 10_000 // SPLITS} for payee in payees]
    terms = {"currency": "EUR", "offers": [{"use": "train", "unit": "token", "price": 1, "per": 1}], "splits": splits}
    made = payees[0].log(body("asset", type="dataset", name="d", terms=terms))["first_index"]
    ref = parse_ref(node.json(f"/records/{made}")["ref"]).pack()
    return [use_body(asset=ref, terms=ref, quantities={"token": 100 + at}) for at in range(count)]


def test_work_is_bounded_by_steps(make_node: Callable[..., NodeProcess]) -> None:
    """Records that cost the writer many steps are 429 once a burst of them is spent, whatever their number; cheap ones
    of others go on, and the same party's after a while."""
    node = make_node(steps_per_s=5000, burst_s=1)
    heavy, light = Actor(node).join(), Actor(node).join()
    uses = heavy_uses(node, 1024)
    statuses = []
    for _ in range(40):
        result = node.post(encode_request([heavy.sign(*uses)]))
        statuses.append(result.status)
        if result.status == 429:
            break
        heavy.next += 1024
    assert statuses[-1] == 429
    assert len(statuses) * 1024 * SPLITS > 131_072
    assert "work" in check_problem(result, 429)["detail"]
    light.log(*nils(100))
    time.sleep(int(result.headers["retry-after"]))
    heavy.log(*uses[:10])


def test_work_within_one_request_is_bounded(make_node: Callable[..., NodeProcess]) -> None:
    """Many heavy batches in one request: the writer stops at the one that passes the burst; the rest is 429, not a
    gap, and nothing of it is stored."""
    node = make_node(steps_per_s=1, burst_s=1)
    actor = Actor(node).join()
    uses = heavy_uses(node, 256)
    batches = []
    for _ in range(120):
        batches.append(actor.sign(*uses))
        actor.next += 256
    half = len(batches) // 2
    for part in (batches[:half], batches[half:]):
        answer = node.post(encode_request(part))
        results = answer.json()["results"] if answer.status == 200 else [answer.json()] * len(part)
        statuses = [result["status"] for result in results]
        assert set(statuses) <= {200, 429}
        assert statuses == sorted(statuses)
    assert 429 in statuses


# Strangers


def test_joining_is_bounded(make_node: Callable[..., NodeProcess]) -> None:
    """Beyond new_parties_per_hour no stranger joins an open log until some time has passed; those who joined, and
    strangers' other batches, don't count."""
    node = make_node(new_parties_per_hour=3)
    known = Actor(node).join()
    for _ in range(5):
        assert node.submit(Actor(node).sign(nil_body()))[0]["status"] == 403
    Actor(node).join()
    Actor(node).join()
    late = Actor(node)
    answer = node.post(encode_request([late.sign(body("party", name="late"), nil_body())]))
    assert HOUR_S / 3 - 60 < over(answer) <= HOUR_S / 3
    assert "parties" in answer.json()["detail"]
    known.log(nil_body())
    known.log(body("party", name="another name"))
    results = node.submit(late.sign(body("party", name="late")), known.sign(nil_body(1)))
    assert [result["status"] for result in results] == [429, 200]


def test_joining_and_going_on_in_one_request(rated: NodeProcess) -> None:
    """A party that joins and logs in one request spends its own quota, not that of all strangers."""
    for _ in range(3):
        actor = Actor(rated)
        first = actor.sign(body("party", name="A"))
        actor.next += 1
        results = rated.submit(first, actor.sign(*nils(1000)))
        assert [result["status"] for result in results] == [200, 200]


# The list


def test_listed_takes_the_parties_on_the_list(make_node: Callable[..., NodeProcess]) -> None:
    """Only they may join and write, by whatever key of theirs; others are 403. Joining isn't bounded by the hour."""
    node = make_node(start=False)
    members = [Actor(node) for _ in range(3)]
    node.configure(mode="listed", parties=[member.key.hex() for member in members], new_parties_per_hour=1)
    node.start()
    for member in members:
        member.join()
        member.log(nil_body())
    delegate = Actor(node)
    members[0].log(delegation(members[0], delegate, ["none"]))
    delegate.log(nil_body())
    stranger = Actor(node)
    for bodies in ([body("party", name="S")], [nil_body()]):
        result = node.submit(stranger.sign(*bodies))[0]
        assert (result["status"], result["type"]) == (403, "usance:key")
    assert node.next_of(stranger.key) == 0


def test_the_list_is_read_again(make_node: Callable[..., NodeProcess]) -> None:
    """SIGHUP takes on another list, mode and quotas without a restart; who was taken off gets first answers and
    nothing new. A file that is wrong changes nothing and is an error in the log."""
    node = make_node(start=False)
    first, second = Actor(node), Actor(node)
    node.configure(mode="listed", parties=[first.key.hex()])
    node.start()
    first.join()
    batch = first.sign(nil_body())
    answer = node.submit(batch)[0]
    first.next += 1
    join = second.sign(body("party", name="second"))
    assert node.submit(join)[0]["status"] == 403
    reloads = 0

    def reload(**settings: Any) -> None:
        nonlocal reloads
        node.configure(**settings)
        reloads += 1
        os.kill(node.pid, signal.SIGHUP)
        until(lambda: node.log_path.read_text().count(": read again") == reloads)

    reload(parties=[second.key.hex()])
    assert node.submit(join)[0]["status"] == 200
    second.next = 1
    assert node.submit(batch)[0] == answer
    assert node.submit(first.sign(nil_body(5)))[0]["status"] == 403
    text = (node.folder / "node.toml").read_text()
    (node.folder / "node.toml").write_text(text + "\n[wrong]\n")
    os.kill(node.pid, signal.SIGHUP)
    until(lambda: "reload-failed" in node.log_path.read_text())
    second.log(nil_body())
    (node.folder / "node.toml").write_text(text)
    reload(mode="open", records_per_s=1)
    first.log(*nils(10, 100))
    Actor(node).join()
    second.log(*nils(1000, 10))
    assert over(node.post(encode_request([second.sign(*nils(1000, 5000))]))) > 900
    reload(records_per_s=0)
    second.log(*nils(1000, 5000))
    assert node.alive


# Clients


@contextlib.contextmanager
def client_of(node: NodeProcess, tmp_path: Path, sleep: Callable[[float], None]) -> Iterator[Client]:
    """A verifying client."""
    client = Client(node.url, node.vkey, state_folder=str(tmp_path / "state"), sleep=sleep)
    yield client
    client.close()


def test_a_client_waits_and_sends_the_same_again(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Batches over the quota are sent again as they are when the node says so, alone; all of them get logged, once and
    in order."""
    node = make_node(records_per_s=200, burst_s=1)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    actor = Actor(node).join()
    batches = []
    for at in range(8):
        batches.append(actor.sign(*nils(250, 250 * at)))
        actor.next += 250
    with client_of(node, tmp_path, sleep) as client:
        results = client.submit(batches)
    assert all(isinstance(result, Taken) for result in results)
    indices = [result.refs[0].index for result in results if isinstance(result, Taken)]
    assert indices == sorted(indices)
    assert node.next_of(actor.key) == actor.next
    assert waits
    assert node.checkpoint().size == 2 + 2000


def test_a_client_does_not_wait_for_ever(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Where the node asks for more than a minute the client is told at once, with the time; a short wait that never
    helps ends after some attempts."""
    node = make_node(new_parties_per_hour=1, records_per_s=1, burst_s=1)
    waits: list[float] = []
    known = Actor(node).join()
    with client_of(node, tmp_path, waits.append) as client:
        with pytest.raises(NetworkError, match=r"in 3[0-9]{3} s"):
            client.submit([Actor(node).sign(body("party", name="x"))])
        late = Actor(node).sign(body("party", name="x"))
        results = client.submit([known.sign(*nils(1000)), late])
        assert isinstance(results[0], Taken)
        assert not isinstance(results[1], Taken)
        assert results[1].status == 429
        assert waits == []
        known.next += 1000
        with pytest.raises(NetworkError, match="busy"):
            client.submit([known.sign(*nils(50))])
        assert 3 <= len(waits) <= 10


def test_gate_refusals_are_counted_by_kind() -> None:
    """What metrics show: refusals by what there was too much of."""
    gate = Gate(config(steps_per_s=1), clock=lambda: 5.0)
    party = b"p" * 32
    gate.spend(party, 10**6)
    for _ in range(3):
        with pytest.raises(Refusal):
            gate.check(party)
    gate.check(b"q" * 32)
    assert gate.refused == {Kind.STEPS: 3}
