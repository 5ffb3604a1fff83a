"""proofs.sumtree: roots and lines of accounts, and each way in which a line's proof can be wrong (design section 6)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import sumtree
from proofs.errors import InputError, InvariantError, VerifyError
from tests.proofs.sums import Line, naive_path, naive_root

Path = list[tuple[bytes, int]]

amounts = st.one_of(st.integers(1, 3), st.integers(1, 2**63 - 1), st.just(2**63 - 1))
lists_of_lines = st.lists(st.tuples(st.integers(1, 9), amounts), min_size=1, max_size=70)


def placed(drawn: list[tuple[int, int]]) -> list[Line]:
    """Lines at ascending leaves, from gaps and amounts."""
    index, lines = 0, []
    for gap, amount in drawn:
        index += gap
        lines.append((index, amount))
    return lines


def kept(lines: list[Line]) -> Callable[[int, int], bytes]:
    """A reader of the tree's perfect subtrees, each hashed anew."""

    def read(level: int, index: int) -> bytes:
        first = index << level
        assert first + (1 << level) <= len(lines)
        return naive_root(lines[first : first + (1 << level)])

    return read


def proof(lines: list[Line], position: int) -> dict[str, Any]:
    """A right proof of a line, as check_line takes it."""
    root = naive_root(lines)
    index, amount = lines[position]
    return {
        "index": index, "amount": amount, "position": position, "lines": len(lines),
        "total": int.from_bytes(root[32:], "big"), "root": root[:32], "path": naive_path(lines, position),
    }  # fmt: skip


def test_the_design_bytes() -> None:
    """Leaf, node and empty tree are the hashes of section 6, byte by byte; a sum stands beside its hash."""
    left, right = sumtree.leaf(7, 100), sumtree.leaf(9, 2**64 + 5)
    assert left == sha256(b"\x00" + bytes(7) + b"\x07" + bytes(15) + b"\x64").digest() + bytes(15) + b"\x64"
    assert sumtree.split(right)[1] == 2**64 + 5
    total = (2**64 + 105).to_bytes(16, "big")
    assert sumtree.node(left, right) == sha256(b"\x01" + left + right).digest() + total
    assert len(left) == len(total) + 32 == sumtree.BLOB_BYTES
    assert sumtree.EMPTY == sumtree.root([]) == sha256(b"").digest() + bytes(16)


def test_both_sums_are_hashed_apart() -> None:
    """Value moved from one sibling to the other changes the root, though the total stays."""
    one, other = [(1, 60), (2, 40)], [(1, 40), (2, 60)]
    assert naive_root(one)[32:] == naive_root(other)[32:]
    hashes = [sumtree.leaf(*line)[:32] for line in one]
    as_if = sumtree.node(hashes[0] + (50).to_bytes(16, "big"), hashes[1] + (50).to_bytes(16, "big"))
    assert len({as_if[:32], naive_root(one)[:32], naive_root(other)[:32]}) == 3


@given(lists_of_lines, st.data())
def test_roots_and_paths_match_the_recursive_definition(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    """Root, root from kept subtrees, and path of a line are the naive ones; the path checks."""
    lines = placed(drawn)
    position = data.draw(st.integers(0, len(lines) - 1))
    root = naive_root(lines)
    assert sumtree.root([sumtree.leaf(*line) for line in lines]) == root
    assert sumtree.root_at(len(lines), kept(lines)) == root
    path = sumtree.path(position=position, size=len(lines), read=kept(lines))
    assert path == naive_path(lines, position)
    sumtree.check_line(**proof(lines, position))


@given(lists_of_lines)
def test_a_tree_is_a_prefix_of_the_next(drawn: list[tuple[int, int]]) -> None:
    """Every finished subtree stays what it was when lines are added: the blobs of a shorter tree's peaks are among
    those of a longer one."""
    lines = placed(drawn)
    read = kept(lines)
    for count in range(len(lines) + 1):
        assert sumtree.root_at(count, read) == naive_root(lines[:count])


def test_no_tree_and_no_path_out_of_range() -> None:
    """The empty tree has its root and no paths; negative sizes and positions outside are refused."""
    assert sumtree.root_at(0, kept([])) == sumtree.EMPTY
    for position, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(InputError):
            sumtree.path(position=position, size=size, read=kept([(1, 1)] * 3))
    with pytest.raises((InputError, InvariantError)):
        sumtree.root_at(-1, kept([]))


LINES = placed([(1, 10), (2, 20), (1, 30), (1, 40), (3, 50), (1, 60), (2, 70)])


def with_step(path: Path, at: int, digest: bytes | None = None, amount: int | None = None) -> Path:
    """The path with another hash or sum in one step."""
    old = path[at]
    return [*path[:at], (old[0] if digest is None else digest, old[1] if amount is None else amount), *path[at + 1 :]]


def moved(path: Path, at: int, by: int) -> Path:
    """Value moved from one step to the next; the total stays."""
    found = with_step(path, at, amount=path[at][1] + by)
    return with_step(found, at + 1, amount=path[at + 1][1] - by)


Change = Callable[[dict[str, Any]], dict[str, Any]]
MUTATIONS: dict[str, Change] = {
    "an oversized sum": lambda p: {"path": with_step(p["path"], 0, amount=p["total"])},
    "a sum of 2^128": lambda p: {"path": with_step(p["path"], 0, amount=2**128)},
    "a sum of zero": lambda p: {"path": with_step(p["path"], 0, amount=0)},
    "a negative sum": lambda p: {"path": with_step(p["path"], 1, amount=-1)},
    "a sum one higher": lambda p: {"path": with_step(p["path"], 0, amount=p["path"][0][1] + 1)},
    "a sum one lower": lambda p: {"path": with_step(p["path"], 0, amount=p["path"][0][1] - 1)},
    "value moved up the path": lambda p: {"path": moved(p["path"], 0, -5)},
    "value moved down the path": lambda p: {"path": moved(p["path"], 0, 5)},
    "value moved from line to sibling": lambda p: {
        "amount": p["amount"] - 1, "path": with_step(p["path"], 0, amount=p["path"][0][1] + 1)
    },
    "another hash": lambda p: {"path": with_step(p["path"], 1, digest=bytes(32))},
    "a short hash": lambda p: {"path": with_step(p["path"], 1, digest=p["path"][1][0][:31])},
    "a long hash": lambda p: {"path": with_step(p["path"], 1, digest=p["path"][1][0] + b"\0")},
    "a path cut above": lambda p: {"path": p["path"][:-1]},
    "a path cut below": lambda p: {"path": p["path"][1:]},
    "no path": lambda p: {"path": []},
    "a path longer by one": lambda p: {"path": [*p["path"], p["path"][-1]]},
    "a path with a step of nothing": lambda p: {"path": [*p["path"], (sha256(b"").digest(), 0)]},
    "steps exchanged": lambda p: {"path": [p["path"][1], p["path"][0], *p["path"][2:]]},
    "another amount": lambda p: {"amount": p["amount"] + 1},
    "an amount of zero": lambda p: {"amount": 0},
    "a negative amount": lambda p: {"amount": -p["amount"]},
    "an amount above the total": lambda p: {"amount": p["total"] + 1},
    "another leaf": lambda p: {"index": p["index"] + 1},
    "a negative leaf": lambda p: {"index": -1},
    "a leaf of 2^63": lambda p: {"index": 2**63},
    "the other side": lambda p: {"position": p["position"] ^ 1},
    "another position": lambda p: {"position": (p["position"] + 2) % p["lines"]},
    "a position outside": lambda p: {"position": p["lines"]},
    "a negative position": lambda p: {"position": -1},
    "another shape, two lines more": lambda p: {"lines": p["lines"] + 2},
    "another shape, half as many": lambda p: {"lines": p["lines"] // 2 + 1},
    "another shape, twice as many": lambda p: {"lines": 2 * p["lines"]},
    "no lines": lambda p: {"lines": 0},
    "2^63 lines": lambda p: {"lines": 2**63},
    "another total": lambda p: {"total": p["total"] + 1},
    "a lower total": lambda p: {"total": p["total"] - 1},
    "a total of zero": lambda p: {"total": 0},
    "another root": lambda p: {"root": bytes(32)},
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("position", range(4))
def test_each_mutation_is_refused(name: str, position: int) -> None:
    """A proof with one thing wrong doesn't check, and the refusal names what."""
    right = proof(LINES, position)
    changed = {**right, **MUTATIONS[name](right)}
    assert changed != right
    with pytest.raises(VerifyError) as caught:
        sumtree.check_line(**changed)
    assert caught.value.field in ("path", "amount", "position")


@pytest.mark.parametrize("position", range(len(LINES)))
@pytest.mark.parametrize("count", range(1, 16))
def test_no_other_shape_and_position_takes_a_proof(position: int, count: int) -> None:
    """Of all counts and positions, a line's proof checks under its own alone, but where hashes and sides come to the
    same and only the count is another."""
    right = proof(LINES, position)
    for at in range(count):
        if (count, at) == (len(LINES), position):
            continue
        try:
            sumtree.check_line(**{**right, "lines": count, "position": at})
        except VerifyError:
            continue
        assert same_fold(count, at, position)


def same_fold(count: int, at: int, position: int) -> bool:
    """Whether RFC 6962 folds both proofs alike: the same sides in the same order. Then the count, which the statement
    itself signs, is all that tells the trees apart."""
    return sides(at, count) == sides(position, len(LINES))


def sides(position: int, count: int) -> list[bool]:
    """For each step whether the sibling is on the left."""
    found, last = [], count - 1
    while last:
        if position & 1 or position < last:
            found.append(bool(position & 1))
        position >>= 1
        last >>= 1
    return found


@given(lists_of_lines, st.data())
def test_no_line_of_another_account_checks(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    """A line that isn't in the tree has no proof among those of lines that are."""
    lines = placed(drawn)
    right = proof(lines, data.draw(st.integers(0, len(lines) - 1)))
    index, amount = data.draw(st.tuples(st.integers(0, 700), amounts))
    if (index, amount) != (right["index"], right["amount"]):
        with pytest.raises(VerifyError):
            sumtree.check_line(**{**right, "index": index, "amount": amount})


@pytest.mark.parametrize("position", [0, 2])
def test_a_tree_with_a_line_of_nothing_is_no_tree(position: int) -> None:
    """Where everything hashes right but a sibling's sum, or the line's own amount, is zero: refused all the same."""
    with pytest.raises(VerifyError):
        sumtree.check_line(**proof([(1, 10), (2, 0), (3, 30), (4, 0)], position))
    with pytest.raises(VerifyError):
        sumtree.check_line(**proof([(1, 10), (2, 0)], 1))


def test_one_line_is_its_own_root() -> None:
    """An account of one line has the line's hash as root and no path; anything in the path is refused."""
    right = proof([(5, 99)], 0)
    assert right["root"] == sumtree.leaf(5, 99)[:32]
    sumtree.check_line(**right)
    with pytest.raises(VerifyError):
        sumtree.check_line(**{**right, "path": [(bytes(32), 1)]})
