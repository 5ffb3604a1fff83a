"""One-line defects, and the tests that must turn red by each.

`old` stands exactly once in the file and becomes `new`. `tests` are run on a broken copy of the tree; if they stay
green, they hold nothing against this defect.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """One defect."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


BREAKS = (
    Break(
        "the database write isn't synced", "ledger/leveldb.py",
        "transaction=True, sync=True", "transaction=True, sync=False",
        ("tests/node/test_durability_syscalls.py",),
    ),
    Break(
        "sign before the commit", "node/writer.py",
        "        group.commit()\n",
        "        tree, _ = self._ledger.tree.grown(group._leaves)\n"
        "        self._signer.sign(tree.size, tree.root)\n        group.commit()\n",
        ("tests/node/test_durability_syscalls.py", "tests/node/test_crash_points.py"),
    ),
    Break(
        "the sign record isn't synced", "ledger/signrecord.py",
        "                file.write(data)\n            os.fsync(handle)\n", "                file.write(data)\n",
        ("tests/node/test_durability_syscalls.py",),
    ),
    Break(
        "the sign record's folder isn't synced", "ledger/signrecord.py",
        "        os.fsync(folder)\n", "        pass\n",
        ("tests/node/test_durability_syscalls.py",),
    ),
    Break(
        "the start doesn't compare with the sign record", "ledger/signrecord.py",
        "if last.size > tree.size or tree.root_at(last.size) != last.root:", "if last.size < 0:",
        ("tests/node/test_startup.py", "tests/ledger/test_signrecord.py"),
    ),
    Break(
        "the signed head isn't checked", "ledger/append.py",
        "    if known == batch.root:\n", "    if True:\n",
        ("tests/ledger/test_append_sequence.py", "tests/node/test_bad_records.py"),
    ),
    Break(
        "a gap in the numbers is taken", "ledger/append.py",
        "        if batch.first > number:\n", "        if False:\n",
        ("tests/ledger/test_append_sequence.py", "tests/node/test_bad_records.py"),
    ),
    Break(
        "any batch over used numbers counts as a repeat", "ledger/append.py",
        "            if self._is_repeat(prepared, first_index):", "            if True:",
        ("tests/ledger/test_append_sequence.py",),
    ),
    Break(
        "a revoked key still signs", "ledger/append.py",
        "if row is not None and state.key_status(row) != ACTIVE:", "if False:",
        ("tests/ledger/test_append_sequence.py", "tests/ledger/test_parties.py"),
    ),
    Break(
        "a delegate signs what it likes", "ledger/append.py",
        "if kind not in row.kinds and not own_end:", "if False:",
        ("tests/ledger/test_append_sequence.py", "tests/ledger/test_parties.py"),
    ),
    Break(
        "an inclusion proof may be too long", "proofs/merkle.py",
        '    if used != len(path):\n        raise VerifyError("the inclusion proof is too long"',
        '    if False:\n        raise VerifyError("the inclusion proof is too long"',
        ("tests/proofs/test_merkle.py",),
    ),
    Break(
        "an inclusion check without index < size", "proofs/merkle.py",
        "    if not 0 <= index < size:\n        raise VerifyError(", "    if False:\n        raise VerifyError(",
        ("tests/proofs/test_merkle.py",),
    ),
    Break(
        "no table of small-order points", "proofs/ed25519.py",
        "if len(point) != PUBLIC_KEY_BYTES or point in SMALL_ORDER:", "if len(point) != PUBLIC_KEY_BYTES:",
        ("tests/proofs/test_ed25519.py",),
    ),
    Break(
        "the signed lines don't name the log", "proofs/entry.py",
        'f"usance/batch/v1\\n{origin}\\n{size}', 'f"usance/batch/v1\\n\\n{size}',
        ("tests/proofs/test_entry.py", "tests/ledger/test_append_sequence.py"),
    ),
    Break(
        "any encoding of a body will do", "proofs/records.py",
        "    if codec.pack(body) != data:\n", "    if False:\n",
        ("tests/proofs/test_records.py",),
    ),
    Break(
        "true is an integer", "proofs/fields.py",
        "return Rule(lambda value: type(value) is int and low <= value <= high, words)",
        "return Rule(lambda value: isinstance(value, int) and low <= value <= high, words)",
        ("tests/proofs/test_records.py", "tests/proofs/test_fields.py"),
    ),
    Break(
        "a rotation takes what was accepted for a delegation", "ledger/parties.py",
        "_check_accept(key, rotate_message(origin=context.log.origin, party=context.party), body[\"accept\"])", "pass",
        ("tests/ledger/test_parties.py",),
    ),
    Break(
        "a withdrawn asset keeps its claims", "ledger/assets.py",
        "        end_claim(state, name", "        _ = (state, name",
        ("tests/ledger/test_assets.py", "tests/ledger/test_stateful.py"),
    ),
    Break(
        "what was used for a model may be left out of its sources", "ledger/assets.py",
        "used) if target not in have)", "used) if False)",
        ("tests/ledger/test_assets.py",),
    ),
    Break(
        "one witness too few is enough", "proofs/policy.py",
        ">= group.threshold", ">= group.threshold - 1",
        ("tests/proofs/test_policy.py",),
    ),
    Break(
        "prices are rounded down", "proofs/pricing.py",
        "amount -= -quantity * offer[0] // offer[1]", "amount += quantity * offer[0] // offer[1]",
        ("tests/money/test_random_ledgers.py",),
    ),
    Break(
        "a share that was agreed low hides a higher one", "proofs/pricing.py",
        "                if bps > shares.get(asset, 0):\n", "                if asset not in shares:\n",
        ("tests/money/test_random_ledgers.py",),
    ),
    Break(
        "new terms overtake a signed batch", "ledger/usages.py",
        "        if newest < context.head:\n", "        if True:\n",
        ("tests/money/test_random_ledgers.py",),
    ),
    Break(
        "a grant that was ended still gives its share", "ledger/terms.py",
        "    _count_share(state, row, -1)\n", "",
        ("tests/money/test_random_ledgers.py",),
    ),
    Break(
        "a corrected use is handed down by the newest splits", "ledger/corrections.py",
        "(bps, state.splits_at(source, index)) for", "(bps, state.splits_now(source)) for",
        ("tests/money/test_random_ledgers.py",),
    ),
    Break(
        "a statement bills what an earlier one did", "ledger/accounts.py",
        "    billed = row.billed + due\n", "    billed = due\n",
        ("tests/money/test_random_ledgers.py",),
    ),
)  # fmt: skip
