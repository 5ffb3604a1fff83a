"""proofs.manifest: the files of a data set as one tree; a file belongs to it or doesn't (design section 4)."""

import hashlib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec, manifest, merkle
from proofs.errors import InputError, VerifyError
from proofs.manifest import Item, Manifest, check_membership
from tests.proofs import oracle


def item(path: str, size: int = 3) -> Item:
    return Item(path, size, hashlib.sha256(path.encode()).digest())


ITEMS = [item(path) for path in ("a", "a.b", "a/b", "b/c/d", "é", "z", "\U00010000")]

paths = st.lists(
    st.sampled_from(["a", "b", "a.b", "A", "é", "\uffff", "\U00010000", "a b", "-"]), min_size=1, max_size=4
).map("/".join)


@given(st.sets(paths, min_size=0, max_size=12), st.randoms(use_true_random=False))
def test_one_data_set_has_one_root(names: set[str], random: object) -> None:
    """Whatever order the files come in, the root is the RFC's over canonical leaves sorted by the paths' bytes."""
    items = [item(name, size) for size, name in enumerate(sorted(names))]
    random.shuffle(items)
    made = Manifest(items)
    expected = sorted(items, key=lambda one: one.path.encode())
    leaves = [codec.encode([one.path, one.size, one.sha256]) for one in expected]
    assert list(made.items) == expected
    assert made.root == oracle.mth(leaves)
    assert made.bytes == sum(one.size for one in items)
    for position, one in enumerate(expected):
        path = made.path(position)
        assert path == oracle.path(position, leaves)
        assert one.digest() == merkle.leaf_hash(leaves[position]) == made.leaves[position]
        check_membership(item=one, position=position, count=len(items), path=path, root=made.root)


def test_the_leaf_is_canonical() -> None:
    """A leaf is the canonical `[path, size, sha256]` and reads back as the same item."""
    one = Item("a/b", 300, bytes(32))
    assert one.leaf() == b"\x93\xa3a/b\xcd\x01\x2c\xc4\x20" + bytes(32)
    assert manifest.parse_item(one.leaf()) == one


def test_an_empty_data_set() -> None:
    """No files: the empty tree's root, and nothing belongs to it."""
    assert Manifest([]).root == merkle.EMPTY_ROOT
    with pytest.raises(VerifyError):
        check_membership(item=item("a"), position=0, count=0, path=[], root=merkle.EMPTY_ROOT)


BAD_PATHS = ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "../a", "a\0b", "a\nb", "a\x7f",
 "\u202ea", "a" * 1025,
             "é" * 513, "\ud800"]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
def test_paths_are_relative_and_plain(path: str) -> None:
    """Absolute, empty, dotted, too long or unprintable paths are refused wherever an item is read."""
    one = Item(path, 1, bytes(32))
    for use in (lambda: manifest.check_item(one), lambda: Manifest([one]),
                lambda: check_membership(item=one, position=0, count=1, path=[], root=bytes(32))):  # fmt: skip
        with pytest.raises(InputError):
            use()
    if path != "\ud800":
        with pytest.raises(InputError):
            manifest.parse_item(one.leaf())


@pytest.mark.parametrize("path", ["a", "...", "..a", "a..", ".a/b.", "a b", "-", "a" * 1024, "日本/語", "a\\b", "C:"])
def test_other_paths_are_taken(path: str) -> None:
    """Everything else that a file may be called is taken as it is."""
    manifest.check_item(Item(path, 0, bytes(32)))


@pytest.mark.parametrize(
    "leaf",
    [["a", -1, bytes(32)], ["a", 2**63 - 1, bytes(31)], ["a", True, bytes(32)], ["a", 1, "a" * 32], [b"a", 1,
     bytes(32)],
     ["a", 1], ["a", 1, bytes(32), 1], {"a": 1}, "a", 1, [], [["a"], 1, bytes(32)]],
    ids=range(12),
)  # fmt: skip
def test_other_leaves_are_refused(leaf: object) -> None:
    """A leaf of other types, lengths or figures is refused, as is one that is not canonical."""
    with pytest.raises(InputError):
        manifest.parse_item(codec.encode(leaf))


def test_leaves_are_read_strictly() -> None:
    """Trailing bytes and longer encodings of a good leaf are refused."""
    good = ITEMS[0].leaf()
    for wrong in (
        good + b"\0",
        good[:-1],
        good.replace(b"\xa1a\x03", b"\xa1a\xcc\x03"),
        b"\xdc\x00\x03" + good[1:],
        b"",
    ):
        with pytest.raises(InputError):
            manifest.parse_item(wrong)


def test_a_path_stands_once() -> None:
    """The same path twice is refused, also with another content."""
    with pytest.raises(InputError):
        Manifest([*ITEMS, Item("z", 9, bytes(32))])


def test_membership_holds_for_one_file_at_one_place() -> None:
    """A changed byte of path, size or digest, another position, count, path or root: refused."""
    made = Manifest(ITEMS)
    count = len(ITEMS)
    for position, one in enumerate(made.items):
        path = made.path(position)

        def check(one: Item = one, position: int = position, count: int = count, path: Sequence[bytes] = path,
                  root: bytes = made.root) -> None:  # fmt: skip
            check_membership(item=one, position=position, count=count, path=path, root=root)

        check()
        changed = bytes([one.sha256[0] ^ 1]) + one.sha256[1:]
        wrong = [{"one": Item(one.path + "x", one.size, one.sha256)}, {"one": Item(one.path, one.size + 1, one.sha256)},
                 {"one": Item(one.path, one.size, changed)}, {"root": bytes(32)}, {"path": path[:-1]},
                  {"path": [*path, bytes(32)]},
                 {"path": path[::-1]}, {"position": -1}, {"position": count}, {"count": 0}, {"count": 100},
                 {"position": position ^ 1}]  # fmt: skip
        for change in wrong:
            with pytest.raises(VerifyError):
                check(**change)


def test_no_two_items_share_a_leaf() -> None:
    """Items that differ in any part have different digests."""
    items = [
        Item(path, size, digest)
        for path, size, digest in itertools.product(("a", "ab"), (0, 1), (bytes(32), b"\1" * 32))
    ]
    assert len({one.digest() for one in items}) == len(items)
