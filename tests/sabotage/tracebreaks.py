"""One-line defects of lineage rows, walks and traces, as in breaks.py."""

from tests.sabotage.breaks import Break

RANDOM = ("tests/money/test_random_lineage.py",)
TRACE = ("tests/node/test_trace.py",)
WALK = ("tests/ledger/test_walk.py",)
BOUNDS = ("tests/ledger/test_lineage_bounds.py",)

TRACE_BREAKS = (
    Break(
        "a replaced description still counts", "ledger/lineage.py",
        "        elif state.view.get(keys.DESCRIBED + keys.text(name) + author) == keys.number(index):\n",
        "        elif name:\n",
        TRACE,
    ),
    Break(
        "evaluated_on is a step of every walk", "ledger/walk.py",
        "None if said is None or said.relations == EVALUATED_ON else", "None if said is None else",
        RANDOM,
    ),
    Break(
        "a name isn't the asset that claims it", "ledger/walk.py",
        "        for _, asset in state.claimants(target, most=CLAIMANTS_MAX):\n",
        "        for _, asset in state.claimants(target, most=0):\n",
        RANDOM,
    ),
    Break(
        "an asset claims names that it claims no more", "ledger/lineage.py",
        "        if row is not None and state.claim_of(name, row.party) == asset:\n", "        if row is not None:\n",
        RANDOM,
    ),
    Break(
        "shares paid to the payer itself count as earned", "ledger/lineage.py",
        "        return 0 if splits[0][0] == party else amount\n", "        return amount\n",
        RANDOM,
    ),
    Break(
        "a share that went on counts as the used asset's own", "ledger/lineage.py",
        "    not_kept = amount - _to_others(left, plan.rest, party)\n",
        "    not_kept = left - _to_others(left, plan.rest, party)\n",
        RANDOM,
    ),
    Break(
        "credits aren't shown", "ledger/corrections.py",
        "        note_credit(context, row, account, base - lowered)\n", "",
        RANDOM,
    ),
    Break(
        "since counts from the beginning", "ledger/trace.py",
        "                count, total = count - before.count, total - before.total\n", "                pass\n",
        TRACE,
    ),
    Break(
        "a use judged by terms counts for the name", "ledger/lineage.py",
        "    if row.terms is not None and row.asset is not None:\n",
        "    if row.terms is not None and row.asset is not None and isinstance(body[\"asset\"], bytes):\n",
        RANDOM,
    ),
    Break(
        "disputes of uses aren't found by what was used", "ledger/disputes.py",
        "    note_dispute(state, context, target.usage, index, target.body)\n", "",
        TRACE,
    ),
    Break(
        "a way isn't looked for where all that it rests on is there", "ledger/walk.py",
        "    if made < source or not behind or behind & ~state.roots(made):\n",
        "    if made < source or not behind or behind & state.roots(made):\n",
        WALK,
    ),
    Break(
        "an asset that claims a name has no names", "ledger/assets.py",
        "    has_names = has_names or bool(names or aka)\n", "    has_names = has_names or bool(names)\n",
        RANDOM,
    ),
    Break(
        "the pass over the rows stops a row short", "ledger/walk.py",
        "        start = max(source + 1, end - SWEEP_LEAVES)\n",
        "        start = max(source + 2, end - SWEEP_LEAVES)\n",
        WALK,
    ),
    Break(
        "a bound on materials isn't told", "ledger/trace.py",
        "        if not side.is_whole:\n            what", "        if False:\n            what",
        TRACE,
    ),
    Break(
        "uses forget the name of what they went into", "ledger/postings.py",
        "NOWHERE if into_name is None else b\"=\" + keys.text(into_name)\n", "NOWHERE\n",
        TRACE,
    ),
    Break(
        "a trace of a replay has no rows to go by", "node/cli/lineagefetch.py",
        "open_store(args, keep=keys.LINEAGE)", "open_store(args)",
        TRACE,
    ),
    Break(
        "earnings are differences of sums that were cut", "ledger/trace.py",
        "                self._are_sums_cut = True\n", "",
        BOUNDS,
    ),
    Break(
        "replaced descriptions cost nothing", "ledger/lineage.py",
        "        else:\n            yield None\n\n\ndef standing_names", "\n\ndef standing_names",
        BOUNDS,
    ),
    Break(
        "versions of other parts cost nothing", "ledger/lineage.py",
        "                yield found\n            else:\n                yield None\n", "                yield found\n",
        BOUNDS,
    ),
    Break(
        "a way may be longer than can be shown", "ledger/trace.py",
        "        if path is not None and len(path) > MATERIALS_MAX:\n", "        if path is not None and not path:\n",
        BOUNDS,
    ),
    Break(
        "the pass over the rows has no end", "ledger/walk.py",
        "        budget.spend(len(rows))\n", "",
        BOUNDS,
    ),
    Break(
        "records are read at any size", "ledger/trace.py",
        "            self._bytes -= len(data)\n", "",
        BOUNDS,
    ),
    Break(
        "room that one direction has no use for is nobody's", "ledger/trace.py",
        "            up = self._side(UP, most + 1 - len(down.levels))\n", "            pass\n",
        BOUNDS,
    ),
    Break(
        "a larger limit than there is is advised", "ledger/trace.py",
        "        if side.is_full and asked.most < MATERIALS_MAX:\n", "        if side.is_full:\n",
        BOUNDS,
    ),
)  # fmt: skip
