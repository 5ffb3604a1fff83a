"""One-line defects of canaries, claims and uses that accept one, as in breaks.py."""

from tests.sabotage.breaks import Break

RULES = ("tests/ledger/test_findings.py",)
COMMAND = ("tests/node/test_cli_claims.py",)
QUERY = ("tests/ledger/test_query.py",)
TRACE = ("tests/node/test_trace.py",)

CLAIM_BREAKS = (
    Break(
        "anybody claims anybody's asset", "ledger/findings.py",
        "    if row is None or row.party != context.party:\n", "    if row is None:\n",
        RULES,
    ),
    Break(
        "a party claims against itself", "ledger/findings.py",
        "    if accused == context.party:\n", "    if accused == b\"\":\n",
        RULES,
    ),
    Break(
        "a claim is against somebody unknown", "ledger/findings.py",
        "        if state.party(value) is None:\n", "        if value is None:\n",
        RULES,
    ),
    Break(
        "a claim against an asset accuses nobody", "ledger/findings.py",
        "        accused = None if row is None else row.party\n", "        accused = None\n",
        RULES,
    ),
    Break(
        "a claim is accepted by anybody", "ledger/findings.py",
        "    if row.accused != context.party:\n", "    if row.accused is None:\n",
        RULES,
    ),
    Break(
        "a claim is accepted for another asset", "ledger/findings.py",
        "    if row.asset != asset:\n", "    if asset is None:\n",
        RULES,
    ),
    Break(
        "a provider accepts for the user", "ledger/findings.py",
        '    if body.get("seen_by") == "provider":\n', '    if body.get("seen_by") == "somebody":\n',
        RULES,
    ),
    Break(
        "a claim that was taken back is accepted", "ledger/findings.py",
        "    if row.withdrawn:\n        raise RuleRefusal(f\"withdrawn, by",
        "    if False:\n        raise RuleRefusal(f\"withdrawn, by",
        RULES,
    ),
    Break(
        "a claim is taken back twice", "ledger/findings.py",
        "    if row.withdrawn:\n        raise RuleRefusal(f\"withdrawn already",
        "    if False:\n        raise RuleRefusal(f\"withdrawn already",
        RULES,
    ),
    Break(
        "anybody takes a claim back", "ledger/findings.py",
        "    if owner is None or owner.party != context.party:\n", "    if owner is None:\n",
        RULES,
    ),
    Break(
        "a claim's hash isn't compared", "ledger/findings.py",
        "    return row if row is not None and row.leaf == ref.leaf else None\n", "    return row\n",
        RULES,
    ),
    Break(
        "the accused can't dispute a claim", "ledger/disputes.py",
        "    return row is not None and party == row.accused\n", "    return False\n",
        RULES,
    ),
    Break(
        "later terms name the arbiter of a claim", "ledger/disputes.py",
        '        terms = state.terms_below(unpack_ref(body["asset"]).index, index)\n',
        '        terms = state.terms_below(unpack_ref(body["asset"]).index, 1 << 60)\n',
        RULES,
    ),
    Break(
        "an accepted claim isn't noted beside it", "ledger/findings.py",
        '    note_event(state, index, context.index, "usage")\n', "",
        RULES,
    ),
    Break(
        "a stranger's canary stands at an asset", "ledger/findings.py",
        "        note_event(state, _own_asset(state, context, target), context.index, \"canary\")\n",
        "        note_event(state, asset_index(state, context, target, \"asset\"), context.index, \"canary\")\n",
        RULES,
    ),
    Break(
        "claims aren't listed at the accused", "ledger/findings.py",
        '        state.overlay.put(keys.ACCUSED + accused + keys.number(context.index), b"")\n', "        pass\n",
        (*RULES, *QUERY),
    ),
    Break(
        "against goes with other filters, which are ignored", "ledger/query.py",
        "        if against is not None and (asset is not None or party is not None or kind not in",
        "        if limit == 0 and (asset is not None or party is not None or kind not in",
        QUERY,
    ),
    Break(
        "a claim that was taken back still stands in traces", "ledger/trace.py",
        "            if row is not None and row.withdrawn:\n", "            if row is not None and not row.leaf:\n",
        TRACE,
    ),
    Break(
        "a stranger's claims crowd out all others", "ledger/trace.py",
        "and seen[by] <= FINDINGS_PARTY_MAX:\n", "and seen[by] <= FINDINGS_MAX:\n",
        TRACE,
    ),
    Break(
        "the observed rate is claimed for the upper bound", "node/detect/claimed.py",
        "        fpr = finding.rate.upper_ppm\n", "        fpr = finding.rate.ppm\n",
        COMMAND,
    ),
    Break(
        "a finding without a measured rate is claimed", "node/detect/claimed.py",
        "    elif finding.copy and finding.length == 0:", "    elif finding.length:",
        COMMAND,
    ),
    Break(
        "a finding of another asset is claimed", "node/cli/claims.py",
        "    if finding.registered is not None and finding.registered.ref != own:\n", "    if not own:\n",
        COMMAND,
    ),
    Break(
        "a finding of other prints is claimed", "node/cli/claims.py",
        '(prints is None or prints["root"].hex() != finding.registered.prints_root)', "prints is None",
        COMMAND,
    ),
    Break(
        "a dry run logs", "node/cli/claims.py",
        "    signing = None if args.dry_run else open_signing(args)\n", "    signing = open_signing(args)\n",
        COMMAND,
    ),
    Break(
        "the evidence is something else's digest", "node/cli/claims.py",
        "claim_fields(finding, sha256(data).digest())", "claim_fields(finding, sha256(data[:9]).digest())",
        COMMAND,
    ),
    Break(
        "another file passes for a claim's evidence", "node/detect/claimed.py",
        '    if digest != body["evidence"]:\n', '    if not body["evidence"]:\n',
        COMMAND,
    ),
    Break(
        "any finding of the file passes for the claimed one", "node/detect/claimed.py",
        "        if not is_other and all(body[name] == value for name, value in said.items()):\n",
        "        if not is_other and said:\n",
        COMMAND,
    ),
    Break(
        "a finding of another asset passes for the claimed one", "node/detect/claimed.py",
        "        if not is_other and all(body[name] == value for name, value in said.items()):\n",
        "        if all(body[name] == value for name, value in said.items()):\n",
        COMMAND,
    ),
    Break(
        "the claimed item isn't told from others with its figures", "node/detect/claimed.py",
        "    return named or fits\n", "    return fits\n",
        COMMAND,
    ),
    Break(
        "whatever a file says goes into the log", "node/cli/claims.py",
        "    check_said(finding, found.rule)\n", "",
        COMMAND,
    ),
    Break(
        "a finding's figures aren't held against each other", "node/detect/finding.py",
        "        yield from _miscounted(found, finding, where)\n", "",
        ("tests/detect/test_finding.py",),
    ),
    Break(
        "a mark of no letters stands in every text", "node/verdict.py",
        "            if len(form) < MARK_CHARS_MIN:\n", "            if len(form) < 0:\n",
        ("tests/node/test_canary_verdict.py",),
    ),
)  # fmt: skip
