"""`usance audit` and money: what a node derives from its log is held against a replay, and the first leaf is named."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ledger import keys, sumlist
from ledger.leveldb import LevelStore
from node.sources import NodeFolderSource
from proofs import codec
from proofs.ref import Ref
from tests.node.clitool import Cli
from tests.node.fakelog import Answer, serving
from tests.node.harness import NodeProcess, body
from tests.node.moneyworld import Proxy, World, make_world, settle_once

EUR = 10**9


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """A log with money in it, which no test here adds to."""
    made = make_world(node)
    settle_once(made)
    return made


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, World, Ref]]:
    """The same on a node that stands still."""
    process = NodeProcess(tmp_path_factory.mktemp("stopped") / "n").start()
    try:
        made = make_world(process)
        statement = settle_once(made)
        usage = made.use(made.lab, made.corpus, quantities={"token": 500})
        fields = {"usage": usage.pack(), "quantities": {"token": 200}, "reason": "twice"}
        correction = made.refs(made.lab.log(body("correction", **fields)))[0]
        made.publisher.log(body("accept", correction=correction.pack()))
        made.partner.log(body("dispute", target=usage.pack(), reason="too low"))
        found = body(
            "claim", asset=made.corpus.pack(), against={"party": made.lab.key}, method="winnowing", score=9,
            threshold=5, fpr=40, length=5000, proves="a long verbatim match", evidence=bytes(32),
        )  # fmt: skip
        made.publisher.log(found)
        assert process.stop() == 0
        yield process, made, statement
    finally:
        process.kill()


def auditor(folder: Path, node: NodeProcess) -> Cli:
    """Somebody with the log's key."""
    return Cli(folder, {"USANCE_LOG": node.vkey.text})


# What is good


def test_a_node_that_says_what_its_log_gives(tmp_path: Path, world: World) -> None:
    """Accounts, statements and every record of a running node are compared and agree; the figures say how many."""
    cli = auditor(tmp_path, world.node)
    said = cli.json("audit", world.node.url, "--deep")
    size = world.node.checkpoint().size
    # lab to publisher, partner and maker; and what is known of free rides only
    assert said["money"] == {
        "accounts": 3, "compared": "answers", "statements": 1, "records": size, "node_size": size
    }  # fmt: skip
    text = cli.ok("audit", world.node.url).out
    assert "money: 3 accounts, 1 statement, 1 receipt, 0 corrections: every charge, line" in text
    assert f"the node says the same of 3 of 3 accounts, 1 statement and {size} of {size} records" in text


def test_a_stopped_node_whose_rows_are_what_its_log_gives(tmp_path: Path, stopped: Any) -> None:
    """Every derived row of a database is recomputed."""
    node, _, _ = stopped
    said = auditor(tmp_path, node).json("audit", node.folder)
    assert said["money"]["compared"] == "database"
    assert said["money"]["rows"] > 100
    assert "derived rows are as recomputed" in auditor(tmp_path, node).ok("audit", node.folder).out


def test_a_node_that_goes_on_meanwhile_is_compared_as_of_the_checkpoint(tmp_path: Path, make_node: Any) -> None:
    """Figures below a leaf never change: new uses, statements and receipts after the audited size are no difference."""
    world = make_world(make_node())
    statement = settle_once(world)
    note = world.node.get("/checkpoint").body

    def old_checkpoint(path: str, answer: Answer) -> Answer:
        return (*answer[:2], note) if path == "/checkpoint" else answer

    world.use(world.lab, world.corpus, quantities={"token": 2000})
    world.receipt(world.publisher, statement, EUR, "r2")
    world.state(world.lab, world.publisher)
    world.use(world.partner, world.corpus)
    with lying(world, old_checkpoint) as url:
        said = auditor(tmp_path, world.node).json("audit", url, "--deep")
    assert said["size"] == said["money"]["node_size"] - 4
    assert said["money"]["statements"] == 1


# A node that lies


@contextmanager
def lying(world: World, change: Callable[[str, Answer], Answer]) -> Iterator[str]:
    """A proxy before the node of a world; its URL."""
    with serving(Proxy(world.node.url, change)) as proxy:  # type: ignore[arg-type]
        yield proxy.url


def altered(part: str, change: Callable[[str, dict[str, Any]], None]) -> Callable[[str, Answer], Answer]:
    """Changes the JSON answers of paths that hold a part."""

    def alter(path: str, answer: Answer) -> Answer:
        if part not in path or answer[0] != 200:
            return answer
        value = json.loads(answer[2])
        change(path, value)
        return answer[0], answer[1], json.dumps(value).encode()

    return alter


def failure(cli: Cli, where: object, *options: str) -> dict[str, Any]:
    """An audit that fails; what it says."""
    done = cli("audit", where, "--json", *options)
    assert done.code == 1, done
    found: dict[str, Any] = done.json()
    assert found["verdict"] == "failed"
    return found


def account_at(path: str) -> int:
    """The `to` of a draft's path."""
    return int(urlsplit(path).query.removeprefix("to="))


@pytest.mark.parametrize("field", ["gross", "root", "lines", "unlicensed", "unpriced", "credits"])
def test_a_draft_that_is_wrong_from_a_leaf_on(tmp_path: Path, world: World, field: str) -> None:
    """The first leaf at which the node's figures part from the log's is found by bisection, whichever figure it is."""
    size = world.node.checkpoint().size
    leaf = size - 4  # some entry in the middle of the uses
    target = world.account(world.lab, world.partner)

    def change(path: str, value: dict[str, Any]) -> None:
        if target in path and account_at(path) > leaf:
            draft = value["statement"]
            if field == "root":
                draft[field] = "00" * 32
            else:
                draft[field] = str(int(draft[field]) + 1) if isinstance(draft[field], str) else draft[field] + 1

    with lying(world, altered("/draft", change)) as url:
        said = failure(auditor(tmp_path, world.node), url)
    assert said["entry"] == leaf
    assert f"{world.lab.key.hex()[:16]}… to {world.partner.key.hex()[:16]}… in EUR" in said["detail"]


@pytest.mark.parametrize("field", ["due", "billed"])
def test_a_draft_that_bills_otherwise(tmp_path: Path, world: World, field: str) -> None:
    """What is due has to follow from the draft's own figures, and what was billed from the log's statements: a node
    that lies about both alike is found out, too."""
    target = world.account(world.lab, world.publisher)

    def change(path: str, value: dict[str, Any]) -> None:
        if target in path:
            draft = value["statement"]
            draft["due"] = str(int(draft["due"]) + EUR)
            if field == "billed":
                draft["billed"] = str(int(draft["billed"]) - EUR)

    with lying(world, altered("/draft", change)) as url:
        found = failure(auditor(tmp_path, world.node), url)
    assert f"nanos {field}" in found["detail"]


def test_the_earliest_of_several_differences_is_named(tmp_path: Path, world: World) -> None:
    """Wrong in two accounts and a record: the lowest leaf counts, not the first account."""
    size = world.node.checkpoint().size
    first, second = world.account(world.lab, world.partner), world.account(world.lab, world.maker)

    def change(path: str, value: dict[str, Any]) -> None:
        if "/draft" in path:
            for account, leaf in ((first, size - 3), (second, size - 5)):
                if account in path and account_at(path) > leaf:
                    value["statement"]["unlicensed"] += 1

    with lying(world, altered("/accounts/", change)) as url:
        assert failure(auditor(tmp_path, world.node), url)["entry"] == size - 5


@pytest.mark.parametrize("field", ["charge", "status", "reason", "terms", "judged_as", "lines"])
def test_a_record_s_outcome_that_is_wrong(tmp_path: Path, world: World, field: str) -> None:
    """What the node says that a use came to: the record is named, with both words."""
    said = world.node.json("/records?kind=usage")["records"]
    index = next(row["index"] for row in said if row.get("charge", "0") != "0")

    def change(path: str, value: dict[str, Any]) -> None:
        for row in value["records"]:
            if row["index"] == index:
                row[field] = [] if field == "lines" else "1" if field == "charge" else "unlicensed"

    with lying(world, altered("/records?", change)) as url:
        found = failure(auditor(tmp_path, world.node), url)
    assert (found["entry"], field in found["detail"]) == (index, True)


@pytest.mark.parametrize("field", ["due", "received", "open", "to", "billed", "ref"])
def test_a_statement_that_is_listed_wrongly(tmp_path: Path, world: World, field: str) -> None:
    """Each figure of each statement that the node lists of an account."""
    target = world.account(world.lab, world.publisher)

    def change(path: str, value: dict[str, Any]) -> None:
        if path == target:
            row = value["statements"][0]
            row[field] = str(int(row[field]) - 1) if field not in ("to", "ref") else (9 if field == "to" else "x")

    with lying(world, altered("/accounts/", change)) as url:
        found = failure(auditor(tmp_path, world.node), url)
    statement = world.node.json("/records?kind=statement")["records"][0]["index"]
    assert (found["entry"], field in found["detail"]) == (statement, True)


@pytest.mark.parametrize("how", ["left out", "invented", "accrued", "received", "statement left out"])
def test_a_list_of_accounts_that_is_wrong(tmp_path: Path, world: World, how: str) -> None:
    """An account that is missing, one that has no line, and a figure of the list."""
    publisher = world.publisher.key.hex()

    def change(path: str, value: dict[str, Any]) -> None:
        rows = value.get("accounts")
        if rows is None:
            if how == "statement left out":
                value["statements"] = []
            return
        found = next((row for row in rows if row["payee"] == publisher), None)
        if how == "left out":
            value["accounts"] = [row for row in rows if row is not found]
        elif how == "invented" and rows:
            rows.insert(0, {**rows[0], "payer": "00" * 32})
        elif how in ("accrued", "received") and found is not None:
            found[how] = str(int(found[how]) + 1)

    with lying(world, altered("/accounts", change)) as url:
        found = failure(auditor(tmp_path, world.node), url)
    assert found["entry"] is not None
    if how == "left out":
        usages = world.node.json("/records?kind=usage")["records"]
        assert found["entry"] == usages[0]["index"]


@pytest.mark.parametrize("value", [{}, {"accounts": 1, "size": 10**6}, {"accounts": [{}], "size": 10**6, "next": None},
                                   {"accounts": [], "size": -1}, {"accounts": [], "size": "x"}])  # fmt: skip
def test_answers_of_another_form_are_refused(tmp_path: Path, world: World, value: dict[str, Any]) -> None:
    """No traceback and no verdict: exit 1, and one line that says what is wrong with the answer."""

    def change(path: str, answer: Answer) -> Answer:
        return (200, answer[1], json.dumps(value).encode()) if path.startswith("/accounts") else answer

    with lying(world, change) as url:
        line = auditor(tmp_path, world.node).fails(1, "audit", url)
    assert "node" in line


def test_a_source_without_accounts_is_said_to_be_one(tmp_path: Path, world: World) -> None:
    """A mirror has the entries only: the log is judged, and the verdict says that no state was compared."""

    def change(path: str, answer: Answer) -> Answer:
        return (404, "application/problem+json", b'{"detail":"no such route"}') if "/accounts" in path else answer

    with lying(world, change) as url:
        said = auditor(tmp_path, world.node).json("audit", url)
        text = auditor(tmp_path, world.node).ok("audit", url).out
    assert (said["verdict"], said["money"]["compared"]) == ("good", None)
    assert "not compared with a node's state" in text


# A database that was tampered with


def rows_of(store: LevelStore, prefix: bytes) -> list[tuple[bytes, bytes]]:
    """All rows of a prefix."""
    return list(store.scan(prefix, keys.after(prefix)))


def bent(value: bytes) -> bytes:
    """The value with its last byte changed."""
    return value[:-1] + bytes([value[-1] ^ 1])


TAMPERED = [
    "STATUS", "LIST_CHUNK", "LIST_HEAD", "STATEMENT", "TERMS", "ACCOUNT", "STATED", "CLOSURE", "BASE", "CORRECTED",
    "EVENT", "ASSET_TERMS", "PAYEE", "RECEIPT", "KEY", "BY_KIND", "DISPUTE", "ASSET", "FINDING", "ACCUSED", "FOUND",
]  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_row_is_named(tmp_path: Path, stopped: Any, name: str) -> None:
    """A row changed in the database of a stopped node: its prefix and its leaf are named; put back, all is well."""
    node, _, _ = stopped
    prefix = keys.PREFIXES[name]
    with opened(node) as store:
        rows = rows_of(store, prefix)
        key, value = rows[len(rows) // 2]
        store.write({key: bent(value) if value else b"x"})
    try:
        found = failure(auditor(tmp_path, node), node.folder)
    finally:
        with opened(node) as store:
            store.write({key: value})
    assert f"the database's {name} row" in found["detail"]
    assert found["entry"] is not None
    if name in ("STATUS", "STATEMENT", "TERMS", "CLOSURE", "CORRECTED"):
        assert found["entry"] == int.from_bytes(key[1:9], "big")


@pytest.mark.parametrize("name", ["STATUS", "EVENT", "LIST_CHUNK", "STATEMENT", "ACCOUNT"])
def test_a_missing_and_an_added_row_are_named(tmp_path: Path, stopped: Any, name: str) -> None:
    """Rows taken away, and rows that no entry makes."""
    node, _, _ = stopped
    prefix = keys.PREFIXES[name]
    with opened(node) as store:
        key, value = rows_of(store, prefix)[0]
        store.write({key: None})
    try:
        gone = failure(auditor(tmp_path, node), node.folder)
    finally:
        other = key[:-8] + keys.number(2)
        with opened(node) as store:
            assert store.get(other) is None
            store.write({key: value, other: value})
    try:
        added = failure(auditor(tmp_path, node), node.folder)
    finally:
        with opened(node) as store:
            store.write({other: None})
    assert f"the database's {name} row" in gone["detail"]
    assert "holds nothing" in gone["detail"]
    assert f"the database's {name} row" in added["detail"]
    assert auditor(tmp_path, node)("audit", node.folder).code == 0


def test_rows_of_no_known_kind_and_rows_past_the_end_are_named(tmp_path: Path, stopped: Any) -> None:
    """What doesn't belong in a database at all."""
    node, _, _ = stopped
    for key in (b"\x01x", keys.ENTRY + keys.number(10**6), keys.CONFLICT + bytes(33)):
        with opened(node) as store:
            store.write({key: codec.pack([b"", b"", 0, 0])})
        try:
            assert "the database's " in failure(auditor(tmp_path, node), node.folder)["detail"]
        finally:
            with opened(node) as store:
                store.write({key: None})


def test_the_lowest_leaf_of_several_tampered_rows_is_named(tmp_path: Path, stopped: Any) -> None:
    """Two rows of different prefixes: the verdict names the lower leaf and counts both."""
    node, _, _ = stopped
    with opened(node) as store:
        changed = dict(
            [rows_of(store, keys.STATUS)[-1], rows_of(store, keys.STATUS)[0], rows_of(store, keys.EVENT)[-1]]
        )
        store.write({key: bent(value) for key, value in changed.items()})
        lowest = min(int.from_bytes(key[-8:], "big") for key in changed)
    try:
        found = failure(auditor(tmp_path, node), node.folder)
    finally:
        with opened(node) as store:
            store.write(changed)
    assert (found["entry"], "3 rows differ" in found["detail"]) == (lowest, True)


def test_how_a_list_is_cut_into_chunks_is_no_difference(tmp_path: Path, stopped: Any) -> None:
    """A list is compared line by line: the same lines in other chunks are the same list."""
    node, _, _ = stopped
    with opened(node) as store:
        lists: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for key, value in rows_of(store, keys.LIST_CHUNK):
            lists.setdefault(key[:-8], []).append((key, value))
        chunks = next(rows for rows in lists.values() if len(rows) > 1)
        head = sumlist.HEAD_BYTES
        store.write({chunks[0][0]: chunks[0][1] + chunks[1][1][head:], chunks[1][0]: None})
    try:
        assert auditor(tmp_path, node)("audit", node.folder).code == 0
    finally:
        with opened(node) as store:
            store.write(dict(chunks[:2]))


def test_entries_behind_the_last_signature_are_judged_too(tmp_path: Path, make_node: Any) -> None:
    """A node that ended before it signed what it had written: its rows are compared up to the last entry."""
    node: NodeProcess = make_node()
    world = make_world(node)
    assert node.stop() == 0
    record = (node.folder / "sign-record.json").read_bytes()
    node.start()
    world.node = node
    settle_once(world)
    assert node.stop() == 0
    (node.folder / "sign-record.json").write_bytes(record)
    source = NodeFolderSource(str(node.folder), node.vkey)
    behind = source.size
    source.close()
    said = auditor(tmp_path, node).json("audit", node.folder)
    assert said["size"] < behind
    assert said["money"]["accounts"] == 3


@contextmanager
def opened(node: NodeProcess) -> Iterator[LevelStore]:
    """The database of a stopped node."""
    store = LevelStore(str(node.folder / "db"))
    try:
        yield store
    finally:
        store.close()
