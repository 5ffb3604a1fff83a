"""The tlog-tiles routes, proofs and consistency over HTTP, against proofs/ and a naive tree."""

import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from proofs import merkle, tiles
from proofs.checkpoint import open_checkpoint
from proofs.entry import parse_entry
from proofs.text import parse_hash
from proofs.tlogproof import parse_tlog_proof
from tests.node.harness import Actor, NodeProcess, check_problem, nil_body, use_body
from tests.proofs import oracle

SIZE = 520
WIDTHS = (1, 2, 3, 7, 8, 255)


@dataclass
class Log:
    """A node whose log has SIZE entries, and the entries as read from its bundles."""

    node: NodeProcess
    entries: list[bytes]

    @property
    def leaves(self) -> list[bytes]:
        """Leaf hashes."""
        return [merkle.leaf_hash(entry) for entry in self.entries]


@pytest.fixture(scope="module")
def log(node: NodeProcess) -> Iterator[Log]:
    """A log of two full tiles and a rest, from batches of several sizes."""
    actor = Actor(node).join()
    left = SIZE - node.checkpoint().size
    for count in itertools.cycle((1, 2, 3, 100, 5)):
        count = min(count, left)
        if count == 0:
            break
        actor.log(*(nil_body(number) if number % 2 else use_body() for number in range(count)))
        left -= count
    entries: list[bytes] = []
    for index in range(2):
        entries += tiles.parse_bundle(node.get(f"/tile/entries/00{index}").body, 256)
    entries += tiles.parse_bundle(node.get("/tile/entries/002.p/8").body, 8)
    return Log(node, entries)


def test_the_checkpoint_is_signed_and_fresh(log: Log) -> None:
    """The checkpoint is text, never cached without asking, signed by the log's key, and of the root of its entries."""
    answer = log.node.get("/checkpoint")
    assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    checkpoint = open_checkpoint(answer.body, log.node.vkey)
    assert (checkpoint.origin, checkpoint.size) == (log.node.origin, SIZE)
    assert checkpoint.root == oracle.mth(log.entries)


def test_every_entry_proves_its_own_signer(log: Log) -> None:
    """What the bundles hold parses, and each entry's signature holds by itself."""
    for entry in log.entries:
        parse_entry(entry).check_signature(log.node.origin)


def test_tiles_of_every_width(log: Log) -> None:
    """Each partial width that the tree has ever had is served, with exactly the leaf hashes, as an immutable file."""
    leaves = log.leaves
    for index in range(3):
        most = tiles.tile_width(0, index, SIZE)
        for width in range(1, most + 1):
            if width not in WIDTHS and width != most and width % 37:
                continue
            answer = log.node.get("/" + tiles.tile_path(0, index, width))
            assert answer.status == 200
            assert answer.type == "application/octet-stream"
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.body == b"".join(leaves[256 * index : 256 * index + width])
    for width in (1, 2):
        expected = b"".join(oracle.mth(log.entries[256 * at : 256 * at + 256]) for at in range(width))
        assert log.node.get("/" + tiles.tile_path(1, 0, width)).body == expected


def test_all_partial_widths_of_one_tile(log: Log) -> None:
    """A full tile and a full bundle are also served at each of their 255 partial widths."""
    leaves = b"".join(log.leaves[:256])
    for width in range(1, 256):
        assert log.node.get(f"/tile/0/000.p/{width}").body == leaves[: 32 * width]
    for width in (*WIDTHS, 100, 254):
        body = log.node.get(f"/tile/entries/000.p/{width}").body
        assert tiles.parse_bundle(body, width) == log.entries[:width]


def test_bundles_are_compressed_only_for_who_asks(log: Log) -> None:
    """A bundle says Vary: Accept-Encoding; gzip comes to those who take it, and unpacks to the same bytes."""
    plain = log.node.get("/tile/entries/000")
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    for accepted in ("gzip", "br, GZIP;q=0.5", "gzip;q=1.0, *;q=0"):
        packed = log.node.get("/tile/entries/000", {"Accept-Encoding": accepted})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
    for accepted in ("identity", "gzip;q=0", "gzip; q=0.000", "xgzip", ""):
        assert log.node.get("/tile/entries/000", {"Accept-Encoding": accepted}).body == plain.body


BAD_TILES = (
    "0/00", "0/0000", "0/0", "0/000.p/0", "0/000.p/256", "0/000.p/257", "0/000.p/01", "0/000.p/+1", "0/000.p/-1",
    "0/000.p/1/", "0/000.p/", "0/000.p", "0/000/", "/0/000", "00/000", "01/000", "64/000", "-1/000", "+0/000",
    "0x0/000", "entries/0", "entries/000.p/0", "entries/x000/000", "entries/X001/000", "0/x000/000", "0/x00/000",
    "0/x001/x000",
    "0/000.P/1", "0/000.p/1.p/1", "0/%30%30%30", "0/000%2ep/1", "0%2F000", "0/00%30.p/1", "%30/000", "0/000.p%2f1",
    "0/000%00", "0/000.p/%31", "0/000.p/1%20", "0/ 000", "0/0 0", "0/０００", "0/000.p/１", "0/٠٠٠", "data/000",
    "0/../0/000", "./0/000", "0//000", "0/000\\.p\\1", "entries", "", "0", "0/", "0/" + "x999/" * 40 + "999",
)  # fmt: skip


@pytest.mark.parametrize("path", BAD_TILES)
def test_a_tile_has_one_spelling(log: Log, path: str) -> None:
    """Any other spelling of a tile's path is 404, whatever it would mean: each tile is one URL to a cache."""
    check_problem(log.node.get("/tile/" + quote(path, safe="/%\\+")), 404)


@pytest.mark.parametrize(
    "path",
    ["0/002", "0/002.p/9", "0/003.p/1", "0/x001/000", "1/000.p/3", "1/000", "1/001.p/1", "2/000.p/1", "63/000.p/1",
     "entries/002", "entries/002.p/9", "entries/003.p/1", "entries/x999/999", "0/" + "x999/" * 5 + "999"],
)  # fmt: skip
def test_what_the_tree_does_not_hold_yet_is_missing(log: Log, path: str) -> None:
    """Tiles and bundles beyond the published size are 404, and nobody may keep that answer."""
    check_problem(log.node.get("/tile/" + path), 404)


def test_proofs_hold_at_any_size(log: Log) -> None:
    """Each proof that is given at any size leads from the entry to that size's root, signed by the log."""
    sizes = (1, 2, 3, 4, 7, 8, 9, 100, 255, 256, 257, 511, 512, 513, SIZE - 1, SIZE)
    for size in sizes:
        root = oracle.mth(log.entries[:size])
        for index in {0, 1, size // 3, size // 2, size - 1} & set(range(size)):
            answer = log.node.get(f"/proof/{index}?size={size}")
            assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
            proof = parse_tlog_proof(answer.body)
            checkpoint = open_checkpoint(proof.checkpoint_note, log.node.vkey)
            assert (proof.index, checkpoint.size, checkpoint.root) == (index, size, root)
            assert proof.extra == log.entries[index]
            merkle.check_inclusion(
                index=index, size=size, leaf=merkle.leaf_hash(proof.extra), path=proof.path, root=root
            )


def test_a_proof_without_a_size_is_of_the_present(log: Log) -> None:
    """Without `size` a proof is at the newest checkpoint, the very note that /checkpoint gives."""
    proof = parse_tlog_proof(log.node.get("/proof/7").body)
    assert proof.checkpoint_note == log.node.get("/checkpoint").body


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [(f"/proof/{SIZE}", 404, "index"), (f"/proof/{2**63 - 1}", 404, "index"), (f"/proof/{2**63}", 400, "index"),
     ("/proof/-1", 400, "index"), ("/proof/01", 400, "index"), ("/proof/1_0", 400, "index"), ("/proof/x", 400, "index"),
     ("/proof/%31%20", 400, "index"), ("/proof/%EF%BC%91", 400, "index"), ("/proof/5?size=5", 400, "index"),
     ("/proof/5?size=0", 400, "size"), (f"/proof/5?size={SIZE + 1}", 400, "size"), ("/proof/5?size=", 400, "size"),
     ("/proof/5?size=+6", 400, "size"), ("/proof/5?size=6&size=6", 400, "size"), ("/proof/5?Size=6", 400, "Size"),
     ("/proof/5?size=6&x=1", 400, "x")],
)  # fmt: skip
def test_proofs_that_cannot_be(log: Log, path: str, status: int, field: str) -> None:
    """A proof for what isn't there, at a size that isn't, or asked for in other words, is refused by its field."""
    assert check_problem(log.node.get(path), status)["field"] == field


def test_consistency_of_any_two_sizes(log: Log) -> None:
    """The proof between two sizes is what the log's two roots are checked by; from 0 and between equals it is empty."""
    sizes = (0, 1, 2, 3, 5, 8, 127, 128, 255, 256, 257, 400, 512, SIZE)
    for old, new in itertools.combinations_with_replacement(sizes, 2):
        answer = log.node.get(f"/consistency?from={old}&to={new}")
        assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
        assert answer.body == b"" or answer.body.endswith(b"\n")
        path = [parse_hash(line, field="path") for line in answer.body.decode().splitlines()]
        if old in (0, new):
            assert path == []
        if old == 0:  # nothing to check: every tree begins with the empty one
            continue
        old_root, new_root = oracle.mth(log.entries[:old]), oracle.mth(log.entries[:new])
        merkle.check_consistency(old_size=old, new_size=new, old_root=old_root, new_root=new_root, path=path)
    assert log.node.get(f"/consistency?from=3&to={SIZE}").body == log.node.get("/consistency?from=3").body


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "from"), ("?to=3", "from"), ("?from=4&to=3", "from"), (f"?from={SIZE + 1}", "from"),
     (f"?from=1&to={SIZE + 1}", "to"), (f"?from={2**63}", "from"), ("?from=", "from"), ("?from=-1", "from"),
     ("?from=1&from=1", "from"), ("?from=1&to=2&to=2", "to"), ("?from=1;to=2", "from"), ("?from=1&size=2", "size"),
     ("?from=0x1", "from"), ("?from=1.0", "from"), ("?from=%31%00", "from"), ("?from=%ff", "query"),
     ("?%ff=1", "query"), ("?" + "&".join(f"a{at}=" for at in range(100)), "query")],
)  # fmt: skip
def test_consistency_that_cannot_be(log: Log, query: str, field: str) -> None:
    """from above to, sizes beyond the log, and anything but two plain numbers are 400, named by field."""
    assert check_problem(log.node.get("/consistency" + query), 400)["field"] == field


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/proof/3", "/consistency?from=1"])
def test_head_answers_as_get_without_a_body(log: Log, path: str) -> None:
    """HEAD gives status, type and cache headers of GET, and no byte of a body."""
    whole, head = log.node.get(path), log.node.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "cache-control", "content-length"):
        assert head.headers.get(name) == whole.headers.get(name)


@pytest.mark.parametrize("path", ["/checkpoint?", "/checkpoint?x", "/checkpoint?x=1", "/tile/0/000?x", "/genesis?a=b"])
def test_routes_without_arguments_take_none(log: Log, path: str) -> None:
    """A query where none is known is 400 (an empty one is none): a cache can't be filled with copies."""
    if path.endswith("?"):
        assert log.node.get(path).status == 200
    else:
        check_problem(log.node.get(path), 400)
