"""`usance watch` and `usance reconcile --review` over a real log: output, files, refusals, a browser."""

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.detect import review
from proofs.ref import Ref, parse_ref
from tests.node.browser import Tab, look
from tests.node.clitool import Cli
from tests.node.harness import Actor, NodeProcess, body, use_body

AT = 1_767_225_600_000  # 2026-01-01
DAY, HOUR = 86_400_000, 3_600_000
ITEMS = 800
ORDINARY = 44
HOSTILE = "<script>document.title='owned'</script>\"'&"
ROOT_ITEMS = [sha256(b"page %d" % number).digest() for number in range(ITEMS)]


class World:
    """A host whose gateway logs what its customers' end users took of a catalogue."""

    def __init__(self, node: NodeProcess, folder: Path) -> None:
        (folder / "log.vkey").write_text(node.vkey.text + "\n")
        self.cli = Cli(folder, {"USANCE_NODE": node.url, "USANCE_LOG": "log.vkey"})
        self.host, self.shop, self.lab = (Actor(node).join(name) for name in ("Host", HOSTILE, "Lab"))
        root = sha256(b"root").digest()
        made = self.host.log(
            body("asset", type="dataset", name=HOSTILE, aka=["pkg:generic/catalogue"], root=root, items=ITEMS, bytes=5)
        )
        self.asset: Ref = parse_ref(self.cli.json("records", made["first_index"])["ref"])
        self.random = random.Random(5)
        for number in range(ORDINARY):
            items = [self.random.randrange(60) for _ in range(21)]
            times = [self.random.randrange(20 * DAY) for _ in items]
            self.take(self.user(f"user {number}"), items, times)
        self.take(self.user("scraper"), list(range(500)), list(range(0, 500 * 60_000, 60_000)), by_name=True)
        for part in range(3):  # of what is left: three that take a third each
            items = list(range(part, ITEMS, 3))[:200]
            self.take(self.user(f"shard {part}"), items, [at * HOUR for at in range(200)])
        self.lab.log(use_body(asset=self.asset.pack(), use="infer", from_=AT, until=AT, call="only here"))
        self.host.log(self.seen(self.lab, use="infer", from_=AT, until=AT, call="only there"))

    def user(self, name: str) -> bytes:
        """An end user's digest."""
        return sha256(name.encode()).digest()

    def seen(self, party: Actor, **fields: Any) -> bytes:
        """A usage that the host saw."""
        return use_body(**{"asset": self.asset.pack(), **fields, "seen_by": "provider", "party": party.key})

    def take(self, user: bytes, items: list[int], times: list[int], *, by_name: bool = False) -> None:
        """Log takings of an end user of the shop's."""
        asset = "pkg:generic/catalogue" if by_name else self.asset.pack()
        records = [
            self.seen(self.shop, asset=asset, user=user, item=ROOT_ITEMS[item], from_=AT + time, until=AT + time)
            for item, time in zip(items, sorted(times), strict=True)
        ]  # fmt: skip
        for start in range(0, len(records), 300):
            self.host.log(*records[start : start + 300])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One node for the module, stopped well and audited at the end."""
    folder = tmp_path_factory.mktemp("watch")
    node = NodeProcess(folder / "n").start()
    try:
        yield World(node, folder)
        assert node.stop() == 0
        node.audit()
    finally:
        node.kill()


def test_a_real_log_lists_who_went_through_it(world: World) -> None:
    """The scraper, under the name that the asset claims, first; the shards as a group; nobody else; all for review."""
    said = world.cli.json("watch", "--asset", str(world.asset))
    listed = {row["user"] for row in said["listed"]}
    planted = [world.user("scraper"), *(world.user(f"shard {part}") for part in range(3))]
    assert said["listed"][0]["user"] == planted[0].hex()
    assert listed == {user.hex() for user in planted}
    first = said["listed"][0]
    assert (first["breadth"], first["records"], first["returns"], first["asset_items"]) == (500, 500, 0, ITEMS)
    assert (first["busiest_hour"], first["meter"], first["party"]) == (60, "provider", world.shop.key.hex())
    assert first["logged_by"] == world.host.key.hex()
    assert "Took 500 of 800 items (62 %) in 500 takings" in first["says"]
    record = world.cli.json("records", first["records_shown"][0].partition(":")[0])
    assert record["record"]["user"] == first["user"]
    (group,) = said["groups"]
    assert group["members"] == [f"{world.shop.key.hex()}/{user.hex()}" for user in sorted(planted[1:])]
    assert (group["breadth"], group["breadth_of_members"]) == (600, [200, 200, 200])
    assert said["names"] == {"pkg:generic/catalogue": [str(world.asset)]}
    assert said["verified"] is True
    assert "infring" not in json.dumps(said)


def test_the_terminal_says_it_in_words(world: World) -> None:
    """Table, sentences, group, what isn't shown; a stranger's name moves nothing; exit 0."""
    text = world.cli.ok("watch").out
    assert "FOR REVIEW: 4 users, 1 group" in text
    assert "came back to one that it had taken before 0 times" in text
    assert "group: parts of one whole" in text
    assert "NOT SHOWN: what nobody logged" in text


def test_filters_narrow_what_is_looked_at(world: World) -> None:
    """By party, by time; a population that is too small is said to be, and lists nobody."""
    text = world.cli.ok("watch", "--party", world.lab.key.hex()).out
    assert "2 usage records; compared: 0 users" in text
    assert "NOT COMPARED: too few users" in text
    day = world.cli.json("watch", "--since", "2026-01-01", "--until", "2026-01-02", "--window", "hour")
    assert 500 <= day["usage_records"] < 800
    assert all(row["from"] >= AT and row["until"] < AT + DAY for row in day["assets"][0]["broadest"])
    assert len(world.cli.json("watch", "--least", "201")["listed"]) == 1


@pytest.mark.parametrize(
    "given",
    [("--alarms", "0"), ("--alarms", "1e3"), ("--alarms", "nan"), ("--least", "-1"), ("--least", "0"),
     ("--window", "x"), ("--since", "2026-02-01", "--until", "2026-01-01"), ("--party", "12"), ("--review", "."),
     ("--html", ".")],
)  # fmt: skip
def test_bad_questions_end_with_2(world: World, given: tuple[str, ...]) -> None:
    """Before the log is read, in one line that names the option."""
    assert given[-2 if len(given) == 2 else 2] in world.cli.fails(2, "watch", *given)


def test_one_review_list_for_all(world: World, tmp_path: Path) -> None:
    """watch and reconcile write one list; again, it stays the same, byte for byte, and keeps what a person wrote."""
    path = tmp_path / "review.json"
    assert world.cli.json("watch", "--review", path)["review"] == {"file": str(path), "entries": 5, "new": 5}
    done = world.cli("reconcile", "--party", world.lab.key.hex(), "--review", path, "--json")
    assert (done.code, done.json()["review"]["new"]) == (1, 2)
    assert "review list" in world.cli("reconcile", "--party", world.lab.key.hex(), "--review", path).out
    before = path.read_bytes()
    value = json.loads(before)
    whats = [entry["what"] for entry in value["entries"]]
    assert whats == ["bulk extraction"] * 4 + ["group"] + ["meters differ"] * 2
    assert {entry["level"] for entry in value["entries"]} == {"review"}
    assert all(entry["records"] for entry in value["entries"])
    assert world.cli.json("watch", "--review", path)["review"]["new"] == 0
    assert path.read_bytes() == before
    value["entries"][0].update(state="cleared", note="their mirror, by contract")
    path.write_text(json.dumps(value))
    assert world.cli.json("watch", "--review", path, "--alarms", "0.2")["review"]["new"] == 0
    kept = review.read_list(str(path)).entries[0]
    assert (kept.state, kept.note) == ("cleared", "their mirror, by contract")
    month = world.cli.json("watch", "--review", path, "--since", "2026-01-01")
    assert month["review"]["new"] == 5  # what was asked for is another time


def test_a_bad_list_is_refused_and_left_alone(world: World, tmp_path: Path) -> None:
    """One that isn't ours is never overwritten."""
    path = tmp_path / "review.json"
    path.write_text('{"format": "something else"}')
    assert "--review" in world.cli.fails(2, "watch", "--review", path)
    assert path.read_text() == '{"format": "something else"}'


@pytest.fixture(scope="module")
def page(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, written twice: both are the same."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("one.html", "two.html"):
        world.cli.ok("watch", "--html", folder / name)
    assert (folder / "one.html").read_bytes() == (folder / "two.html").read_bytes()
    return folder / "one.html"


def test_the_page_stands_alone_and_shows_its_plots(page: Path, tmp_path: Path) -> None:
    """In a real browser: names are words, nothing runs or is fetched or refused, every plot has a size, colours and a
    sentence, nothing is cut off on a telephone."""

    async def check(opened: Tab) -> None:
        assert HOSTILE in await opened.value("document.body.innerText")
        for what in ("script", "img", "image", "iframe", "object", "link", "form", "a", "[onclick]", "[style]"):
            assert await opened.value(f"document.querySelectorAll('{what}').length") == 0, what
        assert opened.requests == [page.as_uri()]
        assert opened.said == []
        plots = await opened.value(
            "[...document.querySelectorAll('figure')].map(f => [f.querySelector('svg').getBoundingClientRect().width,"
            "f.querySelector('svg').getAttribute('aria-label'), f.querySelector('figcaption').innerText])"
        )
        assert len(plots) == 5
        assert all(width > 300 and label == caption and len(caption) > 60 for width, label, caption in plots)
        assert await opened.value("getComputedStyle(document.querySelector('svg path')).fill") == "rgb(255, 255, 255)"
        ids = await opened.value("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        used = await opened.value("[...document.querySelectorAll('use')].map(u => u.getAttribute('href').slice(1))")
        assert set(used) <= set(ids)
        for width in (320, 794):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            await opened.call("Emulation.setDeviceMetricsOverride", **metrics)
            assert await opened.value("document.documentElement.scrollWidth") <= width

    look(tmp_path, page, check)
