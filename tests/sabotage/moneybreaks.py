"""One-line defects of the money rules, as in breaks.py; their tests are the quick ones of each rule."""

from tests.sabotage.breaks import Break

MONEY_BREAKS = (
    Break(
        "charges are rounded down", "proofs/pricing.py",
        "amount -= -quantity * offer[0] // offer[1]", "amount += quantity * offer[0] // offer[1]",
        ("tests/proofs/test_pricing.py",),
    ),
    Break(
        "a charge may pass what a statement can bill", "proofs/pricing.py",
        "amount > round_down(CHARGE_MAX, terms.currency):", "amount > CHARGE_MAX:",
        ("tests/ledger/test_statements.py", "tests/ledger/test_cheats.py"),
    ),
    Break(
        "a closure keeps the smallest bps of an asset", "proofs/pricing.py",
        "                if bps > shares.get(asset, 0):\n", "                if bps < shares.get(asset, 10_001):\n",
        ("tests/proofs/test_pricing.py",),
    ),
    Break(
        "a fault isn't handed on", "proofs/pricing.py",
        "            faults.add(inner.fault)\n", "            pass\n",
        ("tests/proofs/test_pricing.py", "tests/ledger/test_terms.py"),
    ),
    Break(
        "what splits leave goes to the last one", "proofs/pricing.py",
        "        for at in order[:left]:\n            parts[at] += 1\n", "        parts[-1] += left\n",
        ("tests/proofs/test_pricing.py",),
    ),
    Break(
        "shares are of what the others leave", "proofs/pricing.py",
        "        part = amount * bps // BPS_MAX\n        left -= part\n",
        "        part = left * bps // BPS_MAX\n        left -= part\n",
        ("tests/proofs/test_pricing.py",),
    ),
    Break(
        "splits are those of the terms agreed", "ledger/usages.py",
        "shares=plan.shares, rest=plan.rest)", "shares=plan.shares, rest=terms.splits or plan.rest)",
        ("tests/ledger/test_charges.py",),
    ),
    Break(
        "new terms overtake what was signed", "ledger/usages.py",
        "        if newest < context.head:\n", "        if True:\n",
        ("tests/ledger/test_charges.py", "tests/ledger/test_cheats.py"),
    ),
    Break(
        "old terms may be named without a grant", "ledger/usages.py",
        "    if state.granted(index, context.party) is None:\n", "    if False:\n",
        ("tests/ledger/test_charges.py",),
    ),
    Break(
        "a claim bills whoever uses its name", "ledger/usages.py",
        "        return UsageRow(pricing.UNLICENSED, pricing.BY_NAME, party, claim, None, 0)\n",
        "        asset = claim\n",
        ("tests/ledger/test_charges.py", "tests/ledger/test_cheats.py"),
    ),
    Break(
        "plans of a refused batch are kept", "ledger/usages.py",
        "if not context.are_terms_changed and asset < context.start:", "if True:",
        ("tests/ledger/test_charges.py",),
    ),
    Break(
        "anybody publishes terms", "ledger/terms.py",
        "if row is None or row.party != context.party:", "if row is None:",
        ("tests/ledger/test_terms.py",),
    ),
    Break(
        "any share will do", "ledger/terms.py",
        "    if bps == asked:\n", "    if True:\n",
        ("tests/ledger/test_terms.py",),
    ),
    Break(
        "whoever can't pay all sources sells", "ledger/terms.py",
        'if fields["offers"] and closure.fault:', "if False:",
        ("tests/ledger/test_terms.py", "tests/ledger/test_cheats.py"),
    ),
    Break(
        "free rides don't move with the first terms", "ledger/postings.py",
        "        postings.add(MOVED_OUT + payer + owner, index, uses)\n", "",
        ("tests/ledger/test_terms.py",),
    ),
    Break(
        "users of an asset without terms are followed without bound", "ledger/postings.py",
        "    if count == RIDERS_MAX:\n", "    if False:\n",
        ("tests/ledger/test_terms.py",),
    ),
    Break(
        "a batch may cost what it likes", "ledger/context.py",
        "        if self.steps > STEPS_MAX:\n", "        if False:\n",
        ("tests/ledger/test_charges.py",),
    ),
    Break(
        "a correction may raise", "ledger/corrections.py",
        "if count > before.get(unit, 0)), None)", "if False), None)",
        ("tests/ledger/test_corrections.py", "tests/ledger/test_cheats.py"),
    ),
    Break(
        "an acceptance doesn't lower the base", "ledger/corrections.py",
        "codec.pack([min(base, lowered), index])", "codec.pack([base, index])",
        ("tests/ledger/test_corrections.py",),
    ),
    Break(
        "an acceptance raises the base", "ledger/corrections.py",
        "codec.pack([min(base, lowered), index])", "codec.pack([lowered, index])",
        ("tests/ledger/test_corrections.py",),
    ),
    Break(
        "credits may be negative", "ledger/corrections.py",
        "    if base > lowered:\n", "    if base != lowered:\n",
        ("tests/ledger/test_corrections.py",),
    ),
    Break(
        "a correction is accepted twice", "ledger/corrections.py",
        "    if held is not None and held[1] == index:\n", "    if False:\n",
        ("tests/ledger/test_corrections.py",),
    ),
    Break(
        "a statement's `to` may be the last one's", "ledger/accounts.py",
        "    if row.statement and to <= row.to:\n", "    if row.statement and to < row.to:\n",
        ("tests/ledger/test_statements.py",),
    ),
    Break(
        "a statement's `to` may be in the future", "ledger/accounts.py",
        "    if to > size:\n", "    if False:\n",
        ("tests/ledger/test_statements.py",),
    ),
    Break(
        "what is due isn't rounded", "ledger/accounts.py",
        "return round_down(max(0, figures.gross - figures.credits - billed), currency)",
        "return max(0, figures.gross - figures.credits - billed)",
        ("tests/ledger/test_statements.py",),
    ),
    Break(
        "a stranger states an account", "ledger/accounts.py",
        "    if party not in (account.payer, account.payee):\n", "    if False:\n",
        ("tests/ledger/test_statements.py",),
    ),
    Break(
        "receipts may pass what is due", "ledger/accounts.py",
        "    if amount > row.open:\n", "    if False:\n",
        ("tests/ledger/test_receipts.py",),
    ),
    Break(
        "the same money is acknowledged twice", "ledger/accounts.py",
        "    if known is not None:\n", "    if False:\n",
        ("tests/ledger/test_receipts.py",),
    ),
    Break(
        "everybody resolves disputes", "ledger/disputes.py",
        "    if party != disputer and is_other_side:\n", "    if True:\n",
        ("tests/ledger/test_disputes.py",),
    ),
    Break(
        "an arbiter judges its own dispute", "ledger/disputes.py",
        "is_arbiter = not is_other_side and party != disputer and party == _arbiter(",
        "is_arbiter = party == _arbiter(",
        ("tests/ledger/test_disputes.py",),
    ),
    Break(
        "a node hashes the total of its children alone", "proofs/sumtree.py",
        '    return sha256(b"\\1" + left + right).digest() + total.to_bytes(SUM_BYTES, "big")\n',
        '    whole = total.to_bytes(SUM_BYTES, "big")\n'
        '    return sha256(b"\\1" + left[:HASH_BYTES] + right[:HASH_BYTES] + whole).digest() + whole\n',
        ("tests/proofs/test_sumtree.py",),
    ),
    Break(
        "a sum of a line's path may be zero", "proofs/sumtree.py",
        "    if not 0 < sibling_sum <= total", "    if not 0 <= sibling_sum <= total",
        ("tests/proofs/test_sumtree.py",),
    ),
    Break(
        "a line's path may be too long", "proofs/sumtree.py",
        "    if used != len(path):\n", "    if False:\n",
        ("tests/proofs/test_sumtree.py",),
    ),
    Break(
        "a list's finished subtrees are of one level only", "ledger/sumlist.py",
        "            if level and not level % FAN_BITS:\n", "            if level == FAN_BITS:\n",
        ("tests/ledger/test_sumlist.py",),
    ),
    Break(
        "an extent takes the entry at its bound", "ledger/sumlist.py",
        "bisect.bisect_left(flat[::2], to)", "bisect.bisect_right(flat[::2], to)",
        ("tests/ledger/test_sumlist.py",),
    ),
)  # fmt: skip
