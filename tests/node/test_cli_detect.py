"""`usance detect PATH… --node`: what a running node has registered, asked by prints alone, and tied to its records."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.access import Access
from node.client import Client
from node.detect.asking import WAIT_S_MAX, WAITS_MAX, NodeSources
from node.detect.finding import Findings, read_findings
from node.detect.looking import Looked
from node.detect.matching import DOCUMENTS
from node.detect.remarks import TOO_MANY, Remarks
from node.errors import NetworkError
from proofs.errors import VerifyError
from proofs.logkeys import log_keys
from tests.node.clitool import Cli
from tests.node.detecting import Detector, print_set, print_text, prose, register
from tests.node.harness import Actor, NodeProcess
from tests.node.moneyworld import offer

TERMS = {"currency": "EUR", "offers": [offer("train", "token", 1, 1)], "on_match": "charge"}


class World:
    """A node with two assets whose prints it has, and somebody with a token and something to look at."""

    def __init__(self, node: NodeProcess, folder: Path) -> None:
        self.node = node
        owner = Actor(node).join("Owner")
        self.detector, self.reader = Detector(node), Detector(node, "reader", may=("read",))
        self.clients: list[Client] = []
        self.texts = {f"corpus{n}": [prose(100 * n + k) for k in range(3)] for n in range(2)}
        self.refs: dict[str, str] = {}
        self.roots: dict[str, str] = {}
        for number, (name, texts) in enumerate(self.texts.items()):
            data, summary = print_set([print_text(f"{name}/{k}", text) for k, text in enumerate(texts)])
            terms = {"terms": TERMS} if number == 0 else {}
            self.refs[name] = register(owner, summary, name=name, version="2026", **terms)
            self.roots[name] = summary.root.hex()
            assert self.detector.send(self.refs[name], data).status == 200
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(self.detector.token)
        (folder / "token").chmod(0o600)
        self.cli = Cli(folder, {"USANCE_LOG": str(node.folder / "log.vkey")})
        self.found = folder / "found"
        self.found.mkdir()

    def detect(self, *args: object, code: int = 0) -> Findings:
        """Look at what is in the folder."""
        done = self.cli("detect", "found", "--node", self.node.url, "--token-file", "token", "-o", "out.json", *args)
        assert done.code == code, done
        return read_findings(str(self.cli.folder / "out.json"))

    def sources(self, waits: list[float], remarks: Remarks) -> NodeSources:
        """What the command asks with; what it would wait for is only noted."""
        client = Client(self.node.url, log_keys(self.node.vkey), state_folder=str(self.cli.folder / "heads"),
                        access=Access(token=self.detector.token), sleep=waits.append)  # fmt: skip
        self.clients.append(client)
        return NodeSources(client, remarks)


@pytest.fixture
def make_world(make_node: Callable[..., NodeProcess], tmp_path: Path) -> Iterator[Callable[..., World]]:
    """A world on a node with these settings."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(make_node(**settings), tmp_path / "user"))
        return made[-1]

    yield make
    for client in [client for world in made for client in world.clients]:
        client.close()


@pytest.fixture(scope="module")
def default_world(node: NodeProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One on a node with default settings, for all tests that need no other."""
    made = World(node, tmp_path_factory.mktemp("world") / "user")
    yield made
    for client in made.clients:
        client.close()


@pytest.fixture
def world(default_world: World) -> World:
    """It, with nothing to look at yet."""
    for path in default_world.found.iterdir():
        path.unlink()
    return default_world


def looked(name: str, text: str) -> Looked:
    """An item to look at."""
    return Looked(print_text(name, text), text)


def test_findings_are_tied_to_what_was_registered(world: World) -> None:
    """Title, policy and the root of the prints come from the log; the passage is the item's side alone; how many would
    match by chance is told by the worst rate, since the node tells no lengths."""
    (world.found / "taken.txt").write_text(f"{prose(7, 80)} {world.texts['corpus0'][1]} {prose(8, 80)}")
    (world.found / "own.txt").write_text(prose(9))
    (world.found / "short.txt").write_text("no")
    found = world.detect()
    (one,) = found.findings
    ref = world.refs["corpus0"]
    assert (one.owner, one.item.name, one.source.name) == (ref, "found/taken.txt", "")
    assert one.registered is not None
    assert (one.registered.ref, one.registered.prints_root) == (ref, world.roots["corpus0"])
    assert (one.policy, found.owners[0].policy, found.owners[0].title) == ("charge", "charge", "corpus0@2026")
    assert one.passages[0].source is None
    assert len(one.passages[0].item[1]) > 0.8 * len(world.texts["corpus0"][1])
    assert one.passages[0].item[1] in world.texts["corpus0"][1]
    assert one.source.sha256 == print_text("", world.texts["corpus0"][1]).sha256.hex()
    assert (found.against.what, found.against.owners, found.against.items) == ("node", 2, 6)
    assert found.looked_at.pairs == 2 * 6
    assert found.looked_at.expected_false is not None
    assert (found.looked_at.items, found.looked_at.too_short) == (3, 1)


def test_the_finding_can_be_claimed(world: World) -> None:
    """What is written is what `usance claim` takes, against nobody yet."""
    (world.found / "taken.txt").write_text(world.texts["corpus0"][1])
    world.detect()
    done = world.cli("claim", world.refs["corpus0"], "--finding", "out.json:0", "--dry-run", "--node", world.node.url)
    assert done.code == 0, done
    assert "claim, not logged" in done.out
    other = world.cli("claim", world.refs["corpus1"], "--finding", "out.json:0", "--dry-run", "--node", world.node.url)
    assert other.code == 2


def test_requests_are_split_as_the_node_likes(make_world: Callable[..., World]) -> None:
    """A node that takes few prints at a time is sent few; what no request can hold is remarked, and ends with 3."""
    world = make_world(prints_max=150)
    for number in range(5):
        (world.found / f"{number}.txt").write_text(world.texts[f"corpus{number % 2}"][number % 3])
    (world.found / "large.txt").write_text(prose(77, 900))
    found = world.detect(code=3)
    assert {one.item.name for one in found.findings} == {f"found/{number}.txt" for number in range(5)}
    assert [(remark.reason, remark.names) for remark in found.looked_at.remarks] == [(TOO_MANY, ("found/large.txt",))]


def test_a_quota_is_waited_for_but_not_for_ever(make_world: Callable[..., World]) -> None:
    """The seconds that the node says are waited, and it is asked again; a node that never lets through ends it."""
    world = make_world(prints_per_hour=150)
    waits: list[float] = []
    sources = world.sources(waits, Remarks())
    assert sources.ask([looked("a", world.texts["corpus0"][0])], DOCUMENTS).hits
    assert waits == []
    with pytest.raises(NetworkError, match="as many prints as it may"):
        sources.ask([looked("b", world.texts["corpus0"][1])], DOCUMENTS)
    assert len(waits) == WAITS_MAX
    assert all(60 < wait <= WAIT_S_MAX for wait in waits)


def test_who_may_not_ask_is_told(world: World) -> None:
    """No token, one for reading alone, a URL that is no log's: one line that says what to do."""
    (world.found / "own.txt").write_text(prose(9))
    args = ("detect", "found", "--node", world.node.url)
    assert "--token-file" in world.cli.fails(2, *args)
    assert "--may detect" in world.cli.fails(2, *args, USANCE_TOKEN=world.reader.token)
    elsewhere = ("detect", "found", "--node", world.node.url + "/elsewhere", "--token-file", "token")
    assert "with detection" in world.cli.fails(2, *elsewhere)


def test_a_node_that_names_another_root_is_caught(world: World) -> None:
    """Registered is what the record holds, not what the node says of it."""
    sources = world.sources([], Remarks())
    assert sources.ask([looked("a", world.texts["corpus1"][0])], DOCUMENTS).hits
    ref = world.refs["corpus1"]
    assert sources.describe(ref, verified=True).registered is not None
    sources._whose[ref] = type(sources._whose[ref])("x", None, "ab" * 32)
    with pytest.raises(VerifyError, match="no such asset"):
        sources.describe(ref, verified=True)
    assert sources.describe(ref, verified=False).registered is None


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": None}, {"owners": []}, {"left_out": -1}, {"index": {}}, {"boilerplate": True},
        {"pair": {"item": 1}}, {"pair": {"hits": "3"}}, {"pair": {"owner": "x"}}, {"pair": {"copy": 1}},
        {"pair": {"prints_root": "ab"}}, {"pair": {"source": {"sha256": "zz" * 32, "length": 1}}},
        {"pair": {"of_item": 1_000_001}}, {"pair": {"run": 1.5}},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_of_another_form_is_no_finding(change: dict[str, Any]) -> None:
    """A node is a stranger, too: what it answers is parsed as strictly as a file."""
    from node.detect.asking import _checked

    pair = {"item": 0, "owner": "1:" + "ab" * 32, "prints_root": "cd" * 32, "copy": False, "hits": 5, "of_item": 10,
            "source": {"sha256": "ef" * 32, "length": 900}, "of_source": 10, "run": 120, "place": 3}  # fmt: skip
    answer = {"index": {"owners": 1, "items": 1}, "pairs": [pair], "owners": {}, "left_out": 0, "boilerplate": 0,
              "crowded": 0}  # fmt: skip
    assert _checked(answer, 1, "http://x") == answer
    pair.update(change.get("pair", {}))
    answer.update({name: value for name, value in change.items() if name != "pair"})
    with pytest.raises(NetworkError, match="no finding"):
        _checked(answer, 1, "http://x")
