"""proofs.merkle against the RFC's recursive definition and the published vectors."""

import base64
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import merkle
from proofs.errors import InputError, VerifyError
from tests import strategies
from tests.proofs import oracle

TREE = [b"leaf %d" % number for number in range(40)]
SIZES = range(1, len(TREE) + 1)


def leaf_hashes(leaves: list[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(leaf) for leaf in leaves]


def reader(leaves: list[bytes]) -> merkle.NodeReader:
    """Reads nodes by the oracle, and refuses those that the tree doesn't hold complete."""

    def read(level: int, index: int) -> bytes:
        assert index >= 0
        assert (index + 1) << level <= len(leaves)
        return oracle.mth(leaves[index << level : (index + 1) << level])

    return read


def split(path: bytes) -> list[bytes]:
    return [path[at : at + 32] for at in range(0, len(path), 32)]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def vectors(shared_dir: Path, name: str) -> list[dict]:
    lines = (shared_dir / "vectors" / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 98
    return [json.loads(line) for line in lines]


def verdict(check, **arguments) -> bool:
    try:
        check(**arguments)
    except VerifyError:
        return False
    return True


def test_inclusion_vectors(shared_dir: Path) -> None:
    """Each of the 98 published inclusion proofs, good and mutated, gets the published verdict."""
    wrong = []
    for vector in vectors(shared_dir, "rfc6962-inclusion.jsonl"):
        good = verdict(
            merkle.check_inclusion,
            index=vector["leafIdx"],
            size=vector["treeSize"],
            leaf=decoded(vector["leafHash"]),
            path=[decoded(digest) for digest in vector["proof"] or []],
            root=decoded(vector["root"]),
        )
        if good == vector["wantErr"]:
            wrong.append(vector["name"])
    assert wrong == []


def test_consistency_vectors(shared_dir: Path) -> None:
    """Each of the 98 published consistency proofs, good and mutated, gets the published verdict."""
    wrong = []
    for vector in vectors(shared_dir, "rfc6962-consistency.jsonl"):
        good = verdict(
            merkle.check_consistency,
            old_size=vector["size1"],
            new_size=vector["size2"],
            old_root=decoded(vector["root1"]),
            new_root=decoded(vector["root2"]),
            path=[decoded(digest) for digest in vector["proof"] or []],
        )
        if good == vector["wantErr"]:
            wrong.append(vector["name"])
    assert wrong == []


@given(strategies.leaves())
def test_root_is_the_rfcs(leaves: list[bytes]) -> None:
    """The level-by-level root is the recursive one, for any leaves."""
    assert merkle.root(leaf_hashes(leaves)) == oracle.mth(leaves)


def test_every_path_and_proof_is_the_rfcs() -> None:
    """For every leaf and pair of sizes up to 40, paths and consistency proofs are the RFC's, and pass the checks."""
    for size in SIZES:
        leaves = TREE[:size]
        root, read = oracle.mth(leaves), reader(leaves)
        paths = merkle.all_paths(leaf_hashes(leaves))
        assert merkle.root_at(size, read) == root
        assert len(paths) == size
        for index in range(size):
            path = oracle.path(index, leaves)
            assert merkle.inclusion_path(index=index, size=size, read=read) == path
            assert split(paths[index]) == path
            merkle.check_inclusion(index=index, size=size, leaf=merkle.leaf_hash(leaves[index]), path=path, root=root)
            old_size = index + 1
            path = oracle.proof(old_size, leaves)
            assert merkle.consistency_path(old_size=old_size, new_size=size, read=read) == path
            merkle.check_consistency(
                old_size=old_size, new_size=size, old_root=oracle.mth(leaves[:old_size]), new_root=root, path=path
            )


def test_an_inclusion_proof_holds_for_one_place_only() -> None:
    """A good path with any other index or size, up to twice the tree's, is refused, except where it means the same."""
    size = 11
    leaves = TREE[:size]
    root = oracle.mth(leaves)
    for index in range(size):
        path, leaf = oracle.path(index, leaves), merkle.leaf_hash(leaves[index])
        for other_size in range(2 * size):
            for other_index in range(2 * size):
                if (other_index, other_size) == (index, size):
                    continue
                held = verdict(
                    merkle.check_inclusion, index=other_index, size=other_size, leaf=leaf, path=path, root=root
                )
                # RFC 6962 roots don't carry the size: another pair can ask for the very same folds.
                same_folds = other_index < other_size and folds(other_index, other_size) == folds(index, size)
                assert held == same_folds, (index, other_index, other_size)


def folds(index: int, size: int) -> list[str]:
    """On which sides the path's hashes stand, by the RFC's recursion."""
    if size == 1:
        return []
    k = oracle.largest_power_of_two_below(size)
    return [*folds(index, k), "right"] if index < k else [*folds(index - k, size - k), "left"]


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (9, 8), (0, 0), (0, -1), (0, 2**63), (2**63, 2**63)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    """The checker itself refuses index >= size, sizes out of range and negative numbers, before any hashing."""
    leaf = merkle.leaf_hash(b"")
    with pytest.raises(VerifyError) as caught:
        merkle.check_inclusion(index=index, size=size, leaf=leaf, path=[], root=leaf)
    assert caught.value.field in {"index", "size"}


def test_an_index_past_the_end_cannot_pass_by_its_folds() -> None:
    """Index 6 in a tree of 3 asks for the folds of leaf 2, and they lead to the root: only the bound refuses it."""
    leaves = TREE[:3]
    path = oracle.path(2, leaves)
    with pytest.raises(VerifyError, match="no leaf 6"):
        merkle.check_inclusion(index=6, size=3, leaf=merkle.leaf_hash(leaves[2]), path=path, root=oracle.mth(leaves))


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    """A hash changed, dropped, doubled or added at either end, a short hash, another leaf or root: all refused."""
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = TREE[:size]
    root, leaf = oracle.mth(leaves), merkle.leaf_hash(leaves[index])
    path = oracle.path(index, leaves)
    other = data.draw(strategies.hashes)
    changed = [[*path, other], [other, *path], [*path, root], [*path, other[:31]], [*path, other + b"\x00"]]
    changed += [path[:at] + path[at + 1 :] for at in range(len(path))]
    changed += [[*path[:at], bytes(32), *path[at + 1 :]] for at in range(len(path))]
    changed += [[*path[:at], path[at][:3], *path[at + 1 :]] for at in range(len(path))]
    for bad in changed:
        assert not verdict(merkle.check_inclusion, index=index, size=size, leaf=leaf, path=bad, root=root)
    assert not verdict(merkle.check_inclusion, index=index, size=size, leaf=other, path=path, root=root)
    assert not verdict(merkle.check_inclusion, index=index, size=size, leaf=leaf, path=path, root=other)
    assert not verdict(merkle.check_inclusion, index=index, size=size, leaf=leaf, path=path, root=root[:31])


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    """A hash changed, dropped or added, another root on either side, or the sizes swapped: all refused."""
    new_size = data.draw(st.integers(2, 40))
    old_size = data.draw(st.integers(1, new_size - 1))
    old_root, new_root = oracle.mth(TREE[:old_size]), oracle.mth(TREE[:new_size])
    path = oracle.proof(old_size, TREE[:new_size])
    other = data.draw(strategies.hashes)
    good = {"old_size": old_size, "new_size": new_size, "old_root": old_root, "new_root": new_root, "path": path}
    merkle.check_consistency(**good)
    bad = [{"path": [*path, other]}, {"path": [other, *path]}, {"path": []}, {"old_root": other}, {"new_root": other}]
    bad += [{"path": path[:at] + path[at + 1 :]} for at in range(len(path))]
    bad += [{"path": [*path[:at], other, *path[at + 1 :]]} for at in range(len(path))]
    bad += [{"path": [*path[:at], path[at][:31], *path[at + 1 :]]} for at in range(len(path))]
    bad += [{"old_size": new_size, "new_size": old_size}, {"old_size": new_size}, {"new_size": old_size}]
    bad += [{"old_size": 0}, {"old_size": -1}, {"new_size": 2**63}, {"old_root": old_root[:31]}]
    for change in bad:
        assert not verdict(merkle.check_consistency, **(good | change)), change


def test_consistency_from_the_empty_tree_is_refused() -> None:
    """Size 0 to size 0 or more is refused, even with the empty tree's root: it would prove nothing."""
    for new_size, new_root in ((0, merkle.EMPTY_ROOT), (1, oracle.mth(TREE[:1]))):
        with pytest.raises(VerifyError):
            merkle.check_consistency(
                old_size=0, new_size=new_size, old_root=merkle.EMPTY_ROOT, new_root=new_root, path=[]
            )


def test_a_path_longer_than_any_tree_is_refused_before_hashing() -> None:
    """More than 63 hashes, 64 for consistency, are refused whatever they are."""
    digest = merkle.leaf_hash(b"")
    with pytest.raises(VerifyError, match="too long"):
        merkle.check_inclusion(index=0, size=2**63 - 1, leaf=digest, path=[digest] * 64, root=digest)
    with pytest.raises(VerifyError, match="too long"):
        merkle.check_consistency(old_size=1, new_size=2**63 - 1, old_root=digest, new_root=digest, path=[digest] * 65)


@given(st.data())
def test_proofs_of_huge_trees_hold(data: st.DataObject) -> None:
    """In trees of up to 2^63 - 1 leaves, all alike, the proofs made pass, and are within the bounds."""
    rows = [merkle.leaf_hash(b"")]
    for _ in range(62):
        rows.append(merkle.node_hash(rows[-1], rows[-1]))

    def read(level: int, index: int) -> bytes:
        assert (index + 1) << level <= new_size
        return rows[level]

    new_size = data.draw(st.one_of(st.integers(1, 2**63 - 1), st.integers(2**62 + 1, 2**63 - 1)))
    old_size = data.draw(st.one_of(st.just(min(3, new_size)), st.integers(1, new_size)))
    index = data.draw(st.integers(0, new_size - 1))
    root = merkle.root_at(new_size, read)
    path = merkle.inclusion_path(index=index, size=new_size, read=read)
    merkle.check_inclusion(index=index, size=new_size, leaf=rows[0], path=path, root=root)
    proof = merkle.consistency_path(old_size=old_size, new_size=new_size, read=read)
    old_root = merkle.root_at(old_size, read)
    merkle.check_consistency(old_size=old_size, new_size=new_size, old_root=old_root, new_root=root, path=proof)
    assert len(path) <= merkle.PATH_HASHES_MAX
    assert len(proof) <= merkle.CONSISTENCY_HASHES_MAX


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_compact_range_grows_as_the_tree(counts: list[int]) -> None:
    """Extended piece by piece, a range has the tree's root and peaks, and reports each completed node once."""
    leaves = [b"%d" % number for number in range(sum(counts))]
    read = reader(leaves)
    grown, reported = merkle.CompactRange(), {}
    for count in counts:
        start = grown.size
        levels = grown.extend(leaf_hashes(leaves[start : start + count]))
        for level, nodes in enumerate(levels):
            for index, node in enumerate(nodes, start >> level):
                assert (level, index) not in reported
                reported[level, index] = node
        assert grown.root() == oracle.mth(leaves[: grown.size])
    size = len(leaves)
    assert reported == {
        (level, index): read(level, index) for level in range(size.bit_length()) for index in range(size >> level)
    }
    peaks = merkle.range_nodes(start=0, end=size)
    assert list(grown.hashes) == [read(*peak) for peak in peaks]
    again = merkle.CompactRange.from_parts(size, grown.hashes)
    appended = merkle.CompactRange()
    for leaf in leaf_hashes(leaves):
        appended.append(leaf)
    assert again.hashes == appended.hashes == grown.hashes
    again.append(merkle.leaf_hash(b"one more"))
    assert again.root() == oracle.mth([*leaves, b"one more"])


def test_a_copied_range_is_its_own() -> None:
    """What is appended to a copy doesn't reach the range that it was copied from."""
    first = merkle.CompactRange()
    first.extend(leaf_hashes(TREE[:5]))
    second = first.copy()
    second.append(merkle.leaf_hash(b"x"))
    assert (first.size, first.root()) == (5, oracle.mth(TREE[:5]))
    assert (second.size, second.root()) == (6, oracle.mth([*TREE[:5], b"x"]))


def test_a_refused_append_changes_nothing() -> None:
    """A hash of the wrong length anywhere in what is appended leaves the range as it was."""
    grown = merkle.CompactRange()
    grown.extend(leaf_hashes(TREE[:3]))
    for bad in (b"", bytes(31), bytes(33)):
        with pytest.raises(InputError):
            grown.extend([bytes(32), bad])
    assert (grown.size, grown.root()) == (3, oracle.mth(TREE[:3]))


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(3, [bytes(32)]), (1, []), (0, [bytes(32)]), (1, [bytes(31)]), (-1, []), (2**63, [bytes(32)])],
)
def test_a_range_of_parts_that_do_not_fit_is_refused(size: int, hashes: list[bytes]) -> None:
    """A range needs one hash of 32 bytes for each bit of its size."""
    with pytest.raises(InputError):
        merkle.CompactRange.from_parts(size, hashes)


@given(st.integers(0, 300), st.integers(0, 300))
def test_range_nodes_cover_exactly_the_range(start: int, length: int) -> None:
    """The nodes of a range stand side by side, from its first leaf to its last, and no two could be one."""
    nodes = merkle.range_nodes(start=start, end=start + length)
    at = start
    for level, index in nodes:
        assert index << level == at
        at += 1 << level
    assert at == start + length
    for (level, index), (next_level, _) in itertools.pairwise(nodes):
        assert not (level == next_level and index % 2 == 0)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (0, 2**63)])
def test_no_path_is_made_outside_the_tree(index: int, size: int) -> None:
    """A question without an answer is the caller's fault, and reads nothing."""
    with pytest.raises(InputError):
        merkle.inclusion_path(index=index, size=size, read=reader([]))


def test_nothing_is_proved_from_nothing() -> None:
    """Consistency proofs from size 0 and between equal sizes are empty, and one back in time is refused."""
    assert merkle.consistency_path(old_size=0, new_size=5, read=reader([])) == []
    assert merkle.consistency_path(old_size=5, new_size=5, read=reader([])) == []
    assert merkle.root_at(0, reader([])) == merkle.EMPTY_ROOT == oracle.mth([])
    assert merkle.all_paths([]) == []
    for old_size, new_size in ((6, 5), (-1, 5), (1, 2**63)):
        with pytest.raises(InputError):
            merkle.consistency_path(old_size=old_size, new_size=new_size, read=reader([]))
